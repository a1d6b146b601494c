import AttendBase

/// A change of the pixels before they become numbers. A processor is a list of them.
enum PictureStep: Sendable {
  /// Bars of a colour that make the picture square, the picture in their middle.
  case padToSquare(red: UInt8, green: UInt8, blue: UInt8)
  /// A quarter turn to the right where the longer side is not the one that is longer in `size`.
  case alignLongAxis(PictureSize)
  case resize(SizeRule, ResamplingFilter)
  /// A resize into `size` that keeps the aspect and never enlarges.
  case thumbnail(PictureSize, ResamplingFilter)
  /// The middle of the picture; what reaches beyond it is black. An odd remainder stays at the bottom and right.
  case crop(PictureSize)
  /// Black around the picture up to `size`. An odd remainder lies at the bottom and right.
  case pad(PictureSize)
}

extension Picture {
  package var size: PictureSize { PictureSize(height: height, width: width) }
  /// The sides of the picture as its file has it.
  var wholeSize: PictureSize { drafted ?? size }

  /// The picture after some steps. `name` is what messages call it; no picture on the way has more than `most` pixels.
  func changed(
    by steps: [PictureStep], named name: String, most: Int, threads: Int
  ) throws(Failure) -> Picture {
    var picture = self, index = 0
    while index < steps.count {
      switch steps[index] {
      case .padToSquare(let red, let green, let blue):
        picture = try picture.square(red, green, blue, named: name, most: most)
      case .alignLongAxis(let size):
        let isWide = picture.width > picture.height, isTall = picture.width < picture.height
        if size.width < size.height && isWide || size.width > size.height && isTall {
          let toTheRight = 6  // an orientation of EXIF
          picture = try picture.turned(by: toTheRight, named: name)
        }
      case .resize(let rule, let filter):
        // A crop that follows decides which pixels are computed at all.
        var crop: PictureSize?
        if index + 1 < steps.count, case .crop(let size) = steps[index + 1] {
          crop = size
          index += 1
        }
        picture = try picture.resized(to: rule.size(of: picture.wholeSize), filter, crop, name, most, threads)
        picture.drafted = nil
      case .thumbnail(let size, let filter):
        picture = try picture.resized(to: picture.thumbnailSize(within: size), filter, nil, name, most, threads)
      case .crop(let size):
        picture = try picture.framed(size, picture.middle(size), named: name, most: most)
      case .pad(let size):
        picture = try picture.framed(
          size, (-((size.height - picture.height) >> 1), -((size.width - picture.width) >> 1)), named: name, most: most)
      }
      index += 1
    }
    return picture
  }

  /// Row and column at which the middle of `size` begins; below 0 where it is larger.
  private func middle(_ size: PictureSize) -> (top: Int, left: Int) {
    ((height - size.height) >> 1, (width - size.width) >> 1)
  }

  /// Throws where a picture on the way would be too large, or nothing.
  static func check(_ size: PictureSize, named name: String, most: Int) throws(Failure) {
    guard size.height > 0, size.width > 0, size.height.saturatingMultiply(size.width) <= most else {
      throw Failure(
        .invalidArgument,
        "\(name) would be resized to \(size.width) x \(size.height) pixels; from 1 to \(most) are allowed")
    }
  }

  private func resized(
    to size: PictureSize, _ filter: ResamplingFilter, _ crop: PictureSize?, _ name: String, _ most: Int, _ threads: Int
  ) throws(Failure) -> Picture {
    var resizing = Resizing(width: size.width, height: size.height, filter)
    guard let crop else {
      try Picture.check(size, named: name, most: most)
      return try resized(resizing, threads: threads)
    }
    try Picture.check(crop, named: name, most: most)
    try Picture.check(PictureSize(height: min(size.height, crop.height), width: size.width), named: name, most: .max)
    let top = (size.height - crop.height) >> 1, left = (size.width - crop.width) >> 1
    resizing.rows = max(0, top)..<min(size.height, top + crop.height)
    resizing.columns = max(0, left)..<min(size.width, left + crop.width)
    let part = try resized(resizing, threads: threads)
    return try part.framed(crop, (min(0, top), min(0, left)), named: name, most: most)
  }

  /// The sides of a thumbnail, as the processor of Donut rounds them.
  private func thumbnailSize(within most: PictureSize) -> PictureSize {
    var size = PictureSize(height: min(height, most.height), width: min(width, most.width))
    if size == self.size { return size }
    if height > width {
      size.width = Int(Double(width * size.height) / Double(height))
    } else if width > height {
      size.height = Int(Double(height * size.width) / Double(width))
    }
    return size
  }

  /// The `frame.height` x `frame.width` pixels from `corner` on; black where the picture has none.
  func framed(
    _ frame: PictureSize, _ corner: (top: Int, left: Int), named name: String, most: Int
  ) throws(Failure) -> Picture {
    let rows = max(0, corner.top)..<max(0, min(height, corner.top + frame.height))
    let columns = max(0, corner.left)..<max(0, min(width, corner.left + frame.width))
    if rows.count == frame.height, columns.count == frame.width { return try cropped(columns: columns, rows: rows) }
    try Picture.check(frame, named: name, most: most)
    let target = try Picture(width: frame.width, height: frame.height, for: "the frame of \(name)")
    target.pixels.update(repeating: 0, count: target.count)
    paste(
      rows: rows, columns: columns, into: target, at: (rows.lowerBound - corner.top, columns.lowerBound - corner.left))
    return target
  }

  /// Copies a part of the picture to a place in another that has room for it.
  private func paste(rows: Range<Int>, columns: Range<Int>, into target: Picture, at place: (top: Int, left: Int)) {
    for (offset, row) in rows.enumerated() {
      (target.pixels + (place.top + offset) * target.stride + place.left * 3).update(
        from: pixels + row * stride + columns.lowerBound * 3, count: columns.count * 3)
    }
    withExtendedLifetime((self, target)) {}
  }

  private func square(
    _ red: UInt8, _ green: UInt8, _ blue: UInt8, named name: String, most: Int
  ) throws(Failure) -> Picture {
    guard width != height else { return self }
    let side = max(width, height)
    try Picture.check(PictureSize(height: side, width: side), named: name, most: most)
    let target = try Picture(width: side, height: side, for: "the square of \(name)")
    for pixel in 0..<side * side {
      let to = target.pixels + pixel * 3
      (to[0], to[1], to[2]) = (red, green, blue)
    }
    paste(rows: 0..<height, columns: 0..<width, into: target, at: ((side - height) / 2, (side - width) / 2))
    return target
  }
}
