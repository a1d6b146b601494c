import AttendBase
import AttendDispatch

/// The sum around a sub-layer and the norms of the family: `x = after(x + scale * within(sublayer(before(x))))`.
///
/// `after` alone is the Transformer of 2017 (post-norm), `before` alone the usual form since (pre-norm; Xiong et al.
/// 2020, arXiv:2002.04745).
package struct Residual: Sendable {
  package let pre: Norm?
  package let onOutput: Norm?
  package let post: Norm?
  /// What a sub-layer's output is multiplied by before it is added; 1 but in Granite.
  package let scale: Float

  package init(pre: Norm?, onOutput: Norm?, post: Norm?, scale: Float) {
    self.pre = pre
    self.onOutput = onOutput
    self.post = post
    self.scale = scale
  }

  /// Runs a sub-layer, which writes `residual + f(input)`, or f(input) alone without a residual, to its output. x is
  /// `[tokens, width]`.
  func apply(
    _ x: Matrix, _ pass: Pass,
    _ sublayer: (_ input: Matrix, _ residual: Matrix?, _ output: Matrix) throws(Failure) -> Void
  ) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      var input = x
      if let pre {
        input = try pass.workspace.matrix(x.rows, x.columns)
        pre.apply(x, into: input, pass)
      }
      if onOutput == nil, scale == 1 {
        // The sum is part of the sub-layer's last product: x is read and written once.
        try sublayer(input, x, x)
      } else {
        let output = try pass.workspace.matrix(x.rows, x.columns)
        try sublayer(input, nil, output)
        onOutput?.apply(output, into: output, pass)
        pass.engine.add(output, to: x, scale: scale)
      }
      post?.apply(x, into: x, pass)
    }
  }
}
