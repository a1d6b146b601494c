import AttendBase

/// What a vision tower reads: float32, [tiles, channels, height, width], without gaps. Most processors make one tile of
/// a picture; some cut it into several. Immutable once made.
package final class PixelValues: @unchecked Sendable {
  /// The share of one picture.
  package struct Place: Sendable {
    /// Its tiles, `[first, first + count)`.
    package let first: Int
    package let count: Int
    /// The grid of tiles that the picture was cut into, 0 x 0 where it was not; tiles of all of the picture may come
    /// before or after those of the grid. With Qwen2-VL the grid of patches.
    package let rows: Int
    package let columns: Int
    /// The picture as it came.
    package let original: PictureSize
  }

  /// The number of tiles of all pictures.
  package let count: Int
  package let channels: Int
  package let height: Int
  package let width: Int
  private let memory: AlignedBuffer
  private let places: FixedArray<Place>
  private let contents: FixedArray<PictureSize>

  /// `content` tells how much of a tile the picture fills.
  init(
    _ places: FixedArray<Place>, channels: Int, height: Int, width: Int,
    content: (Int) throws(Failure) -> PictureSize
  ) throws(Failure) {
    count = places.last.map { $0.first + $0.count } ?? 0
    self.places = places
    self.channels = channels
    self.height = height
    self.width = width
    contents = try FixedArray(count, for: "the sizes of \(count) tiles", content)
    memory = try AlignedBuffer(
      count.saturatingMultiply(channels).saturatingMultiply(height.saturatingMultiply(width)), of: Float.self,
      for: "the values of \(count) tiles of \(width) x \(height)")
  }

  /// The numbers of one tile.
  package var tileCount: Int { channels * height * width }

  /// The numbers, alive as long as this object.
  package var values: UnsafeMutablePointer<Float> { memory.pointer() }

  /// The number of pictures.
  package var pictures: Int { places.count }

  package subscript(picture: Int) -> Place { places[picture] }

  /// The part of a tile, at its top and left, that holds a picture; the rest is 0.
  package func content(of tile: Int) -> PictureSize { contents[tile] }
}
