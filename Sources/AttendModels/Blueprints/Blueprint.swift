import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// The architecture of a model; the raw values are those of `attend_model_kind`.
package enum ModelKind: UInt32, Sendable {
  case encoder = 1
  case decoder = 2
  case encoderDecoder = 3
}

/// The description of a model, made by a family from config.json: the choices and sizes of every layer and the names of
/// the tensors. Data only.
package struct Blueprint: Sendable {
  /// As `model_type` spells it.
  package var family: String
  /// Before the names of tensors, in one spelling or another: checkpoints saved with and without their head differ in
  /// it.
  package var prefixes: [String]
  /// In the order in which they read: what a tower looks at stands before it.
  package var towers: [TowerBlueprint] = []
  /// The head that makes logits, where the checkpoint has it.
  package var head: HeadBlueprint?
  /// The head that makes one vector of a sequence. Its names stand without the prefix; checkpoints may leave it out.
  package var pooler: HeadBlueprint?
  /// The decoder's input where the head reads what the decoder makes of the text that the encoder read; nil: the caller
  /// gives it.
  package var shift: TextShift?
  /// The id whose tokens stand for states of the tower that sees; nil: there is none.
  package var placeholder: Int32?
  /// The id whose tokens stand for videos, which are not read; nil: there is none.
  package var videoPlaceholder: Int32?
  /// What tokens see of pictures in layers with cross-attention; nil: pictures stand in the place of tokens.
  package var sight: PictureSight?
  /// What stands around the states of pictures in a text; nil: nothing does.
  package var markup: PictureMarkup?
  /// What a decoder with pictures reads in both directions; nil: nothing, each token sees those before it.
  package var readingBothWays: ReadingBothWays?
  /// Tokens that a text is filled up to with padding before it is embedded, as in the training; nil: it is not.
  package var textLength: Int?
  /// The id that the decoder begins with, whatever the configuration says; nil: as that says.
  package var startToken: Int?
  /// The id that ends what the decoder writes, whatever the configuration calls the end; nil: as that says.
  package var endToken: Int?
  /// The way from two embeddings, of a picture and of a text, to a number that tells how well they match.
  package var similarity: SimilarityBlueprint?
  /// The way from a text to the tokens of a picture; nil: it draws none.
  package var drawing: DrawingBlueprint?
  /// What writes the text that an encoder of sounds hears, frame by frame; nil: nothing does.
  package var transducer: Boxed<TransducerBlueprint>?
  /// The layers that are meant where these are not all; nil: all.
  package internal(set) var stage: LayerRange?
  /// What else the checkpoint then holds.
  var otherStages: Boxed<OtherStages>?
  /// The names of the classes that the head tells apart, by their numbers.
  package var labels = LabelNames()
  /// Tensors that a checkpoint may hold and that nothing reads: copies of tied weights, tables that are computed,
  /// counters. `#` stands for the number of a layer, and `*` at an end for whatever follows.
  package var ignored: [String]

  package var encoder: StackBlueprint? { tower(.encoder) }
  package var decoder: StackBlueprint? { tower(.decoder) }
  /// The stack that heads and poolers stand behind.
  package var last: StackBlueprint? { towers.last?.stack }

  package var kind: ModelKind {
    switch (encoder, decoder) {
    case (_, nil): .encoder
    case (nil, _): .decoder
    default: .encoderDecoder
    }
  }

  /// Whether nothing reads a tensor of this name, which stands without its prefix.
  package func ignores(_ name: Substring.UTF8View) -> Bool {
    let layers = stage?.count ?? last?.depth ?? 0
    return ignored.contains { Blueprint.matches(name, $0.utf8[...], layers: layers) }
  }

  private static func matches(_ name: Substring.UTF8View, _ pattern: Substring.UTF8View, layers: Int) -> Bool {
    var name = name
    for byte in pattern {
      if byte == UInt8(ascii: "*") { return true }
      guard byte == UInt8(ascii: "#") else {
        guard name.popFirst() == byte else { return false }
        continue
      }
      let digits = name.prefix { $0 &- UInt8(ascii: "0") < 10 }
      guard let number = Int(Substring(digits)), number < layers else { return false }
      name = name.dropFirst(digits.count)
    }
    return name.isEmpty
  }

  private func tower(_ role: TowerBlueprint.Role) -> StackBlueprint? { towers.first { $0.role == role }?.stack }
}

/// The tensors of one number each by which the cosine of two embeddings becomes a logit: `e^scale cosine + bias`.
package struct SimilarityBlueprint: Sendable {
  package var scale: String
  package var bias: String?
}

/// The text that the encoder read as the decoder reads it: each token one place on, behind a first one.
package enum TextShift: Sendable {
  /// Behind this token.
  case behind(Int32)
  /// Behind the text's own last token beside padding, its language in mBART (Liu et al. 2020, arXiv:2001.08210).
  case behindLast(padding: Int32)
}

/// A stack of layers and its part in the model.
package struct TowerBlueprint: Sendable {
  package enum Role: Sendable {
    /// Reads a whole text at once.
    case encoder
    /// Writes a text token by token, looking at the encoder's states if there is an encoder.
    case decoder
    /// Reads pictures beside a tower that reads texts.
    case vision
  }

  package var role: Role
  package var stack: StackBlueprint
  /// Before its names, in one spelling or another; nil: those of the model.
  package var prefixes: [String]?
  /// The head that makes the embedding of what it reads; nil: it makes none of its own.
  package var embedding: EmbeddingHeadBlueprint? {
    get { head?.value }
    set { head = newValue.map { .of($0) } }
  }
  private var head: Boxed<EmbeddingHeadBlueprint>?
  /// The way from its states to what the decoder reads in the place of tokens; nil: it does not read them so.
  package var connector: ConnectorBlueprint?

  package init(
    role: Role, stack: StackBlueprint, prefixes: [String]? = nil, embedding: EmbeddingHeadBlueprint? = nil,
    connector: ConnectorBlueprint? = nil
  ) {
    (self.role, self.stack, self.prefixes, self.connector) = (role, stack, prefixes, connector)
    self.embedding = embedding
  }

  static func encoder(_ stack: StackBlueprint) -> TowerBlueprint { TowerBlueprint(role: .encoder, stack: stack) }
  static func decoder(_ stack: StackBlueprint) -> TowerBlueprint { TowerBlueprint(role: .decoder, stack: stack) }
}

/// From the states of a sequence to its embedding. Names stand with their prefix.
package struct EmbeddingHeadBlueprint: Sendable {
  package enum Pooling: Sendable {
    case firstToken
    /// The first token of this id, or of a text that a tokenizer made the last one; nil: the one of the largest id.
    case endToken(Int32?)
    case lastToken
    case attention(AttentionPoolingBlueprint)
  }

  package var pooling: Pooling
  package var norm: NormBlueprint?
  package var projection: LinearBlueprint?
  package var toUnitLength = false
}

/// The parts of `AttentionPooling`, before whose names stands the blueprint's prefix.
package struct AttentionPoolingBlueprint: Sendable {
  package var heads: Int
  /// The tensor of the learned query, `[1, 1, width]`.
  package var query: String
  /// Queries, keys and values of `torch.nn.MultiheadAttention`, one below the other.
  package var input: LinearBlueprint
  package var output: LinearBlueprint
  package var norm: NormBlueprint
  package var network: FeedForwardBlueprint
}

/// An encoder or a decoder. Names of tensors stand without the blueprint's prefix, here and below.
package struct StackBlueprint: Sendable {
  package var width: Int
  package var vocabulary: Int
  package var causal: Bool
  package var input: InputBlueprint
  package var layers: FixedArray<LayerBlueprint>
  var network: Boxed<RecurrentBlueprint>?
  package var finalNorm: NormBlueprint?
  /// The product that leads from the width of the source's states to that of its own, where it is not a part of the
  /// cross-attention.
  package var sourceProjection: LinearBlueprint? {
    get { projection?.value }
    set { projection = newValue.map { .of($0) } }
  }
  private var projection: Boxed<LinearBlueprint>?
  /// Beside the first layer.
  package var convolution: ConvolutionBlueprint?
  /// The tensor, under its whole name, of numbers whose softmax are the shares of the layers in the states that the
  /// stack gives; nil: these are the last layer's.
  package var shares: String?
  /// As in `Taps`.
  package var taps: TapsBlueprint? {
    get { tapped?.value }
    set { tapped = newValue.map { .of($0) } }
  }
  private var tapped: Boxed<TapsBlueprint>?
  /// How its attention is normalised, where that is no softmax; nil: by softmax.
  package var sinkhorn: SinkhornIterations?
  /// The longest text that the configuration speaks of, where positions are computed and would go on; nil: it states
  /// none.
  package var statedPositions: Int?

  /// A stack that reads tokens.
  package init(
    width: Int, vocabulary: Int, causal: Bool, embedding: EmbeddingBlueprint, layers: FixedArray<LayerBlueprint>,
    finalNorm: NormBlueprint? = nil, statedPositions: Int? = nil
  ) {
    self.width = width
    self.vocabulary = vocabulary
    self.causal = causal
    input = .tokens(embedding)
    self.layers = layers
    self.finalNorm = finalNorm
    self.statedPositions = statedPositions
  }

  /// An encoder that reads arrays.
  package init(
    width: Int, input: InputBlueprint, layers: FixedArray<LayerBlueprint>, finalNorm: NormBlueprint? = nil
  ) {
    self.width = width
    vocabulary = 0
    causal = false
    self.input = input
    self.layers = layers
    self.finalNorm = finalNorm
  }

  /// The embedding of tokens, be it that of an earlier stage; nil: it reads arrays.
  package var embedding: EmbeddingBlueprint? {
    switch input {
    case .tokens(let embedding), .states(let embedding): embedding
    default: nil
    }
  }

  /// The self-attention of the first layer that has one.
  var firstAttention: AttentionBlueprint? {
    for index in layers.indices { if let attention = layers[index].attention { return attention } }
    return nil
  }
}

/// The first layer of a stack.
package indirect enum InputBlueprint: Sendable {
  case tokens(EmbeddingBlueprint)
  /// The states of an earlier stage, which has the embedding.
  case states(EmbeddingBlueprint)
  case patches(PatchBlueprint)
  case tiles(TilesBlueprint)
  case sound(SoundBlueprint)
  case pyramid(PyramidBlueprint)
}

/// From ids to the first hidden states.
package struct EmbeddingBlueprint: Sendable {
  /// The token table under its possible names; the first that the checkpoint has is read.
  package var tokens: [String]
  /// The table of further ids behind these, and how many there are.
  package var additional: (name: String, count: Int)?
  /// The factor on token vectors.
  package var scale: Float = 1
  package var positions: PositionBlueprint = .none
  /// The table of token types ("segments") and how many there are.
  package var types: (name: String, count: Int)?
  package var norm: NormBlueprint?
  /// The product that leads from the width of the token table to the stack's; nil: they are the same.
  package var projection: LinearBlueprint?
  package var projects = TokenEmbedding.Projects.norm
}

/// The source of position vectors. Each kind says how many positions there are.
package enum PositionBlueprint: Sendable {
  case none
  /// A table in the checkpoint whose first `offset` rows stand for no position.
  ///
  /// `padding`, here and below, is the id that takes no position, if there is one (`PositionTable`).
  case learned(name: String, count: Int, offset: Int, padding: Int? = nil)
  /// The sines and cosines of Vaswani et al. 2017, section 3.5, computed at load: all sines, then all cosines, or
  /// `interleaved` in turns, as the paper writes them. Position p uses the angle of p + offset; `endsAtLongest` says
  /// that wavelengths run to 2π·10000 inclusive, as in the authors' own tensor2tensor. Where the checkpoint holds the
  /// table `name`, it is read instead.
  case sinusoidal(
    name: String?, count: Int, offset: Int, endsAtLongest: Bool, interleaved: Bool = false, padding: Int? = nil)
}

/// The output head of a stack. The names of a head stand with their prefix.
package struct HeadBlueprint: Sendable {
  package var pooling = Head.Selection.everyToken
  /// Before the name of the last product, in one spelling or another.
  package var prefixes = [""]
  /// Before all products.
  package var norm: NormBlueprint?
  /// A product before all others whose name stands without its prefix: back to the width of the token table.
  package var projection: LinearBlueprint?
  /// Products, each with an activation and perhaps a norm, before the last.
  package var layers: [(linear: LinearBlueprint, activation: Activation, norm: NormBlueprint?)] = []
  package var output: Output
  /// The factor on the output.
  package var scale: Float = 1
  /// 0: none. Otherwise an output y becomes `softCap * tanh(y / softCap)`.
  package var softCap: Float = 0

  package enum Output: Sendable {
    /// The last layer's output is the head's.
    case none
    /// A product of its own.
    case linear(LinearBlueprint)
    /// A product of its own where the checkpoint holds one that differs from the token table of the stack; otherwise
    /// that table. What the configuration calls tied is so if the weights are: this is how transformers decides.
    case ownOrTied(LinearBlueprint)
    /// Products whose outputs stand one after another.
    case joined([LinearBlueprint])
    /// The mean of products, each of a part of the vector that the pooling makes.
    case mean([LinearBlueprint])
    /// The token table of the stack, whose weights are then shared, with a bias under this name, which the checkpoint
    /// may leave out.
    case tied(bias: String?)
  }
}

extension HeadBlueprint {
  /// The usual logits of the next token: the token table, or where `tie_word_embeddings` says otherwise `lm_head`,
  /// without a bias.
  static func nextToken(_ config: Configuration, vocabulary: Int, width: Int) throws(Failure) -> HeadBlueprint {
    let head = LinearBlueprint(name: "lm_head", outputs: vocabulary, inputs: width, bias: .none)
    let isTied = try config.boolean("tie_word_embeddings", default: true)
    return HeadBlueprint(pooling: .nextToken, output: isTied ? .ownOrTied(head) : .linear(head))
  }

  /// The head of an encoder-decoder that was saved with `task`, where its decoder reads a text once more, shifted
  /// (Lewis et al. 2019, arXiv:1910.13461, section 3): classes of sequences are told by the last end token. nil for
  /// other tasks.
  static func ofRereading(
    _ task: HeadTask?, _ config: Configuration, width: Int, vocabulary: Int, end: Int
  ) throws(Failure) -> HeadBlueprint? {
    switch task {
    case .sequenceClassification:
      let name = "classification_head"
      let dense = LinearBlueprint(name: "\(name).dense", outputs: width, inputs: width)
      return HeadBlueprint(
        pooling: .lastEnd(try config.token("eos_token_id", default: end, vocabulary: vocabulary)),
        layers: [(dense, .tanh, nil)],
        output: .linear(LinearBlueprint(name: "\(name).out_proj", outputs: try config.labels(), inputs: width)))
    case .questionAnswering:
      return HeadBlueprint(output: .linear(LinearBlueprint(name: "qa_outputs", outputs: 2, inputs: width)))
    default: return nil
    }
  }

  /// The head of a decoder that was saved with `task`: itself for the next token. Bare layers have logits all the same
  /// where these need nothing but the token table.
  ///
  /// Classes of sequences are told by the last token that is not `padding`.
  func ofDecoder(
    _ task: HeadTask?, _ config: Configuration, width: Int, padding: Int? = nil, tokenClassifier: String = "classifier"
  ) throws(Failure) -> HeadBlueprint? {
    func head(_ pooling: Head.Selection, _ name: String, _ outputs: Int, _ bias: LinearBlueprint.Bias) -> HeadBlueprint
    {
      HeadBlueprint(
        pooling: pooling, projection: projection,
        output: .linear(LinearBlueprint(name: name, outputs: outputs, inputs: width, bias: bias)))
    }
    switch task {
    case nil:
      if case .linear = output { return nil }
      return self
    case .sequenceClassification:
      let padding = config.padding(default: padding).map { Int32($0) }
      return head(.lastToken(padding: padding), "score", try config.labels(), .none)
    case .tokenClassification: return head(.everyToken, tokenClassifier, try config.labels(), .own)
    case .questionAnswering: return head(.everyToken, "qa_outputs", 2, .own)
    default: return self
    }
  }
}
