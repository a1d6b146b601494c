import AttendBase
import AttendCheckpoints

/// How bytes become numbers: times a factor, less a mean, by a deviation. A byte has 256 values, so that a table for
/// each channel has all results, in the roundings of the reference: the product in double precision, rounded to
/// float32; then the rest in float32.
struct PixelScale: Sendable {
  /// [3, 256]
  private let values: AlignedBuffer

  /// nil leaves a step out.
  init(factor: Double?, mean: [Double]?, deviation: [Double]?) throws(Failure) {
    values = try AlignedBuffer(3 * 256, of: Float.self, for: "the values of pixels")
    let table = values.pointer(to: Float.self)
    for channel in 0..<3 {
      for byte in 0..<256 {
        var value = factor.map { Float(Double(byte) * $0) } ?? Float(byte)
        if let mean, let deviation { value = (value - Float(mean[channel])) / Float(deviation[channel]) }
        table[channel * 256 + byte] = value
      }
    }
  }

  /// The number of a level that need not be whole.
  func number(_ level: Float, _ channel: Int) -> Float {
    let own = values.pointer(to: Float.self) + channel * 256
    return own[0] + level * ((own[255] - own[0]) / 255)
  }

  /// Writes the numbers of a picture, [3, height, width], the channels `planeStride` and the rows `rowStride` apart.
  func write(_ picture: Picture, to target: UnsafeMutablePointer<Float>, rowStride: Int, planeStride: Int) {
    write(
      picture, rows: 0..<picture.height, columns: 0..<picture.width, to: target, rowStride: rowStride,
      planeStride: planeStride)
  }

  /// Those of a part of a picture, in which columns may lie apart.
  func write(
    _ picture: Picture, rows: Range<Int>, columns: Range<Int>, to target: UnsafeMutablePointer<Float>, rowStride: Int,
    planeStride: Int, columnStride: Int = 1
  ) {
    let table = values.pointer(to: Float.self)
    for (place, row) in rows.enumerated() {
      let from = picture.pixels + row * picture.stride + columns.lowerBound * 3, to = target + place * rowStride
      for column in 0..<columns.count {
        for channel in 0..<3 {
          to[channel * planeStride + column * columnStride] = table[channel * 256 + Int(from[column * 3 + channel])]
        }
      }
    }
    withExtendedLifetime((self, picture)) {}
  }
}
