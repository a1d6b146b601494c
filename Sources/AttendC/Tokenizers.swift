import AttendBase
import AttendTokenizers
import CAttend

/// What an `attend_tokenizer` points to.
final class TokenizerObject: Sendable {
  let tokenizer: Tokenizer
  /// Where it was read, for the chat template beside it.
  let folder: String

  init(_ tokenizer: Tokenizer, folder: String) {
    self.tokenizer = tokenizer
    self.folder = folder
  }
}

/// What an `attend_encoding` points to.
final class EncodingObject {
  let count: Int
  let ids: AlignedBuffer  // [count] Int32
  let offsets: AlignedBuffer  // [count] attend_token_offsets
  let special: AlignedBuffer  // [count] UInt8
  let types: AlignedBuffer  // [count] Int32

  init(_ encoding: Encoding) throws(Failure) {
    count = encoding.ids.count
    ids = try EncodingObject.copy(encoding.ids) { $0 }
    offsets = try EncodingObject.copy(encoding.offsets) {
      attend_token_offsets(
        byte_start: $0.byteStart, byte_end: $0.byteEnd, scalar_start: $0.scalarStart, scalar_end: $0.scalarEnd)
    }
    special = try EncodingObject.copy(encoding.isSpecial) { $0 ? UInt8(1) : 0 }
    types = try EncodingObject.copy(encoding.typeIDs) { $0 }
  }

  /// An array as C reads it, at an address that stays.
  private static func copy<Element, Result>(
    _ elements: [Element], _ convert: (Element) -> Result
  ) throws(Failure) -> AlignedBuffer {
    let buffer = try AlignedBuffer(elements.count, of: Result.self, for: "an encoding")
    let target = buffer.pointer(to: Result.self)
    for (index, element) in elements.enumerated() { target[index] = convert(element) }
    return buffer
  }
}

@_cdecl("attend_tokenizer_create") @implementation public func attend_tokenizer_create(
  _ path: UnsafePointer<CChar>!, _ tokenizer: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let path = try string(path, "path")
    let target = try require(tokenizer, "tokenizer")
    target.pointee = own(TokenizerObject(try Tokenizer(path: path), folder: path))
  }
}

@_cdecl("attend_tokenizer_free") @implementation public func attend_tokenizer_free(_ tokenizer: OpaquePointer!) {
  release(tokenizer, as: TokenizerObject.self)
}

@_cdecl("attend_model_tokenizer") @implementation public func attend_model_tokenizer(
  _ model: OpaquePointer!, _ tokenizer: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let model = try object(model, as: ModelObject.self, "model")
    let target = try require(tokenizer, "tokenizer")
    // Borrowed from the model, which holds on to it: no reference is given away.
    target.pointee = OpaquePointer(Unmanaged.passUnretained(try model.tokenizer.get()).toOpaque())
  }
}

@_cdecl("attend_tokenizer_size") @implementation public func attend_tokenizer_size(_ tokenizer: OpaquePointer!) -> Int {
  borrow(tokenizer, as: TokenizerObject.self).tokenizer.size
}

@_cdecl("attend_tokenizer_encode") @implementation public func attend_tokenizer_encode(
  _ tokenizer: OpaquePointer!, _ text: UnsafePointer<CChar>!, _ length: Int,
  _ options: UnsafePointer<attend_tokenize_options>!, _ encoding: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let tokenizer = try object(tokenizer, as: TokenizerObject.self, "tokenizer").tokenizer
    let target = try require(encoding, "encoding")
    let known = try copy(options, smallest: 16, initial: attend_tokenize_options(), "options")
    let bytes = try buffer(text, length, "text")
    target.pointee = own(try EncodingObject(try tokenizer.encode(bytes, addSpecialTokens: !known.no_special_tokens)))
  }
}

@_cdecl("attend_encoding_ids") @implementation public func attend_encoding_ids(
  _ encoding: OpaquePointer!, _ count: UnsafeMutablePointer<Int>!
) -> UnsafePointer<Int32>! {
  let encoding = borrow(encoding, as: EncodingObject.self)
  store(encoding.count, count)
  return UnsafePointer(encoding.ids.pointer(to: Int32.self))
}

@_cdecl("attend_encoding_offsets") @implementation public func attend_encoding_offsets(
  _ encoding: OpaquePointer!
) -> UnsafePointer<attend_token_offsets>! {
  UnsafePointer(borrow(encoding, as: EncodingObject.self).offsets.pointer(to: attend_token_offsets.self))
}

@_cdecl("attend_encoding_special") @implementation public func attend_encoding_special(
  _ encoding: OpaquePointer!
) -> UnsafePointer<UInt8>! { UnsafePointer(borrow(encoding, as: EncodingObject.self).special.pointer(to: UInt8.self)) }

@_cdecl("attend_encoding_token_types") @implementation public func attend_encoding_token_types(
  _ encoding: OpaquePointer!
) -> UnsafePointer<Int32>! { UnsafePointer(borrow(encoding, as: EncodingObject.self).types.pointer(to: Int32.self)) }

@_cdecl("attend_encoding_free") @implementation public func attend_encoding_free(_ encoding: OpaquePointer!) {
  release(encoding, as: EncodingObject.self)
}

@_cdecl("attend_tokenizer_decode") @implementation public func attend_tokenizer_decode(
  _ tokenizer: OpaquePointer!, _ ids: UnsafePointer<Int32>!, _ count: Int,
  _ options: UnsafePointer<attend_detokenize_options>!, _ text: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let tokenizer = try object(tokenizer, as: TokenizerObject.self, "tokenizer").tokenizer
    let target = try require(text, "text")
    guard count >= 0 else { throw Failure(.invalidArgument, "count is \(UInt(bitPattern: count))") }
    let known = try copy(options, smallest: 16, initial: attend_detokenize_options(), "options")
    let ids = UnsafeBufferPointer(start: count == 0 ? nil : try require(ids, "ids"), count: count)
    let bytes = try tokenizer.decode(ids, skipSpecialTokens: !known.keep_special_tokens)
    target.pointee = own(bytes.withUnsafeBytes { CString($0) })
  }
}

@_cdecl("attend_text_bytes") @implementation public func attend_text_bytes(
  _ text: OpaquePointer!, _ length: UnsafeMutablePointer<Int>!
) -> UnsafePointer<CChar>! {
  let text = borrow(text, as: CString.self)
  store(text.length, length)
  return text.characters
}

@_cdecl("attend_text_free") @implementation public func attend_text_free(_ text: OpaquePointer!) {
  release(text, as: CString.self)
}

@_cdecl("attend_tokenizer_token") @implementation public func attend_tokenizer_token(
  _ tokenizer: OpaquePointer!, _ id: Int32, _ length: UnsafeMutablePointer<Int>!
) -> UnsafePointer<CChar>! {
  guard let bytes = borrow(tokenizer, as: TokenizerObject.self).tokenizer.token(id) else { return nil }
  store(bytes.count, length)
  return bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
}

@_cdecl("attend_tokenizer_id") @implementation public func attend_tokenizer_id(
  _ tokenizer: OpaquePointer!, _ token: UnsafePointer<CChar>!, _ length: Int
) -> Int32 {
  guard let token, length >= 0 else { return -1 }
  return borrow(tokenizer, as: TokenizerObject.self).tokenizer.id(
    of: UnsafeRawBufferPointer(start: token, count: length)) ?? -1
}

/// Bytes that C gave with their number; NULL stands for no bytes only where there are none.
func buffer(_ bytes: UnsafePointer<CChar>?, _ length: Int, _ name: String) throws(Failure) -> UnsafeRawBufferPointer {
  guard length >= 0 else { throw Failure(.invalidArgument, "length is \(UInt(bitPattern: length))") }
  return UnsafeRawBufferPointer(start: length == 0 ? nil : try require(bytes, name), count: length)
}
