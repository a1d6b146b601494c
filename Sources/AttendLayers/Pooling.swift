import AttendBase
import AttendDispatch

/// One vector of the states of each sequence (Reimers and Gurevych 2019, arXiv:1908.10084, section 3; the weighted
/// mean: Muennighoff 2022, arXiv:2202.08904, section 3.1). Sums go from the first token to the last, so that a
/// sequence's vector depends on nothing but its states.
package struct Pooling: Sendable {
  package enum Mode: Sendable {
    case firstToken
    /// The token at this place; every sequence has as many.
    case token(Int)
    case lastToken
    /// The largest of each component.
    case maximum
    case mean
    /// The mean of the tokens from this place on; every sequence has one there.
    case meanFrom(Int)
    /// The mean of the tokens before this place; every sequence has as many.
    case meanTo(Int)
    /// The sum over the square root of the number of tokens.
    case meanOverRoot
    /// The mean in which the token at position p, counted from 1, weighs p.
    case weightedMean
    /// The mixture that a learned query asks for.
    case attention(AttentionPooling)
  }

  /// Their vectors stand one after another.
  package let modes: [Mode]
  /// Whether the tokens of a prompt before the text count.
  package let includesPrompt: Bool

  package init(_ modes: [Mode], includesPrompt: Bool = true) {
    self.modes = modes
    self.includesPrompt = includesPrompt
  }

  /// The width of what it gives for states of `width` numbers.
  package func outputs(width: Int) -> Int { modes.count * width }

  /// y, `[sequences, outputs]`, from the states of all sequences, `[tokens, width]`; sequence i has `lengths[i]` of
  /// them, more than `prompt`, the number of tokens of a prompt.
  package func apply(
    _ states: Matrix, lengths: SequenceLengths, prompt: Int = 0, into y: Matrix, _ pass: Pass
  ) throws(Failure) {
    let skipped = includesPrompt ? 0 : prompt
    var first = 0
    for sequence in 0..<lengths.count {
      let length = lengths[sequence]
      let own = states.rows(first + skipped, length - skipped)
      for (index, mode) in modes.enumerated() {
        try apply(
          mode, own, skipped: skipped, into: y.rows(sequence, 1).columns(index * states.columns, states.columns), pass)
      }
      first += length
    }
  }

  /// y, one row, from the states of one sequence without the `skipped` ones before them.
  private func apply(_ mode: Mode, _ states: Matrix, skipped: Int, into y: Matrix, _ pass: Pass) throws(Failure) {
    let count = states.rows
    switch mode {
    case .firstToken: y.base.update(from: states.base, count: states.columns)
    case .token(let place): y.base.update(from: states[place], count: states.columns)
    case .lastToken: y.base.update(from: states[count - 1], count: states.columns)
    case .maximum: maximum(states, into: y.base)
    case .mean: mean(states, into: y, pass)
    case .meanFrom(let first): mean(states.rows(first, count - first), into: y, pass)
    case .meanTo(let end): mean(states.rows(0, end), into: y, pass)
    case .attention(let pooling): try pooling.apply(states, into: y, pass)
    case .meanOverRoot:
      sum(states, into: y, pass)
      pass.engine.scale(y, by: 1 / Float(count).squareRoot())
    case .weightedMean:
      y.base.update(repeating: 0, count: y.columns)
      for row in 0..<count { pass.engine.add(states.rows(row, 1), to: y, scale: Float(skipped + row + 1)) }
      pass.engine.scale(y, by: 1 / (Float(count) * Float(2 * skipped + count + 1) / 2))
    }
  }

  private func mean(_ states: Matrix, into y: Matrix, _ pass: Pass) {
    sum(states, into: y, pass)
    pass.engine.scale(y, by: 1 / Float(states.rows))
  }

  private func sum(_ states: Matrix, into y: Matrix, _ pass: Pass) {
    y.base.update(repeating: 0, count: y.columns)
    for row in 0..<states.rows { pass.engine.add(states.rows(row, 1), to: y) }
  }

  private func maximum(_ states: Matrix, into y: UnsafeMutablePointer<Float>) {
    y.update(from: states.base, count: states.columns)
    for row in 1..<max(states.rows, 1) {
      let state = states[row]
      for column in 0..<states.columns where state[column] > y[column] || state[column].isNaN {
        y[column] = state[column]
      }
    }
  }
}
