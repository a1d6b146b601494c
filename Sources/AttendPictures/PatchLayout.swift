import AttendBase

/// The pictures of Qwen2-VL and of SigLIP 2 at its own sizes: of almost any size, as a list of patches, those that the
/// tower merges side by side.
struct PatchLayout: Sendable {
  /// The size that pictures are resized to.
  enum Sizing: Sendable {
    /// Their own.
    case kept
    /// Of so many pixels (Qwen2-VL).
    case pixels(ClosedRange<Int>)
    /// Of as many patches as there can be, but not more than these (SigLIP 2).
    case patches(Int)
  }

  /// The side of a patch.
  let side: Int
  /// Patches that are merged along each axis.
  let merged: Int
  /// Frames of a video in a patch; a picture is each of them.
  let frames: Int
  let sizing: Sizing
  let filter: ResamplingFilter
  /// Whether the channels of a pixel lie beside each other; otherwise a patch has one channel after another.
  var channelsLast = false

  /// The picture at its size, as the only tile, with its grid of patches.
  func prepare(_ picture: Picture, named name: String, most: Int, threads: Int) throws(Failure) -> CutPicture {
    var picture = picture
    let factor = side * merged
    var wanted: PictureSize?
    switch sizing {
    case .kept: break
    case .patches(let count): wanted = picture.size.filling(patches: count, of: side)
    case .pixels(let pixels):
      wanted = picture.size.smart(factor: factor, pixels: pixels)
      guard wanted != nil else {
        throw Failure(
          .invalidArgument, "\(name) has \(picture.width) x \(picture.height) pixels, one side over 200 times the other"
        )
      }
    }
    if let wanted {
      picture = try picture.changed(by: [.resize(.exact(wanted), filter)], named: name, most: most, threads: threads)
    }
    guard picture.width % factor == 0, picture.height % factor == 0 else {
      throw Failure(
        .invalidArgument,
        "\(name) has \(picture.width) x \(picture.height) pixels; without a resize they must be multiples of \(factor)")
    }
    return CutPicture(tiles: [picture], rows: picture.height / side, columns: picture.width / side)
  }

  /// Writes patch `index`, [3, frames, side, side], or [side, side, 3]. Patches that are merged follow one another.
  func write(_ cut: CutPicture, _ index: Int, _ scale: PixelScale, to target: UnsafeMutablePointer<Float>) {
    let picture = cut.tiles[0]
    let (group, inGroup) = index.quotientAndRemainder(dividingBy: merged * merged)
    let (groupRow, groupColumn) = group.quotientAndRemainder(dividingBy: cut.columns / merged)
    let row = groupRow * merged + inGroup / merged, column = groupColumn * merged + inGroup % merged
    let area = side * side
    if channelsLast {
      return scale.write(
        picture, rows: row * side..<(row + 1) * side, columns: column * side..<(column + 1) * side, to: target,
        rowStride: 3 * side, planeStride: 1, columnStride: 3)
    }
    scale.write(
      picture, rows: row * side..<(row + 1) * side, columns: column * side..<(column + 1) * side, to: target,
      rowStride: side, planeStride: frames * area)
    for channel in 0..<3 {
      let first = target + channel * frames * area
      for frame in 1..<max(1, frames) { (first + frame * area).update(from: first, count: area) }
    }
  }
}
