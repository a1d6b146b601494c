import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The keys, values and angles that every layer of a stack looks at in one pass.
package struct LayerContext {
  /// Of the stack's own tokens, those of this pass included.
  package let selfKeyValues: KeyValues
  /// Of the source, for a decoder with cross-attention.
  package let crossKeyValues: KeyValues?
  /// Cosines and sines of the tokens' positions, as `RotaryTables` lays them out.
  package let angles: Matrix?
  /// Tokens that belong together, of all sequences of the pass.
  package let blocks: UnsafeBufferPointer<TokenBlock>
  /// The patches of each sequence of the pass, where sequences are pictures.
  package let grids: UnsafePointer<PatchGrid>?
  /// The number in the pass of the first of `selfKeyValues`.
  package let firstSequence: Int

  /// Throws where a layer with cross-attention finds no source, which is a defect of this library.
  func source() throws(Failure) -> KeyValues {
    guard let crossKeyValues else { throw Failure(.internalError, "cross-attention without a source") }
    return crossKeyValues
  }

  /// Throws where a layer with rotary positions finds no angles, which is a defect of this library.
  func rotaryAngles() throws(Failure) -> Matrix {
    guard let angles else { throw Failure(.internalError, "rotary positions without angles") }
    return angles
  }

  /// Gives `body` slice after slice of the sequences with their rows of x, `[tokens, width]`: whole sequences, as many
  /// as fit into `most` rows, and at least one. While attention maps are recorded, all of them at once: the maps of a
  /// layer lie in one piece.
  func forEachSlice(
    of x: Matrix, rows most: Int, _ pass: Pass, _ body: (Matrix, LayerContext) throws(Failure) -> Void
  ) throws(Failure) {
    guard x.rows > most, selfKeyValues.sequences.count > 1, pass.recorder == nil else { return try body(x, self) }
    try pass.scoped { () throws(Failure) in
      // Of the slice's own tokens up to two kinds of pages, and of the source one.
      let count = selfKeyValues.sequences.count
      let memory = try pass.workspace.take(3 * count, of: AttentionSequence.self)
      var first = 0
      while first < selfKeyValues.sequences.count {
        var rows = selfKeyValues.sequences[first].count, end = first + 1
        while end < selfKeyValues.sequences.count, rows == 0 || rows + selfKeyValues.sequences[end].count <= most {
          rows += selfKeyValues.sequences[end].count
          end += 1
        }
        let row = selfKeyValues.sequences[first].row
        let slice = LayerContext(
          selfKeyValues: selfKeyValues.slice(first..<end, from: row, in: memory),
          crossKeyValues: crossKeyValues?.slice(
            first..<end, from: row, in: memory + 2 * count), angles: angles?.rows(row, rows), blocks: blocks,
          grids: grids,
          firstSequence: first)
        try body(x.rows(row, rows), slice)
        first = end
      }
    }
  }
}

extension KeyValues {
  /// Some of the sequences, written to `memory`, with rows counted from `row`.
  fileprivate func slice(
    _ range: Range<Int>, from row: Int, in memory: UnsafeMutablePointer<AttentionSequence>
  ) -> KeyValues {
    func slice(
      _ all: UnsafeBufferPointer<AttentionSequence>, in memory: UnsafeMutablePointer<AttentionSequence>
    ) -> UnsafeBufferPointer<AttentionSequence> {
      for (place, index) in range.enumerated() {
        var sequence = all[index]
        sequence.row -= row
        (memory + place).initialize(to: sequence)
      }
      return UnsafeBufferPointer(start: memory, count: range.count)
    }
    return KeyValues(
      sequences: slice(sequences, in: memory), windowed: windowed.map { slice($0, in: memory + sequences.count) },
      layout: layout)
  }
}
