import AttendBase
import AttendDispatch
import AttendGeneration
import AttendLayers
import CAttend

// An `attend_search_index` is a `SearchIndex`.

@_cdecl("attend_search_index_create") @implementation public func attend_search_index_create(
  _ width: Int, _ options: UnsafePointer<attend_search_index_options>!, _ index: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let target = try require(index, "index")
    let known = try copy(options, "options")
    let kind: SearchIndex.Kind
    switch known.type {
    case ATTEND_COMPUTE_DEFAULT, ATTEND_COMPUTE_FLOAT32: kind = .float32
    case ATTEND_COMPUTE_INT8: kind = .int8
    default:
      throw Failure(
        .unsupported, "options.type is \(known.type.rawValue); vectors are kept as float32 (1) or as int8 (3)")
    }
    target.pointee = own(
      try SearchIndex(width: width, kind: kind, normalizes: known.normalize, engine: try engine(known)))
  }
}

@_cdecl("attend_search_index_open") @implementation public func attend_search_index_open(
  _ path: UnsafePointer<CChar>!, _ options: UnsafePointer<attend_search_index_options>!,
  _ index: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let target = try require(index, "index")
    let path = try string(path, "path")
    target.pointee = own(try SearchIndex(path: path, engine: try engine(try copy(options, "options"))))
  }
}

/// The kernels and threads that options ask for.
private func engine(_ options: attend_search_index_options) throws(Failure) -> Engine {
  guard options.threads <= ThreadPool.maximumThreads else {
    throw Failure(
      .invalidArgument, "options.threads is \(options.threads); at most \(ThreadPool.maximumThreads) make sense")
  }
  return try Engine(kernels: options.kernels.map { String(cString: $0) }, threads: Int(options.threads))
}

/// Vectors of a caller's, which are only read.
private func vectors(
  _ numbers: UnsafePointer<Float>?, _ count: Int, _ index: SearchIndex, _ name: String
) throws(Failure) -> Matrix {
  guard count >= 0, count <= Session.mostSequences else {
    throw Failure(
      .invalidArgument,
      "the number of \(name) is \(UInt(bitPattern: count)); at most \(Session.mostSequences) are taken at once")
  }
  return Matrix(UnsafeMutablePointer(mutating: try require(numbers, name)), rows: count, columns: index.width)
}

@_cdecl("attend_search_index_add") @implementation public func attend_search_index_add(
  _ index: OpaquePointer!, _ numbers: UnsafePointer<Float>!, _ count: Int
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let index = try object(index, as: SearchIndex.self, "index")
    try index.add(try vectors(numbers, count, index, "vectors"))
  }
}

@_cdecl("attend_search_index_search") @implementation public func attend_search_index_search(
  _ index: OpaquePointer!, _ queries: UnsafePointer<Float>!, _ count: Int, _ most: Int,
  _ numbers: UnsafeMutablePointer<Int64>!, _ scores: UnsafeMutablePointer<Float>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let index = try object(index, as: SearchIndex.self, "index")
    let queries = try vectors(queries, count, index, "queries")
    let (numbers, scores) = (try require(numbers, "numbers"), try require(scores, "scores"))
    guard most > 0, !most.multipliedReportingOverflow(by: max(count, 1)).overflow else {
      throw Failure(.invalidArgument, "top_k is \(UInt(bitPattern: most)); at least 1 is found")
    }
    try index.search(queries, most: most) { (query, hits) in
      let start = query * most
      for (rank, hit) in hits.enumerated() {
        numbers[start + rank] = Int64(hit.number)
        scores[start + rank] = Float(hit.score)
      }
      (numbers + start + hits.count).update(repeating: -1, count: most - hits.count)
      (scores + start + hits.count).update(repeating: -.infinity, count: most - hits.count)
    }
  }
}

@_cdecl("attend_search_index_count") @implementation public func attend_search_index_count(
  _ index: OpaquePointer!
) -> Int { borrow(index, as: SearchIndex.self).count }

@_cdecl("attend_search_index_width") @implementation public func attend_search_index_width(
  _ index: OpaquePointer!
) -> Int { borrow(index, as: SearchIndex.self).width }

@_cdecl("attend_search_index_type") @implementation public func attend_search_index_type(
  _ index: OpaquePointer!
) -> attend_compute_type { attend_compute_type(rawValue: borrow(index, as: SearchIndex.self).kind.rawValue) }

@_cdecl("attend_search_index_bytes") @implementation public func attend_search_index_bytes(
  _ index: OpaquePointer!
) -> Int { borrow(index, as: SearchIndex.self).bytes }

@_cdecl("attend_search_index_save") @implementation public func attend_search_index_save(
  _ index: OpaquePointer!, _ path: UnsafePointer<CChar>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    try object(index, as: SearchIndex.self, "index").save(to: try string(path, "path"))
  }
}

@_cdecl("attend_search_index_free") @implementation public func attend_search_index_free(_ index: OpaquePointer!) {
  release(index, as: SearchIndex.self)
}
