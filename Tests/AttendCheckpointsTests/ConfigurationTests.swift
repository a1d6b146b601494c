import AttendBase
import AttendCheckpoints
import AttendTestSupport
import Foundation
import Testing

@Suite("Configurations") struct ConfigurationTests {
  private func configuration(_ text: String) throws -> Configuration { try Configuration(try parseJSON(text)) }

  @Test("values are read under any of their names; the first that is not null counts") func names() throws {
    let config = try configuration(
      #"{"n_embd": 32, "hidden_size": null, "d_model": 64, "eps": 1e-05, "scale": true, "act": "gelu", "layers": 2.0}"#)
    #expect(try config.size("hidden_size", "n_embd", "d_model") == 32)
    #expect(try config.size("d_model", "n_embd") == 64)
    #expect(try config.number("eps") == 1e-5 && config.number("n_embd") == 32)
    #expect(try config.boolean("scale"))
    #expect(try config.string("act") == "gelu")
    #expect(try config.integer("layers") == 2)
    #expect(config.holds("n_embd") && !config.holds("hidden_size") && !config.holds("none"))
  }

  @Test("without the key the default counts, or the error names the keys") func defaults() throws {
    let config = try configuration(#"{"a": null}"#)
    #expect(
      try config.integer("a", default: 7) == 7 && config.size("b", default: 8) == 8
        && config.number("a", default: 0.5) == 0.5)
    #expect(try config.boolean("a", default: true) && config.string("a", default: "x") == "x")
    #expect(
      try config.optionalInteger("a") == nil && config.optionalSize("a") == nil && config.optionalNumber("a") == nil
        && config.optionalBoolean("a") == nil)
    #expect(
      try config.optionalString("a") == nil && config.optionalIntegers("a") == nil && config.optionalNumbers("a") == nil
        && config.optionalStrings("a") == nil)
    #expect(try config.child("a") == nil)
    let reads: [() throws -> Void] = [
      { _ = try config.integer("d_model", "a") }, { _ = try config.size("d_model", "a") },
      { _ = try config.number("d_model", "a") }, { _ = try config.boolean("d_model", "a") },
      { _ = try config.string("d_model", "a") },
    ]
    for read in reads {
      let failure = try #require(throws: Failure.self) { try read() }
      #expect(failure.code == .invalidFile && failure.message == "test.json: d_model or a is missing")
    }
  }

  @Test(
    "values of the wrong type or size are named with file, key and value",
    arguments: ["-1", "1.5", "2147483648", "1e10", "\"3\"", "true", "[1]", "{}", "1e400", "NaN"]) func wrongIntegers(
      _ text: String
    ) throws
  {
    let config = try configuration(#"{"outer": {"n": \#(text)}}"#)
    let outer = try #require(try config.child("outer"))
    let failure = try #require(throws: Failure.self) { try outer.integer("n", default: 3) }
    #expect(
      failure.code == .invalidFile
        && failure.message == "test.json: outer.n is \(text), expected an integer from 0 to 2147483647")
    #expect(throws: Failure.self) { try outer.size("n") }
    #expect(throws: Failure.self) { try outer.optionalInteger("n") }
    #expect(throws: Failure.self) { try outer.optionalSize("n") }
  }

  @Test("other values of the wrong type are refused") func wrongTypes() throws {
    let config = try configuration(
      #"{"zero": 0, "text": "x", "no": false, "inf": Infinity, "list": [1, "x"], "deep": [[1]], "long": "#
        + #""\#(String(repeating: "y", count: 200))"}"#
    )
    #expect(throws: Failure.self) { try config.size("zero") }
    #expect(try config.integer("zero") == 0)
    #expect(throws: Failure.self) { try config.number("text") }
    #expect(throws: Failure.self) { try config.number("inf") }
    #expect(throws: Failure.self) { try config.number("no") }
    #expect(throws: Failure.self) { try config.boolean("zero") }
    #expect(throws: Failure.self) { try config.string("no") }
    #expect(throws: Failure.self) { try config.optionalIntegers("list") }
    #expect(throws: Failure.self) { try config.optionalNumbers("list") }
    #expect(throws: Failure.self) { try config.optionalStrings("list") }
    #expect(throws: Failure.self) { try config.optionalIntegers("deep") }
    #expect(throws: Failure.self) { try config.child("list") }
    let long = try #require(throws: Failure.self) { try config.integer("long") }
    #expect(long.message.count < 150)
    #expect(throws: Failure.self) { try configuration("[]") }
  }

  @Test("lists may be single integers") func lists() throws {
    let config = try configuration(
      #"{"one": 2, "many": [3, 4], "none": [], "factors": [1, 2.5], "types": ["full", "sliding"]}"#)
    #expect(
      try config.optionalIntegers("one") == [2] && config.optionalIntegers("many") == [3, 4]
        && config.optionalIntegers("none") == [])
    #expect(try config.optionalNumbers("factors") == [1, 2.5])
    #expect(try config.optionalStrings("types") == ["full", "sliding"])
  }

  @Test("what nobody asked for can be named") func unread() throws {
    let config = try configuration(
      #"{"a": 1, "b": 2, "rope": {"theta": 1, "kind": "x", "factor": 8}, "c": 3, "dropout": 0.1, "other": {"x": 1}}"#)
    _ = try config.integer("b", "a")
    config.understand("dropout")
    _ = try config.child("rope")?.number("theta")
    _ = try config.child("rope")?.string("kind")
    #expect(config.unread == ["rope.factor", "c", "other"])
    #expect(config.invalid("a", "is odd").message == "test.json: a is odd")
    #expect(try config.child("rope")?.invalid("theta", "is odd").message == "test.json: rope.theta is odd")
  }
}

@Suite("Model folders") struct ModelFolderTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func open(_ config: String, generation: String? = nil) throws -> ModelConfigurations {
    try folder.write("config.json", config)
    if let generation { try folder.write("generation_config.json", generation) }
    return try ModelConfigurations(HuggingFaceFolder(folder.path))
  }

  private func refusal(_ path: String) throws -> Failure {
    try #require(throws: Failure.self) { try ModelConfigurations(HuggingFaceFolder(path)) }
  }

  @Test("a path that is no model folder is refused by name") func missing() throws {
    for path in [folder.path(of: "none"), "", "a\0b"] { #expect(try refusal(path).code == .notFound) }
    #expect(try refusal(folder.path(of: "none")).message == "\(folder.path)/none does not exist")
    #expect(try refusal(folder.path).message == "\(folder.path) holds no config.json")
    try folder.write("file", "x")
    #expect(try refusal(folder.path(of: "file")).message == "\(folder.path) holds no config.json")
  }

  @Test("broken configurations are refused with file, line and column") func broken() throws {
    #expect(
      try #require(throws: Failure.self) { try open("{\n \"d_model\": 12,,\n}") }.message
        == "\(folder.path)/config.json, line 2, column 16: expected a key in quotes")
    #expect(try #require(throws: Failure.self) { try open("") }.code == .invalidFile)
    #expect(
      try #require(throws: Failure.self) { try open("[]") }.message == "\(folder.path)/config.json is not a JSON object"
    )
    #expect(
      try #require(throws: Failure.self) { try open("{}", generation: "{") }.message.hasPrefix(
        "\(folder.path)/generation_config.json, line 1"))
    #expect(
      try #require(throws: Failure.self) { try open("{}", generation: "3") }.message
        == "\(folder.path)/generation_config.json is not a JSON object")
  }

  @Test("the texts stay as they stand, and end with NUL") func texts() throws {
    let model = try open("{ \"a\" : 1 }\n", generation: "{}\n\n")
    #expect(String(decoding: model.modelText.bytes, as: UTF8.self) == "{ \"a\" : 1 }\n")
    #expect(model.modelText.bytes.baseAddress?.load(fromByteOffset: model.modelText.bytes.count, as: UInt8.self) == 0)
    #expect(model.generationText.map { String(decoding: $0.bytes, as: UTF8.self) } == "{}\n\n")
    for path in [folder.path, folder.path + "/"] {
      let files = try HuggingFaceFolder(path)
      #expect(files.path(of: "x") == folder.path + "/x" && files.holds("config.json") && !files.holds("x"))
      #expect(
        files.firstName { $0.hasPrefix("config") } == "config.json" && files.folder("a").path == folder.path + "/a")
    }
  }

  @Test(
    "generation_config.json, where present, is the only source; config.json may still tell tokens of the vocabulary"
  ) func sources() throws {
    let config = """
      {"decoder_start_token_id": 5, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3, "unk_token_id": 4,
      "forced_bos_token_id": 6, "forced_eos_token_id": 7,
       "max_length": 512, "num_beams": 6, "bad_words_ids": [[8]], "early_stopping": true}
      """
    let model = try open(
      config,
      generation:
        #"{"decoder_start_token_id": 9, "eos_token_id": [10, 11], "min_length": 2, "early_stopping": "never"}"#)
    let both = model.defaults
    #expect(both.decoderStart == 9 && both.begin == 1 && both.end == [10, 11] && both.pad == 3 && both.unknown == 4)
    #expect(
      both.forcedBegin == nil && both.forcedEnd == nil && both.maximalLength == nil && both.minimalLength == 2
        && both.beams == nil && both.badWords == [])
    #expect(both.earlyStopping == .never)
    #expect(model.model.unread == [])
    try folder.remove("generation_config.json")
    let alone = try open(config).defaults
    #expect(
      alone.decoderStart == 5 && alone.end == [2] && alone.forcedBegin == 6 && alone.forcedEnd == 7
        && alone.maximalLength == 512 && alone.beams == 6)
    #expect(alone.badWords == [[8]] && alone.earlyStopping == .first)
  }

  @Test("all keys of generation are read") func keys() throws {
    let defaults = try open(
      "{}",
      generation: """
        {"max_length": 20, "max_new_tokens": 21, "min_length": 1, "min_new_tokens": 2, "num_beams": 4,
        "length_penalty": -0.5, "early_stopping": false, "no_repeat_ngram_size": 3,
         "repetition_penalty": 1.25, "do_sample": true, "temperature": 0.75, "top_k": 50, "top_p": 0.5,
         "suppress_tokens": [1, 2], "begin_suppress_tokens": [3],
         "bad_words_ids": [[4, 5], [6]], "pad_token_id": -1, "bos_token_id": null, "forced_eos_token_id": [9],
         "unk_token_id": 0, "guidance_scale": 3}
        """)
    let generation = defaults.defaults
    #expect(
      generation.maximalLength == 20 && generation.maximalNewTokens == 21 && generation.minimalLength == 1
        && generation.minimalNewTokens == 2)
    #expect(
      generation.beams == 4 && generation.lengthPenalty == -0.5 && generation.earlyStopping == .likely
        && generation.noRepeatSize == 3)
    #expect(
      generation.repetitionPenalty == 1.25 && generation.samples == true && generation.temperature == 0.75
        && generation.topK == 50 && generation.topP == 0.5)
    #expect(
      generation.suppressed == [1, 2] && generation.suppressedFirst == [3] && generation.badWords == [[4, 5], [6]])
    #expect(
      generation.pad == nil && generation.begin == nil && generation.forcedEnd == 9 && generation.unknown == 0
        && generation.end == [])
    #expect(defaults.generation?.unread == ["guidance_scale"])
  }

  @Test("the decoder inside a configuration speaks where the whole says nothing") func nested() throws {
    let generation = try open(
      #"{"pad_token_id": 1, "text_config": {"pad_token_id": 5, "eos_token_id": 2, "max_length": 30}, "decoder": null}"#
    ).defaults
    #expect(generation.pad == 1 && generation.end == [2] && generation.maximalLength == 30)
  }

  @Test(
    "tokens that are no tokens are refused",
    arguments: [
      #""eos_token_id": "</s>""#, #""eos_token_id": [1, -2]"#, #""pad_token_id": -2"#,
      #""decoder_start_token_id": 1.5"#, #""bos_token_id": 4294967296"#, #""bad_words_ids": [1]"#,
      #""suppress_tokens": {}"#, #""early_stopping": "often""#, #""num_beams": 0"#, #""temperature": "hot""#,
    ]) func badValues(_ member: String) throws
  {
    let key = member.split(separator: "\"")[0]
    for generation in [nil, "{\(member)}"] {
      let failure = try #require(throws: Failure.self) {
        try open(generation == nil ? "{\(member)}" : "{}", generation: generation)
      }
      #expect(failure.code == .invalidFile && failure.message.contains("config.json: \(key) is "), "\(failure.message)")
    }
  }

  @Test("several forced last tokens are said to be beyond this version") func severalForced() throws {
    let failure = try #require(throws: Failure.self) { try open(#"{"forced_eos_token_id": [1, 2]}"#) }
    #expect(failure.code == .unsupported && failure.message.contains("forced_eos_token_id"))
  }

  // Needs the model beside the checkout.
  @Test("a checkpoint without generation_config.json is read from config.json", .enabled(if: Shared.isThere))
  func bart() throws {
    let model = try ModelConfigurations(HuggingFaceFolder(try #require(Shared.path) + "/models/bart-g2p-us"))
    #expect(
      model.defaults.forcedEnd == 2 && model.defaults.decoderStart == 1 && model.defaults.end == [2]
        && model.defaults.pad == 0)
    #expect(model.generationText == nil)
    let marian = try ModelConfigurations(HuggingFaceFolder(try #require(Shared.path) + "/conformance/marian"))
    #expect(marian.defaults.forcedEnd == nil && marian.defaults.decoderStart == 98)
  }
}
