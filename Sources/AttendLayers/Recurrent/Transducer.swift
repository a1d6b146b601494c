import AttendBase
import AttendDispatch
import AttendKernelInterface

/// What a transducer has behind its encoder (Graves 2012, arXiv:1211.3711): a prediction network, which reads the
/// tokens that are written, and a joint network, which tells from its state and a frame of the encoder the next token,
/// or a blank where there is none. With durations it tells besides how many frames a token or a blank takes (Xu et al.
/// 2023, arXiv:2304.06795).
package final class Transducer: Sendable {
  /// The vectors of tokens, `[tokens, width]`.
  private let table: TokenTable
  /// The recurrent layers of the prediction network, the lowest first.
  private let layers: FixedArray<RecurrentLayer>
  private let prediction: Linear
  /// From the encoder's states to frames.
  private let frame: Linear
  private let activation: Activation
  /// From the sum of a frame and a prediction to logits, of tokens and behind them of durations.
  private let joint: Linear
  /// The numbers of frames to choose from; nil: a blank takes one, and a token none.
  package let durations: [Int]?

  package init(
    table: TokenTable, layers: FixedArray<RecurrentLayer>, prediction: Linear, frame: Linear, activation: Activation,
    joint: Linear, durations: [Int]?
  ) {
    (self.table, self.layers, self.prediction, self.frame) = (table, layers, prediction, frame)
    (self.activation, self.joint, self.durations) = (activation, joint, durations)
  }

  /// Numbers of a frame, and of a prediction.
  package var width: Int { frame.outputs }
  /// The tokens, the blank among them.
  package var tokens: Int { table.vocabulary }
  /// Numbers of the logits.
  package var outputs: Int { joint.outputs }

  /// The state of a prediction network, and what it predicts.
  package struct State {
    fileprivate let memory: AlignedBuffer
    /// Of each layer, `[layers, stateWidth]`.
    fileprivate let layers: Matrix
    /// `[1, width]`
    fileprivate let prediction: Matrix
  }

  /// A state before the first token.
  package func state() throws(Failure) -> State {
    let stateWidth = layers[0].forward.stateWidth, numbers = layers.count * stateWidth
    let memory = try AlignedBuffer(numbers + width, of: Float.self, for: "the state of a transducer")
    let first: UnsafeMutablePointer<Float> = memory.pointer()
    first.update(repeating: 0, count: numbers + width)
    return State(
      memory: memory, layers: Matrix(first, rows: layers.count, columns: stateWidth),
      prediction: Matrix(first + numbers, rows: 1, columns: width))
  }

  /// The frames of the encoder's states, `[rows, width]`.
  package func project(_ states: Matrix, into frames: Matrix, _ pass: Pass) throws(Failure) {
    try frame.apply(states, into: frames, pass)
  }

  /// Makes the prediction behind a token, below `tokens`, that follows on those before.
  package func read(_ token: Int32, _ state: State, _ pass: Pass) throws(Failure) {
    defer { withExtendedLifetime(state) {} }
    try pass.scoped { () throws(Failure) in
      var id = token
      var x = try pass.workspace.matrix(1, layers[0].forward.input.inputs)
      switch table {
      case .stored(let matrix, _): pass.engine.gather(&id, count: 1, from: matrix, into: x)
      case .packed(let matrix): try pass.engine.gather(&id, count: 1, from: matrix, into: x)
      }
      for (index, layer) in layers.enumerated() {
        let output = try pass.workspace.matrix(1, layer.forward.width)
        let gates = try layer.forward.gates(of: x, pass)
        try layer.forward.step(gates, state: state.layers.rows(index, 1), into: output, pass)
        x = output
      }
      try prediction.apply(x, into: state.prediction, pass)
    }
  }

  /// The logits of what comes next at a frame, `[1, outputs]`.
  package func tell(
    _ frame: UnsafePointer<Float>, _ state: State, into logits: Matrix, _ pass: Pass
  ) throws(Failure) {
    defer { withExtendedLifetime(state) {} }
    try pass.scoped { () throws(Failure) in
      let sum = try pass.workspace.matrix(1, width)
      sum[0].update(from: frame, count: width)
      pass.engine.add(state.prediction, to: sum)
      pass.engine.activate(sum, activation, into: sum)
      try joint.apply(sum, into: logits, pass)
    }
  }
}
