// Products, and the conversions that bring weights and inputs to them.
import AttendBase

/// The arithmetic of a product. Weights and inputs are read in units of 32 bits: one float32, two bfloat16 or four
/// bytes along the inputs.
package enum Arithmetic: Sendable {
  case float32
  /// bfloat16 through vdpbf16ps.
  case bfloat16
  /// bfloat16 widened to float32.
  case bfloat16Widened
  /// Bytes through vpdpbusd.
  case int8
  /// Bytes of which two neighbouring products fit 16 bits, through vpmaddubsw; the same sums.
  case int8Paired
  /// Bytes widened to 16 bits; the same sums. In attention, keys and values in bytes, widened to float32.
  case int8Widened
  /// Pairs of numbers of 16 bits: what widened bytes are multiplied as.
  case int16
  /// In attention alone, keys and values in halves of bytes, widened to float32.
  case int4Widened
}

/// A product of rows with packed weights, and what happens to the sums on their way out: `y = activation(x Wᵀ + bias) +
/// residual`, or, gated, `y = activation(x Gᵀ + bias) * (x Uᵀ + bias') + residual`, panels of G and U taking turns.
package struct MultiplyArguments {
  package var x: UnsafePointer<Float>  // [rows, steps], in units of 32 bits, or two for each, see `widensInputs`
  package var xStride: Int
  package var xScales: UnsafePointer<Float>?  // [rows], of inputs in 8 bits
  /// [rows, groups], -8 times the sum of a group's inputs in 8 bits, for 4-bit weights
  package var xSums: UnsafePointer<Int32>?
  /// [panels][steps][32], in units of 32 bits; 4-bit: [panels][groups][16 units of scales, 4 x 32 units]
  package var weights: UnsafePointer<Float>
  package var weightScales: UnsafePointer<Float>?  // [panels * 32], of weights in 8 bits
  package var weightOffsets: UnsafePointer<Int32>?  // [panels * 32], 128 times the sum of an output's weights in 8 bits
  package var steps: Int  // units along the inputs; 4-bit: groups
  package var outputs: Int  // columns of y
  package var gated: Bool
  package var bias: UnsafePointer<Float>?  // [outputs], gated: [2 * outputs], first those of G
  package var activation: Activation
  package var residual: UnsafePointer<Float>?  // [rows, outputs]; may be `y`
  package var residualStride: Int
  package var y: UnsafeMutablePointer<Float>  // [rows, outputs]
  package var yStride: Int
  package var yRow: Int  // the row and column of the product that the first number of `y` is
  package var yColumn: Int

  /// Rows that are summed before they are written out; a part's scratch memory holds two panels of them.
  @inlinable package static var blockRows: Int { 96 }
  /// Steps of widened weights that are multiplied with all rows of a block before the next: two thirds of the nearest
  /// cache, behind the sums in scratch memory.
  @inlinable package static var stripSteps: Int { 160 }
  /// Floats of scratch memory that each part needs.
  @inlinable package static var scratch: Int { (2 * blockRows + stripSteps) * panelWidth }

  package init(
    x: UnsafePointer<Float>, xStride: Int, xScales: UnsafePointer<Float>?, xSums: UnsafePointer<Int32>?,
    weights: UnsafePointer<Float>, weightScales: UnsafePointer<Float>?, weightOffsets: UnsafePointer<Int32>?,
    steps: Int, outputs: Int, gated: Bool, bias: UnsafePointer<Float>?, activation: Activation,
    residual: UnsafePointer<Float>?, residualStride: Int, y: UnsafeMutablePointer<Float>, yStride: Int,
    yRow: Int = 0, yColumn: Int = 0
  ) {
    self.x = x
    self.xStride = xStride
    self.xScales = xScales
    self.xSums = xSums
    self.weights = weights
    self.weightScales = weightScales
    self.weightOffsets = weightOffsets
    self.steps = steps
    self.outputs = outputs
    self.gated = gated
    self.bias = bias
    self.activation = activation
    self.residual = residual
    self.residualStride = residualStride
    self.y = y
    self.yStride = yStride
    self.yRow = yRow
    self.yColumn = yColumn
  }
}

/// Rows of inputs on their way to a product in less than float32.
package struct PrepareArguments {
  package var x: UnsafePointer<Float>  // [rows, columns]
  package var xStride: Int
  package var columns: Int
  package var to: UnsafeMutablePointer<Float>  // [rows, steps], in units of 32 bits, filled up as with zeros
  package var steps: Int  // units of a row, a multiple of 16
  package var widened: Bool  // two units for each, see `KernelTable.Products.widensInputs`
  package var scales: UnsafeMutablePointer<Float>  // [rows]; bytes only
  package var block: Int  // components that are rotated together, see `KernelTable.Conversions.rotate`; bytes only
  /// [rows, groups], see `xSums`; signed bytes for 4-bit weights, otherwise bytes are moved up by 128
  package var sums: UnsafeMutablePointer<Int32>?

  package init(
    x: UnsafePointer<Float>, xStride: Int, columns: Int, to: UnsafeMutablePointer<Float>, steps: Int,
    widened: Bool, scales: UnsafeMutablePointer<Float>, block: Int, sums: UnsafeMutablePointer<Int32>?
  ) {
    self.x = x
    self.xStride = xStride
    self.columns = columns
    self.to = to
    self.steps = steps
    self.widened = widened
    self.scales = scales
    self.block = block
    self.sums = sums
  }
}

/// A float32 panel `[inputs][32]` on its way to a smaller type.
package struct CompressArguments {
  package var panel: UnsafePointer<Float>
  package var inputs: Int
  package var to: UnsafeMutablePointer<Float>  // as `MultiplyArguments.weights` of one panel
  package var scales: UnsafeMutablePointer<Float>?  // [32], 8-bit
  package var offsets: UnsafeMutablePointer<Int32>?  // [32], 8-bit
  package var paired: Bool  // 8-bit: two neighbours' products with inputs of 8 bits must fit 16 bits

  package init(
    panel: UnsafePointer<Float>, inputs: Int, to: UnsafeMutablePointer<Float>, scales: UnsafeMutablePointer<Float>?,
    offsets: UnsafeMutablePointer<Int32>?, paired: Bool
  ) {
    self.panel = panel
    self.inputs = inputs
    self.to = to
    self.scales = scales
    self.offsets = offsets
    self.paired = paired
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

  package init(
    source: UnsafeRawPointer, type: ElementType, inputs: Int, outputStep: Int, inputStep: Int,
    destination: UnsafeMutablePointer<Float>
  ) {
    self.source = source
    self.type = type
    self.inputs = inputs
    self.outputStep = outputStep
    self.inputStep = inputStep
    self.destination = destination
  }
}
