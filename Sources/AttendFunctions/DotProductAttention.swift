// Scaled dot-product attention (Vaswani et al. 2017, arXiv:1706.03762, equation 1) of arrays.
import AttendBase
import AttendDispatch
import AttendKernelInterface

/// What is done to the scores, and what is wanted besides the result. Of arrays that are nil there is nothing.
package struct AttentionFunction {
  /// nil: 1 / √width.
  package var scale: Float?
  package var softCap: Float = 0
  package var isCausal = false
  /// Position of the first query among the keys.
  package var queryPosition = 0
  package var window = 0
  /// `[..., heads, queries, keys]` or what repeats to it: bool, false hiding a key, or terms.
  package var mask: ArrayView?
  /// Keys that are seen, of each sequence.
  package var keyLengths: ArrayView?
  /// `[heads]`: see `AttentionBias`.
  package var slopes, sinks: ArrayView?
  /// `[heads, 2 r + 1]`
  package var distanceBias: ArrayView?
  /// `[2 r + 1, width]`: added to keys and values by their distance (Shaw et al. 2018, arXiv:1803.02155).
  package var relativeKeys, relativeValues: ArrayView?
  /// `[..., heads, queries, keys]`, an output.
  package var weights: ArrayView?

  package init() {}
}

extension FunctionContext {
  /// output = softmax(scale q kᵀ, biased and masked) v; q `[..., heads, queries, width]`, k `[..., keyHeads, keys,
  /// width]`, v `[..., keyHeads, keys, valueWidth]`, output `[..., heads, queries, valueWidth]`.
  package func attend(
    _ q: ArrayView, _ k: ArrayView, _ v: ArrayView, _ options: AttentionFunction, into target: ArrayView
  ) throws(Failure) {
    let sizes = try AttentionSizes(q, k, v)
    try target.require(q.rank - 1, of: q, then: sizes.valueWidth)
    let output = try output(target, beside: [q, k, v, options.mask])
    let weights = try options.weights.map { (view) throws(Failure) in
      try view.require(q.rank - 1, of: q, then: sizes.keys)
      guard !view.touches(target) else {
        throw Failure(.invalidArgument, "\(view.name) and \(target.name) share memory")
      }
      return try self.output(view, beside: [q, k, v, options.mask])
    }
    let call = try AttentionCall(self, sizes, q, k, v, options, output.numbers, weights?.numbers)
    try call.run()
    finish(output)
    if let weights { finish(weights) }
  }
}

/// The sizes of an attention, from the shapes of its inputs.
struct AttentionSizes {
  let sequences: Int
  let heads: Int
  let keyHeads: Int
  let queries: Int
  let keys: Int
  let width: Int
  let valueWidth: Int

  /// Numbers of a head at most.
  private static let mostWidth = 1 << 16

  /// Throws `invalidArgument` where shapes do not fit.
  init(_ q: ArrayView, _ k: ArrayView, _ v: ArrayView) throws(Failure) {
    try q.require(rank: 2)
    let rank = q.rank
    func mismatch(_ one: ArrayView, _ other: ArrayView, _ reason: String) -> Failure {
      Failure(.invalidArgument, "\(one.described) and \(other.described): \(reason)")
    }
    guard k.rank == rank else { throw mismatch(q, k, "they must have equally many dimensions") }
    guard v.rank == rank else { throw mismatch(k, v, "they must have equally many dimensions") }
    for dimension in 0..<max(rank - 3, 0) where q.shape[dimension] != k.shape[dimension] {
      throw mismatch(q, k, "dimensions before the heads must be equal")
    }
    guard q.size(1) == k.size(1) else { throw mismatch(q, k, "the last dimensions must be equal") }
    guard (0..<rank - 1).allSatisfy({ k.shape[$0] == v.shape[$0] }) else {
      throw mismatch(k, v, "all dimensions but the last must be equal")
    }
    guard q.size(1) <= AttentionSizes.mostWidth, v.size(1) <= AttentionSizes.mostWidth else {
      throw mismatch(q, v, "heads of more than \(AttentionSizes.mostWidth) numbers are not taken")
    }
    heads = rank > 2 ? q.size(3) : 1
    keyHeads = rank > 2 ? k.size(3) : 1
    guard heads == keyHeads || keyHeads > 0 && heads % keyHeads == 0 else {
      throw mismatch(q, k, "\(keyHeads) heads of keys do not divide \(heads) heads of queries")
    }
    sequences = q.leading(3)
    (queries, keys) = (q.size(2), k.size(2))
    (width, valueWidth) = (q.size(1), v.size(1))
  }
}

/// One call of attention, with arrays that the kernels can read.
struct AttentionCall {
  let context: FunctionContext
  let sizes: AttentionSizes
  let options: AttentionFunction
  /// Numbers of a head as the kernels see it: keys and values are equally wide there.
  let headDim: Int
  let q, k, v: ArrayView
  let out: ArrayView
  /// The output where it is as wide as the kernels', otherwise `[sequences * heads, queries, headDim]`.
  let wide: ArrayView
  let weights: ArrayView?
  let lengths: UnsafeMutablePointer<Int32>?
  let shared: AttentionBias
  let given: GivenTerms
  let relative: RelativeTerms

  init(
    _ context: FunctionContext, _ sizes: AttentionSizes, _ q: ArrayView, _ k: ArrayView, _ v: ArrayView,
    _ options: AttentionFunction, _ out: ArrayView, _ weights: ArrayView?
  ) throws(Failure) {
    self.context = context
    self.sizes = sizes
    self.options = options
    self.out = out
    self.weights = weights
    headDim = max(sizes.width, sizes.valueWidth, 1)
    self.q = try context.numbers(q, width: headDim)
    self.k = try context.numbers(k, width: headDim)
    self.v = try context.numbers(v, width: headDim)
    wide = headDim == sizes.valueWidth ? out : try context.scratch("output", like: out, last: headDim)
    lengths = try AttentionCall.lengths(context, sizes, options.keyLengths)
    shared = try AttentionCall.bias(context, sizes, options)
    given = try GivenTerms(context, options.mask, scoresOf: q, keys: sizes.keys)
    relative = try RelativeTerms(context, self.q, sizes, options)
    guard options.softCap >= 0, options.softCap.isFinite else {
      throw Failure(.invalidArgument, "options.soft_cap is \(options.softCap)")
    }
    let limit = 1 << 30
    guard (0..<limit).contains(options.window), abs(options.queryPosition.clamped(limit)) < limit,
      sizes.queries < limit, sizes.keys < limit
    else {
      throw Failure(
        .invalidArgument,
        "options.window is \(options.window) and options.query_position \(options.queryPosition), with "
          + "\(sizes.queries) queries and \(sizes.keys) keys; all must be below \(limit)")
    }
  }

  /// The number of keys of each sequence, `[sequences]`; nil: all.
  private static func lengths(
    _ context: FunctionContext, _ sizes: AttentionSizes, _ lengths: ArrayView?
  ) throws(Failure) -> UnsafeMutablePointer<Int32>? {
    guard let lengths else { return nil }
    guard lengths.count == sizes.sequences else {
      throw Failure(
        .invalidArgument, "\(lengths.described); one number for each of \(sizes.sequences) sequences is needed")
    }
    return try context.integers(lengths, in: 0..<sizes.keys + 1, "there are \(sizes.keys) keys")
  }

  /// The biases that depend on heads and distances alone.
  private static func bias(
    _ context: FunctionContext, _ sizes: AttentionSizes, _ options: AttentionFunction
  ) throws(Failure) -> AttentionBias {
    var bias = AttentionBias()
    bias.slopes = try context.vector(options.slopes, size: sizes.heads, for: "attention of \(sizes.heads) heads")
    bias.sinks = try context.vector(options.sinks, size: sizes.heads, for: "attention of \(sizes.heads) heads")
    if let table = options.distanceBias {
      guard table.rank == 2, table.size(2) == sizes.heads, table.size(1) % 2 == 1 else {
        throw Failure(
          .invalidArgument, "\(table.described); for \(sizes.heads) heads it must be [\(sizes.heads), 2 r + 1]")
      }
      bias.distances = UnsafePointer(try context.compact(table).floats)
      bias.radius = table.size(1) / 2
    }
    return bias
  }

  /// Computes all heads.
  func run() throws(Failure) {
    let heads = sizes.sequences * sizes.heads, workspace = context.workspace
    guard heads > 0, sizes.queries > 0 else { return }
    if let weights { clear(weights, heads) }
    let keys = try workspace.take(sizes.sequences * sizes.keyHeads, of: KeyHead.self)
    let queries = try workspace.take(heads, of: QueryHead.self)
    for index in 0..<sizes.sequences * sizes.keyHeads { (keys + index).initialize(to: keyHead(index)) }
    for index in 0..<heads { (queries + index).initialize(to: queryHead(index)) }
    let mask = AttentionMask(
      causal: options.isCausal, window: options.window, softCap: given.isEmpty ? options.softCap : 0)
    let common = HeadAttention(
      queries: sizes.queries, headDim: headDim, position: options.queryPosition,
      scale: options.scale ?? 1 / Float(max(sizes.width, 1)).squareRoot(), mask: mask)
    if relative.values == nil {
      let all = UnsafeBufferPointer(start: queries, count: heads)
      try context.engine.attention(
        all, UnsafeBufferPointer(start: keys, count: sizes.sequences * sizes.keyHeads), common, workspace: workspace)
    } else {
      for index in 0..<heads { try attendRelatively(queries + index, keys + keyIndex(index), common, index) }
    }
    narrow(heads)
  }

  /// One head whose values gain vectors by their distance: these need its probabilities.
  private func attendRelatively(
    _ query: UnsafeMutablePointer<QueryHead>, _ key: UnsafePointer<KeyHead>, _ common: HeadAttention, _ index: Int
  ) throws(Failure) {
    try context.scoped { () throws(Failure) in
      if query.pointee.weights == nil {
        let scratch = try context.workspace.matrix(sizes.queries, sizes.keys)
        (query.pointee.weights, query.pointee.weightsStride) = (scratch.base, scratch.stride)
      }
      try context.engine.attention(
        UnsafeBufferPointer(start: query, count: 1), UnsafeBufferPointer(start: key, count: 1), common,
        workspace: context.workspace)
      let probabilities = Matrix(
        query.pointee.weights!, rows: sizes.queries, columns: key.pointee.keys, stride: query.pointee.weightsStride)
      let sums = Matrix(
        query.pointee.out, rows: sizes.queries, columns: sizes.valueWidth, stride: query.pointee.outStride)
      try relative.addValues(context, probabilities, position: options.queryPosition, to: sums)
    }
  }

  private func keyIndex(_ head: Int) -> Int {
    head / sizes.heads * sizes.keyHeads + head % sizes.heads / (sizes.heads / sizes.keyHeads)
  }

  private func keyHead(_ index: Int) -> KeyHead {
    KeyHead(
      k: k.floats + k.offset(index, before: 2), kStride: k.step(2), v: v.floats + v.offset(index, before: 2),
      vStride: v.step(2), keys: lengths.map { Int($0[index / sizes.keyHeads]) } ?? sizes.keys)
  }

  private func queryHead(_ index: Int) -> QueryHead {
    var bias = shared
    let head = index % sizes.heads
    bias.given = given.bias(of: index, softCap: options.softCap)
    bias.disentangled = relative.bias(of: index, head: head, queries: sizes.queries)
    return QueryHead(
      q: q.floats + q.offset(index, before: 2), qStride: q.step(2), out: wide.floats + wide.offset(index, before: 2),
      outStride: wide.step(2), head: head, bias: bias,
      weights: weights.map { $0.floats + $0.offset(index, before: 2) }, weightsStride: weights?.step(2) ?? 0)
  }

  /// Zeros for the keys that a sequence does not have: the kernels write the others.
  private func clear(_ weights: ArrayView, _ heads: Int) {
    guard let lengths else { return }
    for index in 0..<heads {
      let seen = Int(lengths[index / sizes.heads])
      for query in 0..<sizes.queries {
        let row = weights.floats + (weights.offset(index, before: 2) + query * weights.step(2))
        (row + seen).update(repeating: 0, count: sizes.keys - seen)
      }
    }
  }

  /// Copies the columns that are wanted where values are narrower than queries.
  private func narrow(_ heads: Int) {
    guard headDim != sizes.valueWidth else { return }
    for index in 0..<heads {
      for query in 0..<sizes.queries {
        let from = wide.floats + (wide.offset(index, before: 2) + query * wide.step(2))
        let to = out.floats + (out.offset(index, before: 2) + query * out.step(2))
        to.update(from: from, count: sizes.valueWidth)
      }
    }
  }
}

extension Int {
  /// The nearest number from -limit to limit.
  fileprivate func clamped(_ limit: Int) -> Int { Swift.min(Swift.max(self, -limit), limit) }
}
