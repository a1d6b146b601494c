// A checkpoint folder in the layout of Hugging Face: the way to all files of a model.
import AttendBase
import Glibc

/// The files of a checkpoint folder, as everything that reads a model sees them. This is the only place that asks the
/// disk whether a file is there and that knows how paths are joined; a file of text is read and parsed once, whoever
/// asks for it. A model in another layout (`ModelLayout`) shows itself here as if it were in that of Hugging Face, and
/// so do files in memory. One thread at a time.
package final class HuggingFaceFolder {
  package let place: FolderPlace
  /// The layout of the model; nil: that of Hugging Face.
  let layout: (any ModelLayout)?
  private var texts: [String: LoadedFile] = [:]
  private var documents: [String: JSON] = [:]

  /// Whether the model is in a layout other than that of Hugging Face.
  package var isTranslated: Bool { layout != nil }

  /// The path of the folder, as it appears in messages.
  package var path: String { place.path }

  /// The folder at `path`, or the one that holds the file there. Throws `notFound` where nothing is, `inputOutput`, and
  /// what a layout that it turns out to have throws.
  package convenience init(_ path: String) throws(Failure) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw Failure(.notFound, "the path of the model folder, \(path.debugDescription), names no folder")
    }
    guard try HuggingFaceFolder.isFolder(path) else {
      let parts = path.split(separator: "/", omittingEmptySubsequences: false)
      let folder = parts.count > 1 ? parts.dropLast().joined(separator: "/") : "."
      try self.init(FolderPlace(path: folder.isEmpty ? "/" : folder, file: String(parts[parts.count - 1])))
      return
    }
    try self.init(FolderPlace(path: path))
  }

  /// The folder that files in memory make. Throws what a layout that it turns out to have throws.
  package convenience init(_ files: MemoryFiles) throws(Failure) {
    try self.init(FolderPlace(path: MemoryFiles.folder, memory: files))
  }

  /// The folder at a place, to be read again. Throws what a layout that it turns out to have throws.
  package init(_ place: FolderPlace) throws(Failure) {
    self.place = place
    layout = try ModelLayouts.find(in: HuggingFaceFolder(unchecked: place))
  }

  /// The folder at `path`, which need not exist: what is asked for is then not there.
  package convenience init(unchecked path: String) { self.init(unchecked: FolderPlace(path: path)) }

  /// The folder at a place in the layout of Hugging Face.
  init(unchecked place: FolderPlace) { (self.place, layout) = (place, nil) }

  /// Whether a folder, not a file, is at `path`. Throws `notFound`, `inputOutput`.
  package static func isFolder(_ path: String) throws(Failure) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0 else { throw OpenFile.failure("examined", path, errno) }
    return status.st_mode & S_IFMT == S_IFDIR
  }

  // MARK: Names

  /// The path of a file in the folder.
  package func path(of name: String) -> String { place.path(of: name) }

  /// Whether something of that name is in the folder, be it readable or not.
  package func holds(_ name: String) -> Bool {
    if let layout, layout.provides(name) { return true }
    if let memory = place.memory { return memory.find(place.prefix + name) != nil }
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
    if let memory = place.memory { return memory.forEachName(place.prefix, body) }
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
    if name.isEmpty { return self }
    let folder = HuggingFaceFolder(unchecked: place.folder(name))
    // A layout may know the settings of a module.
    if let layout, let settings = (try? layout.text("\(name)/config.json")) ?? nil {
      folder.texts["config.json"] = settings
    }
    return folder
  }

  // MARK: Contents

  /// The bytes of a file, mapped or, where `copies` asks for it, copied; those of a file in memory where they are, and
  /// those that a layout makes. Throws `notFound`, `inputOutput`, `outOfMemory`.
  package func mapped(_ name: String, copies: Bool = false) throws(Failure) -> MappedFile {
    if let text = try layout?.text(name) { return try MappedFile(text.path, bytes: text.bytes, copies: true) }
    guard let memory = place.memory else { return try MappedFile(path(of: name), copies: copies) }
    guard let file = memory.find(place.prefix + name) else {
      throw Failure(.notFound, "\(path(of: name)) does not exist")
    }
    return file
  }

  /// The content of a file of text, nil where there is none. Throws `inputOutput` where it cannot be read,
  /// `outOfMemory`.
  package func text(_ name: String) throws(Failure) -> LoadedFile? {
    if let text = texts[name] { return text }
    guard let text = try loaded(name) else { return nil }
    texts[name] = text
    return text
  }

  private func loaded(_ name: String) throws(Failure) -> LoadedFile? {
    if let text = try layout?.text(name) { return text }
    guard holds(name) else { return nil }
    guard place.memory == nil else { return try LoadedFile(path(of: name), holding: try mapped(name).bytes) }
    return try LoadedFile(path(of: name))
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
