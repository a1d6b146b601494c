import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The input of a recurrent layer.
enum RecurrentInput {
  /// Vectors of tokens, `[tokens, width]`, sequence after sequence, and their ids, unless something else stands in the
  /// place of some.
  case tokens(Matrix, ids: UnsafePointer<Int32>?)
  /// States of the layer below, in the order of steps.
  case states(Matrix)
}

/// One layer of a recurrent network in one direction: the products of PyTorch's `nn.LSTM`, `nn.GRU` or `nn.RNN`.
package struct RecurrentDirection: Sendable {
  package let cell: RecurrentCell
  /// Of h, and of c.
  package let width: Int
  /// W_ih x + b_ih: `[gates * width, inputs]`.
  package let input: Linear
  /// The part of W_ih that meets what the decoder feeds back beside the token's vector; nil: it feeds nothing back.
  package let fed: PackedMatrix?
  /// W_hh h + b_hh: `[gates * width, width]`.
  package let recurrent: Linear
  /// What the tokens of a small vocabulary bring to the gates, `[vocabulary, gates * width]`; nil: it is computed.
  private(set) var tokenGates: AlignedBuffer?

  package init(cell: RecurrentCell, width: Int, input: Linear, fed: PackedMatrix? = nil, recurrent: Linear) {
    (self.cell, self.width, self.input, self.fed, self.recurrent) = (cell, width, input, fed, recurrent)
  }

  /// Numbers of a state: h, and behind it c of an LSTM.
  var stateWidth: Int { cell.vectors * width }

  /// The same that looks up what tokens bring to the gates, where the table is no larger than the weights that it
  /// stands for: their bits are those of the product.
  package func knowing(_ tokens: TokenEmbedding, _ pass: Pass) throws(Failure) -> RecurrentDirection {
    let rows = tokens.vocabulary
    guard rows <= input.inputs, tokens.positions == nil, tokens.types == nil else { return self }
    var direction = self
    let table = try AlignedBuffer(rows * input.outputs, of: Float.self, for: "what tokens bring to the gates")
    try pass.scoped { () throws(Failure) in
      let ids = try pass.workspace.take(rows, of: Int32.self), x = try pass.workspace.matrix(rows, input.inputs)
      for id in 0..<rows { ids[id] = Int32(id) }
      try tokens.apply(ids, types: nil, UnsafeBufferPointer(start: nil, count: 0), into: x, pass)
      try input.apply(x, into: Matrix(table.pointer(), rows: rows, columns: input.outputs), pass)
    }
    direction.tokenGates = table
    return direction
  }

  /// What an input brings to the gates, in the order of steps, in scratch memory.
  func gates(of x: RecurrentInput, _ order: StepOrder, _ pass: Pass) throws(Failure) -> Matrix {
    switch x {
    case .states(let below): return try gates(of: below, pass)
    case .tokens(let vectors, let ids):
      if let tokenGates, let ids { return try lookUp(ids, vectors.rows, tokenGates, order, pass) }
      let packed = try pass.workspace.matrix(vectors.rows, vectors.columns)
      order.pack(vectors, into: packed)
      return try gates(of: packed, pass)
    }
  }

  private func lookUp(
    _ ids: UnsafePointer<Int32>, _ rows: Int, _ table: AlignedBuffer, _ order: StepOrder, _ pass: Pass
  ) throws(Failure) -> Matrix {
    let columns = input.outputs, gates = try pass.workspace.matrix(rows, columns)
    let known: UnsafeMutablePointer<Float> = table.pointer()
    order.forEach { (sequence, step, row) in
      gates[row].update(from: known + Int(ids[sequence.row + step]) * columns, count: columns)
    }
    return gates
  }

  /// What the inputs x, `[rows, inputs]`, bring to the gates, in scratch memory.
  func gates(of x: Matrix, _ pass: Pass) throws(Failure) -> Matrix {
    let gates = try pass.workspace.matrix(x.rows, input.outputs)
    try input.apply(x, into: gates, pass)
    return gates
  }

  /// One step: the states of the first sequences, `[rows, stateWidth]`, become the next ones, of which `output` gets as
  /// many columns as it has. `gates` is what the tokens bring, and may be written to.
  func step(_ gates: Matrix, state: Matrix, into output: Matrix, _ pass: Pass) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let state = state.rows(0, gates.rows)
      let brought = cell.addsProducts ? nil : try pass.workspace.matrix(gates.rows, gates.columns)
      try recurrent.apply(
        state.columns(0, width), residual: brought == nil ? gates : nil, into: brought ?? gates, pass)
      pass.engine.advance(cell, input: gates, recurrent: brought, state: state, into: output)
    }
  }

  /// All steps, from the last to the first where it is `reversed`, of tokens in the order of steps. Rows count as done
  /// where no other direction follows.
  func run(
    _ gates: Matrix, _ order: StepOrder, reversed: Bool = false, isLast: Bool = true, state: Matrix,
    into output: Matrix, _ pass: Pass
  ) throws(Failure) {
    for index in 0..<order.steps {
      let step = reversed ? order.steps - 1 - index : index
      try self.step(order.rows(step, of: gates), state: state, into: order.rows(step, of: output), pass)
      try pass.finishedLayer(rows: isLast ? order.count(step) : 0)
    }
  }
}

/// One layer of a recurrent network: it reads forwards and, in an encoder that is bidirectional (Schuster and Paliwal
/// 1997), backwards beside it.
package struct RecurrentLayer: Sendable {
  package let forward: RecurrentDirection
  package let backward: RecurrentDirection?

  package init(forward: RecurrentDirection, backward: RecurrentDirection? = nil) {
    (self.forward, self.backward) = (forward, backward)
  }

  /// Numbers of the states of all directions after the last step.
  var finalWidth: Int { (backward == nil ? 1 : 2) * forward.stateWidth }
}
