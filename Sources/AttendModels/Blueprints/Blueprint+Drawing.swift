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

  package enum Preparation: Sendable {
    /// As it is.
    case none
    /// The normaliser of DALL·E mini (`PromptNormalizer`).
    case normalised
    /// Lower case and ASCII, as min-dalle has it.
    case plain
  }
}
