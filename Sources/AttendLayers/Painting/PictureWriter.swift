import AttendBase
import AttendDispatch

/// What a language model needs to write the tokens of pictures: vectors for them, and a head of their own (Wu et al.
/// 2024, "Janus", arXiv:2410.13848, section 3.1).
package final class PictureWriter: Sendable {
  /// `[codes, width]`
  package let codes: AlignedBuffer
  package let count: Int
  package let width: Int
  /// From the vectors of codes to the first hidden states.
  package let aligner: [Head.Layer]
  package let head: Head

  package init(codes: AlignedBuffer, count: Int, width: Int, aligner: [Head.Layer], head: Head) {
    (self.codes, self.count, self.width) = (codes, count, width)
    (self.aligner, self.head) = (aligner, head)
  }

  /// The first hidden states of codes, each below `count`, in scratch memory, `[codes, width of the stack]` without
  /// gaps.
  package func states(of tokens: UnsafeBufferPointer<Int32>, _ pass: Pass) throws(Failure) -> Matrix {
    let table = codes.pointer(to: Float.self)
    var x = try pass.workspace.matrix(tokens.count, width)
    for (row, token) in tokens.enumerated() { x[row].update(from: table + Int(token) * width, count: width) }
    for layer in aligner {
      let outputs = layer.linear.outputs
      let y = Matrix(
        try pass.workspace.take(tokens.count.saturatingMultiply(outputs)), rows: tokens.count, columns: outputs)
      try layer.linear.apply(x, activation: layer.activation, into: y, pass)
      x = y
    }
    withExtendedLifetime(codes) {}
    return x
  }
}
