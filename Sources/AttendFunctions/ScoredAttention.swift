// The attention of recurrent networks: Bahdanau et al. 2014, arXiv:1409.0473, and Luong et al. 2015, arXiv:1508.04025.
import AttendBase
import AttendDispatch
import AttendKernelInterface

/// How queries and keys are compared, and which keys a query looks at.
package struct ScoredAttentionFunction {
  /// The equations (8) of Luong et al. and that of Bahdanau et al., appendix A.1.2.
  package enum Score {
    case dot
    case general
    case concat
    case additive
  }

  /// Luong et al., section 3.2.
  package enum Locality {
    case global
    case monotonic
    case predictive
  }

  package var score: Score
  package var locality: Locality
  /// Of general scores `[queryWidth, keyWidth]`, concat `[units, queryWidth + keyWidth]`, additive `[units,
  /// queryWidth]`.
  package var weight: ArrayView?
  /// Of additive scores, `[units, keyWidth]` and `[units]`.
  package var keyWeight, bias: ArrayView?
  /// Of concat and additive scores, `[units]`.
  package var vector: ArrayView?
  package var halfWindow = 0
  /// Position of the first query, for monotonic locality.
  package var queryPosition = 0
  /// Of predictive locality, `[units, queryWidth]` and `[units]`.
  package var placeWeight, placeVector: ArrayView?
  package var mask, keyLengths: ArrayView?
  /// `[..., queries, keys]`, an output.
  package var weights: ArrayView?

  package init(score: Score, locality: Locality) {
    self.score = score
    self.locality = locality
  }
}

extension FunctionContext {
  /// Attention without a factor on its scores: query `[..., queries, queryWidth]`, key `[..., keys, keyWidth]`, value
  /// `[..., keys, valueWidth]`, output `[..., queries, valueWidth]`.
  package func attendScored(
    _ q: ArrayView, _ k: ArrayView, _ v: ArrayView, _ options: ScoredAttentionFunction, into target: ArrayView
  ) throws(Failure) {
    try q.require(rank: 2)
    guard k.rank == q.rank, (0..<q.rank - 2).allSatisfy({ q.shape[$0] == k.shape[$0] }) else {
      throw Failure(.invalidArgument, "\(q.described) and \(k.described): dimensions before the last two must be equal")
    }
    guard v.rank == k.rank, (0..<k.rank - 1).allSatisfy({ k.shape[$0] == v.shape[$0] }) else {
      throw Failure(.invalidArgument, "\(k.described) and \(v.described): all dimensions but the last must be equal")
    }
    try target.require(q.rank - 1, of: q, then: v.size(1))
    try options.weights?.require(q.rank - 1, of: q, then: k.size(2))
    guard options.locality == .global || options.halfWindow > 0, (0..<1 << 28).contains(options.halfWindow),
      (-(1 << 28)..<1 << 28).contains(options.queryPosition)
    else {
      throw Failure(
        .invalidArgument,
        "options.half_window is \(options.halfWindow) and options.query_position "
          + "\(options.queryPosition); local attention needs a window from 1 to \(1 << 28 - 1)")
    }
    let call = try ScoredCall(self, q, k, v, options)
    let inputs = [q, k, v, options.mask]
    let output = try output(target, beside: inputs)
    let weights = try options.weights.map { (view) throws(Failure) in try self.output(view, beside: inputs + [target]) }
    for sequence in 0..<q.leading(2) {
      try scoped { () throws(Failure) in
        let alignment = try call.alignment(sequence)
        if let weights { copy(alignment, to: weights.numbers.part(sequence, keeping: 2)) }
        try call.mix(alignment, sequence, into: output.numbers.part(sequence, keeping: 2))
      }
    }
    finish(output)
    if let weights { finish(weights) }
  }

  private func copy(_ rows: Matrix, to view: ArrayView) {
    for row in 0..<rows.rows { (view.floats + row * view.step(2)).update(from: rows[row], count: rows.columns) }
  }
}

/// One call, with weights that are packed once for all sequences.
private struct ScoredCall {
  let context: FunctionContext
  let options: ScoredAttentionFunction
  let q, k, v: ArrayView
  let lengths: UnsafeMutablePointer<Int32>?
  let given: GivenTerms
  /// To what keys are compared with: of general scores the keys' width, otherwise units. nil: dot scores.
  let queryWeight: PackedMatrix?
  let keyWeight: PackedMatrix?
  let bias: UnsafePointer<Float>?
  let vector: PackedMatrix?
  let place: (weight: PackedMatrix, vector: PackedMatrix)?

  init(
    _ context: FunctionContext, _ q: ArrayView, _ k: ArrayView, _ v: ArrayView, _ options: ScoredAttentionFunction
  ) throws(Failure) {
    self.context = context
    self.options = options
    (self.q, self.k, self.v) = (q, k, v)
    let sequences = q.leading(2), keys = k.size(2)
    if let view = options.keyLengths {
      guard view.count == sequences else {
        throw Failure(.invalidArgument, "\(view.described); one number for each of \(sequences) sequences is needed")
      }
      lengths = try context.integers(view, in: 0..<keys + 1, "there are \(keys) keys")
    } else {
      lengths = nil
    }
    given = try GivenTerms(context, options.mask, scoresOf: q, keys: keys)
    let (queryWidth, keyWidth) = (q.size(1), k.size(1))
    func needed(_ view: ArrayView?, _ name: String) throws(Failure) -> ArrayView {
      guard let view else { throw Failure(.invalidArgument, "options.\(name) is NULL") }
      return view
    }
    /// A vector `[units]` as a matrix of one output.
    func row(_ view: ArrayView, _ units: Int, _ reason: String) throws(Failure) -> PackedMatrix {
      let numbers = try context.vector(view, size: units, for: reason)
      return try context.packed(ArrayView(view.name, UnsafeMutablePointer(mutating: numbers!), 1, units))
    }
    let reason = "attention of \(q.described) to \(k.described)"
    switch options.score {
    case .dot:
      guard queryWidth == keyWidth else {
        throw Failure(.invalidArgument, "\(q.described) and \(k.described): the last dimensions must be equal")
      }
      (queryWeight, keyWeight, bias, vector) = (nil, nil, nil, nil)
    case .general:
      let weight = try needed(options.weight, "weight")
      try weight.require(queryWidth, keyWidth, for: reason)
      (queryWeight, keyWeight, bias, vector) = (try context.packed(weight.transposed), nil, nil, nil)
    case .concat, .additive:
      let weight = try needed(options.weight, "weight")
      let vectorView = try needed(options.vector, "vector"), units = vectorView.count
      if options.score == .concat {
        try weight.require(units, queryWidth + keyWidth, for: reason)
        queryWeight = try context.packed(weight.slice(1, from: 0, queryWidth))
        keyWeight = try context.packed(weight.slice(1, from: queryWidth, keyWidth))
        bias = nil
      } else {
        let other = try needed(options.keyWeight, "key_weight")
        try weight.require(units, queryWidth, for: reason)
        try other.require(units, keyWidth, for: reason)
        (queryWeight, keyWeight) = (try context.packed(weight), try context.packed(other))
        bias = try context.vector(options.bias, size: units, for: reason)
      }
      vector = try row(vectorView, units, reason)
    }
    if options.locality == .predictive {
      let weight = try needed(options.placeWeight, "place_weight")
      let view = try needed(options.placeVector, "place_vector")
      try weight.require(view.count, queryWidth, for: reason)
      place = (try context.packed(weight), try row(view, view.count, reason))
    } else {
      place = nil
    }
  }

  private func keys(_ sequence: Int) -> Int { lengths.map { Int($0[sequence]) } ?? k.size(2) }

  /// The probabilities of a sequence, `[queries, keys]`: softmax over the keys that a query sees.
  func alignment(_ sequence: Int) throws(Failure) -> Matrix {
    let workspace = context.workspace, keys = keys(sequence)
    let queries = try context.matrix(q.part(sequence, keeping: 2))
    let alignment = try workspace.matrix(queries.rows, k.size(2))
    for row in 0..<alignment.rows { alignment[row].update(repeating: 0, count: alignment.columns) }
    guard keys > 0, queries.rows > 0 else { return alignment }
    let seen = alignment.columns(0, keys)
    try score(queries, try context.matrix(k.part(sequence, keeping: 2)).rows(0, keys), into: seen)
    let places = try places(queries, keys: keys)
    for row in 0..<seen.rows {
      given.apply(to: seen[row], sequence: sequence, row: row, count: keys)
      if let places { hide(seen[row], keys, around: places[row]) }
    }
    context.engine.softmax(seen)
    if let places, options.locality == .predictive {
      try workspaceScoped { (memory) in
        for row in 0..<seen.rows { weigh(seen[row], keys, around: places[row], memory) }
      }
    }
    return alignment
  }

  private func workspaceScoped(_ body: (UnsafeMutablePointer<Float>) -> Void) throws(Failure) {
    body(try context.workspace.take(k.size(2), of: Float.self))
  }

  /// Scores of all queries with all keys.
  private func score(_ queries: Matrix, _ keys: Matrix, into scores: Matrix) throws(Failure) {
    let workspace = context.workspace
    guard let queryWeight else { return try multiply(queries, keys, into: scores) }
    let projected = try workspace.matrix(queries.rows, queryWeight.outputs)
    try context.multiply(queries, queryWeight, bias: bias, into: projected)
    guard let keyWeight, let vector else { return try multiply(projected, keys, into: scores) }
    let units = keyWeight.outputs
    let projectedKeys = try workspace.matrix(keys.rows, units)
    try context.multiply(keys, keyWeight, into: projectedKeys)
    let sums = try workspace.matrix(keys.rows, units)
    for query in 0..<queries.rows {
      context.engine.copy(projectedKeys, into: sums)
      context.engine.add(Matrix(projected[query], rows: keys.rows, columns: units, stride: 0), to: sums)
      context.engine.activate(sums, .tanh, into: sums)
      try context.multiply(sums, vector, into: Matrix(scores[query], rows: keys.rows, columns: 1, stride: 1))
    }
  }

  /// scores = q kᵀ.
  private func multiply(_ queries: Matrix, _ keys: Matrix, into scores: Matrix) throws(Failure) {
    let stored = StoredMatrix(
      base: keys.base, type: .float32, rows: keys.rows, columns: keys.columns, stride: keys.stride)
    let packed = try PackedMatrix([stored], compute: .float32, engine: context.engine)
    try context.multiply(queries, packed, into: scores)
  }

  /// The position that each query looks around; nil: there is none.
  private func places(_ queries: Matrix, keys: Int) throws(Failure) -> UnsafeMutablePointer<Float>? {
    let places = try context.workspace.take(queries.rows, of: Float.self)
    switch options.locality {
    case .global: return nil
    case .monotonic: for row in 0..<queries.rows { places[row] = Float(options.queryPosition + row) }
    case .predictive:
      guard let place else { return nil }
      let inner = try context.workspace.matrix(queries.rows, place.weight.outputs)
      let column = Matrix(places, rows: queries.rows, columns: 1)
      try context.multiply(queries, place.weight, activation: .tanh, into: inner)
      try context.multiply(inner, place.vector, activation: .sigmoid, into: column)
      for row in 0..<queries.rows { places[row] *= Float(keys) }
    }
    return places
  }

  /// Hides the keys outside of [place - D, place + D].
  private func hide(_ row: UnsafeMutablePointer<Float>, _ keys: Int, around place: Float) {
    let reach = Float(options.halfWindow)
    for key in 0..<keys where abs(Float(key) - place) > reach { row[key] = -.infinity }
  }

  /// Multiplies probabilities by exp(-(s - p)² / 2 σ²), σ = D / 2 (equation 10).
  private func weigh(
    _ row: UnsafeMutablePointer<Float>, _ keys: Int, around place: Float, _ memory: UnsafeMutablePointer<Float>
  ) {
    let deviation = Float(options.halfWindow) / 2
    for key in 0..<keys {
      let distance = (Float(key) - place) / deviation
      memory[key] = -0.5 * distance * distance
    }
    context.engine.kernels.evaluate(.exp, memory, memory, keys)
    for key in 0..<keys { row[key] *= memory[key] }
  }

  /// output = alignment · values.
  func mix(_ alignment: Matrix, _ sequence: Int, into target: ArrayView) throws(Failure) {
    let keys = keys(sequence)
    let to = Matrix(target.floats, rows: target.size(2), columns: target.size(1), stride: target.step(2))
    guard keys > 0 else {
      for row in 0..<to.rows { to[row].update(repeating: 0, count: to.columns) }
      return
    }
    let values = v.part(sequence, keeping: 2).slice(0, from: 0, keys)
    try context.multiply(alignment.columns(0, keys), try context.packed(values.transposed), into: to)
  }
}
