import AttendBase
import Glibc

/// Tokens by id and ids by token. Built by one thread, then read by any.
final class Vocabulary: @unchecked Sendable {
  /// Ids beyond are refused: no model has them, and a file could ask for any amount of memory.
  static let limit = 1 << 24

  private let map: TokenMap
  @exclusivity(unchecked) private var blocks = GrowingList<UnsafeMutablePointer<UInt8>>(for: Vocabulary.purpose)
  @exclusivity(unchecked) private var blockUsed = 0
  @exclusivity(unchecked) private var blockSize = 0
  /// By id; no address: no such token.
  @exclusivity(unchecked) private var tokens = GrowingList<UnsafeBufferPointer<UInt8>>(for: Vocabulary.purpose)

  private static let purpose = "the vocabulary of a tokenizer"

  /// Throws `outOfMemory`.
  init(capacity: Int) throws(Failure) {
    map = try TokenMap(capacity: capacity)
    try tokens.reserve(capacity)
  }

  deinit { for block in blocks.elements { free(block) } }

  /// One more than the largest id.
  var size: Int { tokens.count }

  /// The number of tokens, which is less than `size` where ids are missing.
  var count: Int { map.count }

  /// Adds a token; one that is there already moves to the new id. Throws `invalidFile`, with `source` as the file, for
  /// an id out of range,
  /// and `outOfMemory`.
  func insert(_ token: UnsafeBufferPointer<UInt8>, id: Int, source: String) throws(Failure) {
    guard id >= 0, id < Vocabulary.limit else {
      throw Failure(.invalidFile, "\(source): token id \(id) is not between 0 and \(Vocabulary.limit - 1)")
    }
    while tokens.count <= id { try tokens.append(UnsafeBufferPointer(start: nil, count: 0)) }
    tokens[id] = try store(token)
    try map.insert(token, Int32(id))
  }

  func insert(_ token: [UInt8], id: Int, source: String) throws(Failure) {
    try token.withUnsafeBufferPointer { bytes throws(Failure) in try insert(bytes, id: id, source: source) }
  }

  /// The bytes of a token, with a NUL behind them, as long as the vocabulary lives; nil where there is none.
  func token(_ id: Int) -> UnsafeBufferPointer<UInt8>? {
    guard id >= 0, id < tokens.count, tokens[id].baseAddress != nil else { return nil }
    return tokens[id]
  }

  /// The id of a token, or -1.
  func id(_ token: UnsafeBufferPointer<UInt8>) -> Int32 { map.find(token) }
  func id(_ token: [UInt8]) -> Int32 { token.withUnsafeBufferPointer { map.find($0) } }

  private func store(_ token: UnsafeBufferPointer<UInt8>) throws(Failure) -> UnsafeBufferPointer<UInt8> {
    if blockUsed + token.count + 1 > blockSize { try addBlock(max(1 << 16, token.count + 1)) }
    let start = blocks[blocks.count - 1] + blockUsed
    if let base = token.baseAddress { start.update(from: base, count: token.count) }
    start[token.count] = 0
    blockUsed += token.count + 1
    return UnsafeBufferPointer(start: start, count: token.count)
  }

  private func addBlock(_ bytes: Int) throws(Failure) {
    try blocks.reserve(1)
    guard let block = malloc(bytes) else { throw .outOfMemory(bytes, for: Vocabulary.purpose) }
    try blocks.append(block.assumingMemoryBound(to: UInt8.self))
    (blockUsed, blockSize) = (0, bytes)
  }
}
