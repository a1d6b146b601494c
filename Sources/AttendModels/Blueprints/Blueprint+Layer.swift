import AttendBase
import AttendKernelInterface
import AttendLayers

/// One layer of a stack.
package struct LayerBlueprint: Sendable {
  /// nil: it looks at the source alone.
  package var attention: AttentionBlueprint?
  package var attentionNorms = ResidualNorms()
  package var crossAttention: AttentionBlueprint?
  package var crossAttentionNorms = ResidualNorms()
  package var feedForward: FeedForwardBlueprint
  package var feedForwardNorms: ResidualNorms
  /// Attention and feed-forward network read the same x, each through its norm before; without one, the latter reads
  /// what the former reads.
  package var isParallel = false
  /// As in `TransformerLayer`.
  package var passesUnseeing = false
  /// Beside these in a Conformer.
  package var conformer: ConformerBlueprint?

  /// Of the memory for the layers of a stack, where there is none.
  static let purpose = "the description of the layers"
}

/// The norms around a sub-layer: `x = post(x + scale * onOutput(sublayer(pre(x))))`.
package struct ResidualNorms: Sendable {
  /// Pre-norm.
  package var pre: NormBlueprint?
  /// On the sub-layer's output, before it is added.
  package var onOutput: NormBlueprint?
  /// Post-norm, as in the paper of 2017.
  package var post: NormBlueprint?
  /// The factor on the sub-layer's output.
  package var scale: Float = 1
}

/// A norm from `name.weight` and, if it has one, `name.bias`.
package struct NormBlueprint: Sendable {
  package var name: String
  package var kind: Norm.Kind = .layer
  package var epsilon: Float
  package var hasBias = true
  package var gain = Gain.own

  /// The factors behind the norm.
  package enum Gain: Sendable {
    case own
    /// 1 where the checkpoint has no tensor of them.
    case optional
    /// 1
    case none
  }
}

/// The projections and sizes of an attention.
package struct AttentionBlueprint: Sendable {
  package var options: AttentionOptions
  package var query: LinearBlueprint
  package var key: LinearBlueprint
  package var value: LinearBlueprint
  package var output: LinearBlueprint
  /// On queries and keys, before they are rotated.
  package var queryNorm: HeadNormBlueprint?
  package var keyNorm: HeadNormBlueprint?
  package var rotary: Rotary?
  package var bias = BiasBlueprint.none
  /// The name of the heads' sinks, `[heads]`.
  package var sinks: String?
  /// Over all heads before the product `output`.
  package var innerNorm: NormBlueprint?
  /// The name of factors on the heads before that product, `[1, 1, heads, 1]`.
  package var headScale: String?

  /// The bias of scores by the distance between query and key.
  package enum BiasBlueprint: Sendable {
    case none
    /// ALiBi: a slope for each head.
    case slopes([Float])
    /// The table `name`, `[buckets, heads]`, of T5.
    case relative(name: String, RelativeBuckets)
    case disentangled(DisentangledBlueprint)
    case relativeKeys(RelativeKeysBlueprint)
    case gated(GatedDistancesBlueprint)
    /// The sum of the tables of these names, `[(2 side - 1)^2 + 3, heads]` (`GridBias`).
    case grid(names: [String], side: Int)
    case projected(RelativeProjectionBlueprint)
  }
}

/// The relative positions of DeBERTa.
package struct DisentangledBlueprint: Sendable {
  package var relativeIndex: RelativeIndex
  /// The name of the positions' vectors, `[2 relativeIndex.buckets, width]`, and their norm.
  package var table: String
  package var norm: NormBlueprint?
  /// The products that make keys and queries of them.
  package var keys: Projection
  package var queries: Projection

  package enum Projection: Sendable {
    /// Scores do without.
    case none
    /// The product that makes those of tokens.
    case shared
    case own(LinearBlueprint)
  }
}

/// A convolution over neighbouring tokens, with an odd number of taps, and the norm after it.
package struct ConvolutionBlueprint: Sendable {
  package var kernel: KernelBlueprint
  package var activation: Activation
  package var norm: NormBlueprint
}

/// A norm of queries or keys.
package struct HeadNormBlueprint: Sendable {
  package var norm: NormBlueprint
  package var span: Span

  package enum Span: Sendable {
    /// Over all heads together, with a gain for each component of each.
    case allHeads
    /// Over each head, with the same gains for all.
    case eachHead
    /// Over each head, with gains of its own: those of head h are named `norm.name` with `.h` behind it.
    case eachHeadByItself
  }
}

/// A product: rows of a stored matrix, `[outputs, inputs]`, and of its bias.
package struct LinearBlueprint: Sendable {
  /// Of `name.weight`; of a slice, `name` itself.
  package var name: String
  /// Between the name and "weight" or "bias"; PyTorch's MultiheadAttention says `in_proj_weight`.
  package var separator = "."
  package var outputs: Int
  package var inputs: Int
  package var bias = Bias.own
  /// Stored `[inputs, outputs]`, as GPT-2's `Conv1D`.
  package var isTransposed = false
  /// Stored `[outputs, inputs / (height * width), height, width]`, as the kernels of a convolution over patches.
  package var kernel: (height: Int, width: Int)?
  /// Of such a kernel over the frames of a video, whose tensor has one dimension more, before the height.
  package var kernelFrames: Int?
  /// Stored `[outputs, inputs, 1]`, as the kernel of a convolution over time that sees one frame.
  package var isPointwise = false
  /// The tensor of factors on the outputs, `[outputs]`, which weights and bias take up: LayerScale (Touvron et al.
  /// 2021, arXiv:2103.17239, section 2).
  package var outputScale: String?
  /// The tensor of one number, or one for each output, whose tanh is a factor on the outputs, which weights and bias
  /// take up (Alayrac et al. 2022, arXiv:2204.14198, section 3.1.2).
  package var outputGate: String?
  /// The part of the stored rows that is meant, where queries, keys and values, or a gate and what it lets through, are
  /// stored as one.
  package var part: Part?
  /// The matrix meant of several, where one tensor holds them all.
  package var slice: Slice?

  package enum Bias: Sendable {
    case none
    /// `name.bias`; of a slice a row of `name_bias`.
    case own
    /// A tensor of this name, with its prefix, which the checkpoint may leave out.
    case optional(String)
  }

  /// Blocks of rows of a stored matrix with `rows` rows in all.
  package struct Part: Sendable {
    package var rows: Int
    /// The first row of the first block.
    package var first: Int
    /// Rows of a block.
    package var blockRows: Int
    /// The number of blocks, and of rows from one to the next.
    package var blocks = 1
    package var stride = 0
    /// The number of rows from one row of a block to the next.
    package var step = 1

    /// The first row of a block.
    package func start(_ block: Int) -> Int { first + block * stride }
  }

  /// Matrix `index` of a tensor of `count` matrices of equal shape, one after another.
  package struct Slice: Sendable {
    package var index: Int
    package var count: Int
  }

  /// The tensor that holds its weights.
  func weightName(_ prefix: String = "") -> String {
    slice == nil ? .joined(prefix, name, separator, "weight") : .joined(prefix, name)
  }
  /// The tensor that holds them in a checkpoint of Flax, which stores every product `[inputs, outputs]`.
  func kernelName(_ prefix: String = "") -> String { .joined(prefix, name, ".kernel") }
  /// The tensor that holds its bias, if that is its own.
  func biasName(_ prefix: String = "") -> String {
    slice == nil ? .joined(prefix, name, separator, "bias") : .joined(prefix, name, "_bias")
  }
  /// The tensors that may hold the weights of a slice in 4 bits.
  var blocksName: String { "\(name)_blocks" }
  var scalesName: String { "\(name)_scales" }
  /// Outputs of the stored matrix.
  var storedRows: Int { part?.rows ?? outputs }

  /// Part `index` of `count` equal parts of a matrix that stores them one below the other.
  package func part(_ index: Int, of count: Int) -> LinearBlueprint {
    var result = self
    result.part = Part(rows: outputs, first: outputs / count * index, blockRows: outputs / count)
    result.outputs = outputs / count
    return result
  }

  /// Rows `first ..< first + count` of the stored matrix.
  package func rows(_ first: Int, _ count: Int) -> LinearBlueprint {
    var result = self
    result.part = Part(rows: outputs, first: first, blockRows: count)
    result.outputs = count
    return result
  }

  /// The stored rows `first`, `first + 2`, `first + 4` and so on, of a matrix that stores two whose rows take turns.
  package func everyOther(from first: Int) -> LinearBlueprint {
    var result = self
    result.part = Part(rows: outputs, first: first, blockRows: outputs / 2, step: 2)
    result.outputs = outputs / 2
    return result
  }

  /// Of a matrix that stores groups of `groupRows` rows, the rows `first ..< first + count` of every group.
  package func rows(_ first: Int, _ count: Int, ofEvery groupRows: Int) -> LinearBlueprint {
    var result = self
    let groups = outputs / groupRows
    result.part = Part(rows: outputs, first: first, blockRows: count, blocks: groups, stride: groupRows)
    result.outputs = groups * count
    return result
  }

  /// Of a matrix that stores as many queries as keys and values, one below the other: all queries, all keys, all
  /// values.
  package func inThirds() -> (query: LinearBlueprint, key: LinearBlueprint, value: LinearBlueprint) {
    (part(0, of: 3), part(1, of: 3), part(2, of: 3))
  }

  /// Of a matrix that stores, for each head of keys and values, the queries that share it, its keys and its values, one
  /// below the other: all queries, all keys, all values.
  package func headByHead(
    _ options: AttentionOptions
  ) -> (query: LinearBlueprint, key: LinearBlueprint, value: LinearBlueprint) {
    let (queries, one) = (options.queryWidth / options.keyValueHeads, options.headDim)
    let group = queries + 2 * one
    return (
      rows(0, queries, ofEvery: group), rows(queries, one, ofEvery: group), rows(queries + one, one, ofEvery: group)
    )
  }
}

extension String {
  /// Parts of a name one behind another, in memory that is asked for once.
  static func joined(_ first: String, _ second: String, _ third: String = "", _ fourth: String = "") -> String {
    var result = ""
    result.reserveCapacity(first.utf8.count + second.utf8.count + third.utf8.count + fourth.utf8.count)
    result.append(first)
    result.append(second)
    result.append(third)
    result.append(fourth)
    return result
  }
}
