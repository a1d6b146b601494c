import AttendBase
import CPictures

/// A resize of numbers in place of bytes, as torchvision does it in float32 where pictures become numbers first
/// (DINOv3): the same runs and weights as `Resizing`, nothing rounded or clipped.
struct NumberResizing: Sendable {
  let size: PictureSize
  let filter: ResamplingFilter

  /// The weights of one axis, and the runs of inputs that they belong to.
  private struct Axis {
    let runs: ResamplingWeights
    let weights: AlignedBuffer  // [outputs, most]
    let most: Int

    init(_ filter: ResamplingFilter, from input: Int, to output: Int) throws(Failure) {
      runs = try ResamplingWeights(filter, from: input, to: output, window: 0..<output)
      let scale = Double(input) / Double(output), inverse = 1 / max(scale, 1)
      most = (0..<output).reduce(0) { [runs] in max($0, runs.runs[$1].count) }
      weights = try AlignedBuffer(output.saturatingMultiply(most), of: Float.self, for: "the weights of a resize")
      let exact = try AlignedBuffer(most, of: Double.self, for: "the weights of a resize")
      for index in 0..<output {
        let run = runs.runs[index]
        ResamplingWeights.fill(exact.pointer(), run, filter, (Double(index) + 0.5) * scale, inverse)
        for offset in 0..<run.count {
          weights.pointer(to: Float.self)[index * most + offset] = Float(exact.pointer(to: Double.self)[offset])
        }
      }
      withExtendedLifetime(exact) {}
    }

    /// Of output `index`: its first input, and the weights of it and those behind it.
    func run(_ index: Int) -> (first: Int, UnsafeBufferPointer<Float>) {
      let run = runs.runs[index]
      return (
        run.first, UnsafeBufferPointer(start: weights.pointer(to: Float.self) + index * most, count: run.count)
      )
    }
  }

  /// Writes the numbers of a picture at its new size, [3, height, width], scaled.
  func write(
    _ picture: Picture, _ scale: PixelScale, to target: UnsafeMutablePointer<Float>, threads: Int
  ) throws(Failure) {
    let across = try Axis(filter, from: picture.width, to: size.width)
    let down = try Axis(filter, from: picture.height, to: size.height)
    let row = size.width * 3
    let between = try AlignedBuffer(
      picture.height.saturatingMultiply(row), of: Float.self, for: "rows of a resize")
    defer { withExtendedLifetime((picture, across, down, between)) {} }
    let lines = between.pointer(to: Float.self)
    Parallel.run(picture.height, atLeast: 16, threads: threads) { rows in
      for line in rows {
        let from = picture.pixels + line * picture.stride
        for column in 0..<size.width {
          let (first, weights) = across.run(column)
          var (red, green, blue): (Float, Float, Float) = (0, 0, 0)
          for (offset, weight) in weights.enumerated() {
            let pixel = from + (first + offset) * 3
            red += weight * Float(pixel[0])
            green += weight * Float(pixel[1])
            blue += weight * Float(pixel[2])
          }
          let to = lines + line * row + column * 3
          (to[0], to[1], to[2]) = (red, green, blue)
        }
      }
    }
    Parallel.run(size.height, atLeast: 4, threads: threads) { rows in
      for line in rows {
        let (first, weights) = down.run(line)
        for column in 0..<size.width {
          for channel in 0..<3 {
            var level: Float = 0
            for (offset, weight) in weights.enumerated() {
              level += weight * lines[(first + offset) * row + column * 3 + channel]
            }
            target[(channel * size.height + line) * size.width + column] = scale.number(level, channel)
          }
        }
      }
    }
  }
}
