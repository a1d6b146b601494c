import AttendBase
import AttendDispatch

/// A convolution over pictures, PyTorch's `Conv2d`, with a pixel of zeros around them, or of one pixel.
///
/// The inputs of an output are a run of numbers in each line that its window covers. So each line of the window is one
/// product with a matrix whose rows overlap, over all pixels at once, and the next adds to it: nothing is copied.
package struct PictureConvolution: Sendable {
  /// Of each line of the window, `[outputs, window * channels]`, the channels of one pixel together; the first has the
  /// bias.
  package let lines: [Linear]

  package init(lines: [Linear]) { self.lines = lines }

  /// The width and height of the window.
  package var window: Int { lines.count }
  package var outputs: Int { lines[0].outputs }
  package var channels: Int { lines[0].inputs / window }

  /// `y = convolution(x)`, or without `replaces` `y += convolution(x)`. x has zeros in its border, unless the window is
  /// one pixel.
  package func apply(_ x: PicturePlane, into y: PicturePlane, replaces: Bool = true, _ pass: Pass) throws(Failure) {
    let target = y.pixels
    for (line, linear) in lines.enumerated() {
      let start = window == 1 ? x.line(0) : x.base + line * x.stride
      let windows = Matrix(start, rows: target.rows, columns: linear.inputs, stride: channels)
      try linear.apply(windows, residual: line == 0 && replaces ? nil : target, into: target, pass)
    }
  }

  /// The same for every other pixel of every other line, with zeros on the right and below alone: y has half the width
  /// and height of x.
  package func applyHalving(_ x: PicturePlane, into y: PicturePlane, _ pass: Pass) throws(Failure) {
    for line in 0..<y.height {
      let target = Matrix(y.line(line), rows: y.width, columns: outputs)
      for (place, linear) in lines.enumerated() {
        let start = x.line(0) + (2 * line + place) * x.stride
        let windows = Matrix(start, rows: y.width, columns: linear.inputs, stride: 2 * channels)
        try linear.apply(windows, residual: place == 0 ? nil : target, into: target, pass)
      }
    }
  }
}
