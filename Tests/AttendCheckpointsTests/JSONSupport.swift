import AttendBase
import AttendCheckpoints
import AttendTestSupport
import Foundation

/// Parses text that lives as long as the result.
func parseJSON(_ bytes: [UInt8]) throws(Failure) -> JSON {
  let text = TextBytes(bytes)
  return try JSON.parse(text.bytes, file: "test.json", owner: text)
}

func parseJSON(_ text: String) throws(Failure) -> JSON { try parseJSON(Array(text.utf8)) }

/// Bytes in memory of their own, so that a read beyond their end is not hidden by what an array has spare.
final class TextBytes: @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer

  init(_ content: [UInt8]) {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: content.count, alignment: 1)
    memory.copyBytes(from: content)
    bytes = UnsafeRawBufferPointer(memory)
  }

  deinit { bytes.deallocate() }
}

/// The value as Foundation's JSONSerialization would give it.
func foundationValue(_ json: JSON) -> NSObject {
  switch json.kind {
  case .null: NSNull()
  case .bool: json.bool! as NSNumber
  case .number: json.int.map { $0 as NSNumber } ?? json.double! as NSNumber
  case .string: json.string! as NSString
  case .array: json.elements.map(foundationValue) as NSArray
  case .object:
    Dictionary(json.members.map { ($0.string!, foundationValue($1)) }, uniquingKeysWith: { $1 }) as NSDictionary
  }
}

extension SplitMix {
  /// A byte that means something to a parser, more often than not.
  mutating func interestingByte() -> UInt8 {
    below(2) == 0
      ? Array("{}[]\",:\\u0123456789-+.eE \n\u{0}tfnNI".utf8).randomElement(using: &self)! : UInt8(below(256))
  }

  /// A random JSON text, valid.
  mutating func document(depth: Int) -> String {
    let space = [" ", "", "", "\n", "\t"].randomElement(using: &self)!
    switch below(depth > 0 ? 8 : 5) {
    case 0: return ["true", "false", "null"].randomElement(using: &self)! + space
    case 1: return "\(Int(bitPattern: UInt(next())) >> (11 + below(53)))"  // what a Double holds too
    case 2: return "\(Double(below(2_000_001) - 1_000_000) / 1024)"
    case 3, 4: return string() + space
    case 5, 6:
      return "[" + space + (0..<below(5)).map { _ in document(depth: depth - 1) }.joined(separator: "," + space) + "]"
    default:
      return "{" + space
        + (0..<below(5)).map { "\"\($0)" + string().dropFirst() + space + ":" + document(depth: depth - 1) }.joined(
          separator: ",") + "}"
    }
  }

  private mutating func string() -> String {
    let pieces = [
      "a", "Bc", "é", "中", "😀", "\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\u00e9", "\\ud83d\\ude00", "\u{7F}", " ",
    ]
    return "\"" + (0..<below(8)).map { _ in pieces.randomElement(using: &self)! }.joined() + "\""
  }
}
