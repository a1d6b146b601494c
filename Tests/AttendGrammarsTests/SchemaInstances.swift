import AttendBase
import AttendCheckpoints
import AttendGrammars
import Foundation
import Testing

/// A schema as a grammar over bytes, and the ways to write instances.
struct SchemaMatcher {
  private let compiled: CompiledGrammar

  /// Bytes as tokens: enough to ask whether a text is accepted.
  private static let bytes = Result {
    try TokenTable(count: 257, stops: [256]) { id, bytes throws(Failure) in
      if id < 256 { try bytes.append(UInt8(id)) }
    }
  }

  static let loose = JSONSchema.Options(anyWhitespace: true, strict: false)

  init(_ schema: JSON, _ options: JSONSchema.Options = loose) throws {
    compiled = try CompiledGrammar(JSONSchema.grammar(of: schema, options), SchemaMatcher.bytes.get())
  }

  init(_ schema: String, _ options: JSONSchema.Options = loose) throws {
    try self.init(SchemaMatcher.json(schema), options)
  }

  init(_ grammar: consuming Grammar) throws {
    compiled = try CompiledGrammar(grammar, SchemaMatcher.bytes.get())
  }

  func accepts(_ text: String) throws -> Bool {
    var matcher = try compiled.matcher()
    let bytes = Array(text.utf8)
    return try bytes.withUnsafeBufferPointer { try matcher.accept($0) } && matcher.mayStop()
  }

  static func json(_ text: String) throws -> JSON {
    let owner = Owner(text)
    return try JSON.parse(UnsafeRawBufferPointer(owner.bytes), file: "schema", owner: owner)
  }

  /// Keeps the bytes of a document where they are.
  private final class Owner: Sendable {
    nonisolated(unsafe) let bytes: UnsafeMutableBufferPointer<UInt8>

    init(_ text: String) {
      bytes = .allocate(capacity: text.utf8.count)
      _ = bytes.initialize(from: text.utf8)
    }

    deinit { bytes.deallocate() }
  }
}

/// Texts of a value. A number that is an integer is written as one, whatever way the file has it.
enum SchemaInstances {
  /// The most orders that are tried.
  private static let most = 2_000

  /// With the members in the order of the file.
  static func text(_ value: JSON) -> String { texts(value, allOrders: false)[0] }

  /// With the members in every order.
  static func texts(_ value: JSON, allOrders: Bool = true) -> [String] {
    switch value.kind {
    case .string: return [quoted(value.string!)]
    case .number: return [value.int.map { "\($0)" } ?? String(decoding: value.source, as: UTF8.self)]
    case .array:
      let parts = value.elements.map { texts($0, allOrders: allOrders) }
      return combinations(parts).map { "[" + $0.joined(separator: ",") + "]" }
    case .object:
      let members = value.members.map { (quoted($0.key.string!), texts($0.value, allOrders: allOrders)) }
      var all: [String] = []
      for order in allOrders ? permutations(of: members.count) : [Array(members.indices)] where all.count < most {
        let parts = order.map { place in members[place].1.map { members[place].0 + ":" + $0 } }
        all += combinations(parts).prefix(most - all.count).map { "{" + $0.joined(separator: ",") + "}" }
      }
      return all
    default: return [String(decoding: value.source, as: UTF8.self)]
    }
  }

  /// The ways to take one of each, the first of all first, and no more than `most`. What is lazy here would compute
  /// each of them anew for the next: with eight members that does not end.
  private static func combinations(_ parts: [[String]]) -> [[String]] {
    var all: [[String]] = [[]]
    for next in parts {
      var longer: [[String]] = []
      for one in all { longer += next.prefix(most - longer.count).map { one + [$0] } }
      all = longer
    }
    return all
  }

  /// The orders of `count` places, the one as they stand first, and no more than `most`.
  private static func permutations(of count: Int) -> [[Int]] {
    var all: [[Int]] = [[]]
    for place in 0..<count {
      var longer: [[Int]] = []
      for one in all {
        for hole in stride(from: place, through: 0, by: -1) where longer.count < most {
          longer.append(one[..<hole] + [place] + one[hole...])
        }
      }
      all = longer
    }
    return all
  }

  private static func quoted(_ text: String) -> String {
    let escapes: [UInt32: String] = [
      0x22: "\\\"", 0x5C: "\\\\", 8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r",
    ]
    var result = "\""
    for scalar in text.unicodeScalars {
      if let escape = escapes[scalar.value] {
        result += escape
      } else if scalar.value < 0x20 {
        result += String(format: "\\u%04x", scalar.value)
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
