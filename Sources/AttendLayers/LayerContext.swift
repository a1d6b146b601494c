import AttendBase
import AttendDispatch
import AttendKernelInterface

/// What every layer of a stack looks at in one pass.
package struct LayerContext {
  /// The keys and values of the stack's own tokens, those of this pass included.
  package let own: KeyValues
  /// Those of the encoder's, for a decoder with cross-attention.
  package let source: KeyValues?
  /// Cosines and sines of the tokens' positions, as `RotaryTables` lays them out.
  package let angles: Matrix?

  /// Gives `body` some whole sequences after others, `most` rows at a time where they are no longer themselves, with
  /// their rows of x, `[tokens, width]`. Attention maps are recorded of all sequences at once.
  func forEachSlice(
    of x: Matrix, rows most: Int, _ pass: Pass, _ body: (Matrix, LayerContext) throws(Failure) -> Void
  ) throws(Failure) {
    guard x.rows > most, own.sequences.count > 1, pass.recorder == nil else { return try body(x, self) }
    try pass.scoped { () throws(Failure) in
      let room = try pass.workspace.take(2 * own.sequences.count, of: AttentionSequence.self)
      var first = 0
      while first < own.sequences.count {
        var rows = own.sequences[first].count, end = first + 1
        while end < own.sequences.count, rows + own.sequences[end].count <= most {
          rows += own.sequences[end].count
          end += 1
        }
        let row = own.sequences[first].row
        let slice = LayerContext(
          own: own.slice(first..<end, from: row, in: room),
          source: source?.slice(first..<end, from: row, in: room + own.sequences.count), angles: angles?.rows(row, rows)
        )
        try body(x.rows(row, rows), slice)
        first = end
      }
    }
  }
}

extension KeyValues {
  /// Some of the sequences, written to `room`, with rows counted from `row`.
  fileprivate func slice(
    _ range: Range<Int>, from row: Int, in room: UnsafeMutablePointer<AttentionSequence>
  ) -> KeyValues {
    for (place, index) in range.enumerated() {
      var sequence = sequences[index]
      sequence.row -= row
      (room + place).initialize(to: sequence)
    }
    return KeyValues(sequences: UnsafeBufferPointer(start: room, count: range.count), layout: layout)
  }
}
