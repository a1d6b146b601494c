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

  package private(set) var tools: [Tool]

  /// Functions of one conversation, at most.
  private static let most = 10_000

  /// Reads the tools. Throws `invalidFile` with the place of what is none.
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

  /// Leaves the one function of this name. Throws `invalidArgument`, with the names that there are.
  package mutating func keep(only name: String) throws(Failure) {
    guard let tool = tools.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
      let known = tools.prefix(20).map(\.name).joined(separator: ", ")
      throw Failure(.invalidArgument, "there is no tool \"\(name)\"; there is \(known.isEmpty ? "none" : known)")
    }
    tools = [tool]
  }
}

// MARK: - Grammars

extension ToolCalls {
  /// Text, calls, or both.
  package enum Content: Sendable, Equatable {
    /// Text without calls.
    case text
    /// Calls, and nothing before them.
    case calls
    /// Text, maybe with calls behind it.
    case both
  }

  /// The grammar of an answer: of its calls one or (`several`) one or more, with arguments that the schema of their
  /// function allows. Text holds nothing that could be taken for the beginning of a call.
  package func grammar(
    _ form: ToolCallFormat.Form, _ content: Content = .calls, several: Bool,
    _ options: JSONSchema.Options = JSONSchema.Options()
  ) throws(Failure) -> Grammar {
    guard content != .text else {
      var grammar = try Grammar()
      grammar.root = try ToolCalls.text(form, &grammar)
      return grammar
    }
    guard !tools.isEmpty else { throw Failure(.invalidArgument, "tools: there is none to call") }
    guard !several || form.hasSeveral else {
      throw Failure(.invalidArgument, "tools: several calls need a form that sets them apart")
    }
    var grammar: Grammar
    if let middle = form.middle {
      grammar = try named(form, middle, options)
    } else {
      grammar = try objects(form, several, options)
    }
    var parts = [try grammar.literal(form.begin.utf8), grammar.root]
    if several, !form.isArray {
      let next = try grammar.sequence([grammar.literal(form.separator.utf8), grammar.root])
      parts.append(try grammar.repetition(of: next, 0, nil))
    }
    parts.append(try grammar.literal(form.end.utf8))
    grammar.root = try grammar.sequence(parts)
    guard content == .both else { return grammar }
    let text = try ToolCalls.text(form, &grammar)
    // Where no mark tells calls from text, an answer is one or the other.
    grammar.root =
      try form.mark.isEmpty
      ? grammar.choice([text, grammar.root]) : grammar.sequence([text, grammar.optional(grammar.root)])
    return grammar
  }

  /// Text that is no call and holds none.
  private static func text(
    _ form: ToolCallFormat.Form, _ grammar: inout Grammar
  ) throws(Failure) -> Grammar.Expression {
    let any = try grammar.repetition(of: grammar.anyCharacter(), 0, nil)
    let call: Grammar.Expression
    if form.mark.isEmpty {
      let space = try RegularExpression.expression("\\s*[{\\[]", ignoringCase: false, in: &grammar)
      call = try grammar.sequence([space, any])
    } else {
      call = try grammar.sequence([any, grammar.literal(form.mark.utf8), any])
    }
    return try grammar.lexeme(grammar.complement(of: call))
  }

  /// Calls as objects that hold name and arguments.
  private func objects(
    _ form: ToolCallFormat.Form, _ several: Bool, _ options: JSONSchema.Options
  ) throws(Failure) -> Grammar {
    let calls = tools.enumerated().map { number, tool in
      """
      {"type":"object","additionalProperties":false,"required":["name","\(form.arguments)"],\
      "properties":{"name":{"const":\(ToolCalls.quoted(tool.name))},\
      "\(form.arguments)":\(ToolCalls.arguments(tool, number))}}
      """
    }
    var text = "{\"anyOf\":[\(calls.joined(separator: ","))]}"
    if form.isArray {
      text = "{\"type\":\"array\",\"minItems\":1\(several ? "" : ",\"maxItems\":1"),\"items\":\(text)}"
    }
    var grammar = try JSONSchema.grammar(of: JSON.copying(Array(text.utf8), name: "tools"), options)
    // Some templates write a space between the mark and the array.
    let space = try form.isArray ? grammar.optional(grammar.literal(" ".utf8)) : grammar.empty()
    grammar.root = try grammar.sequence([
      grammar.literal(form.open.utf8), space, grammar.root, grammar.literal(form.close.utf8),
    ])
    return grammar
  }

  /// Calls with the name before the arguments.
  private func named(
    _ form: ToolCallFormat.Form, _ middle: String, _ options: JSONSchema.Options
  ) throws(Failure) -> Grammar {
    var grammar = try Grammar()
    var calls: [Grammar.Expression] = []
    for (number, tool) in tools.enumerated() {
      let text = ToolCalls.arguments(tool, number)
      grammar = try JSONSchema.grammar(
        of: JSON.copying(Array(text.utf8), name: "tools[\(number)]"), options, continuing: grammar)
      let name = form.quotesName ? ToolCalls.quoted(tool.name) : tool.name
      calls.append(
        try grammar.sequence([
          grammar.literal((name + middle).utf8), grammar.root, grammar.literal(form.close.utf8),
        ]))
    }
    var parts = [try grammar.literal(form.open.utf8)]
    if let number = form.number {
      parts.append(try RegularExpression.expression("0|[1-9][0-9]*", ignoringCase: false, in: &grammar))
      parts.append(try grammar.literal(number.utf8))
    }
    parts.append(try grammar.choice(calls))
    grammar.root = try grammar.sequence(parts)
    return grammar
  }

  static func quoted(_ text: String) -> String { String(decoding: JSONStrings.quoted(text.utf8), as: UTF8.self) }

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
