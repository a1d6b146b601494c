import AttendBase
import AttendCheckpoints
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// Options of configurations that make no sense, or that nothing here computes: an error that names the key.
@Suite struct RefusedOptionsTests {
  struct Change: Sendable, CustomStringConvertible {
    let name: String, key: String, value: String, code: Failure.Code

    init(_ name: String, _ key: String, _ value: String, _ code: Failure.Code = .invalidFile) {
      (self.name, self.key, self.value, self.code) = (name, key, value, code)
    }

    var description: String { "\(name): \(key) = \(value)" }
  }

  @Test(arguments: [
    Change("t5", "feed_forward_proj", "\"gated-gelu-twice\""), Change("t5", "feed_forward_proj", "\"double-gelu\""),
    Change("t5", "dense_act_fn", "\"softplus\"", .unsupported), Change("t5", "is_decoder", "true", .unsupported),
    Change("t5", "relative_attention_max_distance", "16000000"), Change("t5", "relative_attention_max_distance", "8"),
    Change("t5", "relative_attention_num_buckets", "0"), Change("t5", "num_decoder_layers", "1000000"),
    Change("t5", "d_kv", "0"), Change("mpnet", "max_position_embeddings", "2"),
    Change("mpnet", "num_attention_heads", "5"), Change("mpnet", "hidden_act", "\"maxout\"", .unsupported),
    Change("modernbert", "local_attention", "1"), Change("modernbert", "layer_types", "[\"full_attention\"]"),
    Change(
      "modernbert", "layer_types",
      "[\"full_attention\", \"chunked_attention\", \"full_attention\", \"full_attention\"]", .unsupported),
    Change("modernbert-sequence-classification", "classifier_pooling", "\"max\"", .unsupported),
    Change("modernbert-masked-lm", "tie_word_embeddings", "false", .unsupported),
    Change("deberta-v2", "pos_att_type", "[\"p2p\"]", .unsupported), Change("deberta-v2", "position_buckets", "1"),
    Change("deberta-v2", "position_buckets", "100"), Change("deberta-v2", "attention_head_size", "16"),
    Change("deberta-v2", "conv_kernel_size", "2"),
    Change("deberta-v2-question-answering", "conv_groups", "2", .unsupported),
    Change("deberta-v2-sequence-classification", "pooler_hidden_size", "17"),
    Change("deberta-v2-masked-lm", "legacy", "false"), Change("whisper", "encoder_attention_heads", "5"),
    Change("wav2vec2-ctc", "conv_kernel", "[10, 0, 3]"), Change("wav2vec2-ctc", "conv_stride", "[5, 2]"),
    Change("wav2vec2-ctc", "feat_extract_norm", "\"batch\""),
    Change("wav2vec2-ctc", "num_conv_pos_embedding_groups", "5"),
    Change("wav2vec2-ctc", "num_conv_pos_embeddings", "1000000"),
    Change("wav2vec2-ctc", "add_adapter", "true", .unsupported),
    Change("wav2vec2-ctc", "adapter_attn_dim", "16", .unsupported),
    Change("hubert", "conv_pos_batch_norm", "true", .unsupported), Change("wavlm", "max_bucket_distance", "8"),
    Change("wav2vec2-bert", "position_embeddings_type", "\"rotary\"", .unsupported),
    Change("wav2vec2-bert", "conv_depthwise_kernel_size", "4"), Change("ast", "patch_size", "40"),
    Change("ast", "num_mel_bins", "2000000000"),
  ]) func isNamed(change: Change) throws {
    let fixtures = Repository.root.appendingPathComponent("Tests/Fixtures")
    let files = ["conformance", "heads", "features"].map {
      fixtures.appendingPathComponent("\($0)/\(change.name)/config.json")
    }
    let data = try Data(contentsOf: try #require(files.first { FileManager.default.fileExists(atPath: $0.path) }))
    var config = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    config[change.key] = try JSONSerialization.jsonObject(with: Data(change.value.utf8), options: .fragmentsAllowed)
    let folder = try TemporaryFolder()
    try folder.write("config.json", [UInt8](JSONSerialization.data(withJSONObject: config)))
    let failure = #expect(throws: Failure.self) {
      try Registry.blueprint(try Configuration(file: folder.path(of: "config.json")))
    }
    #expect(failure?.code == change.code)
    // The size that does not fit is named where the two that do not fit each other are several.
    let key =
      change.key == "legacy"
      ? "embedding_size" : change.key == "relative_attention_num_buckets" ? "relative_attention" : change.key
    #expect(failure?.message.contains(key) == true, "\(failure?.message ?? "")")
  }
}
