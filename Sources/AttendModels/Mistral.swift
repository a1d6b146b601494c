import AttendBase
import AttendCheckpoints
import AttendLayers

/// Mistral (Jiang et al. 2023, arXiv:2310.06825): Llama, in its first version with a sliding window.
enum Mistral: Family {
  static let modelTypes = ["mistral"]

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var choices = LlamaChoices()
    let window = try config.optionalSize("sliding_window") ?? 0
    choices.window = { _ in window }
    return try .llamaLine(config, modelType: modelType, choices)
  }
}
