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
  /// Pictures first, then the token that begins a text, the text, and the end of its line (PaliGemma).
  case leading
  /// Pictures first, then the text, which a question takes the place of where it names a task (Florence-2).
  case tasks
}
