// model.safetensors.index.json and its like: which file holds which tensor.
import AttendBase

/// The index of a checkpoint in several files.
struct ShardIndex {
  let path: String
  /// The file name of each tensor's shard.
  private var shards: [String: String] = [:]

  /// Throws `invalidFile` where `json` is no index or names a file outside its folder.
  init(_ json: JSON) throws(Failure) {
    path = json.file
    guard let map = json["weight_map"], map.kind == .object, map.count > 0 else {
      throw Failure(.invalidFile, "\(path): there is no weight_map with the files of the tensors")
    }
    for (key, value) in map.members {
      let name = key.string ?? ""
      guard let shard = value.string else {
        throw value.invalid("the file of tensor \(name) is \(value.excerpt), not a string")
      }
      guard ShardIndex.staysInside(shard) else {
        throw value.invalid("the file of tensor \(name), \(shard.debugDescription), is not in the checkpoint's folder")
      }
      guard shards.updateValue(shard, forKey: name) == nil else { throw key.invalid("tensor \(name) is listed twice") }
    }
  }

  /// The shards in `folder`, in the order of their names, checked to hold what the index lists: each tensor once, where
  /// it should be, and no others.
  func open(in folder: HuggingFaceFolder, _ format: WeightFormat, copies: Bool) throws(Failure) -> [any TensorSource] {
    var files: [any TensorSource] = []
    var missing = shards
    for shard in Set(shards.values).sorted() {
      let file: any TensorSource
      do throws(Failure) { file = try format.open(folder.path(of: shard), copies: copies) } catch
        where error.code == .notFound
      {
        throw Failure(.notFound, "\(error.message), but \(path) lists tensors in it")
      }
      try file.table.forEachName { (name) throws(Failure) in
        guard let listed = shards[name] else {
          throw Failure(.invalidFile, "\(file.file.path): tensor \(name) is not listed in \(path)")
        }
        guard listed == shard else {
          throw Failure(.invalidFile, "\(file.file.path): tensor \(name) is here, but \(path) lists it in \(listed)")
        }
        missing[name] = nil
      }
      files.append(file)
    }
    if let (name, shard) = missing.min(by: { $0.key < $1.key }) {
      throw Failure(.invalidFile, "\(folder.path(of: shard)): tensor \(name), which \(path) lists here, is missing")
    }
    return files
  }

  /// Whether a relative path can only lead to something in the folder that it starts from.
  private static func staysInside(_ path: String) -> Bool {
    !path.utf8.contains(0)
      && path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { !["", ".", ".."].contains($0) }
  }
}
