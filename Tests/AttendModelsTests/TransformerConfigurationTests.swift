import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers
import AttendModels
import AttendTestSupport
import Testing

/// config.json of `model_type` "transformer", as docs/transformer.md describes it.
@Suite struct TransformerConfigurationTests {
  private func blueprint(_ members: [String: String]) throws -> Blueprint {
    let folder = try TemporaryFolder()
    let members = members.merging(["model_type": "\"transformer\"", "vocab_size": "30"]) { own, _ in own }
    try folder.write("config.json", "{" + members.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ") + "}")
    return try Registry.blueprint(try Configuration(file: folder.path(of: "config.json")))
  }

  @Test(arguments: [
    ("kind", "\"both\"", "kind \"both\" is not known; known are decoder, encoder, encoder-decoder"),
    ("nhead", "5", "nhead is 5, which does not divide d_model 512"),
    ("positions", "\"rotary\"", "positions \"rotary\" is not known"),
    ("activation", "\"maxout\"", "activation \"maxout\" is not implemented"),
    ("norm_first", "1", "norm_first is 1, expected true or false"),
    ("num_encoder_layers", "0", "num_encoder_layers is 0"),
    ("num_encoder_layer", "1", "num_encoder_layer is not a key that this model_type knows"),
    ("src_vocab_size", "30", "src_vocab_size is not a key that this model_type knows or uses here"),
    ("head", "\"tokens\"", "head is not a key that this model_type knows or uses here"),
  ]) func keysThatAreUnknownOrInvalidAreNamed(key: String, value: String, message: String) throws {
    let error = try #require(#expect(throws: Failure.self) { try blueprint([key: value]) })
    #expect(error.message.contains("/config.json: ") && error.message.contains(message), "\(error.message)")
  }

  /// The defaults are those of nn.Transformer's constructor.
  @Test func whatIsLeftOutIsWhatPyTorchTakes() throws {
    let blueprint = try blueprint([:])
    let (encoder, decoder) = (try #require(blueprint.encoder), try #require(blueprint.decoder))
    #expect(encoder.width == 512 && encoder.layers.count == 6 && decoder.layers.count == 6)
    let layer = decoder.layers[5]
    guard case .dense(let network) = layer.feedForward else {
      Issue.record("a mixture of experts")
      return
    }
    #expect(layer.attention?.options.heads == 8 && network.up.outputs == 2048 && network.activation == .relu)
    #expect(layer.attentionNorms.pre == nil && layer.feedForwardNorms.post?.name == "decoder.layers.5.norm3")
    #expect(layer.feedForwardNorms.post?.epsilon == 1e-5 && decoder.finalNorm?.name == "decoder.norm")
    #expect(encoder.embedding?.tokens == ["embedding.weight"] && encoder.embedding?.scale == Float(512).squareRoot())
  }
}
