import AttendBase
import AttendFunctions
import AttendLayers
import CAttend

@_cdecl("attend_sinusoidal_positions") @implementation public func attend_sinusoidal_positions(
  _ context: OpaquePointer!, _ layout: attend_sinusoid_layout, _ first: Int64, _ output: UnsafePointer<attend_array>!
) -> OpaquePointer! {
  computing(context) { (context) throws(Failure) in
    guard layout.rawValue <= ATTEND_SINUSOID_TENSOR2TENSOR.rawValue else {
      throw Failure(.invalidArgument, "layout is \(layout.rawValue), which is no attend_sinusoid_layout")
    }
    try context.sinusoidalPositions(
      first: Int(first), isInterleaved: layout == ATTEND_SINUSOID_INTERLEAVED,
      endsAtLongest: layout == ATTEND_SINUSOID_TENSOR2TENSOR, into: try view(output, "output"))
  }
}

@_cdecl("attend_rotary_embedding") @implementation public func attend_rotary_embedding(
  _ context: OpaquePointer!, _ x: UnsafePointer<attend_array>!, _ positions: UnsafePointer<attend_array>!,
  _ options: UnsafePointer<attend_rotary_options>!, _ output: UnsafePointer<attend_array>!
) -> OpaquePointer! {
  computing(context) { (context) throws(Failure) in
    let x = try view(x, "x"), options = try copy(options, "options")
    guard options.length >= 0, options.length <= Int(Int32.max) else {
      throw Failure(.invalidArgument, "options.length is \(UInt(bitPattern: options.length))")
    }
    try context.rotate(
      x, positions: try optional(positions, "positions"), try rotary(options, of: x),
      length: options.length == 0 ? nil : options.length, into: try view(output, "output"))
  }
}

@_cdecl("attend_alibi_slopes") @implementation public func attend_alibi_slopes(
  _ context: OpaquePointer!, _ output: UnsafePointer<attend_array>!
) -> OpaquePointer! {
  computing(context) { (context) throws(Failure) in try context.alibiSlopes(into: try view(output, "output")) }
}

@_cdecl("attend_relative_buckets") @implementation public func attend_relative_buckets(
  _ context: OpaquePointer!, _ relative: UnsafePointer<attend_array>!, _ buckets: Int, _ maxDistance: Int,
  _ bidirectional: Bool, _ output: UnsafePointer<attend_array>!
) -> OpaquePointer! {
  computing(context) { (context) throws(Failure) in
    try context.relativeBuckets(
      try view(relative, "relative"),
      RelativeBuckets(count: buckets, maxDistance: maxDistance, bidirectional: bidirectional),
      into: try view(output, "output"))
  }
}

@_cdecl("attend_relative_bias") @implementation public func attend_relative_bias(
  _ context: OpaquePointer!, _ table: UnsafePointer<attend_array>!, _ maxDistance: Int, _ bidirectional: Bool,
  _ output: UnsafePointer<attend_array>!
) -> OpaquePointer! {
  computing(context) { (context) throws(Failure) in
    try context.relativeBias(
      try view(table, "table"), maxDistance: maxDistance, isBidirectional: bidirectional,
      into: try view(output, "output"))
  }
}

/// Rotary positions of x as the layers know them.
private func rotary(_ options: attend_rotary_options, of x: ArrayView) throws(Failure) -> Rotary {
  let width = x.lastSize
  let dimensions = options.dimensions == 0 ? width : options.dimensions
  guard dimensions >= 2, dimensions <= min(width, 1 << 16), dimensions % 2 == 0 else {
    throw Failure(
      .invalidArgument,
      "options.dimensions is \(UInt(bitPattern: dimensions)); an even number from 2 to the width of x, \(width), is "
        + "needed")
  }
  let theta = options.theta == 0 ? 10_000 : options.theta
  let numbers = [
    theta, options.factor, options.low_frequency_factor, options.high_frequency_factor, options.beta_fast,
    options.beta_slow, options.attention_factor, options.rotated_share,
  ]
  guard numbers.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
    throw Failure(.invalidArgument, "options: theta, factors and betas must be positive; they are \(numbers)")
  }
  return Rotary(
    dimensions: dimensions, interleaved: options.interleaved, theta: theta,
    scaling: try scaling(options, dimensions: dimensions, theta: theta))
}

private func scaling(
  _ options: attend_rotary_options, dimensions: Int, theta: Double
) throws(Failure) -> RotaryScaling {
  /// A number, or its default where it is 0.
  func value(_ number: Double, _ otherwise: Double) -> Double { number == 0 ? otherwise : number }
  let factor = value(options.factor, 1), trained = options.trained_positions
  let magnitude = options.attention_factor == 0 ? nil : options.attention_factor
  /// Throws where the length of the training's texts is needed and missing.
  func requireTrained() throws(Failure) {
    guard trained > 0, trained <= Int(Int32.max) else {
      throw Failure(.invalidArgument, "options.trained_positions is \(UInt(bitPattern: trained)); this type needs it")
    }
  }
  switch options.type {
  case ATTEND_ROPE_DEFAULT: return .none
  case ATTEND_ROPE_LINEAR: return .linear(factor: factor)
  case ATTEND_ROPE_DYNAMIC:
    try requireTrained()
    guard dimensions > 2 else { throw Failure(.invalidArgument, "options.dimensions is 2; \"dynamic\" needs more") }
    return .dynamic(factor: factor, trained: trained)
  case ATTEND_ROPE_LLAMA3:
    try requireTrained()
    let (low, high) = (value(options.low_frequency_factor, 1), value(options.high_frequency_factor, 4))
    guard low < high else {
      throw Failure(.invalidArgument, "options.low_frequency_factor is \(low), and high_frequency_factor \(high)")
    }
    return .llama3(factor: factor, low: low, high: high, trained: trained)
  case ATTEND_ROPE_YARN:
    try requireTrained()
    guard theta > 1 else { throw Failure(.invalidArgument, "options.theta is \(theta); yarn needs more than 1") }
    return .yarn(
      dimensions: dimensions, theta: theta, factor: factor, trained: trained, fast: value(options.beta_fast, 32),
      slow: value(options.beta_slow, 1), magnitude: magnitude)
  case ATTEND_ROPE_LONGROPE:
    try requireTrained()
    return .longrope(
      short: try divisors(options.short_factors, "options.short_factors", dimensions / 2),
      long: try divisors(options.long_factors, "options.long_factors", dimensions / 2), trained: trained,
      magnitude: magnitude ?? RotaryScaling.longropeMagnitude(factor, trained: trained))
  case ATTEND_ROPE_PROPORTIONAL:
    return .proportional(factor: factor, pairs: Int(min(value(options.rotated_share, 1), 1) * Double(dimensions)) / 2)
  default: throw Failure(.invalidArgument, "options.type is \(options.type.rawValue), which is no attend_rope_type")
  }
}

/// Pairs that longrope has at most: heads of 240 components, in memory of the runtime's own.
private let mostDivisors = 120

/// The divisors of longrope, float32.
private func divisors(
  _ array: UnsafePointer<attend_array>?, _ name: StaticString, _ pairs: Int
) throws(Failure) -> [Double] {
  guard pairs <= mostDivisors else {
    throw Failure(.invalidArgument, "\(name): at most \(mostDivisors) pairs of components are taken, not \(pairs)")
  }
  let values = try view(array, name).numbers(count: pairs)
  guard values.allSatisfy({ $0 > 0 }) else { throw Failure(.invalidArgument, "\(name): divisors must be positive") }
  return values
}
