import AttendBase
import AttendTokenizers

/// A token, or a stretch of neighbouring ones, that a class was found for.
package struct Entity: BitwiseCopyable, Sendable {
  /// The class; of several tokens without what stands before its first hyphen.
  package let label: TextPlace
  package let score: Double
  /// The number of the token in its sequence; -1 where tokens are aggregated.
  package let token: Int
  /// What its tokens spell, as the tokenizer's decoder puts them together.
  package let word: TextPlace
  /// From the start of the first token to the end of the last.
  package let place: TokenOffsets

  var length: Int32 { place.scalarEnd &- place.scalarStart }
}

/// The ways in which tokens become entities; those of transformers' TokenClassificationPipeline.
package enum EntityAggregation: UInt32, Sendable {
  /// Each token by itself.
  case none = 0
  /// Neighbours of one class are one entity; a class that begins with "B-" begins another.
  case simple = 1
  /// The same of words, whose class is that of their first token,
  case first = 2
  /// or the one with the highest mean score,
  case average = 3
  /// or that of the token with the highest score.
  case max = 4
}

extension GrowingList<Entity> {
  /// Of entities that several windows found, those that stay: where one begins within another, the longer one, or of
  /// two as long as each other the one with the higher score. They are then in the order of their starts.
  mutating func mergeOverlapping() throws(Failure) {
    try sort { $0.place.scalarStart < $1.place.scalarStart }
    guard count > 1 else { return }
    var kept = 0
    for index in 1..<count {
      let (previous, entity) = (self[kept], self[index])
      guard entity.place.scalarStart < previous.place.scalarEnd else {
        kept += 1
        self[kept] = entity
        continue
      }
      let isBetter = entity.length == previous.length && entity.score > previous.score
      if entity.length > previous.length || isBetter { self[kept] = entity }
    }
    removeAll(from: kept + 1)
  }
}
