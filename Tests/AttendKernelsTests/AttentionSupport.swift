import AttendBase
import AttendDispatch
import AttendKernelInterface
import Foundation

/// What is added to the scores of a case.
struct Biases {
  var slopes = false
  /// Of a table of distances.
  var reach: Int?
  var sinks = false
  var contentToPosition = false
  var positionToContent = false
  /// Of the disentangled terms, and their columns.
  var places = (reach: 0, columns: 1)
}

/// Random numbers for biases. Those of heads alone depend on the number of heads alone, so that sequences of one call
/// share them.
final class BiasTables {
  let spec: Biases
  let heads: Int
  private let slopes: Table, distances: Table, sinks: Table, places: AlignedBuffer
  let contentToPosition: Table, positionToContent: Table  // [tokens, heads * columns]

  init(_ spec: Biases, heads: Int, tokens: Int, _ numbers: inout Numbers) {
    self.spec = spec
    self.heads = heads
    var shared = Numbers(77)
    slopes = Table(1, heads, &shared, scale: 0.1)
    sinks = Table(1, heads, &shared, scale: 2)
    sinks.matrix[0][0] = -.infinity
    distances = Table(heads, 2 * (spec.reach ?? 0) + 1, &shared)
    let count = 2 * spec.places.reach + 1
    places = try! AlignedBuffer(count, of: Int32.self, for: "a test")
    for i in 0..<count { places.pointer(to: Int32.self)[i] = Int32(shared.bits() >> 33) % Int32(spec.places.columns) }
    contentToPosition = Table(tokens, heads * spec.places.columns, gap: 2, &numbers)
    positionToContent = Table(tokens, heads * spec.places.columns, gap: 1, &numbers)
  }

  var bias: AttentionBias { bias(contentToPosition.matrix, positionToContent.matrix) }

  /// With terms of content for all tokens of a call.
  func bias(_ contentToPosition: Matrix, _ positionToContent: Matrix) -> AttentionBias {
    var bias = AttentionBias()
    if spec.slopes { bias.slopes = UnsafePointer(slopes.matrix.base) }
    if let reach = spec.reach {
      bias.distances = UnsafePointer(distances.matrix.base)
      bias.radius = reach
    }
    if spec.sinks { bias.sinks = UnsafePointer(sinks.matrix.base) }
    if spec.contentToPosition || spec.positionToContent {
      bias.disentangled = DisentangledBias(
        contentToPosition: spec.contentToPosition ? contentToPosition : nil,
        positionToContent: spec.positionToContent ? positionToContent : nil,
        relativeIndex: places.pointer(to: Int32.self),
        radius: spec.places.reach, buckets: spec.places.columns)
    }
    return bias
  }

  /// The definition: what a raw score becomes.
  func apply(_ raw: Double, _ scale: Double, _ head: Int, _ query: Int, _ key: Int) -> Double {
    var score = raw
    let reach = spec.places.reach, clamped = min(max(query - key, -reach), reach)
    let column = head * spec.places.columns + Int(places.pointer(to: Int32.self)[clamped + reach])
    if spec.contentToPosition { score += Double(contentToPosition.matrix[query][column]) }
    if spec.positionToContent { score += Double(positionToContent.matrix[key][column]) }
    score *= scale
    if spec.slopes { score += Double(slopes.matrix[0][head]) * Double(key - query) }
    if let reach = spec.reach { score += Double(distances.matrix[head][min(max(key - query, -reach), reach) + reach]) }
    return score
  }

  /// The logit beside the scores.
  func sink(_ head: Int) -> Double { spec.sinks ? Double(sinks.matrix[0][head]) : -.infinity }
}

/// One sequence with its queries, keys and values.
struct AttentionCase {
  var heads = 2, keyValueHeads = 1, headDim = 16
  var keys = 40
  /// The queries are those of the last `queries` positions.
  var queries = 40
  var mask = AttentionMask(causal: false)
  var scale: Float = 0.3
  var biases = Biases()
  /// Of keys and values.
  var type = KeyValueType.float32

  /// A number as products read it; of keys and values in 8 or 4 bits the queries alone.
  func rounded(_ x: Float) -> Double {
    guard type == .bfloat16 else { return Double(x) }
    let bits = x.bitPattern
    return Double(Float(bitPattern: (bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff_0000))
  }

  var position: Int { keys - queries }
}

/// A sequence in pages, with the rows of its queries.
final class PagedSequence {
  let spec: AttentionCase
  let q: Table, k: Table, v: Table
  let biases: BiasTables
  private let pages: [AlignedBuffer]
  let bases: UnsafeMutablePointer<UnsafeMutableRawPointer>
  let heads: AttentionHeads

  init(_ spec: AttentionCase, seed: UInt64) {
    var numbers = Numbers(seed)
    self.spec = spec
    q = Table(spec.queries, spec.heads * spec.headDim, gap: 2, &numbers)
    k = Table(spec.keys, spec.keyValueHeads * spec.headDim, gap: 1, &numbers)
    v = Table(spec.keys, spec.keyValueHeads * spec.headDim, gap: 3, &numbers)
    biases = BiasTables(spec.biases, heads: spec.heads, tokens: spec.keys, &numbers)
    let stride =
      switch spec.type {
      case .float32: 32 * spec.headDim
      case .bfloat16: 32 * ((spec.headDim + 1) / 2)
      case .int8: 32 + 32 * ((spec.headDim + 15) / 16 * 4)
      case .int4: 32 + 32 * ((spec.headDim + 31) / 32 * 4)
      }
    let start = 16
    heads = AttentionHeads(
      heads: spec.heads, keyValueHeads: spec.keyValueHeads, headDim: spec.headDim, keyOffset: start,
      valueOffset: start + spec.keyValueHeads * stride, headStride: stride, scale: spec.scale,
      type: spec.type)
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
    return AttentionSequence(
      row: row, count: count, position: position, keys: spec.mask.causal ? position + count : spec.keys, pages: bases)
  }

  func store(_ engine: Engine) {
    let all = [AttentionSequence(row: 0, count: spec.keys, position: 0, keys: spec.keys, pages: bases)]
    all.withUnsafeBufferPointer { engine.storeKeyValues(k.matrix, v.matrix, $0, heads) }
  }

  /// A component of a key and of a value, read from the pages as `KeyValuePage` describes them.
  func stored(_ key: Int, head: Int, _ d: Int) -> (key: Double, value: Double) {
    let page = bases[key / 32], lane = key % 32, headDim = spec.headDim
    let keys = heads.keyOffset + head * heads.headStride, values = heads.valueOffset + head * heads.headStride
    switch spec.type {
    case .float32:
      let page = page.assumingMemoryBound(to: Float.self)
      return (Double(page[keys + d * 32 + lane]), Double(page[values + lane * headDim + d]))
    case .int8, .int4:
      let row = spec.type == .int8 ? (headDim + 15) / 16 * 16 : (headDim + 31) / 32 * 16
      return (
        whole(page + 4 * keys, lane, d * (spec.type == .int8 ? 32 : 16), lane),
        whole(page + 4 * values, lane, lane * row, d)
      )
    case .bfloat16: break
    }
    let halves = page.assumingMemoryBound(to: UInt16.self)
    let key = halves[2 * (keys + d / 2 * 32 + lane) + d % 2],
      value = halves[2 * (values + lane / 2 * headDim + d) + lane % 2]
    return (Double(Float(bitPattern: UInt32(key) << 16)), Double(Float(bitPattern: UInt32(value) << 16)))
  }

  /// The number at `place` of the row that begins `row` bytes behind the scales, times the scale of a position.
  private func whole(_ block: UnsafeMutableRawPointer, _ lane: Int, _ row: Int, _ place: Int) -> Double {
    let scale = Double(block.load(fromByteOffset: 4 * lane, as: Float.self)), numbers = block + (128 + row)
    if spec.type == .int8 { return scale * Double(numbers.load(fromByteOffset: place, as: Int8.self)) }
    let both = numbers.load(fromByteOffset: place / 32 * 16 + place % 16, as: UInt8.self)
    return scale * Double(Int(place % 32 < 16 ? both & 15 : both >> 4) - 8)
  }

  /// A component of a key and of a value as they meet queries and probabilities; in 8 and 4 bits as `store` left them.
  func read(_ key: Int, head: Int, _ d: Int) -> (key: Double, value: Double) {
    if spec.type == .int8 || spec.type == .int4 { return stored(key, head: head, d) }
    let column = head * spec.headDim + d
    return (spec.rounded(k.matrix[key][column]), spec.rounded(v.matrix[key][column]))
  }

  func run(_ engine: Engine) throws -> (out: [Float], weights: [Float]) {
    store(engine)
    let out = Table(spec.queries, spec.heads * spec.headDim, gap: 1)
    var weights = [Float](repeating: .nan, count: spec.heads * spec.queries * spec.keys)
    try [sequence(row: 0)].withUnsafeBufferPointer {
      try engine.attention(
        q.matrix, $0, heads, spec.mask, bias: biases.bias, into: out.matrix, weights: &weights, workspace: Workspace())
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
          if window > 0 && (spec.mask.causal ? key <= position - window : abs(key - position) > window / 2) {
            return -.infinity
          }
          var score = 0.0
          for d in 0..<spec.headDim {
            score += spec.rounded(q.matrix[query][head * spec.headDim + d]) * read(key, head: head / group, d).key
          }
          score = biases.apply(score, Double(spec.scale), head, position, key)
          let cap = Double(spec.mask.softCap)
          return cap > 0 ? cap * tanh(score / cap) : score
        }
        let sink = biases.sink(head)
        let most = max(scores.max()!, sink)
        let total = scores.reduce(exp(sink - most)) { $0 + exp($1 - most) }
        for key in 0..<spec.keys where scores[key] > -.infinity {
          let p = exp(scores[key] - most) / total
          weights[(head * spec.queries + query) * spec.keys + key] = p
          for d in 0..<spec.headDim {
            out[query * spec.heads * spec.headDim + head * spec.headDim + d] +=
              p * read(key, head: head / group, d).value
          }
        }
      }
    }
    return (out, weights)
  }
}
