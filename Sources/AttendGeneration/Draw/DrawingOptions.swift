import AttendBase
import AttendModels

/// How to draw. Every default is that of the model's own program.
package struct DrawingOptions: Sendable {
  /// The seed of the random numbers.
  package var seed: UInt64 = 0
  /// The divisor of the logits; 0: the most probable token each time.
  package var temperature = 1.0
  /// The tokens that are drawn from, the most probable ones; 0: all.
  package var topK = 0
  /// The share of the probability that these hold; 1: all.
  package var topP = 1.0
  /// How far what is drawn is led away from what would be drawn of no text; nil: as far as the model's program does; 1:
  /// not at all.
  package var conditionScale: Double?
  /// The pictures that are drawn.
  package var candidates = 1
  /// The folder of the VQGAN, where the model has none and it lies neither in its folder nor beside it.
  package var painter: String?

  package init() {}

  /// Pictures of a call at most.
  static let mostCandidates = 1 << 12

  /// Throws `invalidArgument`.
  func check() throws(Failure) {
    func refuse(_ isWrong: Bool, _ message: @autoclosure () -> String) throws(Failure) {
      if isWrong { throw Failure(.invalidArgument, message()) }
    }
    try refuse(
      candidates < 1 || candidates > DrawingOptions.mostCandidates,
      "candidates is \(candidates); from 1 to \(DrawingOptions.mostCandidates) pictures are drawn")
    try refuse(
      !temperature.isFinite || temperature < 0, "temperature is \(temperature); it is 0 or more, and finite")
    try refuse(
      temperature == 0 && candidates > 1,
      "temperature is 0, at which all of \(candidates) candidates would be the same picture")
    try refuse(topK < 0, "top_k is \(topK); it is 0 or more")
    try refuse(!(topP > 0 && topP <= 1), "top_p is \(topP); it is above 0, and 1 at most")
    if let conditionScale {
      try refuse(!conditionScale.isFinite, "condition_scale is \(conditionScale); it must be finite")
    }
  }
}
