// Models that are kept in another layout than that of Hugging Face.
import AttendBase

/// A model in a layout of its own, which answers under the names of Hugging Face's files: whatever reads a folder reads
/// it without knowing. A new layout is a type of this protocol and a line in `ModelLayouts.find`.
protocol ModelLayout: Sendable {
  /// The text that stands for a file of Hugging Face's, such as config.json, generation_config.json, tokenizer.json or
  /// tokenizer_config.json; nil: the folder's own file of that name counts, if there is one. It is asked once for each
  /// name by each folder. Throws `invalidFile`, `unsupported`, `outOfMemory`.
  func text(_ name: String) throws(Failure) -> LoadedFile?
  /// Whether `text` has one of that name.
  func provides(_ name: String) -> Bool
  /// The weights, under the names of PyTorch that the family of `model_type` knows.
  func sources(copies: Bool) throws(Failure) -> FixedArray<any TensorSource>
}

/// The layouts that are known beside that of Hugging Face.
enum ModelLayouts {
  /// The layout of a folder, or of the file in it that the caller named (`FolderPlace.file`); nil: that of Hugging
  /// Face.
  static func find(in folder: HuggingFaceFolder) throws(Failure) -> (any ModelLayout)? {
    if let model = MinDalleModel(folder) { return model }
    if let model = try CTranslate2Model(folder) { return model }
    if let model = try GGUFPackage(folder) { return model }
    return nil
  }
}
