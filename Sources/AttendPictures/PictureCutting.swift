import AttendBase

/// How a processor makes tiles of a picture. A tile is a picture again, to which the steps of the processor apply.
enum PictureCutting: Sendable {
  /// The picture is the only tile.
  case none
  /// LLaVA 1.6 ("anyres"): the picture within the best of some sizes, cut into squares of `tile`; all of it, squeezed
  /// into `whole`, comes first.
  case anyResolution([PictureSize], tile: Int, whole: PictureSize, ResamplingFilter)
  /// Idefics 2: four quarters, then all of it.
  case quarters
  /// Idefics 3 and SmolVLM: squares of `tile`, and all of it last, where the picture is larger than one.
  case grid(tile: Int, ResamplingFilter)
  /// Llama 3.2: squares of `tile`, at most `most`, filled up with black at the bottom and right.
  case canvas(tile: Int, most: Int, ResamplingFilter)
  /// Gemma 3: all of it, then a row or column of parts of long pictures.
  case panAndScan(least: Int, most: Int, ratio: Double)
}

/// The tiles of one picture: rows x columns of a grid, or none, and with most processors all of it besides.
struct CutPicture {
  var tiles: [Picture]
  var rows = 0, columns = 0
}

extension Picture {
  /// The tiles of the picture.
  func cut(
    _ cutting: PictureCutting, named name: String, most: Int, threads: Int
  ) throws(Failure) -> CutPicture {
    func resized(_ picture: Picture, to size: PictureSize, _ filter: ResamplingFilter) throws(Failure) -> Picture {
      try picture.changed(by: [.resize(.exact(size), filter)], named: name, most: most, threads: threads)
    }
    switch cutting {
    case .none: return CutPicture(tiles: [self])
    case .anyResolution(let sizes, let tile, let whole, let filter):
      let best = size.best(of: sizes)
      let fitting = try resized(self, to: size.fitted(into: best), filter)
      let padded = try fitting.changed(by: [.pad(best)], named: name, most: most, threads: threads)
      let squares = try padded.grid(of: tile)
      return CutPicture(
        tiles: [try resized(self, to: whole, filter)] + squares, rows: best.height / tile, columns: best.width / tile)
    case .quarters:
      let rows = [0..<height / 2, height / 2..<height], columns = [0..<width / 2, width / 2..<width]
      guard height > 1, width > 1 else {
        throw Failure(.invalidArgument, "\(name) has \(width) x \(height) pixels, too few to be cut into quarters")
      }
      var tiles: [Picture] = []
      for index in 0..<4 { tiles.append(try cropped(columns: columns[index & 1], rows: rows[index >> 1])) }
      return CutPicture(tiles: tiles + [self], rows: 2, columns: 2)
    case .grid(let tile, let filter):
      let picture = try resized(self, to: size.roundedUp(to: tile), filter)
      guard picture.height > tile || picture.width > tile else { return CutPicture(tiles: [picture]) }
      let whole = try resized(picture, to: PictureSize(height: tile, width: tile), filter)
      return CutPicture(
        tiles: try picture.grid(of: tile) + [whole], rows: picture.height / tile, columns: picture.width / tile)
    case .canvas(let tile, let count, let filter):
      let canvas = size.canvas(of: tile, most: count)
      let fitting = try resized(self, to: size.fitted(into: canvas, tile: tile), filter)
      let filled = try fitting.framed(canvas, (0, 0), named: name, most: most)
      return CutPicture(tiles: try filled.grid(of: tile), rows: canvas.height / tile, columns: canvas.width / tile)
    case .panAndScan(let least, let count, let ratio):
      let parts = size.parts(least: least, most: count, ratio: ratio)
      return CutPicture(
        tiles: try [self] + (parts.rows > 0 ? grid(rows: parts.rows, columns: parts.columns) : []), rows: parts.rows,
        columns: parts.columns)
    }
  }

  /// Squares of `side`, row after row. The sides of the picture are multiples.
  private func grid(of side: Int) throws(Failure) -> [Picture] {
    var tiles: [Picture] = []
    for top in Swift.stride(from: 0, to: height, by: side) {
      for left in Swift.stride(from: 0, to: width, by: side) {
        tiles.append(try cropped(columns: left..<left + side, rows: top..<top + side))
      }
    }
    return tiles
  }

  /// Parts of equal size but for the last ones, which may be smaller.
  private func grid(rows: Int, columns: Int) throws(Failure) -> [Picture] {
    let partHeight = (height + rows - 1) / rows, partWidth = (width + columns - 1) / columns
    var tiles: [Picture] = []
    for row in 0..<rows {
      for column in 0..<columns {
        tiles.append(
          try cropped(
            columns: column * partWidth..<min(width, (column + 1) * partWidth),
            rows: row * partHeight..<min(height, (row + 1) * partHeight)))
      }
    }
    return tiles
  }
}
