import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendGeneration
import AttendModels
import AttendTokenizers
import CAttend

@_cdecl("attend_translate") @implementation public func attend_translate(
  _ session: OpaquePointer!, _ texts: UnsafePointer<UnsafePointer<CChar>?>!, _ lengths: UnsafePointer<Int>!,
  _ count: Int, _ how: UnsafePointer<attend_translate_options>!, _ options: UnsafePointer<attend_generation_options>!,
  _ generation: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  rewriting(session, options, generation) { (model) throws(Failure) in
    let known = try copy(how, "how")
    return try RewritingTask(
      translating: model, from: known.src_lang.map { String(cString: $0) },
      to: known.tgt_lang.map { String(cString: $0) })
  } _: { (call, task) throws(Failure) in
    let sources = try Sources(call, task, try size(try copy(how, "how").max_length, "max_length"))
    try sources.run(try TextCopies(texts, lengths, count, behind: task.prefix))
  }
}

@_cdecl("attend_summarize") @implementation public func attend_summarize(
  _ session: OpaquePointer!, _ texts: UnsafePointer<UnsafePointer<CChar>?>!, _ lengths: UnsafePointer<Int>!,
  _ count: Int, _ how: UnsafePointer<attend_summarize_options>!,
  _ options: UnsafePointer<attend_generation_options>!, _ generation: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  rewriting(session, options, generation) { (model) throws(Failure) in
    try RewritingTask("summarization", of: model)
  } _: { (call, task) throws(Failure) in
    let known = try copy(how, "how")
    let limit = try size(known.max_length, "max_length")
    guard known.by_parts else {
      return try Sources(call, task, limit).run(try TextCopies(texts, lengths, count, behind: task.prefix))
    }
    let summarizer = try PartSummarizer(call, task, limit)
    try summarizer.run(try TextCopies(texts, lengths, count, behind: ""))
  }
}

@_cdecl("attend_rewrite") @implementation public func attend_rewrite(
  _ session: OpaquePointer!, _ texts: UnsafePointer<UnsafePointer<CChar>?>!, _ lengths: UnsafePointer<Int>!,
  _ count: Int, _ how: UnsafePointer<attend_rewrite_options>!, _ options: UnsafePointer<attend_generation_options>!,
  _ generation: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  rewriting(session, options, generation) { (model) throws(Failure) in
    let name = try copy(how, "how").task.map { String(cString: $0) }
    return try RewritingTask(name ?? "text2text-generation", of: model, mustExist: name != nil)
  } _: { (call, task) throws(Failure) in
    let sources = try Sources(call, task, try size(try copy(how, "how").max_length, "max_length"))
    try sources.run(try TextCopies(texts, lengths, count, behind: task.prefix))
  }
}

/// Runs a call that makes texts of texts.
private func rewriting(
  _ session: OpaquePointer?, _ options: UnsafePointer<attend_generation_options>?,
  _ target: UnsafeMutablePointer<OpaquePointer?>?, task: (Model) throws(Failure) -> RewritingTask,
  _ body: (GenerateCall, RewritingTask) throws(Failure) -> Void
) -> OpaquePointer? {
  var known: RewritingTask?
  return generating(session, options, target) { (model) throws(Failure) in
    known = try task(model)
    return known?.parameters
  } _: { (call) throws(Failure) in
    guard let known else { throw Failure(.internalError, "a call without its task") }
    try body(call, known)
  }
}

/// Copies of a caller's texts behind a prefix, as a batch that lies in memory as C has it.
final class TextCopies {
  let texts: FixedArray<CString>
  private var addresses = GrowingList<UnsafePointer<CChar>?>(for: "the texts of a call")
  private var lengths = GrowingList<Int>(for: "the texts of a call")

  init(_ texts: FixedArray<CString>) throws(Failure) {
    self.texts = texts
    for text in texts {
      try addresses.append(text.characters)
      try lengths.append(text.length)
    }
  }

  convenience init(
    _ texts: UnsafePointer<UnsafePointer<CChar>?>?, _ lengths: UnsafePointer<Int>?, _ count: Int, behind prefix: String
  ) throws(Failure) {
    let batch = TextBatch(try column(texts, lengths, count), count: count)
    try self.init(
      try FixedArray(count, for: "the texts of a call") { (index) throws(Failure) in
        do throws(Failure) { return try TextCopies.copy(try batch.text(index), behind: prefix) } catch {
          throw Failure(error.code, "text \(index): \(error.message)")
        }
      })
  }

  /// A copy of a text behind a prefix.
  static func copy(_ text: UnsafeRawBufferPointer, behind prefix: String) throws(Failure) -> CString {
    var bytes = GrowingList<UInt8>(for: "a text behind a prefix")
    for byte in prefix.utf8 { try bytes.append(byte) }
    try bytes.append(contentsOf: text.assumingMemoryBound(to: UInt8.self))
    return try CString(UnsafeRawBufferPointer(bytes.elements))
  }

  /// As long as this object lives.
  var batch: TextBatch { TextBatch(TextBatch.Column(addresses.storage, lengths.storage), count: lengths.count) }
}

/// The sources of a call that makes texts of texts.
struct Sources {
  private let call: GenerateCall
  private let task: RewritingTask
  private var reading = TokenizeOptions()

  /// `limit`: tokens to which longer texts are cut; nil: they are not.
  init(_ call: GenerateCall, _ task: RewritingTask, _ limit: Int?) throws(Failure) {
    (self.call, self.task) = (call, task)
    guard let limit else { return }
    guard limit > task.addedCount else {
      throw Failure(.invalidArgument, "max_length is \(limit), and tokens of languages alone are \(task.addedCount)")
    }
    reading.maximalLength = limit - task.addedCount
  }

  /// Generates, and tells of it.
  func run(_ texts: TextCopies) throws(Failure) {
    try encode(texts) { (count, prompt) throws(Failure) in try call.run(count, prompt) }
  }

  /// Generates what becomes a part of something else.
  func texts(of texts: TextCopies) throws(Failure) -> GenerationObject {
    var found: GenerationObject?
    try encode(texts) { (count, prompt) throws(Failure) in found = try call.texts(count, prompt) }
    guard let found else { throw Failure(.internalError, "a call without a result") }
    return found
  }

  private func encode(
    _ texts: TextCopies, _ body: (Int, (Int) -> UnsafeBufferPointer<Int32>) throws(Failure) -> Void
  ) throws(Failure) {
    defer { withExtendedLifetime(texts) {} }
    let batch = texts.batch
    let encodings = try call.tokenizer().encode(batch, threads: call.session.engine.threads, reading)
    var ids = GrowingList<Int32>(for: "the sources of a call")
    var ends = GrowingList<Int>(for: "the sources of a call")
    for index in 0..<batch.count {
      let own = try task.ids(encodings[index])
      try ids.append(contentsOf: UnsafeBufferPointer(own.elements))
      try ends.append(ids.count)
    }
    let all = UnsafeBufferPointer(ids.elements), limits = UnsafeBufferPointer(ends.elements)
    try body(batch.count) { UnsafeBufferPointer(rebasing: all[($0 > 0 ? limits[$0 - 1] : 0)..<limits[$0]]) }
    ids.removeAll()
    ends.removeAll()
  }
}

/// Summarizes texts that are longer than the model by parts. One thread at a time.
private struct PartSummarizer {
  private let sources: Sources
  private let task: RewritingTask
  private let cutter: TextCutter

  init(_ call: GenerateCall, _ task: RewritingTask, _ limit: Int?) throws(Failure) {
    self.task = task
    sources = try Sources(call, task, nil)
    let tokenizer = try call.tokenizer()
    let stated = [call.session.model.info.first.positions, try tokenizer.info.get().maximalLength].compactMap { $0 }
    guard let limit = limit ?? stated.min() else {
      throw Failure(
        .invalidArgument,
        "how.max_length is 0, and neither the model nor its tokenizer states how long a part may be: give it")
    }
    let prefix = try TextCopies.copy(UnsafeRawBufferPointer(start: nil, count: 0), behind: task.prefix)
    let tokens = try tokenizer.encode(prefix.bytes, TokenizeOptions(addSpecialTokens: false)).count
    cutter = try TextCutter(tokenizer, limit: limit, prefix: tokens)
  }

  /// Summarizes texts, parts of them first where they are too long.
  func run(_ given: TextCopies) throws(Failure) {
    var texts = given.texts
    while let shorter = try shortened(texts) { texts = shorter }
    let last = try FixedArray(texts.count, for: "the texts of a call") { (index) throws(Failure) in
      try TextCopies.copy(texts[index].bytes, behind: task.prefix)
    }
    try sources.run(try TextCopies(last))
  }

  /// The texts, those that are too long as the summaries of their parts; nil: none is.
  private func shortened(_ texts: FixedArray<CString>) throws(Failure) -> FixedArray<CString>? {
    var parts = GrowingList<TextCutter.Part>(for: "the parts of texts")
    var ends = GrowingList<Int>(for: "the parts of texts")
    for text in texts {
      try cutter.cut(text.bytes, into: &parts)
      try ends.append(parts.count)
    }
    guard parts.count > texts.count else { return nil }
    var owners = GrowingList<Int>(for: "the parts of texts")
    for index in 0..<texts.count {
      for _ in (index > 0 ? ends[index - 1] : 0)..<ends[index] { try owners.append(index) }
    }
    let pieces = try FixedArray(parts.count, for: "the parts of texts") { (index) throws(Failure) in
      let bytes = texts[owners[index]].bytes[parts[index].start..<parts[index].end]
      return try TextCopies.copy(UnsafeRawBufferPointer(rebasing: bytes), behind: task.prefix)
    }
    let summaries = try sources.texts(of: try TextCopies(pieces))
    return try FixedArray(texts.count, for: "the texts of a call") { (index) throws(Failure) in
      let range = (index > 0 ? ends[index - 1] : 0)..<ends[index]
      guard range.count > 1 else { return texts[index] }
      return try joined(summaries, range, in: texts[index], index)
    }
  }

  private func joined(
    _ summaries: GenerationObject, _ range: Range<Int>, in text: CString, _ index: Int
  ) throws(Failure) -> CString {
    var bytes = GrowingList<UInt8>(for: "the summaries of parts")
    for part in range {
      if part > range.lowerBound { try bytes.append(0x20) }
      guard let summary = summaries.text(part, 0) else { continue }
      try bytes.append(contentsOf: summary.bytes.assumingMemoryBound(to: UInt8.self))
    }
    let joined = try CString(UnsafeRawBufferPointer(bytes.elements))
    let (before, after) = (try cutter.count(text.bytes), try cutter.count(joined.bytes))
    guard after < before else {
      throw Failure(
        .invalidState,
        "text \(index) has \(before) tokens in \(range.count) parts, and their summaries have \(after): they would "
          + "never fit")
    }
    return joined
  }
}
