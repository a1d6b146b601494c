import AttendBase

/// The scalars, put into classes that no set of an expression tells apart.
struct ScalarClasses: Sendable {
  /// Classes are numbered from 0; the edge of the text is the one after the last.
  let count: Int
  var edge: Int { count }
  /// A scalar of each class.
  let examples: TextStorage<UInt32>
  /// Pages of 256 scalars that are alike are kept once: the page of each 256 scalars, then the classes by page. The
  /// first page is the first that is kept.
  private let pages: AlignedBuffer
  private let entries: TextStorage<UInt16>
  private static let pageCount = 0x110000 >> 8
  private static let purpose = "a regular expression"

  init(_ sets: [ScalarSet], _ budget: inout RegexBudget, name: String) throws(Failure) {
    let cuts = try ScalarClasses.cuts(sets, &budget, name)
    let parts = try ScalarClasses.split(cuts, sets, &budget, name)
    var numbers = try ScalarClasses.list(of: (parts.elements.max() ?? 0) + 1, ScalarClasses.none)  // of each part
    var classes = GrowingList<UInt16>(for: ScalarClasses.purpose)  // of each stretch
    var examples = GrowingList<UInt32>(for: ScalarClasses.purpose)
    for (stretch, part) in parts.elements.enumerated() {
      if numbers[part] == ScalarClasses.none {
        guard examples.count < Int(ScalarClasses.none) else {
          throw RegexBudget.exceeded(name, "more than \(ScalarClasses.none) classes of characters")
        }
        numbers[part] = UInt16(examples.count)
        try examples.append(cuts[stretch])
      }
      try classes.append(numbers[part])
    }
    count = examples.count
    (pages, entries) = try ScalarClasses.table(cuts, classes)
    self.examples = TextStorage(examples)
  }

  private static let none = UInt16.max

  private static func list<Element: BitwiseCopyable>(
    of count: Int, _ value: Element
  ) throws(Failure) -> GrowingList<Element> {
    var list = GrowingList<Element>(for: purpose)
    try list.reserve(count)
    list.resize(to: count, filling: value)
    return list
  }

  /// The scalars at which some set begins or ends, in order.
  private static func cuts(
    _ sets: [ScalarSet], _ budget: inout RegexBudget, _ name: String
  ) throws(Failure) -> GrowingList<UInt32> {
    var cuts = try list(of: 1, 0 as UInt32)
    for set in sets {
      try budget.spend(set.ranges.count, name)
      for range in set.ranges {
        try cuts.append(range.lowerBound)
        if range.upperBound < ScalarSet.last { try cuts.append(range.upperBound + 1) }
      }
    }
    try cuts.sort(by: <)
    var kept = 1
    for index in 1..<max(cuts.count, 1) where cuts[index] != cuts[kept - 1] {
      cuts[kept] = cuts[index]
      kept += 1
    }
    cuts.removeAll(from: kept)
    return cuts
  }

  /// The part of each stretch between two cuts: every set splits the parts of the stretches that it holds.
  private static func split(
    _ cuts: borrowing GrowingList<UInt32>, _ sets: [ScalarSet], _ budget: inout RegexBudget, _ name: String
  ) throws(Failure) -> GrowingList<Int> {
    struct Split {
      var set = -1  // the last one that has split the part
      var part = 0  // what it split off
    }
    var parts = try list(of: cuts.count, 0)
    var splits = try list(of: 1, Split())  // of each part
    for (number, set) in sets.enumerated() {
      for range in set.ranges {
        var stretch = cuts.elements.partition { $0 < range.lowerBound }
        while stretch < cuts.count, cuts[stretch] <= range.upperBound {
          try budget.spend(1, name)
          let old = parts[stretch]
          if splits[old].set != number {
            splits[old] = Split(set: number, part: splits.count)
            try splits.append(Split())
          }
          parts[stretch] = splits[old].part
          stretch += 1
        }
      }
    }
    return parts
  }

  private static func table(
    _ cuts: borrowing GrowingList<UInt32>, _ classes: borrowing GrowingList<UInt16>
  ) throws(Failure) -> (AlignedBuffer, TextStorage<UInt16>) {
    let pages = try AlignedBuffer(pageCount, of: UInt16.self, for: purpose)
    let pageNumbers = pages.pointer(to: UInt16.self)
    var uniform = try list(of: Int(classes.elements.max() ?? 0) + 1, none)  // pages of one class, by the class
    let kept = try TokenMap(capacity: 16)  // pages by their bytes
    var content = GrowingList<UInt16>(for: purpose)
    var stretch = 0
    for number in 0..<pageCount {
      let first = UInt32(number << 8)
      while stretch + 1 < cuts.count, cuts[stretch + 1] <= first { stretch += 1 }
      let isUniform = stretch + 1 == cuts.count || cuts[stretch + 1] >= first + 256
      let uniformClass = Int(classes[stretch])
      if isUniform, uniform[uniformClass] != none {
        pageNumbers[number] = uniform[uniformClass]
        continue
      }
      let start = content.count
      for offset in 0..<256 {
        while stretch + 1 < cuts.count, cuts[stretch + 1] <= first + UInt32(offset) { stretch += 1 }
        try content.append(classes[stretch])
      }
      let page = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(content.elements)[(2 * start)...])
      let bytes = page.assumingMemoryBound(to: UInt8.self)
      let known = kept.find(bytes)
      if known >= 0 { content.removeAll(from: start) } else { try kept.insert(bytes, Int32(start / 256)) }
      pageNumbers[number] = known >= 0 ? UInt16(known) : UInt16(start / 256)
      if isUniform { uniform[uniformClass] = pageNumbers[number] }
    }
    return (pages, TextStorage(content))
  }

  /// For loops: the tables in memory, which live as long as `self`.
  var lookup: Lookup {
    entries.withUnsafeBufferPointer { Lookup(pages: pages.pointer(), entries: $0.baseAddress!) }
  }

  struct Lookup {
    fileprivate let pages: UnsafePointer<UInt16>
    fileprivate let entries: UnsafePointer<UInt16>

    fileprivate init(pages: UnsafeMutablePointer<UInt16>, entries: UnsafePointer<UInt16>) {
      self.pages = UnsafePointer(pages)
      self.entries = entries
    }

    /// The class of a scalar.
    @inline(__always) subscript(scalar: UInt32) -> Int {
      if scalar < 256 { return Int(entries[Int(scalar)]) }
      return Int(entries[Int(pages[Int(scalar >> 8)]) << 8 | Int(scalar & 255)])
    }
  }
}
