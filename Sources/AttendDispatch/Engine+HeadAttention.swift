// Attention over keys and values that are nobody's cache: they are brought to pages in scratch memory, some heads at a
// time, and meet their queries there.
import AttendBase
import AttendKernelInterface

/// A head of keys and values of one sequence, rows in the caller's memory.
package struct KeyHead {
  package var k: UnsafePointer<Float>  // [keys, headDim]
  package var kStride: Int
  package var v: UnsafePointer<Float>  // [keys, headDim]
  package var vStride: Int
  package var keys: Int

  package init(k: UnsafePointer<Float>, kStride: Int, v: UnsafePointer<Float>, vStride: Int, keys: Int) {
    self.k = k
    self.kStride = kStride
    self.v = v
    self.vStride = vStride
    self.keys = keys
  }

  var pages: Int { (keys + KeyValuePage.tokens - 1) / KeyValuePage.tokens }
}

/// A head of queries of one sequence.
package struct QueryHead {
  package var q: UnsafePointer<Float>  // [queries, headDim]
  package var qStride: Int
  package var out: UnsafeMutablePointer<Float>  // [queries, headDim]
  package var outStride: Int
  /// The number among the heads of its sequence, by which biases count.
  package var head: Int
  package var bias: AttentionBias
  package var weights: UnsafeMutablePointer<Float>?  // [queries, keys], or nil
  package var weightsStride: Int

  package init(
    q: UnsafePointer<Float>, qStride: Int, out: UnsafeMutablePointer<Float>, outStride: Int, head: Int,
    bias: AttentionBias, weights: UnsafeMutablePointer<Float>?, weightsStride: Int
  ) {
    self.q = q
    self.qStride = qStride
    self.out = out
    self.outStride = outStride
    self.head = head
    self.bias = bias
    self.weights = weights
    self.weightsStride = weightsStride
  }
}

/// What all heads of a call have in common.
package struct HeadAttention {
  /// Of each head.
  package var queries: Int
  /// Below 2^20.
  package var headDim: Int
  /// Of the first query.
  package var position: Int
  package var scale: Float
  package var mask: AttentionMask

  package init(queries: Int, headDim: Int, position: Int, scale: Float, mask: AttentionMask) {
    self.queries = queries
    self.headDim = headDim
    self.position = position
    self.scale = scale
    self.mask = mask
  }

  /// Floats of the keys, or of the values, of one page.
  var pageFloats: Int { KeyValuePage.headUnits(headDim, .float32) }
}

/// Heads of keys and values that lie in pages at one time, with the queries that look at them.
private struct HeadJob {
  let common: HeadAttention
  let keys: UnsafeBufferPointer<KeyHead>
  let queries: UnsafeBufferPointer<QueryHead>  // as many for each head of keys
  let pages: UnsafeMutablePointer<UnsafeMutableRawPointer>  // of all heads of keys, one after another
  let kernels: KernelTable
  let parts: Int
  let scratch: UnsafeMutablePointer<Float>
  let scratchStride: Int

  /// Every `parts`-th page, beginning with page `part`.
  func store(_ part: Int) {
    var first = 0  // the number of a head's first page
    for head in keys {
      // The first of the part's pages that is not before this head.
      var page = (part - first % parts + parts) % parts
      while page < head.pages {
        let token = page * KeyValuePage.tokens
        let to = pages[first + page].assumingMemoryBound(to: Float.self)
        var arguments = StoreArguments(
          k: head.k + token * head.kStride, kStride: head.kStride, v: head.v + token * head.vStride,
          vStride: head.vStride, tokens: min(KeyValuePage.tokens, head.keys - token), headDim: common.headDim, lane: 0,
          keys: to, values: to + common.pageFloats)
        kernels.attention[.float32].store(&arguments)
        page += parts
      }
      first += head.pages
    }
  }

  /// Every `parts`-th task, a task being some queries of a head. Interleaving evens out what causal masks save.
  func attend(_ part: Int) {
    let rows = kernels.attentionRows, group = queries.count / keys.count, kernel = kernels.attention[.float32].attend
    var task = 0, pages = pages
    for (index, head) in keys.enumerated() {
      for query in queries[index * group..<(index + 1) * group] {
        for first in stride(from: 0, to: common.queries, by: rows) {
          if task % parts == part { run(query, head, pages, first..<min(first + rows, common.queries), part, kernel) }
          task += 1
        }
      }
      pages += head.pages
    }
  }

  private func run(
    _ query: QueryHead, _ head: KeyHead, _ pages: UnsafeMutablePointer<UnsafeMutableRawPointer>, _ rows: Range<Int>,
    _ part: Int, _ kernel: (UnsafePointer<AttentionArguments>, Int, Range<Int>, UnsafeMutablePointer<Float>) -> Void
  ) {
    withUnsafePointer(to: query.bias) { bias in
      var arguments = AttentionArguments(
        q: query.q, qStride: query.qStride, out: query.out, outStride: query.outStride, group: 1,
        headDim: common.headDim, pages: pages, keyOffset: 0, valueOffset: common.pageFloats,
        position: common.position, keys: head.keys, scale: common.scale, mask: common.mask,
        bias: query.bias.isEmpty ? nil : bias, head: query.head, row: 0, weights: query.weights,
        weightsHeadStride: 0, weightsStride: query.weightsStride, ahead: parts * kernels.attentionRows)
      kernel(&arguments, 1, rows, scratch + part * scratchStride)
    }
  }
}

extension Engine {
  /// Floats of pages at a time: as many heads as fit, and at least one.
  private static var pageFloatsAtOnce: Int { 1 << 22 }

  /// out = softmax(scale q kᵀ, biased and masked) v for each head of queries, of which as many neighbours share a head
  /// of keys as there are times more of them. A query that sees no key gets zeros.
  package func attention(
    _ queries: UnsafeBufferPointer<QueryHead>, _ keys: UnsafeBufferPointer<KeyHead>, _ common: HeadAttention,
    workspace: Workspace
  ) throws(Failure) {
    guard keys.count > 0, common.queries > 0 else { return }
    let group = queries.count / keys.count
    var first = 0
    while first < keys.count {
      var end = first + 1, pages = keys[first].pages
      while end < keys.count,
        (pages + keys[end].pages).saturatingMultiply(2 * common.pageFloats) <= Engine.pageFloatsAtOnce
      {
        pages += keys[end].pages
        end += 1
      }
      try attend(
        UnsafeBufferPointer(rebasing: queries[first * group..<end * group]),
        UnsafeBufferPointer(rebasing: keys[first..<end]), pages: pages, common, workspace)
      first = end
    }
  }

  private func attend(
    _ queries: UnsafeBufferPointer<QueryHead>, _ keys: UnsafeBufferPointer<KeyHead>, pages count: Int,
    _ common: HeadAttention, _ workspace: Workspace
  ) throws(Failure) {
    let mark = workspace.mark()
    defer { workspace.release(to: mark) }
    let (floats, overflow) = count.multipliedReportingOverflow(by: 2 * common.pageFloats)
    guard !overflow else { throw .outOfMemory(Int.max, for: "keys and values") }
    let memory = try workspace.take(floats, of: Float.self)
    let pages = try workspace.take(count, of: UnsafeMutableRawPointer.self)
    for page in 0..<count { (pages + page).initialize(to: memory + page * 2 * common.pageFloats) }
    let positions = count * KeyValuePage.tokens
    let tasks = queries.count * ((common.queries + kernels.attentionRows - 1) / kernels.attentionRows)
    let work = positions.saturatingMultiply(queries.count / keys.count).saturatingMultiply(
      common.queries * common.headDim)
    let parts = parts(tasks, work: work, grain: .scores)
    let size = (AttentionScratch.count(headDim: common.headDim) + 15) & ~15
    let scratch = try workspace.take(parts * size, of: Float.self)
    let storing = self.parts(count, work: positions.saturatingMultiply(common.headDim), grain: .store)
    var store = HeadJob(
      common: common, keys: keys, queries: queries, pages: pages, kernels: kernels, parts: storing, scratch: scratch,
      scratchStride: size)
    run(&store, parts: storing) { context, part in context.assumingMemoryBound(to: HeadJob.self).pointee.store(part) }
    var attend = HeadJob(
      common: common, keys: keys, queries: queries, pages: pages, kernels: kernels, parts: parts, scratch: scratch,
      scratchStride: size)
    run(&attend, parts: parts) { context, part in context.assumingMemoryBound(to: HeadJob.self).pointee.attend(part) }
  }
}
