import AttendBase
import AttendDispatch

/// The table that turns ids into vectors, `[vocabulary, width]`.
package enum TokenTable: Sendable {
  /// Shared with the output head: read back from the packed weights, so that the table is kept once.
  case packed(PackedMatrix)
  /// Read straight from the mapped checkpoint, whose bytes `owner` keeps alive.
  case stored(StoredMatrix, owner: any AnyObject & Sendable)

  package var vocabulary: Int {
    switch self {
    case .packed(let matrix): matrix.outputs
    case .stored(let matrix, _): matrix.rows
    }
  }
}

/// Position vectors, added to the token vectors.
package struct PositionTable: Sendable {
  /// `[first + positions, width]`
  package let table: AlignedBuffer
  package let width: Int
  /// The row of position 0; tables of the BART kind begin with rows that no position uses.
  package let first: Int
  /// How many positions there are.
  package let positions: Int

  package init(table: AlignedBuffer, width: Int, first: Int, positions: Int) {
    self.table = table
    self.width = width
    self.first = first
    self.positions = positions
  }

  /// The vectors of positions `start ..< start + count`, `[count, width]`. The caller has checked that they exist.
  func rows(_ start: Int, _ count: Int) -> Matrix {
    Matrix(table.pointer(to: Float.self) + (first + start) * width, rows: count, columns: width)
  }
}

/// From ids to the first hidden states: scaled token vectors, plus positions, and a norm where the family has one.
package struct Embedding: Sendable {
  package let tokens: TokenTable
  /// What token vectors are multiplied by: √width in the paper, section 3.4.
  package let scale: Float
  package let positions: PositionTable?
  package let norm: Norm?

  package init(tokens: TokenTable, scale: Float, positions: PositionTable?, norm: Norm?) {
    self.tokens = tokens
    self.scale = scale
    self.positions = positions
    self.norm = norm
  }

  /// Fills x, `[tokens, width]`, with the vectors of `ids`, which lie sequence after sequence as `sequences` says.
  /// Ids and positions have been checked.
  package func apply(
    _ ids: UnsafePointer<Int32>, _ sequences: UnsafeBufferPointer<AttentionSequence>, into x: Matrix, _ pass: Pass
  ) {
    switch tokens {
    case .packed(let matrix): pass.engine.gather(ids, count: x.rows, from: matrix, scale: scale, into: x)
    case .stored(let matrix, _): pass.engine.gather(ids, count: x.rows, from: matrix, scale: scale, into: x)
    }
    if let positions {
      for sequence in sequences {
        pass.engine.add(positions.rows(sequence.position, sequence.count), to: x.rows(sequence.row, sequence.count))
      }
    }
    norm?.apply(x, into: x, pass)
  }
}
