import AttendBase
import AttendDispatch
import Foundation
import Testing

/// One sequence with its queries, keys and values.
struct AttentionCase {
  var heads = 2, keyValueHeads = 1, headDim = 16
  var keys = 40
  /// The queries are those of the last `queries` positions.
  var queries = 40
  var mask = AttentionMask(causal: false)
  var scale: Float = 0.3

  var position: Int { keys - queries }
}

/// A sequence in pages, with the rows of its queries.
final class PagedSequence {
  let spec: AttentionCase
  let q: Table, k: Table, v: Table
  private let pages: [AlignedBuffer]
  let bases: UnsafeMutablePointer<UnsafeMutableRawPointer>
  let heads: AttentionHeads

  init(_ spec: AttentionCase, seed: UInt64) {
    var numbers = Numbers(seed)
    self.spec = spec
    q = Table(spec.queries, spec.heads * spec.headDim, gap: 2, &numbers)
    k = Table(spec.keys, spec.keyValueHeads * spec.headDim, gap: 1, &numbers)
    v = Table(spec.keys, spec.keyValueHeads * spec.headDim, gap: 3, &numbers)
    let stride = 32 * spec.headDim, start = 16
    heads = AttentionHeads(
      heads: spec.heads, keyValueHeads: spec.keyValueHeads, headDim: spec.headDim, keyOffset: start, valueOffset: start + spec.keyValueHeads * stride,
      headStride: stride, scale: spec.scale)
    let floats = start + 2 * spec.keyValueHeads * stride
    pages = (0..<(spec.keys + 31) / 32).map { _ in
      let page = try! AlignedBuffer(floats, of: Float.self, for: "a page")
      page.pointer(to: Float.self).update(repeating: .nan, count: floats)  // what nobody stored must not matter
      return page
    }
    bases = .allocate(capacity: max(1, pages.count))
    for (i, page) in pages.enumerated() { bases[i] = page.base }
  }

  deinit { bases.deallocate() }

  /// As part of a call in which its queries begin at `row`.
  func sequence(row: Int, first: Int = 0, count: Int? = nil) -> AttentionSequence {
    let count = count ?? spec.queries
    let position = spec.position + first
    return AttentionSequence(row: row, count: count, position: position, keys: spec.mask.causal ? position + count : spec.keys, pages: bases)
  }

  func store(_ engine: Engine) {
    let all = [AttentionSequence(row: 0, count: spec.keys, position: 0, keys: spec.keys, pages: bases)]
    all.withUnsafeBufferPointer { engine.storeKeyValues(k.matrix, v.matrix, $0, heads) }
  }

  func run(_ engine: Engine) throws -> (out: [Float], weights: [Float]) {
    store(engine)
    let out = Table(spec.queries, spec.heads * spec.headDim, gap: 1)
    var weights = [Float](repeating: .nan, count: spec.heads * spec.queries * spec.keys)
    try [sequence(row: 0)].withUnsafeBufferPointer {
      try engine.attention(q.matrix, $0, heads, spec.mask, into: out.matrix, weights: &weights, workspace: Workspace())
    }
    return (out.values, weights)
  }

  func expected() -> (out: [Double], weights: [Double]) {
    var out = [Double](repeating: 0, count: spec.queries * spec.heads * spec.headDim)
    var weights = [Double](repeating: 0, count: spec.heads * spec.queries * spec.keys)
    let group = spec.heads / spec.keyValueHeads
    for head in 0..<spec.heads {
      for query in 0..<spec.queries {
        let position = spec.position + query
        let scores = (0..<spec.keys).map { key -> Double in
          let window = spec.mask.window
          if spec.mask.causal && key > position { return -.infinity }
          if window > 0 && (spec.mask.causal ? key <= position - window : abs(key - position) > window / 2) { return -.infinity }
          var score = 0.0
          for d in 0..<spec.headDim { score += Double(q.matrix[query][head * spec.headDim + d]) * Double(k.matrix[key][head / group * spec.headDim + d]) }
          score *= Double(spec.scale)
          let cap = Double(spec.mask.softCap)
          return cap > 0 ? cap * tanh(score / cap) : score
        }
        let most = scores.max()!
        let total = scores.reduce(0) { $0 + exp($1 - most) }
        for key in 0..<spec.keys where scores[key] > -.infinity {
          let p = exp(scores[key] - most) / total
          weights[(head * spec.queries + query) * spec.keys + key] = p
          for d in 0..<spec.headDim {
            out[query * spec.heads * spec.headDim + head * spec.headDim + d] += p * Double(v.matrix[key][head / group * spec.headDim + d])
          }
        }
      }
    }
    return (out, weights)
  }
}

private let cases: [AttentionCase] = [
  AttentionCase(),
  AttentionCase(heads: 1, keyValueHeads: 1, headDim: 64, keys: 1, queries: 1),
  AttentionCase(heads: 12, keyValueHeads: 4, headDim: 8, keys: 33, queries: 7),
  AttentionCase(heads: 4, keyValueHeads: 4, headDim: 32, keys: 129, queries: 129, mask: AttentionMask(causal: true)),
  AttentionCase(heads: 6, keyValueHeads: 2, headDim: 80, keys: 200, queries: 25, mask: AttentionMask(causal: true)),
  AttentionCase(heads: 2, keyValueHeads: 1, headDim: 37, keys: 300, queries: 300, mask: AttentionMask(causal: true, window: 20)),
  AttentionCase(heads: 2, keyValueHeads: 2, headDim: 64, keys: 290, queries: 290, mask: AttentionMask(causal: false, window: 64)),
  AttentionCase(heads: 2, keyValueHeads: 2, headDim: 128, keys: 150, queries: 40, mask: AttentionMask(causal: true, window: 140, softCap: 2)),
  AttentionCase(heads: 3, keyValueHeads: 3, headDim: 256, keys: 65, queries: 65, mask: AttentionMask(causal: false, softCap: 5)),
  AttentionCase(heads: 8, keyValueHeads: 1, headDim: 96, keys: 513, queries: 1, mask: AttentionMask(causal: true)),
]

@Suite struct AttentionTests {
  @Test(arguments: engines)
  func everyMaskAndShapeIsRight(engine: Engine) throws {
    for (index, spec) in cases.enumerated() {
      let sequence = PagedSequence(spec, seed: UInt64(index + 1))
      let expected = sequence.expected()
      for threads in [1, 2] {
        let (out, weights) = try sequence.run(engine.with(threads: threads))
        #expect(largestError(out, expected.out) < 4e-6, "case \(index)")
        #expect(largestError(weights, expected.weights) < 2e-6, "case \(index)")
      }
    }
  }

  @Test(arguments: exactEngines)
  func aPromptInChunksHasTheSameBits(engine: Engine) throws {
    for spec in cases where spec.mask.causal {
      let sequence = PagedSequence(spec, seed: 9)
      let whole = try sequence.run(engine).out
      for chunk in [1, 5, 64] {
        for threads in [1, 3] {
          let out = Table(spec.queries, spec.heads * spec.headDim)
          for first in stride(from: 0, to: spec.queries, by: chunk) {
            try [sequence.sequence(row: first, first: first, count: min(chunk, spec.queries - first))].withUnsafeBufferPointer {
              try engine.with(threads: threads).attention(
                sequence.q.matrix, $0, sequence.heads, spec.mask, into: out.matrix, workspace: Workspace())
            }
          }
          #expect(out.values == whole)
        }
      }
    }
  }

  @Test(arguments: exactEngines)
  func aSequenceHasTheSameBitsInAnyCompany(engine: Engine) throws {
    let lengths = [(3, 3), (200, 200), (77, 20), (1, 1), (130, 1), (64, 64), (31, 30), (97, 50)]
    for causal in [false, true] {
      let sequences = lengths.enumerated().map { index, length in
        PagedSequence(
          AttentionCase(heads: 4, keyValueHeads: 2, headDim: 24, keys: length.0, queries: length.1, mask: AttentionMask(causal: causal)), seed: UInt64(index))
      }
      let alone = try sequences.map { try $0.run(engine).out }
      let rows = lengths.reduce(0) { $0 + $1.1 }
      let q = Table(rows, 4 * 24), out = Table(rows, 4 * 24)
      var row = 0
      let entries = sequences.map { sequence in
        defer { row += sequence.spec.queries }
        for query in 0..<sequence.spec.queries { q.matrix[row + query].update(from: sequence.q.matrix[query], count: 96) }
        return sequence.sequence(row: row)
      }
      for threads in [1, 2, 3] {
        try entries.withUnsafeBufferPointer {
          try engine.with(threads: threads).attention(
            q.matrix, $0, sequences[0].heads, AttentionMask(causal: causal), into: out.matrix, workspace: Workspace())
        }
        #expect(out.values == alone.flatMap { $0 })
      }
    }
  }

  @Test(.enabled(if: exactEngines.count > 1, "needs a CPU with AVX2 and AVX-512"))
  func instructionSetsGiveTheSameBits() throws {
    for spec in cases {
      let sequence = PagedSequence(spec, seed: 5)
      let first = try sequence.run(exactEngines[0]), second = try sequence.run(exactEngines[1])
      #expect(first.out.map(\.bitPattern) == second.out.map(\.bitPattern))
      #expect(first.weights.map(\.bitPattern) == second.weights.map(\.bitPattern))
    }
  }

  @Test(arguments: engines)
  func memoryDoesNotGrowWithTheKeys(engine: Engine) throws {
    let sequence = PagedSequence(AttentionCase(heads: 1, keyValueHeads: 1, headDim: 8, keys: 32768, queries: 32), seed: 2)
    sequence.store(engine)
    let workspace = Workspace(), out = Table(32, 8)
    try [sequence.sequence(row: 0)].withUnsafeBufferPointer {
      try engine.attention(sequence.q.matrix, $0, sequence.heads, AttentionMask(causal: false), into: out.matrix, workspace: workspace)
    }
    #expect(workspace.bytes <= 1 << 20)
    #expect(out.values.allSatisfy { $0.isFinite })
  }
}
