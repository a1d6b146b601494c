import AttendBase
import AttendDispatch

/// 12 heads of 64, as in BERT-base and GPT-2: every token against every other, and one token against a long cache.
func benchmarkAttention() {
  for (tokens, queries, causal) in [(512, 512, false), (4096, 4096, false), (512, 512, true), (4096, 4096, true), (4096, 1, true)] {
    if short && tokens > 512 { continue }
    let heads = 12, headDim = 64, workspace = Workspace()
    let buffers = (0..<4).map { _ in Product.filled(tokens * heads * headDim, 1) }
    let tables = buffers.map { Matrix($0.pointer(), rows: tokens, columns: heads * headDim) }
    let floats = 2 * heads * headDim * KeyValuePage.tokens
    let pages = (0..<tokens / KeyValuePage.tokens).map { _ in Product.filled(floats, 0) }
    let bases = pages.map(\.base)
    let layout = AttentionHeads(
      heads: heads, keyValueHeads: heads, headDim: headDim, keyOffset: 0, valueOffset: floats / 2, headStride: headDim * KeyValuePage.tokens, scale: 0.125)
    defer { withExtendedLifetime((buffers, pages)) {} }
    bases.withUnsafeBufferPointer { bases in
      let all = [AttentionSequence(row: 0, count: tokens, position: 0, keys: tokens, pages: bases.baseAddress!)]
      all.withUnsafeBufferPointer { engine.storeKeyValues(tables[1], tables[2], $0, layout) }
      let asked = [AttentionSequence(row: 0, count: queries, position: tokens - queries, keys: tokens, pages: bases.baseAddress!)]
      asked.withUnsafeBufferPointer { asked in
        let run = { try! engine.attention(tables[0], asked, layout, AttentionMask(causal: causal), into: tables[3], workspace: workspace) }
        let times = race.times([run, limits.multiplyAdd])
        let pairs = causal && queries > 1 ? Double(tokens) * Double(tokens + 1) / 2 : Double(tokens) * Double(queries)
        let rate = 4 * pairs * Double(heads * headDim) / typical(times[0]) / 1e9
        let name = "attention \(queries) on \(tokens), \(heads) x \(headDim)" + (causal ? ", causal" : "")
        report(name, rate, limits.multiplyAddOperations / typical(times[1]) / 1e9)
      }
    }
  }
}
