import AttendBase
import AttendKernelInterface
import AttendLayers

/// A layer that looks at pictures by cross-attention, whose outputs go through gates that training opens, from 0 on
/// (Alayrac et al. 2022, arXiv:2204.14198, section 3.1.2).
struct GatedCrossAttention {
  var width: Int
  var sourceWidth: Int
  /// Of the decoder's own attention.
  var options: AttentionOptions
  var feedForwardWidth: Int
  var activation: Activation
  /// Like the decoder's others.
  var norm: NormBlueprint
  var names: Names
  var passesUnseeing = false

  /// The names behind that of the layer.
  struct Names {
    var queryNorm: String?
    var keyNorm: String?
    var attentionGate: String
    var networkGate: String
  }

  func layer(_ name: String) -> LayerBlueprint {
    let options = AttentionOptions(
      heads: options.heads, keyValueHeads: options.keyValueHeads, headDim: options.headDim, causal: false)
    func linear(_ part: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: "\(name).\(part)", outputs: outputs, inputs: inputs, bias: .none)
    }
    func norm(_ part: String) -> NormBlueprint {
      var norm = self.norm
      norm.name = "\(name).\(part)"
      return norm
    }
    func headNorm(_ part: String?) -> HeadNormBlueprint? {
      part.map { HeadNormBlueprint(norm: norm($0), span: .eachHead) }
    }
    var output = linear("cross_attn.o_proj", width, options.queryWidth)
    var down = linear("mlp.down_proj", width, feedForwardWidth)
    output.outputGate = "\(name).\(names.attentionGate)"
    down.outputGate = "\(name).\(names.networkGate)"
    return LayerBlueprint(
      crossAttention: AttentionBlueprint(
        options: options, query: linear("cross_attn.q_proj", options.queryWidth, width),
        key: linear("cross_attn.k_proj", options.keyValueWidth, sourceWidth),
        value: linear("cross_attn.v_proj", options.keyValueWidth, sourceWidth), output: output,
        queryNorm: headNorm(names.queryNorm), keyNorm: headNorm(names.keyNorm)),
      crossAttentionNorms: ResidualNorms(pre: norm("input_layernorm")),
      feedForward: FeedForwardBlueprint(
        gate: linear("mlp.gate_proj", feedForwardWidth, width), up: linear("mlp.up_proj", feedForwardWidth, width),
        down: down, activation: activation),
      feedForwardNorms: ResidualNorms(pre: norm("post_attention_layernorm")), passesUnseeing: passesUnseeing)
  }
}
