import AttendBase

/// A guess of what sequences will go on with, for a step to confirm (speculative decoding; Leviathan et al. 2022, arXiv
/// 2211.17192). Belongs to one request. A wrong guess costs time and changes nothing else.
package protocol Drafter: AnyObject {
  /// Answers the wishes of all sequences of the request that go on, in the order of their numbers.
  ///
  /// The history of a sequence is longer than at the last call, and begins as it did.
  func draft(_ wishes: UnsafeMutableBufferPointer<DraftWish>, price: DraftPrice) throws(Failure)
}

/// What it costs to read drafts.
package struct DraftPrice: BitwiseCopyable, Sendable {
  /// A token of a step, in units of the time in which a sequence goes on by one: a draft that is confirmed less often
  /// than that does not pay.
  package var token = DraftPrice.unknown
  /// The mean time of a step in nanoseconds; nil: not known yet.
  package var step: Double?
  /// Rows of the batch.
  package var rows = 1

  /// What is assumed of a token until steps of different widths were seen.
  static let unknown = 0.15

  package init() {}

  init(token: Double, step: Double?, rows: Int) { (self.token, self.step, self.rows) = (token, step, rows) }
}

/// What a drafter is asked for: tokens that may follow those of one sequence. Lent for one call.
package struct DraftWish: BitwiseCopyable {
  /// The number of the sequence in its request.
  package let sequence: Int
  /// The prompt and what was generated.
  package let history: UnsafeBufferPointer<Int32>
  /// Where the drafts are written; there may be room for none.
  package let room: UnsafeMutableBufferPointer<Int32>
  /// How many drafts there are.
  package var count = 0

  package init(
    sequence: Int, history: UnsafeBufferPointer<Int32>, room: UnsafeMutableBufferPointer<Int32>
  ) {
    (self.sequence, self.history, self.room) = (sequence, history, room)
  }

  /// Writes one more draft. There is room.
  package mutating func append(_ token: Int32) {
    room[count] = token
    count += 1
  }

  /// Whether there is room for another draft.
  package var hasRoom: Bool { count < room.count }
}
