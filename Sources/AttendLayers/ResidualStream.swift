import AttendBase
import AttendDispatch

/// The norms around a sub-layer and the factor on its output: `x = post(x + scale * onOutput(sublayer(pre(x))))`.
///
/// `post` alone is the Transformer of 2017 (post-norm), `pre` alone the usual form since (pre-norm; Xiong et al. 2020,
/// arXiv:2002.04745).
package struct SublayerNorms: Sendable {
  package let pre: Norm?
  package let onOutput: Norm?
  package let post: Norm?
  /// 1 but in Granite.
  package let scale: Float

  package init(pre: Norm?, onOutput: Norm?, post: Norm?, scale: Float) {
    self.pre = pre
    self.onOutput = onOutput
    self.post = post
    self.scale = scale
  }
}

/// The sum that a sub-layer f makes: `output = residual + f(input)`, or without a residual `output = f(input)`; all are
/// `[tokens, width]`, and output may be the residual. The sum is part of the sub-layer's last product: x is read and
/// written once.
struct ResidualSum {
  let input: Matrix
  let residual: Matrix?
  let output: Matrix
}

/// The residual stream: hidden states x, `[tokens, width]`, to which one sub-layer after another adds.
struct ResidualStream {
  let x: Matrix
  let pass: Pass

  init(_ x: Matrix, _ pass: Pass) {
    self.x = x
    self.pass = pass
  }

  /// `x += f(x)`, with the norms around it.
  func add(_ norms: SublayerNorms, _ f: (ResidualSum) throws(Failure) -> Void) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      var input = x
      if let pre = norms.pre {
        input = try pass.workspace.matrix(x.rows, x.columns)
        pre.apply(x, into: input, pass)
      }
      if norms.onOutput == nil, norms.scale == 1 {
        try f(ResidualSum(input: input, residual: x, output: x))
      } else {
        let output = try pass.workspace.matrix(x.rows, x.columns)
        try f(ResidualSum(input: input, residual: nil, output: output))
        norms.onOutput?.apply(output, into: output, pass)
        pass.engine.add(output, to: x, scale: norms.scale)
      }
      norms.post?.apply(x, into: x, pass)
    }
  }
}
