// A model in GGUF, in one file or split: configuration, tensors and texts.
import AttendBase
import Synchronization

/// The files of a model in GGUF. It answers for the texts that other models have in files of their own: their content
/// is made from the metadata when it is asked for.
final class GGUFPackage: ModelLayout, @unchecked Sendable {
  private let place: FolderPlace
  /// The names of the files, in their order.
  private let names: [String]
  private let files: FixedArray<GGUFFile>
  private let architecture: GGUFArchitecture
  private let configuration: GGUFConfiguration
  /// Held by who reads metadata, which remember what has been read.
  private let reading = Mutex<Void>(())

  /// The model of the GGUF file that the caller named, with those that belong to it, or of the only one of a folder
  /// without other weights; nil: there is none.
  ///
  /// Throws what opening a file throws; `notFound` where a part is missing; `unsupported` for an architecture that no
  /// family has, and for several models in a folder.
  init?(_ folder: HuggingFaceFolder) throws(Failure) {
    guard let name = try GGUFPackage.find(in: folder) else { return nil }
    let names = GGUFPackage.parts(of: name)
    (place, self.names) = (folder.place, names)
    files = try FixedArray(names.count, for: "the files of \(folder.path(of: name))") { (index) throws(Failure) in
      try GGUFFile(try folder.mapped(names[index]))
    }
    if files.count > 1 {
      try GGUFPackage.checkParts(files)
    } else if let count = try files[0].metadata.size("split.count"), count > 1 {
      throw Failure(
        .notFound,
        "\(files[0].file.path) is one of \(count) parts of a model, and its name does not tell which: it must end in "
          + "-00001-of-\(GGUFPackage.padded(count)).gguf, beside the others")
    }
    let first = files[0]
    if let kind = try first.metadata.text("general.type"), kind != "model" {
      throw Failure(.unsupported, "\(first.file.path) is of type \"\(kind)\", not a model by itself")
    }
    guard let title = try first.metadata.text("general.architecture") else {
      throw first.metadata.invalid("general.architecture", "is missing")
    }
    guard let architecture = GGUFArchitecture.named(title, in: files) else {
      throw Failure(
        .unsupported,
        "\(first.file.path): the architecture \"\(title)\" is not known; known are \(GGUFArchitecture.names)")
    }
    self.architecture = architecture
    configuration = try GGUFConfiguration(title, architecture, files)
  }

  /// The weights of each file.
  func sources(copies: Bool) throws(Failure) -> FixedArray<any TensorSource> {
    let folder = HuggingFaceFolder(unchecked: place)
    return try FixedArray(files.count, for: "the files of \(folder.path(of: names[0]))") { (index) throws(Failure) in
      let file = copies ? try GGUFFile(try folder.mapped(names[index], copies: true)) : files[index]
      return try GGUFWeights(file, architecture, configuration.heads)
    }
  }

  // MARK: Texts

  /// Whether there is a text for the file of a name.
  func provides(_ name: String) -> Bool { reading.withLock { _ in offers(name) } }

  private func offers(_ name: String) -> Bool {
    let tokenizer = GGUFTokenizer(files[0].metadata, configuration.modelType)
    return switch name {
    case "config.json": true
    case "tokenizer.json": tokenizer.kind?.isJSON == true
    case "tokenizer.model": tokenizer.kind?.isJSON == false
    case "tokenizer_config.json": tokenizer.kind != nil
    case "modules.json", "1_Pooling/config.json": configuration.pooling != nil
    default: false
    }
  }

  /// The content that the file of a name would have; nil where there is none. Throws `invalidFile` and `unsupported`
  /// for metadata that no such file can be made of, `outOfMemory`.
  func text(_ name: String) throws(Failure) -> LoadedFile? {
    let made = reading.withLock { _ in Result { () throws(Failure) in try content(of: name) } }
    return try made.get()
  }

  private func content(of name: String) throws(Failure) -> LoadedFile? {
    guard offers(name) else { return nil }
    var text = GGUFTextBuilder()
    let tokenizer = GGUFTokenizer(files[0].metadata, configuration.modelType)
    switch name {
    case "config.json": try text.append(try configuration.text())
    case "tokenizer.json": try tokenizer.writeJSON(&text)
    case "tokenizer.model": try tokenizer.writeSentencePiece(&text)
    case "tokenizer_config.json": try tokenizer.writeSettings(&text)
    case "modules.json":
      try text.append(
        """
        [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
        """)
    case "1_Pooling/config.json": try text.append(configuration.pooling ?? "{}")
    default: break
    }
    return try LoadedFile(
      "\(files[0].file.path), read as \(name)", holding: UnsafeRawBufferPointer(text.bytes.elements))
  }

  // MARK: Parts

  /// The paths of the files of a model of which one is given: those of its own name, where that ends in
  /// `-00002-of-00005.gguf`.
  private static func parts(of path: String) -> [String] {
    guard let (stem, _, count) = split(path) else { return [path] }
    return (1...count).map { "\(stem)-\(padded($0))-of-\(padded(count)).gguf" }
  }

  /// Digits of the numbers of parts.
  private static let digits = 5

  private static func padded(_ number: Int) -> String {
    let text = "\(number)"
    return String(repeating: "0", count: max(digits - text.utf8.count, 0)) + text
  }

  /// The beginning of a name `stem-00002-of-00005.gguf`, the number and the count; nil: it is none.
  static func split(_ path: String) -> (stem: Substring, number: Int, count: Int)? {
    guard path.hasSuffix(".gguf") else { return nil }
    let parts = path.dropLast(5).split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count >= 4, parts[parts.count - 2] == "of", parts[parts.count - 3].utf8.count == digits,
      parts[parts.count - 1].utf8.count == digits, let number = Int(parts[parts.count - 3]),
      let count = Int(parts[parts.count - 1]), (1...count).contains(number)
    else { return nil }
    return (path.dropLast(5 + 2 * digits + 5), number, count)
  }

  /// Throws `invalidFile` unless each file says that it is the part that its name says.
  private static func checkParts(_ files: FixedArray<GGUFFile>) throws(Failure) {
    for (index, file) in files.enumerated() {
      let (number, count) = (try file.metadata.size("split.no"), try file.metadata.size("split.count"))
      guard number == index, count == files.count else {
        let found = "part \(number.map { "\($0 + 1)" } ?? "?") of \(count.map { "\($0)" } ?? "?")"
        throw Failure(
          .invalidFile, "\(file.file.path): the file says that it is \(found), its name \(index + 1) of \(files.count)")
      }
    }
    for (index, file) in files.enumerated() {
      for tensor in file.tensors.elements {
        let name = file.name(of: tensor)
        if let other = files[..<index].first(where: { $0.tensor(name) != nil }) {
          throw Failure(.invalidFile, "\(file.file.path): tensor \(name) is in \(other.file.path) too")
        }
      }
    }
    let tensors = files.reduce(0) { $0 + $1.tensors.count }
    if let stated = try files[0].metadata.size("split.tensors.count"), stated != tensors {
      throw files[0].metadata.invalid("split.tensors.count", "is \(stated); the files hold \(tensors) tensors")
    }
  }

  /// The GGUF file that the caller named, or the one of a folder, of several parts the first; nil: there is none.
  /// Throws `unsupported`, listing them, where there are several models.
  private static func find(in folder: HuggingFaceFolder) throws(Failure) -> String? {
    if let name = folder.place.file {
      let file = try folder.mapped(name)
      defer { withExtendedLifetime(file) {} }
      return GGUFFile.isGGUF(file.bytes) || name.hasSuffix(".gguf") ? name : nil
    }
    if WeightFormat.isAny(in: folder) { return nil }
    let names = folder.names { name in
      name.hasSuffix(".gguf") && !name.hasPrefix("mmproj") && split(name).map { $0.number == 1 } ?? true
    }
    guard names.count <= 1 else {
      throw Failure(
        .unsupported,
        "\(folder.path) holds \(names.count) models in GGUF: \(names.joined(separator: ", ")); give the path of one")
    }
    if names.isEmpty, let part = folder.names(where: { split($0) != nil }).first, let (stem, _, count) = split(part) {
      throw Failure(
        .notFound,
        "\(folder.path) holds \(part), and lacks the first part, \(stem)-\(padded(1))-of-\(padded(count)).gguf")
    }
    return names.first
  }
}

/// A text that grows by allocations that may fail.
struct GGUFTextBuilder: ~Copyable {
  var bytes = GrowingList<UInt8>(for: "a text made from the metadata of a GGUF file")

  mutating func append(_ text: String) throws(Failure) { for byte in text.utf8 { try bytes.append(byte) } }

  /// A string of JSON with its quotes. Bytes that are no UTF-8 are replaced.
  mutating func quote(_ text: UnsafeRawBufferPointer) throws(Failure) {
    try bytes.append(UInt8(ascii: "\""))
    if text.isEmpty || String(validating: text, as: UTF8.self) != nil {
      try JSON.escape(text.assumingMemoryBound(to: UInt8.self), into: &bytes)
    } else {
      for byte in String(decoding: text, as: UTF8.self).utf8 { try JSON.escape(byte, into: &bytes) }
    }
    try bytes.append(UInt8(ascii: "\""))
  }

  mutating func quote(_ text: String) throws(Failure) {
    var text = text
    let failure = text.withUTF8 { (utf8) -> Failure? in
      do throws(Failure) { try quote(UnsafeRawBufferPointer(utf8)) } catch { return error }
      return nil
    }
    if let failure { throw failure }
  }
}
