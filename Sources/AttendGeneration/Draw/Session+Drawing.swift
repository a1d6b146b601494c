import AttendBase
import AttendDecoding
import AttendDispatch
import AttendLayers
import AttendModels

extension Session {
  /// Gives live sequences tokens, those at positions from `promptCount` on being tokens of a picture. Returns the
  /// logits of the picture's next token for the last `tails[i]` tokens of each sequence, as `decode` does.
  func draw(
    _ tokens: RaggedTokens, tails: UnsafeBufferPointer<Int>, promptCount: Int, _ writer: PictureWriter
  ) throws(Failure) -> Matrix? {
    guard let decoder = model.decoder else { throw Failure(.internalError, "pictures without a decoder") }
    try requireLive()
    var batch = try Batch(tokens: tokens.tokens, lengths: tokens.lengths, count: tokens.count, allowsEmpty: true)
    forgetOutputs()
    cancellation.begin(work: batch.tokenCount * decoder.layers.count)
    try pass.workspace.reset()
    let ids = try pass.workspace.take(batch.tokenCount, of: Int32.self)
    try splice(tokens, promptCount: promptCount, writer, into: ids)
    batch = try Batch(tokens: ids, lengths: tokens.lengths, count: tokens.count, allowsEmpty: true)
    try batch.check(decoder)
    let cache = sequences.selfCache
    try cache.grow(batch.lengths, on: pass.engine)
    let x = try outputs.reserve(outputs.states, rows: batch.tokenCount, columns: decoder.width)
    try decoder.forward(
      batch.input, splices: UnsafeBufferPointer(spliceList.elements), selfKeyValues: try cache.writing(batch.lengths),
      crossKeyValues: nil, into: x, pass)
    let last = try rows(tails, of: x, batch.lengths)
    let y = try outputs.reserve(
      outputs.logits, rows: last.rows, columns: writer.head.outputs, stride: (writer.head.outputs + 15) & ~15)
    if last.rows > 0 { try writer.head.apply(last, into: y, pass) }
    try pass.checkCancellation()
    cache.advance(batch.lengths)
    outputs.keepDecoded(x)
    return y
  }

  /// Copies tokens, a 0 in the place of each of a picture, whose states stand for it.
  private func splice(
    _ tokens: RaggedTokens, promptCount: Int, _ writer: PictureWriter, into ids: UnsafeMutablePointer<Int32>
  ) throws(Failure) {
    spliceList.removeAll()
    codeList.removeAll()
    var row = 0
    for sequence in 0..<tokens.count {
      for place in 0..<tokens.lengths[sequence] {
        let token = tokens.tokens[row]
        let isCode = length(sequence) + place >= promptCount
        ids[row] = isCode ? 0 : token
        if isCode {
          guard token >= 0, token < writer.count else {
            throw Failure(.internalError, "token \(token) of a picture, of \(writer.count)")
          }
          try spliceList.append(Splice(row: row, states: writer.codes.pointer(), numbers: 0))
          try codeList.append(token)
        }
        row += 1
      }
    }
    guard !codeList.isEmpty else { return }
    let states = try writer.states(of: UnsafeBufferPointer(codeList.elements), pass)
    for index in 0..<spliceList.count {
      spliceList[index] = Splice(
        row: spliceList[index].row, states: UnsafePointer(states[index]), numbers: states.columns)
    }
  }
}

/// A session whose decoder writes the tokens of pictures behind texts of one length: searches step it as they step the
/// session itself.
final class PictureSteps: StepModel {
  private let session: Session
  private let writer: PictureWriter
  private let promptCount: Int

  init(_ session: Session, _ writer: PictureWriter, promptCount: Int) {
    (self.session, self.writer, self.promptCount) = (session, writer, promptCount)
  }

  var engine: Engine { session.engine }
  var vocabulary: Int { writer.head.outputs }
  var readsSources: Bool { false }
  var positions: Int? { session.positions }
  var longestRereading: Int { session.longestRereading }
  var count: Int { session.count }
  var stepStates: Matrix? { session.stepStates }
  var stepBlocks: RowBlocks? { nil }

  func cacheBytes(tokens: Int) -> Int { session.cacheBytes(tokens: tokens) }
  func sourceBytes(tokens: Int) -> Int { session.sourceBytes(tokens: tokens) }
  func add(prompts: RaggedTokens, known: UnsafeMutablePointer<Int>) throws(Failure) {
    try session.add(prompts: prompts, known: known)
  }
  func known(of prompt: UnsafeBufferPointer<Int32>) -> Int { session.known(of: prompt) }
  func remember(row: Int, prompt: UnsafeBufferPointer<Int32>) { session.remember(row: row, prompt: prompt) }
  func add(sources: RaggedTokens) throws(Failure) { try session.add(sources: sources) }
  func summarizeLogits(_ isOn: Bool) {}
  func recordSourceAttention(_ isOn: Bool) { session.recordSourceAttention(isOn) }
  func sourceAttention(row: Int) throws(Failure) -> UnsafeBufferPointer<Float> { try session.sourceAttention(row: row) }
  func select(_ parents: UnsafeBufferPointer<Int>) throws(Failure) { try session.select(parents) }
  func length(_ row: Int) -> Int { session.length(row) }
  func truncate(_ row: Int, to length: Int) throws(Failure) { try session.truncate(row, to: length) }

  func step(_ tokens: RaggedTokens, tails: UnsafeBufferPointer<Int>) throws(Failure) -> Matrix? {
    try session.draw(tokens, tails: tails, promptCount: promptCount, writer)
  }
}
