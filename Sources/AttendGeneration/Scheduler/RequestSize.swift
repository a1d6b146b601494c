import AttendBase
import AttendDecoding
import AttendKernelInterface

/// The rows of a request, and the bytes of their caches: never fewer than they take.
struct RequestSize {
  /// Most rows that its search has, for each copy.
  let rows: Int
  let copies: Int
  private let prompt: Int
  /// Tokens of the source.
  let source: Int
  private let longest: Int

  init(_ context: SearchContext, _ model: any StepModel) {
    rows = max(context.options.beams, context.options.sequences)
    copies = context.isGuided ? 2 : 1
    prompt = max(context.prompt.count, context.otherPromptCount)
    let texts = model.readsSources ? max(context.source.count, context.otherPromptCount) : 0
    source = context.input?.sourceLength ?? texts
    longest = min(prompt.saturatingAdd(context.options.maximalNewTokens), model.positions ?? .max)
  }

  /// Rows in the batch, at most.
  var allRows: Int { rows.saturatingMultiply(copies) }

  /// Bytes when every row has all its tokens.
  func most(_ model: any StepModel) -> Int { bytes(tokens: longest, model) }

  /// Bytes when the longest row has `tokens` tokens, or the prompt if that is longer. Rows share the pages of the
  /// prompt that are full.
  func bytes(tokens: Int, _ model: any StepModel) -> Int {
    let length = min(max(tokens, prompt), max(longest, prompt))
    let shared = prompt / KeyValuePage.tokens * KeyValuePage.tokens
    let own = model.cacheBytes(tokens: length - shared).saturatingMultiply(rows)
    return model.cacheBytes(tokens: shared).saturatingAdd(own).saturatingAdd(model.sourceBytes(tokens: source))
      .saturatingMultiply(copies)
  }
}
