import CAttend

/// What was said so far, and the model that answers. Without a chat template each question stands alone.
struct Conversation {
  let model: Model
  let isChat: Bool
  /// The options of generation.
  var options: [Field]
  /// What the model is told first.
  var system: String?
  private(set) var messages: [Value] = []
  private var images: [String] = []
  /// Whether the last answer was given out piece by piece: beam search has none before its end.
  private(set) var streamed = false
  /// Of the last answer: tokens, seconds to the first one, and seconds from there to the last.
  private(set) var speed = (tokens: 0, first: 0.0, rest: 0.0)

  init(_ model: Model, isChat: Bool, options: [Field], system: String?) {
    self.model = model
    self.isChat = isChat
    self.options = options
    self.system = system
  }

  /// Asks for an answer, which is given out in pieces. Where Ctrl-C ends it, what there is by then is the answer.
  mutating func ask(_ text: String, images new: [String], write: @escaping (String) -> Void) throws -> Generated {
    let before = (messages, images)
    messages.append(Conversation.message(text, pictures: new.count))
    images += new
    do {
      let found = try answer(text, write)
      messages.append(found.message)
      if !isChat { messages = [] }
      return found.generated
    } catch {
      (messages, images) = before
      throw error
    }
  }

  /// Takes the last question back, with its answer, and gives its text.
  mutating func takeBack() -> String? {
    while let last = messages.popLast() {
      guard last["role"]?.plain == "user" else { continue }
      images.removeLast(min(last.pictureCount, images.count))
      return last.spoken
    }
    return nil
  }

  mutating func clear() { (messages, images) = ([], []) }

  /// Goes on from a file of messages; one that is not there begins a conversation.
  mutating func load(_ path: String) throws {
    guard let bytes = try? readFile(path) else { return }
    guard case .list(var read) = try Failures().naming(path, { try Value(json: bytes) }) else {
      throw Trouble("\(path): this is not a JSON list of messages")
    }
    if let first = read.first, first["role"]?.plain == "system" {
      system = system ?? first["content"]?.plain
      read.removeFirst()
    }
    (messages, images) = (read, [])
  }

  func save(_ path: String) throws {
    let lines = all.map { "  " + $0.json }.joined(separator: ",\n")
    try writeFile(path, Array("[\n\(lines)\n]\n".utf8))
  }

  private var all: [Value] { Conversation.told(system) + messages }

  private static func told(_ system: String?) -> [Value] {
    system.map { [.object([Field("role", .string("system")), Field("content", .string($0))])] } ?? []
  }

  /// A conversation of one question.
  static func messages(system: String?, _ text: String) -> Value { .list(told(system) + [message(text, pictures: 0)]) }

  private static func message(_ text: String, pictures: Int) -> Value {
    let said = Value.object([Field("type", .string("text")), Field("text", .string(text))])
    let seen = [Value](repeating: .object([Field("type", .string("image"))]), count: pictures)
    return .object([
      Field("role", .string("user")), Field("content", pictures == 0 ? .string(text) : .list(seen + [said])),
    ])
  }

  private mutating func answer(
    _ text: String, _ write: @escaping (String) -> Void
  ) throws -> (generated: Generated, message: Value) {
    let begin = now()
    let listener = TokenListener(write: write)
    let beams = options.last { $0.name == "num_beams" }?.value.plain ?? "1"
    let call = isChat ? chat : plain
    let found = try model.interruptible {
      try generate(options, onToken: beams == "1" ? listener : nil) { call(text, $0, $1) }
    }
    guard let best = found.first?.first else {
      guard interrupt.isAsked else { throw Trouble("nothing was generated") }
      throw Interrupted()
    }
    streamed = listener.tokens > 0
    let first = streamed ? listener.first : now()
    speed = (best.tokens, first - begin, now() - first)
    let message = Value.object([Field("role", .string("assistant")), Field("content", .string(best.text))])
    return (best, message)
  }

  private func plain(
    _ text: String, _ options: UnsafePointer<attend_generation_options>, _ out: UnsafeMutablePointer<OpaquePointer?>
  ) -> OpaquePointer? {
    Texts([text]).give { attend_generate_texts(model.session, $0, $1, $2, options, out) }
  }

  private func chat(
    _ text: String, _ options: UnsafePointer<attend_generation_options>, _ out: UnsafeMutablePointer<OpaquePointer?>
  ) -> OpaquePointer? {
    let spoken = Value.list(all).json
    guard !images.isEmpty else {
      return attend_generate_chat(model.session, spoken, spoken.utf8.count, nil, options, out)
    }
    return Texts(images).give { paths, _, count in
      let inputs = (0..<count).map { index in
        var input = attend_input.initial
        (input.kind, input.data) = (ATTEND_INPUT_FILE, UnsafeRawPointer(paths[index]))
        return input
      }
      return inputs.withUnsafeBufferPointer { inputs in
        var chat = attend_chat_options.initial
        (chat.inputs, chat.input_count) = (inputs.baseAddress, inputs.count)
        return attend_generate_chat(model.session, spoken, spoken.utf8.count, &chat, options, out)
      }
    }
  }
}

extension Value {
  /// The pictures in the content of a message.
  fileprivate var pictureCount: Int {
    guard case .list(let parts)? = self["content"] else { return 0 }
    return parts.count { $0["type"]?.plain == "image" }
  }

  /// The text of a message, with or without pictures.
  fileprivate var spoken: String {
    guard case .list(let parts)? = self["content"] else { return self["content"]?.plain ?? "" }
    return parts.compactMap { $0["text"]?.plain }.joined(separator: "\n")
  }
}
