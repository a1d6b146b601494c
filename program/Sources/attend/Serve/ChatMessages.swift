/// A conversation of OpenAI's form as chat templates want it.
struct ChatMessages: Sendable {
  private(set) var messages: [Value] = []
  /// The bytes of the pictures, in the order of their places.
  private(set) var pictures: [[UInt8]] = []
  /// The names of functions by the identities of their calls.
  private var functions: [String: String] = [:]

  init(_ value: Value?) throws(APIError) {
    guard let value else { throw .invalid("messages is missing.", "messages", code: "missing_parameter") }
    guard let items = value.items, !items.isEmpty else {
      throw RequestFields.wrong("messages", "a list of one message or more", value)
    }
    for (index, item) in items.enumerated() { messages.append(try message(item, "messages[\(index)]")) }
  }

  private mutating func message(_ value: Value, _ place: String) throws(APIError) -> Value {
    guard case .object(let members) = value else { throw RequestFields.wrong(place, "an object", value) }
    guard let role = value["role"]?.text else {
      throw .invalid("\(place).role is missing.", place, code: "missing_parameter")
    }
    guard ["system", "developer", "user", "assistant", "tool", "function"].contains(role) else {
      throw .invalid("\(place).role is \"\(role)\", which is none.", place, code: "invalid_value")
    }
    var fields: [Field] = []
    for member in members {
      switch member.name {
      case "role": fields.append(Field("role", .string(role == "developer" ? "system" : role)))
      case "content": fields.append(Field("content", try content(member.value, "\(place).content")))
      case "tool_calls": fields.append(Field("tool_calls", try calls(member.value, "\(place).tool_calls")))
      case "audio", "function_call":
        if case .null = member.value { continue }
        throw .invalid("\(place).\(member.name) is not supported.", place, code: "unsupported_parameter")
      default: fields.append(member)
      }
    }
    if role == "tool", value["name"] == nil, let name = value["tool_call_id"]?.text.flatMap({ functions[$0] }) {
      fields.append(Field("name", .string(name)))
    }
    let isCall = value["tool_calls"]?.items?.isEmpty == false
    if fields.first(where: { $0.name == "content" })?.value.plain ?? "" == "", !isCall, value["content"]?.text == nil {
      throw .invalid("\(place).content is missing.", place, code: "missing_parameter")
    }
    return .object(fields)
  }

  /// Parts of text become one text; where there are pictures, parts as templates know them.
  private mutating func content(_ value: Value, _ place: String) throws(APIError) -> Value {
    guard let parts = value.items else {
      if value.text != nil { return value }
      if case .null = value { return value }
      throw RequestFields.wrong(place, "a string or a list of parts", value)
    }
    var found: [Value] = []
    var texts: [String] = []
    for (index, part) in parts.enumerated() {
      let place = "\(place)[\(index)]"
      switch part["type"]?.text {
      case "text", "refusal":
        guard let text = (part["text"] ?? part["refusal"])?.text else {
          throw .invalid("\(place) has no text.", place, code: "missing_parameter")
        }
        texts.append(text)
        found.append(.object([Field("type", .string("text")), Field("text", .string(text))]))
      case "image_url":
        pictures.append(try picture((part["image_url"]?["url"] ?? part["image_url"])?.text, place))
        found.append(.object([Field("type", .string("image"))]))
      default:
        throw .invalid(
          "\(place).type is \(part["type"]?.json ?? "missing"); text and image_url are understood.", place,
          code: "unsupported_parameter")
      }
    }
    return texts.count == found.count ? .string(texts.joined(separator: "\n")) : .list(found)
  }

  /// A picture in the request itself: nothing is fetched from anywhere.
  private func picture(_ url: String?, _ place: String) throws(APIError) -> [UInt8] {
    guard let url else { throw .invalid("\(place) has no image_url.url.", place, code: "missing_parameter") }
    guard url.hasPrefix("data:"), let comma = url.firstIndex(of: ",") else {
      throw .invalid(
        "\(place): pictures are taken as data: URLs; \(url.prefix(100)) is not fetched.", place,
        code: "unsupported_parameter")
    }
    guard url[..<comma].hasSuffix(";base64"), let bytes = Base64.decode(url[url.index(after: comma)...].utf8) else {
      throw .invalid("\(place): the data: URL is not base64.", place, code: "invalid_value")
    }
    return bytes
  }

  /// Calls that the model made before, whose arguments OpenAI has as text, and templates as objects.
  private mutating func calls(_ value: Value, _ place: String) throws(APIError) -> Value {
    if case .null = value { return value }
    guard let calls = value.items else { throw RequestFields.wrong(place, "a list", value) }
    var found: [Value] = []
    for (index, call) in calls.enumerated() {
      guard let name = call["function"]?["name"]?.text, let arguments = call["function"]?["arguments"] else {
        throw .invalid("\(place)[\(index)] has no function with name and arguments.", place, code: "missing_parameter")
      }
      if let id = call["id"]?.text { functions[id] = name }
      let object = arguments.text.flatMap { try? Value(json: Array($0.utf8)) } ?? arguments
      let function = Value.object([Field("name", .string(name)), Field("arguments", object)])
      found.append(
        .object([
          Field("id", call["id"] ?? .null), Field("type", .string("function")), Field("function", function),
        ]))
    }
    return .list(found)
  }
}
