import AttendBase
import AttendCheckpoints

/// A function that a model wants called.
package struct ToolCall: Sendable, Equatable {
  package let name: String
  /// The text of a JSON object, as the model wrote it.
  package let arguments: String

  package init(name: String, arguments: String) {
    (self.name, self.arguments) = (name, arguments)
  }
}

/// What a model wrote, taken apart: the calls, the text around them, and what looked like a call and could not be read.
/// Nothing is dropped: every byte is in one of the three, or is a mark or white space between them.
package struct ToolCallReader {
  package private(set) var calls: [ToolCall] = []
  package private(set) var content = ""
  /// A sentence for each part that could not be read, with its beginning.
  package private(set) var problems: [String] = []

  private let bytes: [UInt8]
  private var position = 0

  /// Reads a text; without a format, in the one whose marks are in it. Throws `outOfMemory` only.
  package static func read(_ text: String, _ format: ToolCallFormat? = nil) throws(Failure) -> ToolCallReader {
    var reader = ToolCallReader(bytes: Array(text.utf8))
    let format = format ?? reader.detected
    switch format {
    case .hermes: try reader.readHermes()
    case .llama3: try reader.readObjects(behind: "<|python_tag|>")
    case .mistral, .mistralNamed: try reader.readMistral()
    case .deepSeek, .deepSeekNamed: try reader.readDeepSeek()
    case .functionTag: try reader.readFunctionTags()
    case .granite: try reader.readArrays(behind: "<|tool_call|>", closedBy: "<|/tool_call|>")
    case .commandR: try reader.readArrays(behind: "Action:", in: "```json", closedBy: "```")
    case .commandR7B: try reader.readArrays(behind: "<|START_ACTION|>", closedBy: "<|END_ACTION|>")
    case .harmony: try reader.readHarmony()
    case .json: try reader.readObjects(behind: nil)
    }
    for mark in format.form.around { reader.content = reader.content.replacing(mark) }
    return reader
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private static let functionOpen = "<function="
  private static let functionClose = "</function>"

  private var detected: ToolCallFormat {
    if find("<tool_call>", from: 0) != nil { return .hermes }
    if find("[TOOL_CALLS]", from: 0) != nil { return .mistral }
    if find(DeepSeekMarks.begin, from: 0) != nil { return .deepSeek }
    if find("<|tool_call|>", from: 0) != nil { return .granite }
    if find("<|START_ACTION|>", from: 0) != nil { return .commandR7B }
    if find("Action:", from: 0) != nil, find("\"tool_name\"", from: 0) != nil { return .commandR }
    if find(HarmonyMarks.message, from: 0) != nil { return .harmony }
    if find(ToolCallReader.functionOpen, from: 0) != nil { return .functionTag }
    return find("<|python_tag|>", from: 0) != nil ? .llama3 : .json
  }
}

// MARK: - Formats

extension ToolCallReader {
  private mutating func readHermes() throws(Failure) {
    while skipContent(to: "<tool_call>") {
      let start = position
      try readValue(until: "</tool_call>", from: start)
    }
  }

  /// Objects one after another. Text that does not begin like one is content, where no mark says that it is a call.
  private mutating func readObjects(behind mark: String?) throws(Failure) {
    var isMarked = false
    if let mark, find(mark, from: 0) != nil { isMarked = skipContent(to: mark) }
    skip(" \n\r\t")
    guard isMarked || position < bytes.count && "{[".utf8.contains(bytes[position]) else {
      content = String(decoding: bytes, as: UTF8.self)
      return
    }
    while position < bytes.count {
      let start = position
      guard "{[".utf8.contains(bytes[start]), let end = valueEnd(from: start) else {
        return report(start, bytes.count, "it is no JSON object")
      }
      position = end
      try take(start, end)
      skip(" \n\r\t;")
      while let mark, starts(with: mark) {
        position += mark.utf8.count
        skip(" \n\r\t")
      }
    }
  }

  private mutating func readMistral() throws(Failure) {
    while skipContent(to: "[TOOL_CALLS]") {
      skip(" \n\r\t")
      let start = position
      if position < bytes.count, bytes[position] == UInt8(ascii: "[") || bytes[position] == UInt8(ascii: "{") {
        guard let end = valueEnd(from: start) else { return report(start, bytes.count, "its array has no end") }
        position = end
        try take(start, end)
        continue
      }
      guard let mark = find("[ARGS]", from: start), let end = valueEnd(from: mark + 6) else {
        return report(start, bytes.count, "neither an array nor a name with [ARGS] and an object follows")
      }
      position = end
      try call(trimmed(start, mark), argumentsFrom: mark + 6, to: end)
    }
  }

  /// Values behind marks, maybe in a block of code, which may be closed.
  private mutating func readArrays(
    behind open: String, in block: String = "", closedBy close: String
  ) throws(Failure) {
    while skipContent(to: open) {
      skip(" \n\r\t")
      if starts(with: block) { position += block.utf8.count }
      skip(" \n\r\t")
      let start = position
      guard let end = valueEnd(from: start) else { return report(start, bytes.count, "its array has no end") }
      position = end
      try take(start, end)
      skip(" \n\r\t")
      if starts(with: close) { position += close.utf8.count }
    }
  }

  /// Messages, each behind a header. Calls are those to functions, whether the header begins with the channel, as
  /// models write it, or with the recipient, as the chat template does; the others are content, on lines of their own.
  private mutating func readHarmony() throws(Failure) {
    while let mark = find(HarmonyMarks.message, from: position) {
      func place(_ text: String) -> Int? { find(text, from: position).flatMap { $0 < mark ? $0 : nil } }
      let start = position, recipient = place(HarmonyMarks.recipient)
      let header = [place(HarmonyMarks.start), place(HarmonyMarks.channel), recipient].compactMap { $0 }.min()
      addLine(start, header ?? mark)
      position = mark + HarmonyMarks.message.utf8.count
      guard let name = recipient.map({ $0 + HarmonyMarks.recipient.utf8.count }) else {
        let end = find(HarmonyMarks.end, from: position)
        addLine(position, end ?? bytes.count)
        position = end.map { $0 + HarmonyMarks.end.utf8.count } ?? bytes.count
        continue
      }
      let value = position
      guard let end = valueEnd(from: value) else { return report(start, bytes.count, "its arguments have no end") }
      position = end
      let limit = bytes[name..<mark].firstIndex { " <".utf8.contains($0) } ?? mark
      try call(trimmed(name, limit), argumentsFrom: value, to: end)
      if starts(with: HarmonyMarks.callEnd) { position += HarmonyMarks.callEnd.utf8.count }
    }
    addLine(position, bytes.count)
  }

  /// Adds text to the content, behind a line break where there is some.
  private mutating func addLine(_ start: Int, _ end: Int) {
    guard !trimmed(start, end).isEmpty else { return }
    content += (content.isEmpty ? "" : "\n") + String(decoding: bytes[start..<end], as: UTF8.self)
  }

  private mutating func readFunctionTags() throws(Failure) {
    while skipContent(to: ToolCallReader.functionOpen) {
      let start = position
      guard let mark = find(">", from: start), let end = valueEnd(from: mark + 1) else {
        return report(start, bytes.count, "neither a name with > nor an object follows")
      }
      position = end
      try call(trimmed(start, mark), argumentsFrom: mark + 1, to: end)
      skip(" \n\r\t")
      if starts(with: ToolCallReader.functionClose) { position += ToolCallReader.functionClose.utf8.count }
    }
  }

  private mutating func readDeepSeek() throws(Failure) {
    while skipContent(to: DeepSeekMarks.begin) {
      let start = position
      let end = find(DeepSeekMarks.end, from: start)
      let limit = end ?? bytes.count
      position = end.map { $0 + DeepSeekMarks.end.utf8.count } ?? limit
      guard let middle = find(DeepSeekMarks.separator, from: start), middle < limit else {
        report(start, limit, "it has no separator")
        continue
      }
      let rest = middle + DeepSeekMarks.separator.utf8.count
      // Version 3 has the type before the separator, and the name with a block of code behind it; later ones the name.
      let brace = bytes[rest..<limit].firstIndex(of: UInt8(ascii: "{")) ?? limit
      let before = trimmed(rest, brace).replacing("```json")
      let name = before.isEmpty ? trimmed(start, middle) : before
      guard let valueEnd = valueEnd(from: brace), valueEnd <= limit else {
        report(start, limit, "its arguments are no JSON object")
        continue
      }
      try call(name, argumentsFrom: brace, to: valueEnd)
    }
    for mark in [DeepSeekMarks.allBegin, DeepSeekMarks.allEnd] { content = content.replacing(mark) }
  }
}

// MARK: - What was read

extension ToolCallReader {
  /// The answer as a message of a conversation, which chat templates take: `role`, `content`, `tool_calls` with the
  /// arguments as objects; and `problems`, where there are any.
  package var message: String {
    let calls = calls.map { call in
      """
      {"type": "function", "function": {"name": \(ToolCalls.quoted(call.name)), "arguments": \(call.arguments)}}
      """
    }
    let text = content.isEmpty && !calls.isEmpty ? "null" : ToolCalls.quoted(content)
    var parts = ["\"role\": \"assistant\"", "\"content\": \(text)"]
    if !calls.isEmpty { parts.append("\"tool_calls\": [\(calls.joined(separator: ", "))]") }
    if !problems.isEmpty {
      parts.append("\"problems\": [\(problems.map(ToolCalls.quoted).joined(separator: ", "))]")
    }
    return "{\(parts.joined(separator: ", "))}"
  }
}

// MARK: - Parts

extension ToolCallReader {
  /// Takes the text up to a mark for content, and goes behind the mark; false, with all the rest, where there is none.
  /// White space behind a call is none of it.
  private mutating func skipContent(to mark: String) -> Bool {
    let found = find(mark, from: position)
    let limit = found ?? bytes.count
    if calls.isEmpty || !trimmed(position, limit).isEmpty {
      content += String(decoding: bytes[position..<limit], as: UTF8.self)
    }
    position = found.map { $0 + mark.utf8.count } ?? bytes.count
    return found != nil
  }

  /// A value between two marks. The end is looked for behind the value, for a string in it may hold the mark.
  private mutating func readValue(until close: String, from start: Int) throws(Failure) {
    skip(" \n\r\t")
    let begin = position
    let end = valueEnd(from: begin)
    let mark = find(close, from: end ?? begin)
    position = mark.map { $0 + close.utf8.count } ?? bytes.count
    guard let end, trimmed(end, mark ?? bytes.count).isEmpty else {
      return report(start, mark ?? bytes.count, "it is not one JSON value")
    }
    try take(begin, end)
  }

  /// Reads the object of a call, or the array of some, at `[start, end)`.
  private mutating func take(_ start: Int, _ end: Int) throws(Failure) {
    guard let value = try json(start, end) else { return report(start, end, "it is no JSON value") }
    guard value.kind == .array else { return try take(value, start, end) }
    for element in value.elements { try take(element, start, end) }
  }

  private mutating func take(_ value: JSON, _ start: Int, _ end: Int) throws(Failure) {
    let function = value["function"]?.kind == .object ? value["function"]! : value
    guard let name = (function["name"] ?? function["tool_name"])?.string, !name.isEmpty else {
      return report(start, end, "it has no name")
    }
    guard let arguments = function["arguments"] ?? function["parameters"] else {
      calls.append(ToolCall(name: name, arguments: "{}"))
      return
    }
    if let text = arguments.string {  // JSON inside a string
      guard try JSON.parsing(Array(text.utf8))?.kind == .object else {
        return report(start, end, "its arguments are no JSON object")
      }
      calls.append(ToolCall(name: name, arguments: text))
    } else if arguments.kind == .object {
      calls.append(ToolCall(name: name, arguments: String(decoding: arguments.source, as: UTF8.self)))
    } else {
      report(start, end, "its arguments are no JSON object")
    }
  }

  private mutating func call(_ name: String, argumentsFrom start: Int, to end: Int) throws(Failure) {
    guard !name.isEmpty, let value = try json(start, end), value.kind == .object else {
      return report(start, end, name.isEmpty ? "it has no name" : "its arguments are no JSON object")
    }
    calls.append(ToolCall(name: name, arguments: String(decoding: value.source, as: UTF8.self)))
  }

  private func json(_ start: Int, _ end: Int) throws(Failure) -> JSON? {
    try JSON.parsing(Array(bytes[start..<end]))
  }

  private mutating func report(_ start: Int, _ end: Int, _ reason: String) {
    let excerpt = String(decoding: bytes[start..<min(end, start + 60)], as: UTF8.self)
    problems.append("a call that begins with \"\(excerpt)\" cannot be read: \(reason)")
    position = max(position, end)
  }

  // MARK: - Text

  private func find(_ mark: String, from start: Int) -> Int? {
    let wanted = Array(mark.utf8)
    guard start + wanted.count <= bytes.count else { return nil }
    return (start...bytes.count - wanted.count).first { place in
      bytes[place] == wanted[0] && bytes[place..<place + wanted.count].elementsEqual(wanted)
    }
  }

  private func starts(with mark: String) -> Bool { bytes[position...].starts(with: mark.utf8) }

  private mutating func skip(_ characters: String) {
    while position < bytes.count, characters.utf8.contains(bytes[position]) { position += 1 }
  }

  private func trimmed(_ start: Int, _ end: Int) -> String {
    let isSpace = { (byte: UInt8) in byte == 0x20 || byte >= 0x09 && byte <= 0x0D }
    let text = bytes[start..<end].drop(while: isSpace)
    return String(decoding: text[..<((text.lastIndex { !isSpace($0) } ?? text.startIndex - 1) + 1)], as: UTF8.self)
  }

  /// Where the object or array that begins at `start`, behind white space, ends; nil where it does not.
  private func valueEnd(from start: Int) -> Int? {
    var depth = 0
    var isString = false
    var place = start
    while place < bytes.count {
      let byte = bytes[place]
      place += 1
      if isString {
        if byte == UInt8(ascii: "\\") { place += 1 } else if byte == UInt8(ascii: "\"") { isString = false }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isString = true
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      case 0x20, 0x09, 0x0A, 0x0D: continue
      default: break
      }
      if depth <= 0 { return depth == 0 && !isString ? place : nil }
    }
    return nil
  }
}

extension JSON {
  /// The document that bytes are; nil where they are none. Throws `outOfMemory` only.
  static func parsing(_ bytes: [UInt8]) throws(Failure) -> JSON? {
    do throws(Failure) { return try copying(bytes, name: "a call") } catch {
      if error.code == .outOfMemory { throw error }
      return nil
    }
  }
}

extension String {
  /// The text without a mark, wherever it stands.
  fileprivate func replacing(_ mark: String) -> String {
    var result: [UInt8] = []
    let (bytes, wanted) = (Array(utf8), Array(mark.utf8))
    var place = 0
    while place < bytes.count {
      if bytes[place...].starts(with: wanted) {
        place += wanted.count
      } else {
        result.append(bytes[place])
        place += 1
      }
    }
    let isSpace = { (byte: UInt8) in byte == 0x20 || byte >= 0x09 && byte <= 0x0D }
    while let last = result.last, isSpace(last) { result.removeLast() }
    return String(decoding: result, as: UTF8.self)
  }
}
