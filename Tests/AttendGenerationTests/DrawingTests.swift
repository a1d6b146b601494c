import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendGeneration
import AttendLayers
import AttendModels
import AttendPictures
import AttendTestSupport
import AttendTokenizers
import Foundation
import Testing

/// DALL·E mini in all its variants, as dalle-mini 0.1.5 computes it.
@Suite("DALL·E mini") struct DalleTests {
  static let variants = [
    "dalle-mega-scan", "dalle-preln-rms-headscale", "dalle-swinv2-cosine", "dalle-cogview", "dalle-subln",
    "dalle-sinkhorn",
  ]

  /// Cosines are divided by 0.05 before the softmax of swinv2-cosine: the goldens, computed in float32, are 4e-4 away
  /// from the same computed in float64.
  private func tolerance(_ variant: String) -> Float { variant.hasSuffix("cosine") ? 1e-3 : 1e-4 }

  private func check(_ reference: DrawingCase, _ variant: String, kernels: String) throws {
    let session = try Session(model: try model(reference.path, kernels: kernels), threads: 0)
    for suffix in ["", "_uncond"] where reference.has("logits\(suffix)") {
      for index in 0..<2 {
        let text = reference.text(index, suffix)
        try session.encode([text])
        let states = reference.row("encoder_last_hidden_state\(suffix)", index).prefix(text.count * 16)
        #expect(distance(numbers(session.hiddenStates!), Array(states)) < tolerance(variant))
        let logits = try session.decode([reference.row("decoder_input_ids", index, of: Int32.self)])
        let stride = reference.has("logits_stride") ? Int(reference.numbers("logits_stride", of: Int32.self)[0]) : 1
        let width = logits.count / 12
        let kept = (0..<12).flatMap { row in
          Swift.stride(from: row * width, to: (row + 1) * width, by: stride).map { logits[$0] }
        }
        // What the states are off by grows in the decoder.
        let limit: Float = variant.hasSuffix("cosine") ? 1e-2 : 1e-4
        #expect(distance(kept, reference.row("logits\(suffix)", index)) < limit)
      }
    }
  }

  @Test("states and logits are those of the reference", arguments: variants, kernelSets)
  func goldens(variant: String, kernels: String) throws {
    try check(try DrawingCase("drawing/\(variant)"), variant, kernels: kernels)
  }

  @Test("the same of a model with the real vocabulary", .enabled(if: Shared.isThere, "needs ../shared"))
  func realVocabulary() throws { try check(try DrawingCase(shared: "mini"), "mini", kernels: kernelSets[0]) }

  @Test("logits under guidance are u + s (c - u)", arguments: variants) func guidedLogits(variant: String) throws {
    let reference = try DrawingCase("drawing/\(variant)")
    let session = try Session(model: try model(reference.path), threads: 0)
    for index in 0..<2 {
      let tokens = reference.row("decoder_input_ids", index, of: Int32.self)
      try session.encode([reference.text(index)])
      let conditioned = try session.decode([tokens])
      try session.encode([reference.text(index, "_uncond")])
      let unconditioned = try session.decode([tokens])
      let guided = zip(conditioned, unconditioned).map { $1 + 10 * ($0 - $1) }
      let limit: Float = variant.hasSuffix("cosine") ? 5e-2 : 2e-3
      #expect(distance(guided, reference.row("logits_condition_scale_10", index)) < limit)
      let width = guided.count / 12
      for row in 0..<12 where !variant.hasSuffix("cosine") {
        let best = (0..<width).max { guided[row * width + $0] < guided[row * width + $1] }
        #expect(best == Int(reference.row("argmax_condition_scale_10", index, of: Int32.self)[row]))
      }
    }
  }

  @Test("greedy tokens are those of the reference, guided and not", arguments: [1.0, 10.0])
  func greedy(scale: Double) throws {
    let reference = try DrawingCase("drawing/dalle-mega-scan")
    let session = try Session(model: try model(reference.path), threads: 0)
    var options = DrawingOptions()
    (options.temperature, options.conditionScale) = (0, scale)
    options.painter = try DrawingCase("drawing/vqgan").path
    let texts = ["a red house near the sea", "two small birds on a green branch"]
    for (index, text) in texts.enumerated() {
      let name = scale == 1 ? "greedy_ids" : "greedy_ids_condition_scale_10"
      let drawn = try Drawer(session, options).draw(text).tokens[0]
      let expected = reference.row(name, index, of: Int32.self)
      #expect(Array(drawn.prefix(expected.count)) == expected)
    }
  }

  @Test("what is not implemented is named") func refusals() throws {
    let folder = try TemporaryFolder(), source = try DrawingCase("drawing/dalle-cogview").path
    let text = try String(contentsOfFile: "\(source)/config.json", encoding: .utf8)
    try FileManager.default.copyItem(
      atPath: "\(source)/flax_model.msgpack", toPath: folder.path(of: "flax_model.msgpack"))
    for (old, new) in [
      ("\"cogview\"", "\"postln\""), ("\"use_alibi\": false", "\"use_alibi\": true"),
      ("\"use_bias\": false", "\"use_bias\": true"), ("\"layernorm\"", "\"batchnorm\""),
      ("\"use_final_ln_decoder\": true", "\"use_final_ln_decoder\": false"),
    ] {
      let changed = text.replacingOccurrences(of: old, with: new)
      #expect(changed != text)
      try folder.write("config.json", changed)
      let failure = try #require(throws: Failure.self) { try model(folder.path) }
      #expect(failure.code == .unsupported && failure.message.contains("config.json"), "\(failure.message)")
    }
  }
}

/// The folders of min-dalle, whose configuration is read from the tensors.
@Suite("min-dalle", .enabled(if: Shared.isThere, "needs ../shared")) struct MinDalleTests {
  /// The model, of 16 components in 4 heads, which a real one does not have to say.
  private func folder() throws -> (TemporaryFolder, String) {
    let folder = try TemporaryFolder(), source = (Shared.path ?? "") + "/seeing-hearing/dalle-mini/min-dalle"
    for name in ["dalle_bart_mini", "vqgan"] {
      try FileManager.default.copyItem(atPath: "\(source)/\(name)", toPath: folder.path(of: name))
    }
    return (folder, folder.path(of: "dalle_bart_mini"))
  }

  @Test("logits, guided tokens and pixels are those of min-dalle") func goldens() throws {
    let (folder, path) = try folder()
    let failure = try #require(throws: Failure.self) { try model(path) }
    #expect(failure.message.contains("not a multiple of 64"))
    try folder.write("dalle_bart_mini/config.json", "{\"encoder_attention_heads\": 4}")
    let reference = try SafetensorsFile(
      (Shared.path ?? "") + "/seeing-hearing/dalle-mini/min-dalle/expected.safetensors")
    let session = try Session(model: try model(path), threads: 0)
    let texts = reference["text_tokens"]!.int32s!, states = reference["encoder_state"]!.floats!
    let text = Array(texts[64...].prefix(1 + texts[64...].firstIndex(of: 2)! - 64))
    try session.encode([text])
    #expect(distance(numbers(session.hiddenStates!), Array(states[(64 * 16)...].prefix(text.count * 16))) < 1e-4)
    var options = DrawingOptions()
    options.temperature = 0
    let drawn = try Drawer(session, options).draw("a red house near the sea")
    let expected = reference["argmax_ids_supercondition_16_start_16383"]!.int32s!
    #expect(Array(drawn.tokens[0].prefix(expected.count)) == expected)
    let painter = try Painter(path: folder.path(of: "vqgan"), engine: session.engine)
    let pixels = try painted(painter, reference["detoker/codes"]!.int32s!, engine: session.engine)
    let third = (0..<86 * 86 * 3).map { place -> Float in
      let (row, rest) = (place / (86 * 3), place % (86 * 3))
      return pixels[(row * 3 * 256 + rest / 3 * 3) * 3 + rest % 3]
    }
    #expect(distance(third, reference["detoker/pixels_every_3rd"]!.floats!) < 1e-3)
  }
}

/// The decoder and encoder of a VQGAN.
@Suite("VQGAN") struct PainterTests {
  @Test("pixels are those of the reference", arguments: kernelSets) func pixels(kernels: String) throws {
    let reference = try DrawingCase("drawing/vqgan")
    let engine = try Engine(kernels: kernels, threads: 0)
    let painter = try Painter(path: reference.path, engine: engine)
    let pixels = try painted(painter, reference.numbers("codes", of: Int32.self), engine: engine)
    #expect(distance(pixels, reference.numbers("pixels")) < 1e-3)
  }

  @Test("pixels have the same bits on all instruction sets and any number of threads") func bits() throws {
    let reference = try DrawingCase("drawing/vqgan"), codes = reference.numbers("codes", of: Int32.self)
    var expected: [Float]?
    for kernels in kernelSets where kernels != "portable" {
      for threads in 1...3 {
        let engine = try Engine(kernels: kernels, threads: threads)
        let pixels = try painted(try Painter(path: reference.path, engine: engine), codes, engine: engine)
        #expect(pixels == expected ?? pixels)
        expected = pixels
      }
    }
  }

  @Test("dalle-mini's own VQGAN, of 256 x 256 pixels", .enabled(if: Shared.isThere, "needs ../shared"))
  func ofDalleMini() throws {
    let reference = try DrawingCase(shared: "vqgan"), engine = try Engine(kernels: nil, threads: 0)
    let painter = try Painter(path: reference.path, engine: engine)
    let codes = reference.numbers("codes", of: Int32.self)
    let pixels = try painted(painter, codes, engine: engine)
    func pixel(_ row: Int, _ column: Int) -> ArraySlice<Float> {
      pixels[(row * 256 + column) * 3..<(row * 256 + column) * 3 + 3]
    }
    let third = (0..<86).flatMap { row in (0..<86).flatMap { pixel(3 * row, 3 * $0) } }
    let last = (240..<256).flatMap { row in (240..<256).flatMap { pixel(row, $0) } }
    #expect(distance(third, reference.numbers("pixels_every_3rd_row_and_column")) < 1e-3)
    #expect(distance(last, reference.numbers("pixels_last_16x16")) < 1e-3)
    let picture = try codes.withUnsafeBufferPointer {
      try painter.picture($0, Pass(engine: engine, workspace: Workspace()))
    }
    let bytes = try picture.withPixels { Array($0) }
    var levels: [UInt8] = []
    for row in 0..<86 {
      for column in 0..<86 {
        let first = (3 * row * 256 + 3 * column) * 3
        levels += bytes[first..<first + 3]
      }
    }
    let expected = reference.numbers("u8_truncated", of: UInt8.self)
    #expect(zip(levels, expected).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
    #expect(zip(levels, expected).count { $0 != $1 } < levels.count / 200)
  }

  @Test("another depth, and the way back", .enabled(if: Shared.isThere, "needs ../shared")) func encoding() throws {
    let reference = try DrawingCase(shared: "vqgan-other"), engine = try Engine(kernels: nil, threads: 0)
    let painter = try Painter(path: reference.path, engine: engine, encodes: true)
    let pixels = try painted(painter, reference.numbers("codes", of: Int32.self), engine: engine)
    #expect(distance(pixels, reference.numbers("pixels")) < 1e-3)
    var tokens = GrowingList<Int32>(for: "tokens")
    let encoder = try #require(painter.encoder)
    try encoder.encode(
      reference.numbers("encode_pixels"), height: 32, width: 32, painter.decoder, into: &tokens,
      Pass(engine: engine, workspace: Workspace()))
    #expect(Array(tokens.elements) == reference.numbers("encode_codes", of: Int32.self))
  }
}

/// Whole drawings.
@Suite("Drawing") struct DrawingTests {
  private func dalle() throws -> Session {
    try Session(model: try model(try DrawingCase("drawing/dalle-mega-scan").path), threads: 0)
  }

  private func options(_ change: (inout DrawingOptions) -> Void = { _ in }) throws -> DrawingOptions {
    var options = DrawingOptions()
    options.painter = try DrawingCase("drawing/vqgan").path
    options.conditionScale = 1.5  // random weights leave little choice under more
    change(&options)
    return options
  }

  @Test("the same request gives the same pictures, and more candidates the same first ones") func repeats() throws {
    let session = try dalle()
    let many = try Drawer(session, try options { ($0.seed, $0.candidates) = (7, 4) }).draw("a red circle")
    let again = try Drawer(try dalle(), try options { ($0.seed, $0.candidates) = (7, 4) }).draw("a red circle")
    let few = try Drawer(session, try options { ($0.seed, $0.candidates) = (7, 2) }).draw("a red circle")
    #expect(many.tokens == again.tokens && many.pixels == again.pixels)
    #expect(Array(many.tokens.prefix(2)) == few.tokens && Array(many.pixels.prefix(2)) == few.pixels)
    #expect(Set(many.tokens).count == 4)
    let other = try Drawer(session, try options { $0.seed = 8 }).draw("a red circle")
    #expect(other.tokens[0] != many.tokens[0])
    #expect(many.tokens.allSatisfy { $0.count == 25 && $0.allSatisfy { (0..<300).contains($0) } })
    #expect(many.pixels.allSatisfy { $0.count == 10 * 10 * 3 })
  }

  @Test("a Janus draws the tokens and pixels of the reference") func janus() throws {
    let reference = try DrawingCase("features/janus")
    let session = try Session(model: try model(reference.path), threads: 0)
    let drawing = try Drawer(session, DrawingOptions(greedy: true)).draw("a red circle on the grass")
    #expect(drawing.tokens[0] == reference.numbers("drawn_ids", of: Int32.self))
    let painter = try session.model.painter(nil, engine: session.engine)
    let pixels = try painted(painter, drawing.tokens[0], engine: session.engine)
    let expected = reference.numbers("drawn_pixels")
    #expect(distance(pixels, expected) < 1e-3)
    let levels = expected.map { UInt8(max(0, min(255, ($0 * 0.5 + 0.5) * 255))) }
    #expect(zip(drawing.pixels[0], levels).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
    // Its pictures under random numbers do not depend on each other either.
    var options = DrawingOptions()
    (options.seed, options.candidates) = (3, 3)
    let many = try Drawer(session, options).draw("a blue square")
    options.candidates = 1
    #expect(try Drawer(session, options).draw("a blue square").tokens[0] == many.tokens[0])
  }

  @Test("what cannot be drawn is named") func refusals() throws {
    let session = try dalle()
    func failure(_ change: (inout DrawingOptions) -> Void) throws -> Failure {
      try #require(throws: Failure.self) { try Drawer(session, try options(change)).draw("x") }
    }
    #expect(try failure { $0.candidates = 0 }.message.contains("candidates is 0"))
    #expect(try failure { $0.temperature = -1 }.message.contains("temperature is -1"))
    #expect(try failure { $0.temperature = .nan }.message.contains("temperature"))
    #expect(try failure { ($0.temperature, $0.candidates) = (0, 2) }.message.contains("same picture"))
    #expect(try failure { $0.topP = 0 }.message.contains("top_p"))
    #expect(try failure { $0.conditionScale = .infinity }.message.contains("condition_scale"))
    #expect(try failure { $0.painter = "/nowhere" }.code == .notFound)
    #expect(try failure { $0.painter = session.model.checkpoint.folder }.code == .unsupported)
    let reader = try Session(model: try model(try ConformanceCase("bart").path), threads: 0)
    #expect(throws: Failure.self) { try Drawer(reader, DrawingOptions()) }
    let judged = try #require(throws: Failure.self) { try Drawer(session, try options(), judge: reader.model) }
    #expect(judged.message.contains("compares no pictures"))
  }

  @Test("texts are prepared as dalle-mini's program does") func texts() throws {
    struct Case: Decodable { let text: String, normalised: String }
    let path = Repository.root.appendingPathComponent("Tests/Fixtures/drawing/text_normaliser.json")
    for reference in try JSONDecoder().decode([Case].self, from: try Data(contentsOf: path)) {
      let result = try Array(reference.text.utf8).withUnsafeBytes {
        let made = try PromptNormalizer.normalised($0)
        return made.elements.reduce(into: "") { $0.unicodeScalars.append(Unicode.Scalar($1)) }
      }
      #expect(result == reference.normalised)
    }
    let plain = try Array("  A Café,\u{1F600} near   HOME ".utf8).withUnsafeBytes {
      let made = try PromptNormalizer.plain($0)
      return made.elements.reduce(into: "") { $0.unicodeScalars.append(Unicode.Scalar($1)) }
    }
    #expect(plain == " a caf, near home")
  }
}

extension DrawingOptions {
  fileprivate init(greedy: Bool) {
    self.init()
    if greedy { temperature = 0 }
  }
}
