import AttendBase
import AttendCheckpoints
import AttendGeneration
import AttendModels
import AttendSounds
import CAttend
import Glibc

// An `attend_transcription` is a `TranscriptionObject`.

@_cdecl("attend_transcribe") @implementation public func attend_transcribe(
  _ session: OpaquePointer!, _ sounds: UnsafePointer<attend_input>!, _ count: Int,
  _ options: UnsafePointer<attend_transcribe_options>!, _ transcription: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  hearing(session, sounds, count, transcription) { (session, sources) throws(Failure) in
    let known = try copy(options, "options")
    let writer = try session.speechWriter(try configuration(of: known))
    let found = try writer.transcribe(sources, listener: listener(known))
    return (found.transcriptions, found.failure, writer.hasText)
  }
}

/// The options by name; nil: none.
func configuration(of options: attend_transcribe_options) throws(Failure) -> Configuration? {
  guard let config = options.config else { return nil }
  let text = try CString(UnsafeRawBufferPointer(start: config, count: strlen(config)))
  return try GenerationArguments.configuration(text, "options")
}

/// What tells the caller's callback of segments; nil: there is none.
func listener(_ options: attend_transcribe_options) -> SpeechWriter.Listener? {
  guard let callback = options.on_segment else { return nil }
  return { (recording, transcription, segment) throws(Failure) in
    // The words of a segment that is told of lie in memory of their own.
    let words = try SpokenWords(transcription, transcription.words, segment.words)
    let characters = try SpokenWords(transcription, transcription.characters, segment.characters)
    var told = describe(segment, of: transcription, recording)
    (told.words, told.characters) = (words.start, characters.start)
    return withExtendedLifetime((words, characters)) { callback(&told, options.on_segment_context) }
  }
}

@_cdecl("attend_detect_languages") @implementation public func attend_detect_languages(
  _ session: OpaquePointer!, _ sounds: UnsafePointer<attend_input>!, _ count: Int,
  _ transcription: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  hearing(session, sounds, count, transcription) { (session, sources) throws(Failure) in
    guard let transcriber = try session.speechWriter(nil) as? Transcriber else {
      throw Failure(.unsupported, "a \(session.model.blueprint.family) model does not tell which language is spoken")
    }
    return (try transcriber.detectLanguages(sources), nil, transcriber.hasText)
  }
}

/// Runs a call that hears sounds. What is written down is handed over, also where it fails.
private func hearing(
  _ session: OpaquePointer?, _ sounds: UnsafePointer<attend_input>?, _ count: Int,
  _ target: UnsafeMutablePointer<OpaquePointer?>?,
  _ body: (Session, [any SampleSource]) throws(Failure) -> (
    transcriptions: [Transcription], failure: Failure?, hasText: Bool
  )
) -> OpaquePointer? {
  attempt { () throws(Failure) in
    let target = try require(target, "transcription")
    target.pointee = nil
    let object = try object(session, as: SessionObject.self, "session")
    try object.model.checkProcess()
    try object.use { (session) throws(Failure) in
      let (transcriptions, failure, hasText) = try body(session, try sources(sounds, count))
      target.pointee = own(try TranscriptionObject(transcriptions, hasText: hasText))
      if let failure { throw failure }
    }
  }
}

/// The sounds of the caller's.
private func sources(
  _ sounds: UnsafePointer<attend_input>?, _ count: Int
) throws(Failure) -> [any SampleSource] {
  let known = try copies(of: try require(sounds, "sounds"), count, "count") { "sounds[\($0)]" }
  var sources: [any SampleSource] = []
  for index in 0..<count { sources.append(try InputList.sound(known[index], "sounds[\(index)]")) }
  return sources
}

/// The object of an `attend_transcription`, in memory as C reads it.
final class TranscriptionObject: @unchecked Sendable {
  let transcriptions: [Transcription]
  /// Of each recording.
  private var words: [SpokenWords] = []
  private var characters: [SpokenWords] = []
  private var texts: [CString?] = []
  private var languages: [CString?] = []

  /// `hasText`: whether the model has a tokenizer.
  init(_ transcriptions: [Transcription], hasText: Bool) throws(Failure) {
    self.transcriptions = transcriptions
    for transcription in transcriptions {
      words.append(try SpokenWords(transcription, transcription.words))
      characters.append(try SpokenWords(transcription, transcription.characters))
      texts.append(hasText ? try CString(UnsafeRawBufferPointer(transcription.text.elements)) : nil)
      languages.append(try transcription.language.map { (code) throws(Failure) in try CString(code) })
    }
  }

  func text(_ recording: Int) -> CString? { texts.indices.contains(recording) ? texts[recording] : nil }
  func language(_ recording: Int) -> CString? { languages.indices.contains(recording) ? languages[recording] : nil }

  func segmentCount(_ recording: Int) -> Int {
    transcriptions.indices.contains(recording) ? transcriptions[recording].segments.count : 0
  }

  func transcription(_ recording: Int) throws(Failure) -> Transcription {
    guard transcriptions.indices.contains(recording) else {
      throw Failure(
        .invalidArgument, "recording is \(UInt(bitPattern: recording)); there are \(transcriptions.count)")
    }
    return transcriptions[recording]
  }

  func segment(_ recording: Int, _ index: Int) throws(Failure) -> attend_segment {
    let transcription = try transcription(recording)
    guard index >= 0, index < transcription.segments.count else {
      throw Failure(
        .invalidArgument,
        "index is \(UInt(bitPattern: index)); recording \(recording) has \(transcription.segments.count) segments")
    }
    let segment = transcription.segments[index]
    var result = describe(segment, of: transcription, recording)
    result.words = words[recording].start(of: segment.words)
    result.characters = characters[recording].start(of: segment.characters)
    result.text = texts[recording].map { $0.characters + segment.text.first }
    return result
  }
}

// MARK: Formats

extension TranscriptionObject {
  /// A recording as subtitles or JSON.
  func written(
    _ recording: Int, _ format: attend_transcription_format_kind, wordCues: Bool
  ) throws(Failure) -> CString {
    let transcription = try transcription(recording)
    guard text(recording) != nil else {
      throw Failure(.unsupported, "the model has no tokenizer: there are no texts to write")
    }
    let known: TranscriptWriter.Format
    switch format {
    case ATTEND_FORMAT_SRT: known = .srt
    case ATTEND_FORMAT_VTT: known = .webVTT
    case ATTEND_FORMAT_JSON: known = .json
    default:
      throw Failure(
        .invalidArgument, "format is \(format.rawValue), which is no attend_transcription_format_kind")
    }
    var writer = TranscriptWriter(
      known, cues: wordCues ? .words : .segments, language: transcription.language)
    func bytes(_ text: UnsafeBufferPointer<UInt8>, _ part: Transcription.Part) -> UnsafeBufferPointer<UInt8> {
      UnsafeBufferPointer(rebasing: text[part.first..<part.limit])
    }
    defer { withExtendedLifetime(transcription) {} }
    let (whole, spelling) = (UnsafeBufferPointer(transcription.text.elements), transcription.spelling)
    for index in 0..<transcription.segments.count {
      let segment = transcription.segments[index]
      func spoken(_ word: Transcription.Word) -> TranscriptWriter.Word {
        TranscriptWriter.Word(bytes(spelling, word.text), start: word.start, end: word.end)
      }
      let words = (segment.words.first..<segment.words.limit).lazy.map { spoken(transcription.words[$0]) }
      let characters = segment.characters
      try writer.append(
        bytes(whole, segment.text), start: segment.start, end: segment.end, words: words,
        characters: (characters.first..<characters.limit).lazy.map { spoken(transcription.characters[$0]) })
    }
    let text = try writer.finish()
    return try CString(UnsafeRawBufferPointer(text.elements))
  }
}

// MARK: Words

/// Words or characters as C reads them, at addresses that stay.
private final class SpokenWords {
  private var list = GrowingList<attend_word>(for: "the words of a transcription")

  /// The first; nil: there are none.
  var start: UnsafePointer<attend_word>? { list.isEmpty ? nil : UnsafePointer(list.storage) }

  /// The first of a part; nil: it is empty.
  func start(of part: Transcription.Part) -> UnsafePointer<attend_word>? {
    part.isEmpty ? nil : UnsafePointer(list.storage + part.first)
  }

  /// A part of `words`, which are of the transcription; nil: all.
  init(
    _ transcription: Transcription, _ words: borrowing GrowingList<Transcription.Word>,
    _ part: Transcription.Part? = nil
  ) throws(Failure) {
    let part = part ?? Transcription.Part(first: 0, limit: words.count)
    for index in part.first..<part.limit {
      let word = words[index]
      let text = transcription.spelling.baseAddress.map { UnsafeRawPointer($0 + word.text.first) }
      try list.append(
        attend_word(
          start: word.start, end: word.end, text: text?.assumingMemoryBound(to: CChar.self),
          text_length: word.text.count))
    }
  }
}

/// A segment as C reads it, without its words and characters.
private func describe(
  _ segment: Transcription.Segment, of transcription: Transcription, _ recording: Int
) -> attend_segment {
  var result = attend_segment()
  result.struct_size = MemoryLayout<attend_segment>.size
  (result.recording, result.start, result.end) = (recording, segment.start, segment.end)
  result.ids = UnsafePointer(transcription.tokens.elements.baseAddress.map { $0 + segment.tokens.first })
  result.count = segment.tokens.count
  if !transcription.tokenTimes.isEmpty {
    result.times = UnsafePointer(transcription.tokenTimes.storage + segment.tokens.first)
  }
  result.text = UnsafeRawPointer(transcription.text.elements.baseAddress.map { $0 + segment.text.first })?
    .assumingMemoryBound(to: CChar.self)
  result.text_length = segment.text.count
  (result.word_count, result.character_count) = (segment.words.count, segment.characters.count)
  result.window_start = segment.window.start
  result.temperature = segment.window.temperature
  result.log_probability = segment.window.meanLogProbability
  result.compression_ratio = segment.window.compressionRatio
  result.no_speech_probability = segment.window.noSpeechProbability
  return result
}

// MARK: Results

@_cdecl("attend_transcription_count") @implementation public func attend_transcription_count(
  _ transcription: OpaquePointer!
) -> Int { borrow(transcription, as: TranscriptionObject.self).transcriptions.count }

@_cdecl("attend_transcription_segment_count") @implementation public func attend_transcription_segment_count(
  _ transcription: OpaquePointer!, _ recording: Int
) -> Int { borrow(transcription, as: TranscriptionObject.self).segmentCount(recording) }

@_cdecl("attend_transcription_get_segment") @implementation public func attend_transcription_get_segment(
  _ transcription: OpaquePointer!, _ recording: Int, _ index: Int, _ segment: UnsafeMutablePointer<attend_segment>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let object = try object(transcription, as: TranscriptionObject.self, "transcription")
    try fill(try require(segment, "segment"), with: try object.segment(recording, index), "segment")
  }
}

@_cdecl("attend_transcription_language") @implementation public func attend_transcription_language(
  _ transcription: OpaquePointer!, _ recording: Int
) -> UnsafePointer<CChar>! { borrow(transcription, as: TranscriptionObject.self).language(recording)?.characters }

@_cdecl("attend_transcription_text") @implementation public func attend_transcription_text(
  _ transcription: OpaquePointer!, _ recording: Int, _ length: UnsafeMutablePointer<Int>!
) -> UnsafePointer<CChar>! {
  let text = borrow(transcription, as: TranscriptionObject.self).text(recording)
  store(text?.length ?? 0, length)
  return text?.characters
}

@_cdecl("attend_transcription_format") @implementation public func attend_transcription_format(
  _ transcription: OpaquePointer!, _ recording: Int, _ format: attend_transcription_format_kind, _ word_cues: Bool,
  _ text: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let object = try object(transcription, as: TranscriptionObject.self, "transcription")
    let target = try require(text, "text")
    target.pointee = own(try object.written(recording, format, wordCues: word_cues))
  }
}

@_cdecl("attend_transcription_free") @implementation public func attend_transcription_free(
  _ transcription: OpaquePointer!
) { release(transcription, as: TranscriptionObject.self) }
