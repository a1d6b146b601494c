// The places where the files of a model are: a folder on the disk, or the memory of the program.
import AttendBase

/// A folder of files, as values that any number of threads may share. It holds no file open.
package struct FolderPlace: Sendable {
  /// As it appears in messages.
  package let path: String
  /// The file in it that the caller named; nil: the folder was.
  package let file: String?
  /// The files, where they are in memory; nil: on the disk.
  let memory: MemoryFiles?
  /// Before the names of files in `memory`: "", or the path of a folder within with a slash behind it.
  let prefix: String

  init(path: String, file: String? = nil, memory: MemoryFiles? = nil, prefix: String = "") {
    (self.path, self.file, self.memory, self.prefix) = (path, file, memory, prefix)
  }

  /// The path of a file in the folder.
  package func path(of name: String) -> String { path.hasSuffix("/") ? path + name : "\(path)/\(name)" }

  /// A folder in this one.
  func folder(_ name: String) -> FolderPlace {
    name.isEmpty ? self : FolderPlace(path: path(of: name), memory: memory, prefix: "\(prefix)\(name)/")
  }
}

/// Files that lie in memory, by name. Immutable: any number of threads may read at once.
package final class MemoryFiles: Sendable {
  private let files: FixedArray<MappedFile>  // in the order of their names

  /// The path of the folder that the files would be in.
  static let folder = "(memory)"

  /// `count` files, each a name, which may have folders in it, and its bytes. These must stay as they are while
  /// anything that is read from them lives, unless `copies` asks for copies of all.
  ///
  /// Throws `invalidArgument` for a name that is empty, leads out of the folder, or comes twice; `outOfMemory`.
  package init(
    _ count: Int, copies: Bool, _ file: (Int) throws(Failure) -> (name: String, bytes: UnsafeRawBufferPointer)
  ) throws(Failure) {
    files = try FixedArray(count, for: "a table of files in memory") { (index) throws(Failure) in
      let (name, bytes) = try file(index)
      guard ShardIndex.staysInside(name) else {
        throw Failure(.invalidArgument, "file \(index) is called \(name.debugDescription), which is no name of a file")
      }
      return try MappedFile("\(MemoryFiles.folder)/\(name)", bytes: bytes, copies: copies)
    }
    files.sort { $0.path < $1.path }
    for index in files.indices.dropFirst() where files[index].path == files[index - 1].path {
      throw Failure(.invalidArgument, "two files are called \(name(index))")
    }
  }

  private func name(_ index: Int) -> Substring { files[index].path.dropFirst(MemoryFiles.folder.utf8.count + 1) }

  /// The file of a name, nil where there is none.
  func find(_ name: String) -> MappedFile? {
    let path = "\(MemoryFiles.folder)/\(name)"
    let index = files.partition { $0.path < path }
    return index < files.count && files[index].path == path ? files[index] : nil
  }

  /// Calls `body` with the names of what is in the folder that `prefix` names: files, and folders once each.
  func forEachName(_ prefix: String, _ body: (String) -> Void) {
    var last: Substring?
    for index in files.indices where name(index).hasPrefix(prefix) {
      let first = name(index).dropFirst(prefix.utf8.count).prefix { $0 != "/" }
      if first != last { body(String(first)) }
      last = first
    }
  }
}
