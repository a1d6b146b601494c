/// A reference to a URI in its parts (RFC 3986, appendix B), as far as schemas need it to find one another.
struct URIReference: Hashable {
  var scheme: String?
  var authority: String?
  var path = ""
  var query: String?
  var fragment: String?

  init(_ text: String) {
    var rest = Substring(text)
    if let mark = rest.firstIndex(of: "#") {
      fragment = String(rest[rest.index(after: mark)...])
      rest = rest[..<mark]
    }
    if let mark = rest.firstIndex(of: "?") {
      query = String(rest[rest.index(after: mark)...])
      rest = rest[..<mark]
    }
    if let mark = rest.firstIndex(where: { ":/".contains($0) }), rest[mark] == ":", mark > rest.startIndex {
      scheme = rest[..<mark].lowercased()
      rest = rest[rest.index(after: mark)...]
    }
    if rest.hasPrefix("//") {
      rest = rest.dropFirst(2)
      let end = rest.firstIndex(of: "/") ?? rest.endIndex
      authority = String(rest[..<end])
      rest = rest[end...]
    }
    path = String(rest)
  }

  var isFragmentOnly: Bool { scheme == nil && authority == nil && path.isEmpty && query == nil }

  var withoutFragment: URIReference {
    var result = self
    result.fragment = nil
    return result
  }

  /// The target of a reference that stands in what has this URI (RFC 3986, section 5.2.2).
  func resolving(_ other: URIReference) -> URIReference {
    var result = other
    if other.scheme == nil {
      result.scheme = scheme
      if other.authority == nil {
        result.authority = authority
        if other.path.isEmpty {
          result.path = path
          result.query = other.query ?? query
          return result
        }
        if !other.path.hasPrefix("/") { result.path = directory + other.path }
      }
    }
    result.path = URIReference.withoutDots(result.path)
    return result
  }

  /// The path up to its last slash.
  private var directory: String {
    if let mark = path.lastIndex(of: "/") { return String(path[...mark]) }
    return authority == nil ? "" : "/"
  }

  private static func withoutDots(_ path: String) -> String {
    guard path.contains(".") else { return path }
    var kept: [Substring] = []
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    for (place, part) in parts.enumerated() {
      let isLast = place == parts.count - 1
      switch part {
      case ".": if isLast { kept.append("") }
      case "..":
        if kept.count > 1 || kept.first.map({ !$0.isEmpty }) ?? false { kept.removeLast() }
        if isLast { kept.append("") }
      default: kept.append(part)
      }
    }
    return kept.joined(separator: "/")
  }

  /// The bytes of a text with %XX resolved.
  static func unescaped(_ text: String) -> [UInt8] {
    var result: [UInt8] = []
    var bytes = Array(text.utf8)[...]
    while let byte = bytes.popFirst() {
      let digits = String(decoding: bytes.prefix(2), as: UTF8.self)
      if byte == UInt8(ascii: "%"), digits.utf8.count == 2, let value = UInt8(digits, radix: 16) {
        result.append(value)
        bytes = bytes.dropFirst(2)
      } else {
        result.append(byte)
      }
    }
    return result
  }
}
