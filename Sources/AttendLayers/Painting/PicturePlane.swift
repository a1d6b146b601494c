import AttendBase

/// What convolutions read and write of a picture: its pixels with their channels, line after line, and a pixel around
/// them on every side, `[height + 2, width + 2, channels]`.
///
/// With that border the inputs of a convolution are runs of numbers, and those of the next pixel lie `channels`
/// further, also from the end of a line to the beginning of the next: pixels of the border come out on the way, with
/// numbers that mean nothing. Whoever is to be read by a convolution has zeros there.
package struct PicturePlane {
  package let base: UnsafeMutablePointer<Float>
  package let height: Int
  package let width: Int
  package let channels: Int

  /// Memory of the pass, not initialised.
  package init(height: Int, width: Int, channels: Int, _ pass: Pass) throws(Failure) {
    (self.height, self.width, self.channels) = (height, width, channels)
    let pixels = height.saturatingAdd(2).saturatingMultiply(width.saturatingAdd(2))
    base = try pass.workspace.take(pixels.saturatingMultiply(channels))
  }

  /// Numbers from one line to the next.
  var stride: Int { (width + 2) * channels }

  /// The first pixel of a line.
  package func line(_ line: Int) -> UnsafeMutablePointer<Float> { base + (line + 1) * stride + channels }

  /// All pixels from the first to the last, those of the border between them: a row for each.
  var pixels: Matrix { Matrix(line(0), rows: height * (width + 2) - 2, columns: channels) }

  /// Zeros around one line.
  func closeLine(_ line: Int) {
    (self.line(line) - channels).update(repeating: 0, count: channels)
    (self.line(line) + width * channels).update(repeating: 0, count: channels)
  }

  /// Zeros above and below.
  func closeEnds() {
    base.update(repeating: 0, count: stride)
    (base + (height + 1) * stride).update(repeating: 0, count: stride)
  }

  /// Copies the pixels of `source`, each to a square of `scale` x `scale` (nearest neighbour), between zeros.
  package func fill(from source: PicturePlane, scale: Int) {
    closeEnds()
    for line in 0..<height {
      let from = source.line(line / scale), to = self.line(line)
      if line % scale == 0 {
        for pixel in 0..<width {
          (to + pixel * channels).update(from: from + pixel / scale * channels, count: channels)
        }
      } else {
        to.update(from: self.line(line - 1), count: width * channels)
      }
      closeLine(line)
    }
  }

  /// Copies pixels that lie without a border, `[height, width, channels]`, between zeros.
  package func fill(from pixels: UnsafePointer<Float>) {
    closeEnds()
    for line in 0..<height {
      self.line(line).update(from: pixels + line * width * channels, count: width * channels)
      closeLine(line)
    }
  }
}
