import AttendBase
import AttendLayers

/// One layer of a stack.
package struct LayerBlueprint: Sendable {
  package var attention: AttentionBlueprint
  package var attentionNorms: ResidualNorms
  package var crossAttention: AttentionBlueprint?
  package var crossAttentionNorms = ResidualNorms()
  package var feedForward: FeedForwardBlueprint
  package var feedForwardNorms: ResidualNorms
}

/// The norms around a sub-layer: `x = after(x + within(sublayer(before(x))))`.
package struct ResidualNorms: Sendable {
  /// Pre-norm.
  package var before: NormBlueprint?
  /// On the sub-layer's output, before it is added.
  package var within: NormBlueprint?
  /// Post-norm, as in the paper of 2017.
  package var after: NormBlueprint?
}

/// A norm from `name.weight` and, if it has one, `name.bias`.
package struct NormBlueprint: Sendable {
  package var name: String
  package var kind: Norm.Kind = .layer
  package var epsilon: Float
  package var hasBias = true
}

/// The projections and sizes of an attention.
package struct AttentionBlueprint: Sendable {
  package var options: AttentionOptions
  package var query: LinearBlueprint
  package var key: LinearBlueprint
  package var value: LinearBlueprint
  package var output: LinearBlueprint
}

/// The products of a feed-forward network.
package struct FeedForwardBlueprint: Sendable {
  package var inner: LinearBlueprint
  package var outer: LinearBlueprint
  package var activation: Activation
}

/// A product: rows of a stored matrix, `[outputs, inputs]`, and of its bias.
package struct LinearBlueprint: Sendable {
  /// Of `name.weight`.
  package var name: String
  package var outputs: Int
  package var inputs: Int
  package var bias = Bias.own
  /// Stored `[inputs, outputs]`, as GPT-2's `Conv1D`.
  package var isTransposed = false
  /// The part of the stored rows that is meant, where queries, keys and values, or a gate and what it lets through, are stored as one.
  package var part: Part?

  package enum Bias: Sendable {
    case none
    /// `name.bias`
    case own
    /// A tensor of this name, with its prefix, which the checkpoint may leave out.
    case optional(String)
  }

  /// Blocks of rows of a stored matrix with `rows` rows in all.
  package struct Part: Sendable {
    package var rows: Int
    /// Each block's first row; a block has `blockRows` rows.
    package var starts: [Int]
    package var blockRows: Int
  }

  /// Part `index` of `count` equal parts of a matrix that stores them one below the other.
  package func part(_ index: Int, of count: Int) -> LinearBlueprint {
    var result = self
    result.part = Part(rows: outputs, starts: [outputs / count * index], blockRows: outputs / count)
    result.outputs = outputs / count
    return result
  }

  /// Rows `first ..< first + count` of the stored matrix.
  package func rows(_ first: Int, _ count: Int) -> LinearBlueprint {
    var result = self
    result.part = Part(rows: outputs, starts: [first], blockRows: count)
    result.outputs = count
    return result
  }

  /// Of a matrix that stores groups of `groupRows` rows, the rows `first ..< first + count` of every group.
  package func rows(_ first: Int, _ count: Int, ofEvery groupRows: Int) -> LinearBlueprint {
    var result = self
    let groups = outputs / groupRows
    result.part = Part(rows: outputs, starts: (0..<groups).map { $0 * groupRows + first }, blockRows: count)
    result.outputs = groups * count
    return result
  }
}
