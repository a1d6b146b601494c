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
    let text = try known.config.map { (config) throws(Failure) in
      try CString(UnsafeRawBufferPointer(start: config, count: strlen(config)))
    }
    let call = try text.map { (text) throws(Failure) in
      try GenerationArguments.configuration(text, "options")
    }
    let transcriber = try Transcriber(session, try TranscriptionOptions(call, session.model))
    guard let callback = known.on_segment else { return try transcriber.transcribe(sources) }
    return try transcriber.transcribe(sources) { (recording, transcription, segment) throws(Failure) in
      // The words of a segment that is told of lie in memory of their own.
      let words = try SegmentWords(transcription, segment)
      var told = describe(segment, of: transcription, recording, words: words.start)
      return withExtendedLifetime(words) { callback(&told, known.on_segment_context) }
    }
  }
}

@_cdecl("attend_detect_languages") @implementation public func attend_detect_languages(
  _ session: OpaquePointer!, _ sounds: UnsafePointer<attend_input>!, _ count: Int,
  _ transcription: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  hearing(session, sounds, count, transcription) { (session, sources) throws(Failure) in
    let transcriber = try Transcriber(session, try TranscriptionOptions(nil, session.model))
    return (try transcriber.detectLanguages(sources), nil)
  }
}

/// Runs a call that hears sounds. What is written down is handed over, also where it fails.
private func hearing(
  _ session: OpaquePointer?, _ sounds: UnsafePointer<attend_input>?, _ count: Int,
  _ target: UnsafeMutablePointer<OpaquePointer?>?,
  _ body: (Session, [any SampleSource]) throws(Failure) -> (transcriptions: [Transcription], failure: Failure?)
) -> OpaquePointer? {
  attempt { () throws(Failure) in
    let target = try require(target, "transcription")
    target.pointee = nil
    let object = try object(session, as: SessionObject.self, "session")
    try object.model.checkProcess()
    try object.use { (session) throws(Failure) in
      let (transcriptions, failure) = try body(session, try sources(sounds, count))
      let hasText = (try? session.model.tokenizer.get()) != nil
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
  private var words: [SegmentWords] = []
  private var texts: [CString?] = []
  private var languages: [CString?] = []

  /// `hasText`: whether the model has a tokenizer.
  init(_ transcriptions: [Transcription], hasText: Bool) throws(Failure) {
    self.transcriptions = transcriptions
    for transcription in transcriptions {
      words.append(try SegmentWords(transcription, nil))
      texts.append(hasText ? try CString(UnsafeRawBufferPointer(transcription.text.elements)) : nil)
      languages.append(try transcription.language.map { (code) throws(Failure) in try CString(code) })
    }
  }

  func text(_ recording: Int) -> CString? { texts.indices.contains(recording) ? texts[recording] : nil }
  func language(_ recording: Int) -> CString? { languages.indices.contains(recording) ? languages[recording] : nil }

  func segmentCount(_ recording: Int) -> Int {
    transcriptions.indices.contains(recording) ? transcriptions[recording].segments.count : 0
  }

  func segment(_ recording: Int, _ index: Int) throws(Failure) -> attend_segment {
    guard transcriptions.indices.contains(recording) else {
      throw Failure(
        .invalidArgument, "recording is \(UInt(bitPattern: recording)); there are \(transcriptions.count)")
    }
    let transcription = transcriptions[recording]
    guard index >= 0, index < transcription.segments.count else {
      throw Failure(
        .invalidArgument,
        "index is \(UInt(bitPattern: index)); recording \(recording) has \(transcription.segments.count) segments")
    }
    let segment = transcription.segments[index]
    let own = words[recording].start.map { $0 + segment.words.first }
    var result = describe(segment, of: transcription, recording, words: own)
    result.text = texts[recording].map { $0.characters + segment.text.first }
    return result
  }
}

/// Words as C reads them, at addresses that stay.
private final class SegmentWords {
  private var list = GrowingList<attend_word>(for: "the words of a transcription")

  /// The first; nil: there are none.
  var start: UnsafePointer<attend_word>? { list.isEmpty ? nil : UnsafePointer(list.storage) }

  /// Those of one segment; nil: of all.
  init(_ transcription: Transcription, _ segment: Transcription.Segment?) throws(Failure) {
    let part = segment?.words ?? Transcription.Part(first: 0, limit: transcription.words.count)
    for index in part.first..<part.limit {
      let word = transcription.words[index]
      let text = UnsafeRawPointer(transcription.text.storage + word.text.first).assumingMemoryBound(to: CChar.self)
      try list.append(
        attend_word(start: word.start, end: word.end, text: text, text_length: word.text.count))
    }
  }
}

/// A segment as C reads it, with the first of its words.
private func describe(
  _ segment: Transcription.Segment, of transcription: Transcription, _ recording: Int,
  words: UnsafePointer<attend_word>?
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
  result.words = segment.words.isEmpty ? nil : words
  result.word_count = segment.words.count
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

@_cdecl("attend_transcription_free") @implementation public func attend_transcription_free(
  _ transcription: OpaquePointer!
) { release(transcription, as: TranscriptionObject.self) }
