import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The output head of a stack: products with activations and norms that turn hidden states into logits or a pooled
/// vector.
package struct Head: Sendable {
  /// The hidden states of a sequence that it reads.
  package enum Selection: Sendable {
    case everyToken
    /// Every token that is decoded, and of a prompt the last: what it gives are the logits of the next token.
    case nextToken
    /// The first token of each sequence: [CLS], <s>.
    case firstToken
    /// The last token of each sequence that is not this id, or the first where all are.
    case lastToken(padding: Int32?)
    /// The last token of each sequence that is this id, its end token.
    case lastEnd(Int32)
    /// The mean of each sequence's tokens.
    case meanOfTokens
    /// The vectors of these modes, one after another.
    case joined(Pooling)
  }

  /// `norm(activation(x W + b))`
  package struct Layer: Sendable {
    package let linear: Linear
    package let activation: Activation
    package let norm: Norm?

    package init(linear: Linear, activation: Activation, norm: Norm?) {
      self.linear = linear
      self.activation = activation
      self.norm = norm
    }
  }

  package let pooling: Selection
  /// Before all products.
  package let norm: Norm?
  /// Products of as many parts of a vector, `[inputs]` each, whose mean is the output, before no other layer; usually
  /// none.
  package let parts: [Linear]
  package let layers: [Layer]
  /// Factor on the last output.
  package let scale: Float
  /// 0: none. Otherwise an output y becomes `softCap * tanh(y / softCap)` (Gemma Team 2024, arXiv:2408.00118).
  package let softCap: Float

  /// The width of what it gives.
  package let outputs: Int

  /// For hidden states of `width` numbers.
  package init(
    pooling: Selection, norm: Norm? = nil, parts: [Linear] = [], layers: [Layer], width: Int, scale: Float,
    softCap: Float
  ) {
    var pooled = width
    if case .joined(let pooling) = pooling { pooled = pooling.outputs(width: width) }
    outputs = (layers.last?.linear ?? parts.first)?.outputs ?? pooled
    self.pooling = pooling
    self.norm = norm
    self.parts = parts
    self.layers = layers
    self.scale = scale
    self.softCap = softCap
  }

  /// Whether it tells the next token.
  package var tellsNextToken: Bool { if case .nextToken = pooling { true } else { false } }

  /// Results that no cache holds, 4 MB: they are written past it.
  private static let farNumbers = 1 << 20

  /// y, `[rows, outputs]`, from the hidden states of chosen tokens, `[rows, width]`, and the blocks of its rows where
  /// they are wanted.
  package func apply(_ x: Matrix, into y: Matrix, blocks: RowBlocks? = nil, _ pass: Pass) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      var input = x
      if let norm {
        input = try pass.workspace.matrix(x.rows, x.columns)
        norm.apply(x, into: input, pass)
      }
      if !parts.isEmpty { try applyParts(x, into: y, pass) }
      if parts.isEmpty, layers.isEmpty { for row in 0..<x.rows { y[row].update(from: input[row], count: x.columns) } }
      for (index, layer) in layers.enumerated() {
        let isLast = index == layers.count - 1
        let output = isLast ? y : try pass.workspace.matrix(x.rows, layer.linear.outputs)
        let results = isLast ? results(y, blocks) : .near
        try layer.linear.apply(input, activation: layer.activation, into: output, results: results, pass)
        layer.norm?.apply(output, into: output, pass)
        input = output
      }
      if scale != 1 || softCap > 0 { pass.engine.scale(y, by: scale, cap: softCap) }
      if let blocks, changesProduct { pass.engine.summarize(y, into: blocks) }
    }
  }

  private func applyParts(_ x: Matrix, into y: Matrix, _ pass: Pass) throws(Failure) {
    var first = 0
    for (index, part) in parts.enumerated() {
      try part.apply(x.columns(first, part.inputs), residual: index == 0 ? nil : y, into: y, pass)
      first += part.inputs
    }
    pass.engine.scale(y, by: 1 / Float(parts.count))
  }

  /// Whether the last product is not yet the result.
  private var changesProduct: Bool { scale != 1 || softCap > 0 || layers.last?.norm != nil }

  /// Where the last product goes: with its blocks, if it is the result.
  private func results(_ y: Matrix, _ blocks: RowBlocks?) -> ProductResults {
    if let blocks, !changesProduct { return .far(blocks) }
    return y.rows > 1 && y.rows * y.columns >= Head.farNumbers && !changesProduct ? .far(nil) : .near
  }
}
