import AttendBase
import AttendDispatch
import AttendLayers
import Synchronization

/// A vector that a search found.
package struct SearchHit: BitwiseCopyable, Sendable {
  package let number: Int
  package let score: Double
}

extension SearchIndex {
  /// Queries that are looked for at once: the vectors are read once for all of them.
  private static let queriesAtOnce = 16

  /// The `most` vectors with the largest products with each of the queries, `[queries, width]`, the best first and of
  /// equals the one with the lower number: `body` is called with each query's, of which there are fewer where the index
  /// has fewer. Throws `invalidArgument` for a query that is not finite.
  package func search(
    _ queries: Matrix, most: Int, _ body: (_ query: Int, _ hits: UnsafeBufferPointer<SearchHit>) -> Void
  ) throws(Failure) {
    try SearchIndex.check(queries, "queries", sizes: !normalizes)
    let scratch = scratch.withLock { $0.popLast() } ?? SearchScratch()
    defer { self.scratch.withLock { $0.append(scratch) } }
    for first in stride(from: 0, to: queries.rows, by: SearchIndex.queriesAtOnce) {
      let some = queries.rows(first, min(SearchIndex.queriesAtOnce, queries.rows - first))
      let search = try Search(self, some, most: min(most, count), scratch)
      try search.run()
      for query in 0..<some.rows { body(first + query, try search.hits(query)) }
    }
  }
}

/// Memory of one search, which the next one uses again.
final class SearchScratch: @unchecked Sendable {
  fileprivate let workspace = Workspace()
  fileprivate var parts: [Part] = []

  /// What one thread finds.
  fileprivate final class Part: @unchecked Sendable {
    let workspace = Workspace()
    /// Of each query.
    var finders: [Finder] = []
    var failure: Failure?
  }
}

/// A vector that may be among the best of a query.
private struct Candidate: BitwiseCopyable {
  let number: Int
  let upper: Double
  var score: Double
}

/// The best vectors for a query among those that a thread has looked at, as far as their bounds tell.
private final class Finder {
  /// The largest lower bounds, a heap with the smallest of them first (Williams 1964).
  private(set) var lowest = GrowingList<Double>(for: "the results of a search")
  var candidates = GrowingList<Candidate>(for: "the results of a search")
  private var most = 0
  /// Candidates from which on those that fell behind are dropped.
  private var crowd = 0

  func begin(most: Int) throws(Failure) {
    self.most = most
    lowest.removeAll()
    candidates.removeAll()
    crowd = max(most.saturatingMultiply(4), 1024)
  }

  /// Below it nothing is among the best.
  var threshold: Double { lowest.count == most ? lowest[0] : -.infinity }

  func add(_ number: Int, lower: Double, upper: Double) throws(Failure) {
    if lowest.count < most {
      try lowest.append(lower)
      rise()
    } else if lower > lowest[0] {
      lowest[0] = lower
      sink()
    }
    try candidates.append(Candidate(number: number, upper: upper, score: 0))
    if candidates.count >= crowd {
      drop(below: threshold)
      crowd = max(crowd, 2 * candidates.count)
    }
  }

  func drop(below threshold: Double) {
    var kept = 0
    for index in 0..<candidates.count where candidates[index].upper >= threshold {
      candidates[kept] = candidates[index]
      kept += 1
    }
    candidates.removeAll(from: kept)
  }

  private func rise() {
    var child = lowest.count - 1
    while child > 0, lowest[child] < lowest[(child - 1) / 2] {
      lowest.elements.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private func sink() {
    var parent = 0
    while 2 * parent + 1 < lowest.count {
      var child = 2 * parent + 1
      if child + 1 < lowest.count, lowest[child + 1] < lowest[child] { child += 1 }
      guard lowest[child] < lowest[parent] else { return }
      lowest.elements.swapAt(parent, child)
      parent = child
    }
  }
}

/// A search for some queries: first all vectors in 8 bits, then those that may be among the best as they are.
private final class Search: SharedWork {
  private let index: SearchIndex
  private let queries: Matrix
  private let most: Int
  private let scratch: SearchScratch
  private let parts: Int
  private let bounds: UnsafeMutablePointer<(length: Double, error: Double)>  // [queries]
  private let segments: FixedArray<SearchSegment>
  private var results = GrowingList<SearchHit>(for: "the results of a search")
  private var isRanking = false

  init(_ index: SearchIndex, _ queries: Matrix, most: Int, _ scratch: SearchScratch) throws(Failure) {
    (self.index, self.most, self.scratch) = (index, most, scratch)
    segments = try FixedArray(index.segmentCount, for: "a search") { (place) throws(Failure) in
      try index.anySegment(place)
    }
    parts = max(1, min(index.engine.threads, segments.count))
    try scratch.workspace.reset()
    let own = try scratch.workspace.matrix(queries.rows, queries.columns)
    let numbers = try scratch.workspace.take(queries.columns, of: Float.self)
    bounds = try scratch.workspace.take(queries.rows)
    for row in 0..<queries.rows {
      own[row].update(from: queries[row], count: queries.columns)
      if index.normalizes { SearchIndex.normalize(own[row], queries.columns) }
      (bounds + row).initialize(
        to: RoundedRows.bounds(of: own[row], width: queries.columns, scratch: numbers, index.engine))
    }
    self.queries = own
    while scratch.parts.count < parts { scratch.parts.append(SearchScratch.Part()) }
    for part in scratch.parts {
      part.failure = nil
      while part.finders.count < queries.rows { part.finders.append(Finder()) }
      for finder in part.finders { try finder.begin(most: most) }
    }
  }

  func run() throws(Failure) {
    guard most > 0 else { return }
    try share()
    for query in 0..<queries.rows {
      let threshold = try threshold(query)
      for part in scratch.parts.prefix(parts) { part.finders[query].drop(below: threshold) }
    }
    isRanking = true
    try share()
  }

  private func share() throws(Failure) {
    index.engine.share(self, parts: parts)
    for part in scratch.parts.prefix(parts) { if let failure = part.failure { throw failure } }
  }

  /// The lower bound of the last of the best, of all threads together.
  private func threshold(_ query: Int) throws(Failure) -> Double {
    var all = GrowingList<Double>(for: "the results of a search")
    for part in scratch.parts.prefix(parts) {
      try all.append(contentsOf: UnsafeBufferPointer(part.finders[query].lowest.elements))
    }
    try all.sort(by: >)
    return all.count < most ? -.infinity : all[most - 1]
  }

  /// The best of a query, until the next call.
  func hits(_ query: Int) throws(Failure) -> UnsafeBufferPointer<SearchHit> {
    results.removeAll()
    for part in scratch.parts.prefix(parts) {
      for found in part.finders[query].candidates.elements {
        try results.append(SearchHit(number: found.number, score: found.score))
      }
    }
    try results.sort { $0.score > $1.score || $0.score == $1.score && $0.number < $1.number }
    return UnsafeBufferPointer(rebasing: results.elements.prefix(most))
  }

  // MARK: Threads

  func run(_ part: Int) {
    let own = scratch.parts[part]
    do throws(Failure) {
      try own.workspace.reset()
      if isRanking { try rank(own) } else { try look(part, own) }
    } catch { own.failure = error }
  }

  /// Looks at every `parts`th segment in 8 bits.
  private func look(_ part: Int, _ own: SearchScratch.Part) throws(Failure) {
    let engine = index.engine.with(threads: 1)
    let scores = try own.workspace.matrix(queries.rows, SearchIndex.segmentRows)
    for number in stride(from: part, to: segments.count, by: parts) {
      let segment = segments[number].rounded
      let some = scores.columns(0, segment.count)
      try engine.multiply(queries, segment.packed, into: some, workspace: own.workspace)
      let widest = segment.widest
      for query in 0..<queries.rows {
        try look(
          some[query], segment, first: number * SearchIndex.segmentRows, widest, bounds[query], own.finders[query])
      }
    }
  }

  /// Hands those vectors of a segment to `finder` that may be among the best.
  private func look(
    _ scores: UnsafePointer<Float>, _ segment: RoundedRows, first: Int, _ widest: (length: Float, error: Float),
    _ query: (length: Double, error: Double), _ finder: Finder
  ) throws(Failure) {
    let (lengths, errors) = (segment.lengths, segment.errors)
    // |q x - q'x'| <= |q'| |x - x'| + |q - q'| |x|, where |q'| <= |q| + |q - q'|
    let byError = query.length + query.error
    let byLength = query.error + query.length * RoundedRows.productError
    let most = byError * Double(widest.error) + byLength * Double(widest.length)
    let step = 32
    for start in stride(from: 0, to: segment.count, by: step) {
      let limit = min(start + step, segment.count)
      let least = finder.threshold - most
      if limit - start == step, !Search.anyReaches(scores + start, Float(least).nextDown) { continue }
      for row in start..<limit where Double(scores[row]) >= least {
        let error = byError * Double(errors[row]) + byLength * Double(lengths[row])
        let upper = Double(scores[row]) + error
        guard upper >= finder.threshold else { continue }
        try finder.add(first + row, lower: Double(scores[row]) - error, upper: upper)
      }
    }
  }

  /// Whether one of 32 numbers is at least `least`.
  private static func anyReaches(_ scores: UnsafePointer<Float>, _ least: Float) -> Bool {
    let raw = UnsafeRawPointer(scores)
    let one = raw.loadUnaligned(as: SIMD16<Float>.self)
    let other = raw.loadUnaligned(fromByteOffset: 64, as: SIMD16<Float>.self)
    return any(pointwiseMax(one, other) .>= SIMD16(repeating: least))
  }

  /// Computes the true scores of what a thread found.
  private func rank(_ own: SearchScratch.Part) throws(Failure) {
    let width = queries.columns
    let numbers = try own.workspace.take(width, of: Float.self)
    for query in 0..<queries.rows {
      let candidates = own.finders[query].candidates.elements
      for place in candidates.indices {
        let number = candidates[place].number
        let segment = segments[number / SearchIndex.segmentRows]
        let vector = segment.vector(number % SearchIndex.segmentRows, numbers, index.engine)
        candidates[place].score = Search.product(queries[query], vector, width)
      }
    }
  }

  /// The product of two vectors. Each term is exact in double precision, and they are added in the same order
  /// everywhere: eight sums side by side, and these by halves.
  private static func product(_ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ count: Int) -> Double {
    var sums = SIMD8<Double>(repeating: 0)
    var place = 0
    while place + 8 <= count {
      let a = UnsafeRawPointer(x + place).loadUnaligned(as: SIMD8<Float>.self)
      let b = UnsafeRawPointer(y + place).loadUnaligned(as: SIMD8<Float>.self)
      sums += SIMD8<Double>(a) * SIMD8<Double>(b)
      place += 8
    }
    var rest = 0.0
    while place < count {
      rest += Double(x[place]) * Double(y[place])
      place += 1
    }
    let four = sums.lowHalf + sums.highHalf, two = four.lowHalf + four.highHalf
    return two[0] + two[1] + rest
  }
}
