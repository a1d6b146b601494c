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
