import AttendBase
import AttendDecoding
import AttendDispatch
import AttendGrammars

/// A model without layers: what follows a text is drawn from a hash of the source and of all that was read. Rows of
/// equal texts have equal logits, wherever they are in a batch and however they came to be.
final class FakeModel: StepModel {
  let engine: Engine
  let vocabulary: Int
  let readsSources: Bool
  let positions: Int? = nil
  let longestRereading = Int.max
  private(set) var count = 0
  private(set) var stepStates: Matrix?
  private(set) var stepBlocks: RowBlocks?
  /// Whether blocks are summed up where a search wants them.
  var givesBlocks = true
  private var summarizesLogits = false
  /// What the logits of some tokens are, whatever was read.
  var fixedLogits: [Int32: Float] = [:]
  /// Steps until one fails; nil: none does.
  var stepsToFailure: Int?

  private static let rows = 512, capacity = 256, width = 8
  private var lengths: [Int]
  private var hashes: [UInt64]  // [rows, capacity + 1] after as many tokens
  private var spare: [UInt64]
  private var spareLengths: [Int]
  private let logits: AlignedBuffer
  private let states: AlignedBuffer
  private let blocks: AlignedBuffer

  init(vocabulary: Int, readsSources: Bool = false, threads: Int = 1, kernels: String? = nil) throws {
    engine = try Engine(kernels: kernels, threads: threads)
    (self.vocabulary, self.readsSources) = (vocabulary, readsSources)
    let cells = FakeModel.rows * (FakeModel.capacity + 1)
    lengths = Array(repeating: 0, count: FakeModel.rows)
    spareLengths = lengths
    hashes = Array(repeating: 0, count: cells)
    spare = hashes
    logits = try AlignedBuffer(FakeModel.rows * vocabulary, of: Float.self, for: "a test")
    blocks = try AlignedBuffer(
      RowBlocks.numbers(rows: FakeModel.rows, columns: vocabulary)!, of: Float.self, for: "a test")
    states = try AlignedBuffer(FakeModel.rows * 4 * FakeModel.width, of: Float.self, for: "a test")
  }

  private static func mix(_ hash: UInt64, _ number: UInt64) -> UInt64 {
    var x = (hash ^ number) &* 0x9e37_79b9_7f4a_7c15
    x ^= x >> 29
    x = x &* 0xbf58_476d_1ce4_e5b9
    return x ^ x >> 32
  }

  /// From -4 to 4.
  private static func number(_ hash: UInt64) -> Float { Float(hash >> 40) / Float(1 << 21) - 4 }

  private func place(_ row: Int, _ length: Int) -> Int { row * (FakeModel.capacity + 1) + length }

  private func add(_ seeds: RaggedTokens, isSource: Bool) {
    var first = 0
    for index in 0..<seeds.count {
      var hash: UInt64 = 1
      for token in 0..<(isSource ? seeds.lengths[index] : 0) {
        hash = FakeModel.mix(hash, UInt64(seeds.tokens[first + token]) + 1000)
      }
      first += seeds.lengths[index]
      lengths[count] = 0
      hashes[place(count, 0)] = hash
      count += 1
    }
  }

  func known(of prompt: UnsafeBufferPointer<Int32>) -> Int { 0 }

  func add(prompts: RaggedTokens, known: UnsafeMutablePointer<Int>) throws(Failure) {
    add(prompts, isSource: false)
    known.update(repeating: 0, count: prompts.count)
  }

  func add(sources: RaggedTokens) throws(Failure) { add(sources, isSource: true) }

  func cacheBytes(tokens: Int) -> Int { tokens }
  func sourceBytes(tokens: Int) -> Int { tokens }
  func remember(row: Int, prompt: UnsafeBufferPointer<Int32>) {}

  func step(_ tokens: RaggedTokens, tails: UnsafeBufferPointer<Int>) throws(Failure) -> Matrix? {
    precondition(tokens.count == count)
    if let left = stepsToFailure {
      stepsToFailure = left - 1
      guard left > 0 else { throw Failure(.outOfMemory, "no memory for a test") }
    }
    var (first, written) = (0, 0)
    for row in 0..<count {
      for token in 0..<tokens.lengths[row] {
        let length = lengths[row]
        let hash = FakeModel.mix(hashes[place(row, length)], UInt64(tokens.tokens[first]))
        hashes[place(row, length + 1)] = hash
        lengths[row] += 1
        let state: UnsafeMutablePointer<Float> = states.pointer() + first * FakeModel.width
        for column in 0..<FakeModel.width { state[column] = FakeModel.number(FakeModel.mix(hash, UInt64(column))) }
        first += 1
        guard token >= tokens.lengths[row] - tails[row] else { continue }
        write(hash, to: logits.pointer() + written * vocabulary)
        written += 1
      }
    }
    stepStates = Matrix(states.pointer(), rows: first, columns: FakeModel.width)
    let result = Matrix(logits.pointer(), rows: written, columns: vocabulary)
    stepBlocks =
      summarizesLogits && givesBlocks ? RowBlocks(blocks.pointer(), rows: written, columns: vocabulary) : nil
    if let stepBlocks { engine.summarize(result, into: stepBlocks) }
    return result
  }

  func summarizeLogits(_ isOn: Bool) { summarizesLogits = isOn }

  private func write(_ hash: UInt64, to row: UnsafeMutablePointer<Float>) {
    for token in 0..<vocabulary { row[token] = FakeModel.number(FakeModel.mix(hash, UInt64(token) << 20)) }
    for (token, value) in fixedLogits { row[Int(token)] = value }
  }

  func select(_ parents: UnsafeBufferPointer<Int>) throws(Failure) {
    for (row, parent) in parents.enumerated() {
      spareLengths[row] = lengths[parent]
      for length in 0...lengths[parent] { spare[place(row, length)] = hashes[place(parent, length)] }
    }
    swap(&spare, &hashes)
    swap(&spareLengths, &lengths)
    count = parents.count
  }

  func length(_ row: Int) -> Int { lengths[row] }
  func truncate(_ row: Int, to length: Int) throws(Failure) { lengths[row] = length }

  func recordSourceAttention(_ isOn: Bool) {}
  func sourceAttention(row: Int) throws(Failure) -> UnsafeBufferPointer<Float> {
    throw Failure(.unsupported, "a test has no attention")
  }
}

/// What a request is, for tests of searches.
struct Request {
  var options = SearchOptions()
  var prompt: [Int32] = [1, 2, 3]
  var source: [Int32]?
  var stopStrings: StopStrings?
  var grammar: CompiledGrammar?

  func job(_ number: Int, _ model: FakeModel) throws -> DecodingJob {
    let source = try source.map { try list($0) }
    let context = try SearchContext(
      options, prompt: try list(prompt), source: source, model: model, stopStrings: stopStrings,
      grammar: grammar)
    return DecodingJob(number: number, context: context, search: try context.makeSearch())
  }

  private func list(_ ids: [Int32]) throws -> TokenList { try ids.withUnsafeBufferPointer { try TokenList($0) } }
}

/// A hypothesis, to be compared.
struct Found: Equatable {
  let tokens: [Int32]
  let logProbabilities: [UInt32]  // bits, for NaN is itself
  let score: Double?
  let reason: FinishReason

  init(_ hypothesis: Hypothesis) {
    tokens = Array(hypothesis.tokens.elements)
    logProbabilities = hypothesis.logProbabilities.elements.map(\.bitPattern)
    (score, reason) = (hypothesis.score, hypothesis.reason)
  }
}

extension DecodingLoop {
  /// Runs to the end. Throws what a request failed of.
  func finish() throws {
    while !jobs.isEmpty { for job in try step() { if let failure = job.failure { throw failure } } }
  }
}

/// What is found for a request that is alone.
func found(_ request: Request, _ model: FakeModel) throws -> [Found] {
  let job = try request.job(0, model)
  let loop = try DecodingLoop(model)
  try loop.add([job])
  try loop.finish()
  return try job.search.hypotheses().map(Found.init)
}
