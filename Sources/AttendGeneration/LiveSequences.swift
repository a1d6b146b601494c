import AttendBase
import AttendKernelInterface
import AttendLayers
import AttendModels

/// The live sequences of a session: of each, what the decoder has read and, in an encoder-decoder, the source that its
/// cross-attention looks at. What throws changes nothing.
final class LiveSequences {
  /// Keys and values of the decoder's own tokens; of an encoder sequences without any.
  let selfCache: KeyValueCache
  /// Keys and values of the sources; nil but in an encoder-decoder.
  let crossCache: KeyValueCache?
  /// Of each sequence the states of its pictures; empty where none has any.
  private(set) var pictures: [PictureStates?] = []
  /// What is told to the stages before this one of where the sequences came from; nil: nothing is.
  private let origins: Origins?
  /// Whether a batch was read since the session was made or its sequences dropped; all of it may have been deselected.
  private var hasBegun = false

  /// Keys and values are kept in `type`; nil: as the model computes.
  init(_ model: Model, _ type: KeyValueType?, origins: Origins? = nil) throws(Failure) {
    self.origins = origins
    guard let stack = model.decoder ?? model.encoder else { throw Failure(.internalError, "a model without layers") }
    guard type == nil || model.decoder != nil else {
      throw Failure(
        .unsupported, "this checkpoint is of a \(model.blueprint.family) model, an encoder: it keeps no keys and values"
      )
    }
    func cache(_ layout: KeyValueLayout) throws(Failure) -> KeyValueCache {
      guard let type else { return KeyValueCache(layout: layout) }
      return KeyValueCache(layout: try layout.with(type: type))
    }
    selfCache = try cache(stack.keyValueLayout)
    crossCache = try stack.crossKeyValueLayout.map { (layout) throws(Failure) in try cache(layout) }
  }

  var count: Int { selfCache.count }

  /// The number of tokens of a sequence that the decoder has read.
  func length(_ sequence: Int) -> Int { selfCache.length(sequence) }

  /// Bytes held at this moment.
  var bytes: Int { selfCache.bytes + (crossCache?.bytes ?? 0) }

  /// Bytes of the pages of one sequence; the largest number where that does not hold them.
  func bytes(read: Int, source: Int) -> Int {
    let own = LiveSequences.bytes(read, selfCache.layout)
    return crossCache.map { own.saturatingAdd(LiveSequences.bytes(source, $0.layout)) } ?? own
  }

  private static func bytes(_ tokens: Int, _ layout: KeyValueLayout) -> Int {
    KeyValueLayout.pages(for: min(tokens, Session.mostSequences)).saturatingMultiply(layout.pageBytes)
  }

  /// Adds `new` sequences of which nothing has been read.
  func add(_ new: Int) throws(Failure) {
    let before = count
    guard new <= Session.mostSequences - before else {
      throw Failure(
        .invalidArgument, "\(before) sequences are live and \(new) more come; at most \(Session.mostSequences) can live"
      )
    }
    do throws(Failure) {
      try selfCache.add(new)
      try crossCache?.add(new)
      try origins?.add(new)
    } catch {
      remove(from: before)
      throw error
    }
  }

  /// Takes the sequences from `first` on away, of which a pass failed.
  func remove(from first: Int) {
    if pictures.count > first { pictures.removeSubrange(first...) }
    selfCache.remove(from: first)
    crossCache?.remove(from: first)
    origins?.remove(from: first)
  }

  /// Counts those that were added as read.
  func begin() { hasBegun = true }

  /// Drops all sequences, as if nothing had ever been read.
  func drop() {
    hasBegun = false
    remove(from: 0)
  }

  /// Sequence `parents[i]` of before becomes sequence i.
  func select(_ parents: UnsafeBufferPointer<Int>) throws(Failure) {
    try requireBegun()
    for (index, parent) in parents.enumerated() where parent < 0 || parent >= count {
      throw Failure(.invalidArgument, "parents[\(index)] is \(UInt(bitPattern: parent)); \(count) sequences are live")
    }
    try selfCache.reserveSelection(of: parents.count)
    try crossCache?.reserveSelection(of: parents.count)
    try origins?.reserveSelection(of: parents.count)
    if !pictures.isEmpty { pictures = parents.map { $0 < pictures.count ? pictures[$0] : nil } }
    selfCache.select(parents)
    crossCache?.select(parents)
    origins?.select(parents)
  }

  /// Gives a sequence the states that stand in the place of some of its tokens.
  func attach(_ states: PictureStates, to sequence: Int) {
    while pictures.count <= sequence { pictures.append(nil) }
    pictures[sequence] = states
  }

  /// Forgets what a sequence has read beyond `length` tokens.
  func truncate(_ sequence: Int, to length: Int) throws(Failure) {
    try requireLive()
    guard sequence >= 0, sequence < count else {
      throw Failure(.invalidArgument, "index is \(UInt(bitPattern: sequence)); \(count) sequences are live")
    }
    guard length >= 0, length <= self.length(sequence) else {
      throw Failure(
        .invalidArgument,
        "length is \(UInt(bitPattern: length)); live sequence \(sequence) has read \(self.length(sequence)) tokens")
    }
    let shortest = selfCache.shortestCut(sequence)
    guard length == 0 || length >= shortest else {
      throw Failure(
        .invalidState,
        "length is \(length); layers with a window have given back what live sequence \(sequence) read first: it can "
          + "be cut to \(shortest) tokens or more, or to 0")
    }
    selfCache.truncate(sequence, to: length)
  }

  /// Throws `invalidState` where there is nothing to decode.
  func requireLive() throws(Failure) {
    try requireBegun()
    guard count > 0 else {
      throw Failure(.invalidState, "no sequence is live: all have been dropped by selecting others")
    }
  }

  private func requireBegun() throws(Failure) {
    guard hasBegun else { throw Failure(.invalidState, "nothing was encoded yet: encode a batch first") }
  }
}
