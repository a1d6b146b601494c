import AttendBase
import AttendGeneration
import AttendLayers
import AttendModels
import Testing

/// Layers with a window give back the pages that nobody will read.
@Suite struct WindowTests {
  /// All layers have a window, or some.
  private static let windowed = ["mistral", "gemma3", "gemma2", "gpt_oss", "qwen2-windows"]

  @Test(arguments: windowed, [ComputeType.float32, .int8]) func aTextInPiecesHasTheBitsOfOneCall(
    name: String, compute: ComputeType
  ) throws {
    let session = try Session(try model(try ConformanceCase(name).path, compute: compute))
    let text = text(210, below: min(session.model.vocabulary, 93))
    try session.add(empty: 1)
    let expected = try session.decode([text], tails: [text.count])
    for piece in [1, 7, 50] {
      try session.select([])
      try session.add(empty: 1)
      var rows: [[Float]] = []
      for start in stride(from: 0, to: text.count, by: piece) {
        let part = Array(text[start..<min(start + piece, text.count)])
        rows += try session.decode([part], tails: [part.count])
      }
      #expect(rows == expected)
    }
  }

  @Test(arguments: ["mistral", "gemma3"]) func selectedSequencesKeepWhatTheyRead(name: String) throws {
    let session = try Session(try model(try ConformanceCase(name).path))
    let whole = text(160)
    try session.add(empty: 1)
    let expected = try session.decode([whole], tails: [60])
    try session.select([])
    try session.add(empty: 2)
    _ = try session.decode([Array(whole[..<100]), text(40, seed: 1)], tails: [0, 0])
    try session.select([0, 1, 0, 0])
    for place in 100..<160 {
      let logits = try session.step([whole[place], 5, whole[place], whole[place]])
      #expect([0, 2, 3].allSatisfy { logits[$0] == expected[place - 100] })
    }
  }

  /// A layer takes 4 KB of a page: keys and values of 2 heads of 8 components, in float32.
  @Test func memoryDoesNotGrowWhereAllLayersHaveAWindow() throws {
    let session = try Session(try model(try ConformanceCase("mistral").path))
    #expect(try grown(session, from: 1000, to: 6000) < 6 * 4096)  // the lists of pages, which double
  }

  @Test func onlyLayersThatLookBackAllTheWayTakeMemory() throws {
    let session = try Session(try model(try ConformanceCase("gemma3").path))
    let full = 5000 / 32 * 4096
    #expect(try grown(session, from: 1000, to: 6000) < full + full / 8)
  }

  private func grown(_ session: Session, from first: Int, to limit: Int) throws -> Int {
    try session.add(empty: 1)
    let text = text(limit)
    var before = 0
    for place in stride(from: 0, to: limit, by: 50) {
      if place == first { before = session.bytes }
      _ = try session.decode([Array(text[place..<place + 50])], tails: [1])
    }
    return session.bytes - before
  }

  @Test func mapsOfHiddenKeysAreZero() throws {
    let session = try Session(try model(try ConformanceCase("gemma3").path))
    let text = text(130)
    session.recordAttentions(true)
    try session.add(empty: 1)
    _ = try session.decode([text], tails: [1])
    let whole = try (0..<6).map { try lastQuery(session, layer: $0) }
    try session.select([])
    try session.add(empty: 1)
    for token in text { _ = try session.decode([[token]], tails: [1]) }
    #expect(try (0..<6).map { try lastQuery(session, layer: $0) } == whole)
    #expect(whole[0].prefix(124).allSatisfy { $0 == 0 } && whole[0][124] > 0)
  }

  /// The probabilities of the last query of the first head.
  private func lastQuery(_ session: Session, layer: Int) throws -> [Float] {
    let map = try session.attention(.decoder, layer: layer, sequence: 0)
    return Array(UnsafeBufferPointer(start: map.base + (map.queries - 1) * map.keys, count: map.keys))
  }

  @Test(arguments: ["mistral", "gemma3"]) func cutsEndWhereTheWindowPassed(name: String) throws {
    let session = try Session(try model(try ConformanceCase(name).path))
    let text = text(130)
    _ = try session.read(text)
    // Nothing was given back yet: what the last call read can be cut.
    try session.truncate(0, to: 90)
    let expected = try session.step([9])
    // The window of 6 ends at position 85, in the third page.
    let failure = refusal { () throws(Failure) in try session.truncate(0, to: 68) }
    #expect(failure?.code == .invalidState)
    #expect(
      failure?.message
        == "length is 68; layers with a window have given back what live sequence 0 read first: it can be cut to 69 "
        + "tokens or more, or to 0")
    #expect(session.length(0) == 91)
    try session.truncate(0, to: 69)
    let after = try session.step([8])
    _ = try session.read(Array(text[..<69]))
    #expect(try session.step([8]) == after)
    try session.truncate(0, to: 0)
    _ = try session.decode([Array(text[..<90])], tails: [0])
    #expect(try session.step([9]) == expected)
  }
}
