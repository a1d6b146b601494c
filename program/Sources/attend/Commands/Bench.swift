import ArgumentParser
import CAttend

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure how fast a checkpoint runs here.",
    discussion: """
      Reading is measured on sequences of --length ids drawn at random, writing on --tokens steps behind them; each the
      best of --repeat runs, after one that does not count.

      EXAMPLES
        attend bench -m models/g2p-en --length 16 --batch 32
        attend bench -m Qwen3-0.6B --compute int8 --length 512 --format json
      """)

  @OptionGroup var model: ModelOptions
  @Option(help: "Tokens of a sequence that is read.") var length = 128
  @Option(help: "Tokens that are written behind it.") var tokens = 32
  @Option(help: "Sequences side by side.") var batch = 1
  @Option(name: .customLong("repeat"), help: "Runs, of which the best counts.") var runs = 3
  @OptionGroup(title: "Output") var output: OutputOptions

  func validate() throws {
    guard length > 0, batch > 0, runs > 0, tokens >= 0 else {
      throw ValidationError("--length, --batch and --repeat must be 1 or more, --tokens 0 or more.")
    }
  }

  func run() throws {
    let begin = now()
    let model = try model.load(quiet: output.quiet)
    let loading = now() - begin
    let writer = try Writer(output)
    try writer.write([row("load", "s", loading, digits: 3)])
    try model.interruptible {
      let (reading, writing) = try best(model)
      try writer.write([row("read", "tokens/s", Double(batch * length) / reading, digits: 1)])
      if tokens > 0 && model.info.decoder_layers > 0 {
        try writer.write([row("write", "tokens/s", Double(batch * tokens) / writing, digits: 1)])
      }
    }
    var bytes = 0
    try attempt(attend_session_memory(model.session, &bytes))
    try writer.write([
      row("weights", "MB", Double(model.info.weight_bytes) / 1e6, digits: 1),
      row("session", "MB", Double(bytes) / 1e6, digits: 1),
    ])
    try writer.finish()
  }

  private func row(_ what: String, _ unit: String, _ value: Double, digits: Int) -> Row {
    let name = what + String(repeating: " ", count: max(0, 10 - what.count))
    let fields = [Field("what", .string(what)), Field("value", .number(value)), Field("unit", .string(unit))]
    return Row(fields: fields, text: "\(name)\(fixed(value, digits)) \(unit)")
  }

  /// The seconds of reading and of writing, each the least of all runs.
  private func best(_ model: Model) throws -> (reading: Double, writing: Double) {
    let source = ids(
      batch * length,
      below: model.info.encoder_layers > 0
        ? model.info.encoder_vocabulary_size : model.info.decoder_vocabulary_size)
    let steps = ids(batch * tokens, below: model.info.decoder_vocabulary_size)
    let lengths = [Int](repeating: length, count: batch)
    var best = (reading: Double.infinity, writing: Double.infinity)
    for run in 0...runs where !interrupt.isAsked {
      let begin = now()
      try read(model, source, lengths)
      let middle = now()
      if model.info.decoder_layers > 0 { try write(model, steps) }
      guard run > 0 else { continue }
      best = (min(best.reading, middle - begin), min(best.writing, now() - middle))
    }
    return best
  }

  private func read(_ model: Model, _ source: [Int32], _ lengths: [Int]) throws {
    var batch = attend_batch.initial
    batch.count = lengths.count
    try source.withUnsafeBufferPointer { source in
      try lengths.withUnsafeBufferPointer { lengths in
        (batch.tokens, batch.lengths) = (source.baseAddress, lengths.baseAddress)
        try attempt(attend_encode(model.session, &batch))
      }
    }
  }

  private func write(_ model: Model, _ steps: [Int32]) throws {
    for step in 0..<tokens {
      try steps[step * batch..<(step + 1) * batch].withUnsafeBufferPointer { ids in
        var logits = attend_tensor()
        try attempt(attend_decode_step(model.session, ids.baseAddress, batch, &logits))
      }
    }
  }

  /// Ids that are the same in every run: a linear congruential generator's (Knuth, MMIX).
  private func ids(_ count: Int, below vocabulary: Int) -> [Int32] {
    var state: UInt64 = 1
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int32((state >> 33) % UInt64(max(vocabulary, 1)))
    }
  }
}
