import AttendBase
import AttendDispatch
import AttendKernelInterface
import Glibc

/// The biases that an attention adds to its scores before the softmax. Computed tile by tile; nothing here is as large
/// as the scores.
package struct ScoreBias: Sendable {
  /// `[heads]`: what a score gains with each position that the key lies after the query (`Alibi`).
  package var slopes: AlignedBuffer?
  /// `[heads][2 reach + 1]`: a bias for each distance from query to key.
  package var distances: AlignedBuffer?
  /// Distances beyond it get the bias of the farthest.
  package var reach = 0
  /// `[heads]`: a logit that takes its share of the softmax and has no value (Xiao et al. 2023, arXiv:2309.17453;
  /// gpt_oss).
  package var sinks: AlignedBuffer?
  /// `[heads * headDim]`: added to the queries before they meet keys and positions; the global content bias of
  /// Transformer-XL (Dai et al. 2019, arXiv:1901.02860, section 3.3).
  package var queryOffset: AlignedBuffer?
  /// Products of queries and keys with relative positions.
  package var disentangled: Disentangled?
  /// A bias for the rows and columns between patches.
  package var grid: GridBias?

  package init() {}

  /// As the kernels read it, but for what is disentangled; valid as long as this is kept.
  var forKernels: AttentionBias {
    var bias = AttentionBias()
    bias.slopes = slopes.map { UnsafePointer($0.pointer(to: Float.self)) }
    bias.distances = distances.map { UnsafePointer($0.pointer(to: Float.self)) }
    bias.radius = reach
    bias.sinks = sinks.map { UnsafePointer($0.pointer(to: Float.self)) }
    return bias
  }
}

/// Attention with linear biases (Press et al. 2021, arXiv:2108.12409).
package enum Alibi {
  /// The paper's slopes: a geometric sequence from 2^(-8/n), for n heads a power of two; for other numbers those of the
  /// next lower power and then every other one of the next higher. Each is rounded to bfloat16 if `isRounded`, then
  /// multiplied by `scale`.
  package static func slopes(heads: Int, scale: Float = 1, isRounded: Bool = false) -> [Float] {
    (0..<heads).map {
      let slope = slope($0, of: heads)
      return (isRounded ? bfloat16(slope) : slope) * scale
    }
  }

  /// The paper's slope of one of `heads` heads.
  package static func slope(_ head: Int, of heads: Int) -> Float {
    var power = 1
    while 2 * power <= heads { power *= 2 }
    let isOwn = head < power  // of the lower power of two
    let exponent = isOwn ? -8 * Double(head + 1) : -4 * Double(2 * (head - power) + 1)
    return Float(exp2(exponent / Double(power)))
  }

  /// The nearest number of the upper 16 bits; of two the even one.
  private static func bfloat16(_ x: Float) -> Float {
    let bits = x.bitPattern
    return Float(bitPattern: (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000)
  }
}

/// The relative positions of T5 (Raffel et al. 2019, arXiv:1910.10683, section 2.1): small distances have a bucket
/// each, larger ones share buckets of logarithmic width, and all from `maxDistance` on the last.
package struct RelativeBuckets: Sendable {
  package let count: Int
  package let maxDistance: Int
  /// Half of the buckets are for keys after the query; otherwise those share bucket 0.
  package let bidirectional: Bool

  /// In one direction there must be at least two buckets, and `maxDistance` must exceed the distances that have a
  /// bucket of their own.
  package init(count: Int, maxDistance: Int, bidirectional: Bool) {
    self.count = count
    self.maxDistance = maxDistance
    self.bidirectional = bidirectional
  }

  /// Buckets of one direction.
  private var directed: Int { bidirectional ? count / 2 : count }

  /// Whether the sizes make sense.
  package var isValid: Bool { directed >= 2 && maxDistance > directed / 2 }

  /// The bucket of a key that lies `distance` positions after the query. In float32, as the reference rounds where two
  /// buckets meet.
  package func bucket(_ distance: Int) -> Int {
    let first = bidirectional && distance > 0 ? directed : 0
    let size = bidirectional ? abs(distance) : max(-distance, 0)
    let exact = directed / 2
    if size < exact { return first + size }
    let share = log(Float(size) / Float(exact)) / Float(log(Double(maxDistance) / Double(exact)))
    return first + min(exact + Int(share * Float(directed - exact)), directed - 1)
  }

  /// A bias for each head and distance, `[heads][2 maxDistance + 1]`, from the stored table, `[count][heads]`.
  package func spelledOut(_ table: UnsafePointer<Float>, heads: Int) throws(Failure) -> AlignedBuffer {
    let width = 2 * maxDistance + 1
    let (size, overflow) = width.multipliedReportingOverflow(by: heads)
    guard !overflow else { throw .outOfMemory(Int.max, for: "relative positions") }
    let buffer = try AlignedBuffer(size, of: Float.self, for: "relative positions")
    let biases = buffer.pointer(to: Float.self)
    for distance in -maxDistance...maxDistance {
      let row = table + bucket(distance) * heads
      for head in 0..<heads { biases[head * width + distance + maxDistance] = row[head] }
    }
    return buffer
  }
}
