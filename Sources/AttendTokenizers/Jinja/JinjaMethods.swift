import AttendBase
import Glibc

/// Methods of strings and dictionaries, and the functions that every template has.
enum JinjaMethods {
  static func call(
    _ name: String, on object: JinjaValue, _ call: JinjaCall, _ context: JinjaInterpreter
  ) throws(Failure) -> JinjaValue {
    switch object {
    case .string(let text): return try string(name, text, call, context)
    case .dictionary(let dictionary):
      switch name {
      case "items": return .list(dictionary.keys.map { .list([.string($0), dictionary[$0]!]) })
      case "keys": return .list(dictionary.keys.map { .string($0) })
      case "values": return .list(dictionary.keys.map { dictionary[$0]! })
      case "get": return dictionary[call.positional.first?.text ?? ""] ?? call.argument(1, "default") ?? .none
      case "copy": return object
      default: break
      }
    case .list(let items):
      switch name {
      case "index":
        guard let wanted = call.positional.first, let index = items.firstIndex(where: { JinjaValue.equals($0, wanted) })
        else { throw context.failure("index: the value is not in the list") }
        return .int(index)
      case "count":
        return .int(call.positional.first.map { wanted in items.count { JinjaValue.equals($0, wanted) } } ?? 0)
      default: break
      }
    case .undefined(let base): throw context.failure("\(base) is undefined, and has no method \(name)")
    default: break
    }
    throw context.unsupported("the method \(name) of \(object.typeName)")
  }

  private static func string(
    _ name: String, _ text: String, _ call: JinjaCall, _ context: JinjaInterpreter
  ) throws(Failure) -> JinjaValue {
    let first = call.positional.first
    func argument() throws(Failure) -> String {
      guard case .string(let value)? = first else { throw context.failure("\(name) takes a string") }
      return value
    }
    switch name {
    case "strip", "lstrip", "rstrip":
      return .string(
        strip(
          text, first.flatMap { if case .string(let set) = $0 { set } else { nil } }, left: name != "rstrip",
          right: name != "lstrip"))
    case "upper": return .string(text.uppercased())
    case "lower": return .string(text.lowercased())
    case "title": return .string(title(text))
    case "capitalize": return .string(capitalize(text))
    case "startswith", "endswith":
      return .bool(try affixes(first, name, context).contains { hasAffix(text, $0, atStart: name == "startswith") })
    case "split", "rsplit": return try split(text, call, fromEnd: name == "rsplit", context)
    case "splitlines": return .list(lines(text).map { .string($0) })
    case "replace":
      guard call.positional.count >= 2, case .string(let old) = call.positional[0],
        case .string(let new) = call.positional[1]
      else { throw context.failure("replace takes two strings") }
      return .string(replace(text, old, new, count: call.argument(2, "count")?.integer ?? -1))
    case "find":
      guard let place = JinjaOperations.find(Array(try argument().utf8), in: Array(text.utf8), from: 0) else {
        return .int(-1)
      }
      return .int(Array(text.utf8)[..<place].count { !UTF8Text.isContinuation($0) })
    case "count":
      return .int(
        replace(text, try argument(), "\u{0}").unicodeScalars.count { $0 == "\u{0}" }
          - text.unicodeScalars.count { $0 == "\u{0}" })
    case "join":
      guard let list = first else { throw context.failure("join takes a list") }
      return .string(try context.items(of: list).map(\.text).joined(separator: text))
    case "isdigit":
      return .bool(
        !text.isEmpty && text.unicodeScalars.allSatisfy { UnicodeData.properties[$0.value].category == .decimalNumber })
    case "isalpha":
      return .bool(!text.isEmpty && text.unicodeScalars.allSatisfy { UnicodeData.properties[$0.value].isLetter })
    case "isspace":
      return .bool(!text.isEmpty && text.unicodeScalars.allSatisfy { UnicodeData.properties[$0.value].isWhitespace })
    default: throw context.unsupported("the method \(name) of str")
    }
  }

  /// One string, or a list of them.
  private static func affixes(
    _ value: JinjaValue?, _ name: String, _ context: JinjaInterpreter
  ) throws(Failure) -> [String] {
    switch value {
    case .string(let text)?: return [text]
    case .list(let items)?: return items.map(\.text)
    default: throw context.failure("\(name) takes a string")
    }
  }

  private static func hasAffix(_ text: String, _ affix: String, atStart: Bool) -> Bool {
    atStart ? text.utf8.starts(with: affix.utf8) : text.utf8.reversed().starts(with: affix.utf8.reversed())
  }

  static func strip(_ text: String, _ set: String?, left: Bool = true, right: Bool = true) -> String {
    let wanted = set.map { Set($0.unicodeScalars) }
    func isStripped(_ scalar: Unicode.Scalar) -> Bool {
      wanted.map { $0.contains(scalar) } ?? UnicodeData.properties[scalar.value].isWhitespace
    }
    var scalars = Substring(text).unicodeScalars
    while left, let scalar = scalars.first, isStripped(scalar) { scalars.removeFirst() }
    while right, let scalar = scalars.last, isStripped(scalar) { scalars.removeLast() }
    return String(scalars)
  }

  static func replace(_ text: String, _ old: String, _ new: String, count: Int = -1) -> String {
    guard !old.isEmpty, count != 0 else { return text }
    let bytes = Array(text.utf8), wanted = Array(old.utf8)
    var result: [UInt8] = []
    var place = 0, done = 0
    while count < 0 || done < count, let found = JinjaOperations.find(wanted, in: bytes, from: place) {
      result += bytes[place..<found] + Array(new.utf8)
      place = found + wanted.count
      done += 1
    }
    return String(decoding: result + bytes[place...], as: UTF8.self)
  }

  private static func split(
    _ text: String, _ call: JinjaCall, fromEnd: Bool, _ context: JinjaInterpreter
  ) throws(Failure) -> JinjaValue {
    let limit = call.argument(1, "maxsplit")?.integer ?? -1
    guard case .string(let separator)? = call.argument(0, "sep") else {
      let words = text.unicodeScalars.split { UnicodeData.properties[$0.value].isWhitespace }.map {
        JinjaValue.string(String($0))
      }
      guard limit < 0 || words.count <= limit + 1 else {
        throw context.unsupported("split at white space with a limit")
      }
      return .list(words)
    }
    guard !separator.isEmpty else { throw context.failure("split takes a separator that is not empty") }
    let bytes = Array(text.utf8), wanted = Array(separator.utf8)
    var cuts: [Int] = []
    var place = 0
    while let found = JinjaOperations.find(wanted, in: bytes, from: place) {
      cuts.append(found)
      place = found + wanted.count
    }
    if limit >= 0 { cuts = Array(fromEnd ? cuts.suffix(limit) : cuts.prefix(limit)) }
    var parts: [JinjaValue] = []
    place = 0
    for cut in cuts {
      parts.append(.string(String(decoding: bytes[place..<cut], as: UTF8.self)))
      place = cut + wanted.count
    }
    return .list(parts + [.string(String(decoding: bytes[place...], as: UTF8.self))])
  }

  private static func lines(_ text: String) -> [String] {
    var lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
    if lines.last == "" { lines.removeLast() }
    return lines
  }

  static func title(_ text: String) -> String {
    var result = "", inWord = false
    for scalar in text.unicodeScalars {
      let isLetter = UnicodeData.properties[scalar.value].isLetter
      result +=
        isLetter
        ? (inWord ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping) : String(Character(scalar))
      inWord = isLetter
    }
    return result
  }

  static func capitalize(_ text: String) -> String {
    guard let first = text.unicodeScalars.first else { return text }
    return first.properties.titlecaseMapping + String(text.unicodeScalars.dropFirst()).lowercased()
  }

  // MARK: Functions

  static func function(_ name: String, _ call: JinjaCall, _ context: JinjaInterpreter) throws(Failure) -> JinjaValue {
    switch name {
    case "raise_exception": throw context.failure(call.positional.first?.text ?? "")
    case "namespace", "dict":
      var dictionary = JinjaDictionary()
      if case .dictionary(let given)? = call.positional.first { dictionary = given }
      for (key, value) in call.named.sorted(by: { $0.key < $1.key }) { dictionary[key] = value }
      guard name == "namespace" else { return .dictionary(dictionary) }
      let namespace = JinjaNamespace()
      namespace.attributes = dictionary
      return .namespace(namespace)
    case "range":
      let numbers = call.positional.compactMap(\.integer)
      guard (1...3).contains(numbers.count), numbers.count == call.positional.count else {
        throw context.failure("range takes one to three numbers")
      }
      let start = numbers.count > 1 ? numbers[0] : 0, stop = numbers.count > 1 ? numbers[1] : numbers[0],
        step = numbers.count > 2 ? numbers[2] : 1
      let (distance, overflow) = stop.subtractingReportingOverflow(start)
      guard step != 0, step != Int.min, !overflow, distance / step < 1_000_000 else {
        throw context.failure("range(\(start), \(stop), \(step)) is too long")
      }
      return .list(stride(from: start, to: stop, by: step).map { .int($0) })
    default: return .string(try now(call.positional.first?.text ?? "", context))
    }
  }

  /// `strftime_now`: the local time, spelled as a pattern asks.
  private static func now(_ pattern: String, _ context: JinjaInterpreter) throws(Failure) -> String {
    var seconds = time(nil)
    var parts = tm()
    localtime_r(&seconds, &parts)
    var buffer = [CChar](repeating: 0, count: 512)
    let count = strftime(&buffer, buffer.count, pattern, &parts)
    guard count > 0 || pattern.isEmpty else { throw context.failure("strftime_now(\"\(pattern)\") is too long") }
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
