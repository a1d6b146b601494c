// A checkpoint folder in the layout of Hugging Face: its configurations, and the way to its other files.
import AttendBase
import Glibc

/// A checkpoint folder whose configurations have been read. The weights are opened by `Checkpoint`, with this path. One
/// thread at a time.
package final class ModelFolder {
  package let path: String
  /// config.json
  package let configuration: Configuration
  /// generation_config.json, where there is one.
  package let generationConfiguration: Configuration?
  /// What the two say about generating.
  package let generation: GenerationDefaults
  /// config.json as it stands in the folder.
  package let configText: LoadedFile
  /// generation_config.json as it stands in the folder, where there is one.
  package let generationText: LoadedFile?

  /// Throws `notFound` where the folder or its config.json is missing, `inputOutput`, `invalidFile`, `unsupported`,
  /// `outOfMemory`.
  package init(_ path: String) throws(Failure) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw Failure(.notFound, "the path of the model folder, \(path.debugDescription), names no folder")
    }
    var status = stat()
    guard stat(path, &status) == 0 else { throw OpenFile.failure("examined", path, errno) }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw Failure(.notFound, "\(path) is not a folder: a model is a folder with config.json and model.safetensors")
    }
    let configText: LoadedFile
    do throws(Failure) { configText = try LoadedFile(joined(path, "config.json")) } catch  where error.code == .notFound
    {
      let other = OtherFormats.find(in: path).map { ", but \($0.file): \($0.format)" } ?? ""
      throw Failure(other.isEmpty ? .notFound : .unsupported, "\(path) holds no config.json\(other)")
    }
    let configuration = try Configuration(try JSON.parse(configText.bytes, file: configText.path, owner: configText))

    let generationPath = joined(path, "generation_config.json")
    let generationText = exists(generationPath) ? try LoadedFile(generationPath) : nil
    var generation: Configuration?
    if let text = generationText {
      generation = try Configuration(try JSON.parse(text.bytes, file: text.path, owner: text))
    }

    self.path = path
    self.configuration = configuration
    self.generationConfiguration = generation
    self.generation = try GenerationDefaults(model: configuration, generation: generation)
    self.configText = configText
    self.generationText = generationText
  }

  /// The path of a file in the folder.
  package func path(of name: String) -> String { joined(path, name) }

  /// Whether the folder has a file of that name.
  package func holds(_ name: String) -> Bool { exists(path(of: name)) }
}
