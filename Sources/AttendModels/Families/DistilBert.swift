import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// DistilBERT (Sanh et al. 2019, arXiv:1910.01108): BERT's layers under other names, without token types and pooler.
enum DistilBert: Family {
  static let modelTypes = ["distilbert"]
  static let capabilities = Capabilities.encoder(HeadTask.ofEncoders)
  static let keyAliases = ["dim": "hidden_size", "n_heads": "num_attention_heads", "n_layers": "num_hidden_layers"]

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let width = try config.size("dim")
    let layer = "transformer.layer.#"
    let name = "embeddings.position_embeddings.weight"
    let choices = BertChoices(
      prefix: "distilbert.", width: width, layers: try config.layers("n_layers"),
      heads: try config.divisor("n_heads", of: width, "dim"), feedForwardWidth: try config.size("hidden_dim"),
      activation: try config.activation("activation", default: "gelu"), epsilon: 1e-12,
      embedding: EmbeddingBlueprint(
        tokens: ["embeddings.word_embeddings.weight"],
        // Sinusoidal tables are stored like learned ones.
        positions: .learned(name: name, count: try config.size("max_position_embeddings"), offset: 0),
        norm: NormBlueprint(name: "embeddings.LayerNorm", epsilon: 1e-12)),
      names: BertChoices.LayerNames(
        query: "\(layer).attention.q_lin", key: "\(layer).attention.k_lin", value: "\(layer).attention.v_lin",
        output: "\(layer).attention.out_lin", attentionNorm: "\(layer).sa_layer_norm", up: "\(layer).ffn.lin1",
        down: "\(layer).ffn.lin2", feedForwardNorm: "\(layer).output_layer_norm"),
      vocabulary: try config.size("vocab_size"))
    return try .bertLine(
      modelType: modelType, choices, head: try head(config, choices),
      ignored: ["embeddings.position_ids", "vocab_projector.weight"])
  }

  private static func head(_ config: Configuration, _ choices: BertChoices) throws(Failure) -> HeadBlueprint? {
    let width = choices.width
    func linear(_ name: String, _ outputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: name, outputs: outputs, inputs: width)
    }
    return try .bertLine(config, width: width) { () throws(Failure) in
      return HeadBlueprint(
        layers: [
          (
            linear("vocab_transform", width), choices.activation,
            NormBlueprint(name: "vocab_layer_norm", epsilon: 1e-12)
          )
        ], output: .tied(bias: "vocab_projector.bias"))
    } sequences: { (labels) throws(Failure) in
      return HeadBlueprint(
        pooling: .firstToken, layers: [(linear("pre_classifier", width), .relu, nil)],
        output: .linear(linear("classifier", labels)))
    }
  }
}
