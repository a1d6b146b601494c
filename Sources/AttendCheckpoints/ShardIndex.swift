// model.safetensors.index.json and its like: which file holds which tensor.
import AttendBase

/// The index of a checkpoint in several files.
struct ShardIndex {
  let path: String
  /// In the order of their names.
  private let tensors: FixedArray<Entry>

  /// A tensor and the file name of its shard, where the index has them.
  private struct Entry {
    let name: JSON
    let shard: JSON
  }

  /// Throws `invalidFile` where `json` is no index or names a file outside its folder, `outOfMemory`.
  init(_ json: JSON) throws(Failure) {
    path = json.file
    guard let map = json["weight_map"], map.kind == .object, map.count > 0 else {
      throw Failure(.invalidFile, "\(path): there is no weight_map with the files of the tensors")
    }
    var members = map.members
    tensors = try FixedArray(map.count, for: "the list of shards in \(path)") { [path] (_) throws(Failure) in
      guard let (name, shard) = members.next() else {
        throw Failure(.internalError, "\(path): the index changed while it was read")
      }
      guard let file = shard.string else {
        throw shard.invalid("the file of tensor \(name.string ?? "") is \(shard.excerpt), not a string")
      }
      guard ShardIndex.staysInside(file) else {
        throw shard.invalid(
          "the file of tensor \(name.string ?? ""), \(file.debugDescription), is not in the checkpoint's folder")
      }
      return Entry(name: name, shard: shard)
    }
    tensors.sort { $0.name.precedes($1.name) }
    for index in tensors.indices.dropFirst() where !tensors[index - 1].name.precedes(tensors[index].name) {
      throw tensors[index].name.invalid("tensor \(tensors[index].name.string ?? "") is listed twice")
    }
  }

  /// The shards in `folder`, in the order of their names, checked to hold what the index lists: each tensor once, where
  /// it should be, and no others.
  func open(
    in folder: HuggingFaceFolder, _ format: WeightFormat, copies: Bool
  ) throws(Failure) -> FixedArray<any TensorSource> {
    let shards = try self.shards()
    let found = try AlignedBuffer(tensors.count, of: Bool.self, for: "the list of shards in \(path)")
    found.pointer(to: Bool.self).update(repeating: false, count: tensors.count)
    let files = try FixedArray(shards.count, for: "the shards of \(path)") { (index) throws(Failure) in
      try open(shards[index], in: folder, format, copies: copies) { found.pointer(to: Bool.self)[$0] = true }
    }
    for index in tensors.indices where !found.pointer(to: Bool.self)[index] {
      let (name, shard) = (tensors[index].name.string ?? "", tensors[index].shard.string ?? "")
      throw Failure(.invalidFile, "\(folder.path(of: shard)): tensor \(name), which \(path) lists here, is missing")
    }
    return files
  }

  /// Whether a file of that name is one of the shards.
  func lists(_ name: String) -> Bool { tensors.contains { $0.shard.equals(name) } }

  /// The file names of all shards, each once, in order.
  private func shards() throws(Failure) -> FixedArray<String> {
    let purpose = "the list of shards in \(path)"
    let all = try FixedArray(tensors.count, for: purpose) { tensors[$0].shard }
    all.sort { $0.precedes($1) }
    let firsts = all.indices.lazy.filter { $0 == 0 || all[$0 - 1].precedes(all[$0]) }
    var next = firsts.makeIterator()
    return try FixedArray(firsts.count { _ in true }, for: purpose) { _ in
      next.next().flatMap { all[$0].string } ?? ""
    }
  }

  /// A shard; `note` hears the places of its tensors in the index.
  private func open(
    _ shard: String, in folder: HuggingFaceFolder, _ format: WeightFormat, copies: Bool, _ note: (Int) -> Void
  ) throws(Failure) -> any TensorSource {
    let file: any TensorSource
    do throws(Failure) { file = try format.open(try folder.mapped(shard, copies: copies)) } catch
      where error.code == .notFound
    {
      throw Failure(.notFound, "\(error.message), but \(path) lists tensors in it")
    }
    try file.table.forEachName { (name) throws(Failure) in
      guard let index = index(of: name) else {
        throw Failure(.invalidFile, "\(file.file.path): tensor \(name) is not listed in \(path)")
      }
      guard tensors[index].shard.equals(shard) else {
        let listed = tensors[index].shard.string ?? ""
        throw Failure(.invalidFile, "\(file.file.path): tensor \(name) is here, but \(path) lists it in \(listed)")
      }
      note(index)
    }
    return file
  }

  private func index(of name: String) -> Int? {
    let index = tensors.partition { $0.name.precedes(name) }
    return index < tensors.count && tensors[index].name.equals(name) ? index : nil
  }

  /// Whether a relative path can only lead to something in the folder that it starts from.
  static func staysInside(_ path: String) -> Bool {
    !path.utf8.contains(0)
      && path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { !["", ".", ".."].contains($0) }
  }
}
