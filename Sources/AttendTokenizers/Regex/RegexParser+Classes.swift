import AttendBase

/// The ranges of a character class in the making; they are put in order once, at its end.
private struct ClassBuilder {
  var ranges: [ClosedRange<UInt32>] = []
  /// Of what stands before the last &&.
  var result: ScalarSet?

  mutating func intersect() {
    let set = ScalarSet(ranges)
    result = result.map { $0.intersection(set) } ?? set
    ranges = []
  }

  var set: ScalarSet {
    let set = ScalarSet(ranges)
    return result.map { $0.intersection(set) } ?? set
  }
}

extension RegexParser {
  /// The class that follows `[`. Without regard to case a class that holds ß also matches ss.
  mutating func characterClass() throws(Failure) -> RegexNode {
    isInClass = true
    defer { isInClass = false }
    let (set, isNegative) = try classContent()
    guard options.ignoresCase, !isNegative else { return .set(set) }
    let sequences = CaseFolding.sequences(of: set)
    return sequences.isEmpty ? .set(set) : .alternatives([.set(set)] + sequences.map { .folded($0) })
  }

  /// Ranges, escapes, nested classes, `[:posix:]`, `&&`, with a leading `^` for the complement.
  private mutating func classContent() throws(Failure) -> (set: ScalarSet, isNegative: Bool) {
    depth += 1
    defer { depth -= 1 }
    try checkDepth(depth)
    let isNegative = take("^")
    var builder = ClassBuilder()
    var isFirst = true
    while true {
      if !isFirst, take("]") { break }
      if take("&&") {
        builder.intersect()
        isFirst = false
        continue
      }
      let items = try classItem()  // a ] right at the start is literal
      try budget.spend(items.count, text)
      builder.ranges += items
      isFirst = false
    }
    var set = builder.set
    try budget.spend(set.ranges.count, text)
    if options.ignoresCase {
      try budget.spend(1 << 12, text)
      set = CaseFolding.closure(of: set)
    }
    return (isNegative ? set.complement : set, isNegative)
  }

  private mutating func classItem() throws(Failure) -> [ClosedRange<UInt32>] {
    if let set = try bracketClass() { return try whole(set) }
    if take("[") { return try classContent().set.ranges }
    guard take("\\") else { return try range(from: try next()) }
    if let set = try escapedSet() { return try whole(set) }
    if take("b") { return try range(from: 0x08) }  // in a class, \b is the backspace
    let scalars = try escapedScalars()
    return scalars.dropLast().map { $0...$0 } + (try range(from: scalars[scalars.count - 1]))
  }

  /// A set, which begins no range.
  private func whole(_ set: ScalarSet) throws(Failure) -> [ClosedRange<UInt32>] {
    if dialect.anchorsAtLines, peek == 0x2D, peek(1) != 0x5D { throw invalid("a range that begins with a class") }
    return set.ranges
  }

  /// `[:alpha:]` or `[:^alpha:]`; nil for anything else that begins with a bracket.
  private mutating func bracketClass() throws(Failure) -> ScalarSet? {
    guard peek == 0x5B, peek(1) == 0x3A else { return nil }
    var end = 2
    while let scalar = peek(end), scalar != 0x3A, scalar != 0x5D, end < 22 { end += 1 }
    guard peek(end) == 0x3A, peek(end + 1) == 0x5D else { return nil }
    position += 2
    let isNegative = take("^")
    let name = try name(until: 0x3A)
    position += 1
    try budget.spend(1 << 12, text)
    guard let set = RegexProperties.bracket(name) else { throw unsupported("the class [:\(name):]") }
    return isNegative ? set.complement : set
  }

  /// A single scalar, or a range that starts with it.
  private mutating func range(from first: UInt32) throws(Failure) -> [ClosedRange<UInt32>] {
    guard peek == 0x2D, let scalar = peek(1), scalar != 0x5D, scalar != 0x5B,
      !(scalar == 0x26 && peek(2) == 0x26)
    else { return [first...first] }
    position += 2
    var last = scalar
    if scalar == 0x5C {
      guard try escapedSet() == nil else { throw invalid("a range that ends with a class") }
      last = take("b") ? 0x08 : try escapedScalars()[0]
    }
    guard first <= last else { throw invalid("an empty range") }
    return [first...last]
  }
}
