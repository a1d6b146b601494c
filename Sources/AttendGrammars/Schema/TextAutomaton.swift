import AttendBase

/// A deterministic automaton over the bytes of a text, without the states from which no end is reached. State 0 is the
/// start; where nothing is accepted there are no states at all.
struct TextAutomaton {
  /// A byte that leads from a state to another.
  struct Edge { let source: Int, byte: UInt8, target: Int }

  private(set) var states = 0
  private(set) var edges: [Edge] = []
  private(set) var ends: [Int] = []

  private static let largest = 20_000

  /// The automaton whose states are the places that `step` reaches from the start. Throws where there are too many.
  init<Place: Hashable>(
    from start: Place, over alphabet: [UInt8], step: (Place, UInt8) -> Place?, isEnd: (Place) -> Bool
  ) throws(Failure) {
    var numbers = [start: 0]
    var places = [start]
    var edges: [Edge] = []
    var index = 0
    while index < places.count {
      for byte in alphabet {
        guard let next = step(places[index], byte) else { continue }
        let target = numbers[next] ?? places.count
        if target == places.count {
          guard places.count < TextAutomaton.largest else {
            throw Failure(
              .unsupported,
              "multipleOf, minimum, maximum: their automaton has over \(TextAutomaton.largest) states")
          }
          numbers[next] = target
          places.append(next)
        }
        edges.append(Edge(source: index, byte: byte, target: target))
      }
      index += 1
    }
    trim(places.map(isEnd), edges)
  }

  /// Takes over the states from which an end is reached, numbered anew.
  private mutating func trim(_ isEnd: [Bool], _ all: [Edge]) {
    var alive = isEnd
    var before = Array(repeating: [Int](), count: isEnd.count)
    for edge in all { before[edge.target].append(edge.source) }
    var pending = isEnd.indices.filter { isEnd[$0] }
    while let state = pending.popLast() {
      for source in before[state] where !alive[source] {
        alive[source] = true
        pending.append(source)
      }
    }
    guard alive[0] else { return }
    var numbers = Array(repeating: -1, count: isEnd.count)
    for state in isEnd.indices where alive[state] {
      numbers[state] = states
      if isEnd[state] { ends.append(states) }
      states += 1
    }
    for edge in all where alive[edge.source] && alive[edge.target] {
      edges.append(Edge(source: numbers[edge.source], byte: edge.byte, target: numbers[edge.target]))
    }
  }
}
