import AttendBase
import AttendDispatch

/// Decides which experts a token uses and how much of each: those with the largest of the products with the token, the
/// lower number first where two are equal.
package struct Router: Sendable {
  /// Factors on the outputs of the experts.
  package enum Weights: Sendable {
    /// The softmax over the products of the chosen experts: the weights of a token add up to 1.
    case softmaxOverTopK
    /// The softmax over those of all experts.
    case softmaxOverAll
  }

  /// `[experts, width]`
  package let linear: Linear
  /// The number of experts of a token; at most as many as there are.
  package let topK: Int
  package let weights: Weights

  package init(linear: Linear, topK: Int, weights: Weights) {
    self.linear = linear
    self.topK = topK
    self.weights = weights
  }

  /// The tokens of one expert in ascending order, and its weight for each.
  struct Group {
    let tokens: UnsafePointer<Int32>
    let weights: UnsafePointer<Float>
    let count: Int
  }

  /// The groups of all experts, in scratch memory.
  struct Groups {
    fileprivate let tokens: UnsafeMutablePointer<Int32>  // [tokens * chosen], expert after expert
    fileprivate let weights: UnsafeMutablePointer<Float>
    fileprivate let ends: UnsafeMutablePointer<Int>  // [experts]

    subscript(expert: Int) -> Group {
      let start = expert == 0 ? 0 : ends[expert - 1]
      return Group(tokens: tokens + start, weights: weights + start, count: ends[expert] - start)
    }
  }

  /// The users of each expert, for tokens x, `[tokens, width]`.
  func groups(_ x: Matrix, experts: Int, _ pass: Pass) throws(Failure) -> Groups {
    let workspace = pass.workspace
    let entries = x.rows * topK
    let groups = Groups(
      tokens: try workspace.take(entries, of: Int32.self), weights: try workspace.take(entries, of: Float.self),
      ends: try workspace.take(experts, of: Int.self))
    try pass.scoped { () throws(Failure) in
      let choices = try workspace.take(entries, of: Int32.self)  // [tokens, chosen]
      let shares = try workspace.matrix(x.rows, topK)
      try choose(x, choices, shares, pass)
      sort(choices, shares, into: groups, experts: experts)
    }
    return groups
  }

  /// The experts of each token, `[tokens, chosen]`, and their weights.
  private func choose(
    _ x: Matrix, _ choices: UnsafeMutablePointer<Int32>, _ shares: Matrix, _ pass: Pass
  ) throws(Failure) {
    let products = try pass.workspace.matrix(x.rows, linear.outputs)
    try linear.apply(x, into: products, pass)
    for row in 0..<x.rows {
      pass.engine.topK(
        products[row], count: products.columns, k: topK, values: shares[row], indices: choices + row * topK)
    }
    switch weights {
    case .softmaxOverTopK: pass.engine.softmax(shares)
    case .softmaxOverAll:
      pass.engine.softmax(products)
      for row in 0..<x.rows {
        for place in 0..<topK { shares[row][place] = products[row][Int(choices[row * topK + place])] }
      }
    }
  }

  /// A counting sort by expert, which leaves the tokens of each in their order.
  private func sort(_ choices: UnsafePointer<Int32>, _ shares: Matrix, into groups: Groups, experts: Int) {
    let ends = groups.ends
    ends.update(repeating: 0, count: experts)
    for entry in 0..<shares.rows * topK { ends[Int(choices[entry])] += 1 }
    var start = 0
    for expert in 0..<experts { (ends[expert], start) = (start, start + ends[expert]) }
    // What begins as the start of a group is its end when all are in their places.
    for row in 0..<shares.rows {
      for place in 0..<topK {
        let expert = Int(choices[row * topK + place])
        groups.tokens[ends[expert]] = Int32(truncatingIfNeeded: row)
        groups.weights[ends[expert]] = shares[row][place]
        ends[expert] += 1
      }
    }
  }
}
