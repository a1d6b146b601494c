// Stands in until the kernels have these: to be deleted as a whole then.
import AttendBase
package struct AttentionBias: @unchecked Sendable { package init() {}
  package var slopes: UnsafePointer<Float>?; package var distances: UnsafePointer<Float>?; package var reach = 0; package var sinks: UnsafePointer<Float>? }
extension Engine {
  package func attention(_ q: Matrix, _ s: UnsafeBufferPointer<AttentionSequence>, _ h: AttentionHeads, _ m: AttentionMask, bias: AttentionBias, into out: Matrix,
    weights: UnsafeMutablePointer<Float>? = nil, workspace: Workspace) throws(Failure) { try attention(q, s, h, m, into: out, weights: weights, workspace: workspace) }
}
