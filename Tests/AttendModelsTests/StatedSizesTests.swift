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
    #expect(try blueprint("{\(StatedSizesTests.llama), \(names)}").labels == [0: "no", 1: "yes"])
    let count = "\"architectures\": [\"LlamaForSequenceClassification\"], \"num_labels\": 3"
    #expect(
      try blueprint("{\(StatedSizesTests.llama), \(count)}").labels == [0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"])
  }
}
