import AttendBase
import AttendDispatch
import AttendKernelInterface

/// A residual block: norm, swish and convolution twice, added to what goes in (Esser et al. 2021, "Taming
/// Transformers", arXiv:2012.09841).
package final class PictureBlock: Sendable {
  package let norms: (PictureNorm, PictureNorm)
  package let convolutions: (PictureConvolution, PictureConvolution)
  /// Of what goes in, where it has another number of channels.
  package let shortcut: PictureConvolution?

  package init(
    norms: (PictureNorm, PictureNorm), convolutions: (PictureConvolution, PictureConvolution),
    shortcut: PictureConvolution?
  ) {
    self.norms = norms
    self.convolutions = convolutions
    self.shortcut = shortcut
  }

  /// The block's output: x itself, or new memory of the pass where the number of channels changes.
  func apply(_ x: PicturePlane, _ pass: Pass) throws(Failure) -> PicturePlane {
    var y = x
    if let shortcut {
      y = try PicturePlane(height: x.height, width: x.width, channels: shortcut.outputs, pass)
      try shortcut.apply(x, into: y, pass)
    }
    try pass.scoped { () throws(Failure) in
      let inner = try PicturePlane(height: x.height, width: x.width, channels: y.channels, pass)
      try pass.scoped { () throws(Failure) in
        let normed = try PicturePlane(height: x.height, width: x.width, channels: x.channels, pass)
        try norms.0.apply(x, activation: .silu, into: normed, pass)
        try convolutions.0.apply(normed, into: inner, pass)
      }
      let normed = try PicturePlane(height: x.height, width: x.width, channels: y.channels, pass)
      try norms.1.apply(inner, activation: .silu, into: normed, pass)
      try convolutions.1.apply(normed, into: y, replaces: false, pass)
    }
    try pass.finishedLayer(rows: 1)
    return y
  }
}

/// Attention of the pixels of a picture to each other, with one head.
package final class PictureAttention: Sendable {
  package let norm: PictureNorm
  package let query: Linear
  package let key: Linear
  package let value: Linear
  package let output: Linear

  package init(norm: PictureNorm, query: Linear, key: Linear, value: Linear, output: Linear) {
    self.norm = norm
    self.query = query
    self.key = key
    self.value = value
    self.output = output
  }

  /// x += attention(norm(x)). Keys and values are packed as weights are: there are few pixels, each with many channels.
  func apply(_ x: PicturePlane, _ pass: Pass) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let (count, channels) = (x.height * x.width, x.channels)
      let normed = Matrix(try pass.workspace.take(count.saturatingMultiply(channels)), rows: count, columns: channels)
      try norm.apply(x, into: normed, pass)
      let keys = try packed(try product(key, normed, pass), transposed: false, pass)
      let values = try packed(try product(value, normed, pass), transposed: true, pass)
      let queries = try product(query, normed, pass)
      pass.engine.scale(queries, by: 1 / Float(channels).squareRoot())
      let weights = try pass.workspace.matrix(count, count)
      try keys.apply(queries, into: weights, pass)
      for row in 0..<count { pass.engine.kernels.rows.softmax(weights[row], weights[row], count) }
      try values.apply(weights, into: queries, pass)
      try output.apply(queries, into: normed, pass)
      for line in 0..<x.height {
        let own = Matrix(x.line(line), rows: x.width, columns: channels)
        pass.engine.add(normed.rows(line * x.width, x.width), to: own)
      }
    }
  }

  private func product(_ linear: Linear, _ x: Matrix, _ pass: Pass) throws(Failure) -> Matrix {
    let y = try pass.workspace.matrix(x.rows, linear.outputs)
    try linear.apply(x, into: y, pass)
    return y
  }

  private func packed(_ x: Matrix, transposed: Bool, _ pass: Pass) throws(Failure) -> Linear {
    let matrix = StoredMatrix(
      base: UnsafeRawPointer(x.base), type: .float32, rows: transposed ? x.columns : x.rows,
      columns: transposed ? x.rows : x.columns, transposed: transposed, stride: x.stride)
    return Linear(weights: try PackedMatrix([matrix], compute: .float32, engine: pass.engine), bias: nil)
  }
}

/// Blocks of one resolution, each perhaps with an attention behind it, and the way to the next resolution.
package struct PictureLevel: Sendable {
  package let blocks: [(PictureBlock, PictureAttention?)]
  /// Behind a picture of twice the size, or with a step of two pixels; nil: it is the last level.
  package let resampling: PictureConvolution?

  package init(blocks: [(PictureBlock, PictureAttention?)], resampling: PictureConvolution?) {
    self.blocks = blocks
    self.resampling = resampling
  }

  func apply(_ x: PicturePlane, _ pass: Pass) throws(Failure) -> PicturePlane {
    var x = x
    for (block, attention) in blocks {
      x = try block.apply(x, pass)
      try attention?.apply(x, pass)
    }
    return x
  }

  /// The same picture of twice the width and height.
  func enlarge(_ x: PicturePlane, _ pass: Pass) throws(Failure) -> PicturePlane {
    guard let resampling else { return x }
    let (height, width) = (2 * x.height, 2 * x.width)
    let y = try PicturePlane(height: height, width: width, channels: resampling.outputs, pass)
    try pass.scoped { () throws(Failure) in
      let large = try PicturePlane(height: height, width: width, channels: x.channels, pass)
      large.fill(from: x, scale: 2)
      try resampling.apply(large, into: y, pass)
    }
    return y
  }

  /// The same picture of half the width and height.
  func halve(_ x: PicturePlane, _ pass: Pass) throws(Failure) -> PicturePlane {
    guard let resampling else { return x }
    let y = try PicturePlane(height: x.height / 2, width: x.width / 2, channels: resampling.outputs, pass)
    x.closeEnds()
    for line in 0..<x.height { x.closeLine(line) }
    try resampling.applyHalving(x, into: y, pass)
    return y
  }
}

/// The blocks between the levels and the ends of a VQGAN's decoder or encoder.
package struct PictureMiddle: Sendable {
  package let first: PictureBlock
  package let attention: PictureAttention
  package let last: PictureBlock

  package init(first: PictureBlock, attention: PictureAttention, last: PictureBlock) {
    self.first = first
    self.attention = attention
    self.last = last
  }

  func apply(_ x: PicturePlane, _ pass: Pass) throws(Failure) -> PicturePlane {
    let x = try first.apply(x, pass)
    try attention.apply(x, pass)
    return try last.apply(x, pass)
  }
}
