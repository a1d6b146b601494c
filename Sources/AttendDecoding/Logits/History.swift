/// The ids that a row of logits follows: what processors look back at. Lent for the length of a call.
package struct History {
  /// The prompt of a decoder, or the decoder's start and a forced prefix; then what was generated.
  package let tokens: UnsafeBufferPointer<Int32>
  /// How many of `tokens` are the prompt, or start and prefix.
  package let promptCount: Int
  /// The ids of an encoder's source; of a decoder its prompt.
  package let source: UnsafeBufferPointer<Int32>
  /// The number of the source among those of the request, for functions of the user's own.
  package let sequence: Int

  package init(
    tokens: UnsafeBufferPointer<Int32>, promptCount: Int, source: UnsafeBufferPointer<Int32>, sequence: Int = 0
  ) {
    precondition(promptCount >= 0 && promptCount <= tokens.count)
    self.tokens = tokens
    self.promptCount = promptCount
    self.source = source
    self.sequence = sequence
  }

  /// How many ids were generated.
  package var generatedCount: Int { tokens.count - promptCount }
}
