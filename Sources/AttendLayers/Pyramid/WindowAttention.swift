import AttendBase
import AttendDispatch
import AttendKernelInterface

/// Attention within windows of a map (Liu et al. 2021, arXiv:2103.14030, section 3.2). A map that windows do not cover
/// is filled up with zeros, which are keys like others. Where windows are shifted, those at the edge hold states of
/// opposite edges, which do not see each other.
package struct WindowAttention: Sendable {
  package let heads: Int
  /// Rows and columns of a window.
  package let side: Int
  /// Rows and columns that the map is turned by before it is cut.
  package let shift: Int
  /// Of the scores.
  package let scale: Float
  /// Queries, keys and values in one product: `[3 width, width]`.
  package let input: Linear
  package let output: Linear
  /// Of each head of queries and of keys, before they meet.
  package let queryNorm: Norm?
  package let keyNorm: Norm?
  /// `[heads][side^2][PairBias.stride(of: side^2)]`; nil: scores know of no places.
  package let bias: AlignedBuffer?
  /// In which keys and values are kept.
  package let type: KeyValueType
  /// Whether maps smaller than a window are filled up like others, and turned; otherwise they are neither.
  package let fillsSmallMaps: Bool

  package init(
    heads: Int, side: Int, shift: Int, scale: Float, input: Linear, output: Linear, queryNorm: Norm? = nil,
    keyNorm: Norm? = nil, bias: AlignedBuffer?, type: KeyValueType, fillsSmallMaps: Bool
  ) {
    (self.heads, self.side, self.shift, self.scale) = (heads, side, shift, scale)
    (self.input, self.output, self.queryNorm, self.keyNorm) = (input, output, queryNorm, keyNorm)
    (self.bias, self.type, self.fillsSmallMaps) = (bias, type, fillsSmallMaps)
  }

  private var area: Int { side * side }
  /// Rows and columns that a map has at least.
  var leastSide: Int { fillsSmallMaps ? 1 : side }

  /// States whose products are held at a time: some windows.
  private static let statesAtOnce = 2048

  /// The windows of a map.
  private struct Windows {
    let grid: PatchGrid
    let rows: Int
    let columns: Int
    let shift: Int
    /// `[windows, heads, area, area]`, where maps are wanted.
    let weights: UnsafeMutablePointer<Float>?
  }

  /// The size of the attention maps of a picture.
  func part(of grid: PatchGrid) -> AttentionRecorder.Part {
    let (rows, columns) = ((grid.rows + side - 1) / side, (grid.columns + side - 1) / side)
    return AttentionRecorder.Part(windows: rows.saturatingMultiply(columns), heads: heads, tokens: area)
  }

  /// x, `[grid.count, width]`, gains the attention of it, with the norms around it. `weights`, where they are wanted,
  /// are the maps of windows, row by row.
  func add(
    to x: Matrix, _ grid: PatchGrid, _ norms: SublayerNorms, _ weights: UnsafeMutablePointer<Float>?, _ pass: Pass
  ) throws(Failure) {
    let windows = Windows(
      grid: grid, rows: (grid.rows + side - 1) / side, columns: (grid.columns + side - 1) / side,
      shift: fillsSmallMaps || min(grid.rows, grid.columns) > side ? shift : 0, weights: weights)
    guard windows.shift > 0 else {
      return try add(to: x, windows, 0..<windows.rows, 0..<windows.columns, bias?.pointer(), norms, pass)
    }
    for isLow in [false, true] {
      for isRight in [false, true] {
        try pass.scoped { () throws(Failure) in
          try add(
            to: x, windows, isLow ? windows.rows - 1..<windows.rows : 0..<windows.rows - 1,
            isRight ? windows.columns - 1..<windows.columns : 0..<windows.columns - 1,
            try masked(isLow: isLow, isRight: isRight, pass), norms, pass)
        }
      }
    }
  }

  /// Some windows, whose scores have the same bias.
  private func add(
    to x: Matrix, _ windows: Windows, _ rows: Range<Int>, _ columns: Range<Int>, _ bias: UnsafePointer<Float>?,
    _ norms: SublayerNorms, _ pass: Pass
  ) throws(Failure) {
    let count = rows.count * columns.count, most = max(1, WindowAttention.statesAtOnce / area)
    for first in stride(from: 0, to: count, by: most) {
      try pass.scoped { () throws(Failure) in
        let some = first..<min(first + most, count)
        let places = try pass.workspace.take(some.count * area, of: Int.self)
        for (index, window) in some.enumerated() {
          fill(
            places + index * area, windows, row: rows.lowerBound + window / columns.count,
            column: columns.lowerBound + window % columns.count)
        }
        let size = heads * area * area
        let weights = windows.weights == nil ? nil : try pass.workspace.take(some.count * size, of: Float.self)
        try attend(to: x, places, windows: some.count, bias, norms, weights, pass)
        if let target = windows.weights, let weights {
          for (index, window) in some.enumerated() {
            let row = rows.lowerBound + window / columns.count, column = columns.lowerBound + window % columns.count
            (target + (row * windows.columns + column) * size).update(from: weights + index * size, count: size)
          }
        }
      }
      try pass.checkCancellation()
    }
  }

  /// The rows of x that the states of a window are, -1 where there is none.
  private func fill(_ places: UnsafeMutablePointer<Int>, _ windows: Windows, row: Int, column: Int) {
    let (lines, width) = (windows.rows * side, windows.columns * side)
    for place in 0..<area {
      let line = (row * side + place / side + windows.shift) % lines
      let across = (column * side + place % side + windows.shift) % width
      let isInside = line < windows.grid.rows && across < windows.grid.columns
      places[place] = isInside ? line * windows.grid.columns + across : -1
    }
  }

  private func attend(
    to x: Matrix, _ places: UnsafeMutablePointer<Int>, windows: Int, _ bias: UnsafePointer<Float>?,
    _ norms: SublayerNorms, _ weights: UnsafeMutablePointer<Float>?, _ pass: Pass
  ) throws(Failure) {
    let states = try pass.workspace.matrix(windows * area, x.columns)
    for row in 0..<states.rows where places[row] >= 0 { states[row].update(from: x[places[row]], count: x.columns) }
    clearRest(states, places)
    if let norm = norms.pre {
      norm.apply(states, into: states, pass)
      clearRest(states, places)
    }
    let projected = try pass.workspace.matrix(states.rows, input.outputs)  // [states, queries | keys | values]
    try input.apply(states, into: projected, pass)
    let queries = projected.columns(0, x.columns), keys = projected.columns(x.columns, x.columns)
    queryNorm?.apply(queries, into: queries, pass)
    keyNorm?.apply(keys, into: keys, pass)
    let mixed = try pass.workspace.matrix(states.rows, x.columns)
    let (sequences, layout) = try pages(windows, headDim: x.columns / heads, pass)
    pass.engine.storeKeyValues(keys, projected.columns(2 * x.columns, x.columns), sequences, layout)
    var terms = AttentionBias()
    terms.pairs = bias.map { PairBias($0, positions: area) }
    try pass.engine.attention(
      queries, sequences, layout, AttentionMask(causal: false), bias: terms, into: mixed, weights: weights,
      workspace: pass.workspace)
    try output.apply(mixed, into: states, pass)
    norms.onOutput?.apply(states, into: states, pass)
    for row in 0..<states.rows where places[row] >= 0 {
      let (target, own) = (x[places[row]], states[row])
      for component in 0..<x.columns { target[component] += own[component] }
    }
  }

  /// Zeros where there are no states.
  private func clearRest(_ states: Matrix, _ places: UnsafeMutablePointer<Int>) {
    for row in 0..<states.rows where places[row] < 0 { states[row].update(repeating: 0, count: states.columns) }
  }

  /// Windows as sequences, with pages of their own in scratch memory.
  private func pages(
    _ windows: Int, headDim: Int, _ pass: Pass
  ) throws(Failure) -> (UnsafeBufferPointer<AttentionSequence>, AttentionHeads) {
    let units = KeyValuePage.headUnits(headDim, type), each = KeyValueLayout.pages(for: area)
    let pageUnits = 2 * heads * units, count = windows * each
    let memory = try pass.workspace.take(count * pageUnits, of: Float.self)
    // What a kernel reads beyond the last key is multiplied by 0.
    memory.update(repeating: 0, count: count * pageUnits)
    let pages = try pass.workspace.take(count, of: UnsafeMutableRawPointer.self)
    for page in 0..<count { (pages + page).initialize(to: UnsafeMutableRawPointer(memory + page * pageUnits)) }
    let sequences = try pass.workspace.take(windows, of: AttentionSequence.self)
    for window in 0..<windows {
      (sequences + window).initialize(
        to: AttentionSequence(row: window * area, count: area, position: 0, keys: area, pages: pages + window * each))
    }
    return (
      UnsafeBufferPointer(start: sequences, count: windows),
      AttentionHeads(
        heads: heads, keyValueHeads: heads, headDim: headDim, keyOffset: 0, valueOffset: heads * units,
        headStride: units, scale: scale, type: type)
    )
  }

  /// The bias of shifted windows, at the lower edge and at the right one: states from beyond the edge and the others do
  /// not see each other.
  private func masked(isLow: Bool, isRight: Bool, _ pass: Pass) throws(Failure) -> UnsafePointer<Float>? {
    guard isLow || isRight else { return bias.map { UnsafePointer($0.pointer(to: Float.self)) } }
    let stride = PairBias.stride(of: area)
    let terms = try pass.workspace.take(heads * area * stride, of: Float.self)
    if let bias {
      terms.update(from: bias.pointer(), count: heads * area * stride)
    } else {
      terms.update(repeating: 0, count: heads * area * stride)
    }
    func isBeyond(_ place: Int) -> Bool { place >= side - shift }
    for query in 0..<area {
      for key in 0..<area {
        let isHidden =
          isLow && isBeyond(query / side) != isBeyond(key / side)
          || isRight && isBeyond(query % side) != isBeyond(key % side)
        guard isHidden else { continue }
        for head in 0..<heads { terms[(head * area + query) * stride + key] += WindowAttention.hidden }
      }
    }
    return UnsafePointer(terms)
  }

  /// What scores of states that do not see each other gain, as in the reference.
  private static let hidden: Float = -100
}
