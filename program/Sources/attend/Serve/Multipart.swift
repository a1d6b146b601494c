/// A form with files (multipart/form-data, RFC 7578).
struct Multipart {
  struct Part {
    var name: String
    var file: String?
    var bytes: ArraySlice<UInt8>
    var text: String { String(decoding: bytes, as: UTF8.self) }
  }
  let parts: [Part]

  init(_ type: String, _ body: [UInt8]) throws(APIError) {
    guard type.lowercased().hasPrefix("multipart/form-data"), let boundary = Multipart.parameter("boundary", type),
      !boundary.isEmpty
    else {
      throw APIError(
        status: 415, message: "The Content-Type is \"\(type)\"; this takes multipart/form-data.",
        code: "unsupported_media_type")
    }
    guard let parts = Multipart.split(body, Array("--\(boundary)".utf8)) else {
      throw .invalid("The body is no whole multipart/form-data.", code: "invalid_form")
    }
    self.parts = parts
  }

  subscript(name: String) -> Part? { parts.last { $0.name == name } }

  /// The parts between boundaries; nil: the last boundary is missing, or a head is none.
  private static func split(_ body: [UInt8], _ boundary: [UInt8]) -> [Part]? {
    guard var place = find(boundary, in: body, from: 0) else { return nil }
    let separator = [13, 10] + boundary
    var parts: [Part] = []
    while true {
      place += place == 0 || parts.isEmpty ? boundary.count : separator.count
      if body[place...].starts(with: [45, 45]) { return parts }
      guard let line = find([13, 10], in: body, from: place), let end = find(separator, in: body, from: line),
        let blank = find([13, 10, 13, 10], in: body, from: line), blank < end,
        let part = part(String(decoding: body[line..<blank], as: UTF8.self), body[(blank + 4)..<max(blank + 4, end)])
      else { return nil }
      parts.append(part)
      guard parts.count <= 64 else { return nil }
      place = end
    }
  }

  private static func part(_ head: String, _ bytes: ArraySlice<UInt8>) -> Part? {
    for line in head.split(whereSeparator: \.isNewline) where line.lowercased().hasPrefix("content-disposition:") {
      guard let name = parameter("name", String(line)) else { return nil }
      return Part(name: name, file: parameter("filename", String(line)), bytes: bytes)
    }
    return nil
  }

  /// The value of `; name=value` or `; name="value"` in a header.
  private static func parameter(_ name: String, _ header: String) -> String? {
    for part in header.split(separator: ";").dropFirst() {
      let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard sides.count == 2, String(sides[0]).trimmed.lowercased() == name else { continue }
      let value = String(sides[1]).trimmed
      return value.hasPrefix("\"") && value.hasSuffix("\"") && value.count > 1
        ? String(value.dropFirst().dropLast()) : value
    }
    return nil
  }

  /// Where bytes begin in others, from a place on.
  private static func find(_ wanted: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
    bytes.withUnsafeBufferPointer { bytes in
      var place = start
      while place + wanted.count <= bytes.count {
        if bytes[place] == wanted[0] {
          var same = 1
          while same < wanted.count && bytes[place + same] == wanted[same] { same += 1 }
          if same == wanted.count { return place }
        }
        place += 1
      }
      return nil
    }
  }
}
