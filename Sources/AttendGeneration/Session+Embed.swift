import AttendBase
import AttendLayers
import AttendModels

extension Session {
  /// Sequences and tokens of a part of the texts that runs at once: enough to keep the products busy, and few enough
  /// for the memory of many texts to be that of a part. Results do not depend on it.
  private static let partSequences = 64
  private static let partTokens = 4096

  /// The embeddings of texts, `[texts, outputs]`. No sequence is live afterwards. What is wrong with the texts throws
  /// `invalidArgument` and changes nothing.
  package func embed(_ texts: TokenizedTexts) throws(Failure) -> Output {
    let head = try model.embeddingHead()
    guard let stack = model.encoder ?? model.decoder else { throw Failure(.internalError, "a model without layers") }
    let hasTypes = stack.embedding.types != nil
    return try texts.withPointers { (ids, types, lengths) throws(Failure) in
      let types = hasTypes ? types : nil
      let whole = try Batch(tokens: ids, lengths: lengths, types: types, count: texts.lengths.count)
      try whole.check(vocabulary: stack.vocabulary, positions: stack.positions, types: stack.embedding.types?.count)
      let (numbers, overflow) = whole.count.multipliedReportingOverflow(by: head.outputs)
      guard !overflow else { throw .outOfMemory(Int.max, for: "the embeddings") }
      let y = Matrix(try embeddings.room(numbers), rows: whole.count, columns: head.outputs)
      defer { drop() }
      var (first, token) = (0, 0)
      while first < whole.count {
        var (count, tokens) = (1, lengths[first])
        while first + count < whole.count, count < Session.partSequences,
          tokens + lengths[first + count] <= Session.partTokens
        {
          tokens += lengths[first + count]
          count += 1
        }
        let part = try Batch(
          tokens: ids + token, lengths: lengths + first, types: types.map { $0 + token }, count: count)
        try encode(part, positionsAhead: 0)
        try head.apply(
          try encodedStates(), lengths: encodedLengths, prompt: texts.prompt, into: y.rows(first, count), pass)
        first += count
        token += tokens
      }
      return y
    }
  }
}
