import AttendBase
import AttendDecoding
import AttendDispatch
import AttendLayers
import AttendModels

extension Session {
  /// Numbers that a tile of logits holds at most, where it has more rows than `leastRows`: the logits of all places of
  /// a text may be larger than the model.
  private static let tileNumbers = 1 << 22
  /// Rows of a tile that are worth reading the weights of a head for.
  private static let leastRows = 32

  /// Scores the tokens that the hidden states of the last decode tell of, tile by tile.
  func score(_ targets: UnsafeBufferPointer<ScorePass.Target>, in scores: Scores) throws(Failure) {
    let head = try nextTokenHead()
    let most = max(Session.leastRows, Session.tileNumbers / max(head.outputs, 1))
    var first = 0
    while first < targets.count {
      var (limit, rows) = (first, 0)
      while limit < targets.count {
        if limit == first || targets[limit].row != targets[limit - 1].row {
          if rows == most { break }
          rows += 1
        }
        limit += 1
      }
      try score(UnsafeBufferPointer(rebasing: targets[first..<limit]), rows: rows, head, in: scores)
      first = limit
    }
  }

  /// Scores targets that `rows` different hidden states tell of.
  private func score(
    _ targets: UnsafeBufferPointer<ScorePass.Target>, rows: Int, _ head: Head, in scores: Scores
  ) throws(Failure) {
    guard let states = hiddenStates else { throw Failure(.internalError, "a decoder without hidden states") }
    try pass.workspace.reset()
    let x = try pass.workspace.matrix(rows, states.columns)
    let starts = try pass.workspace.take(rows + 1, of: Int.self)
    var row = 0
    for (index, target) in targets.enumerated() where index == 0 || target.row != targets[index - 1].row {
      x[row].update(from: states[target.row], count: states.columns)
      starts[row] = index
      row += 1
    }
    starts[rows] = targets.count
    let y = try pass.workspace.matrix(rows, head.outputs)
    try head.apply(x, into: y, pass)
    try pass.checkCancellation()
    let parts = rows * head.outputs < Session.leastShare ? 1 : min(engine.threads, rows)
    let work = try ScoreWork(engine, y, targets, starts: starts, parts: parts, scores, pass.workspace)
    engine.share(work, parts: parts)
    for target in targets { scores.finish(target.text) }
  }

  /// Logits for which other threads are woken.
  private static let leastShare = 1 << 14
}

/// Rows of logits from which threads take what is scored.
private final class ScoreWork: SharedWork {
  private let engine: Engine
  private let logits: Matrix
  private let targets: UnsafeBufferPointer<ScorePass.Target>
  private let starts: UnsafePointer<Int>  // [rows + 1] the first target of each row
  private let parts: Int
  private let scores: Scores
  private let values: Matrix  // [parts, alternatives]
  private let indices: UnsafeMutablePointer<Int32>  // [parts, alternatives]
  private let alternatives: UnsafeMutablePointer<TokenAlternative>  // [parts, alternatives]

  init(
    _ engine: Engine, _ logits: Matrix, _ targets: UnsafeBufferPointer<ScorePass.Target>, starts: UnsafePointer<Int>,
    parts: Int, _ scores: Scores, _ workspace: Workspace
  ) throws(Failure) {
    (self.engine, self.logits, self.targets, self.starts) = (engine, logits, targets, starts)
    (self.parts, self.scores) = (parts, scores)
    let width = scores.alternativesPerToken
    values = try workspace.matrix(parts, width)
    indices = try workspace.take(parts * width)
    alternatives = try workspace.take(parts * width)
  }

  func run(_ part: Int) {
    let width = scores.alternativesPerToken
    let (values, indices) = (values[part], indices + part * width)
    let others = UnsafeMutableBufferPointer(start: alternatives + part * width, count: width)
    for row in logits.rows * part / parts..<logits.rows * (part + 1) / parts {
      let x = logits[row]
      var largest: Float = 0
      let logarithm = engine.logSumOfExponentials(x, count: logits.columns, largest: &largest)
      if width > 0 {
        engine.topK(x, count: logits.columns, k: width, values: values, indices: indices)
        for place in 0..<width {
          others[place] = TokenAlternative(token: indices[place], logProbability: values[place] - largest - logarithm)
        }
      }
      for target in targets[starts[row]..<starts[row + 1]] {
        let value = x[Int(target.token)]
        scores.keep(
          target.place, logProbability: value - largest - logarithm, isBest: value == largest,
          UnsafeBufferPointer(others))
      }
    }
  }
}
