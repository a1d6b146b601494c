import AttendBase
import AttendCheckpoints
import AttendLayers

/// Mistral (Jiang et al. 2023, arXiv:2310.06825): Llama, in its first version with a sliding window.
enum Mistral: Family {
  static let modelTypes = ["mistral"]
  static let capabilities = Capabilities.decoder([.sequenceClassification, .tokenClassification, .questionAnswering])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var choices = LlamaChoices()
    // null stands for none; only a key that is not there means 4096.
    let window = try config.optionalSize("sliding_window") ?? (config.json["sliding_window"] == nil ? 4096 : 0)
    choices.window = { _ in window }
    return try .llamaLine(config, modelType: modelType, choices, task: try headTask(config))
  }
}
