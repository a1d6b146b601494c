import AttendBase
import AttendDispatch
import AttendKernelInterface

/// One layer of a stack: self-attention, in a decoder with a source also cross-attention or that alone, and a
/// feed-forward network.
package struct TransformerLayer: Sendable {
  package let selfAttention: SelfAttention?
  package let selfAttentionNorms: SublayerNorms
  package let crossAttention: CrossAttention?
  package let crossAttentionNorms: SublayerNorms
  package let feedForward: FeedForward
  package let feedForwardNorms: SublayerNorms
  /// Self-attention and feed-forward network read the same x, and both are added to it (Wang and Komatsuzaki 2021,
  /// GPT-J).
  package let isParallel: Bool
  /// Whether the feed-forward network leaves tokens as they are that no part of the source is meant for: their span is
  /// that of all, or there is no source.
  package let passesUnseeing: Bool
  /// A feed-forward network before the attention and a convolution behind it.
  package let conformer: ConformerParts?

  package init(
    selfAttention: SelfAttention?, selfAttentionNorms: SublayerNorms, crossAttention: CrossAttention?,
    crossAttentionNorms: SublayerNorms, feedForward: FeedForward, feedForwardNorms: SublayerNorms, isParallel: Bool,
    passesUnseeing: Bool = false, conformer: ConformerParts? = nil
  ) {
    self.selfAttention = selfAttention
    self.selfAttentionNorms = selfAttentionNorms
    self.crossAttention = crossAttention
    self.crossAttentionNorms = crossAttentionNorms
    self.feedForward = feedForward
    self.feedForwardNorms = feedForwardNorms
    self.isParallel = isParallel
    self.passesUnseeing = passesUnseeing
    self.conformer = conformer
  }

  /// x, `[tokens, width]`, becomes the layer's output. Its keys and values have place `index` in the pages.
  package func apply(_ x: Matrix, index: Int, _ context: LayerContext, _ pass: Pass) throws(Failure) {
    if isParallel { return try applyParallel(x, index: index, context, pass) }
    let x = ResidualStream(x, pass)
    if let conformer {
      try x.add(conformer.feedForwardNorms) { (sum) throws(Failure) in
        try conformer.feedForward.apply(sum, pass)
      }
    }
    if let selfAttention {
      try x.add(selfAttentionNorms) { (sum) throws(Failure) in
        try selfAttention.apply(sum, layer: index, context, pass)
      }
    }
    if let conformer {
      try x.add(conformer.convolutionNorms) { (sum) throws(Failure) in
        try conformer.convolution.apply(sum, context.selfKeyValues.sequences, pass)
      }
    }
    if let crossAttention {
      let source = try context.source()
      try x.add(crossAttentionNorms) { (sum) throws(Failure) in
        try crossAttention.apply(sum, layer: index, source, pass)
      }
    }
    try pass.scoped { () throws(Failure) in
      let kept = passesUnseeing ? try KeptRows(of: x.x, context.source(), pass) : nil
      try x.add(feedForwardNorms) { (sum) throws(Failure) in
        try feedForward.apply(sum, pass)
      }
      kept?.restore(x.x)
    }
  }

  /// `x += attention(norm(x)) + feedForward(norm'(x))`; without a norm of its own the feed-forward network shares that
  /// of the attention.
  private func applyParallel(_ x: Matrix, index: Int, _ context: LayerContext, _ pass: Pass) throws(Failure) {
    guard let selfAttention, let norm = selfAttentionNorms.pre else {
      throw Failure(.internalError, "a parallel layer without a norm before it")
    }
    try pass.scoped { () throws(Failure) in
      let normed = try pass.workspace.matrix(x.rows, x.columns)
      norm.apply(x, into: normed, pass)
      var second = normed
      if let norm = feedForwardNorms.pre {
        second = try pass.workspace.matrix(x.rows, x.columns)
        norm.apply(x, into: second, pass)
      }
      try selfAttention.apply(ResidualSum(input: normed, residual: x, output: x), layer: index, context, pass)
      try feedForward.apply(ResidualSum(input: second, residual: x, output: x), pass)
    }
  }
}

/// The rows of tokens that no part of the source is meant for, in scratch memory.
private struct KeptRows {
  private let rows: Matrix
  private let source: KeyValues

  /// nil: every token sees something of its own.
  init?(of x: Matrix, _ source: KeyValues, _ pass: Pass) throws(Failure) {
    var count = 0
    for sequence in source.sequences { KeptRows.forEach(of: sequence) { _ in count += 1 } }
    guard count > 0 else { return nil }
    rows = try pass.workspace.matrix(count, x.columns)
    self.source = source
    visit { (row, place) in rows[place].update(from: x[row], count: x.columns) }
  }

  func restore(_ x: Matrix) {
    visit { (row, place) in x[row].update(from: rows[place], count: x.columns) }
  }

  private func visit(_ body: (_ row: Int, _ place: Int) -> Void) {
    var place = 0
    for sequence in source.sequences {
      KeptRows.forEach(of: sequence) { (row) in
        body(row, place)
        place += 1
      }
    }
  }

  private static func forEach(of sequence: AttentionSequence, _ body: (_ row: Int) -> Void) {
    for query in 0..<sequence.count where sequence.keys == 0 || sequence.spans?[query].isAll == true {
      body(sequence.row + query)
    }
  }
}
