import AttendBase
import AttendCheckpoints

/// Turns a conversation into the text that a model was trained on, by the template of its checkpoint. Immutable: any
/// number of threads may render at once.
///
/// Templates are those of Hugging Face: Jinja 3.1 in an immutable sandbox, as transformers sets it up. Whatever reads
/// other files (include, import, extends) is `unsupported`.
package final class ChatTemplate: @unchecked Sendable {
  // A parsed template does not change once its variables have found their places.
  private let root: JinjaScope
  private let layout: JinjaFunctionLayout
  private let selfSlot: Int?
  private let blocks: [String: JinjaBlock]
  private let file: String
  private let specialTokens: [String: String]
  /// The template as it is written.
  package let text: String

  /// The template in `text`; `file` is for messages. `specialTokens` are variables such as "bos_token".
  ///
  /// Throws `invalidFile` where the text is no template, `unsupported`.
  package init(_ text: String, file: String, specialTokens: [String: String] = [:]) throws(Failure) {
    try UnicodeData.prepare()
    self.file = file
    self.specialTokens = specialTokens
    self.text = text
    (root, blocks, layout, selfSlot) = try LargeStack.call { () throws(Failure) in
      let (body, blocks) = try JinjaParser.parse(JinjaText(text), file: file)
      let root = JinjaScope(body)
      let (layout, selfSlot) = try JinjaScopes.resolve(root, blocks, file: file)
      return (root, blocks, layout, selfSlot)
    }
  }

  /// The text of a conversation. `messages` is a list of objects, each with its "role" and "content" or whatever else
  /// the template reads; `variables` is an object whose members the template sees too ("tools", "documents", ...), or
  /// nil; `tools` takes the place of that member.
  ///
  /// Throws `invalidArgument` where the template refuses the conversation (raise_exception), with its words, or meets
  /// values that it has no use for; `invalidFile` where the template is wrong whatever it is given, or needs more than
  /// its budget; `unsupported` for what is beyond this interpreter.
  package func render(
    messages: JSON, addGenerationPrompt: Bool, variables: JSON? = nil, tools: JSON? = nil
  ) throws(Failure) -> String {
    try rendered(messages: messages, addGenerationPrompt: addGenerationPrompt, variables: variables, tools: tools).text
  }

  /// The text of a conversation, and the steps that it took.
  package func rendered(
    messages: JSON, addGenerationPrompt: Bool, variables: JSON? = nil, tools: JSON? = nil
  ) throws(Failure) -> (text: String, steps: Int) {
    let input = messages.source.count + (variables?.source.count ?? 0) + (tools?.source.count ?? 0)
    return try LargeStack.call { () throws(Failure) in
      let budget = JinjaBudget(input: input, file: file)
      let context = JinjaContext(file: file, budget: budget)
      var conversation = ChatConversation(context)
      for (name, token) in specialTokens { conversation.variables[name] = JinjaValue(token) }
      try conversation.add(variables: variables)
      if let tools { try conversation.add(tools, as: "tools") }
      try conversation.add(messages: messages, addGenerationPrompt: addGenerationPrompt)
      let interpreter = JinjaInterpreter(context, variables: conversation.variables)
      interpreter.allBlocks = blocks
      let scalars = try interpreter.render(root, layout, selfSlot: selfSlot, blocks: blocks)
      return (JinjaText(scalars).string, budget.steps)
    }
  }
}

/// The variables that a template finds, checked and changed as transformers does before it renders.
struct ChatConversation {
  var variables: [String: JinjaValue] = ["tools": .none, "documents": .none]
  private let context: JinjaContext

  init(_ context: JinjaContext) { self.context = context }

  mutating func add(variables json: JSON?) throws(Failure) {
    for member in json?.members.map({ $0 }) ?? [] { try add(member.value, as: member.key.string ?? "") }
  }

  mutating func add(_ value: JSON, as name: String) throws(Failure) {
    variables[name] = try context.value(value)
    guard name == "tools" || name == "documents", !value.isNull else { return }
    guard value.kind == .array, value.elements.allSatisfy({ $0.kind == .object }) else {
      throw Failure(.invalidArgument, "\(name) should be a list of objects")
    }
  }

  mutating func add(messages: JSON, addGenerationPrompt: Bool) throws(Failure) {
    guard messages.kind == .array else {
      throw Failure(.invalidArgument, "messages should be a list, and is of kind \(messages.kind)")
    }
    var list: [JinjaValue] = []
    for message in messages.elements {
      guard message.kind == .object else {
        throw Failure(.invalidArgument, "message \(list.count) should be an object, and is of kind \(message.kind)")
      }
      list.append(try self.message(try context.value(message)))
    }
    variables["messages"] = try context.list(list)
    variables["add_generation_prompt"] = .bool(addGenerationPrompt)
  }

  /// A message without what is null in it, and with the names that templates know its reasoning by.
  private func message(_ value: JinjaValue) throws(Failure) -> JinjaValue {
    guard case .dictionary(let dictionary) = value else { return value }
    let names: [JinjaText] = ["reasoning_content", "thinking", "reasoning"]
    let reasoning = names.lazy.compactMap { dictionary.value($0) }.first { !$0.isNone }
    var members = JinjaMembers()
    if let reasoning { try members.set(.text(names[1]), reasoning, context) }
    for (key, value) in zip(dictionary.keys, dictionary.values) where !value.isNone {
      try members.set(key, value, context)
    }
    if let reasoning { try members.set(.text(names[0]), reasoning, context) }
    return try context.dictionary(members)
  }
}
