import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The picture half of a VQGAN (Esser et al. 2021, arXiv:2012.09841): a table of vectors, and the decoder that paints
/// them.
package struct PictureDecoder: Sendable {
  /// `[codes, channels]`, of length 1 where the model wants that.
  package let codes: AlignedBuffer
  package let count: Int
  package let width: Int
  /// From vectors to the channels of the decoder.
  package let entry: Linear
  package let first: PictureConvolution
  package let middle: PictureMiddle
  /// From the smallest picture to the largest.
  package let levels: [PictureLevel]
  package let lastNorm: PictureNorm
  package let last: PictureConvolution

  package init(
    codes: AlignedBuffer, count: Int, width: Int, entry: Linear, first: PictureConvolution, middle: PictureMiddle,
    levels: [PictureLevel], lastNorm: PictureNorm, last: PictureConvolution
  ) {
    (self.codes, self.count, self.width) = (codes, count, width)
    (self.entry, self.first, self.middle, self.levels) = (entry, first, middle, levels)
    (self.lastNorm, self.last) = (lastNorm, last)
  }

  /// Pixels of a side for each vector of a side.
  package var scale: Int { 1 << levels.reduce(0) { $0 + ($1.resampling == nil ? 0 : 1) } }

  /// Blocks of a picture, for whoever hears of progress.
  package var blocks: Int { levels.reduce(2) { $0 + $1.blocks.count } }

  /// Calls `body` with the picture of `side` x `side` tokens, each below `count`: pixels of red, green and blue before
  /// they are cut to a range.
  package func paint(
    _ tokens: UnsafeBufferPointer<Int32>, side: Int, _ pass: Pass, _ body: (PicturePlane) throws(Failure) -> Void
  ) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let table = codes.pointer(to: Float.self)
      let vectors = try pass.workspace.matrix(tokens.count, width)
      for (row, token) in tokens.enumerated() { vectors[row].update(from: table + Int(token) * width, count: width) }
      let entered = Matrix(
        try pass.workspace.take(tokens.count.saturatingMultiply(entry.outputs)), rows: tokens.count,
        columns: entry.outputs)
      try entry.apply(vectors, into: entered, pass)
      let start = try PicturePlane(height: side, width: side, channels: entry.outputs, pass)
      start.fill(from: UnsafePointer(entered.base))
      var x = try PicturePlane(height: side, width: side, channels: first.outputs, pass)
      try first.apply(start, into: x, pass)
      x = try middle.apply(x, pass)
      for level in levels { x = try level.enlarge(try level.apply(x, pass), pass) }
      let normed = try PicturePlane(height: x.height, width: x.width, channels: x.channels, pass)
      try lastNorm.apply(x, activation: .silu, into: normed, pass)
      let y = try PicturePlane(height: x.height, width: x.width, channels: last.outputs, pass)
      try last.apply(normed, into: y, pass)
      try pass.checkCancellation()
      try body(y)
    }
    withExtendedLifetime(codes) {}
  }
}

/// The other half: from a picture to the numbers of the vectors that it is made of.
package struct PictureEncoder: Sendable {
  package let first: PictureConvolution
  /// From the largest picture to the smallest.
  package let levels: [PictureLevel]
  package let middle: PictureMiddle
  package let lastNorm: PictureNorm
  package let last: PictureConvolution
  /// To the width of the vectors.
  package let exit: Linear

  package init(
    first: PictureConvolution, levels: [PictureLevel], middle: PictureMiddle, lastNorm: PictureNorm,
    last: PictureConvolution, exit: Linear
  ) {
    (self.first, self.levels, self.middle) = (first, levels, middle)
    (self.lastNorm, self.last, self.exit) = (lastNorm, last, exit)
  }

  /// The nearest vector of each square of a picture, `[height, width, 3]`, as numbers of rows of the decoder's table,
  /// of equally near ones the first.
  package func encode(
    _ pixels: UnsafePointer<Float>, height: Int, width: Int, _ decoder: PictureDecoder,
    into tokens: inout GrowingList<Int32>, _ pass: Pass
  ) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let picture = try PicturePlane(height: height, width: width, channels: first.channels, pass)
      picture.fill(from: pixels)
      var x = try PicturePlane(height: height, width: width, channels: first.outputs, pass)
      try first.apply(picture, into: x, pass)
      for level in levels { x = try level.halve(try level.apply(x, pass), pass) }
      x = try middle.apply(x, pass)
      let normed = try PicturePlane(height: x.height, width: x.width, channels: x.channels, pass)
      try lastNorm.apply(x, activation: .silu, into: normed, pass)
      let y = try PicturePlane(height: x.height, width: x.width, channels: last.outputs, pass)
      try last.apply(normed, into: y, pass)
      let vectors = try pass.workspace.matrix(y.width, exit.outputs)
      for line in 0..<y.height {
        try exit.apply(Matrix(y.line(line), rows: y.width, columns: y.channels), into: vectors, pass)
        for pixel in 0..<y.width { try tokens.append(PictureEncoder.nearest(vectors[pixel], decoder)) }
      }
    }
  }

  private static func nearest(_ vector: UnsafePointer<Float>, _ decoder: PictureDecoder) -> Int32 {
    let table = decoder.codes.pointer(to: Float.self)
    var (best, least) = (0, Float.infinity)
    for code in 0..<decoder.count {
      var distance: Float = 0
      for component in 0..<decoder.width {
        let difference = vector[component] - table[code * decoder.width + component]
        distance += difference * difference
      }
      if distance < least { (best, least) = (code, distance) }
    }
    return Int32(best)
  }
}
