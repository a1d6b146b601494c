import Foundation

/// A folder that is gone after the test.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("attend-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

  func write(_ name: String, _ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name)) }
}

/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers in every run.
struct SplitMix: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

  /// A byte that means something to a parser, more often than not.
  mutating func interestingByte() -> UInt8 {
    below(2) == 0 ? Array("{}[]\",:\\u0123456789-+.eE \n\u{0}tfnNI".utf8).randomElement(using: &self)! : UInt8(below(256))
  }

  /// A random JSON text, valid.
  mutating func document(depth: Int) -> String {
    let space = [" ", "", "", "\n", "\t"].randomElement(using: &self)!
    switch below(depth > 0 ? 8 : 5) {
    case 0: return ["true", "false", "null"].randomElement(using: &self)! + space
    case 1: return "\(Int(bitPattern: UInt(next())) >> (11 + below(53)))"  // what a Double holds too
    case 2: return "\(Double(below(2_000_001) - 1_000_000) / 1024)"
    case 3, 4: return string() + space
    case 5, 6: return "[" + space + (0..<below(5)).map { _ in document(depth: depth - 1) }.joined(separator: "," + space) + "]"
    default:
      return "{" + space + (0..<below(5)).map { "\"\($0)" + string().dropFirst() + space + ":" + document(depth: depth - 1) }.joined(separator: ",") + "}"
    }
  }

  private mutating func string() -> String {
    let pieces = ["a", "Bc", "é", "中", "😀", "\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\u00e9", "\\ud83d\\ude00", "\u{7F}", " "]
    return "\"" + (0..<below(8)).map { _ in pieces.randomElement(using: &self)! }.joined() + "\""
  }
}
