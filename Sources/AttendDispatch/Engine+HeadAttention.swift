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

/// Heads of keys and values with the queries that look at them.
private struct HeadJob {
  let common: HeadAttention
  let keys: UnsafeBufferPointer<KeyHead>
  let queries: UnsafeBufferPointer<QueryHead>  // as many for each head of keys
  /// Of all heads of keys, one after another; or `ownPages` for each part.
  let pages: UnsafeMutablePointer<UnsafeMutableRawPointer>
  var ownPages = 0
  let kernels: KernelTable
  let parts: Int
  /// Queries of a task at most.
  let rows: Int
  let scratch: UnsafeMutablePointer<Float>
  let scratchStride: Int

  /// Every `parts`-th page, beginning with page `part`.
  func store(_ part: Int) {
    var first = 0  // the number of a head's first page
    for head in keys {
      // The first of the part's pages that is not before this head.
      for page in stride(from: (part - first % parts + parts) % parts, to: head.pages, by: parts) {
        store(head, page, to: pages[first + page])
      }
      first += head.pages
    }
  }

  private func store(_ head: KeyHead, _ page: Int, to memory: UnsafeMutableRawPointer) {
    let token = page * KeyValuePage.tokens, to = memory.assumingMemoryBound(to: Float.self)
    var arguments = StoreArguments(
      k: head.k + token * head.kStride, kStride: head.kStride, v: head.v + token * head.vStride,
      vStride: head.vStride, tokens: min(KeyValuePage.tokens, head.keys - token), headDim: common.headDim, lane: 0,
      keys: to, values: to + common.pageFloats)
    kernels.attention[.float32].store(&arguments)
  }

  /// Every `parts`-th task, a task being some queries of a head. Interleaving evens out what causal masks save.
  func attend(_ part: Int) {
    var task = 0, pages = pages
    for index in keys.indices {
      forEachTask(index) { query, rows in
        if task % parts == part { run(query, keys[index], pages, rows, part) }
        task += 1
      }
      pages += keys[index].pages
    }
  }

  /// Every `parts`-th head of keys with all of its queries. Its keys and values go to pages of the part's own, and are
  /// still near when the queries come.
  func attendHeads(_ part: Int) {
    let own = pages + part * ownPages
    for index in stride(from: part, to: keys.count, by: parts) {
      for page in 0..<keys[index].pages { store(keys[index], page, to: own[page]) }
      forEachTask(index) { query, rows in run(query, keys[index], own, rows, part) }
    }
  }

  /// The tasks of a head of keys.
  private func forEachTask(_ index: Int, _ body: (QueryHead, Range<Int>) -> Void) {
    let group = queries.count / keys.count
    for query in queries[index * group..<(index + 1) * group] {
      for first in stride(from: 0, to: common.queries, by: rows) {
        body(query, first..<min(first + rows, common.queries))
      }
    }
  }

  private func run(
    _ query: QueryHead, _ head: KeyHead, _ pages: UnsafeMutablePointer<UnsafeMutableRawPointer>, _ rows: Range<Int>,
    _ part: Int
  ) {
    withUnsafePointer(to: query.bias) { bias in
      var arguments = AttentionArguments(
        q: query.q, qStride: query.qStride, out: query.out, outStride: query.outStride, group: 1,
        headDim: common.headDim, pages: pages, keyOffset: 0, valueOffset: common.pageFloats,
        position: common.position, keys: head.keys, scale: common.scale, mask: common.mask,
        bias: query.bias.isEmpty ? nil : bias, head: query.head, row: 0, weights: query.weights,
        weightsHeadStride: 0, weightsStride: query.weightsStride, ahead: (ownPages > 0 ? 1 : parts) * self.rows)
      kernels.attention[.float32].attend(&arguments, 1, rows, scratch + part * scratchStride)
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
    if try attendHeads(queries, keys, common, workspace) { return }
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

  /// Heads are shared out among the threads whole, if that keeps all of them alike busy and pages of a head are not too
  /// large; otherwise nothing happens, and the result is false.
  private func attendHeads(
    _ queries: UnsafeBufferPointer<QueryHead>, _ keys: UnsafeBufferPointer<KeyHead>, _ common: HeadAttention,
    _ workspace: Workspace
  ) throws(Failure) -> Bool {
    let most = keys.reduce(1) { max($0, $1.pages) }, pages = keys.reduce(0) { $0 + $1.pages }
    let (rows, parts) = headParts(queries.count, keys.count, pages: pages, common)
    guard keys.count % parts == 0 || keys.count >= 8 * parts,
      most.saturatingMultiply(2 * common.pageFloats) <= Engine.pageFloatsAtOnce
    else { return false }
    let mark = workspace.mark()
    defer { workspace.release(to: mark) }
    let size = (AttentionScratch.count(headDim: common.headDim) + 15) & ~15
    var job = HeadJob(
      common: common, keys: keys, queries: queries, pages: try self.pages(parts * most, common, workspace),
      ownPages: most, kernels: kernels, parts: parts, rows: rows,
      scratch: try workspace.take(parts * size, of: Float.self), scratchStride: size)
    run(&job, parts: parts) { context, part in context.assumingMemoryBound(to: HeadJob.self).pointee.attendHeads(part) }
    return true
  }

  /// Rows of a task, and among how many threads the tasks are shared out.
  private func headParts(
    _ queries: Int, _ keys: Int, pages: Int, _ common: HeadAttention
  ) -> (rows: Int, parts: Int) {
    let (rows, tasks) = attentionTasks { queries * ((common.queries + $0 - 1) / $0) }
    let work = (pages * KeyValuePage.tokens).saturatingMultiply(queries / keys).saturatingMultiply(
      common.queries * common.headDim)
    return (rows, parts(tasks, work: work, grain: .scores))
  }

  /// Memory for `count` pages of a head.
  private func pages(
    _ count: Int, _ common: HeadAttention, _ workspace: Workspace
  ) throws(Failure) -> UnsafeMutablePointer<UnsafeMutableRawPointer> {
    let (floats, overflow) = count.multipliedReportingOverflow(by: 2 * common.pageFloats)
    guard !overflow else { throw .outOfMemory(Int.max, for: "keys and values") }
    let memory = try workspace.take(floats, of: Float.self)
    let pages = try workspace.take(count, of: UnsafeMutableRawPointer.self)
    for page in 0..<count { (pages + page).initialize(to: memory + page * 2 * common.pageFloats) }
    return pages
  }

  private func attend(
    _ queries: UnsafeBufferPointer<QueryHead>, _ keys: UnsafeBufferPointer<KeyHead>, pages count: Int,
    _ common: HeadAttention, _ workspace: Workspace
  ) throws(Failure) {
    let mark = workspace.mark()
    defer { workspace.release(to: mark) }
    let pages = try pages(count, common, workspace)
    let (rows, parts) = headParts(queries.count, keys.count, pages: count, common)
    let size = (AttentionScratch.count(headDim: common.headDim) + 15) & ~15
    let scratch = try workspace.take(parts * size, of: Float.self)
    let storing = self.parts(
      count, work: (count * KeyValuePage.tokens).saturatingMultiply(common.headDim), grain: .store)
    var store = HeadJob(
      common: common, keys: keys, queries: queries, pages: pages, kernels: kernels, parts: storing, rows: rows,
      scratch: scratch, scratchStride: size)
    run(&store, parts: storing) { context, part in context.assumingMemoryBound(to: HeadJob.self).pointee.store(part) }
    var attend = HeadJob(
      common: common, keys: keys, queries: queries, pages: pages, kernels: kernels, parts: parts, rows: rows,
      scratch: scratch, scratchStride: size)
    run(&attend, parts: parts) { context, part in context.assumingMemoryBound(to: HeadJob.self).pointee.attend(part) }
  }
}
