import AttendBase
import AttendFunctions
import CAttend

@_cdecl("attend_scaled_dot_product_attention") @implementation public func attend_scaled_dot_product_attention(
  _ context: OpaquePointer!, _ query: UnsafePointer<attend_array>!, _ key: UnsafePointer<attend_array>!,
  _ value: UnsafePointer<attend_array>!, _ options: UnsafePointer<attend_attention_options>!,
  _ output: UnsafePointer<attend_array>!
) -> OpaquePointer! {
  computing(context) { (context) throws(Failure) in
    try context.attend(
      try view(query, "query"), try view(key, "key"), try view(value, "value"), try attentionOptions(options),
      into: try view(output, "output"))
  }
}

@_cdecl("attend_multi_head_attention") @implementation public func attend_multi_head_attention(
  _ context: OpaquePointer!, _ query: UnsafePointer<attend_array>!, _ key: UnsafePointer<attend_array>!,
  _ value: UnsafePointer<attend_array>!, _ weights: UnsafePointer<attend_multi_head_weights>!,
  _ options: UnsafePointer<attend_attention_options>!, _ output: UnsafePointer<attend_array>!
) -> OpaquePointer! {
  computing(context) { (context) throws(Failure) in
    try context.multiHead(
      try view(query, "query"), try view(key, "key"), try view(value, "value"),
      try multiHead(try require(weights, "weights"), "weights"), try attentionOptions(options),
      into: try view(output, "output"))
  }
}

@_cdecl("attend_scored_attention") @implementation public func attend_scored_attention(
  _ context: OpaquePointer!, _ query: UnsafePointer<attend_array>!, _ key: UnsafePointer<attend_array>!,
  _ value: UnsafePointer<attend_array>!, _ options: UnsafePointer<attend_scored_attention_options>!,
  _ output: UnsafePointer<attend_array>!
) -> OpaquePointer! {
  computing(context) { (context) throws(Failure) in
    try context.attendScored(
      try view(query, "query"), try view(key, "key"), try view(value, "value"), try scoredOptions(options),
      into: try view(output, "output"))
  }
}

/// The options of attention as the functions know them.
func attentionOptions(_ pointer: UnsafePointer<attend_attention_options>?) throws(Failure) -> AttentionFunction {
  let options = try copy(pointer, "options")
  var result = AttentionFunction()
  result.scale = options.scale == 0 ? nil : options.scale
  result.softCap = options.soft_cap
  result.isCausal = options.causal
  result.queryPosition = Int(options.query_position)
  result.window = options.window
  result.mask = try optional(options.mask, "options.mask")
  result.keyLengths = try optional(options.key_lengths, "options.key_lengths")
  result.slopes = try optional(options.slopes, "options.slopes")
  result.distanceBias = try optional(options.distance_bias, "options.distance_bias")
  result.sinks = try optional(options.sinks, "options.sinks")
  result.relativeKeys = try optional(options.relative_keys, "options.relative_keys")
  result.relativeValues = try optional(options.relative_values, "options.relative_values")
  result.weights = try optional(options.weights, "options.weights")
  return result
}

/// The projections of multi-head attention; `name` is that of the argument.
func multiHead(
  _ pointer: UnsafePointer<attend_multi_head_weights>, _ name: String
) throws(Failure) -> MultiHeadFunction {
  let weights = try copy(pointer, name)
  guard weights.heads > 0, weights.key_heads >= 0 else {
    throw Failure(
      .invalidArgument,
      "\(name).heads is \(UInt(bitPattern: weights.heads)) and key_heads \(UInt(bitPattern: weights.key_heads))")
  }
  let keyHeads = weights.key_heads == 0 ? weights.heads : weights.key_heads
  guard weights.heads < 1 << 30, keyHeads < 1 << 30 else {
    throw Failure(.invalidArgument, "\(name).heads is \(weights.heads) and key_heads \(keyHeads)")
  }
  var result = MultiHeadFunction(heads: weights.heads, keyHeads: keyHeads)
  result.inputWeight = try optional(weights.in_proj_weight, "weights.in_proj_weight")
  result.inputBias = try optional(weights.in_proj_bias, "weights.in_proj_bias")
  result.queryWeight = try optional(weights.query_weight, "weights.query_weight")
  result.keyWeight = try optional(weights.key_weight, "weights.key_weight")
  result.valueWeight = try optional(weights.value_weight, "weights.value_weight")
  result.outputWeight = try optional(weights.out_proj_weight, "weights.out_proj_weight")
  result.outputBias = try optional(weights.out_proj_bias, "weights.out_proj_bias")
  return result
}

private func scoredOptions(
  _ pointer: UnsafePointer<attend_scored_attention_options>?
) throws(Failure) -> ScoredAttentionFunction {
  let options = try copy(pointer, "options")
  let score: ScoredAttentionFunction.Score
  switch options.score {
  case ATTEND_SCORE_DOT: score = .dot
  case ATTEND_SCORE_GENERAL: score = .general
  case ATTEND_SCORE_CONCAT: score = .concat
  case ATTEND_SCORE_ADDITIVE: score = .additive
  default:
    throw Failure(.invalidArgument, "options.score is \(options.score.rawValue), which is no attend_score_kind")
  }
  let locality: ScoredAttentionFunction.Locality
  switch options.locality {
  case ATTEND_LOCALITY_GLOBAL: locality = .global
  case ATTEND_LOCALITY_MONOTONIC: locality = .monotonic
  case ATTEND_LOCALITY_PREDICTIVE: locality = .predictive
  default:
    throw Failure(.invalidArgument, "options.locality is \(options.locality.rawValue), which is no attend_locality")
  }
  var result = ScoredAttentionFunction(score: score, locality: locality)
  result.weight = try optional(options.weight, "options.weight")
  result.keyWeight = try optional(options.key_weight, "options.key_weight")
  result.bias = try optional(options.bias, "options.bias")
  result.vector = try optional(options.vector, "options.vector")
  result.halfWindow = options.half_window
  result.queryPosition = Int(options.query_position)
  result.placeWeight = try optional(options.place_weight, "options.place_weight")
  result.placeVector = try optional(options.place_vector, "options.place_vector")
  result.mask = try optional(options.mask, "options.mask")
  result.keyLengths = try optional(options.key_lengths, "options.key_lengths")
  result.weights = try optional(options.weights, "options.weights")
  return result
}
