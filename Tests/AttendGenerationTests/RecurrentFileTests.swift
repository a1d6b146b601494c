import AttendBase
import AttendGeneration
import AttendKernelInterface
import AttendModels
import AttendTestSupport
import Testing

/// Folders of `model_type` "recurrent" that are not what docs/recurrent.md describes.
@Suite struct RecurrentFileTests {
  @Test(arguments: [
    ("lstm-bahdanau", "decoder.rnn.weight_ih_l0"), ("lstm-bahdanau", "encoder.rnn.bias_hh_l1_reverse"),
    ("lstm-bahdanau", "decoder.attention.score.weight"), ("lstm-bahdanau", "bridge.c.1.weight"),
    ("lstm-luong", "decoder.attention.general.weight"), ("lstm-luong", "decoder.output.weight"),
    ("gru-luong-feeding", "decoder.attention.concat.weight"), ("decoder", "generator.weight"),
    ("encoder", "classifier.weight"), ("decoder-tied", "decoder.embedding.weight"),
  ]) func tensorsThatAreMissingOrHaveAnotherShapeAreNamed(name: String, tensor: String) throws {
    let copy = try CheckpointCopy("../recurrent/\(name)")
    let place = try #require(copy.tensors.firstIndex { $0.name == tensor })
    let whole = copy.tensors.remove(at: place)
    let missing = try #require(copy.refusal())
    #expect(missing.code == .invalidFile && missing.message.contains(tensor), "\(missing.message)")
    let half = whole.bytes.count / 8 * 4
    copy.tensors.append(WrittenTensor(tensor, type: "F32", shape: [half / 4], bytes: Array(whole.bytes[..<half])))
    let bent = try #require(copy.refusal())
    #expect(bent.code == .invalidFile && bent.message.contains(tensor), "\(bent.message)")
  }

  @Test func aTensorThatNothingReadsIsNamed() throws {
    let copy = try CheckpointCopy("../recurrent/decoder")
    copy.tensors.append(WrittenTensor("decoder.rnn.weight_ih_l2", type: "F32", shape: [1], bytes: [0, 0, 0, 0]))
    #expect(copy.refusal()?.message.contains("decoder.rnn.weight_ih_l2") == true)
  }

  @Test(
    arguments: [
      ("lstm-bahdanau", "cell", "qrnn", "cell \"qrnn\" is not known; known are gru, lstm, rnn"),
      ("lstm-bahdanau", "score", "cosine", "score \"cosine\" is not known; known are additive, concat, dot, general"),
      ("lstm-bahdanau", "score", "dot", "score is \"dot\", whose vectors are equally long, and hidden_size is 18"),
      ("lstm-bahdanau", "bridge", "copy", "bridge is \"copy\", and the encoder's states have 14 numbers"),
      ("lstm-bahdanau", "attention", "local", "attention \"local\" is not known"),
      ("lstm-luong", "readout", "state", "readout is \"state\", which does not hold what"),
      ("lstm-bahdanau", "nonlinearity", "relu", "nonlinearity is not a key that this model_type knows or uses here"),
      ("lstm-bahdanau", "input_feeding", true, "input_feeding is not a key that this model_type knows or uses here"),
      ("gru-luong-joined", "input_feeding", true, "input_feeding is true, and readout \"joined\""),
      ("lstm-bahdanau", "num_decoder_layers", 3, "num_encoder_layers is 2 and num_decoder_layers 3"),
      ("decoder-tied", "embedding_size", 11, "the hidden states have 10 numbers and embeddings 11"),
      ("encoder", "head", "sequence-classes", "head is \"sequence-classes\", of the last token"),
      ("tanh", "bridge", "none", "the decoder would hear nothing of the source"),
    ] as [(String, String, any Sendable, String)]) func keysThatDoNotFitAreNamed(
      name: String, key: String, value: any Sendable, message: String
    ) throws
  {
    let copy = try CheckpointCopy("../recurrent/\(name)")
    copy.config[key] = value
    let failure = try #require(copy.refusal())
    #expect(failure.message.contains("/config.json: ") && failure.message.contains(message), "\(failure.message)")
  }

  @Test func sizesBeyondReasonAreErrors() throws {
    for (key, value) in [("hidden_size", Int(Int32.max)), ("num_decoder_layers", 9999), ("attention_size", 1 << 30)] {
      let copy = try CheckpointCopy("../recurrent/lstm-bahdanau")
      copy.config[key] = value
      if key == "num_decoder_layers" { copy.config["num_encoder_layers"] = value }
      let failure = try #require(copy.refusal())
      #expect(failure.code == .invalidFile || failure.code == .outOfMemory, "\(failure.message)")
    }
  }

  @Test(arguments: [KeyValueType.bfloat16, .int8, .int4]) func statesAreKeptInOneTypeOnly(type: KeyValueType) throws {
    let loaded = try model(try RecurrentCases.reference("lstm-bahdanau").path)
    let failure = refusal { () throws(Failure) in _ = try Session(loaded, keyValueType: type) }
    #expect(failure?.code == .unsupported && failure?.message.contains("float32") == true)
    #expect(refusal { () throws(Failure) in _ = try Session(loaded, keyValueType: .float32) } == nil)
  }
}
