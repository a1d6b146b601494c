import AttendBase
import AttendGeneration
import AttendKernelInterface
import AttendLayers
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// Beginnings of prompts that are kept for others.
@Suite struct PrefixTests {
  private static let computes: [ComputeType] = [.float32, .int8]
  private static let plenty = 64 << 20

  @Test(arguments: decoders, computes) func thePromptHasTheBitsOfOneThatIsReadWhole(
    name: String, compute: ComputeType
  ) throws {
    let loaded = try model(try ConformanceCase(name).path, compute: compute)
    let session = try Session(loaded, prefixCacheBytes: PrefixTests.plenty), plain = try Session(loaded)
    let first = text(63), other = Array(first[..<45]) + text(15, seed: 1)
    #expect(try session.read(first) == plain.read(first))
    try session.keepPrefix(of: 0, first)
    #expect(try session.read(other) == plain.read(other))
    #expect(try session.step([4]) == plain.step([4]))
    #expect(session.prefixStatistics?.hits == 1 && session.prefixStatistics?.tokens == 45)
    #expect(try session.found(of: first) == 62)
    session.clearPrefixes()
    #expect(session.prefixStatistics?.bytes == 0)
    #expect(try session.found(of: first) == 0)
  }

  @Test func aPromptIsNeverFoundWhole() throws {
    let session = try Session(try model(try ConformanceCase("llama").path), prefixCacheBytes: PrefixTests.plenty)
    let prompt = text(96)
    _ = try session.read(prompt)
    try session.keepPrefix(of: 0, prompt)
    #expect(try session.found(of: prompt) == 95)
    #expect(try session.found(of: prompt + [1]) == 96)
    #expect(try session.found(of: Array(prompt[..<33])) == 32)
    #expect(try session.found(of: Array(prompt[..<32])) == 31)
    #expect(try session.found(of: Array(prompt[..<1])) == 0)
    #expect(try session.found(of: [prompt[0] + 1, prompt[1]]) == 0)
    #expect(try session.found(of: []) == 0)
  }

  /// The last tokens of a text, which fill no page, are kept where there are enough that are new.
  @Test(arguments: [KeyValueType.float32, .bfloat16, .int8, .int4]) func partsOfPagesAreShared(
    type: KeyValueType
  ) throws {
    let loaded = try model(try ConformanceCase("llama").path)
    var options = Session.Options()
    options.keyValueType = type
    let plain = try Session(model: loaded, options: options)
    options.prefixCacheBytes = PrefixTests.plenty
    let session = try Session(model: loaded, options: options)
    let first = text(50)
    #expect(try session.read(first) == plain.read(first))
    try session.keepPrefix(of: 0, first)
    for shared in [1, 7, 31, 32, 33, 40, 49] {
      let other = Array(first[..<shared]) + [first[shared] + 1] + text(5, seed: 5)
      #expect(try session.found(of: other) == shared)
      #expect(try session.read(other) == plain.read(other))
      #expect(try session.step([4]) == plain.step([4]))
    }
    let bytes = try #require(session.prefixStatistics).bytes
    let alike = Array(first[..<49]) + text(7, seed: 9), longer = Array(first[..<49]) + text(8, seed: 9)
    _ = try session.read(alike)
    try session.keepPrefix(of: 0, alike)
    #expect(session.prefixStatistics?.bytes == bytes)
    _ = try session.read(longer)
    try session.keepPrefix(of: 0, longer)
    #expect(try #require(session.prefixStatistics).bytes > bytes)
    #expect(try session.found(of: longer) == 56)
  }

  /// Of layers with a window only the last pages are there, and only these are needed.
  @Test(arguments: ["mistral", "gemma3", "gpt_oss"]) func windowsNeedTheirLastPages(name: String) throws {
    let loaded = try model(try ConformanceCase(name).path)
    let session = try Session(loaded, prefixCacheBytes: PrefixTests.plenty), plain = try Session(loaded)
    let prompt = text(100), longer = prompt + text(20, seed: 2)
    _ = try session.read(prompt, pieces: 10)
    try session.keepPrefix(of: 0, prompt)
    #expect(try session.found(of: Array(prompt[..<70])) == 0)
    #expect(try session.found(of: longer) == 96)
    #expect(try session.read(longer) == plain.read(longer))
    #expect(try session.step([7]) == plain.step([7]))
    // Who reads the beginning again fills the gaps.
    let short = Array(prompt[..<70])
    #expect(try session.read(short) == plain.read(short))
    try session.keepPrefix(of: 0, short)
    #expect(try session.found(of: short) == 69)
    #expect(try session.read(short) == plain.read(short))
  }

  @Test func manyRequestsTakeTheMemoryOfOnePrefix() throws {
    let session = try Session(try model(try ConformanceCase("llama").path), prefixCacheBytes: PrefixTests.plenty)
    let prefix = text(2016)
    _ = try session.read(prefix)
    try session.keepPrefix(of: 0, prefix)
    let before = session.sequenceBytes
    for index in 0..<32 {
      let prompt = prefix + text(3, seed: index)
      let found = try prompt.withUnsafeBufferPointer { try session.add(prompt: $0) }
      #expect(found == 2016)
    }
    _ = try session.decode((0..<33).map { text(3, seed: $0) }, tails: Array(repeating: 1, count: 33))
    // A page and a list for each, and pages that lists of pages doubled to.
    #expect(session.sequenceBytes - before < before)
    #expect(session.prefixStatistics?.tokens == 32 * 2016)
  }

  /// Prompts of a few blocks that come again and again, in a cache that holds some of them.
  @Test(arguments: ["llama", "gemma3"]) func whatWasUsedLongestAgoGoesFirst(name: String) throws {
    let loaded = try model(try ConformanceCase(name).path)
    let block = try blockBytes(loaded)
    var random = SplitMix(seed: 3)
    for blocks in [1, 4, 9] {
      let limit = blocks * block
      let session = try Session(loaded, prefixCacheBytes: limit), plain = try Session(loaded)
      for _ in 0..<40 {
        let blocks: [Int32] = (0..<random.below(5)).flatMap { _ in text(32, seed: random.below(3)) }
        let prompt = blocks + text(1 + random.below(31))
        #expect(try session.read(prompt) == plain.read(prompt))
        try session.keepPrefix(of: 0, prompt)
        #expect(try #require(session.prefixStatistics).bytes <= limit)
      }
      // The last one's beginning is there, as far as it fits.
      let last: [Int32] = (0..<6).flatMap { text(32, seed: $0) } + [1]
      _ = try session.read(last)
      try session.keepPrefix(of: 0, last)
      #expect(try session.found(of: last) == 32 * min(6, blocks))
    }
  }

  /// Bytes of one block with its node.
  private func blockBytes(_ model: Model) throws -> Int {
    let session = try Session(model, prefixCacheBytes: PrefixTests.plenty)
    _ = try session.read(text(33))
    try session.keepPrefix(of: 0, text(33))
    return try #require(session.prefixStatistics).bytes
  }

  /// Angles of "dynamic" positions change with the length beyond that of the training, here 128.
  @Test func textsWhoseLengthChangesTheirPositionsAreReadWhole() throws {
    let copy = try CheckpointCopy("llama-dynamic"), folder = try TemporaryFolder()
    copy.config["max_position_embeddings"] = 128
    try folder.write("config.json", [UInt8](try JSONSerialization.data(withJSONObject: copy.config)))
    try folder.write("model.safetensors", try safetensors(copy.tensors))
    let loaded = try model(folder.path)
    let session = try Session(loaded, prefixCacheBytes: PrefixTests.plenty), plain = try Session(loaded)
    for length in [128, 129, 127, 200] {
      let prompt = text(length, below: loaded.vocabulary)
      let expected = try plain.read(prompt)
      #expect(try session.read(prompt) == expected)
      try session.keepPrefix(of: 0, prompt)
      #expect(try session.read(prompt) == expected)
      #expect(try session.found(of: prompt) == (prompt.count <= 128 ? prompt.count - 1 : 0))
    }
  }

  @Test func whatCannotBeIsNamed() throws {
    let loaded = try model(try ConformanceCase("llama").path)
    let session = try Session(loaded, prefixCacheBytes: 1)
    #expect(refusal { () throws(Failure) in try session.keepPrefix(of: 0, [1]) }?.code == .invalidState)
    _ = try session.read(text(40))
    #expect(
      refusal { () throws(Failure) in try session.keepPrefix(of: 0, text(41)) }?.message
        == "count is 41; live sequence 0 has read 40 tokens")
    #expect(refusal { () throws(Failure) in try session.keepPrefix(of: 1, [1]) }?.code == .invalidArgument)
    // Too little for a block: nothing is kept.
    try session.keepPrefix(of: 0, text(40))
    #expect(session.prefixStatistics?.bytes == 0)
    let failure = refusal { () throws(Failure) in _ = try Session(loaded, prefixCacheBytes: -1) }
    #expect(failure?.code == .invalidArgument)
    let translator = try model(try ConformanceCase("marian").path)
    let refused = refusal { () throws(Failure) in _ = try Session(translator, prefixCacheBytes: 100) }
    #expect(refused?.code == .unsupported && refused?.message.hasPrefix("prefix_cache_bytes is 100") == true)
    let none = try Session(loaded)
    _ = try none.read(text(40))
    try none.keepPrefix(of: 0, text(40))
    #expect(none.prefixStatistics == nil)
  }
}
