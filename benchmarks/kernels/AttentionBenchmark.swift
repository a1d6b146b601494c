import AttendBase
import AttendDispatch
import AttendKernelInterface

/// A sequence in pages and the rows of its queries: 12 heads of 64, as in BERT-base and GPT-2.
private final class CachedSequence {
  static let heads = 12, headDim = 64
  let tokens: Int
  private let q: Matrix, out: Matrix
  private let layout: AttentionHeads
  private let pages: AlignedBuffer, bases: [UnsafeMutableRawPointer]
  private let buffers: [AlignedBuffer]
  private let workspace = Workspace()

  init(_ tokens: Int, queries: Int, type: KeyValueType = .float32) {
    self.tokens = tokens
    let width = CachedSequence.heads * CachedSequence.headDim
    let headStride = KeyValuePage.headUnits(CachedSequence.headDim, type)
    let floats = 2 * CachedSequence.heads * headStride
    buffers = [queries, queries, tokens].map { Product.filled($0 * width, 1) }
    q = Matrix(buffers[0].pointer(), rows: queries, columns: width)
    out = Matrix(buffers[1].pointer(), rows: queries, columns: width)
    let stored = Matrix(buffers[2].pointer(), rows: tokens, columns: width)
    // In one piece, as the pages of many layers are large enough for the system's large pages.
    let count = tokens / KeyValuePage.tokens, pages = Product.filled(count * floats, 0)
    self.pages = pages
    bases = (0..<count).map { pages.base + $0 * floats * 4 }
    layout = AttentionHeads(
      heads: CachedSequence.heads, keyValueHeads: CachedSequence.heads, headDim: CachedSequence.headDim, keyOffset: 0,
      valueOffset: floats / 2, headStride: headStride, scale: 0.125, type: type)
    bases.withUnsafeBufferPointer {
      let all = [AttentionSequence(row: 0, count: tokens, position: 0, keys: tokens, pages: $0.baseAddress!)]
      all.withUnsafeBufferPointer { engine.storeKeyValues(stored, stored, $0, layout) }
    }
  }

  /// Keys and values of all heads.
  var bytes: Int { pages.bytes }

  /// The last tokens look at all, or with `causal` at those before them.
  func run(causal: Bool) {
    bases.withUnsafeBufferPointer {
      let asked = [
        AttentionSequence(row: 0, count: q.rows, position: tokens - q.rows, keys: tokens, pages: $0.baseAddress!)
      ]
      asked.withUnsafeBufferPointer {
        try! engine.attention(q, $0, layout, AttentionMask(causal: causal), into: out, workspace: workspace)
      }
    }
  }
}

/// Every token against every other, beside multiply-adds.
func benchmarkAttention() {
  let shape = "\(CachedSequence.heads) x \(CachedSequence.headDim)"
  for tokens in [512, 4096] {
    let sequence = CachedSequence(tokens, queries: tokens)
    for causal in [false, true] {
      let times = race.times([{ sequence.run(causal: causal) }, limits.multiplyAdd])
      let pairs = causal ? Double(tokens) * Double(tokens + 1) / 2 : Double(tokens) * Double(tokens)
      let rate = 4 * pairs * Double(CachedSequence.heads * CachedSequence.headDim) / typical(times[0]) / 1e9
      report(
        "attention \(tokens) on \(tokens), \(shape)" + (causal ? ", causal" : ""), rate,
        limits.multiplyAddOperations / typical(times[1]) / 1e9)
    }
  }
}

/// One token against a long cache, beside reading.
func benchmarkCachedAttention() {
  let shape = "\(CachedSequence.heads) x \(CachedSequence.headDim)"
  for tokens in [4096, 32768] {
    let sequence = CachedSequence(tokens, queries: 1), memory = Product.filled(sequence.bytes / 4, 1)
    let rates = race.times([{ sequence.run(causal: true) }, { limits.read(memory.base, memory.bytes) }]).map {
      Double(sequence.bytes) / typical($0) / 1e9
    }
    report("attention 1 on \(tokens), \(shape), GB/s", rates[0], rates[1])
  }
}

/// Keys and values in fewer bits, in tokens of the cache per microsecond, beside those in float32.
func benchmarkFewerBits() {
  let shape = "\(CachedSequence.heads) x \(CachedSequence.headDim)"
  for (tokens, queries) in [(4096, 1), (32768, 1), (2048, 2048)] {
    for type in [KeyValueType.bfloat16, .int8, .int4] {
      let sequence = CachedSequence(tokens, queries: queries, type: type),
        plain = CachedSequence(tokens, queries: queries)
      let rates = race.times([{ sequence.run(causal: true) }, { plain.run(causal: true) }]).map {
        Double(tokens) / typical($0) / 1e6
      }
      report("attention \(queries) on \(tokens) in \(type), \(shape), tokens/µs", rates[0], rates[1])
    }
  }
}
