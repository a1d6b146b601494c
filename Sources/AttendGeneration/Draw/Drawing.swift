import AttendBase
import AttendPictures

/// What was drawn of a text: pictures, the best first where they were ranked, else in the order of their numbers.
package final class Drawing: Sendable {
  /// A picture of a drawing.
  package struct Candidate: Sendable {
    package let picture: Picture
    /// The tokens that it was painted from.
    package let tokens: FixedArray<Int32>
    /// How well it matches the text, as the ranking model tells; NaN: it was not ranked.
    package var score: Float
  }

  package let candidates: FixedArray<Candidate>

  init(_ candidates: FixedArray<Candidate>) { self.candidates = candidates }
}
