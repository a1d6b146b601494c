import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// Whisper (Radford et al. 2022, arXiv:2212.04356): two convolutions over a log-mel spectrogram, and an encoder-decoder
/// in BART's manner with norms before the sub-layers, whose keys have no bias.
enum Whisper: Family {
  static let modelTypes = ["whisper"]
  static let capabilities = Capabilities.encoderDecoder
  static let keyAliases = Fairseq.keyAliases

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let width = try config.size("d_model"), vocabulary = try config.size("vocab_size")
    let choices = FairseqChoices(isPreNorm: true, positions: .learned, keyBias: false)
    func layers(_ side: String) throws(Failure) -> FixedArray<LayerBlueprint> {
      try FixedArray(try config.layers("\(side)_layers"), for: LayerBlueprint.purpose) { (index) throws(Failure) in
        try .fairseq(config, side, "\(side).layers.\(index)", width: width, causal: side == "decoder", choices)
      }
    }
    func norm(_ side: String) -> NormBlueprint { NormBlueprint(name: "\(side).layer_norm", epsilon: 1e-5) }
    let table = "decoder.embed_tokens.weight"
    let decoder = StackBlueprint(
      width: width, vocabulary: vocabulary, causal: true,
      embedding: EmbeddingBlueprint(
        tokens: [table],
        scale: try config.boolean("scale_embedding", default: false) ? Float(width).squareRoot() : 1,
        positions: .learned(
          name: "decoder.embed_positions.weight", count: try config.size("max_target_positions", default: 448),
          offset: 0)), layers: try layers("decoder"), finalNorm: norm("decoder"))
    return Blueprint(
      family: modelType, prefixes: ["model.", ""],
      towers: [
        .encoder(
          StackBlueprint(
            width: width, input: .sound(try sound(config, width)), layers: try layers("encoder"),
            finalNorm: norm("encoder"))), .decoder(decoder),
      ],
      head: try speechDecoderHead(config, vocabulary: vocabulary, width: width), ignored: ["proj_out.weight"])
  }

  /// The second convolution halves the frames; each that it makes has a place.
  private static func sound(_ config: Configuration, _ width: Int) throws(Failure) -> SoundBlueprint {
    let bins = try config.size("num_mel_bins", default: 80)
    let positions = try config.size("max_source_positions", default: 1500)
    func convolution(_ name: String, inputs: Int, stride: Int) -> TimeConvolutionBlueprint {
      TimeConvolutionBlueprint(
        kernel: KernelBlueprint(name: "encoder.\(name)", outputs: width, inputs: inputs, taps: 3), stride: stride,
        padding: 1, activation: .gelu)
    }
    return SoundBlueprint(
      form: .binsByFrames(bins: bins), frames: 2 * positions,
      convolutions: [convolution("conv1", inputs: bins, stride: 1), convolution("conv2", inputs: width, stride: 2)],
      positions: ("encoder.embed_positions.weight", positions))
  }
}
