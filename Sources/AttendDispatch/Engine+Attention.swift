import AttendBase
import AttendKernelInterface

private struct StoreJob {
  let k: Matrix
  let v: Matrix
  let sequences: UnsafeBufferPointer<AttentionSequence>
  let heads: AttentionHeads
  let kernels: KernelTable
  let parts: Int

  /// Keys and values of one head of one sequence, page by page.
  func store(_ sequence: AttentionSequence, head: Int) {
    let column = head * heads.headDim, offset = head * heads.headStride
    var token = 0
    while token < sequence.count {
      let position = sequence.position + token, lane = position % panelWidth, row = sequence.row + token
      let page = sequence.pages[position / panelWidth].assumingMemoryBound(to: Float.self)
      var arguments = StoreArguments(
        k: k[row] + column, kStride: k.stride, v: v[row] + column, vStride: v.stride,
        tokens: min(panelWidth - lane, sequence.count - token), headDim: heads.headDim, lane: lane,
        keys: page + (heads.keyOffset + offset), values: page + (heads.valueOffset + offset))
      kernels.attention[heads.type].store(&arguments)
      token += arguments.tokens
    }
  }
}

private struct AttentionJob {
  let q: Matrix
  let out: Matrix
  let sequences: UnsafeBufferPointer<AttentionSequence>
  let heads: AttentionHeads
  let mask: AttentionMask
  let bias: UnsafePointer<AttentionBias>?
  let weights: UnsafeMutablePointer<Float>?
  let kernels: KernelTable
  let scratch: UnsafeMutablePointer<Float>
  let scratchStride: Int
  let parts: Int
  /// Rows of a task at most.
  let rows: Int
  let cancellation: Cancellation?

  /// The arguments of heads, `attentionRows` for each part.
  let arguments: UnsafeMutablePointer<AttentionArguments>

  /// Key/value heads that a task takes at once: several where a sequence has one query, as far as all threads find
  /// work.
  func together(_ sequence: AttentionSequence) -> Int {
    guard sequence.count == 1, heads.headDim % 16 == 0 else { return 1 }
    let most = max(1, kernels.attentionRows / (heads.heads / heads.keyValueHeads))
    var tasks = (heads.keyValueHeads + most - 1) / most
    if sequences.count < parts { tasks = (tasks + parts - 1) / parts * parts }
    return (heads.keyValueHeads + tasks - 1) / tasks
  }

  /// The tasks of part `part`: every `parts`-th of all, a task being up to `rows` queries of a key/value head of a
  /// sequence, or one query of several heads. Interleaving evens out what causal masks save.
  func run(_ part: Int) {
    let group = heads.heads / heads.keyValueHeads, kernel = kernels.attention[heads.type].attend
    let own = arguments + part * kernels.attentionRows
    var task = 0
    var written = 0  // floats of weights before this sequence
    for sequence in sequences {
      let pairs = sequence.count * group, together = together(sequence)
      for head in stride(from: 0, to: heads.keyValueHeads, by: together) {
        let count = min(together, heads.keyValueHeads - head)
        for index in 0..<count { (own + index).initialize(to: self.arguments(sequence, head: head + index, written)) }
        for first in stride(from: 0, to: pairs, by: rows) {
          if task % parts == part {
            if let cancellation, cancellation.look() { return }
            kernel(own, count, first..<min(first + rows, pairs), scratch + part * scratchStride)
          }
          task += 1
        }
      }
      written += heads.heads * sequence.count * sequence.keys
    }
  }

  /// Of one key/value head of a sequence whose weights begin `written` floats after those of the first.
  private func arguments(_ sequence: AttentionSequence, head: Int, _ written: Int) -> AttentionArguments {
    let group = heads.heads / heads.keyValueHeads, column = head * group * heads.headDim
    return AttentionArguments(
      q: q[sequence.row] + column, qStride: q.stride, out: out[sequence.row] + column, outStride: out.stride,
      group: group, headDim: heads.headDim, pages: sequence.pages, keyOffset: heads.keyOffset + head * heads.headStride,
      valueOffset: heads.valueOffset + head * heads.headStride, position: sequence.position, keys: sequence.keys,
      scale: heads.scale, mask: mask, spans: sequence.spans, bias: bias, head: head * group, row: sequence.row,
      weights: weights.map { $0 + (written + head * group * sequence.count * sequence.keys) },
      weightsHeadStride: sequence.count * sequence.keys, weightsStride: sequence.keys,
      ahead: parts * rows)
  }
}

extension Engine {
  /// Copies keys and values, `[tokens, keyValueHeads * headDim]`, to the pages of their sequences, at positions
  /// `[position, position + count)`.
  package func storeKeyValues(
    _ k: Matrix, _ v: Matrix, _ sequences: UnsafeBufferPointer<AttentionSequence>, _ heads: AttentionHeads
  ) {
    let tokens = sequences.reduce(0) { $0 + $1.count }
    let tasks = sequences.count * heads.keyValueHeads
    let parts = parts(tasks, work: tokens * heads.keyValueHeads * heads.headDim, grain: .store)
    var job = StoreJob(k: k, v: v, sequences: sequences, heads: heads, kernels: kernels, parts: parts)
    run(&job, parts: parts) { context, part in
      let job = context.assumingMemoryBound(to: StoreJob.self).pointee
      for task in (0..<job.sequences.count * job.heads.keyValueHeads).share(part, of: job.parts) {
        job.store(job.sequences[task / job.heads.keyValueHeads], head: task % job.heads.keyValueHeads)
      }
    }
  }

  /// out = softmax(scale q kᵀ, masked) v; q and out `[tokens, heads * headDim]`, head h reading key/value head h /
  /// (heads / keyValueHeads) (Vaswani et al. 2017, arXiv:1706.03762; Ainslie et al. 2023, arXiv:2305.13245). A query
  /// that sees no key gets zeros. Sequences with spans see the keys that these say, and not those of the mask.
  ///
  /// A raw score q k becomes (q k + disentangled terms) * scale + slopes' + distances', then it is capped and masked;
  /// see `AttentionBias`.
  ///
  /// `weights`, unless nil, is filled with the probabilities, for each sequence `[heads, count, keys]`, end to end;
  /// with sinks a row sums to less than 1. Scratch memory does not grow with the keys.
  package func attention(
    _ q: Matrix, _ sequences: UnsafeBufferPointer<AttentionSequence>, _ heads: AttentionHeads, _ mask: AttentionMask,
    bias: AttentionBias = AttentionBias(), into out: Matrix, weights: UnsafeMutablePointer<Float>? = nil,
    workspace: Workspace
  ) throws(Failure) {
    let group = heads.heads / heads.keyValueHeads
    let work = sequences.reduce(0) { $0 + $1.count * $1.keys * heads.heads * heads.headDim }
    let (rows, tasks) = attentionTasks { rows in
      sequences.reduce(0) { $0 + ($1.count * group + rows - 1) / rows * heads.keyValueHeads }
    }
    let parts = parts(tasks, work: work, grain: .scores)
    let mark = workspace.mark()
    defer { workspace.release(to: mark) }
    let size = (AttentionScratch.count(headDim: heads.headDim) + 15) & ~15
    let scratch = try workspace.take(parts * size, of: Float.self)
    let arguments = try workspace.take(parts * kernels.attentionRows, of: AttentionArguments.self)
    withUnsafePointer(to: bias) {
      var job = AttentionJob(
        q: q, out: out, sequences: sequences, heads: heads, mask: mask, bias: bias.isEmpty ? nil : $0, weights: weights,
        kernels: kernels, scratch: scratch, scratchStride: size, parts: parts, rows: rows, cancellation: cancellation,
        arguments: arguments)
      run(&job, parts: parts) { context, part in context.assumingMemoryBound(to: AttentionJob.self).pointee.run(part) }
    }
  }

  /// Rows of a task, whole blocks of what the registers hold, and how many tasks there are, of which `count` knows how
  /// many there are of so many rows. Tasks are large where there are enough of them to keep all threads alike busy.
  func attentionTasks(_ count: (_ rows: Int) -> Int) -> (rows: Int, tasks: Int) {
    var blocks = AttentionScratch.blocks
    while blocks > 1, count(blocks * kernels.attentionRows) < 8 * threads { blocks /= 2 }
    return (blocks * kernels.attentionRows, count(blocks * kernels.attentionRows))
  }
}
