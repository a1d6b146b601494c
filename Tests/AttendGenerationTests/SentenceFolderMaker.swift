// Folders of sentence-transformers, made around the conformance cases.
import AttendCheckpoints
import AttendTestSupport
import Foundation

/// A folder in that layout whose transformer is a conformance case, with a tokenizer that reads the words w0 to w98 and
/// puts [CLS] and [SEP] around them.
final class SentenceFolderMaker {
  private let folder: TemporaryFolder
  private var modules: [String] = []
  var path: String { folder.path }

  /// `types` of the modules are spelled as sentence-transformers 2 to 5 did, or as version 6 does.
  init(_ name: String, change config: [String: Any] = [:], settings: String = #"{"max_seq_length": 12}"#) throws {
    folder = try TemporaryFolder()
    let source = root.appendingPathComponent("Tests/Fixtures/conformance/\(name)")
    var json =
      try JSONSerialization.jsonObject(with: try Data(contentsOf: source.appendingPathComponent("config.json")))
      as! [String: Any]
    json.merge(config) { $1 }
    try folder.write("config.json", [UInt8](JSONSerialization.data(withJSONObject: json)))
    try folder.write("model.safetensors", [UInt8](Data(contentsOf: source.appendingPathComponent("model.safetensors"))))
    try folder.write("sentence_bert_config.json", settings)
    let words = (0..<99).map { $0 == 1 ? "\"[CLS]\": 1" : $0 == 2 ? "\"[SEP]\": 2" : "\"w\($0)\": \($0)" }.joined(
      separator: ", ")
    try folder.write(
      "tokenizer.json",
      """
      {"version": "1.0", "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "decoder": null,
       "added_tokens": [{"id": 1, "content": "[CLS]", "special": true}, {"id": 2, "content": "[SEP]", "special": true}],
       "post_processor": {"type": "BertProcessing", "cls": ["[CLS]", 1], "sep": ["[SEP]", 2]},
       "model": {"type": "WordLevel", "vocab": {\(words)}, "unk_token": "w0"}}
      """)
    try add("sentence_transformers.models.Transformer", "")
  }

  func write(_ name: String, _ text: String) throws { try folder.write(name, text) }

  /// Adds a module; its config.json and weights where they are given.
  func add(_ type: String, _ path: String, _ config: String? = nil, _ weights: [WrittenTensor] = []) throws {
    modules.append(
      "{\"idx\": \(modules.count), \"name\": \"\(modules.count)\", \"path\": \"\(path)\", \"type\": \"\(type)\"}")
    try folder.write("modules.json", "[\(modules.joined(separator: ", "))]")
    guard config != nil || !weights.isEmpty else { return }
    try FileManager.default.createDirectory(atPath: folder.path(of: path), withIntermediateDirectories: true)
    if let config { try folder.write(path + "/config.json", config) }
    if !weights.isEmpty { try folder.write(path + "/model.safetensors", try safetensors(weights)) }
  }

  /// Adds a pooling with these settings.
  func addPooling(_ config: String) throws { try add("sentence_transformers.models.Pooling", "1_Pooling", config) }
}
