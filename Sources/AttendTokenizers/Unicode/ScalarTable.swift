/// One of the generated tables: records of a fixed number of digits in base 64, the first four of which are a scalar
/// that rises from record to record.
struct ScalarTable: @unchecked Sendable {
  private let digits: UnsafePointer<UInt8>
  /// Digits of one record.
  private let width: Int
  let count: Int

  init(_ text: StaticString, width: Int) {
    self.digits = text.utf8Start
    self.width = width
    self.count = text.utf8CodeUnitCount / width
  }

  /// The number that `count` digits of record `index` spell, from digit `first` on.
  func number(_ index: Int, _ first: Int, _ count: Int) -> UInt32 {
    var value: UInt32 = 0
    for digit in 0..<count { value = value << 6 | UInt32(digits[index * width + first + digit] &- 48) }
    return value
  }

  func scalar(_ index: Int) -> UInt32 { number(index, 0, 4) }

  /// The last record whose scalar is at most `scalar`: the run that holds it.
  func run(of scalar: UInt32) -> Int? {
    var low = 0, high = count
    while low < high {
      let middle = (low + high) / 2
      if self.scalar(middle) <= scalar { low = middle + 1 } else { high = middle }
    }
    return low > 0 ? low - 1 : nil
  }

  /// The record of exactly `scalar`.
  func find(_ scalar: UInt32) -> Int? {
    guard let index = run(of: scalar), self.scalar(index) == scalar else { return nil }
    return index
  }
}
