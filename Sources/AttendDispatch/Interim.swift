// Stands in until the kernels have these: to be deleted as a whole then.
import AttendBase
import Glibc
package enum Trigonometry { package static func sineAndCosine(_ x: Double) -> (sine: Double, cosine: Double) { (sin(x), cos(x)) } }
package struct AttentionBias: @unchecked Sendable { package init() {}
  package var slopes: UnsafePointer<Float>?; package var distances: UnsafePointer<Float>?; package var reach = 0; package var sinks: UnsafePointer<Float>? }
extension Engine {
  package func rotate(_ x: Matrix, headDim: Int, cosines: Matrix, sines: Matrix, interleaved: Bool) {
    let n = cosines.columns
    for r in 0..<x.rows { for h in 0..<x.columns / headDim { let p = x[r] + h * headDim
      for i in 0..<n { let (a, b) = interleaved ? (2*i, 2*i+1) : (i, i+n); let (u, v) = (p[a], p[b]); let (c, s) = (cosines[r][i], sines[r][i])
        p[a] = u * c - v * s; p[b] = v * c + u * s } } }
  }
  package func scale(_ x: Matrix, by f: Float, cap: Float = 0) { for r in 0..<x.rows { for c in 0..<x.columns { x[r][c] = cap > 0 ? cap * tanhf(x[r][c] * f / cap) : x[r][c] * f } } }
  package func add(_ x: Matrix, to y: Matrix, scale: Float) { for r in 0..<x.rows { for c in 0..<x.columns { y[r][c] += scale * x[r][c] } } }
  package func layerNorm(_ x: Matrix, gain: UnsafePointer<Float>?, bias: UnsafePointer<Float>?, epsilon: Float, groups: Int, gainPerGroup: Bool, into y: Matrix) {
    let w = x.columns / groups
    for g in 0..<groups { layerNorm(x.columns(g*w, w), gain: gain.map { $0 + (gainPerGroup ? g*w : 0) }, bias: bias.map { $0 + (gainPerGroup ? g*w : 0) }, epsilon: epsilon, into: y.columns(g*w, w)) } }
  package func rmsNorm(_ x: Matrix, gain: UnsafePointer<Float>?, offset: Float, epsilon: Float, groups: Int, gainPerGroup: Bool, into y: Matrix) {
    let w = x.columns / groups
    for g in 0..<groups { rmsNorm(x.columns(g*w, w), gain: gain.map { $0 + (gainPerGroup ? g*w : 0) }, offset: offset, epsilon: epsilon, into: y.columns(g*w, w)) } }
  package func attention(_ q: Matrix, _ s: UnsafeBufferPointer<AttentionSequence>, _ h: AttentionHeads, _ m: AttentionMask, bias: AttentionBias, into out: Matrix,
    weights: UnsafeMutablePointer<Float>? = nil, workspace: Workspace) throws(Failure) { try attention(q, s, h, m, into: out, weights: weights, workspace: workspace) }
}
