/// A set of characters: ranges in ascending order that neither touch nor overlap. Surrogates may be in it and are never
/// met.
struct Scalars: Hashable, Sendable {
  private(set) var ranges: [ClosedRange<UInt32>]

  static let last: UInt32 = 0x10FFFF
  static let none = Scalars([])
  static let all = Scalars([0...last])

  /// Ranges in any order.
  init(_ ranges: [ClosedRange<UInt32>]) {
    self.ranges = ranges
    guard ranges.count > 1 else { return }
    self.ranges = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = self.ranges.last, range.lowerBound <= last.upperBound &+ 1 {
        self.ranges[self.ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
      } else {
        self.ranges.append(range)
      }
    }
  }

  init(_ scalar: UInt32) { ranges = [scalar...scalar] }

  var isEmpty: Bool { ranges.isEmpty }
  /// The only character, where there is exactly one.
  var only: UInt32? { ranges.count == 1 && ranges[0].count == 1 ? ranges[0].lowerBound : nil }

  func contains(_ scalar: UInt32) -> Bool { ranges.contains { $0.contains(scalar) } }
  func union(_ other: Scalars) -> Scalars { Scalars(ranges + other.ranges) }

  var complement: Scalars {
    var result: [ClosedRange<UInt32>] = []
    var start: UInt32 = 0
    for range in ranges {
      if range.lowerBound > start { result.append(start...range.lowerBound - 1) }
      start = range.upperBound + 1
    }
    if start <= Scalars.last { result.append(start...Scalars.last) }
    return Scalars(result)
  }

  func intersection(_ other: Scalars) -> Scalars {
    var result: [ClosedRange<UInt32>] = []
    var (here, there) = (0, 0)
    while here < ranges.count, there < other.ranges.count {
      let (one, two) = (ranges[here], other.ranges[there])
      let (low, high) = (max(one.lowerBound, two.lowerBound), min(one.upperBound, two.upperBound))
      if low <= high { result.append(low...high) }
      if one.upperBound < two.upperBound { here += 1 } else { there += 1 }
    }
    return Scalars(result)
  }

  // The classes of ECMA-262, section 22.2.2.9.
  static let digits = Scalars([0x30...0x39])
  static let word = Scalars([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
  static let space = Scalars([
    0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029, 0x202F...0x202F,
    0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
  ])
  static let dot = Scalars([0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029]).complement
}
