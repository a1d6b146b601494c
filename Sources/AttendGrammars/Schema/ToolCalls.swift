import AttendBase
import AttendCheckpoints

/// The functions that a conversation offers to a model, as chat templates take them: the JSON of OpenAI's `tools`, each
/// `{"type": "function", "function": {"name", "description", "parameters"}}`, or only what is under `function`.
package struct ToolCalls: Sendable {
  /// A function and the schema of its arguments; nil where it says nothing of them.
  package struct Tool: Sendable {
    package let name: String
    package let parameters: JSON?
  }

  package let tools: [Tool]

  /// Functions of one conversation, at most.
  private static let most = 10_000

  /// Reads the tools. Throws `invalidArgument` with the place of what is none.
  package init(_ tools: JSON) throws(Failure) {
    guard tools.kind == .array else { throw tools.invalid("tools are an array, not \(tools.excerpt)") }
    guard tools.count <= ToolCalls.most else {
      throw tools.invalid("\(tools.count) tools; the limit is \(ToolCalls.most)")
    }
    var all: [Tool] = []
    for tool in tools.elements {
      let function = tool["function"] ?? tool
      if let type = tool["type"], tool["function"] != nil, !type.equals("function") {
        throw tool.invalid("a tool of type \(type.excerpt); only functions are implemented")
      }
      guard let name = function["name"]?.string, !name.isEmpty else { throw tool.invalid("a tool without a name") }
      guard !all.contains(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
        throw tool.invalid("two tools of the name \"\(name)\"")
      }
      all.append(Tool(name: name, parameters: function["parameters"]))
    }
    self.tools = all
  }

  /// How a model writes a call.
  package struct Form: Sendable, Equatable {
    /// What stands before each call, and behind it.
    package var open = ""
    package var close = ""
    /// The key of the arguments.
    package var arguments = "arguments"
    /// Whether all calls stand in one array between `open` and `close`, rather than each between its own.
    package var isArray = false

    package init(open: String = "", close: String = "", arguments: String = "arguments", isArray: Bool = false) {
      (self.open, self.close, self.arguments, self.isArray) = (open, close, arguments, isArray)
    }

    /// Hermes, Qwen: `<tool_call>` and `</tool_call>` on lines of their own.
    package static let hermes = Form(open: "<tool_call>\n", close: "\n</tool_call>")
    /// Llama 3: the object alone, its arguments called parameters.
    package static let llama3 = Form(arguments: "parameters")
    /// Mistral: an array behind a mark.
    package static let mistral = Form(open: "[TOOL_CALLS]", isArray: true)
    /// The object alone.
    package static let json = Form()
  }

  /// The grammar of one call, or (`several`) of one or more, in the form of a model. The arguments are what the schema
  /// of the function allows.
  package func grammar(
    _ form: Form, several: Bool, _ options: JSONSchema.Options = JSONSchema.Options()
  ) throws(Failure) -> Grammar {
    guard !tools.isEmpty else { throw Failure(.invalidArgument, "tools: there is none to call") }
    guard !several || form.isArray || !form.open.isEmpty else {
      throw Failure(.invalidArgument, "tools: several calls need a form that sets them apart")
    }
    var text = schema(form)
    if form.isArray {
      text = "{\"type\":\"array\",\"minItems\":1\(several ? "" : ",\"maxItems\":1"),\"items\":\(text)}"
    }
    var grammar = try JSONSchema.grammar(of: JSON.copying(Array(text.utf8), name: "tools"), options)
    let parts = [try grammar.literal(form.open.utf8), grammar.root, try grammar.literal(form.close.utf8)]
    grammar.root = try grammar.sequence(parts)
    guard several, !form.isArray else { return grammar }
    let next = try grammar.sequence([grammar.literal("\n".utf8), grammar.root])
    grammar.root = try grammar.sequence([grammar.root, grammar.repetition(of: next, 0, nil)])
    return grammar
  }

  /// The schema of a call: an object of a shape of its own for each function.
  private func schema(_ form: Form) -> String {
    let calls = tools.enumerated().map { number, tool in
      let name = String(decoding: JSONStrings.quoted(tool.name.utf8), as: UTF8.self)
      return """
        {"type":"object","additionalProperties":false,"required":["name","\(form.arguments)"],\
        "properties":{"name":{"const":\(name)},"\(form.arguments)":\(ToolCalls.arguments(tool, number))}}
        """
    }
    return "{\"anyOf\":[\(calls.joined(separator: ","))]}"
  }

  /// The schema of a function's arguments. References in it start from its own root: it gets a URI, unless it has one.
  private static func arguments(_ tool: Tool, _ number: Int) -> String {
    guard let schema = tool.parameters, schema.count > 0 || schema.kind == .bool else {
      return "{\"type\":\"object\"}"
    }
    let text = String(decoding: schema.source, as: UTF8.self)
    if schema.kind != .object || schema["$id"] != nil || schema["id"]?.string != nil { return text }
    return "{\"$id\":\"tool:\(number)\",\(text.dropFirst())"
  }
}

extension JSON {
  /// A document of its own bytes.
  static func copying(_ bytes: [UInt8], name: String) throws(Failure) -> JSON {
    let owner = try AlignedBuffer(bytes: bytes.count, for: name)
    UnsafeMutableRawBufferPointer(start: owner.base, count: bytes.count).copyBytes(from: bytes)
    return try parse(UnsafeRawBufferPointer(start: owner.base, count: bytes.count), file: name, owner: owner)
  }
}
