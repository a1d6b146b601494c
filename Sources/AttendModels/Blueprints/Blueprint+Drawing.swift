import AttendBase
import AttendKernelInterface
import AttendLayers

/// The way from a text to the tokens of a picture.
package struct DrawingBlueprint: Sendable {
  /// The tokens of a picture.
  package var count: Int
  /// The preparation of texts.
  package var preparation: Preparation
  /// The scale of guidance where a call does not say.
  package var conditionScale: Double
  /// What a decoder writes them with that writes texts too; nil: they are its own tokens.
  package var writer: Boxed<PictureWriterBlueprint>?

  package enum Preparation: Sendable {
    /// As it is.
    case none
    /// The normaliser of DALL·E mini (`PromptNormalizer`).
    case normalised
    /// Lower case and ASCII, as min-dalle has it.
    case plain
  }
}

/// The parts of a `PictureWriter`, whose names stand with their prefix.
package struct PictureWriterBlueprint: Sendable {
  /// The table of vectors, `[count, width]`.
  package var codes: String
  package var count: Int
  package var width: Int
  package var aligner: [ConnectorBlueprint.Step]
  package var alignerPrefix: String
  package var head: HeadBlueprint
  /// Before the names of the VQGAN that paints the tokens.
  package var painter: String
}
