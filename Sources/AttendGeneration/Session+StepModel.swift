import AttendBase
import AttendDecoding
import AttendDispatch
import AttendLayers
import AttendModels

/// A session is what searches step. Its live sequences are their rows.
extension Session: StepModel {
  package var engine: Engine { pass.engine }
  package var vocabulary: Int { model.head?.outputs ?? 0 }
  package var readsSources: Bool { model.blueprint.kind == .encoderDecoder }
  package var positions: Int? { model.decoder?.positions(allowingBeyond: allowsBeyondPositions) }
  package var stepStates: Matrix? { hiddenStates }

  package func add(prompts: RaggedTokens, known: UnsafeMutablePointer<Int>) throws(Failure) {
    try add(empty: prompts.count)
    known.update(repeating: 0, count: prompts.count)
  }

  package func remember(row: Int, prompt: UnsafeBufferPointer<Int32>) {}

  package func add(sources: RaggedTokens) throws(Failure) {
    try add(try Batch(tokens: sources.tokens, lengths: sources.lengths, count: sources.count))
  }

  package func step(_ tokens: RaggedTokens, tails: UnsafeBufferPointer<Int>) throws(Failure) -> Matrix? {
    let batch = try Batch(tokens: tokens.tokens, lengths: tokens.lengths, count: tokens.count, allowsEmpty: true)
    return try decode(batch, logits: .tails(tails))
  }
}
