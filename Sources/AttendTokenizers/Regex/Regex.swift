import AttendBase

/// A regular expression that finds its matches in time linear in the text, whatever the text.
///
/// Matches are those of a backtracking matcher: leftmost, and of those the one that comes first in the order of the
/// expression.
final class Regex: SplitPattern, Sendable {
  private let automaton: RegexAutomaton
  let pattern: String

  /// Throws `invalidFile` for what is no expression, `unsupported` for what is beyond this engine.
  init(_ pattern: String, dialect: RegexDialect = .oniguruma) throws(Failure) {
    self.pattern = pattern
    let program = try RegexProgram(try RegexParser.parse(pattern, dialect: dialect), name: pattern)
    self.automaton = try RegexAutomaton(program, name: pattern)
  }

  func forEachMatch(in text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
    guard let base = text.baseAddress else { return }
    automaton.transitions.withUnsafeBufferPointer { transitions in
      automaton.classes.plain.withUnsafeBufferPointer { plain in
        let reader = Reader(
          base: base, start: range.lowerBound, end: range.upperBound, automaton: automaton,
          transitions: transitions.baseAddress!, plain: plain.baseAddress!)
        var memory = Overshoot()
        var start = range.lowerBound, lastEnd = -1
        while start <= range.upperBound {
          let end = reader.end(from: start, &memory)
          if end > start || (end == start && end != lastEnd) {
            body(start..<end)
            start = end
            lastEnd = end
          } else {
            guard start < range.upperBound else { return }
            start += UTF8Text.length(first: base[start])
          }
        }
      }
    }
  }

  /// Whether and where a match begins right at `position`.
  private struct Reader {
    let base: UnsafePointer<UInt8>
    let start: Int
    let end: Int
    let automaton: RegexAutomaton
    let transitions: UnsafePointer<Int32>
    let plain: UnsafePointer<UInt8>

    @inline(__always) func scalarClass(_ scalar: UInt32) -> Int {
      scalar < ScalarClasses.plainCount ? Int(plain[Int(scalar)]) : Int(automaton.classes.find(scalar))
    }

    /// The end of the match from `position` on, or -1.
    @inline(__always) func end(from position: Int, _ memory: inout Overshoot) -> Int {
      let previous =
        position > start ? scalarClass(UTF8Text.decodeBackward(base + position).scalar) : automaton.classes.edge
      var state = Int(automaton.starts[previous])
      var place = position, matched = -1
      while true {
        var scalarClass = automaton.classes.edge, length = 0
        if place < end {
          let scalar = UTF8Text.decode(base + place)
          scalarClass = self.scalarClass(scalar.scalar)
          length = scalar.length
        }
        let transition = Int(transitions[state * automaton.stride + scalarClass])
        if transition & 1 != 0 { matched = place }
        state = transition >> 1
        if state == 0 || length == 0 { return matched }
        place += length
        if place - max(matched, position) >= Overshoot.patience, memory.isKnown(state, place, length) { return matched }
      }
    }
  }
}

/// States reached far behind the last match: to reach one again at the same place leads to no match again. Without it
/// an expression such as `a*b|a` reads a text of one letter to its end from each of its letters.
struct Overshoot {
  /// How many bytes a search may go behind its last match without being noted.
  static let patience = 256
  private var known: Set<UInt64> = []

  /// Notes one place in about 64. True: it was noted before, and so this search finds nothing more.
  @inline(__always) mutating func isKnown(_ state: Int, _ place: Int, _ length: Int) -> Bool {
    place >> 6 != (place - length) >> 6 && !known.insert(UInt64(state) << 40 | UInt64(place)).inserted
  }
}
