import AttendCheckpoints
import AttendModels
import AttendTestSupport
import Testing

/// Sizes that a configuration states, as a model tells them.
@Suite struct StatedSizesTests {
  private func blueprint(_ config: String) throws -> Blueprint {
    let folder = try TemporaryFolder()
    try folder.write("config.json", [UInt8](config.utf8))
    return try Registry.blueprint(try Configuration(file: folder.path(of: "config.json")))
  }

  @Test func bothSidesOfATranslationHaveTheirVocabularies() throws {
    let blueprint = try blueprint(
      """
      {"model_type": "fsmt", "d_model": 16, "src_vocab_size": 41, "tgt_vocab_size": 37, "encoder_layers": 1,
       "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 20,
       "decoder_ffn_dim": 20, "max_position_embeddings": 64, "tie_word_embeddings": false}
      """)
    #expect(blueprint.encoder?.vocabulary == 41)
    #expect(blueprint.decoder?.vocabulary == 37)
  }

  private static let llama = """
    "model_type": "llama", "hidden_size": 16, "intermediate_size": 20, "num_attention_heads": 2, "vocab_size": 41,
    "num_hidden_layers": 1
    """

  @Test(arguments: [
    ("\"max_position_embeddings\": 64", 64), ("\"max_length\": 64", nil),
    ("\"max_position_embeddings\": 64, \"rope_scaling\": {\"type\": \"linear\", \"factor\": 4}", 64),
    ("\"max_position_embeddings\": 64, \"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 4}", 256),
    (
      """
      "max_position_embeddings": 64, "rope_parameters":
      {"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 32}
      """, 128
    ),
  ]) func positionsThatAreComputedAreStated(keys: String, positions: Int?) throws {
    #expect(try blueprint("{\(StatedSizesTests.llama), \(keys)}").decoder?.statedPositions == positions)
  }

  @Test func classesAreNamed() throws {
    let names = "\"architectures\": [\"LlamaForSequenceClassification\"], \"id2label\": {\"0\": \"no\", \"1\": \"yes\"}"
    #expect(try blueprint("{\(StatedSizesTests.llama), \(names)}").labels.texts == ["no", "yes"])
    let count = "\"architectures\": [\"LlamaForSequenceClassification\"], \"num_labels\": 3"
    #expect(
      try blueprint("{\(StatedSizesTests.llama), \(count)}").labels.texts == ["LABEL_0", "LABEL_1", "LABEL_2"])
  }

  @Test func tensorsOfEachLayerAreIgnored() throws {
    let blueprint = try blueprint("{\(StatedSizesTests.llama)}")
    let layers = try #require(blueprint.last).layers.count
    func name(_ layer: String) -> String { "layers.\(layer).self_attn.rotary_emb.inv_freq" }
    for ignored in ["rotary_emb.inv_freq", name("0"), name("\(layers - 1)")] {
      #expect(blueprint.ignores(ignored[...].utf8), "\(ignored)")
    }
    for other in ["", "inv_freq", name(""), name("#"), name("x"), name("-1"), name("\(layers)"), name("0") + "s"] {
      #expect(!blueprint.ignores(other[...].utf8), "\(other)")
    }
    #expect(!blueprint.ignores(name("99999999999999999999")[...].utf8))
  }
}

extension LabelNames {
  /// The names of the classes from number 0 on.
  fileprivate var texts: [String] { (0..<count).map { self[$0].map { String(decoding: $0, as: UTF8.self) } ?? "" } }
}
