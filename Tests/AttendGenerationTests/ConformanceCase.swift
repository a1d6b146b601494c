import AttendBase
import AttendCheckpoints
import AttendGeneration
import AttendModels
import AttendTestSupport
import Foundation

/// The repository's root.
let root = Repository.root

/// A tiny checkpoint with inputs and expected outputs, from Tests/Fixtures/conformance or, of heads and options that
/// are not there, from the folders beside it.
struct ConformanceCase {
  let name: String
  let path: String
  let expected: SafetensorsFile

  init(_ name: String) throws {
    self.name = name
    let folders = ["conformance", "heads", "options", "classifiers"].map {
      root.appendingPathComponent("Tests/Fixtures/\($0)/\(name)").path
    }
    path = folders.first { FileManager.default.fileExists(atPath: $0) } ?? folders[0]
    expected = try SafetensorsFile(path + "/expected.safetensors")
  }

  func floats(_ name: String) -> (shape: [Int], values: [Float]) {
    let tensor = expected[name]!
    return (Array(tensor.shape), Array(tensor.bytes.bindMemory(to: Float.self)))
  }

  func ids(_ name: String) -> (shape: [Int], values: [Int32]) {
    let tensor = expected[name]!
    return (Array(tensor.shape), Array(tensor.bytes.bindMemory(to: Int32.self)))
  }

  func has(_ name: String) -> Bool { expected[name] != nil }

  /// The sources without their padding, which may stand on either side.
  var sources: [[Int32]] { unpaddedIds("input_ids") }

  /// The token types that go with them.
  var types: [[Int32]]? { has("token_type_ids") ? unpaddedIds("token_type_ids") : nil }

  private func unpaddedIds(_ name: String) -> [[Int32]] {
    let (shape, ids) = ids(name)
    return (0..<shape[0]).map { row in
      (0..<shape[1]).filter { isToken(row * shape[1] + $0) }.map { ids[row * shape[1] + $0] }
    }
  }

  /// Whether a place of a [batch, length] tensor stands for a token, not for padding.
  private func isToken(_ place: Int) -> Bool { has("attention_mask") ? ids("attention_mask").values[place] != 0 : true }

  /// The rows of a [batch, length, width] or [batch, length] tensor that stand for tokens of the sources.
  func unpadded(_ name: String) -> [Float] {
    let (shape, values) = floats(name)
    let width = shape.count == 3 ? shape[2] : 1
    return (0..<shape[0] * shape[1]).filter(isToken).flatMap { values[$0 * width..<($0 + 1) * width] }
  }

  var targets: [[Int32]] {
    let (shape, ids) = ids("decoder_input_ids")
    return (0..<shape[0]).map { Array(ids[$0 * shape[1]..<($0 + 1) * shape[1]]) }
  }
}

extension ConformanceCase {
  /// What a session computes for the case, and what it must: of an encoder the states or, if it has a head, what that
  /// gives; of all others the logits of every position.
  func outputs(of session: Session) throws -> (found: [Float], expected: [Float]) {
    switch session.model.blueprint.kind {
    case .encoderDecoder:
      try session.encode(sources)
      return (try session.decode(targets), floats("logits").values)
    case .decoder: return (try promptLogits(session), floats("logits").values)
    case .encoder:
      try session.encode(sources, types: types)
      if has("last_hidden_state") { return (numbers(session.hiddenStates!), unpadded("last_hidden_state")) }
      let logits = numbers(try session.encodedLogits())
      if has("start_logits") {
        return (logits, zip(unpadded("start_logits"), unpadded("end_logits")).flatMap { [$0, $1] })
      }
      return (logits, floats("logits").shape.count == 2 ? floats("logits").values : unpadded("logits"))
    }
  }

  /// The logits of every position of equally long prompts: the first token is read as the prompt, the others in one
  /// call.
  private func promptLogits(_ session: Session) throws -> [Float] {
    try session.encode(sources.map { Array($0[..<1]) })
    let first = numbers(try session.encodedLogits())
    let others = try session.decode(sources.map { Array($0[1...]) })
    let (rows, width) = (others.count / sources.count, first.count / sources.count)
    return sources.indices.flatMap { first[$0 * width..<($0 + 1) * width] + others[$0 * rows..<($0 + 1) * rows] }
  }
}

/// The failure that `body` ends with; nil where it succeeds.
func refusal(_ body: () throws(Failure) -> Void) -> Failure? {
  do throws(Failure) { try body() } catch { return error }
  return nil
}

/// Sequences as a batch, for as long as `body` runs.
func withBatch<Result>(
  _ sequences: [[Int32]], types: [[Int32]]? = nil, allowsEmpty: Bool = false,
  _ body: (Batch) throws(Failure) -> Result
) throws(Failure) -> Result {
  let tokens = sequences.flatMap { $0 }
  let types = types?.flatMap { $0 } ?? []
  let lengths = sequences.map { $0.count }
  return try tokens.withUnsafeBufferPointer { (tokens) throws(Failure) in
    try lengths.withUnsafeBufferPointer { (lengths) throws(Failure) in
      try types.withUnsafeBufferPointer { (types) throws(Failure) in
        try body(
          try Batch(
            tokens: tokens.baseAddress!, lengths: lengths.baseAddress!, types: types.isEmpty ? nil : types.baseAddress,
            count: lengths.count, allowsEmpty: allowsEmpty))
      }
    }
  }
}

extension Session {
  /// `threads` 0: as the model.
  convenience init(model: Model, threads: Int, allowsBeyondPositions: Bool = false) throws(Failure) {
    var options = Options()
    options.threads = threads
    options.allowsBeyondPositions = allowsBeyondPositions
    try self.init(model: model, options: options)
  }

  func encode(_ sequences: [[Int32]], types: [[Int32]]? = nil) throws(Failure) {
    try withBatch(sequences, types: types) { (batch) throws(Failure) in try encode(batch) }
  }

  func add(_ sequences: [[Int32]]) throws(Failure) {
    try withBatch(sequences) { (batch) throws(Failure) in try add(batch) }
  }

  /// The logits of several tokens for each sequence, one after another.
  func decode(_ sequences: [[Int32]]) throws(Failure) -> [Float] {
    try withBatch(sequences) { (batch) throws(Failure) in numbers(try decode(batch, logits: .all)!) }
  }

  /// The logits of the last `tails[i]` tokens of each sequence, row by row.
  func decode(_ sequences: [[Int32]], tails: [Int]) throws(Failure) -> [[Float]] {
    try tails.withUnsafeBufferPointer { (tails) throws(Failure) in
      try withBatch(sequences, allowsEmpty: true) { (batch) throws(Failure) in
        let logits = try decode(batch, logits: .tails(tails))!
        return (0..<logits.rows).map { Array(UnsafeBufferPointer(start: logits[$0], count: logits.columns)) }
      }
    }
  }

  /// Several tokens for each sequence, without logits.
  func decodeStates(_ sequences: [[Int32]]) throws(Failure) {
    try withBatch(sequences) { (batch) throws(Failure) in _ = try decode(batch, logits: .none) }
  }

  /// The logits of one token for each sequence.
  func step(_ tokens: [Int32]) throws(Failure) -> [[Float]] {
    try tokens.withUnsafeBufferPointer { (tokens) throws(Failure) in
      let logits = try decode(try Batch(step: tokens.baseAddress!, count: tokens.count), logits: .all)!
      return (0..<logits.rows).map { Array(UnsafeBufferPointer(start: logits[$0], count: logits.columns)) }
    }
  }

  func select(_ parents: [Int]) throws(Failure) {
    try parents.withUnsafeBufferPointer { (parents) throws(Failure) in try select(parents) }
  }

  /// Greedy decoding of the sources that `encode` read, each sequence leaving as it ends: ids with the start token and
  /// the end token, at most `longest` new ones.
  func greedy(longest: Int) throws(Failure) -> [[Int32]] {
    let start = [Int32(model.generation.decoderStart!)]
    return try greedy(
      Array(repeating: start, count: count), try step(Array(repeating: start[0], count: count)), longest
    ).map { start + $0 }
  }

  /// Greedy continuations of prompts, with their end token, at most `longest` ids.
  func continuations(of prompts: [[Int32]], longest: Int) throws(Failure) -> [[Int32]] {
    try encode(prompts)
    let logits = try encodedLogits()
    return try greedy(
      prompts, (0..<logits.rows).map { Array(UnsafeBufferPointer(start: logits[$0], count: logits.columns)) }, longest)
  }

  private func greedy(_ prompts: [[Int32]], _ first: [[Float]], _ longest: Int) throws(Failure) -> [[Int32]] {
    var results: [[Int32]] = Array(repeating: [], count: prompts.count)
    var live = Array(prompts.indices)
    var logits = first
    for step in 1...longest {
      for (row, sequence) in live.enumerated() {
        var next = Int32(logits[row].indices.max { logits[row][$0] < logits[row][$1] }!)
        if step == 1, let forced = model.generation.forcedBegin { next = Int32(forced) }
        if step == longest, let forced = model.generation.forcedEnd { next = Int32(forced) }
        results[sequence].append(next)
      }
      let kept = live.indices.filter { !model.generation.end.contains(Int(results[live[$0]].last!)) }
      if kept.count < live.count { try select(kept) }
      live = kept.map { live[$0] }
      guard !live.isEmpty, step < longest else { break }
      logits = try self.step(live.map { results[$0].last! })
    }
    return results
  }
}

/// A matrix as an array.
func numbers(_ matrix: Matrix) -> [Float] {
  (0..<matrix.rows).flatMap { UnsafeBufferPointer(start: matrix[$0], count: matrix.columns) }
}

/// The largest difference of two arrays; infinite if their lengths differ or a number is none.
func distance(_ a: [Float], _ b: [Float]) -> Float {
  guard a.count == b.count else { return .infinity }
  return zip(a, b).reduce(0) { (largest, pair) in
    let difference = abs(pair.0 - pair.1)
    return difference.isNaN ? .infinity : max(largest, difference)
  }
}

/// A model with chosen kernels, threads and arithmetic.
func model(
  _ path: String, kernels: String? = nil, threads: Int = 2, compute: ComputeType = .float32
) throws(Failure) -> Model {
  var options = Model.Options()
  options.compute = compute
  options.kernels = kernels
  options.threads = threads
  return try Model(path: path, options: options)
}
