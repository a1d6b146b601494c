import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// Parakeet as a transducer, without durations or with them: the FastConformer of Parakeet, and behind it a prediction
/// and a joint network (`Transducer`).
enum ParakeetTransducer: Family {
  static let modelTypes = ["parakeet_rnnt", "parakeet_tdt"]
  static let capabilities = Capabilities.encoder([.transducer])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var blueprint = try Parakeet.encoder(config, modelType: modelType)
    guard try config.headTask([.transducer], default: .transducer) == .transducer else { return blueprint }
    let width = blueprint.encoder?.width ?? 0
    blueprint.transducer = .of(try transducer(config, hasDurations: modelType == "parakeet_tdt", width: width))
    return blueprint
  }

  /// Durations beyond this many frames are none.
  private static let longestDuration = 1 << 16

  private static func transducer(
    _ config: Configuration, hasDurations: Bool, width: Int
  ) throws(Failure) -> TransducerBlueprint {
    let tokens = try config.size("vocab_size", default: 8193)
    let inner = try config.size("decoder_hidden_size", default: 640)
    let durations = hasDurations ? try config.optionalIntegers("durations") ?? [0, 1, 2, 3, 4] : nil
    if let durations {
      guard durations.contains(where: { $0 > 0 }), durations.allSatisfy({ $0 <= longestDuration }),
        Set(durations).count == durations.count
      else {
        throw config.invalid(
          "durations", "is \(durations): expected different numbers of frames up to \(longestDuration), one above 0")
      }
    }
    let network = RecurrentBlueprint(
      name: "decoder.lstm", cell: .lstm, layers: try config.layers("num_decoder_layers", default: 2), inputs: inner,
      width: inner, hasBias: true)
    return TransducerBlueprint(
      table: "decoder.embedding.weight", tokens: tokens, network: .of(network),
      prediction: LinearBlueprint(name: "decoder.decoder_projector", outputs: inner, inputs: inner),
      frame: LinearBlueprint(name: "encoder_projector", outputs: inner, inputs: width),
      activation: try config.activation("hidden_act", default: "relu"),
      joint: LinearBlueprint(name: "joint.head", outputs: tokens + (durations?.count ?? 0), inputs: inner),
      durations: durations, blank: Int(try config.token("blank_token_id", default: 8192, vocabulary: tokens)),
      padding: config.padding(default: 2),
      mostSymbols: try config.size("max_symbols_per_step", default: 10))
  }
}
