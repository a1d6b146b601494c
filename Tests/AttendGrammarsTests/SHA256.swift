/// SHA-256 (FIPS 180-4), for goldens that state it.
enum SHA256 {
  /// The first 32 bits of the fractional parts of roots of the first primes.
  private static func fractions(_ count: Int, _ root: (Double) -> Double) -> [UInt32] {
    let primes = (2...311).filter { number in !(2..<number).contains { number % $0 == 0 } }
    return primes.prefix(count).map { prime in
      let value = root(Double(prime))
      return UInt32((value - value.rounded(.down)) * 4_294_967_296)
    }
  }

  /// A cube root by Newton's method.
  private static func cubeRoot(_ value: Double) -> Double {
    var root = value
    for _ in 0..<200 { root -= (root * root * root - value) / (3 * root * root) }
    return root
  }

  private static let constants = fractions(64, cubeRoot)
  private static let start = fractions(8) { $0.squareRoot() }

  static func hexadecimal(_ message: [UInt8]) -> String {
    var padded = message + [0x80]
    while padded.count % 64 != 56 { padded.append(0) }
    for shift in stride(from: 56, through: 0, by: -8) { padded.append(UInt8((message.count * 8) >> shift & 0xFF)) }
    var state = start
    for block in stride(from: 0, to: padded.count, by: 64) { compress(padded[block..<block + 64], into: &state) }
    return state.map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 8 - digits.count) + digits
    }.joined()
  }

  private static func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 { word >> count | word << (32 - count) }

  private static func compress(_ block: ArraySlice<UInt8>, into state: inout [UInt32]) {
    var words: [UInt32] = []
    for start in stride(from: block.startIndex, to: block.endIndex, by: 4) {
      words.append(block[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) })
    }
    for place in 16..<64 {
      let (late, early) = (words[place - 2], words[place - 15])
      let first = rotated(early, 7) ^ rotated(early, 18) ^ early >> 3
      let second = rotated(late, 17) ^ rotated(late, 19) ^ late >> 10
      words.append(words[place - 16] &+ first &+ words[place - 7] &+ second)
    }
    var s = state
    for place in 0..<64 {
      let chosen: UInt32 = s[4] & s[5] ^ ~s[4] & s[6]
      let majority: UInt32 = s[0] & s[1] ^ s[0] & s[2] ^ s[1] & s[2]
      let late: UInt32 = rotated(s[4], 6) ^ rotated(s[4], 11) ^ rotated(s[4], 25)
      let early: UInt32 = rotated(s[0], 2) ^ rotated(s[0], 13) ^ rotated(s[0], 22)
      let first: UInt32 = s[7] &+ late &+ chosen &+ constants[place] &+ words[place]
      let second: UInt32 = early &+ majority
      s = [first &+ second, s[0], s[1], s[2], s[3] &+ first, s[4], s[5], s[6]]
    }
    for place in 0..<8 { state[place] &+= s[place] }
  }
}
