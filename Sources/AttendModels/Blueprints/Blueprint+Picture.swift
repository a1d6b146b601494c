import AttendBase
import AttendKernelInterface
import AttendLayers

/// From pixels to the first hidden states (`PatchEmbedding`).
package struct PatchBlueprint: Sendable {
  package var projection: LinearBlueprint
  package var channels: Int
  package var patchHeight: Int
  package var patchWidth: Int
  /// The lines and columns from one patch to the next; nil: patches do not overlap.
  package var steps: (height: Int, width: Int)?
  /// The size of the spectrograms that are read instead of pictures.
  package var spectrogram: (frames: Int, bins: Int)?
  /// The vectors before those of patches, which have the first places.
  package var classTokens: [String] = []
  /// Vectors behind these that have no place, `[1, count, width]`.
  package var registers: (name: String, count: Int)?
  /// The table of places, `[class tokens + rows * columns, width]`, and the grid of the training's pictures.
  package var positions: (name: String, rows: Int, columns: Int)?
  /// Whether pictures may have another size than these.
  package var interpolates = true
  package var filter = GridPositions.Filter.bicubic
  package var norm: NormBlueprint?
  /// nil: pictures are told their places by vectors.
  package var anySize: PatchEmbedding.AnySize?
  /// As `PatchEmbedding` has it.
  package var turnsAroundCentre = false
}

extension Blueprint {
  /// Tokens that see each other, whatever stands first.
  package enum ReadingBothWays: Sendable {
    /// The tokens of a picture.
    case pictures
    /// Those of a whole prompt with pictures, a text and what it stands for (PaliGemma; Beyer et al. 2024,
    /// arXiv:2407.07726, section 3.1).
    case prompts
  }
}

/// What the processors of transformers write in a text around the places of its pictures.
package enum PictureMarkup: Sendable {
  /// Empty lines and two tokens around each picture, of which a text has the token `begin` (Gemma 3).
  case enclosed(begin: Int32, end: Int32)
  /// Tiles row by row, each behind the name of its place, then all of the picture (Idefics3, SmolVLM).
  case tiled
  /// A token on both sides of each tile, where none stands there yet; neighbours share it (Idefics, Idefics 2).
  case fenced(Int32)
  /// Pictures first, then the token that begins a text, the text, and the end of its line (PaliGemma).
  case leading
  /// Pictures first, then the text, which a question takes the place of where it names a task (Florence-2).
  case tasks

  /// Whether it is written without a tokenizer.
  package var isOfIds: Bool { if case .fenced = self { true } else { false } }
}

/// What a token sees of the pictures in its text, by cross-attention to their states; a placeholder stands for each.
package enum PictureSight: Sendable {
  /// The last picture before it or at it, none before the first (Alayrac et al. 2022, arXiv:2204.14198, section 3.1.3)
  /// and none behind an end token until the next.
  case last(end: Int32?)
  /// Of pictures whose placeholders are neighbours all until then, as in Llama 3.2; before the first all there are,
  /// fillings included.
  case run
}

/// From the states of a tower to what the decoder reads (`Connector`). Names stand with their prefix, in one spelling
/// or another; the first that the checkpoint has is read.
package struct ConnectorBlueprint: Sendable {
  package enum Step: Sendable {
    case linear(LinearBlueprint, Activation)
    case norm(NormBlueprint)
    case group(Connector.Grouping)
    case network(FeedForwardNetworkBlueprint)
    case resample(ResamplerBlueprint)
    /// Vectors of `count` rows and columns, and the first of a table, under these names.
    case places(count: Int, rows: String, columns: String, all: String)
    case mean
  }

  package var skipped = 0
  package var skippedAtEnd = 0
  package var prefixes = [""]
  package var steps: [Step]
  /// As in `Connector`, of the tower's taps.
  package var branches: [[Step]] = []
  /// As in `Connector`: the name of the vector.
  package var lineEnd: String?
}

/// The parts of a `Resampler`, of which names stand without the connector's prefix.
package struct ResamplerBlueprint: Sendable {
  /// The tensor of the latents, `[count, width]`.
  package var latents: (name: String, count: Int)
  package var width: Int
  package var options: AttentionOptions
  package var layers: FixedArray<Layer>
  package var norm: NormBlueprint

  package struct Layer: Sendable {
    package var contextNorm: NormBlueprint
    package var latentsNorm: NormBlueprint
    /// Queries of the latents; keys and values of both.
    package var attention: AttentionBlueprint
    package var networkNorm: NormBlueprint
    package var network: FeedForwardNetworkBlueprint
  }
}

/// The parts of `Taps`.
package struct TapsBlueprint: Sendable {
  package var layers: [Int]
  package var takesTurns = false
  package var middle: (layer: Int, norm: NormBlueprint)?
}

/// The parts of a `TileEmbedding`.
package struct TilesBlueprint: Sendable {
  package var projection: LinearBlueprint
  package var sizes: TileEmbedding.Sizes
  package var classVector: String
  /// `[states of a tile, width]`; times 1 less the tanh of the gate.
  package var positions: String
  /// `[arrangements + 1, tiles * states of a tile * width]`; times the tanh of the gate.
  package var tilePositions: String
  package var positionGate: String
  /// `[arrangements + 1, tiles * width]`, each with a gate.
  package var before: (table: String, gate: String)
  package var behind: (table: String, gate: String)
  package var norm: NormBlueprint
}
