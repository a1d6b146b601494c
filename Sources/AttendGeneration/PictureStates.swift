import AttendBase
import AttendDispatch
import AttendLayers
import AttendModels

/// The states of a sequence's pictures, and the positions of the tokens in whose place they stand.
final class PictureStates {
  private let states: AlignedBuffer  // [positions, width]
  private let width: Int
  private var positions = GrowingList<Int>(for: "the places of pictures")  // ascending

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
    self.states = try AlignedBuffer(max(states.rows, 1) * width, of: Float.self, for: "the states of pictures")
    let copy = Matrix(self.states.pointer(), rows: states.rows, columns: width)
    for row in 0..<states.rows { copy[row].update(from: states[row], count: width) }
  }

  /// Bytes held.
  var bytes: Int { states.bytes + positions.bytes }

  /// Appends what stands in the place of tokens `[first, first + count)` of the sequence, which are the rows of a call
  /// from `row` on. Valid as long as this object.
  func append(
    from first: Int, count: Int, row: Int, to splices: inout GrowingList<Splice>
  ) throws(Failure) {
    for (index, position) in positions.elements.enumerated() where position >= first && position < first + count {
      let state = UnsafePointer(states.pointer(to: Float.self) + index * width)
      try splices.append(Splice(row: row + position - first, count: 1, states: state))
    }
  }
}

extension Session {
  /// What stands in the place of tokens of a batch that the sequences from `first` on read next. Valid until the next
  /// call.
  func splices(_ lengths: SequenceLengths, from first: Int = 0) throws(Failure) -> UnsafeBufferPointer<Splice> {
    spliceList.removeAll()
    guard !sequences.pictures.isEmpty else { return UnsafeBufferPointer(start: nil, count: 0) }
    var row = 0
    for index in 0..<lengths.count {
      let sequence = first + index
      if sequence < sequences.pictures.count, let pictures = sequences.pictures[sequence] {
        try pictures.append(from: length(sequence), count: lengths[index], row: row, to: &spliceList)
      }
      row += lengths[index]
    }
    return UnsafeBufferPointer(spliceList.elements)
  }

  /// The states that the decoder reads in the place of tokens, of all arrays, `[sum, width]`, in scratch memory, and
  /// how many belong to each.
  func see(_ arrays: UnsafeBufferPointer<FeatureArray>) throws(Failure) -> (states: Matrix, counts: SequenceLengths) {
    guard let (tower, connector) = model.eyes else {
      throw Failure(
        .unsupported, "this checkpoint is of a \(model.blueprint.family) model, which reads no pictures beside tokens")
    }
    let batch = try self.batch(arrays)
    let seen = try pass.workspace.matrix(batch.tokenCount, tower.width)
    try readText(batch, tower, into: seen)
    let counts: UnsafeMutablePointer<Int> = try pass.workspace.take(arrays.count)
    var sum = 0
    for index in 0..<arrays.count {
      counts[index] = connector.length(of: batch.lengths[index])
      sum += counts[index]
    }
    let states = try pass.workspace.matrix(sum, connector.width)
    try connector.apply(seen, lengths: batch.lengths, into: states, pass)
    return (states, SequenceLengths(counts, count: arrays.count))
  }

  /// Reads the pictures of sequences from `first` on, whose texts stand in `texts`, and puts their states in the place
  /// of the texts' placeholders: each text takes as many whole pictures as it has room for.
  func attach(
    _ arrays: UnsafeBufferPointer<FeatureArray>, to texts: Batch, from first: Int
  ) throws(Failure) {
    guard let placeholder = model.blueprint.placeholder else {
      throw Failure(.internalError, "pictures without a placeholder")
    }
    try pass.scoped { () throws(Failure) in
      let (states, counts) = try see(arrays)
      var (token, picture, row) = (0, 0, 0)
      for sequence in 0..<texts.count {
        let text = texts.tokens(from: token, count: texts.lengths[sequence])
        token += text.count
        let room = text.reduce(0) { $0 + ($1 == placeholder ? 1 : 0) }
        guard room > 0 else { continue }
        var rows = 0
        while picture < counts.count, rows + counts[picture] <= room {
          rows += counts[picture]
          picture += 1
        }
        do throws(Failure) {
          let own = try PictureStates(states.rows(row, rows), in: text, placeholder: placeholder)
          sequences.attach(own, to: first + sequence)
        } catch { throw Failure(error.code, "sequence \(sequence): \(error.message)") }
        row += rows
      }
      guard picture == counts.count else {
        throw Failure(
          .invalidArgument, "the batch holds \(counts.count) pictures, and its texts have places for \(picture)")
      }
    }
  }
}
