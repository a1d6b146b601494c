import AttendBase
import AttendDispatch
import AttendKernelInterface

/// What stands in the place of a stack's Transformer layers: the layers of a recurrent network, read as an encoder or
/// written as a decoder.
package enum RecurrentNetwork: Sendable {
  case encoder(FixedArray<RecurrentLayer>)
  case decoder(RecurrentDecoder)

  package var layers: FixedArray<RecurrentLayer> {
    switch self {
    case .encoder(let layers): layers
    case .decoder(let decoder): decoder.layers
    }
  }

  /// That of a decoder to the source, where it has one.
  package var attention: SourceAttention? { if case .decoder(let decoder) = self { decoder.attention } else { nil } }

  /// The width of the vectors of tokens that it reads.
  var inputWidth: Int { layers[0].forward.input.inputs }

  /// Numbers of the last states of all layers of an encoder, of each h of all directions and then c.
  var finalWidth: Int {
    guard case .encoder(let layers) = self else { return 0 }
    return layers.reduce(0) { $0 + $1.finalWidth }
  }

  /// From the vectors of tokens, `[tokens, inputWidth]`, and their ids, unless something else stands in the place of
  /// some, to hidden states y. `finals`, `[sequences, finalWidth]`, is
  /// filled by an encoder.
  func apply(
    _ x: Matrix, ids: UnsafePointer<Int32>?, _ own: KeyValues, source: KeyValues?, finals: Matrix?, into y: Matrix,
    _ pass: Pass
  ) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let order = try StepOrder(own.sequences, pass.workspace)
      switch self {
      case .encoder(let layers):
        try RecurrentNetwork.read(.tokens(x, ids: ids), layers, order, finals: finals, into: y, pass)
      case .decoder(let decoder): try decoder.apply(x, ids: ids, order, own, source, into: y, pass)
      }
    }
  }

  /// Runs layer after layer over whole texts.
  private static func read(
    _ x: RecurrentInput, _ layers: FixedArray<RecurrentLayer>, _ order: StepOrder, finals: Matrix?, into y: Matrix,
    _ pass: Pass
  ) throws(Failure) {
    var input = x
    var column = 0
    for layer in layers {
      let directions = layer.backward.map { [layer.forward, $0] } ?? [layer.forward]
      let width = layer.forward.width
      let output = try pass.workspace.matrix(y.rows, directions.count * width)
      for (index, direction) in directions.enumerated() {
        try pass.scoped { () throws(Failure) in
          let state = try pass.workspace.matrix(order.sequences.count, direction.stateWidth)
          for row in 0..<state.rows { state[row].update(repeating: 0, count: state.columns) }
          try direction.run(
            try direction.gates(of: input, order, pass), order, reversed: index == 1,
            isLast: index + 1 == directions.count,
            state: state, into: output.columns(index * width, width), pass)
          guard let finals else { return }
          for vector in 0..<direction.cell.vectors {
            let to = column + (vector * directions.count + index) * width
            for (place, sequence) in order.sequences.enumerated() {
              (finals[sequence] + to).update(from: state[place] + vector * width, count: width)
            }
          }
        }
      }
      column += layer.finalWidth
      input = .states(output)
    }
    if case .states(let last) = input { order.unpack(last, into: y) }
  }
}
