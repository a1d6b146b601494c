import AttendBase

extension RegularExpressions {
  /// One character of intervals that are in order and hold no surrogates, as its UTF-8.
  mutating func characters(_ intervals: some Collection<Grammar.Interval>) throws(Failure) -> Int32 {
    let mark = beginParts()
    for interval in intervals {
      var low = interval.low
      // Characters of one length at a time.
      for last in [0x7F, 0x7FF, 0xFFFF, 0x10FFFF] as [UInt32] where low <= min(last, interval.high) {
        try addEncodings(low, min(last, interval.high))
        low = last + 1
      }
    }
    return try choice(ofPartsFrom: mark)
  }

  /// Adds sequences of sets of bytes for the characters `[low, high]`, which are equally long: wherever the trailing
  /// bytes do not run through all their values, the interval is cut.
  private mutating func addEncodings(_ low: UInt32, _ high: UInt32) throws(Failure) {
    var low = low
    while low <= high {
      var last = high
      for trailing in 1...3 as ClosedRange<UInt32> {
        let mask: UInt32 = (1 << (6 * trailing)) - 1
        guard low & ~mask != last & ~mask else { break }
        if low & mask != 0 {
          last = low | mask
        } else if last & mask != mask {
          last = (last & ~mask) - 1
        }
      }
      try addPart(encoding(low, last))
      low = last + 1
    }
  }

  /// The characters `[low, high]`, of whose bytes each runs by itself.
  private mutating func encoding(_ low: UInt32, _ high: UInt32) throws(Failure) -> Int32 {
    if low < 0x80 { return try bytes(ByteSet(UInt8(low), UInt8(high))) }
    let count: UInt32 = low < 0x800 ? 1 : low < 0x10000 ? 2 : 3
    var whole = RegularExpressions.empty
    for place in 0..<count {
      let (first, last) = (low >> (6 * place) & 0x3F, high >> (6 * place) & 0x3F)
      whole = try sequence(bytes(ByteSet(UInt8(0x80 | first), UInt8(0x80 | last))), whole)
    }
    let lead: UInt32 = count == 1 ? 0xC0 : count == 2 ? 0xE0 : 0xF0
    let set = ByteSet(UInt8(lead | low >> (6 * count)), UInt8(lead | high >> (6 * count)))
    return try sequence(bytes(set), whole)
  }
}
