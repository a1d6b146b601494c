import AttendBase
import AttendDispatch
import AttendGeneration
import AttendTestSupport
import Testing

@Suite struct SearchIndexTests {
  /// Numbers from -1 to 1.
  private func random(_ count: Int, seed: UInt64) -> [Float] {
    var numbers = SplitMix(seed: seed)
    return numbers.floats(count)
  }

  private func engine(_ kernels: String, threads: Int) throws -> Engine {
    try Engine(kernels: kernels, threads: 1).with(threads: threads)
  }

  private func find(_ index: SearchIndex, _ queries: [Float], most: Int) throws -> [[SearchHit]] {
    var queries = queries
    var found: [[SearchHit]] = []
    try queries.withUnsafeMutableBufferPointer { (numbers) throws(Failure) in
      let rows = Matrix(numbers.baseAddress!, rows: numbers.count / index.width, columns: index.width)
      try index.search(rows, most: most) { _, hits in found.append(Array(hits)) }
    }
    return found
  }

  private func add(_ vectors: [Float], to index: SearchIndex) throws {
    var vectors = vectors
    try vectors.withUnsafeMutableBufferPointer { (numbers) throws(Failure) in
      try index.add(Matrix(numbers.baseAddress!, rows: numbers.count / index.width, columns: index.width))
    }
  }

  /// The true product lies between the bounds that rounding leaves, whatever the vectors are.
  @Test(arguments: [1, 7, 32, 96, 384], kernelSets) func boundsHold(width: Int, kernels: String) throws {
    let engine = try engine(kernels, threads: 2)
    let count = 300
    var vectors = random(count * width, seed: UInt64(width))
    for index in stride(from: 0, to: vectors.count, by: 11) { vectors[index] *= 50 }
    for index in 0..<width { vectors[index] = 0 }
    var query = random(width, seed: 99)
    query[width / 2] *= 9
    let rounded = try vectors.withUnsafeMutableBufferPointer { (numbers) throws(Failure) in
      try RoundedRows(Matrix(numbers.baseAddress!, rows: count, columns: width), engine: engine)
    }
    var (scores, scratch) = ([Float](repeating: 0, count: count), [Float](repeating: 0, count: width))
    let bounds = try query.withUnsafeMutableBufferPointer { (x) throws(Failure) in
      try scores.withUnsafeMutableBufferPointer { (y) throws(Failure) in
        try engine.multiply(
          Matrix(x.baseAddress!, rows: 1, columns: width), rounded.packed,
          into: Matrix(y.baseAddress!, rows: 1, columns: count), workspace: Workspace())
      }
      return scratch.withUnsafeMutableBufferPointer {
        RoundedRows.bounds(of: x.baseAddress!, width: width, scratch: $0.baseAddress!, engine)
      }
    }
    for row in 0..<count {
      let exact = (0..<width).reduce(0.0) { $0 + Double(query[$1]) * Double(vectors[row * width + $1]) }
      let byError = (bounds.length + bounds.error) * Double(rounded.errors[row])
      let byLength = (bounds.error + bounds.length * RoundedRows.productError) * Double(rounded.lengths[row])
      #expect(abs(exact - Double(scores[row])) <= byError + byLength)
    }
  }

  @Test(arguments: [SearchIndex.Kind.float32, .int8], kernelSets) func nothingIsMissed(
    kind: SearchIndex.Kind, kernels: String
  ) throws {
    let (width, count) = (24, 20_000)
    let (vectors, queries) = (random(count * width, seed: 1), random(20 * width, seed: 2))
    let index = try SearchIndex(width: width, kind: kind, normalizes: false, engine: try engine(kernels, threads: 3))
    try add(Array(vectors[..<(7 * width)]), to: index)
    try add(Array(vectors[(7 * width)...]), to: index)
    #expect(index.count == count)
    let found = try find(index, queries, most: 12)
    for (query, hits) in found.enumerated() where kind == .float32 {
      let scores = (0..<count).map { row in
        (0..<width).reduce(0.0) { $0 + Double(queries[query * width + $1]) * Double(vectors[row * width + $1]) }
      }
      let wanted = scores.indices.sorted { scores[$0] > scores[$1] }.prefix(12)
      #expect(zip(hits, wanted).allSatisfy { abs($0.score - scores[$1]) < 1e-12 })
    }
    let other = try SearchIndex(
      width: width, kind: kind, normalizes: false, engine: try engine(kernelSets[0], threads: 1))
    try add(vectors, to: other)
    for (one, same) in zip(found, try find(other, queries, most: 12)) {
      #expect(one.map(\.number) == same.map(\.number) && one.map(\.score) == same.map(\.score))
    }
  }

  @Test func filesKeepWhatTheyGot() throws {
    let folder = try TemporaryFolder()
    let engine = try engine(kernelSets[0], threads: 2)
    for kind in [SearchIndex.Kind.float32, .int8] {
      let index = try SearchIndex(width: 9, kind: kind, normalizes: true, engine: engine)
      try add(random(9 * 40_000, seed: 4), to: index)
      try index.save(to: folder.path(of: "index"))
      let opened = try SearchIndex(path: folder.path(of: "index"), engine: engine)
      #expect(opened.count == 40_000 && opened.kind == kind && opened.normalizes)
      let queries = random(9 * 17, seed: 5)
      for (one, same) in zip(try find(index, queries, most: 5), try find(opened, queries, most: 5)) {
        #expect(one.map(\.number) == same.map(\.number) && one.map(\.score) == same.map(\.score))
      }
    }
  }

  @Test func whatIsNotFiniteIsRefused() throws {
    let index = try SearchIndex(
      width: 2, kind: .float32, normalizes: false, engine: try engine(kernelSets[0], threads: 1))
    #expect(throws: Failure.self) { try add([1, 2, 3, .infinity], to: index) }
    #expect(index.count == 0)
    #expect(throws: Failure.self) { try find(index, [.nan, 0], most: 1) }
  }
}
