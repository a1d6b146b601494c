// A checkpoint folder in the layout of Hugging Face: the way to all files of a model.
import AttendBase
import Glibc

/// The files of a checkpoint folder, as everything that reads a model sees them. This is the only place that asks the
/// disk whether a file is there and that knows how paths are joined; a file of text is read and parsed once, whoever
/// asks for it. One thread at a time.
package final class HuggingFaceFolder {
  package let path: String
  private var texts: [String: LoadedFile] = [:]
  private var documents: [String: JSON] = [:]
  /// What answers in the place of the disk; nil: nothing does.
  let package: GGUFPackage?
  /// The path in the package; empty: the package itself.
  private let prefix: String

  /// A folder, or a file that is a model by itself: a GGUF file, or a folder with one and without other weights.
  ///
  /// Throws `notFound` where neither is at `path`, `inputOutput`, and what opening a GGUF file throws.
  package convenience init(_ path: String) throws(Failure) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw Failure(.notFound, "the path of the model folder, \(path.debugDescription), names no folder")
    }
    guard try HuggingFaceFolder.isFolder(path) else {
      guard try GGUFFile.isGGUF(at: path) else {
        throw Failure(
          .notFound,
          "\(path) is not a folder: a model is a folder with config.json and model.safetensors, or a GGUF file")
      }
      self.init(try GGUFPackage(path))
      return
    }
    let folder = HuggingFaceFolder(unchecked: path)
    if !WeightFormat.isAny(in: folder), let file = try GGUFPackage.find(in: folder) {
      self.init(try GGUFPackage(file))
    } else {
      self.init(unchecked: path)
    }
  }

  /// The folder at `path`, which need not exist: what is asked for is then not there.
  package convenience init(unchecked path: String) { self.init(path, nil, prefix: "") }

  private convenience init(_ package: GGUFPackage) { self.init(package.path, package, prefix: "") }

  private init(_ path: String, _ package: GGUFPackage?, prefix: String) {
    (self.path, self.package, self.prefix) = (path, package, prefix)
  }

  /// Whether a folder, not a file, is at `path`. Throws `notFound`, `inputOutput`.
  package static func isFolder(_ path: String) throws(Failure) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0 else { throw OpenFile.failure("examined", path, errno) }
    return status.st_mode & S_IFMT == S_IFDIR
  }

  /// Whether a folder is at `path`, or a file that is a model by itself. Throws `notFound`, `inputOutput`.
  package static func isModel(_ path: String) throws(Failure) -> Bool {
    if try isFolder(path) { return true }
    return try GGUFFile.isGGUF(at: path)
  }

  // MARK: Names

  /// The path of a file in the folder.
  package func path(of name: String) -> String { path.hasSuffix("/") ? path + name : "\(path)/\(name)" }

  /// Whether something of that name is in the folder, be it readable or not.
  package func holds(_ name: String) -> Bool {
    if let package { return package.offers(prefix + name) }
    return withPath(of: name) { path in
      var status = stat()
      return stat(path, &status) == 0 || errno != ENOENT && errno != ENOTDIR
    }
  }

  /// Calls `body` with the path of a file in the folder, spelled on the stack where it is not unusually long.
  private func withPath<Result>(of name: String, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    let longest = 1024
    guard path.utf8.count + name.utf8.count + 2 <= longest else { return body(path(of: name)) }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: longest) { spelled in
      var place = 0
      func append(_ byte: UInt8) {
        spelled[place] = CChar(bitPattern: byte)
        place += 1
      }
      for byte in path.utf8 { append(byte) }
      if !path.hasSuffix("/") { append(UInt8(ascii: "/")) }
      for byte in name.utf8 { append(byte) }
      append(0)
      return body(spelled.baseAddress!)
    }
  }

  /// The first name, in order, of something in the folder that is wanted; nil where there is none, and where the folder
  /// cannot be listed.
  package func firstName(where isWanted: (String) -> Bool) -> String? {
    var first: String?
    forEachName { name in if isWanted(name), first.map({ name < $0 }) ?? true { first = name } }
    return first
  }

  /// The names, in order, of what is in the folder and wanted; none where it cannot be listed.
  package func names(where isWanted: (String) -> Bool) -> [String] {
    var names: [String] = []
    forEachName { name in if isWanted(name) { names.append(name) } }
    return names.sorted()
  }

  private func forEachName(_ body: (String) -> Void) {
    guard let listing = opendir(path) else { return }
    defer { closedir(listing) }
    while let entry = readdir(listing) {
      body(
        withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
        })
    }
  }

  /// A folder in this one, which need not exist; itself for an empty name.
  package func folder(_ name: String) -> HuggingFaceFolder {
    name.isEmpty ? self : HuggingFaceFolder(path(of: name), package, prefix: "\(prefix)\(name)/")
  }

  // MARK: Contents

  /// The content of a file of text, nil where there is none. Throws `inputOutput` where it cannot be read,
  /// `outOfMemory`.
  package func text(_ name: String) throws(Failure) -> LoadedFile? {
    if let text = texts[name] { return text }
    guard holds(name) else { return nil }
    let text: LoadedFile
    if let package {
      guard let made = try package.text(prefix + name) else { return nil }
      text = try LoadedFile(path(of: name), holding: UnsafeRawBufferPointer(made.elements))
    } else {
      text = try LoadedFile(path(of: name))
    }
    texts[name] = text
    return text
  }

  /// Lets a text stand in the place of a file from now on.
  func provide(_ name: String, _ text: String) throws(Failure) {
    texts[name] = try LoadedFile(path(of: name), holding: text)
    documents[name] = nil
  }

  /// A file of JSON, nil where there is none. Throws `invalidFile` besides.
  package func json(_ name: String) throws(Failure) -> JSON? {
    if let document = documents[name] { return document }
    guard let text = try text(name) else { return nil }
    let document = try JSON.parse(text.bytes, file: text.path, owner: text)
    documents[name] = document
    return document
  }

  /// A file that holds an object of JSON, to be read key by key; nil where there is none.
  package func configuration(_ name: String) throws(Failure) -> Configuration? {
    guard let json = try json(name) else { return nil }
    return try Configuration(json)
  }
}

/// The configurations of a checkpoint folder. One thread at a time.
package struct ModelConfigurations {
  /// config.json
  package let model: Configuration
  /// generation_config.json, where there is one.
  package let generation: Configuration?
  /// The defaults of generation that the two state.
  package let defaults: GenerationDefaults
  /// config.json as it stands in the folder.
  package let modelText: LoadedFile
  /// generation_config.json as it stands in the folder, where there is one.
  package let generationText: LoadedFile?

  /// Throws `notFound` where config.json is missing, `unsupported` where the folder is of another format,
  /// `inputOutput`, `invalidFile`, `outOfMemory`.
  package init(_ folder: HuggingFaceFolder) throws(Failure) {
    if MinDalleFile.isFolder(folder) {
      try folder.provide("config.json", try MinDalleConfiguration(folder).text())
    }
    guard let text = try folder.text("config.json"), let model = try folder.configuration("config.json") else {
      let other = OtherFormats.find(in: folder).map { ", but \($0.file): \($0.format)" } ?? ""
      throw Failure(other.isEmpty ? .notFound : .unsupported, "\(folder.path) holds no config.json\(other)")
    }
    let generation = try folder.configuration("generation_config.json")
    self.model = model
    self.generation = generation
    defaults = try GenerationDefaults(model: model, generation: generation)
    modelText = text
    generationText = try folder.text("generation_config.json")
  }
}
