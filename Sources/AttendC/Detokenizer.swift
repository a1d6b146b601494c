import AttendBase
import AttendTokenizers
import CAttend

/// The object of an `attend_detokenizer`.
final class DetokenizerObject {
  private let tokenizer: Tokenizer
  private var stream: DetokenizerStream
  private let callback: @convention(c) (UnsafePointer<CChar>?, Int, UnsafeMutableRawPointer?) -> Bool
  private let context: UnsafeMutableRawPointer?

  init(
    _ tokenizer: Tokenizer, skipSpecialTokens: Bool,
    _ callback: @escaping @convention(c) (UnsafePointer<CChar>?, Int, UnsafeMutableRawPointer?) -> Bool,
    _ context: UnsafeMutableRawPointer?
  ) {
    self.tokenizer = tokenizer
    stream = DetokenizerStream(tokenizer, skipSpecialTokens: skipSpecialTokens)
    self.callback = callback
    self.context = context
  }

  func add(_ id: Int32) throws(Failure) { try give(try stream.add(id)) }

  func finish() throws(Failure) { try give(try stream.finish()) }

  /// Hands text to the host; what it holds back is nothing to be told of.
  private func give(_ text: UnsafeBufferPointer<UInt8>) throws(Failure) {
    guard !text.isEmpty else { return }
    let characters = UnsafeRawPointer(text.baseAddress)?.assumingMemoryBound(to: CChar.self)
    guard callback(characters, text.count, context) else {
      throw Failure(.cancelled, "detokenizing was stopped by the text callback")
    }
  }
}

@_cdecl("attend_detokenizer_create") @implementation public func attend_detokenizer_create(
  _ tokenizer: OpaquePointer!, _ options: UnsafePointer<attend_detokenize_options>!, _ callback: attend_text_callback!,
  _ context: UnsafeMutableRawPointer!, _ detokenizer: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let tokenizer = try object(tokenizer, as: Tokenizer.self, "tokenizer")
    let callback = try require(callback, "callback")
    let target = try require(detokenizer, "detokenizer")
    let known = try copy(options, "options")
    target.pointee = own(DetokenizerObject(tokenizer, skipSpecialTokens: !known.keep_special_tokens, callback, context))
  }
}

@_cdecl("attend_detokenizer_add") @implementation public func attend_detokenizer_add(
  _ detokenizer: OpaquePointer!, _ id: Int32
) -> OpaquePointer! {
  attempt { () throws(Failure) in try object(detokenizer, as: DetokenizerObject.self, "detokenizer").add(id) }
}

@_cdecl("attend_detokenizer_finish") @implementation public func attend_detokenizer_finish(
  _ detokenizer: OpaquePointer!
) -> OpaquePointer! {
  attempt { () throws(Failure) in try object(detokenizer, as: DetokenizerObject.self, "detokenizer").finish() }
}

@_cdecl("attend_detokenizer_free") @implementation public func attend_detokenizer_free(_ detokenizer: OpaquePointer!) {
  release(detokenizer, as: DetokenizerObject.self)
}
