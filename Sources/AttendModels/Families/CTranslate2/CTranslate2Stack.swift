import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// The encoder or the decoder of a model of CTranslate2's.
struct CTranslate2Stack {
  private let variables: CTranslate2Variables
  /// "encoder" or "decoder"
  private let side: String
  private let causal: Bool
  private let defaultHeads: Int

  /// The positions that are computed where the file holds no table; none of these models was trained on so many.
  private static let longest = 4096

  init(_ variables: CTranslate2Variables, _ side: String, causal: Bool, defaultHeads: Int) {
    (self.variables, self.side, self.causal, self.defaultHeads) = (variables, side, causal, defaultHeads)
  }

  private var tokens: String {
    variables.has("\(side).embeddings.weight") ? "\(side).embeddings" : "\(side).embeddings_0"
  }

  // MARK: Stacks

  /// A stack that reads tokens.
  func ofTokens() throws(Failure) -> StackBlueprint {
    let (vocabulary, tableWidth) = try variables.matrix("\(tokens).weight")
    let layers = try layers(activation: .relu)
    var embedding = EmbeddingBlueprint(tokens: ["\(tokens).weight"])
    let root = Float(tableWidth).squareRoot()
    let own = try variables.scale("\(tokens).multiply_by_sqrt_depth", ifTrue: root)
    let common = try variables.scale("\(side).scale_embeddings", ifTrue: root)
    embedding.scale = own ?? common ?? root
    embedding.norm = try variables.norm("\(side).layernorm_embedding")
    embedding.types = try types()
    var width = tableWidth
    if variables.has("\(side).project_in.weight") {
      let projection = try variables.linear("\(side).project_in")
      (embedding.projection, embedding.projects, width) = (projection, .tokens, projection.outputs)
    }
    embedding.positions = try positions()
    let startsAtZero = try variables.flag("\(side).start_from_zero_embedding")
    if startsAtZero { embedding.additional = ("\(side).start_embedding.weight", 1) }
    variables.understand("\(side).alignment_layer")
    variables.understand("\(side).alignment_heads")
    return StackBlueprint(
      width: width, vocabulary: vocabulary + (startsAtZero ? 1 : 0), causal: causal, embedding: embedding,
      layers: layers, finalNorm: try variables.norm("\(side).layer_norm"))
  }

  /// The encoder of Whisper: two convolutions, of which the second halves the frames.
  func ofSound() throws(Failure) -> StackBlueprint {
    let (width, bins) = try variables.kernel("\(side).conv1.weight")
    let table = "\(side).position_encodings.encodings", positions = try variables.matrix(table).rows
    func convolution(_ name: String, inputs: Int, stride: Int) -> TimeConvolutionBlueprint {
      TimeConvolutionBlueprint(
        kernel: KernelBlueprint(name: "\(side).\(name)", outputs: width, inputs: inputs, taps: 3), stride: stride,
        padding: 1, activation: .gelu)
    }
    let sound = SoundBlueprint(
      form: .binsByFrames(bins: bins), frames: 2 * positions,
      convolutions: [convolution("conv1", inputs: bins, stride: 1), convolution("conv2", inputs: width, stride: 2)],
      positions: (table, positions))
    return StackBlueprint(
      width: width, input: .sound(sound), layers: try layers(activation: .gelu),
      finalNorm: try variables.norm("\(side).layer_norm"))
  }

  /// A second table is added to that of the tokens: the types of BERT. CTranslate2 can also put factors of words side
  /// by side, which is not implemented.
  private func types() throws(Failure) -> (name: String, count: Int)? {
    let second = "\(side).embeddings_1.weight"
    let merge = try variables.integer("\(side).embeddings_merge") ?? 0
    guard variables.has(second) else { return nil }
    guard merge == 1, !variables.has("\(side).embeddings_2.weight") else {
      throw variables.invalid(
        "\(side).embeddings_merge", "is \(merge), and there is \(second): factors of words are not implemented")
    }
    return (second, try variables.matrix(second).rows)
  }

  private func positions() throws(Failure) -> PositionBlueprint {
    let table = "\(side).position_encodings.encodings", first = "\(side).layer_0.self_attention"
    if variables.has(table) { return .learned(name: table, count: try variables.matrix(table).rows, offset: 0) }
    let (rotates, slopes) = (try variables.integer("\(first).rotary_dim") != nil, try variables.flag("\(side).alibi"))
    guard !rotates, !slopes, !variables.has("\(first).relative_attention_bias") else { return .none }
    return .sinusoidal(name: nil, count: CTranslate2Stack.longest, offset: 1, endsAtLongest: true)
  }

  /// The logits: scaled and capped as the decoder says.
  func head() throws(Failure) -> HeadBlueprint {
    let name = "\(side).projection"
    let (vocabulary, width) = try variables.matrix("\(tokens).weight")
    var output = LinearBlueprint(name: name, outputs: vocabulary, inputs: width, bias: .optional("\(name).bias"))
    if variables.has("\(name).weight") { (output.outputs, output.inputs) = try variables.matrix("\(name).weight") }
    // The token that stands for the vector of zeros has a logit too, which is never chosen.
    let isApart = try variables.flag("\(side).start_from_zero_embedding")
    let start = LinearBlueprint(name: "\(side).start_projection", outputs: 1, inputs: output.inputs)
    if isApart, !variables.has("\(name).weight") { output.name = tokens }
    var head = HeadBlueprint(pooling: .nextToken, output: isApart ? .joined([output, start]) : .ownOrTied(output))
    if variables.has("\(side).project_out.weight") { head.projection = try variables.linear("\(side).project_out") }
    head.scale = Float(try variables.number("\(side).scale_outputs") ?? 1)
    head.softCap = Float(try variables.number("\(side).final_logit_softcapping") ?? 0)
    guard head.softCap >= 0 else { throw variables.invalid("\(side).final_logit_softcapping", "is \(head.softCap)") }
    return head
  }

  // MARK: Layers

  private func layers(activation standard: Activation) throws(Failure) -> FixedArray<LayerBlueprint> {
    var count = 0
    while variables.has("\(side).layer_\(count).self_attention.linear_0.weight") { count += 1 }
    let activation = try variables.activation("\(side).activation", default: standard)
    let isPreNorm = try variables.flag("\(side).pre_norm", default: true)
    variables.understand("\(side).num_heads")
    return try FixedArray(count, for: LayerBlueprint.purpose) { (index) throws(Failure) in
      try layer("\(side).layer_\(index)", activation, isPreNorm: isPreNorm)
    }
  }

  private func layer(_ name: String, _ activation: Activation, isPreNorm: Bool) throws(Failure) -> LayerBlueprint {
    for part in [
      "external_pre_encoder_attention_layer_norm.weight", "self_attention.v_norm.weight",
      "self_attention.relative_position_keys", "self_attention.relative_asymmetric_position_keys",
      "self_attention.memory_kv.weight",
    ] { try variables.refuse("\(name).\(part)") }
    func norms(_ part: String) throws(Failure) -> ResidualNorms {
      let norm = try variables.norm("\(name).\(part).layer_norm")
      return isPreNorm ? ResidualNorms(pre: norm) : ResidualNorms(post: norm)
    }
    func norm(_ part: String) throws(Failure) -> NormBlueprint? { try variables.norm("\(name).\(part)") }
    let crosses = variables.has("\(name).attention.linear_0.weight")
    var layer = LayerBlueprint(
      attention: try attention("\(name).self_attention", isSource: false),
      attentionNorms: try norms("self_attention"),
      crossAttention: crosses ? try attention("\(name).attention", isSource: true) : nil,
      crossAttentionNorms: crosses ? try norms("attention") : ResidualNorms(),
      feedForward: try feedForward("\(name).ffn", activation), feedForwardNorms: try norms("ffn"))
    if let shared = try norm("shared_layer_norm") {
      layer.isParallel = true
      (layer.attentionNorms.pre, layer.feedForwardNorms.pre) = (shared, nil)
    } else if let before = try norm("pre_feedforward_layer_norm") {  // norms before and behind, as in Gemma 2
      layer.attentionNorms = ResidualNorms(
        pre: try norm("input_layer_norm"), onOutput: try norm("post_attention_layer_norm"))
      layer.feedForwardNorms = ResidualNorms(pre: before, onOutput: try norm("post_feedforward_layer_norm"))
    } else if let input = try norm("input_layer_norm") {
      layer.isParallel = true
      (layer.attentionNorms.pre, layer.feedForwardNorms.pre) = (input, try norm("post_attention_layer_norm"))
    }
    return layer
  }

  private func feedForward(_ name: String, _ activation: Activation) throws(Failure) -> FeedForwardBlueprint {
    let (first, down) = (try variables.linear("\(name).linear_0"), try variables.linear("\(name).linear_1"))
    guard variables.has("\(name).linear_0_noact.weight") else {
      return FeedForwardBlueprint(up: first, down: down, activation: activation)
    }
    return FeedForwardBlueprint(
      gate: first, up: try variables.linear("\(name).linear_0_noact"), down: down, activation: activation)
  }

  /// Attention whose first product makes queries, and where it looks at its own sequence keys and values below them;
  /// otherwise the second makes these.
  private func attention(_ name: String, isSource: Bool) throws(Failure) -> AttentionBlueprint {
    let output = try variables.linear("\(name).linear_\(isSource ? 2 : 1)")
    let (own, common) = (try variables.integer("\(side).num_heads"), try variables.integer("num_heads"))
    let heads = own ?? common ?? defaultHeads
    let (first, queries) = (try variables.linear("\(name).linear_0"), output.inputs)
    let second = isSource ? try variables.linear("\(name).linear_1") : first
    let others = (isSource ? second.outputs : first.outputs - queries) / 2
    guard (1...10_000).contains(heads), queries.isMultiple(of: heads), case let headDim = queries / heads,
      others > 0, others.isMultiple(of: headDim), first.outputs == (isSource ? queries : queries + 2 * others),
      heads.isMultiple(of: others / headDim)
    else {
      throw variables.invalid(
        "\(side).num_heads",
        "is \(heads), which does not fit the products of \(name): \(first.outputs) and "
          + "\(output.inputs)")
    }
    for part in ["num_heads_kv", "head_dim"] { variables.understand("\(name).\(part)") }
    let scale = try variables.number("\(name).queries_scale").map { Float($0) }
    let window = try variables.integer("\(name).sliding_window") ?? 0
    let options = AttentionOptions(
      heads: heads, keyValueHeads: others / headDim, headDim: headDim, scale: scale, causal: causal && !isSource,
      window: window)
    let start = isSource ? 0 : queries
    var result = AttentionBlueprint(
      options: options, query: isSource ? first : first.rows(0, queries), key: second.rows(start, others),
      value: second.rows(start + others, others), output: output)
    result.queryNorm = try headNorm("\(name).q_norm")
    result.keyNorm = try headNorm("\(name).k_norm")
    if !isSource {
      result.rotary = try rotary(name, headDim: headDim)
      result.bias = try bias(name, heads: heads, scale: options.scale)
    }
    return result
  }

  private func headNorm(_ name: String) throws(Failure) -> HeadNormBlueprint? {
    try variables.norm(name).map { HeadNormBlueprint(norm: $0, span: .eachHead) }
  }

  private func bias(_ name: String, heads: Int, scale: Float) throws(Failure) -> AttentionBlueprint.BiasBlueprint {
    variables.understand("\(side).alibi_use_positive_positions")  // what softmax cannot tell apart
    let scales = try variables.flag("\(side).scale_alibi")
    if try variables.flag("\(side).alibi") { return .slopes(Alibi.slopes(heads: heads, scale: scales ? scale : 1)) }
    let table = "\(name).relative_attention_bias", key = "\(name).relative_attention_max_distance"
    guard variables.has(table) else { return .none }
    let count = try variables.matrix(table).rows, distance = try variables.integer(key) ?? 128
    let buckets = RelativeBuckets(count: count, maxDistance: distance, bidirectional: !causal)
    guard buckets.isValid, distance <= 1 << 20 else {
      throw variables.invalid(key, "is \(distance), which \(count) buckets cannot stand for")
    }
    return .relative(name: table, buckets)
  }

  private func rotary(_ name: String, headDim: Int) throws(Failure) -> Rotary? {
    guard let stated = try variables.integer("\(name).rotary_dim") else { return nil }
    let dimensions = stated == 0 ? headDim : stated
    let theta = try variables.number("\(name).rotary_base") ?? 10_000
    guard dimensions <= headDim, dimensions.isMultiple(of: 2), theta > 0 else {
      throw variables.invalid(
        "\(name).rotary_dim", "is \(stated) with a base of \(theta); a head has \(headDim) components")
    }
    return Rotary(
      dimensions: dimensions, interleaved: try variables.flag("\(name).rotary_interleave", default: true),
      theta: theta, scaling: try scaling(name))
  }

  private func scaling(_ name: String) throws(Failure) -> RotaryScaling {
    let kind = try variables.integer("\(name).rotary_scaling_type")
    let factor = try variables.number("\(name).rotary_scaling_factor") ?? 1
    guard let kind else { return .none }
    guard factor > 0 else { throw variables.invalid("\(name).rotary_scaling_factor", "is \(factor)") }
    switch kind {
    case 0: return .linear(factor: factor)
    case 2:
      let low = try variables.number("\(name).rotary_low_freq_factor") ?? 1
      let high = try variables.number("\(name).rotary_high_freq_factor") ?? 4
      let trained = try variables.integer("\(name).original_max_position_embeddings") ?? 0
      guard low > 0, high > low else { throw variables.invalid("\(name).rotary_high_freq_factor", "is \(high)") }
      return .llama3(factor: factor, low: low, high: high, trained: trained == 0 ? 8192 : trained)
    default:
      throw Failure(.unsupported, "\(name): rotary_scaling_type \(kind) is not implemented")
    }
  }
}
