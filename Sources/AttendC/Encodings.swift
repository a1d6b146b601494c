import AttendBase
import AttendTokenizers
import CAttend

// An `attend_encoding` is an `Encoding`, whose columns lie in memory as C reads them.

@_cdecl("attend_tokenizer_encode") @implementation public func attend_tokenizer_encode(
  _ tokenizer: OpaquePointer!, _ text: UnsafePointer<CChar>!, _ length: Int,
  _ options: UnsafePointer<attend_tokenize_options>!, _ encoding: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  give(encoding, "encoding", by: tokenizer) { (tokenizer) throws(Failure) -> Encoding in
    let options = try tokenizeOptions(options).options
    return try tokenizer.encode(try buffer(text, length, "text"), options)
  }
}

@_cdecl("attend_tokenizer_encode_pair") @implementation public func attend_tokenizer_encode_pair(
  _ tokenizer: OpaquePointer!, _ text: UnsafePointer<CChar>!, _ length: Int, _ pair: UnsafePointer<CChar>!,
  _ pairLength: Int, _ options: UnsafePointer<attend_tokenize_options>!,
  _ encoding: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  give(encoding, "encoding", by: tokenizer) { (tokenizer) throws(Failure) -> Encoding in
    let options = try tokenizeOptions(options).options
    let (first, second) = (try buffer(text, length, "text"), try buffer(pair, pairLength, "pair"))
    return try tokenizer.encode(first, pair: second, options)
  }
}

@_cdecl("attend_tokenizer_encode_batch") @implementation public func attend_tokenizer_encode_batch(
  _ tokenizer: OpaquePointer!, _ texts: UnsafePointer<UnsafePointer<CChar>?>!, _ lengths: UnsafePointer<Int>!,
  _ pairs: UnsafePointer<UnsafePointer<CChar>?>!, _ pairLengths: UnsafePointer<Int>!, _ count: Int,
  _ options: UnsafePointer<attend_tokenize_options>!, _ encodings: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let tokenizer = try object(tokenizer, as: Tokenizer.self, "tokenizer")
    guard count >= 0 else { throw Failure(.invalidArgument, "count is \(UInt(bitPattern: count))") }
    let known = try tokenizeOptions(options)
    guard count > 0 else { return }
    let target = try require(encodings, "encodings")
    let first = TextBatch.Column(try require(texts, "texts"), try require(lengths, "lengths"))
    let second = try pairs.map { (pairs) throws(Failure) in
      TextBatch.Column(pairs, try require(pairLengths, "pair_lengths"))
    }
    let batch = try tokenizer.encode(
      TextBatch(first, pairs: second, count: count), threads: known.threads, known.options)
    for index in 0..<count { target[index] = own(batch[index]) }
  }
}

/// The options of a tokenizing call as the tokenizers room knows them, and the threads of a batch.
private func tokenizeOptions(
  _ pointer: UnsafePointer<attend_tokenize_options>?
) throws(Failure) -> (options: TokenizeOptions, threads: Int) {
  let known = try copy(pointer, "options")
  guard let truncation = TokenizeOptions.Truncation(rawValue: known.truncation.rawValue) else {
    throw Failure(
      .invalidArgument, "options.truncation is \(known.truncation.rawValue), which is no attend_truncation")
  }
  let side = TokenizeOptions.Side(rawValue: known.truncation_side.rawValue)
  guard side != nil || known.truncation_side == ATTEND_SIDE_DEFAULT else {
    throw Failure(
      .invalidArgument, "options.truncation_side is \(known.truncation_side.rawValue), which is no attend_side")
  }
  guard known.max_length >= 0, known.stride >= 0 else {
    throw Failure(
      .invalidArgument,
      "options.max_length is \(UInt(bitPattern: known.max_length)) and options.stride \(UInt(bitPattern: known.stride))"
    )
  }
  guard known.threads <= ThreadPool.maximumThreads else {
    throw Failure(
      .invalidArgument, "options.threads is \(known.threads); at most \(ThreadPool.maximumThreads) make sense")
  }
  var options = TokenizeOptions(
    addSpecialTokens: !known.no_special_tokens, maximalLength: known.max_length == 0 ? nil : known.max_length)
  (options.truncation, options.side, options.stride) = (truncation, side, known.stride)
  options.areTargets = known.are_targets
  if let progress = known.progress {
    let context = known.progress_context
    options.cancellation = Cancellation { progress($0, context) }
  }
  return (options, Int(known.threads))
}

@_cdecl("attend_encoding_ids") @implementation public func attend_encoding_ids(
  _ encoding: OpaquePointer!, _ count: UnsafeMutablePointer<Int>!
) -> UnsafePointer<Int32>! {
  let encoding = borrow(encoding, as: Encoding.self)
  store(encoding.count, count)
  return encoding.ids.address
}

@_cdecl("attend_encoding_offsets") @implementation public func attend_encoding_offsets(
  _ encoding: OpaquePointer!
) -> UnsafePointer<attend_token_offsets>! {
  // The same four numbers in the same order.
  UnsafeRawPointer(borrow(encoding, as: Encoding.self).offsets.address).assumingMemoryBound(
    to: attend_token_offsets.self)
}

@_cdecl("attend_encoding_special") @implementation public func attend_encoding_special(
  _ encoding: OpaquePointer!
) -> UnsafePointer<UInt8>! { borrow(encoding, as: Encoding.self).special.address }

@_cdecl("attend_encoding_token_types") @implementation public func attend_encoding_token_types(
  _ encoding: OpaquePointer!
) -> UnsafePointer<Int32>! { borrow(encoding, as: Encoding.self).typeIDs.address }

@_cdecl("attend_encoding_sequence_ids") @implementation public func attend_encoding_sequence_ids(
  _ encoding: OpaquePointer!
) -> UnsafePointer<Int32>! { borrow(encoding, as: Encoding.self).sequenceIDs.address }

@_cdecl("attend_encoding_overflow_count") @implementation public func attend_encoding_overflow_count(
  _ encoding: OpaquePointer!
) -> Int { borrow(encoding, as: Encoding.self).overflowCount }

@_cdecl("attend_encoding_overflow") @implementation public func attend_encoding_overflow(
  _ encoding: OpaquePointer!, _ index: Int
) -> OpaquePointer! {
  // Borrowed from the encoding, which holds on to it: no reference is given away.
  (try? borrow(encoding, as: Encoding.self).overflow(index)).map {
    OpaquePointer(Unmanaged.passUnretained($0).toOpaque())
  }
}

@_cdecl("attend_encoding_free") @implementation public func attend_encoding_free(_ encoding: OpaquePointer!) {
  release(encoding, as: Encoding.self)
}
