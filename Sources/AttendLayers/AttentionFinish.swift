import AttendBase
import AttendDispatch

/// The change to the heads of an attention before the product that leads out of it.
package enum AttentionFinish: Sendable {
  /// A norm over all heads together (Wang et al. 2022, "Foundation Transformers", arXiv:2210.06423).
  case norm(Norm)
  /// A factor for each head, `[heads]` (Shleifer et al. 2021, "NormFormer", arXiv:2110.09456, section 2.1).
  case scale(AlignedBuffer, heads: Int)

  /// Changes heads in place, `[tokens, heads * headDim]`.
  func apply(_ x: Matrix, _ pass: Pass) {
    switch self {
    case .norm(let norm): norm.apply(x, into: x, pass)
    case .scale(let factors, let heads):
      let headDim = x.columns / heads
      for head in 0..<heads {
        pass.engine.scale(x.columns(head * headDim, headDim), by: factors.pointer(to: Float.self)[head])
      }
    }
  }
}
