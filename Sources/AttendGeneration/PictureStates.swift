import AttendBase
import AttendKernelInterface
import AttendDispatch
import AttendLayers
import AttendModels

/// The states of a sequence's pictures, the positions of the tokens in whose place they stand, and what the decoder
/// knows of its tokens besides their order because of them.
final class PictureStates {
  private let states: AlignedBuffer  // [positions, width]
  private let width: Int
  private var positions = GrowingList<Int>(for: "the places of pictures")  // ascending
  private var blocks = GrowingList<TokenBlock>(for: "the places of pictures")  // of the text, ascending
  private var coordinates = GrowingList<Float>(for: "the places of pictures")  // [tokens of the text, 3], or none
  private var next = 0  // the coordinate of the first token behind the text
  private var looks = GrowingList<Look>(for: "the places of pictures")  // ascending
  private let unseeing: KeySpan  // of the tokens before the first look
  private let textCount: Int

  /// States, `[rows, width]`, that are copied, for the tokens of `text` that are the id `placeholder`. Throws
  /// `invalidArgument` where there are not as many.
  init(_ states: Matrix, in text: UnsafeBufferPointer<Int32>, placeholder: Int32) throws(Failure) {
    for (position, token) in text.enumerated() where token == placeholder { try positions.append(position) }
    guard positions.count == states.rows else {
      throw Failure(
        .invalidArgument,
        "the text has \(positions.count) tokens of the id \(placeholder), which stand for pictures; "
          + "the pictures become \(states.rows)")
    }
    width = states.columns
    unseeing = .all
    textCount = text.count
    self.states = try AlignedBuffer(max(states.rows, 1) * width, of: Float.self, for: "the states of pictures")
    let copy = Matrix(self.states.pointer(), rows: states.rows, columns: width)
    for row in 0..<states.rows { copy[row].update(from: states[row], count: width) }
  }

  /// Pictures at whose states tokens of `text` look by cross-attention, `counts` of each, which lie end to end; a token
  /// of the id `placeholder` stands for each. `stated` tells otherwise, of each token the first of the pictures that it
  /// sees and the end of these, of which there are as many.
  init<Counts: RandomAccessCollection<Int>>(
    _ counts: Counts, seen sight: PictureSight, in text: UnsafeBufferPointer<Int32>,
    placeholder: Int32, stated: UnsafeBufferPointer<Int32>? = nil
  ) throws(Failure) where Counts.Index == Int {
    (width, textCount) = (0, text.count)
    states = try AlignedBuffer(0, of: Float.self, for: "the states of pictures")
    if case .run = sight { unseeing = .all } else { unseeing = KeySpan(first: 0, limit: 0) }
    if let stated {
      try look(as: stated, counts)
      return
    }
    var (picture, first, limit) = (counts.startIndex, 0, 0)
    for (position, token) in text.enumerated() {
      if token == placeholder, picture < counts.endIndex {
        var goesOn = false
        if case .run = sight { goesOn = position > 0 && text[position - 1] == placeholder }
        first = goesOn ? first : limit
        limit += counts[picture]
        picture += 1
        try looks.append(Look(from: position, first: first, limit: limit))
      } else if case .last(let end?) = sight, token == end, picture > counts.startIndex {
        try looks.append(Look(from: position + 1, first: 0, limit: 0))
      }
    }
  }

  /// As the caller says.
  private func look<Counts: RandomAccessCollection<Int>>(
    as stated: UnsafeBufferPointer<Int32>, _ counts: Counts
  ) throws(Failure) where Counts.Index == Int {
    func states(before picture: Int32) -> Int { counts.prefix(Int(picture)).reduce(0) { $0 + $1 } }
    for token in 0..<stated.count / 2 {
      let (first, limit) = (stated[2 * token], stated[2 * token + 1])
      if first == limit {
        try looks.append(Look(from: token, unseeing))
      } else {
        try looks.append(Look(from: token, first: states(before: first), limit: states(before: limit)))
      }
    }
  }

  /// The states that tokens see from a position of the sequence on.
  private struct Look: BitwiseCopyable {
    let position: Int
    let span: KeySpan

    init(from position: Int, _ span: KeySpan) { (self.position, self.span) = (position, span) }

    init(from position: Int, first: Int, limit: Int) {
      self.position = position
      span = KeySpan(first: Int32(clamping: first), limit: Int32(clamping: limit))
    }
  }

  /// Appends what tokens `[first, first + count)` of the sequence see.
  func append(spansFrom first: Int, count: Int, to spans: inout GrowingList<KeySpan>) throws(Failure) {
    var next = looks.elements.firstIndex { $0.position > first } ?? looks.count
    for position in first..<first + count {
      while next < looks.count, looks[next].position <= position { next += 1 }
      try spans.append(next == 0 ? unseeing : looks[next - 1].span)
    }
  }

  /// Bytes held.
  var bytes: Int { states.bytes + positions.bytes + blocks.bytes + coordinates.bytes + looks.bytes }

  // MARK: Places

  /// Lets tokens see what follows them, as far as `reading` says.
  func join(_ reading: Blueprint.ReadingBothWays) throws(Failure) {
    if case .prompts = reading {
      return try blocks.append(TokenBlock(sequence: 0, first: 0, limit: textCount, exceedsWindows: true))
    }
    var first = 0
    while first < positions.count {
      var end = first + 1
      while end < positions.count, positions[end] == positions[end - 1] + 1 { end += 1 }
      try blocks.append(TokenBlock(sequence: 0, first: positions[first], limit: positions[end - 1] + 1))
      first = end
    }
  }

  /// Gives tokens coordinates: those of a text count on, those of a picture are its rows and columns from where it
  /// begins, and what follows goes on behind the larger of its sides (Wang et al. 2024, arXiv:2409.12191, section 2.1).
  /// The grids are those of the states of the pictures, in their order.
  func place(_ grids: UnsafeBufferPointer<PatchGrid>) throws(Failure) {
    try coordinates.reserve(TokenPlaces.axes * textCount)
    var (token, start, seen) = (0, 0, 0)
    func append(_ time: Int, _ row: Int, _ column: Int) throws(Failure) {
      for place in [time, row, column] { try coordinates.append(Float(place)) }
      token += 1
    }
    for grid in grids where grid.count > 0 && seen < positions.count {
      while token < positions[seen] {
        try append(start, start, start)
        start += 1
      }
      guard positions[seen + grid.count - 1] == token + grid.count - 1 else {
        throw Failure(
          .invalidArgument, "the tokens of a picture of \(grid.rows) x \(grid.columns) states do not follow one another"
        )
      }
      for place in 0..<grid.count { try append(start, start + place / grid.columns, start + place % grid.columns) }
      seen += grid.count
      start += max(grid.rows, grid.columns)
    }
    while token < textCount {
      try append(start, start, start)
      start += 1
    }
    next = start
  }

  // MARK: Passes

  /// Appends what stands in the place of tokens `[first, first + count)` of the sequence, which are the rows of a call
  /// from `row` on. Valid as long as this object.
  func append(
    from first: Int, count: Int, row: Int, to splices: inout GrowingList<Splice>
  ) throws(Failure) {
    for (index, position) in positions.elements.enumerated() where position >= first && position < first + count {
      let state = UnsafePointer(states.pointer(to: Float.self) + index * width)
      try splices.append(Splice(row: row + position - first, states: state, numbers: width))
    }
  }

  /// Appends the blocks among tokens `[first, first + count)`, of sequence `sequence` of a call. Throws `invalidState`
  /// where the call ends inside of one: its tokens see what is not read yet.
  func append(
    blocksFrom first: Int, count: Int, sequence: Int, to list: inout GrowingList<TokenBlock>
  ) throws(Failure) {
    for block in blocks.elements where block.limit > first && block.first < first + count {
      guard block.first >= first, block.limit <= first + count else {
        throw Failure(
          .invalidState,
          "tokens \(block.first) to \(block.limit - 1) of sequence \(sequence) see each other: one call reads them; "
            + "this one reads \(first) to \(first + count - 1)")
      }
      var block = block
      block.sequence = sequence
      try list.append(block)
    }
  }

  /// The coordinate `axis` of the token at a position of the sequence.
  func coordinate(_ axis: Int, at position: Int) -> Float {
    if position < textCount, coordinates.count > 0 { return coordinates[TokenPlaces.axes * position + axis] }
    return Float(coordinates.count > 0 ? next + position - textCount : position)
  }
}

extension Session {
  /// What stands in the place of tokens of a batch that the sequences from `first` on read next. Valid until the next
  /// call.
  func splices(_ lengths: SequenceLengths, from first: Int = 0) throws(Failure) -> UnsafeBufferPointer<Splice> {
    spliceList.removeAll()
    try forEachWithPictures(lengths, from: first) { (pictures, sequence, index, row) throws(Failure) in
      try pictures.append(from: length(sequence), count: lengths[index], row: row, to: &spliceList)
    }
    return UnsafeBufferPointer(spliceList.elements)
  }

  /// What is known of the tokens of such a batch besides their order. Valid until the next call.
  func places(
    _ lengths: SequenceLengths, from first: Int = 0, of decoder: Stack
  ) throws(Failure) -> TokenPlaces {
    guard !sequences.pictures.isEmpty else { return TokenPlaces() }
    blockList.removeAll()
    coordinateList.removeAll()
    var hasCoordinates = false
    try forEachWithPictures(lengths, from: first) { (pictures, sequence, index, row) throws(Failure) in
      try pictures.append(blocksFrom: length(sequence), count: lengths[index], sequence: index, to: &blockList)
      hasCoordinates = decoder.rotaries.readCoordinates
    }
    guard hasCoordinates else { return TokenPlaces(blocks: UnsafeBufferPointer(blockList.elements)) }
    for index in 0..<lengths.count {
      let sequence = first + index
      let pictures = sequence < sequences.pictures.count ? sequences.pictures[sequence] : nil
      for position in length(sequence)..<length(sequence) + lengths[index] {
        for axis in 0..<TokenPlaces.axes {
          try coordinateList.append(pictures?.coordinate(axis, at: position) ?? Float(position))
        }
      }
    }
    return TokenPlaces(
      blocks: UnsafeBufferPointer(blockList.elements), coordinates: UnsafePointer(coordinateList.storage))
  }

  private func forEachWithPictures(
    _ lengths: SequenceLengths, from first: Int,
    _ body: (_ pictures: PictureStates, _ sequence: Int, _ index: Int, _ row: Int) throws(Failure) -> Void
  ) throws(Failure) {
    guard !sequences.pictures.isEmpty else { return }
    var row = 0
    for index in 0..<lengths.count {
      let sequence = first + index
      if sequence < sequences.pictures.count, let pictures = sequences.pictures[sequence] {
        try body(pictures, sequence, index, row)
      }
      row += lengths[index]
    }
  }
}
