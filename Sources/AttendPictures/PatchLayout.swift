import AttendBase

/// The pictures of Qwen2-VL: of almost any size, as a list of patches, those that the tower merges side by side.
struct PatchLayout: Sendable {
  /// The side of a patch.
  let side: Int
  /// Patches that are merged along each axis.
  let merged: Int
  /// Frames of a video in a patch; a picture is each of them.
  let frames: Int
  /// How many pixels a picture is resized to; nil leaves its size.
  let pixels: ClosedRange<Int>?
  let filter: ResamplingFilter

  /// The picture at its size, as the only tile, with its grid of patches.
  func prepare(_ picture: Picture, named name: String, most: Int, threads: Int) throws(Failure) -> CutPicture {
    var picture = picture
    let factor = side * merged
    if let pixels {
      guard let size = picture.size.smart(factor: factor, pixels: pixels) else {
        throw Failure(
          .invalidArgument, "\(name) has \(picture.width) x \(picture.height) pixels, one side over 200 times the other"
        )
      }
      picture = try picture.changed(by: [.resize(.exact(size), filter)], named: name, most: most, threads: threads)
    }
    guard picture.width % factor == 0, picture.height % factor == 0 else {
      throw Failure(
        .invalidArgument,
        "\(name) has \(picture.width) x \(picture.height) pixels; without a resize they must be multiples of \(factor)")
    }
    return CutPicture(tiles: [picture], rows: picture.height / side, columns: picture.width / side)
  }

  /// Writes patch `index`, [3, frames, side, side]. Patches that are merged follow one another.
  func write(_ cut: CutPicture, _ index: Int, _ scale: PixelScale, to target: UnsafeMutablePointer<Float>) {
    let picture = cut.tiles[0]
    let (group, inGroup) = index.quotientAndRemainder(dividingBy: merged * merged)
    let (groupRow, groupColumn) = group.quotientAndRemainder(dividingBy: cut.columns / merged)
    let row = groupRow * merged + inGroup / merged, column = groupColumn * merged + inGroup % merged
    let area = side * side
    scale.write(
      picture, rows: row * side..<(row + 1) * side, columns: column * side..<(column + 1) * side, to: target,
      rowStride: side, planeStride: frames * area)
    for channel in 0..<3 {
      let first = target + channel * frames * area
      for frame in 1..<max(1, frames) { (first + frame * area).update(from: first, count: area) }
    }
  }
}
