import AttendBase

/// Ids with their logits as whole numbers, whose ascending order is that of descending logits and, among equals,
/// ascending ids.
enum Ordered {
  /// The upper half is the logit, whose bits are turned so that larger ones come first; the lower half is the id. No
  /// logit is NaN; infinity becomes the largest finite number, and -0 becomes 0.
  @inline(__always) static func key(_ value: Float, _ token: Int32) -> UInt64 {
    let bits = (min(value, .greatestFiniteMagnitude) + 0).bitPattern
    let turned = bits >> 31 == 0 ? ~bits & 0x7fff_ffff : bits
    return UInt64(turned) << 32 | UInt64(UInt32(bitPattern: token))
  }

  @inline(__always) static func value(_ key: UInt64) -> Float {
    let turned = UInt32(truncatingIfNeeded: key >> 32)
    return Float(bitPattern: turned >> 31 == 0 ? ~turned & 0x7fff_ffff : turned)
  }

  @inline(__always) static func token(_ key: UInt64) -> Int32 { Int32(truncatingIfNeeded: key) }
}

extension LogitsScratch {
  /// Puts the ids of a row, `[count]`, whose logits are at least `threshold` and above minus infinity into `order`; how
  /// many there are.
  func sortTokens(of row: UnsafePointer<Float>, _ count: Int, atLeast threshold: Double) -> Int {
    var bound = max(Float(threshold), -.greatestFiniteMagnitude)
    if Double(bound) > threshold { bound = max(bound.nextDown, -.greatestFiniteMagnitude) }
    let limits = SIMD16<Float>(repeating: bound)
    var found = 0, start = 0
    while start < count {
      let end = min(start + 16, count)
      // Most blocks hold none.
      let block = UnsafeRawPointer(row + start)
      if end - start < 16 || any(block.loadUnaligned(as: SIMD16<Float>.self) .>= limits) {
        for token in start..<end where row[token] >= bound {
          order[found] = Ordered.key(row[token], Int32(truncatingIfNeeded: token))
          found += 1
        }
      }
      start = end
    }
    sortKeys(found)
    return found
  }

  /// Puts the first `number` keys of `order` in order. Equal keys do not occur.
  func sortKeys(_ number: Int) { if number <= 48 { sortFew(number) } else { sortMany(number) } }

  /// Insertion sort.
  private func sortFew(_ number: Int) {
    for next in stride(from: 1, to: number, by: 1) {
      let key = order[next]
      var place = next
      while place > 0, order[place - 1] > key {
        order[place] = order[place - 1]
        place -= 1
      }
      order[place] = key
    }
  }

  /// Radix sort by digits of 11 bits, from the lowest on; of the upper half only where the ids ascend already.
  private func sortMany(_ number: Int) {
    let spare = weights.pointer(to: UInt64.self)
    var from = order, to = spare
    for shift in stride(from: isAscending(number) ? 32 : 0, to: 64, by: 11) {
      digits.update(repeating: 0, count: LogitsScratch.digitCount)
      for index in 0..<number { digits[Int(from[index] >> UInt64(shift) & 2047)] += 1 }
      // A digit that all share sorts nothing.
      if digits[Int(from[0] >> UInt64(shift) & 2047)] == number { continue }
      var place: Int32 = 0
      for digit in 0..<LogitsScratch.digitCount { (digits[digit], place) = (place, place + digits[digit]) }
      for index in 0..<number {
        let digit = Int(from[index] >> UInt64(shift) & 2047)
        to[Int(digits[digit])] = from[index]
        digits[digit] += 1
      }
      swap(&from, &to)
    }
    if from != order { order.update(from: spare, count: number) }
  }

  /// Whether the first `number` ids of `order` ascend.
  private func isAscending(_ number: Int) -> Bool {
    for index in 1..<number where Ordered.token(order[index - 1]) > Ordered.token(order[index]) { return false }
    return true
  }
}
