import AttendBase
import AttendDecoding
import AttendDispatch
import AttendTestSupport

/// A model whose logits follow by arithmetic from the tokens that a row has read, and its source: however the tokens
/// are cut into steps, and whatever else is in the batch.
final class FakeModel: StepModel {
  enum Manner {
    /// Anything may follow anything.
    case wild
    /// Most probably follows what followed the last token before, in the source or the row.
    case copying
  }

  let engine = try! Engine(kernels: nil, threads: 2)
  let vocabulary: Int
  let readsSources: Bool
  let manner: Manner
  var positions: Int?
  let longestRereading = Int.max
  private(set) var stepStates: Matrix?
  var stepBlocks: RowBlocks? { nil }
  private var rows: [[Int32]] = []
  private var sources: [[Int32]] = []
  private var logits: AlignedBuffer?
  /// Steps that succeeded, and the tokens of each.
  private(set) var steps: [Int] = []
  /// Calls of `step`, `add` and `select` so far, and what one of them is to fail with.
  private(set) var calls = 0
  var failure: (_ call: Int) -> Failure? = { _ in nil }
  /// Runs in every step.
  var onStep: () -> Void = {}

  init(vocabulary: Int = 40, readsSources: Bool = false, _ manner: Manner = .wild) {
    (self.vocabulary, self.readsSources, self.manner) = (vocabulary, readsSources, manner)
  }

  var count: Int { rows.count }
  func length(_ row: Int) -> Int { rows[row].count }
  func cacheBytes(tokens: Int) -> Int { tokens * 100 }
  func summarizeLogits(_ isOn: Bool) {}
  func sourceBytes(tokens: Int) -> Int { readsSources ? tokens * 100 : 0 }
  /// Bytes of the rows, which share pages of 32 tokens that begin alike.
  var bytes: Int {
    var pages: Set<[Int32]> = []
    var bytes = 0
    for (row, source) in zip(rows, sources) {
      for first in stride(from: 0, to: row.count, by: 32) {
        let end = min(first + 32, row.count)
        if pages.insert([end == row.count ? Int32(pages.count) : -1] + source + row[..<end]).inserted {
          bytes += cacheBytes(tokens: end - first)
        }
      }
    }
    return bytes
  }
  /// Whether a row has read a token, or is about to.
  func holds(_ token: Int32) -> Bool { rows.contains { $0.contains(token) } || coming.contains(token) }
  private var coming: [Int32] = []
  var isStepping: Bool { !coming.isEmpty }
  func remember(row: Int, prompt: UnsafeBufferPointer<Int32>) {}

  private func mayFail() throws(Failure) {
    calls += 1
    if let failure = failure(calls) { throw failure }
  }

  private func lists(_ tokens: RaggedTokens) -> [[Int32]] {
    var first = 0
    return (0..<tokens.count).map { row in
      defer { first += tokens.lengths[row] }
      return Array(UnsafeBufferPointer(start: tokens.tokens + first, count: tokens.lengths[row]))
    }
  }

  func known(of prompt: UnsafeBufferPointer<Int32>) -> Int { 0 }

  func add(prompts: RaggedTokens, known: UnsafeMutablePointer<Int>) throws(Failure) {
    try mayFail()
    known.update(repeating: 0, count: prompts.count)
    rows += Array(repeating: [], count: prompts.count)
    sources += Array(repeating: [], count: prompts.count)
  }

  func add(sources new: RaggedTokens) throws(Failure) {
    try mayFail()
    rows += Array(repeating: [], count: new.count)
    sources += lists(new)
  }

  func step(_ tokens: RaggedTokens, tails: UnsafeBufferPointer<Int>) throws(Failure) -> Matrix? {
    onStep()
    coming = lists(tokens).flatMap { $0 }
    defer { coming = [] }
    try mayFail()
    precondition(tokens.count == rows.count && tails.count == rows.count)
    let count = tails.reduce(0, +)
    let memory = try AlignedBuffer(max(count, 1) * vocabulary, of: Float.self, for: "a test")
    var place = memory.pointer(to: Float.self)
    for (row, new) in lists(tokens).enumerated() {
      for (index, token) in new.enumerated() {
        precondition(token >= 0 && Int(token) < vocabulary)
        rows[row].append(token)
        guard index >= new.count - tails[row] else { continue }
        write(rows[row], sources[row], place)
        place += vocabulary
      }
    }
    steps.append((0..<tokens.count).reduce(0) { $0 + tokens.lengths[$1] })
    logits = memory
    stepStates = Matrix(memory.pointer(), rows: steps.last!, columns: 0)
    return Matrix(memory.pointer(), rows: count, columns: vocabulary)
  }

  private func write(_ tokens: [Int32], _ source: [Int32], _ logits: UnsafeMutablePointer<Float>) {
    var seed = UInt64(source.count)
    for token in (source + [-1] + tokens).suffix(4) { seed = seed &* 1_000_003 &+ UInt64(bitPattern: Int64(token)) }
    var random = SplitMix(seed: seed)
    for (token, value) in random.floats(vocabulary).enumerated() { logits[token] = 2 * value }
    guard manner == .copying else { return }
    let text = source + tokens
    for place in (0..<text.count - 1).reversed() where text[place] == tokens.last {
      logits[Int(text[place + 1])] += 8
      return
    }
  }

  func select(_ parents: UnsafeBufferPointer<Int>) throws(Failure) {
    if !parents.isEmpty { try mayFail() }
    (rows, sources) = (parents.map { rows[$0] }, parents.map { sources[$0] })
  }

  func recordSourceAttention(_ isOn: Bool) {}

  func sourceAttention(row: Int) -> UnsafeBufferPointer<Float> { UnsafeBufferPointer(start: nil, count: 0) }

  func truncate(_ row: Int, to length: Int) throws(Failure) {
    precondition(length <= rows[row].count)
    rows[row].removeSubrange(length...)
  }
}

func tokenList(_ ids: [Int32]) throws -> TokenList { try ids.withUnsafeBufferPointer { try TokenList($0) } }

/// What a search found, bit by bit.
struct Answer: Equatable {
  let tokens: [Int32]
  let logProbabilities: [UInt32]
  let score: UInt64?
  let reason: FinishReason

  init(_ hypothesis: Hypothesis) {
    tokens = Array(hypothesis.tokens.elements)
    logProbabilities = hypothesis.logProbabilities.elements.map(\.bitPattern)
    (score, reason) = (hypothesis.score?.bitPattern, hypothesis.reason)
  }
}

/// Runs requests in one batch, where drafts cost `price`, or what they do.
func decode(_ contexts: [SearchContext], _ model: any StepModel, price: DraftPrice? = nil) throws -> [[Answer]] {
  let loop = try DecodingLoop(model)
  loop.fixedPrice = price
  let jobs = try contexts.enumerated().map { index, context in
    DecodingJob(number: index, context: context, search: try context.makeSearch())
  }
  try loop.add(jobs)
  while !loop.jobs.isEmpty { for job in try loop.step() { if let failure = job.failure { throw failure } } }
  return try jobs.map { try $0.search.hypotheses().map(Answer.init) }
}
