import AttendBase
import AttendLayers
import AttendModels

extension Session {
  /// The cache of beginnings of prompts; nil where `limit` is 0. Throws for what cannot have one.
  static func prefixes(_ model: Model, _ sequences: LiveSequences, limit: Int) throws(Failure) -> PrefixCache? {
    guard limit != 0 else { return nil }
    guard limit > 0 else {
      throw Failure(.invalidArgument, "prefix_cache_bytes is \(UInt(bitPattern: limit)), more than there can be")
    }
    guard model.blueprint.kind == .decoder else {
      throw Failure(
        .unsupported,
        "prefix_cache_bytes is \(limit), and this checkpoint is of a \(model.blueprint.family) model: only a decoder "
          + "reads prompts")
    }
    return PrefixCache(of: sequences.selfCache, limit: limit)
  }

  /// Adds a sequence behind the live ones that has read the longest kept beginning of `prompt`, and returns how many
  /// tokens that are: fewer than the prompt has, and 0 where none is kept. The others are to be decoded. A failure
  /// changes nothing.
  package func add(prompt: UnsafeBufferPointer<Int32>) throws(Failure) -> Int {
    let sequence = count
    try add(empty: 1)
    guard let prefixes, prompt.count <= longestPrompt else { return 0 }
    do throws(Failure) { return try prefixes.begin(sequence, with: prompt) } catch {
      sequences.remove(from: sequence)
      throw error
    }
  }

  /// Keeps the beginning of a live sequence, which has read `tokens` and perhaps more after them, for prompts that
  /// begin alike: as many whole pages as fit. Nothing happens in a session that keeps none. A failure leaves what was
  /// kept.
  package func keepPrefix(of sequence: Int, tokens: UnsafeBufferPointer<Int32>) throws(Failure) {
    try requireLive()
    guard sequence >= 0, sequence < count else {
      throw Failure(.invalidArgument, "index is \(UInt(bitPattern: sequence)); \(count) sequences are live")
    }
    guard !hasPictures(sequence) else {
      throw Failure(
        .unsupported,
        "live sequence \(sequence) has read pictures; prefixes are told apart by their tokens alone")
    }
    let length = length(sequence)
    guard tokens.count <= length else {
      throw Failure(
        .invalidArgument, "count is \(tokens.count); live sequence \(sequence) has read \(length) tokens")
    }
    guard let prefixes, length <= longestPrompt else { return }
    // Behind a token that takes no position, positions depend on where the text was cut into calls.
    var kept = tokens.count
    if let padding = model.decoder?.input.padding { kept = tokens.firstIndex(of: padding) ?? kept }
    try prefixes.keep(sequence, UnsafeBufferPointer(rebasing: tokens[..<kept]))
  }

  /// The longest prompt whose keys do not depend on its length ("dynamic" and "longrope" positions change with it).
  var longestPrompt: Int { model.decoder?.rotaries.changesBeyond ?? .max }

  /// The use that was made of kept beginnings; nil in a session that keeps none.
  package var prefixStatistics: PrefixCache.Statistics? { prefixes?.statistics }

  /// Forgets the beginnings of prompts; sequences that begin with them stay.
  package func clearPrefixes() { prefixes?.clear() }
}
