import AttendBase
import AttendCheckpoints

extension TokenizerParts {
  /// The expressions that go with tiktoken's files, which do not name them (tiktoken_ext/openai_public.py, and the
  /// tokenizers of Llama 3 and Qwen).
  private enum Pattern {
    static let r50k = ByteLevel.pattern
    static let cl100k =
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| "#
      + #"?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    static let qwen =
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    static let o200k =
      #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"#
      + #"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"#
      + #"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  /// Lines of a token in base 64 and its rank, which is its id.
  static func tiktoken(_ mapped: MappedFile, _ settings: TokenizerSettings) throws(Failure) -> TokenizerParts {
    let path = mapped.path
    let lines = try lines(mapped.bytes)
    let vocabulary = try Vocabulary(capacity: lines.count)
    var token = GrowingList<UInt8>(for: "a token")
    for (number, line) in lines.elements.enumerated() where !line.isEmpty {
      token.removeAll()
      guard let space = line.firstIndex(of: 0x20), try Base64.decode(line[..<space], into: &token), !token.isEmpty,
        let rank = Int(String(decoding: line[(space + 1)...], as: UTF8.self))
      else { throw Failure(.invalidFile, "\(path): line \(number + 1) should be a token in base 64 and its rank") }
      try vocabulary.insert(UnsafeBufferPointer(token.elements), id: rank, source: path)
    }
    var order = GrowingList<Int32>(for: "the merges of a tokenizer")
    for id in 0..<vocabulary.size where vocabulary.token(id) != nil { try order.append(Int32(id)) }
    var options = BytePairEncoding.Options()
    options.isByteLevel = true
    options.spellsBytes = true
    options.ignoresMerges = true
    let merges = try MergeTable.ofAllSplits(order, vocabulary) { _ in true }
    let model = try BytePairEncoding(vocabulary, merges: merges, options)
    var parts = TokenizerParts(model: model, source: path)
    parts.preTokenizer = ByteLevel(
      prefixSpace: false, regex: try Regex(pattern(path, vocabulary.size), dialect: .rust), keepsBytes: true)
    parts.decoder = BytesDecoder()
    parts.addedTokens = try settings.added(special: [], vocabulary)
    let tokens = parts.addedTokens
    if settings.bool("add_bos_token", default: false), let begin = settings.token("bos_token"),
      let index = (0..<tokens.count).last(where: { tokens.text($0).elementsEqual(begin) })
    {
      parts.postProcessor.template = .each(begin: tokens[index].id, secondType: 1)
    }
    return parts
  }

  private static func pattern(_ path: String, _ size: Int) -> String {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    if name.hasPrefix("qwen") { return Pattern.qwen }
    if name.hasPrefix("r50k") || name.hasPrefix("p50k") || name.hasPrefix("gpt2") || size < 60_000 {
      return Pattern.r50k
    }
    return name.hasPrefix("o200k") || size > 190_000 ? Pattern.o200k : Pattern.cl100k
  }
}
