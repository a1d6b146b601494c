import AttendBase

/// The tables of a regular expression over one text. Places are counted in scalars.
final class RegexRun {
  private let table: RegexTable
  /// Scalars of the text.
  let count: Int
  /// The class of each scalar with the edge at both ends, and where each begins.
  private let classNumbers: AlignedBuffer
  private let offsets: AlignedBuffer
  /// By part and place: the end of what is matched from the place on, or -1; for conditions 1 where they hold.
  private var results: [AlignedBuffer] = []
  private var clusters: AlignedBuffer?

  init(_ table: RegexTable, _ text: UnsafeBufferPointer<UInt8>) throws(Failure) {
    self.table = table
    var count = 0
    for byte in text where !UTF8Text.isContinuation(byte) { count += 1 }
    self.count = count
    classNumbers = try RegexRun.buffer(count + 2, of: UInt16.self)
    offsets = try RegexRun.buffer(count + 1, of: Int32.self)
    let numbers = classNumbers.pointer(to: UInt16.self), offsets = offsets.pointer(to: Int32.self)
    let lookup = table.classes.lookup, edge = UInt16(truncatingIfNeeded: table.classes.edge)
    (numbers[0], numbers[count + 1]) = (edge, edge)
    var place = 0
    for index in 0..<count {
      let (scalar, length) = UTF8Text.decode(text.baseAddress! + place)
      numbers[index + 1] = UInt16(truncatingIfNeeded: lookup[scalar])
      offsets[index] = Int32(truncatingIfNeeded: place)
      place += length
    }
    offsets[count] = Int32(truncatingIfNeeded: place)
    if table.needsClusters { clusters = try boundaries(text) }
  }

  private static func buffer<T>(_ count: Int, of type: T.Type) throws(Failure) -> AlignedBuffer {
    try AlignedBuffer(count, of: type, for: "matching a regular expression")
  }

  /// The place in bytes.
  func offset(_ place: Int) -> Int { Int(offsets.pointer(to: Int32.self)[place]) }

  /// The end of the match from a place on, or -1. The tables are filled.
  func end(from place: Int) -> Int { Int(results[results.count - 1].pointer(to: Int32.self)[place]) }

  /// 1 for each place between two grapheme clusters.
  private func boundaries(_ text: UnsafeBufferPointer<UInt8>) throws(Failure) -> AlignedBuffer {
    let buffer = try RegexRun.buffer(count + 1, of: Bool.self)
    let marks = buffer.pointer(to: Bool.self)
    marks.update(repeating: false, count: count + 1)
    var place = 0, end = 0
    while place < count {
      if offset(place) == end {
        marks[place] = true
        end = GraphemeBreaker.end(text, from: end, joinsConjuncts: false)
      }
      place += 1
    }
    marks[count] = true
    return buffer
  }

  /// Fills the tables, one part after another.
  func fill() throws(Failure) {
    for part in table.parts {
      results.append(part.kind == .behind ? try forward(part) : try backward(part))
    }
  }

  // MARK: From the end to the start

  /// By place, the end of what the part prefers to match from there on, or -1.
  private func backward(_ part: RegexTable.Part) throws(Failure) -> AlignedBuffer {
    let size = part.instructions.count
    let result = try RegexRun.buffer(count + 1, of: Int32.self)
    let ends = try RegexRun.buffer(2 * size, of: Int32.self)
    // Atomic groups go on from a place further on: what their ways match from there is kept.
    let kept = try RegexRun.buffer(part.atomicGroups.count * (count + 1) + 1, of: Int32.self)
    defer { withExtendedLifetime((ends, kept)) {} }
    let ways = kept.pointer(to: Int32.self)
    var now = ends.pointer(to: Int32.self), after = now + size
    now.update(repeating: -1, count: 2 * size)
    let numbers = classNumbers.pointer(to: UInt16.self)
    for place in stride(from: count, through: 0, by: -1) {
      let before = Int(numbers[place]), next = Int(numbers[place + 1])
      var group = 0
      part.instructions.withUnsafeBufferPointer { instructions in
        for index in 0..<size {
          switch instructions[index] {
          case .match: now[index] = Int32(truncatingIfNeeded: place)
          case .scalar(let set, let target):
            now[index] = place < count && table.holds(set, next) ? after[target] : -1
          case .fork(let preferred, let other): now[index] = now[preferred] >= 0 ? now[preferred] : now[other]
          case .atomic(let part, let empty, _):
            let end = Int(results[part].pointer(to: Int32.self)[place])
            now[index] = end < 0 ? -1 : end == place ? now[empty] : ways[group * (count + 1) + end]
            group += 1
          default:
            let (holds, target) = condition(instructions[index], place, before, next)
            now[index] = holds ? now[target] : -1
          }
        }
      }
      // A group in a loop goes on to an instruction that stands behind it.
      for (group, index) in part.atomicGroups.enumerated() {
        if case .atomic(_, _, let target) = part.instructions[index] { ways[group * (count + 1) + place] = now[target] }
      }
      result.pointer(to: Int32.self)[place] = now[part.start]
      swap(&now, &after)
    }
    return result
  }

  // MARK: From the start to the end

  /// By place, whether the part matches some text that ends there: 1, or else -1.
  private func forward(_ part: RegexTable.Part) throws(Failure) -> AlignedBuffer {
    let size = part.instructions.count
    let result = try RegexRun.buffer(count + 1, of: Int32.self)
    let alive = try RegexRun.buffer(2 * size, of: Bool.self)
    defer { withExtendedLifetime(alive) {} }
    var now = alive.pointer(to: Bool.self), after = now + size
    now.update(repeating: false, count: size)
    let numbers = classNumbers.pointer(to: UInt16.self)
    for place in 0...count {
      let before = Int(numbers[place]), next = Int(numbers[place + 1])
      var matches = false
      now[part.start] = true
      after.update(repeating: false, count: size)
      for index in stride(from: size - 1, through: 0, by: -1) where now[index] {
        switch part.instructions[index] {
        case .match: matches = true
        case .scalar(let set, let target): if place < count, table.holds(set, next) { after[target] = true }
        case .fork(let first, let second):
          now[first] = true
          now[second] = true
        case .atomic: break  // in no look-behind
        default:
          let (holds, target) = condition(part.instructions[index], place, before, next)
          if holds { now[target] = true }
        }
      }
      result.pointer(to: Int32.self)[place] = matches ? 1 : -1
      swap(&now, &after)
    }
    return result
  }

  /// Whether a condition holds at a place, and where it goes on to.
  @inline(__always) private func condition(
    _ instruction: RegexTable.Instruction, _ place: Int, _ before: Int, _ next: Int
  ) -> (Bool, Int) {
    switch instruction {
    case .assertion(let index, let target): (table.holds(assertion: index, before, next), target)
    case .look(let part, let isNegative, let target):
      ((results[part].pointer(to: Int32.self)[place] >= 0) != isNegative, target)
    case .clusterBoundary(let isNegative, let target):
      (clusters!.pointer(to: Bool.self)[place] != isNegative, target)
    default: (false, 0)
    }
  }
}
