/// Columns of a panel: weights and keys are kept in panels, `[inputs][32]`, and every kernel reads whole panels.
package let panelWidth = 32

/// Positions whose scores are held at once while attention runs over the keys, aligned to absolute positions.
package let attentionTile = 128

/// A product of rows with packed weights, and what happens to the sums on their way out: `y = activation(x Wᵀ + bias) + residual`.
package struct MultiplyArguments {
  package var x: UnsafePointer<Float>  // [rows, inputs]
  package var xStride: Int
  package var weights: UnsafeRawPointer  // [panels][inputs][32]
  package var inputs: Int
  package var outputs: Int
  package var bias: UnsafePointer<Float>?  // [outputs]
  package var activation: Activation
  package var residual: UnsafePointer<Float>?  // [rows, outputs]; may be `y`
  package var residualStride: Int
  package var y: UnsafeMutablePointer<Float>  // [rows, outputs]
  package var yStride: Int

  package init(
    x: UnsafePointer<Float>, xStride: Int, weights: UnsafeRawPointer, inputs: Int, outputs: Int, bias: UnsafePointer<Float>?,
    activation: Activation, residual: UnsafePointer<Float>?, residualStride: Int, y: UnsafeMutablePointer<Float>, yStride: Int
  ) {
    self.x = x
    self.xStride = xStride
    self.weights = weights
    self.inputs = inputs
    self.outputs = outputs
    self.bias = bias
    self.activation = activation
    self.residual = residual
    self.residualStride = residualStride
    self.y = y
    self.yStride = yStride
  }
}

/// Stored rows that become lanes of panels.
package struct PackArguments {
  package var source: UnsafeRawPointer
  package var type: ElementType  // float32, float16 or bfloat16
  package var inputs: Int
  package var outputStep: Int  // elements from one output to the next
  package var inputStep: Int  // elements from one input to the next
  package var destination: UnsafeMutablePointer<Float>  // the panel

  package init(source: UnsafeRawPointer, type: ElementType, inputs: Int, outputStep: Int, inputStep: Int, destination: UnsafeMutablePointer<Float>) {
    self.source = source
    self.type = type
    self.inputs = inputs
    self.outputStep = outputStep
    self.inputStep = inputStep
    self.destination = destination
  }
}

/// A norm over rows of `columns` numbers.
package struct NormArguments {
  package var x: UnsafePointer<Float>
  package var xStride: Int
  package var y: UnsafeMutablePointer<Float>  // may be `x`
  package var yStride: Int
  package var columns: Int
  package var gain: UnsafePointer<Float>?
  package var gainOffset: Float  // added to every gain
  package var bias: UnsafePointer<Float>?
  package var epsilon: Float

  package init(
    x: UnsafePointer<Float>, xStride: Int, y: UnsafeMutablePointer<Float>, yStride: Int, columns: Int, gain: UnsafePointer<Float>?, gainOffset: Float,
    bias: UnsafePointer<Float>?, epsilon: Float
  ) {
    self.x = x
    self.xStride = xStride
    self.y = y
    self.yStride = yStride
    self.columns = columns
    self.gain = gain
    self.gainOffset = gainOffset
    self.bias = bias
    self.epsilon = epsilon
  }
}

/// Queries of one key/value head of one sequence against its pages of keys and values.
package struct AttentionArguments {
  package var q: UnsafePointer<Float>  // the sequence's first query row, first head of the group
  package var qStride: Int
  package var out: UnsafeMutablePointer<Float>  // the same place in the output
  package var outStride: Int
  package var group: Int  // query heads that share the key/value head
  package var headDim: Int
  package var pages: UnsafePointer<UnsafeMutableRawPointer>
  package var keyOffset: Int  // floats from a page's start to this head's panel of keys, [headDim][32]
  package var valueOffset: Int  // floats from a page's start to this head's values, [32][headDim]
  package var position: Int  // absolute position of the first query
  package var keys: Int  // positions stored
  package var scale: Float
  package var mask: AttentionMask
  package var weights: UnsafeMutablePointer<Float>?  // the group's rows of probabilities, [group][count][keys], or nil
  package var weightsHeadStride: Int

  package init(
    q: UnsafePointer<Float>, qStride: Int, out: UnsafeMutablePointer<Float>, outStride: Int, group: Int, headDim: Int,
    pages: UnsafePointer<UnsafeMutableRawPointer>, keyOffset: Int, valueOffset: Int, position: Int, keys: Int, scale: Float, mask: AttentionMask,
    weights: UnsafeMutablePointer<Float>?, weightsHeadStride: Int
  ) {
    self.q = q
    self.qStride = qStride
    self.out = out
    self.outStride = outStride
    self.group = group
    self.headDim = headDim
    self.pages = pages
    self.keyOffset = keyOffset
    self.valueOffset = valueOffset
    self.position = position
    self.keys = keys
    self.scale = scale
    self.mask = mask
    self.weights = weights
    self.weightsHeadStride = weightsHeadStride
  }
}

/// Where the parts of the scratch memory of one attention task lie.
package struct AttentionScratch {
  /// Rows that a task has at most, for any instruction set.
  package static let rows = 12

  package let q: UnsafeMutablePointer<Float>  // [rows, headDim]
  package let out: UnsafeMutablePointer<Float>  // [rows, width], sums not yet divided
  package let scores: UnsafeMutablePointer<Float>  // [rows, 128]
  package let sums: UnsafeMutablePointer<Float>  // [rows, 16], of the probabilities
  package let top: UnsafeMutablePointer<Float>  // [rows], the largest score so far
  package let values: UnsafeMutablePointer<Float>  // [128, width], used where `padded`
  package let width: Int  // headDim up to a multiple of 16
  package let padded: Bool  // whether values are copied to rows of whole vectors first

  @inline(__always)
  package init(_ base: UnsafeMutablePointer<Float>, headDim: Int) {
    width = (headDim &+ 15) & ~15
    padded = width != headDim
    out = base
    scores = out + AttentionScratch.rows &* width
    sums = scores + AttentionScratch.rows &* attentionTile
    top = sums + AttentionScratch.rows &* 16
    values = top + 16
    q = values + (width != headDim ? attentionTile &* width : 0)
  }

  /// Floats that a task needs.
  package static func count(headDim: Int) -> Int {
    let width = (headDim + 15) & ~15
    return rows * (width + attentionTile + 16) + 16 + attentionTile * width + rows * width
  }
}

/// Which keys a query sees, and what is done to its scores before the softmax.
package struct AttentionMask: Sendable {
  /// Keys after the query's own position are hidden.
  package var causal: Bool
  /// 0: no limit. Causal: the query sees the last `window` positions, its own included. Otherwise: `window / 2` positions to either side.
  package var window: Int
  /// 0: none. Otherwise a score s becomes `softCap * tanh(s / softCap)`.
  package var softCap: Float

  package init(causal: Bool, window: Int = 0, softCap: Float = 0) {
    self.causal = causal
    self.window = window
    self.softCap = softCap
  }
}

/// The kernels of one instruction set, as function values: the only way to them, so that no code for a newer CPU is ever inlined into
/// code that must run everywhere. Pointers in the arguments are valid for what their comments say; nothing is checked down here.
package final class KernelTable: Sendable {
  /// "avx512", "avx2" or "portable".
  package let name: String
  /// Rows of one attention task: as many accumulators as the registers hold.
  package let attentionRows: Int
  /// Rows `rows` by panels `panels` of a product.
  package let multiply: @Sendable (_ arguments: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>) -> Void
  /// The way out alone: sums `[rows][32]` of one panel are finished into `y`, for products that another library summed.
  package let finish: @Sendable (_ arguments: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panel: Int, _ sums: UnsafePointer<Float>) -> Void
  /// Copies `lanes` outputs from output `first` of the source into lanes from `lane` on of the panel.
  package let pack: @Sendable (_ arguments: UnsafePointer<PackArguments>, _ first: Int, _ lane: Int, _ lanes: Int) -> Void
  /// Copies `count` numbers of a stored type, `step` elements apart, to float32 and multiplies them by `scale`.
  package let convert: @Sendable (_ source: UnsafeRawPointer, _ type: ElementType, _ step: Int, _ scale: Float, _ count: Int, _ destination: UnsafeMutablePointer<Float>) -> Void
  /// (x - mean) / sqrt(variance + epsilon) * gain + bias.
  package let layerNorm: @Sendable (_ arguments: UnsafePointer<NormArguments>, _ rows: Range<Int>) -> Void
  /// x / sqrt(mean of squares + epsilon) * (gain + gainOffset).
  package let rmsNorm: @Sendable (_ arguments: UnsafePointer<NormArguments>, _ rows: Range<Int>) -> Void
  /// y += x for `count` numbers.
  package let add: @Sendable (_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) -> Void
  /// y = activation(x) for `count` numbers; `y` may be `x`.
  package let activate: @Sendable (_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, _ activation: Activation) -> Void
  /// Query pairs `pairs` (query * group + head of the group, at most `attentionRows` of them) against all keys. `scratch` holds `AttentionScratch.count` floats.
  package let attention: @Sendable (_ arguments: UnsafePointer<AttentionArguments>, _ pairs: Range<Int>, _ scratch: UnsafeMutablePointer<Float>) -> Void
  /// y = x - log of the sum of exp(x), for `count` numbers; `y` may be `x`.
  package let logSoftmax: @Sendable (_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) -> Void
  /// The `k` largest of `count` numbers, descending, the smaller index first among equals; a NaN is never chosen before a number. `k` at most `count`.
  package let topK: @Sendable (_ x: UnsafePointer<Float>, _ count: Int, _ k: Int, _ values: UnsafeMutablePointer<Float>, _ indices: UnsafeMutablePointer<Int32>) -> Void

  package init(
    name: String, attentionRows: Int,
    multiply: @escaping @Sendable (UnsafePointer<MultiplyArguments>, Range<Int>, Range<Int>) -> Void,
    finish: @escaping @Sendable (UnsafePointer<MultiplyArguments>, Range<Int>, Int, UnsafePointer<Float>) -> Void,
    pack: @escaping @Sendable (UnsafePointer<PackArguments>, Int, Int, Int) -> Void,
    convert: @escaping @Sendable (UnsafeRawPointer, ElementType, Int, Float, Int, UnsafeMutablePointer<Float>) -> Void,
    layerNorm: @escaping @Sendable (UnsafePointer<NormArguments>, Range<Int>) -> Void,
    rmsNorm: @escaping @Sendable (UnsafePointer<NormArguments>, Range<Int>) -> Void,
    add: @escaping @Sendable (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void,
    activate: @escaping @Sendable (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int, Activation) -> Void,
    attention: @escaping @Sendable (UnsafePointer<AttentionArguments>, Range<Int>, UnsafeMutablePointer<Float>) -> Void,
    logSoftmax: @escaping @Sendable (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void,
    topK: @escaping @Sendable (UnsafePointer<Float>, Int, Int, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Int32>) -> Void
  ) {
    self.name = name
    self.attentionRows = attentionRows
    self.multiply = multiply
    self.finish = finish
    self.pack = pack
    self.convert = convert
    self.layerNorm = layerNorm
    self.rmsNorm = rmsNorm
    self.add = add
    self.activate = activate
    self.attention = attention
    self.logSoftmax = logSoftmax
    self.topK = topK
  }
  /// The same kernels with another product.
  package func with(multiply: @escaping @Sendable (UnsafePointer<MultiplyArguments>, Range<Int>, Range<Int>) -> Void) -> KernelTable {
    KernelTable(
      name: name, attentionRows: attentionRows, multiply: multiply, finish: finish, pack: pack, convert: convert, layerNorm: layerNorm, rmsNorm: rmsNorm,
      add: add, activate: activate, attention: attention, logSoftmax: logSoftmax, topK: topK)
  }
}
