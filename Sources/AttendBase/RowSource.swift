// Rows of numbers that are not stored as they are read.

/// The rows of a matrix in float32, however they are stored: in blocks of few bits, in another order. What packs
/// weights asks for one row after another, so that no more than a panel is ever expanded; any number of threads may.
package protocol RowSource: Sendable {
  /// Writes the numbers of a row, from 0 on.
  func read(_ row: Int, into numbers: UnsafeMutablePointer<Float>)
}
