import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers
import Glibc

/// Moonshine (Jeffries et al. 2024, arXiv:2410.15608): three convolutions over samples, and an encoder-decoder with
/// rotary positions, whose decoder has gates.
enum Moonshine: Family {
  static let modelTypes = ["moonshine"]
  static let capabilities = Capabilities.encoderDecoder

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let width = try config.size("hidden_size", default: 288), vocabulary = try config.size("vocab_size", default: 32768)
    let (encoder, decoder) = (
      try MoonshineSide(config, "encoder", activation: "gelu"), try MoonshineSide(config, "decoder", activation: "silu")
    )
    return Blueprint(
      family: modelType, prefixes: ["model.", ""],
      towers: [
        .encoder(
          StackBlueprint(
            width: width, input: .sound(sound(width)), layers: try encoder.layers(),
            finalNorm: MoonshineSide.norm("encoder.layer_norm"))),
        .decoder(
          StackBlueprint(
            width: width, vocabulary: vocabulary, causal: true,
            embedding: EmbeddingBlueprint(tokens: ["decoder.embed_tokens.weight"]), layers: try decoder.layers(),
            finalNorm: MoonshineSide.norm("decoder.norm"))),
      ],
      head: try speechDecoderHead(config, vocabulary: vocabulary, width: width), ignored: ["proj_out.weight"])
  }

  private static func sound(_ width: Int) -> SoundBlueprint {
    func convolution(
      _ index: Int, _ outputs: Int, _ inputs: Int, taps: Int, stride: Int, hasBias: Bool, _ activation: Activation
    ) -> TimeConvolutionBlueprint {
      TimeConvolutionBlueprint(
        kernel: KernelBlueprint(
          name: "encoder.conv\(index)", outputs: outputs, inputs: inputs, taps: taps, hasBias: hasBias),
        stride: stride, activation: activation)
    }
    return SoundBlueprint(
      form: .samples,
      convolutions: [
        convolution(1, width, 1, taps: 127, stride: 64, hasBias: false, .tanh),
        convolution(2, 2 * width, width, taps: 7, stride: 3, hasBias: true, .gelu),
        convolution(3, width, 2 * width, taps: 3, stride: 2, hasBias: true, .gelu),
      ], timeNorm: (NormBlueprint(name: "encoder.groupnorm", epsilon: 1e-5), 1))
  }
}

/// The sizes of encoder or decoder, and its layers.
private struct MoonshineSide {
  private let config: Configuration
  private let side: String
  private let options: AttentionOptions
  private let width: Int
  private let feedForwardWidth: Int
  private let activation: Activation
  private let bias: LinearBlueprint.Bias
  private let rotary: Rotary

  init(_ config: Configuration, _ side: String, activation: String) throws(Failure) {
    self.config = config
    self.side = side
    width = try config.size("hidden_size", default: 288)
    feedForwardWidth = try config.size("intermediate_size", default: 1152)
    let heads = try config.divisor("\(side)_num_attention_heads", of: width, "hidden_size", default: 8)
    let keyValueHeads = try config.divisor(
      "\(side)_num_key_value_heads", of: heads, "\(side)_num_attention_heads", default: heads)
    options = AttentionOptions(
      heads: heads, keyValueHeads: keyValueHeads, headDim: width / heads, causal: side == "decoder")
    self.activation = try config.activation("\(side)_hidden_act", default: activation)
    bias = try config.boolean("attention_bias", default: false) ? .own : .none
    rotary = try MoonshineSide.rotary(config, headDim: width / heads)
  }

  /// The norms have gains and no biases.
  static func norm(_ name: String) -> NormBlueprint { NormBlueprint(name: name, epsilon: 1e-5, hasBias: false) }

  /// A share of the components turns, in neighbouring pairs. Where the share is an odd number of them, the next one
  /// turns too, but the angles are those of the odd number: `theta^(-2i/n)` for n components.
  private static func rotary(_ config: Configuration, headDim: Int) throws(Failure) -> Rotary {
    let plain = try config.rotary(headDim: headDim, RotaryDefaults(interleaved: true, kinds: ["default"]))
    let outer = try config.optionalNumber("partial_rotary_factor")
    let share = try config.child("rope_parameters")?.optionalNumber("partial_rotary_factor") ?? outer ?? 0.9
    let stated = Int(Double(headDim) * min(max(share, 0), 1))
    let dimensions = (stated + 1) / 2 * 2
    guard stated > 0, dimensions <= headDim else {
      throw config.invalid(
        "partial_rotary_factor", "is \(share): of heads of \(headDim) components it rotates \(dimensions)")
    }
    return Rotary(
      dimensions: dimensions, interleaved: true, theta: pow(plain.theta, Double(dimensions) / Double(stated)))
  }

  func layers() throws(Failure) -> FixedArray<LayerBlueprint> {
    try FixedArray(try config.layers("\(side)_num_hidden_layers", default: 6), for: LayerBlueprint.purpose) {
      layer("\(side).layers.\($0)")
    }
  }

  private func layer(_ name: String) -> LayerBlueprint {
    let isDecoder = side == "decoder"
    func norms(_ part: String) -> ResidualNorms { ResidualNorms(pre: MoonshineSide.norm("\(name).\(part)")) }
    func attention(_ part: String, causal: Bool) -> AttentionBlueprint {
      func linear(_ product: String, _ outputs: Int, _ inputs: Int, _ bias: LinearBlueprint.Bias) -> LinearBlueprint {
        LinearBlueprint(name: "\(name).\(part).\(product)", outputs: outputs, inputs: inputs, bias: bias)
      }
      return AttentionBlueprint(
        options: AttentionOptions(
          heads: options.heads, keyValueHeads: options.keyValueHeads, headDim: options.headDim, causal: causal),
        query: linear("q_proj", options.queryWidth, width, bias),
        key: linear("k_proj", options.keyValueWidth, width, bias),
        value: linear("v_proj", options.keyValueWidth, width, bias),
        output: linear("o_proj", width, options.queryWidth, .none))
    }
    var own = attention("self_attn", causal: isDecoder)
    own.rotary = rotary
    let up = LinearBlueprint(
      name: "\(name).mlp.fc1", outputs: (isDecoder ? 2 : 1) * feedForwardWidth, inputs: width)
    return LayerBlueprint(
      attention: own, attentionNorms: norms("input_layernorm"),
      crossAttention: isDecoder ? attention("encoder_attn", causal: false) : nil,
      crossAttentionNorms: isDecoder ? norms("post_attention_layernorm") : ResidualNorms(),
      feedForward: FeedForwardBlueprint(
        gate: isDecoder ? up.part(1, of: 2) : nil, up: isDecoder ? up.part(0, of: 2) : up,
        down: LinearBlueprint(name: "\(name).mlp.fc2", outputs: width, inputs: feedForwardWidth),
        activation: activation),
      feedForwardNorms: norms(isDecoder ? "final_layernorm" : "post_attention_layernorm"))
  }
}
