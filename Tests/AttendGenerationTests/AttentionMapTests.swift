import AttendBase
import AttendGeneration
import AttendLayers
import AttendModels
import Testing

/// The cases that hold attention maps.
private let recorded = ConformanceCases.all.map { $0.name }.filter { name in
  guard let reference = try? ConformanceCase(name) else { return false }
  return reference.has("attentions.0") || reference.has("encoder_attentions.0")
}

@Suite struct AttentionMapTests {
  /// The largest difference between the maps of a layer and what `[batch, heads, queries, keys]` says of places that
  /// stand for tokens.
  private func difference(
    _ session: Session, _ kind: AttentionRecorder.Kind, _ layer: Int, _ expected: (shape: [Int], values: [Float]),
    queries: [[Int]]?, keys: [[Int]]?
  ) throws -> Float {
    let shape = expected.shape
    var largest: Float = 0
    for sequence in 0..<shape[0] {
      let map = try session.attention(kind, layer: layer, sequence: sequence)
      let (rows, columns) = (queries?[sequence] ?? Array(0..<shape[2]), keys?[sequence] ?? Array(0..<shape[3]))
      guard map.heads == shape[1], map.queries == rows.count, map.keys == columns.count else { return .infinity }
      var place = map.base
      for head in 0..<map.heads {
        for row in rows {
          for column in columns {
            let wanted = expected.values[((sequence * shape[1] + head) * shape[2] + row) * shape[3] + column]
            largest = max(largest, abs(wanted - place.pointee).isNaN ? .infinity : abs(wanted - place.pointee))
            place += 1
          }
        }
      }
    }
    return largest
  }

  /// The places of each source that stand for tokens.
  private func places(_ reference: ConformanceCase) -> [[Int]] {
    let shape = reference.ids("input_ids").shape
    guard reference.has("attention_mask") else { return Array(repeating: Array(0..<shape[1]), count: shape[0]) }
    let mask = reference.ids("attention_mask").values
    return (0..<shape[0]).map { row in (0..<shape[1]).filter { mask[row * shape[1] + $0] != 0 } }
  }

  @Test func thereAreCases() { #expect(recorded.count >= 40, "\(recorded)") }

  @Test(arguments: recorded, kernelSets) func mapsAreThoseOfTheReference(name: String, kernels: String) throws {
    let reference = try ConformanceCase(name)
    let session = try Session(model: try model(reference.path, kernels: kernels), threads: 0)
    session.recordAttentions(true)
    try session.encode(reference.sources, types: reference.types)
    let places = places(reference)
    if reference.has("encoder_attentions.0") {
      #expect(
        try difference(session, .encoder, 0, reference.floats("encoder_attentions.0"), queries: places, keys: places)
          < 1e-5)
      _ = try session.decode(reference.targets)
      #expect(
        try difference(session, .decoder, 0, reference.floats("decoder_attentions.0"), queries: nil, keys: nil) < 1e-5)
      #expect(
        try difference(session, .cross, 0, reference.floats("cross_attentions.0"), queries: nil, keys: places) < 1e-5)
    } else {
      let kind: AttentionRecorder.Kind = session.model.encoder == nil ? .decoder : .encoder
      let layers = (session.model.encoder ?? session.model.decoder)!.layers.count
      for layer in 0..<layers where reference.has("attentions.\(layer)") {
        #expect(
          try difference(session, kind, layer, reference.floats("attentions.\(layer)"), queries: places, keys: places)
            < 1e-5)
      }
    }
  }

  /// A prompt in two calls: the rows of the second are the last rows of the whole.
  @Test func aLaterCallHasTheRowsOfItsTokens() throws {
    let reference = try ConformanceCase("llama")
    let session = try Session(model: try model(reference.path), threads: 0)
    session.recordAttentions(true)
    let prompt = reference.sources[0]
    try session.encode([prompt])
    let whole = try session.attention(.decoder, layer: 1, sequence: 0)
    let rows = (0..<whole.heads).map { head in
      Array(
        UnsafeBufferPointer(
          start: whole.base + (head * whole.queries + 6) * whole.keys, count: (whole.queries - 6) * whole.keys))
    }
    try session.encode([Array(prompt[..<6])])
    _ = try session.decode([Array(prompt[6...])])
    let part = try session.attention(.decoder, layer: 1, sequence: 0)
    #expect(part.queries == prompt.count - 6 && part.keys == prompt.count)
    let count = part.queries * part.keys
    #expect((0..<part.heads).map { Array(UnsafeBufferPointer(start: part.base + $0 * count, count: count)) } == rows)
  }

  @Test func recordingChangesNoBitAndTakesNoMemoryWhenOff() throws {
    let reference = try ConformanceCase("marian")
    let model = try model(reference.path)
    let (plain, recording) = (try Session(model: model, threads: 0), try Session(model: model, threads: 0))
    recording.recordAttentions(true)
    try plain.encode(reference.sources)
    try recording.encode(reference.sources)
    #expect(try plain.decode(reference.targets) == recording.decode(reference.targets))
    #expect(recording.bytes > plain.bytes)
  }
}
