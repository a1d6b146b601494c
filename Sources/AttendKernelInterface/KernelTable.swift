import AttendBase

/// The kernels of one instruction set, as function values: the only way to them, so that no code for a newer CPU is
/// ever inlined into code that must run everywhere. Pointers in the arguments are valid for what their comments say;
/// nothing is checked down here.
package final class KernelTable: Sendable {
  /// Rows `rows` by panels `panels` of a product, gated by pairs of panels. `scratch` holds `MultiplyArguments.scratch`
  /// floats.
  package typealias Multiply =
    @Sendable (
      _ arguments: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>,
      _ scratch: UnsafeMutablePointer<Float>
    ) -> Void
  /// Rows `rows` of the inputs. `scratch` holds a row of float32 where they are rotated.
  package typealias Prepare =
    @Sendable (
      _ arguments: UnsafePointer<PrepareArguments>, _ rows: Range<Int>, _ scratch: UnsafeMutablePointer<Float>?
    ) -> Void
  package typealias Compress = @Sendable (_ arguments: UnsafePointer<CompressArguments>) -> Void
  /// Copies `lanes` outputs from output `first` of the source into lanes from `lane` on of the panel.
  package typealias Pack =
    @Sendable (_ arguments: UnsafePointer<PackArguments>, _ first: Int, _ lane: Int, _ lanes: Int) -> Void
  /// Copies `count` numbers of a stored type, `step` elements apart, to float32 and multiplies them by `scale`.
  package typealias Convert =
    @Sendable (
      _ source: UnsafeRawPointer, _ type: ElementType, _ step: Int, _ scale: Float, _ count: Int,
      _ destination: UnsafeMutablePointer<Float>
    ) -> Void
  package typealias Norm = @Sendable (_ arguments: UnsafePointer<NormArguments>, _ rows: Range<Int>) -> Void
  package typealias Row = @Sendable (_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) -> Void

  /// The kernels of products, for each type of weights.
  package struct Products: Sendable {
    package let float32: Multiply
    package let bfloat16: Multiply
    package let int8: Multiply
    /// The same for weights of which two neighbours' products fit 16 bits.
    package let int8Paired: Multiply
    package let int4: Multiply
    private let widensBFloat16: Bool
    private let widensInt8: Bool

    /// `widensBFloat16` and `widensInt8` say which of `bfloat16` and `int8` read widened inputs.
    package init(
      float32: @escaping Multiply, bfloat16: @escaping Multiply, widensBFloat16: Bool, int8: @escaping Multiply,
      widensInt8: Bool, int8Paired: @escaping Multiply, int4: @escaping Multiply
    ) {
      self.float32 = float32
      self.bfloat16 = bfloat16
      self.widensBFloat16 = widensBFloat16
      self.int8 = int8
      self.widensInt8 = widensInt8
      self.int8Paired = int8Paired
      self.int4 = int4
    }

    package func callAsFunction(_ compute: ComputeType, paired: Bool) -> Multiply {
      switch compute {
      case .float32: float32
      case .bfloat16: bfloat16
      case .int8: paired ? int8Paired : int8
      case .int4: int4
      }
    }

    /// Whether these products read a unit of inputs as two, widened once for all panels: two bfloat16 as two float32,
    /// the second first, or four bytes as four numbers of 16 bits, first and third beside each other.
    package func widensInputs(_ compute: ComputeType, paired: Bool) -> Bool {
      switch compute {
      case .float32, .int4: false
      case .bfloat16: widensBFloat16
      case .int8: widensInt8 && !paired
      }
    }

    /// The same with another product of float32 weights.
    fileprivate func with(float32: @escaping Multiply) -> Products {
      Products(
        float32: float32, bfloat16: bfloat16, widensBFloat16: widensBFloat16, int8: int8, widensInt8: widensInt8,
        int8Paired: int8Paired, int4: int4)
    }
  }

  /// The kernels that bring weights and inputs to their types.
  package struct Conversions: Sendable {
    package let pack: Pack
    package let convert: Convert
    package let prepareBFloat16: Prepare
    package let prepareInt8: Prepare
    package let compressBFloat16: Compress
    package let compressInt8: Compress
    package let compressInt4: Compress
    /// Every `block` numbers of a row, `[count]`, to what the Hadamard matrix makes of them; `block` is a power of two
    /// up to 128 that divides `count`. `to` may be `x`. Done twice it multiplies by `block`.
    package let rotate:
      @Sendable (_ x: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>, _ count: Int, _ block: Int) -> Void
    /// The same along the inputs of a float32 panel, `[inputs][32]`, divided by `block`.
    package let rotatePanel: @Sendable (_ panel: UnsafeMutablePointer<Float>, _ inputs: Int, _ block: Int) -> Void

    package init(
      pack: @escaping Pack, convert: @escaping Convert, prepareBFloat16: @escaping Prepare,
      prepareInt8: @escaping Prepare, compressBFloat16: @escaping Compress, compressInt8: @escaping Compress,
      compressInt4: @escaping Compress,
      rotate: @escaping @Sendable (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int, Int) -> Void,
      rotatePanel: @escaping @Sendable (UnsafeMutablePointer<Float>, Int, Int) -> Void
    ) {
      self.pack = pack
      self.convert = convert
      self.prepareBFloat16 = prepareBFloat16
      self.prepareInt8 = prepareInt8
      self.compressBFloat16 = compressBFloat16
      self.compressInt8 = compressInt8
      self.compressInt4 = compressInt4
      self.rotate = rotate
      self.rotatePanel = rotatePanel
    }
  }

  /// The kernels that work row by row.
  package struct Rows: Sendable {
    /// (x - mean) / sqrt(variance + epsilon) * gain + bias.
    package let layerNorm: Norm
    /// x / sqrt(mean of squares + epsilon) * (gain + gainOffset).
    package let rmsNorm: Norm
    /// x turned by the angles of its rows, in place.
    package let rotate: @Sendable (_ arguments: UnsafePointer<RotateArguments>, _ rows: Range<Int>) -> Void
    /// y += scale * x.
    package let add:
      @Sendable (_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, _ scale: Float) -> Void
    /// x = factor * x, or with a cap above 0, x = cap * tanh(factor * x / cap).
    package let scale: @Sendable (_ x: UnsafeMutablePointer<Float>, _ count: Int, _ factor: Float, _ cap: Float) -> Void
    /// y = exp(x) divided by the sum of exp(x), zeros where every x is minus infinity; `y` may be `x`.
    package let softmax: Row
    /// y = activation(x); `y` may be `x`.
    package let activate:
      @Sendable (_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, _ activation: Activation) ->
        Void
    /// y = x - log of the sum of exp(x); `y` may be `x`.
    package let logSoftmax: Row
    /// The sums of exp(d) and of d exp(d) for d = (x - shift) * scale, at most 88, which are a row's share of softmax
    /// and of its entropy. NaN and minus infinity count nothing.
    package let exponentials:
      @Sendable (_ x: UnsafePointer<Float>, _ count: Int, _ shift: Float, _ scale: Float) -> (
        sum: Float, weighted: Float
      )
    /// The largest x, and the log of the sum of exp(x - largest), which is returned: `logSoftmax` in two numbers. Sums
    /// are those of `Blocks`.
    package let logSumOfExponentials:
      @Sendable (_ x: UnsafePointer<Float>, _ count: Int, _ largest: UnsafeMutablePointer<Float>) -> Float
    /// The `k` largest of `count` numbers, descending, the smaller index first among equals; NaN counts as minus
    /// infinity. `k` at most `count`.
    package let topK:
      @Sendable (
        _ x: UnsafePointer<Float>, _ count: Int, _ k: Int, _ values: UnsafeMutablePointer<Float>,
        _ indices: UnsafeMutablePointer<Int32>
      ) -> Void

    package init(
      layerNorm: @escaping Norm, rmsNorm: @escaping Norm,
      rotate: @escaping @Sendable (UnsafePointer<RotateArguments>, Range<Int>) -> Void,
      add: @escaping @Sendable (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int, Float) -> Void,
      scale: @escaping @Sendable (UnsafeMutablePointer<Float>, Int, Float, Float) -> Void, softmax: @escaping Row,
      activate: @escaping @Sendable (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int, Activation) -> Void,
      logSoftmax: @escaping Row,
      logSumOfExponentials:
        @escaping @Sendable (UnsafePointer<Float>, Int, UnsafeMutablePointer<Float>) -> Float,
      exponentials:
        @escaping @Sendable (UnsafePointer<Float>, Int, Float, Float) -> (sum: Float, weighted: Float),
      topK:
        @escaping @Sendable (UnsafePointer<Float>, Int, Int, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Int32>)
        -> Void
    ) {
      self.layerNorm = layerNorm
      self.rmsNorm = rmsNorm
      self.rotate = rotate
      self.add = add
      self.scale = scale
      self.softmax = softmax
      self.activate = activate
      self.logSoftmax = logSoftmax
      self.exponentials = exponentials
      self.logSumOfExponentials = logSumOfExponentials
      self.topK = topK
    }
  }

  /// The kernels of long rows that are taken in blocks of `logitBlock` numbers, the last perhaps shorter.
  package struct Blocks: Sendable {
    /// The largest of each block of a row, and the sum of exp(x - largest), 0 where there is nothing but minus
    /// infinity.
    package let summarize:
      @Sendable (
        _ x: UnsafePointer<Float>, _ count: Int, _ maxima: UnsafeMutablePointer<Float>,
        _ sums: UnsafeMutablePointer<Float>
      ) -> Void
    /// `Rows.logSumOfExponentials` of a row of which `blocks` blocks are summarized: the same bits.
    package let logSumOfExponentials:
      @Sendable (
        _ maxima: UnsafePointer<Float>, _ sums: UnsafePointer<Float>, _ blocks: Int,
        _ largest: UnsafeMutablePointer<Float>
      ) -> Float
    /// `Rows.topK` of a row of which no block has a number above its bound: the same, of which few blocks are read.
    package let topK:
      @Sendable (
        _ x: UnsafePointer<Float>, _ count: Int, _ bounds: UnsafePointer<Float>, _ k: Int,
        _ values: UnsafeMutablePointer<Float>, _ indices: UnsafeMutablePointer<Int32>
      ) -> Void
    /// y = x, past the caches. Other threads see it after `attend_end_stream`.
    package let stream: Row

    package init(
      summarize:
        @escaping @Sendable (UnsafePointer<Float>, Int, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>) ->
        Void,
      logSumOfExponentials:
        @escaping @Sendable (UnsafePointer<Float>, UnsafePointer<Float>, Int, UnsafeMutablePointer<Float>) -> Float,
      topK:
        @escaping @Sendable (
          UnsafePointer<Float>, Int, UnsafePointer<Float>, Int, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Int32>
        ) -> Void,
      stream: @escaping Row
    ) {
      self.summarize = summarize
      self.logSumOfExponentials = logSumOfExponentials
      self.topK = topK
      self.stream = stream
    }
  }

  /// The kernels of recurrent networks.
  package struct Recurrent: Sendable {
    /// One step of some rows: the states become the next ones.
    package let cell: @Sendable (_ arguments: UnsafePointer<CellArguments>, _ rows: Range<Int>) -> Void
    /// Attention of one query with additive scores.
    package let additive: @Sendable (_ arguments: UnsafePointer<AdditiveArguments>) -> Void

    package init(
      cell: @escaping @Sendable (UnsafePointer<CellArguments>, Range<Int>) -> Void,
      additive: @escaping @Sendable (UnsafePointer<AdditiveArguments>) -> Void
    ) {
      self.cell = cell
      self.additive = additive
    }
  }

  /// The kernels of attention for one type of keys and values.
  package struct Attention: Sendable {
    /// Keys and values to their page.
    package let store: @Sendable (_ arguments: UnsafePointer<StoreArguments>) -> Void
    /// Query pairs `pairs` (query * group + head of the group) of `heads` key/value heads, each with its arguments,
    /// against all keys: at most `AttentionScratch.blocks` times `attentionRows` pairs of one head, or `attentionRows`
    /// of several together. Several heads only where there is one query and headDim is a multiple of 16; they share
    /// pages. `scratch` holds `AttentionScratch.count` floats.
    package let attend:
      @Sendable (
        _ arguments: UnsafePointer<AttentionArguments>, _ heads: Int, _ pairs: Range<Int>,
        _ scratch: UnsafeMutablePointer<Float>
      ) -> Void

    package init(
      store: @escaping @Sendable (UnsafePointer<StoreArguments>) -> Void,
      attend:
        @escaping @Sendable (UnsafePointer<AttentionArguments>, Int, Range<Int>, UnsafeMutablePointer<Float>) -> Void
    ) {
      self.store = store
      self.attend = attend
    }
  }

  /// The kernels of attention for each type of keys and values. Every
  /// instruction set with fused multiply-add gives the same bits.
  package struct Attentions: Sendable {
    private let float32: Attention
    private let bfloat16: Attention
    private let int8: Attention
    private let int4: Attention

    package init(float32: Attention, bfloat16: Attention, int8: Attention, int4: Attention) {
      self.float32 = float32
      self.bfloat16 = bfloat16
      self.int8 = int8
      self.int4 = int4
    }

    package subscript(type: KeyValueType) -> Attention {
      switch type {
      case .float32: float32
      case .bfloat16: bfloat16
      case .int8: int8
      case .int4: int4
      }
    }
  }

  /// The functions that softmax and activations are made of.
  package enum Function: Sendable, CaseIterable {
    /// e to the x, for x up to 88.37; 0 below -126 ln 2.
    case exp
    case erf
    /// 1 / (1 + e^-x).
    case sigmoid
  }

  /// "amx", "avx512", "avx2" or "portable".
  package let name: String
  package let products: Products
  package let conversions: Conversions
  package let rows: Rows
  package let blocks: Blocks
  /// y = f(x), for whoever checks what is promised of f.
  package let evaluate:
    @Sendable (_ function: Function, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) -> Void
  /// The way out alone: float32 sums `[rows][32]` of one panel, for products that another library summed; gated, those
  /// of the next panel follow.
  package let finish: Multiply
  package let recurrent: Recurrent
  /// Rows of one attention task: as many accumulators as the registers hold.
  package let attentionRows: Int
  package let attention: Attentions

  package init(
    name: String, products: Products, conversions: Conversions, rows: Rows, blocks: Blocks,
    evaluate: @escaping @Sendable (Function, UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void,
    finish: @escaping Multiply, recurrent: Recurrent, attentionRows: Int, attention: Attentions
  ) {
    self.name = name
    self.products = products
    self.conversions = conversions
    self.rows = rows
    self.blocks = blocks
    self.evaluate = evaluate
    self.finish = finish
    self.recurrent = recurrent
    self.attentionRows = attentionRows
    self.attention = attention
  }

  /// The same kernels with another product of float32 weights.
  package func with(float32: @escaping Multiply) -> KernelTable {
    KernelTable(
      name: name, products: products.with(float32: float32), conversions: conversions, rows: rows, blocks: blocks,
      evaluate: evaluate,
      finish: finish, recurrent: recurrent, attentionRows: attentionRows, attention: attention)
  }
}
