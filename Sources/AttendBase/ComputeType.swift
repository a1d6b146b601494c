/// The type in which weights are kept for the matrix products, and so of their arithmetic; the raw values are those of
/// `attend_compute_type`.
package enum ComputeType: UInt32, Sendable, CaseIterable {
  case float32 = 1
  /// Weights and inputs rounded to bfloat16, products summed in float32.
  case bfloat16 = 2
  /// Weights in 8 bits with a scale for each output, inputs in 8 bits with a scale for each row, sums exact.
  case int8 = 3
  /// Weights in 4 bits with a scale for each 32 inputs of an output, inputs in 8 bits with a scale for each row, sums
  /// of 32 exact.
  case int4 = 4
}

/// The function between the two products of a feed-forward layer.
package enum Activation: Sendable {
  case none
  /// max(x, 0)
  case relu
  /// x Φ(x), with the error function (Hendrycks and Gimpel 2016, arXiv:1606.08415)
  case gelu
  /// The same paper's approximation through tanh; "gelu_new" and "gelu_pytorch_tanh".
  case geluTanh
  /// x σ(1.702 x), the same paper's other approximation.
  case quickGelu
  /// x σ(x) (Elfwing et al. 2017, arXiv:1702.03118); "silu" and "swish".
  case silu
  /// tanh x
  case tanh
  /// Of a gate g and its partner u: min(g, 7) σ(1.702 min(g, 7)) (u clamped to ±7, + 1), as in gpt_oss. Gated weights
  /// only.
  case clampedSwiglu
}
