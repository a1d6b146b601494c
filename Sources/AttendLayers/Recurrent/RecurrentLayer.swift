import AttendBase
import AttendDispatch
import AttendKernelInterface

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

  package init(cell: RecurrentCell, width: Int, input: Linear, fed: PackedMatrix? = nil, recurrent: Linear) {
    (self.cell, self.width, self.input, self.fed, self.recurrent) = (cell, width, input, fed, recurrent)
  }

  /// Numbers of a state: h, and behind it c of an LSTM.
  var stateWidth: Int { cell.vectors * width }

  /// What the inputs x, `[rows, inputs]`, bring to the gates, in scratch memory.
  func gates(of x: Matrix, _ pass: Pass) throws(Failure) -> Matrix {
    let gates = try pass.workspace.matrix(x.rows, input.outputs)
    try input.apply(x, into: gates, pass)
    return gates
  }

  /// One step: the states of the first sequences, `[rows, stateWidth]`, become the next ones, of which `output` gets as
  /// many columns as it has. `gates` is what the tokens bring.
  func step(_ gates: Matrix, state: Matrix, into output: Matrix, _ pass: Pass) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let state = state.rows(0, gates.rows)
      let brought = try pass.workspace.matrix(gates.rows, gates.columns)
      try recurrent.apply(state.columns(0, width), into: brought, pass)
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
