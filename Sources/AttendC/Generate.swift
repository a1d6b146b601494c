import AttendBase
import AttendCheckpoints
import AttendDecoding
import AttendDispatch
import AttendGeneration
import AttendLayers
import AttendModels
import AttendTokenizers
import CAttend
import Glibc

@_cdecl("attend_generate") @implementation public func attend_generate(
  _ session: OpaquePointer!, _ batch: UnsafePointer<attend_batch>!,
  _ options: UnsafePointer<attend_generation_options>!, _ generation: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  generating(session, options, generation) { (call) throws(Failure) in
    try withBatch(batch, call.session) { (batch) throws(Failure) in
      if let arrays = batch.arrays { return try call.run(inputs: arrays) }
      var starts = GrowingList<Int>(for: "the requests of a batch")
      try starts.reserve(batch.count)
      var token = 0
      for index in 0..<batch.count {
        try starts.append(token)
        token += batch.lengths[index]
      }
      let inputs = try call.inputs(of: batch)
      if inputs == nil { try call.session.checkPrompts(batch) }
      try call.run(batch.count, input: { inputs?[$0] }) {
        batch.tokens(from: starts[$0], count: batch.lengths[$0])
      }
    }
  }
}

@_cdecl("attend_generate_texts") @implementation public func attend_generate_texts(
  _ session: OpaquePointer!, _ texts: UnsafePointer<UnsafePointer<CChar>?>!, _ lengths: UnsafePointer<Int>!,
  _ count: Int, _ options: UnsafePointer<attend_generation_options>!,
  _ generation: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  generating(session, options, generation) { (call) throws(Failure) in
    guard count > 0, count <= Session.mostSequences else {
      throw Failure(
        .invalidArgument, "count is \(UInt(bitPattern: count)); from 1 to \(Session.mostSequences) texts are taken")
    }
    let column = TextBatch.Column(try require(texts, "texts"), try require(lengths, "lengths"))
    let encodings = try call.tokenizer().encode(
      TextBatch(column, count: count), threads: call.session.engine.threads, TokenizeOptions())
    try call.run(count) { encodings[$0].ids.buffer }
  }
}

@_cdecl("attend_generate_chat") @implementation public func attend_generate_chat(
  _ session: OpaquePointer!, _ messages: UnsafePointer<CChar>!, _ length: Int,
  _ chat: UnsafePointer<attend_chat_options>!, _ options: UnsafePointer<attend_generation_options>!,
  _ generation: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  generating(session, options, generation) { (call) throws(Failure) in
    let encoding = try call.tokenizer().encodedConversation(
      messages, length, chat, asksForAnswer: true, tools: call.tools)
    let input = try call.input(of: chat)
    try call.run(1, input: { _ in input }) { _ in encoding.ids.buffer }
  }
}

/// Runs a call that generates; `task` gives what holds where the options are silent. What is finished is handed over,
/// also where it fails.
func generating(
  _ session: OpaquePointer?, _ options: UnsafePointer<attend_generation_options>?,
  _ target: UnsafeMutablePointer<OpaquePointer?>?, task: (Model) throws(Failure) -> Configuration? = { _ in nil },
  _ body: (GenerateCall) throws(Failure) -> Void
) -> OpaquePointer? {
  attempt { () throws(Failure) in
    let target = try require(target, "generation")
    target.pointee = nil
    let object = try object(session, as: SessionObject.self, "session")
    try object.model.checkProcess()
    try object.use { (session) throws(Failure) in
      let call = try GenerateCall(session, object.model, options, task: try task(session.model))
      defer { if let result = call.result { target.pointee = own(result) } }
      try body(call)
    }
  }
}

/// A call that generates, as the arguments of C describe it.
final class GenerateCall {
  let session: Session
  let object: ModelObject
  private var arguments: GenerationArguments
  private(set) var result: GenerationObject?

  init(
    _ session: Session, _ object: ModelObject, _ pointer: UnsafePointer<attend_generation_options>?,
    task: Configuration? = nil
  ) throws(Failure) {
    (self.session, self.object) = (session, object)
    arguments = try GenerationArguments(pointer, "options", object.model, task: task)
  }

  /// The functions that the chat template is to offer; nil: none.
  var tools: JSON? { arguments.tools }

  func tokenizer() throws(Failure) -> Tokenizer { try object.model.tokenizer.get() }

  /// What the decoder of an encoder-decoder begins with in this call.
  var decoderPrompt: [Int32]? {
    get { arguments.options.decoderPrompt }
    set { arguments.options.decoderPrompt = newValue }
  }

  /// The first token of the decoder of an encoder-decoder; nil: the model says none.
  var start: Int32? { arguments.options.start }

  /// Generates from pictures or sounds.
  func run(inputs arrays: UnsafeBufferPointer<FeatureArray>) throws(Failure) {
    let inputs = try FixedArray(arrays.count, for: "the inputs of a batch") { (index) throws(Failure) in
      try MediaInput(copying: UnsafeBufferPointer(rebasing: arrays[index..<index + 1]), for: session.model)
    }
    try run(inputs.count, input: { inputs[$0] }) { _ in UnsafeBufferPointer(start: nil, count: 0) }
  }

  /// The pictures of a conversation; nil: it has none.
  func input(of pointer: UnsafePointer<attend_chat_options>?) throws(Failure) -> MediaInput? {
    let chat = try copy(pointer, "chat")
    guard let inputs = chat.inputs else {
      guard chat.input_count == 0 else {
        throw Failure(.invalidArgument, "chat.inputs is NULL, and input_count is not 0")
      }
      return nil
    }
    let arrays = try InputList(inputs, count: chat.input_count, "chat.input_count", session) { "chat.inputs[\($0)]" }
    defer { withExtendedLifetime(arrays) {} }
    return try MediaInput(copying: UnsafeBufferPointer(arrays.elements), for: session.model)
  }

  /// The pictures of each prompt of a batch; nil: it has none.
  func inputs(of batch: Batch) throws(Failure) -> FixedArray<MediaInput?>? {
    guard let pictures = batch.pictures else { return nil }
    try session.model.requirePictures()
    let shares = try session.model.pictureShares(of: batch, pictures)
    return try FixedArray(batch.count, for: "the inputs of a batch") { (index) throws(Failure) -> MediaInput? in
      guard !shares[index].isEmpty else { return nil }
      return try MediaInput(copying: UnsafeBufferPointer(rebasing: pictures[shares[index]]), for: session.model)
    }
  }

  /// Generates without telling anybody: what becomes a part of another request.
  func texts(_ count: Int, _ prompt: (Int) -> UnsafeBufferPointer<Int32>) throws(Failure) -> GenerationObject {
    let generator = try Generator(session, arguments.options, object.textResources, assistant: arguments.assistant)
    let (generation, failure) = try generator.generate(count, prompt: prompt)
    if let failure { throw failure }
    return try GenerationObject(generation, try tokenizer(), object.textResources, nil)
  }

  func run(
    _ count: Int, input: (Int) -> MediaInput? = { _ in nil }, _ prompt: (Int) -> UnsafeBufferPointer<Int32>
  ) throws(Failure) {
    let tokenizer = try? tokenizer()
    let generator = try Generator(
      session, arguments.options, object.textResources, assistant: arguments.assistant)
    let end = CallEnd()
    let (generation, failure) = try generator.generate(
      count, observer: { self.arguments.listener($0, tokenizer, end) }, isEnded: { end.isWanted }, input: input,
      prompt: prompt)
    let hasSome = (0..<count).contains { !generation[$0].hypotheses.isEmpty }
    if failure == nil || hasSome {
      result = try GenerationObject(generation, tokenizer, object.textResources, arguments.options.tools?.format)
    }
    if let failure { throw failure }
  }
}

/// How to generate, as the arguments of C describe it.
struct GenerationArguments {
  var options: GenerationOptions
  /// A smaller model that drafts; nil: none.
  let assistant: Model?
  private let known: attend_generation_options
  private let gate: CallbackGate?

  /// `name` is that of the argument; `task` says what holds where they are silent. The functions of the caller are
  /// called as long as the `gate` lets them.
  init(
    _ pointer: UnsafePointer<attend_generation_options>?, _ name: String, _ model: Model, _ gate: CallbackGate? = nil,
    task: Configuration? = nil
  ) throws(Failure) {
    self.gate = gate
    known = try copy(pointer, name)
    let drafting = known.assistant.map { borrow($0, as: ModelObject.self) }
    try drafting?.checkProcess()
    assistant = drafting?.model
    let text = try known.config.map { (config) throws(Failure) in
      try CString(UnsafeRawBufferPointer(start: config, count: strlen(config)))
    }
    options = try GenerationOptions(
      try text.map { (text) throws(Failure) in try GenerationArguments.configuration(text, name) }, model, task: task)
    options.override(
      maximalNewTokens: Int(known.max_new_tokens), beams: Int(known.num_beams),
      sequences: Int(known.num_return_sequences))
    if known.stop_string_count > 0 {
      let strings = try require(known.stop_strings, "\(name).stop_strings")
      options.stopStrings = []
      for index in 0..<known.stop_string_count {
        options.stopStrings.append(try string(strings[index], "\(name).stop_strings[\(index)]"))
      }
    }
    if let callback = known.on_logits {
      let context = Address(known.on_logits_context)
      options.search.logits.function = { (scores, history) throws(Failure) in
        let goesOn = CallbackGate.passing(gate) {
          callback(scores.baseAddress, scores.count, history.tokens.baseAddress, history.tokens.count, context.value)
        }
        guard goesOn == true else {
          throw Failure(.cancelled, "the request was given up by the logits callback")
        }
      }
    }
  }

  /// Options as an object. What is wrong with the text is wrong with the argument.
  static func configuration(_ text: CString, _ name: String) throws(Failure) -> Configuration {
    do throws(Failure) {
      return try Configuration(try JSON.parse(text.bytes, file: "\(name).config", owner: text))
    } catch { throw Failure(error.code == .invalidFile ? .invalidArgument : error.code, error.message) }
  }

  /// The functions that the chat template is to offer; nil: none.
  var tools: JSON? { options.tools?.json }

  /// What hears the tokens of a request, and sets `end` where its callback wants no more of the call; nil: nobody does.
  func listener(_ request: Int, _ tokenizer: Tokenizer?, _ end: CallEnd? = nil) -> (any TokenObserver)? {
    known.on_token.map {
      TokenListener(
        request, sequences: options.search.sequences, tokenizer, $0, known.on_token_context, end, gate)
    }
  }
}

/// An address of the caller's, which he answers for.
struct Address: @unchecked Sendable {
  let value: UnsafeMutableRawPointer?

  init(_ value: UnsafeMutableRawPointer?) { self.value = value }
}

/// Whether a callback wants no more of a call.
final class CallEnd {
  var isWanted = false
}

/// Tells a callback of C of the tokens of one request, with their text.
private final class TokenListener: TokenObserver {
  private let request: Int
  private var streams: [TextStream] = []
  private let callback: attend_token_callback
  private let context: UnsafeMutableRawPointer?
  private let end: CallEnd?
  private let gate: CallbackGate?

  init(
    _ request: Int, sequences: Int, _ tokenizer: Tokenizer?, _ callback: @escaping attend_token_callback,
    _ context: UnsafeMutableRawPointer?, _ end: CallEnd?, _ gate: CallbackGate?
  ) {
    (self.request, self.callback, self.context) = (request, callback, context)
    (self.end, self.gate) = (end, gate)
    if let tokenizer {
      for _ in 0..<sequences { streams.append(TextStream(tokenizer)) }
    }
  }

  func generated(
    sequence: Int, token: Int32, logProbability: Float, alternatives: UnsafeBufferPointer<TokenAlternative>,
    reason: FinishReason?
  ) throws(Failure) -> Verdict {
    let text = streams.isEmpty ? nil : try streams[sequence].add(token, isLast: reason != nil)
    var event = attend_token_event()
    event.struct_size = MemoryLayout<attend_token_event>.size
    (event.request, event.sequence, event.token) = (request, sequence, token)
    event.log_probability = logProbability
    event.alternatives = UnsafeRawPointer(alternatives.baseAddress)?.assumingMemoryBound(
      to: attend_token_alternative.self)
    event.alternative_count = alternatives.count
    event.finish_reason = reason?.rawValue ?? 0
    event.text = UnsafeRawPointer(text?.baseAddress)?.assumingMemoryBound(to: CChar.self)
    event.text_length = text?.count ?? 0
    let verdict = CallbackGate.passingAlone(gate) { callback(&event, context) }
    switch verdict ?? ATTEND_VERDICT_END_REQUEST {
    case ATTEND_VERDICT_GO_ON: return .goOn
    case ATTEND_VERDICT_END_SEQUENCE: return .endSequence
    case ATTEND_VERDICT_END_REQUEST: return .endRequest
    default:
      end?.isWanted = true
      return .endRequest
    }
  }
}

/// The text of one sequence as it grows.
private final class TextStream {
  private var stream: DetokenizerStream
  private var text = GrowingList<UInt8>(for: "the text of a token")

  init(_ tokenizer: Tokenizer) { stream = DetokenizerStream(tokenizer, skipSpecialTokens: true) }

  /// The text that is certain with a token, until the next call; all of it with the last.
  func add(_ token: Int32, isLast: Bool) throws(Failure) -> UnsafeBufferPointer<UInt8> {
    text.removeAll()
    try text.append(contentsOf: try stream.add(token))
    if isLast { try text.append(contentsOf: try stream.finish()) }
    return UnsafeBufferPointer(text.elements)
  }
}
