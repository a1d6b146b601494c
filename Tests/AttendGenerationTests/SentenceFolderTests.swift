import AttendBase
import AttendLayers
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// What a folder of sentence-transformers asks for and is not implemented, or is wrong, is named.
@Suite struct SentenceFolderTests {
  private func failure(_ folder: SentenceFolderMaker) -> Failure? {
    #expect(throws: Failure.self) { try model(folder.path) }
  }

  private func expect(
    _ folder: SentenceFolderMaker, _ code: Failure.Code, _ part: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let failure = failure(folder)
    #expect(
      failure?.code == code && failure?.message.contains(part) == true, "\(failure?.message ?? "")",
      sourceLocation: sourceLocation)
  }

  @Test func modulesThatAreNotImplementedAreNamed() throws {
    for (type, part) in [
      ("sentence_transformers.models.LSTM", "sentence_transformers.models.LSTM"),
      ("my_models.Pooling", "my_models.Pooling"),
      ("sentence_transformers.models.WeightedLayerPooling", "WeightedLayerPooling"),
    ] {
      let folder = try SentenceFolderMaker("bert")
      if type.hasSuffix("LSTM") { try folder.addPooling("{}") }
      try folder.add(type, "2_Other", "{}")
      expect(folder, .unsupported, part)
    }
    expect(try SentenceFolderMaker("bert"), .unsupported, "Pooling")
    let folder = try SentenceFolderMaker("bert")
    try folder.write(
      "modules.json", #"[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Router"}]"#)
    expect(folder, .unsupported, "sentence_transformers.models.Router")
    let translator = try SentenceFolderMaker("marian")
    try translator.addPooling("{}")
    expect(translator, .unsupported, "encoder-decoder")
  }

  @Test func settingsThatAreNotImplementedAreNamed() throws {
    for (settings, part) in [
      (#"{"transformer_task": "fill-mask"}"#, "fill-mask"), (#"{"query_length": 32}"#, "query_length"),
      (#"{"module_output_name": "x"}"#, "module_output_name"),
      (
        #"{"modality_config": {"text": {"method": "get_text_features", "method_output_name": "last_hidden_state"}}}"#,
        "get_text_features"
      ), (#"{"modality_config": {"image": {}}}"#, "without text"),
    ] {
      let folder = try SentenceFolderMaker("bert", settings: settings)
      try folder.addPooling("{}")
      expect(folder, .unsupported, part)
    }
    for (config, part) in [
      (#"{"pooling_mode": "median"}"#, "median"), (#"{"pooling_mode": ["mean", "cls2"]}"#, "cls2"),
    ] {
      let folder = try SentenceFolderMaker("bert")
      try folder.addPooling(config)
      expect(folder, .unsupported, part)
    }
    let sparse = try SentenceFolderMaker("bert")
    try sparse.addPooling("{}")
    try sparse.write("config_sentence_transformers.json", #"{"model_type": "SparseEncoder"}"#)
    expect(sparse, .unsupported, "SparseEncoder")
  }

  @Test func aDenseThatDoesNotFitIsNamed() throws {
    for (config, code, part) in [
      (#"{"in_features": 31, "out_features": 4}"#, Failure.Code.invalidFile, "in_features"),
      (
        #"{"in_features": 32, "out_features": 4, "activation_function": "torch.nn.modules.activation.GLU"}"#,
        .unsupported, "GLU"
      ), (#"{"in_features": 32, "out_features": 4, "use_residual": true}"#, .invalidFile, "linear.bias"),
      (
        #"{"in_features": 32, "out_features": 4, "module_input_name": "token_embeddings"}"#, .unsupported,
        "module_input_name"
      ), (#"{"in_features": 32, "out_features": 5}"#, .invalidFile, "linear.weight"),
      (#"{"in_features": 32, "out_features": 4}"#, .invalidFile, "linear.bias"),
      (#"{"in_features": 32, "out_features": 4, "bias": false}"#, .invalidFile, "extra"),
    ] {
      let folder = try SentenceFolderMaker("bert")
      try folder.addPooling("{}")
      let weights = [WrittenTensor("linear.weight", [4, 32], Array(repeating: 1, count: 128))]
      try folder.add(
        "sentence_transformers.models.Dense", "2_Dense", config,
        weights + (part == "extra" ? [WrittenTensor("extra", [1], [1])] : []))
      expect(folder, code, part)
    }
  }

  @Test func brokenListsAreNamed() throws {
    for (text, part) in [
      ("[]", "modules.json"), ("{}", "modules.json"), (#"[{"type": 3, "path": ""}]"#, "type"), ("[", "modules.json"),
      ("[7]", "modules.json"), (#"[{"type": "sentence_transformers.models.Transformer", "path": "../x"}]"#, "path"),
      (#"[{"type": "sentence_transformers.models.Transformer", "path": "/etc"}]"#, "path"),
    ] {
      let folder = try SentenceFolderMaker("bert")
      try folder.write("modules.json", text)
      expect(folder, .invalidFile, part)
    }
    let folder = try SentenceFolderMaker("bert")
    try folder.addPooling(#"{"word_embedding_dimension": 33}"#)
    expect(folder, .invalidFile, "word_embedding_dimension")
    let many = try SentenceFolderMaker("bert")
    try many.addPooling("{\"pooling_mode\": [\(Array(repeating: "\"mean\"", count: 7).joined(separator: ", "))]}")
    expect(many, .invalidFile, "names 7 modes")
    let prompts = try SentenceFolderMaker("bert")
    try prompts.addPooling("{}")
    try prompts.write("config_sentence_transformers.json", #"{"prompts": {"a": ""}, "default_prompt_name": "b"}"#)
    expect(prompts, .invalidFile, "default_prompt_name")
  }

  @Test func theTransformerMayStandInAFolderOfItsOwn() throws {
    let folder = try SentenceFolderMaker("bert")
    try folder.addPooling("{}")
    let own = folder.path + "/0_Transformer"
    try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
    for name in ["config.json", "model.safetensors", "tokenizer.json", "sentence_bert_config.json"] {
      try FileManager.default.moveItem(atPath: "\(folder.path)/\(name)", toPath: "\(own)/\(name)")
    }
    try folder.write(
      "modules.json",
      """
      [{"idx": 0, "name": "0", "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"},
       {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
      """)
    let model = try model(folder.path)
    #expect(model.sentenceHead?.outputs == 32)
    #expect((try? model.tokenizer.get()) != nil)
    #expect(try model.textRules.get().longest == 12)
  }
}
