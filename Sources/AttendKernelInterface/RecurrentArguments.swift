// Cells of recurrent networks, and their attention with additive scores.

/// The function by which the state of a recurrent layer becomes the next one.
package enum RecurrentCell: Sendable {
  /// Gates i, f, g and o (Hochreiter and Schmidhuber 1997; Gers et al. 2000), in PyTorch's order.
  case lstm
  /// Gates r, z and n (Cho et al. 2014, arXiv:1406.1078), in PyTorch's order, the reset gate behind the product.
  case gru
  /// One product and a hyperbolic tangent (Elman 1990), or a rectifier (Le et al. 2015, arXiv:1504.00941).
  case tanh
  case relu

  /// Products of a token, each as wide as the state.
  package var gates: Int {
    switch self {
    case .lstm: 4
    case .gru: 3
    case .tanh, .relu: 1
    }
  }

  /// Vectors of a state: h, and c of an LSTM.
  package var vectors: Int { self == .lstm ? 2 : 1 }

  /// Whether what the token and what the state bring to a gate is only ever added.
  package var addsProducts: Bool { self != .gru }
}

/// One step of a recurrent layer for some sequences, a row for each.
package struct CellArguments {
  package var cell: RecurrentCell
  package var width: Int
  package var input: UnsafePointer<Float>  // [rows, gates * width], what the token brings, and the state if it is added
  package var inputStride: Int
  package var recurrent: UnsafePointer<Float>?  // [rows, gates * width], what the state brings if it is not
  package var recurrentStride: Int
  package var state: UnsafeMutablePointer<Float>  // [rows, vectors * width], which becomes the next one
  package var stateStride: Int
  package var output: UnsafeMutablePointer<Float>  // [rows, width], or as wide as the state: a copy of the next one
  package var outputStride: Int
  package var copiesCell: Bool  // whether the output holds c too

  package init(
    cell: RecurrentCell, width: Int, input: UnsafePointer<Float>, inputStride: Int, recurrent: UnsafePointer<Float>?,
    recurrentStride: Int, state: UnsafeMutablePointer<Float>, stateStride: Int, output: UnsafeMutablePointer<Float>,
    outputStride: Int, copiesCell: Bool
  ) {
    self.cell = cell
    self.width = width
    self.input = input
    self.inputStride = inputStride
    self.recurrent = recurrent
    self.recurrentStride = recurrentStride
    self.state = state
    self.stateStride = stateStride
    self.output = output
    self.outputStride = outputStride
    self.copiesCell = copiesCell
  }
}

/// One query against float32 pages of keys and values, with the score `vector · tanh(q + k)` (Bahdanau et al. 2014,
/// arXiv:1409.0473, appendix A.1.2).
package struct AdditiveArguments {
  package var q: UnsafePointer<Float>  // [inner]
  package var vector: UnsafePointer<Float>  // [inner]
  package var inner: Int
  package var pages: UnsafePointer<UnsafeMutableRawPointer>
  package var keyOffset: Int  // units from a page's start to the panel of keys, of which `inner` rows are read
  package var valueOffset: Int
  package var headDim: Int  // from one row of values to the next
  package var keys: Int  // positions, all of them seen
  package var width: Int  // numbers of a value, at most headDim
  package var out: UnsafeMutablePointer<Float>  // [width]
  package var weights: UnsafeMutablePointer<Float>  // [keys up to whole pages]: scores, in the end probabilities

  package init(
    q: UnsafePointer<Float>, vector: UnsafePointer<Float>, inner: Int, pages: UnsafePointer<UnsafeMutableRawPointer>,
    keyOffset: Int, valueOffset: Int, headDim: Int, keys: Int, width: Int, out: UnsafeMutablePointer<Float>,
    weights: UnsafeMutablePointer<Float>
  ) {
    self.q = q
    self.vector = vector
    self.inner = inner
    self.pages = pages
    self.keyOffset = keyOffset
    self.valueOffset = valueOffset
    self.headDim = headDim
    self.keys = keys
    self.width = width
    self.out = out
    self.weights = weights
  }
}
