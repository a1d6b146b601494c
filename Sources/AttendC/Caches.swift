import AttendBase
import AttendGeneration
import AttendLayers
import CAttend

@_cdecl("attend_session_add_prompt") @implementation public func attend_session_add_prompt(
  _ session: OpaquePointer!, _ tokens: UnsafePointer<Int32>!, _ count: Int, _ found: UnsafeMutablePointer<Int>!
) -> OpaquePointer! {
  using(session) { (session) throws(Failure) in
    let found = try require(found, "found")
    found.pointee = try session.add(prompt: try prompt(tokens, count))
  }
}

@_cdecl("attend_session_keep_prefix") @implementation public func attend_session_keep_prefix(
  _ session: OpaquePointer!, _ index: Int, _ tokens: UnsafePointer<Int32>!, _ count: Int
) -> OpaquePointer! {
  using(session) { (session) throws(Failure) in
    try session.keepPrefix(of: index, tokens: try prompt(tokens, count))
  }
}

/// The tokens of a prompt that C gave.
private func prompt(_ tokens: UnsafePointer<Int32>?, _ count: Int) throws(Failure) -> UnsafeBufferPointer<Int32> {
  guard count >= 0 else { throw Failure(.invalidArgument, "count is \(UInt(bitPattern: count))") }
  return UnsafeBufferPointer(start: count == 0 ? nil : try require(tokens, "tokens"), count: count)
}

@_cdecl("attend_session_prefix_cache_stats") @implementation public func attend_session_prefix_cache_stats(
  _ session: OpaquePointer!, _ stats: UnsafeMutablePointer<attend_prefix_cache_stats>!
) -> OpaquePointer! {
  lookingAt(session) { (session) throws(Failure) in
    let use = session.prefixStatistics ?? PrefixCache.Statistics()
    let values = attend_prefix_cache_stats(
      struct_size: 0, lookups: use.lookUps, hits: use.hits, tokens: use.tokens, bytes: use.bytes)
    try fill(try require(stats, "stats"), with: values, "stats")
  }
}

@_cdecl("attend_session_prefix_cache_clear") @implementation public func attend_session_prefix_cache_clear(
  _ session: OpaquePointer!
) -> OpaquePointer! { using(session) { (session) throws(Failure) in session.clearPrefixes() } }

@_cdecl("attend_session_save") @implementation public func attend_session_save(
  _ session: OpaquePointer!, _ indices: UnsafePointer<Int>!, _ count: Int,
  _ bytes: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  using(session) { (session) throws(Failure) in
    let target = try require(bytes, "bytes")
    try withIndices(indices, count, session) { (indices) throws(Failure) in
      let (saved, length) = try session.saved(indices)
      target.pointee = own(CString(saved, length: length))
    }
  }
}

@_cdecl("attend_session_save_file") @implementation public func attend_session_save_file(
  _ session: OpaquePointer!, _ indices: UnsafePointer<Int>!, _ count: Int, _ path: UnsafePointer<CChar>!
) -> OpaquePointer! {
  using(session) { (session) throws(Failure) in
    let path = try string(path, "path")
    try withIndices(indices, count, session) { (indices) throws(Failure) in try session.save(indices, to: path) }
  }
}

@_cdecl("attend_session_restore") @implementation public func attend_session_restore(
  _ session: OpaquePointer!, _ bytes: UnsafePointer<CChar>!, _ length: Int
) -> OpaquePointer! {
  using(session) { (session) throws(Failure) in try session.restore(try buffer(bytes, length, "bytes")) }
}

@_cdecl("attend_session_restore_file") @implementation public func attend_session_restore_file(
  _ session: OpaquePointer!, _ path: UnsafePointer<CChar>!
) -> OpaquePointer! {
  using(session) { (session) throws(Failure) in try session.restore(from: try string(path, "path")) }
}

/// Indices that C gave, or where it gave none those of all live sequences.
private func withIndices(
  _ indices: UnsafePointer<Int>?, _ count: Int, _ session: Session,
  _ body: (UnsafeBufferPointer<Int>) throws(Failure) -> Void
) throws(Failure) {
  guard count >= 0 else { throw Failure(.invalidArgument, "count is \(UInt(bitPattern: count))") }
  if let indices { return try body(UnsafeBufferPointer(start: indices, count: count)) }
  guard count == 0 else { throw Failure(.invalidArgument, "indices is NULL, and count is \(count)") }
  var all = GrowingList<Int>(for: "the list of live sequences")
  for index in 0..<session.count { try all.append(index) }
  try body(UnsafeBufferPointer(all.elements))
}
