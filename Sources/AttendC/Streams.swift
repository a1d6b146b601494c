import AttendBase
import AttendGeneration
import AttendSounds
import CAttend

/// The object of an `attend_stream`, which keeps its session alive.
final class StreamObject: @unchecked Sendable {
  fileprivate let session: SessionObject
  fileprivate let stream: SpeechStream

  fileprivate init(_ session: SessionObject, _ stream: SpeechStream) { (self.session, self.stream) = (session, stream) }
}

@_cdecl("attend_stream_create") @implementation public func attend_stream_create(
  _ session: OpaquePointer!, _ sampleRate: UInt32, _ options: UnsafePointer<attend_transcribe_options>!,
  _ stream: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let target = try require(stream, "stream")
    let object = try object(session, as: SessionObject.self, "session")
    try object.model.checkProcess()
    try object.use { (session) throws(Failure) in
      let known = try copy(options, "options")
      let stream = try SpeechStream(
        session, rate: Int(sampleRate), try configuration(of: known), listener: listener(known))
      target.pointee = own(StreamObject(object, stream))
    }
  }
}

@_cdecl("attend_stream_feed") @implementation public func attend_stream_feed(
  _ stream: OpaquePointer!, _ samples: UnsafePointer<attend_input>!, _ settled: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  hearing(stream, settled) { (stream) throws(Failure) in
    let input = try copy(try require(samples, "samples"), "samples")
    guard input.kind == ATTEND_INPUT_SAMPLES else {
      throw Failure(
        .invalidArgument, "samples.kind is \(input.kind.rawValue); a stream hears pieces of ATTEND_INPUT_SAMPLES")
    }
    return try stream.feed(try InputList.sound(input, "samples"))
  }
}

@_cdecl("attend_stream_finish") @implementation public func attend_stream_finish(
  _ stream: OpaquePointer!, _ settled: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! { hearing(stream, settled) { (stream) throws(Failure) in try stream.finish() } }

/// Runs a call that hears. What is settled is handed over, also where it fails.
private func hearing(
  _ stream: OpaquePointer?, _ target: UnsafeMutablePointer<OpaquePointer?>?,
  _ body: (SpeechStream) throws(Failure) -> (settled: Transcription, failure: Failure?)
) -> OpaquePointer? {
  attempt { () throws(Failure) in
    target?.pointee = nil
    let object = try object(stream, as: StreamObject.self, "stream")
    try object.session.model.checkProcess()
    try object.session.use { (_) throws(Failure) in
      let (settled, failure) = try body(object.stream)
      if let target { target.pointee = own(try TranscriptionObject([settled], hasText: object.stream.hasText)) }
      if let failure { throw failure }
    }
  }
}

@_cdecl("attend_stream_free") @implementation public func attend_stream_free(_ stream: OpaquePointer!) {
  release(stream, as: StreamObject.self)
}
