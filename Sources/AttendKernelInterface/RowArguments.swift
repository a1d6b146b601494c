// Kernels that work row by row.

/// A norm over rows, each cut into `groups` groups of `columns` numbers that are normalised by themselves.
package struct NormArguments {
  package var x: UnsafePointer<Float>
  package var xStride: Int
  package var y: UnsafeMutablePointer<Float>  // may be `x`
  package var yStride: Int
  package var groups: Int
  package var columns: Int
  package var gain: UnsafePointer<Float>?  // [columns], or with gainPerGroup [groups * columns]
  package var gainOffset: Float  // added to every gain
  package var bias: UnsafePointer<Float>?  // as `gain`
  package var gainPerGroup: Bool
  package var epsilon: Float

  package init(
    x: UnsafePointer<Float>, xStride: Int, y: UnsafeMutablePointer<Float>, yStride: Int, groups: Int, columns: Int,
    gain: UnsafePointer<Float>?, gainOffset: Float, bias: UnsafePointer<Float>?, gainPerGroup: Bool, epsilon: Float
  ) {
    self.x = x
    self.xStride = xStride
    self.y = y
    self.yStride = yStride
    self.groups = groups
    self.columns = columns
    self.gain = gain
    self.gainOffset = gainOffset
    self.bias = bias
    self.gainPerGroup = gainPerGroup
    self.epsilon = epsilon
  }
}

/// Rows of heads whose first `2 * pairs` components turn by the angles of their row.
package struct RotateArguments {
  package var x: UnsafeMutablePointer<Float>  // [rows, heads, headDim]
  package var xStride: Int
  package var heads: Int
  package var headDim: Int
  package var cosines: UnsafePointer<Float>  // [rows, pairs]
  package var cosinesStride: Int
  package var sines: UnsafePointer<Float>  // [rows, pairs]
  package var sinesStride: Int
  package var pairs: Int
  package var interleaved: Bool  // pair i is components 2 i and 2 i + 1, otherwise i and i + pairs

  package init(
    x: UnsafeMutablePointer<Float>, xStride: Int, heads: Int, headDim: Int, cosines: UnsafePointer<Float>,
    cosinesStride: Int, sines: UnsafePointer<Float>, sinesStride: Int, pairs: Int, interleaved: Bool
  ) {
    self.x = x
    self.xStride = xStride
    self.heads = heads
    self.headDim = headDim
    self.cosines = cosines
    self.cosinesStride = cosinesStride
    self.sines = sines
    self.sinesStride = sinesStride
    self.pairs = pairs
    self.interleaved = interleaved
  }
}
