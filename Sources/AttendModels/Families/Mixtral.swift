import AttendBase
import AttendCheckpoints
import AttendLayers

/// Mixtral (Jiang et al. 2024, arXiv:2401.04088): Mistral with a mixture of experts in each layer.
enum Mixtral: Family {
  static let modelTypes = ["mixtral"]
  static let capabilities = Capabilities.decoder([.sequenceClassification, .tokenClassification, .questionAnswering])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var choices = LlamaChoices()
    choices.epsilon = 1e-5
    choices.rotary.theta = 1_000_000
    let window = try config.optionalSize("sliding_window") ?? 0
    choices.window = { _ in window }
    let sizes = ExpertSizes(
      count: try config.size("num_local_experts", "num_experts", default: 8), width: try config.size("hidden_size"),
      expertWidth: try config.size("intermediate_size"),
      activation: try config.activation("hidden_act", default: "silu"))
    let topK = try config.chosenExperts(of: sizes.count, default: 2)
    choices.feedForward = { (_, layer) in
      .mixture(
        MixtureBlueprint(
          sizes: sizes,
          layouts: [
            .init(
              router: sizes.router("\(layer).block_sparse_moe.gate"), experts: "\(layer).block_sparse_moe.experts",
              storage: .separate(gate: "w1", up: "w3", down: "w2")),
            .init(router: sizes.router("\(layer).mlp.gate"), experts: "\(layer).mlp.experts", storage: .fused),
          ], topK: topK, weights: .softmaxOverTopK))
    }
    return try .llamaLine(config, modelType: modelType, choices, task: try headTask(config))
  }
}

extension Configuration {
  /// The number of experts of a token, of `count`.
  func chosenExperts(of count: Int, default standard: Int) throws(Failure) -> Int {
    let topK = try size("num_experts_per_tok", default: standard)
    guard topK <= count else { throw invalid("num_experts_per_tok", "is \(topK); there are \(count) experts") }
    return topK
  }
}
