import AttendBase

extension CTCLogits {
  /// The largest table of an alignment, in bytes.
  private static let maximalTable = 1 << 30

  /// The most probable frames of each of `ids`: the path of greatest probability among those that are read as these
  /// symbols (Viterbi 1967), each of which is heard from the first frame of its own to the last. With equal paths the
  /// one that stays longer counts. Throws `invalidArgument` where there are fewer frames than the symbols need, with
  /// blanks between equal ones, or more than a table of 1 GB holds; `cancelled`.
  package func align(
    _ ids: UnsafeBufferPointer<Int32>, _ symbols: CTCVocabulary, cancellation: Cancellation? = nil,
    _ body: (_ id: Int, _ start: Int, _ end: Int) throws(Failure) -> Void
  ) throws(Failure) {
    try check(symbols)
    guard !ids.isEmpty else { return }
    for id in ids where id < 0 || id >= vocabulary || id == symbols.blank {
      throw Failure(.invalidArgument, "the id \(id) is no symbol of a text; the vocabulary has \(vocabulary)")
    }
    let states = ids.count.saturatingMultiply(2).saturatingAdd(1)  // a blank around each symbol
    let table = frames.saturatingMultiply(states)
    guard table <= CTCLogits.maximalTable else {
      throw Failure(
        .invalidArgument, "an alignment of \(ids.count) symbols with \(frames) frames; cut the sound into parts")
    }
    let moves = try AlignedBuffer(bytes: table, for: "an alignment")
    let end = try fill(moves, states, ids, symbols.blank, cancellation)
    try trace(moves, states, from: end, ids, body)
  }

  /// The symbol of a state: blanks at even places.
  private func symbol(_ state: Int, _ ids: UnsafeBufferPointer<Int32>, _ blank: Int) -> Int {
    state % 2 == 0 ? blank : Int(ids[state / 2])
  }

  /// Writes by how many states the best path to each state of each frame moved, [frames, states], and gives the last
  /// state of the best path.
  private func fill(
    _ moves: AlignedBuffer, _ states: Int, _ ids: UnsafeBufferPointer<Int32>, _ blank: Int,
    _ cancellation: Cancellation?
  ) throws(Failure) -> Int {
    let scores = try AlignedBuffer(states.saturatingAdd(vocabulary), of: Double.self, for: "an alignment")
    defer { withExtendedLifetime(scores) {} }
    let score: UnsafeMutablePointer<Double> = scores.pointer(), row = score + states
    let move: UnsafeMutablePointer<UInt8> = moves.pointer()
    score.update(repeating: -.infinity, count: states)
    for frame in 0..<frames {
      try cancellation?.check()
      _ = try logProbabilities(frame, into: row)
      if frame == 0 {
        (score[0], score[1]) = (row[blank], row[Int(ids[0])])
        continue
      }
      for state in stride(from: states - 1, through: 0, by: -1) {  // scores of lower states are still the last frame's
        var (best, step) = (score[state], UInt8(0))
        if state > 0, score[state - 1] > best { (best, step) = (score[state - 1], 1) }
        if state > 2, state % 2 == 1, ids[state / 2] != ids[state / 2 - 1], score[state - 2] > best {
          (best, step) = (score[state - 2], 2)
        }
        score[state] = best + row[symbol(state, ids, blank)]
        move[frame * states + state] = step
      }
    }
    let end = frames > 0 && score[states - 2] >= score[states - 1] ? states - 2 : states - 1
    guard frames > 0, score[end] > -.infinity else {
      throw Failure(.invalidArgument, "\(ids.count) symbols cannot be heard in \(frames) frames")
    }
    return end
  }

  private func trace(
    _ moves: AlignedBuffer, _ states: Int, from end: Int, _ ids: UnsafeBufferPointer<Int32>,
    _ body: (_ id: Int, _ start: Int, _ end: Int) throws(Failure) -> Void
  ) throws(Failure) {
    let places = try AlignedBuffer(2 * ids.count, of: Int.self, for: "an alignment")
    defer { withExtendedLifetime((moves, places)) {} }
    let (place, move): (UnsafeMutablePointer<Int>, UnsafeMutablePointer<UInt8>) = (places.pointer(), moves.pointer())
    place.update(repeating: 0, count: 2 * ids.count)
    var state = end
    for frame in stride(from: frames - 1, through: 0, by: -1) {
      let step = frame > 0 ? Int(move[frame * states + state]) : 0
      if state % 2 == 1 {
        let index = state / 2
        place[2 * index] = frame
        if place[2 * index + 1] == 0 { place[2 * index + 1] = frame + 1 }
      }
      state -= step
    }
    for index in 0..<ids.count { try body(Int(ids[index]), place[2 * index], place[2 * index + 1]) }
  }
}
