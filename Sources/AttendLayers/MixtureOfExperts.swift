import AttendBase
import AttendDispatch

/// Feed-forward networks of which each token uses the few that a router gives it, and adds up what they give (Shazeer
/// et al. 2017, arXiv:1701.06538; Jiang et al. 2024, arXiv:2401.04088, section 2.1).
package struct MixtureOfExperts: Sendable {
  package let router: Router
  package let experts: [FeedForwardNetwork]
  package let shared: SharedExpert?

  package init(router: Router, experts: [FeedForwardNetwork], shared: SharedExpert?) {
    self.router = router
    self.experts = experts
    self.shared = shared
  }

  /// `y = residual + Σ weight * expert(x)` over the experts of each token, or without a residual the sum alone; all
  /// `[tokens, width]`, residual may be y. A token's sum runs over its experts in ascending order, then the shared one:
  /// it does not depend on who else is there.
  package func apply(_ x: Matrix, residual: Matrix?, into y: Matrix, _ pass: Pass) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let sum = try pass.workspace.matrix(x.rows, x.columns)
      for row in 0..<sum.rows { sum[row].update(repeating: 0, count: sum.columns) }
      let groups = try router.groups(x, experts: experts.count, pass)
      try reserve(x.rows, width: x.columns, pass)
      for (index, expert) in experts.enumerated() where groups[index].count > 0 { expert.expect() }
      for (index, expert) in experts.enumerated() { try add(expert, of: x, groups[index], to: sum, pass) }
      try shared?.add(x, to: sum, pass)
      if let residual { pass.engine.add(residual, to: sum) }
      for row in 0..<y.rows { y[row].update(from: sum[row], count: y.columns) }
    }
  }

  /// Adds to the sums of a group of tokens what an expert gives for them.
  private func add(
    _ expert: FeedForwardNetwork, of x: Matrix, _ group: Router.Group, to sum: Matrix, _ pass: Pass
  ) throws(Failure) {
    guard group.count > 0 else { return }
    try pass.scoped { () throws(Failure) in
      let own = try pass.workspace.matrix(group.count, x.columns)
      let result = try pass.workspace.matrix(group.count, x.columns)
      pass.engine.gather(
        group.tokens, count: group.count,
        from: StoredMatrix(base: x.base, type: .float32, rows: x.rows, columns: x.columns, stride: x.stride), into: own)
      try expert.apply(own, residual: nil, into: result, pass)
      pass.engine.add(result, scales: group.weights, toRows: group.tokens, of: sum)
    }
  }

  /// Makes the scratch memory large enough for an expert that all tokens choose, so that no later step asks for more.
  private func reserve(_ tokens: Int, width: Int, _ pass: Pass) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let expertWidth = experts.first?.up.outputs ?? 0
      _ = try pass.workspace.take(pass.engine.productScratch(inputs: max(width, expertWidth)), of: Float.self)
      _ = try pass.workspace.matrix(tokens, 2 * width + expertWidth + max(width, expertWidth) + AlignedBuffer.alignment)
    }
  }
}

/// A network that every token uses, times the sigmoid of a product of the token's own (Qwen1.5-MoE; Yang et al. 2024,
/// arXiv:2407.10671).
package struct SharedExpert: Sendable {
  package let network: FeedForwardNetwork
  /// `[1, width]`
  package let gate: Linear

  package init(network: FeedForwardNetwork, gate: Linear) {
    self.network = network
    self.gate = gate
  }

  /// Adds to each sum, `[tokens, width]`, what it gives for that row of x.
  func add(_ x: Matrix, to sum: Matrix, _ pass: Pass) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      // The sigmoid of g is the first component of the softmax of (g, 0).
      let gates = try pass.workspace.matrix(x.rows, 2)
      gates.base.update(repeating: 0, count: 2 * x.rows)
      try gate.apply(x, into: gates.columns(0, 1), pass)
      pass.engine.softmax(gates)
      let result = try pass.workspace.matrix(x.rows, x.columns)
      try network.apply(x, residual: nil, into: result, pass)
      let rows = try pass.workspace.take(x.rows, of: Int32.self)
      let scales = try pass.workspace.take(x.rows, of: Float.self)
      for row in 0..<x.rows { (rows[row], scales[row]) = (Int32(truncatingIfNeeded: row), gates[row][0]) }
      pass.engine.add(result, scales: scales, toRows: rows, of: sum)
    }
  }
}
