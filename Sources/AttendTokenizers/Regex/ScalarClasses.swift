import AttendBase

/// The scalars, put into classes that no set of an expression tells apart.
struct ScalarClasses: Sendable {
  /// Classes are numbered from 0; the edge of the text is the one after the last.
  let count: Int
  var edge: Int { count }
  /// A scalar of each class.
  let examples: [UInt32]
  /// Pages of 256 scalars that are alike are kept once: the page of each 256 scalars, then the classes by page. The
  /// first page is the first that is kept.
  private let pages: AlignedBuffer
  private let entries: AlignedBuffer
  private static let pageCount = 0x110000 >> 8

  init(_ sets: [ScalarSet], _ budget: inout RegexBudget, name: String) throws(Failure) {
    let cuts = try ScalarClasses.cuts(sets, &budget, name)
    // Every set splits the classes of the stretches that it holds: a stretch lies between two cuts.
    var classes = [Int](repeating: 0, count: cuts.count)
    var used = 1
    for set in sets {
      var parts: [Int: Int] = [:]
      for range in set.ranges {
        var stretch = ScalarClasses.stretch(range.lowerBound, cuts)
        while stretch < cuts.count, cuts[stretch] <= range.upperBound {
          try budget.spend(1, name)
          let old = classes[stretch]
          if parts[old] == nil {
            parts[old] = used
            used += 1
          }
          classes[stretch] = parts[old]!
          stretch += 1
        }
      }
    }
    var numbers: [Int: UInt16] = [:]
    var examples: [UInt32] = []
    for (stretch, number) in classes.enumerated() where numbers[number] == nil {
      guard examples.count < Int(UInt16.max) else {
        throw RegexBudget.exceeded(name, "more than \(UInt16.max) classes of characters")
      }
      numbers[number] = UInt16(examples.count)
      examples.append(cuts[stretch])
    }
    self.count = examples.count
    self.examples = examples
    (pages, entries) = try ScalarClasses.table(cuts, classes.map { numbers[$0]! })
  }

  /// The scalars at which some set begins or ends, in order.
  private static func cuts(
    _ sets: [ScalarSet], _ budget: inout RegexBudget, _ name: String
  ) throws(Failure) -> [UInt32] {
    var cuts: Set<UInt32> = [0]
    for set in sets {
      try budget.spend(set.ranges.count, name)
      for range in set.ranges {
        cuts.insert(range.lowerBound)
        if range.upperBound < ScalarSet.last { cuts.insert(range.upperBound + 1) }
      }
    }
    return cuts.sorted()
  }

  /// The index of a cut.
  private static func stretch(_ cut: UInt32, _ cuts: [UInt32]) -> Int {
    var low = 0, high = cuts.count
    while low < high {
      let middle = (low + high) / 2
      if cuts[middle] < cut { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private static func table(
    _ cuts: [UInt32], _ classes: [UInt16]
  ) throws(Failure) -> (AlignedBuffer, AlignedBuffer) {
    let pages = try AlignedBuffer(pageCount, of: UInt16.self, for: "a regular expression")
    let pageNumbers = pages.pointer(to: UInt16.self)
    var uniform: [UInt16: UInt16] = [:]  // pages of one class, by the class
    var kept: [[UInt16]: UInt16] = [:]
    var content: [UInt16] = []
    var stretch = 0
    var page = [UInt16](repeating: 0, count: 256)
    for number in 0..<pageCount {
      let first = UInt32(number << 8)
      while stretch + 1 < cuts.count, cuts[stretch + 1] <= first { stretch += 1 }
      let isUniform = stretch + 1 == cuts.count || cuts[stretch + 1] >= first + 256
      if isUniform, let known = uniform[classes[stretch]] {
        pageNumbers[number] = known
        continue
      }
      for offset in 0..<256 {
        while stretch + 1 < cuts.count, cuts[stretch + 1] <= first + UInt32(offset) { stretch += 1 }
        page[offset] = classes[stretch]
      }
      if kept[page] == nil {
        kept[page] = UInt16(kept.count)
        content += page
      }
      pageNumbers[number] = kept[page]!
      if isUniform { uniform[page[0]] = kept[page]! }
    }
    let entries = try AlignedBuffer(content.count, of: UInt16.self, for: "a regular expression")
    entries.pointer(to: UInt16.self).update(from: content, count: content.count)
    return (pages, entries)
  }

  /// For loops: the tables in memory, which live as long as `self`.
  var lookup: Lookup { Lookup(pages: pages.pointer(), entries: entries.pointer()) }

  struct Lookup {
    fileprivate let pages: UnsafePointer<UInt16>
    fileprivate let entries: UnsafePointer<UInt16>

    fileprivate init(pages: UnsafeMutablePointer<UInt16>, entries: UnsafeMutablePointer<UInt16>) {
      self.pages = UnsafePointer(pages)
      self.entries = UnsafePointer(entries)
    }

    /// The class of a scalar.
    @inline(__always) subscript(scalar: UInt32) -> Int {
      if scalar < 256 { return Int(entries[Int(scalar)]) }
      return Int(entries[Int(pages[Int(scalar >> 8)]) << 8 | Int(scalar & 255)])
    }
  }
}
