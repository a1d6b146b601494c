import AttendBase

/// A guess of what a sequence will go on with, for a step to confirm (speculative decoding; Leviathan et al. 2022, arXiv
/// 2211.17192). Belongs to one request; a wrong guess costs time and changes nothing else.
package protocol Drafter: AnyObject {
  /// Writes tokens that may follow `history` of sequence `sequence`, at most as many as there is room for in `drafts`.
  /// Returns how many. `history` is longer than at the last call for the sequence, and begins as it did.
  func draft(
    sequence: Int, history: UnsafeBufferPointer<Int32>, into drafts: UnsafeMutableBufferPointer<Int32>
  ) throws(Failure) -> Int
  /// Of the last drafts of a sequence, `confirmed` were what it went on with.
  func confirm(sequence: Int, drafted: Int, confirmed: Int)
}
