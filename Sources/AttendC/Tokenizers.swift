import AttendBase
import AttendCheckpoints
import AttendModels
import AttendTokenizers
import CAttend

// An `attend_tokenizer` is a `Tokenizer`.

/// A call on a tokenizer that gives an object through its last argument, which is called `name`.
func give<Object: AnyObject>(
  _ target: UnsafeMutablePointer<OpaquePointer?>?, _ name: String, by tokenizer: OpaquePointer?,
  _ make: (Tokenizer) throws(Failure) -> Object
) -> OpaquePointer? {
  attempt { () throws(Failure) in
    let tokenizer = try object(tokenizer, as: Tokenizer.self, "tokenizer")
    let target = try require(target, name)
    target.pointee = own(try make(tokenizer))
  }
}

@_cdecl("attend_tokenizer_create") @implementation public func attend_tokenizer_create(
  _ path: UnsafePointer<CChar>!, _ tokenizer: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let path = try string(path, "path")
    let target = try require(tokenizer, "tokenizer")
    target.pointee = own(try Tokenizer(path: path))
  }
}

@_cdecl("attend_tokenizer_create_from_files") @implementation public func attend_tokenizer_create_from_files(
  _ files: UnsafePointer<attend_file>!, _ count: Int, _ tokenizer: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let target = try require(tokenizer, "tokenizer")
    let folder = try HuggingFaceFolder(try memoryFiles(files, count, copies: true))
    target.pointee = own(try Tokenizer(folder, lowercasing: false))
  }
}

@_cdecl("attend_tokenizer_free") @implementation public func attend_tokenizer_free(_ tokenizer: OpaquePointer!) {
  release(tokenizer, as: Tokenizer.self)
}

@_cdecl("attend_model_tokenizer") @implementation public func attend_model_tokenizer(
  _ model: OpaquePointer!, _ tokenizer: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let model = try object(model, as: ModelObject.self, "model").model
    let target = try require(tokenizer, "tokenizer")
    // Borrowed from the model, which holds on to it: no reference is given away.
    target.pointee = OpaquePointer(Unmanaged.passUnretained(try model.tokenizer.get()).toOpaque())
  }
}

@_cdecl("attend_tokenizer_get_info") @implementation public func attend_tokenizer_get_info(
  _ tokenizer: OpaquePointer!, _ info: UnsafeMutablePointer<attend_tokenizer_info>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let tokenizer = try object(tokenizer, as: Tokenizer.self, "tokenizer")
    let target = try require(info, "info")
    let known = try tokenizer.info.get()
    var result = attend_tokenizer_info()
    result.size = tokenizer.size
    // SIZE_MAX of C, which Swift sees as a signed size.
    result.model_max_length = known.maximalLength ?? -1
    result.begin_token = known.begin ?? -1
    result.end_token = known.end ?? -1
    result.unknown_token = known.unknown ?? -1
    result.separator_token = known.separator ?? -1
    result.pad_token = known.pad ?? -1
    result.class_token = known.classification ?? -1
    result.mask_token = known.mask ?? -1
    result.truncation_side = attend_side(rawValue: known.truncationSide.rawValue)
    try fill(target, with: result, "info")
  }
}

@_cdecl("attend_tokenizer_size") @implementation public func attend_tokenizer_size(_ tokenizer: OpaquePointer!) -> Int {
  borrow(tokenizer, as: Tokenizer.self).size
}

@_cdecl("attend_tokenizer_decode") @implementation public func attend_tokenizer_decode(
  _ tokenizer: OpaquePointer!, _ ids: UnsafePointer<Int32>!, _ count: Int,
  _ options: UnsafePointer<attend_detokenize_options>!, _ text: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  give(text, "text", by: tokenizer) { (tokenizer) throws(Failure) -> CString in
    guard count >= 0 else { throw Failure(.invalidArgument, "count is \(UInt(bitPattern: count))") }
    let known = try copy(options, "options")
    let ids = UnsafeBufferPointer(start: count == 0 ? nil : try require(ids, "ids"), count: count)
    let bytes = try tokenizer.decode(ids, skipSpecialTokens: !known.keep_special_tokens)
    return try bytes.withUnsafeBufferPointer { bytes throws(Failure) in try CString(UnsafeRawBufferPointer(bytes)) }
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
  guard let bytes = borrow(tokenizer, as: Tokenizer.self).token(id) else { return nil }
  store(bytes.count, length)
  return bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
}

@_cdecl("attend_tokenizer_id") @implementation public func attend_tokenizer_id(
  _ tokenizer: OpaquePointer!, _ token: UnsafePointer<CChar>!, _ length: Int
) -> Int32 {
  guard let token, length >= 0 else { return -1 }
  return borrow(tokenizer, as: Tokenizer.self).id(
    of: UnsafeRawBufferPointer(start: token, count: length)) ?? -1
}
