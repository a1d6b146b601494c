import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The table that turns ids into vectors, `[vocabulary, width]`.
package enum TokenTable: Sendable {
  /// Shared with the output head: read back from the packed weights, so that the table is kept once.
  case packed(PackedMatrix)
  /// Read straight from the checkpoint's bytes, which `owner` keeps alive.
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
  /// The number of positions.
  package let positions: Int
  /// The id that takes no position: tokens after it are counted as if it were not there, and it has the vector before
  /// that of position 0, or none where the table begins with position 0. As in fairseq, where padding may stand
  /// anywhere; what earlier calls read counts with its padding.
  package let padding: Int32?

  package init(table: AlignedBuffer, width: Int, first: Int, positions: Int, padding: Int32? = nil) {
    self.table = table
    self.width = width
    self.first = first
    self.positions = positions
    self.padding = padding
  }

  /// Adds to x, `[tokens, width]`, the vectors of the positions of `ids`, which the sequences say.
  func add(
    _ ids: UnsafePointer<Int32>, _ sequences: UnsafeBufferPointer<AttentionSequence>, to x: Matrix, _ engine: Engine
  ) {
    for sequence in sequences {
      let own = UnsafeBufferPointer(start: ids + sequence.row, count: sequence.count)
      if let padding, own.contains(padding) {
        addWithPadding(own, padding, sequence, to: x, engine)
      } else {
        engine.add(rows(sequence.position, sequence.count), to: x.rows(sequence.row, sequence.count))
      }
    }
  }

  private func addWithPadding(
    _ ids: UnsafeBufferPointer<Int32>, _ padding: Int32, _ sequence: AttentionSequence, to x: Matrix, _ engine: Engine
  ) {
    var position = sequence.position
    for (token, id) in ids.enumerated() {
      let row = x.rows(sequence.row + token, 1)
      if id != padding {
        engine.add(rows(position, 1), to: row)
        position += 1
      } else if first > 0 {
        engine.add(rows(-1, 1), to: row)
      }
    }
  }

  /// The vectors of positions `start ..< start + count`, `[count, width]`. The caller has checked that they exist.
  func rows(_ start: Int, _ count: Int) -> Matrix {
    Matrix(table.pointer(to: Float.self) + (first + start) * width, rows: count, columns: width)
  }
}

/// From ids to the first hidden states: scaled token vectors, plus positions and token types, a norm, and a product
/// where the token table is narrower than the stack.
package struct TokenEmbedding: Sendable {
  package let tokens: TokenTable
  /// The table of the ids behind those of the other, from 0.
  package let additional: TokenTable?
  /// The width of the token table.
  package let width: Int
  /// Factor on token vectors: √width in the paper, section 3.4.
  package let scale: Float
  package let positions: PositionTable?
  /// `[types, width]`, for models that tell segments apart.
  package let types: TypeTable?
  package let norm: Norm?
  package let projection: Linear?
  package let projects: Projects

  /// The part of the sum that is projected.
  package enum Projects: Sendable {
    /// The token vectors alone, as in OPT.
    case tokens
    /// The sum, whose norm follows, as in DeBERTa.
    case sum
    /// The sum with its norm, as in ALBERT.
    case norm
  }

  package init(
    tokens: TokenTable, additional: TokenTable? = nil, width: Int, scale: Float, positions: PositionTable?,
    types: TypeTable?, norm: Norm?,
    projection: Linear?, projects: Projects
  ) {
    self.tokens = tokens
    self.additional = additional
    self.width = width
    self.scale = scale
    self.positions = positions
    self.types = types
    self.norm = norm
    self.projection = projection
    self.projects = projects
  }

  /// Fills x, `[tokens, width]`, with the vectors of `ids`, which lie sequence after sequence as `sequences` says.
  /// Ids, types and positions have been checked; without types all are of type 0. States of another tower stand in the
  /// place of the vectors of some tokens, and take positions, types and norms as these do.
  package func apply(
    _ ids: UnsafePointer<Int32>, types typeIds: UnsafePointer<Int32>?,
    _ sequences: UnsafeBufferPointer<AttentionSequence>,
    splices: UnsafeBufferPointer<Splice> = UnsafeBufferPointer(start: nil, count: 0), into x: Matrix, _ pass: Pass
  ) throws(Failure) {
    if let projection {
      try pass.scoped { () throws(Failure) in
        let narrow = try pass.workspace.matrix(x.rows, width)
        try gather(ids, into: narrow, pass)
        if projects != .tokens { try add(ids, typeIds, sequences, to: narrow, pass) }
        if projects == .norm { norm?.apply(narrow, into: narrow, pass) }
        try projection.apply(narrow, into: x, pass)
      }
    } else {
      try gather(ids, into: x, pass)
    }
    for splice in splices { x[splice.row].update(from: splice.states, count: x.columns) }
    if projection == nil || projects == .tokens { try add(ids, typeIds, sequences, to: x, pass) }
    if projection == nil || projects != .norm { norm?.apply(x, into: x, pass) }
  }

  /// Ids run from 0 to this less 1.
  package var vocabulary: Int { tokens.vocabulary + (additional?.vocabulary ?? 0) }

  /// The vectors of tokens.
  private func gather(_ ids: UnsafePointer<Int32>, into x: Matrix, _ pass: Pass) throws(Failure) {
    guard let additional else { return try gather(ids, from: tokens, into: x, pass) }
    try pass.scoped { () throws(Failure) in
      let first = Int32(tokens.vocabulary)
      let own = try pass.workspace.take(x.rows, of: Int32.self)
      for row in 0..<x.rows { own[row] = ids[row] < first ? ids[row] : 0 }
      try gather(own, from: tokens, into: x, pass)
      for row in 0..<x.rows where ids[row] >= first {
        own[row] = ids[row] - first
        try gather(own + row, from: additional, into: x.rows(row, 1), pass)
      }
    }
  }

  private func gather(
    _ ids: UnsafePointer<Int32>, from table: TokenTable, into x: Matrix, _ pass: Pass
  ) throws(Failure) {
    switch table {
    case .packed(let matrix): try pass.engine.gather(ids, count: x.rows, from: matrix, scale: scale, into: x)
    case .stored(let matrix, _): pass.engine.gather(ids, count: x.rows, from: matrix, scale: scale, into: x)
    }
  }

  /// Types and positions.
  private func add(
    _ ids: UnsafePointer<Int32>, _ typeIds: UnsafePointer<Int32>?,
    _ sequences: UnsafeBufferPointer<AttentionSequence>, to x: Matrix, _ pass: Pass
  ) throws(Failure) {
    try types?.add(typeIds, to: x, pass)
    positions?.add(ids, sequences, to: x, pass.engine)
  }
}

/// Vectors that tell segments of the input apart, added to the token vectors (Devlin et al. 2018, arXiv:1810.04805,
/// section 3).
package struct TypeTable: Sendable {
  /// `[count, width]`
  package let table: AlignedBuffer
  package let width: Int
  package let count: Int

  package init(table: AlignedBuffer, width: Int, count: Int) {
    self.table = table
    self.width = width
    self.count = count
  }

  /// Adds to each row of x, `[tokens, width]`, the vector of its type; without ids that of type 0.
  func add(_ ids: UnsafePointer<Int32>?, to x: Matrix, _ pass: Pass) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let vectors = try pass.workspace.matrix(x.rows, width)
      let zeros = ids == nil ? try pass.workspace.take(x.rows, of: Int32.self) : nil
      zeros?.update(repeating: 0, count: x.rows)
      guard let ids = ids ?? zeros.map({ UnsafePointer($0) }) else { return }
      let matrix = StoredMatrix(base: table.base, type: .float32, rows: count, columns: width)
      pass.engine.gather(ids, count: x.rows, from: matrix, scale: 1, into: vectors)
      pass.engine.add(vectors, to: x)
    }
  }
}
