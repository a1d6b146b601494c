import AttendBase
import AttendFunctions
import CAttend

@_cdecl("attend_normalize") @implementation public func attend_normalize(
  _ context: OpaquePointer!, _ x: UnsafePointer<attend_array>!, _ norm: UnsafePointer<attend_norm>!,
  _ output: UnsafePointer<attend_array>!
) -> OpaquePointer! {
  computing(context) { (context) throws(Failure) in
    try context.normalize(try view(x, "x"), try normFunction(norm, "norm"), into: try view(output, "output"))
  }
}

@_cdecl("attend_add_norm") @implementation public func attend_add_norm(
  _ context: OpaquePointer!, _ x: UnsafePointer<attend_array>!, _ y: UnsafePointer<attend_array>!,
  _ norm: UnsafePointer<attend_norm>!, _ sum: UnsafePointer<attend_array>!, _ output: UnsafePointer<attend_array>!
) -> OpaquePointer! {
  computing(context) { (context) throws(Failure) in
    try context.addNorm(
      try view(x, "x"), try view(y, "y"), try normFunction(norm, "norm"), sum: try optional(sum, "sum"),
      into: try view(output, "output"))
  }
}

@_cdecl("attend_activate") @implementation public func attend_activate(
  _ context: OpaquePointer!, _ x: UnsafePointer<attend_array>!, _ function: attend_activation,
  _ output: UnsafePointer<attend_array>!
) -> OpaquePointer! {
  computing(context) { (context) throws(Failure) in
    try context.activate(
      try view(x, "x"), try activation(function, "activation"), into: try view(output, "output"))
  }
}

@_cdecl("attend_softmax") @implementation public func attend_softmax(
  _ context: OpaquePointer!, _ x: UnsafePointer<attend_array>!, _ output: UnsafePointer<attend_array>!
) -> OpaquePointer! {
  computing(context) { (context) throws(Failure) in
    try context.softmax(try view(x, "x"), isLogarithm: false, into: try view(output, "output"))
  }
}

@_cdecl("attend_log_softmax") @implementation public func attend_log_softmax(
  _ context: OpaquePointer!, _ x: UnsafePointer<attend_array>!, _ output: UnsafePointer<attend_array>!
) -> OpaquePointer! {
  computing(context) { (context) throws(Failure) in
    try context.softmax(try view(x, "x"), isLogarithm: true, into: try view(output, "output"))
  }
}

@_cdecl("attend_linear") @implementation public func attend_linear(
  _ context: OpaquePointer!, _ x: UnsafePointer<attend_array>!, _ weight: UnsafePointer<attend_array>!,
  _ bias: UnsafePointer<attend_array>!, _ output: UnsafePointer<attend_array>!
) -> OpaquePointer! {
  computing(context) { (context) throws(Failure) in
    try context.linear(
      try view(x, "x"), try view(weight, "weight"), bias: try optional(bias, "bias"),
      into: try view(output, "output"))
  }
}

@_cdecl("attend_feed_forward") @implementation public func attend_feed_forward(
  _ context: OpaquePointer!, _ x: UnsafePointer<attend_array>!,
  _ weights: UnsafePointer<attend_feed_forward_weights>!, _ output: UnsafePointer<attend_array>!
) -> OpaquePointer! {
  computing(context) { (context) throws(Failure) in
    try context.feedForward(
      try view(x, "x"), try feedForward(try require(weights, "weights"), "weights"),
      into: try view(output, "output"))
  }
}

@_cdecl("attend_embedding") @implementation public func attend_embedding(
  _ context: OpaquePointer!, _ ids: UnsafePointer<attend_array>!, _ table: UnsafePointer<attend_array>!,
  _ scale: Float, _ positions: UnsafePointer<attend_array>!, _ output: UnsafePointer<attend_array>!
) -> OpaquePointer! {
  computing(context) { (context) throws(Failure) in
    try context.embed(
      try view(ids, "ids"), try view(table, "table"), scale: scale, positions: try optional(positions, "positions"),
      into: try view(output, "output"))
  }
}

@_cdecl("attend_encoder_layer") @implementation public func attend_encoder_layer(
  _ context: OpaquePointer!, _ x: UnsafePointer<attend_array>!, _ weights: UnsafePointer<attend_layer_weights>!,
  _ options: UnsafePointer<attend_attention_options>!, _ output: UnsafePointer<attend_array>!
) -> OpaquePointer! {
  computing(context) { (context) throws(Failure) in
    try context.layer(
      try view(x, "x"), try layer(weights), try attentionOptions(options), source: nil,
      into: try view(output, "output"))
  }
}

@_cdecl("attend_decoder_layer") @implementation public func attend_decoder_layer(
  _ context: OpaquePointer!, _ x: UnsafePointer<attend_array>!, _ memory: UnsafePointer<attend_array>!,
  _ weights: UnsafePointer<attend_layer_weights>!, _ options: UnsafePointer<attend_attention_options>!,
  _ crossOptions: UnsafePointer<attend_attention_options>!, _ output: UnsafePointer<attend_array>!
) -> OpaquePointer! {
  computing(context) { (context) throws(Failure) in
    let source = LayerSource(memory: try view(memory, "memory"), options: try attentionOptions(crossOptions))
    try context.layer(
      try view(x, "x"), try layer(weights), try attentionOptions(options), source: source,
      into: try view(output, "output"))
  }
}

/// PyTorch's epsilon of RMS norms where none is given: the distance from 1 to the next float32.
private let smallestEpsilon = Float.ulpOfOne

/// A norm as the functions know it; NULL is a layer norm without weights. `name` is that of the argument.
private func normFunction(_ pointer: UnsafePointer<attend_norm>?, _ name: String) throws(Failure) -> NormFunction {
  let norm = try copy(pointer, name)
  guard norm.kind.rawValue <= ATTEND_NORM_RMS.rawValue else {
    throw Failure(.invalidArgument, "\(name).kind is \(norm.kind.rawValue), which is no attend_norm_kind")
  }
  let isLayer = norm.kind == ATTEND_NORM_LAYER
  return NormFunction(
    kind: isLayer ? .layer : .rms,
    epsilon: norm.epsilon == 0 ? isLayer ? 1e-5 : smallestEpsilon : norm.epsilon, offset: norm.weight_offset,
    weight: try optional(norm.weight, "norm.weight"), bias: try optional(norm.bias, "norm.bias"))
}

private func feedForward(
  _ pointer: UnsafePointer<attend_feed_forward_weights>, _ name: String
) throws(Failure) -> FeedForwardFunction {
  let weights = try copy(pointer, name)
  var result = FeedForwardFunction(activation: try activation(weights.activation, "\(name).activation"))
  result.weight1 = try optional(weights.weight1, "weights.weight1")
  result.bias1 = try optional(weights.bias1, "weights.bias1")
  result.gatedWeight = try optional(weights.gated_weight, "weights.gated_weight")
  result.gatedBias = try optional(weights.gated_bias, "weights.gated_bias")
  result.weight2 = try optional(weights.weight2, "weights.weight2")
  result.bias2 = try optional(weights.bias2, "weights.bias2")
  return result
}

private func layer(_ pointer: UnsafePointer<attend_layer_weights>?) throws(Failure) -> LayerFunction {
  let weights = try copy(try require(pointer, "weights"), "weights")
  var cross: (attention: MultiHeadFunction, norm: NormFunction)?
  if let attention = weights.cross_attention {
    let norm = try normFunction(
      try require(weights.cross_attention_norm, "weights.cross_attention_norm"), "weights.cross_attention_norm")
    cross = (try multiHead(attention, "weights.cross_attention"), norm)
  }
  return LayerFunction(
    selfAttention: try multiHead(
      try require(weights.self_attention, "weights.self_attention"), "weights.self_attention"),
    selfAttentionNorm: try normFunction(
      try require(weights.self_attention_norm, "weights.self_attention_norm"), "weights.self_attention_norm"),
    cross: cross,
    feedForward: try feedForward(
      try require(weights.feed_forward, "weights.feed_forward"), "weights.feed_forward"),
    feedForwardNorm: try normFunction(
      try require(weights.feed_forward_norm, "weights.feed_forward_norm"), "weights.feed_forward_norm"),
    isNormFirst: weights.norm_first)
}
