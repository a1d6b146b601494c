import AttendBase

/// What a vision tower reads: float32, [tiles, channels, height, width], without gaps. Most processors make one tile of
/// a picture; some cut it into several. Immutable once made.
package final class PixelValues: @unchecked Sendable {
  /// The share of one picture.
  package struct Place: Sendable {
    /// Its tiles, `[first, first + count)`.
    package let first: Int
    package let count: Int
    /// The picture as it came.
    package let original: PictureSize
  }

  /// The number of tiles of all pictures.
  package let count: Int
  package let channels = 3
  package let height: Int
  package let width: Int
  private let memory: AlignedBuffer
  private let places: FixedArray<Place>

  init(_ places: FixedArray<Place>, height: Int, width: Int) throws(Failure) {
    count = places.last.map { $0.first + $0.count } ?? 0
    self.places = places
    self.height = height
    self.width = width
    memory = try AlignedBuffer(
      count.saturatingMultiply(3).saturatingMultiply(height.saturatingMultiply(width)), of: Float.self,
      for: "the values of \(count) pictures of \(width) x \(height)")
  }

  /// The numbers of one tile.
  package var tileCount: Int { channels * height * width }

  /// The numbers, alive as long as this object.
  package var values: UnsafeMutablePointer<Float> { memory.pointer() }

  /// The number of pictures.
  package var pictures: Int { places.count }

  package subscript(picture: Int) -> Place { places[picture] }
}
