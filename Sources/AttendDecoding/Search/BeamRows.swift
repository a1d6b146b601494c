import AttendBase

/// The rows of a search that has several sets of beams: which row belongs to which beam of which set.
struct BeamRows: ~Copyable {
  /// A beam of a set.
  struct Owner: BitwiseCopyable {
    let state: Int
    let beam: Int
  }

  private var owners = GrowingList<Owner>(for: "the rows of the beams")  // [rows]
  private var parents = GrowingList<Int>(for: "the rows of the beams")  // [rows]
  private var firsts = GrowingList<Int>(for: "the rows of the beams")  // [sets] the first row of each

  /// Begins with one row, which every set begins with. Room for `beams` rows of `states` sets.
  init(states: Int, beams: Int) throws(Failure) {
    try owners.reserve(beams)
    try parents.reserve(beams)
    try firsts.reserve(states)
    owners.resize(to: 1, filling: Owner(state: 0, beam: 0))
    parents.resize(to: 1, filling: 0)
    firsts.resize(to: states, filling: 0)
  }

  var count: Int { owners.count }
  subscript(row: Int) -> Owner { owners[row] }
  func parent(of row: Int) -> Int { parents[row] }

  /// The row of a beam.
  func row(of beam: Int, in state: Int) -> Int { firsts[state] + beam }

  /// Gives rows to the beams that were chosen, in the order of their sets.
  mutating func update(_ states: [BeamState]) {
    owners.removeAll()
    parents.removeAll()
    for (index, state) in states.enumerated() {
      let first = owners.count
      for beam in 0..<(state.isFinished ? 0 : state.beams.count) {
        owners.resize(to: owners.count + 1, filling: Owner(state: index, beam: beam))
        parents.resize(to: parents.count + 1, filling: firsts[index] + state.beams.parent(beam))
      }
      firsts[index] = first
    }
  }

  /// Takes all rows away.
  mutating func removeAll() {
    owners.removeAll()
    parents.removeAll()
  }
}
