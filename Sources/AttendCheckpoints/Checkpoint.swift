// The weights of a model folder, in one file or in many.
import AttendBase
import Glibc

/// All tensors of a checkpoint folder: those of model.safetensors or, without it, those of the shards that
/// model.safetensors.index.json lists. Immutable: any number of threads may read at once.
package final class Checkpoint: Sendable {
  package let folder: String
  /// The files of weights, mapped; nothing of their data has been read yet.
  package let files: [MappedFile]
  private let table: TensorTable

  /// The tensors in the order of their names; those of types that this library does not know are left out.
  package var tensors: [StoredTensor] { table.tensors }

  /// Opens the files and checks their headers, and that the index and the shards tell the same.
  ///
  /// Throws `notFound` where the folder has no weights, or lacks a shard; `unsupported` where it has weights of another
  /// format only; `inputOutput`; `invalidFile` with the file, the tensor and the numbers.
  package init(folder: String) throws(Failure) {
    let single = joined(folder, "model.safetensors")
    let index = joined(folder, "model.safetensors.index.json")
    let shards: [SafetensorsFile]
    if exists(single) {
      shards = [try SafetensorsFile(single)]
    } else if exists(index) {
      shards = try ShardIndex(index).open(in: folder)
    } else {
      throw Checkpoint.noWeights(folder)
    }
    self.folder = folder
    self.files = shards.map(\.file)
    self.table = TensorTable(shards.flatMap(\.tensors), unknown: shards.flatMap { $0.table.unknown })
  }

  /// The names of all tensors in their order, those of unknown types included.
  package var names: [String] { table.names }

  /// The tensor with a name, nil where there is none of a known type.
  package subscript(name: String) -> StoredTensor? { table[name] }

  /// The tensor with a name, which must have one of two shapes. Throws `invalidFile` where it is missing or has
  /// another, `unsupported` where it is of a type that this library does not know.
  package func tensor(_ name: String, shape: [Int], or other: [Int]? = nil) throws(Failure) -> StoredTensor {
    guard let tensor = table[name] else {
      throw table.unknown.first { $0.name == name }?.refusal
        ?? Failure(.invalidFile, "\(folder): tensor \(name) of shape \(shape) is missing from the checkpoint")
    }
    guard tensor.shape == shape || tensor.shape == other else {
      throw Failure(
        .invalidFile,
        "\(tensor.file): tensor \(name) has the shape \(tensor.shape); the configuration asks for \(shape)")
    }
    return tensor
  }

  /// Why a folder without safetensors files cannot be used.
  private static func noWeights(_ folder: String) -> Failure {
    let others = ["pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "flax_model.msgpack"]
    guard let other = others.first(where: { exists(joined(folder, $0)) }) else {
      return Failure(.notFound, "\(folder) has neither model.safetensors nor model.safetensors.index.json")
    }
    return Failure(
      .unsupported,
      """
      \(folder) has its weights in \(other) only, and safetensors are needed: load it with transformers in Python and call \
      save_pretrained, which writes model.safetensors
      """)
  }
}

/// The path of a file in a folder.
func joined(_ folder: String, _ name: String) -> String { folder.hasSuffix("/") ? folder + name : folder + "/" + name }

/// Whether something is at a path, be it readable or not.
func exists(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 || errno != ENOENT && errno != ENOTDIR
}
