// The file of weights that CTranslate2 reads: model.bin.
// https://github.com/OpenNMT/CTranslate2, python/ctranslate2/specs/model_spec.py and src/models/model.cc
import AttendBase

/// A model.bin of any version: what it says it is, and its variables, where they lie. All that it says is checked when
/// it is read. Immutable: any number of threads may read at once.
struct CTranslate2File: Sendable {
  /// A variable: a tensor, or a number that describes the model.
  struct Variable: BitwiseCopyable, Sendable {
    /// Its name and its elements in the file, and its sizes among those of all.
    let name: PickleText
    let data: PickleText
    let shape: PickleText
    private let code: UInt32  // of the type, in which a list may hold it

    init(name: PickleText, type: ElementType, data: PickleText, shape: PickleText) {
      (self.name, self.data, self.shape, code) = (name, data, shape, type.rawValue)
    }

    var type: ElementType { ElementType(rawValue: code) ?? .uint8 }
  }

  let file: MappedFile
  /// The kind of model, such as "TransformerSpec", and the revision of its names.
  let specification: String
  let revision: Int
  /// The newest revision of each specification that is known, as CTranslate2 4.8 has them.
  private static let revisions = [
    "TransformerBase": 7, "TransformerBig": 7, "TransformerSpec": 7, "TransformerDecoderSpec": 8,
    "TransformerEncoderSpec": 1, "WhisperSpec": 3,
  ]
  /// Whether names are those of the first revision.
  var isFirst: Bool { revision == 1 && specification.hasPrefix("TransformerB") }
  /// In the order of their names.
  let variables: FixedArray<Variable>
  /// Names that stand for others, as they are in the file.
  let aliases: FixedArray<(name: PickleText, target: PickleText)>
  private let sizes: FixedArray<Int>

  /// The newest version of the format.
  static let newest = 6

  /// Whether a file begins like this, in a version known or to come.
  static func isSuch(_ file: MappedFile) -> Bool {
    defer { withExtendedLifetime(file) {} }
    let bytes = file.bytes
    guard bytes.count >= 8, case let version = bytes.loadUnaligned(as: UInt32.self), (1...64).contains(version) else {
      return false
    }
    guard version > 1 else { return true }
    let length = Int(bytes.loadUnaligned(fromByteOffset: 4, as: UInt16.self))
    return (2...64).contains(length) && bytes.count >= 6 + length && bytes[5 + length] == 0
      && bytes[6..<5 + length].allSatisfy { (0x21...0x7E).contains($0) }
  }

  /// Throws `invalidFile` with the file, the variable and the numbers; `unsupported` for versions and types that are
  /// not known; `outOfMemory`.
  init(_ file: MappedFile) throws(Failure) {
    var reader = CTranslate2Reader(file)
    let version = try reader.number(4)
    guard (1...CTranslate2File.newest).contains(version) else {
      throw Failure(
        .unsupported,
        "\(file.path) is of version \(version) of CTranslate2's format; known are 1 to \(CTranslate2File.newest)")
    }
    specification = version >= 2 ? reader.string(try reader.text()) : "TransformerBase"
    revision = version >= 2 ? try reader.number(4) : 1
    if let newest = CTranslate2File.revisions[specification], !(1...newest).contains(revision) {
      throw Failure(
        .unsupported,
        "\(file.path) is of revision \(revision) of \(specification); known are 1 to \(newest)")
    }
    let count = try reader.number(4)
    var sizes = GrowingList<Int>(for: "the shapes of \(file.path)")
    var found = GrowingList<Variable>(for: "the variables of \(file.path)")
    for _ in 0..<count { try found.append(try reader.variable(version, &sizes)) }
    var aliases = GrowingList<PickleText>(for: "the aliases of \(file.path)")
    if version >= 3 {
      for _ in 0..<2 * (try reader.number(4)) { try aliases.append(try reader.text()) }
    }
    guard reader.isAtEnd else { throw reader.invalid("ends, and \(reader.left) more bytes follow") }
    let bytes = file.bytes
    try found.sort { bytes.precedes($0.name, $1.name) }
    for index in 1..<max(found.count, 1) where !bytes.precedes(found[index - 1].name, found[index].name) {
      throw Failure(.invalidFile, "\(file.path) holds the variable \(reader.string(found[index].name)) twice")
    }
    self.file = file
    variables = try FixedArray(found.count, for: "the variables of \(file.path)") { found[$0] }
    self.aliases = try FixedArray(aliases.count / 2, for: "the aliases of \(file.path)") {
      (name: aliases[2 * $0], target: aliases[2 * $0 + 1])
    }
    self.sizes = try FixedArray(sizes.count, for: "the shapes of \(file.path)") { sizes[$0] }
    try checkAliases()
  }

  private func checkAliases() throws(Failure) {
    for alias in aliases where find(alias.target) == nil {
      throw Failure(
        .invalidFile,
        "\(file.path): \(text(alias.name)) stands for the variable \(text(alias.target)), which is not there")
    }
  }

  func text(_ place: PickleText) -> String { String(decoding: file.bytes.text(place), as: UTF8.self) }

  /// The variable of a name; nil where there is none.
  func find(_ name: PickleText) -> Variable? {
    find({ file.bytes.precedes($0, name) }, isSame: { !file.bytes.precedes(name, $0) })
  }

  /// The variable of a name; nil where there is none.
  func find(_ name: String) -> Variable? {
    find(
      { file.bytes.text($0).lexicographicallyPrecedes(name.utf8) },
      isSame: { file.bytes.text($0).elementsEqual(name.utf8) })
  }

  private func find(_ precedes: (PickleText) -> Bool, isSame: (PickleText) -> Bool) -> Variable? {
    let index = variables.partition { precedes($0.name) }
    return index < variables.count && isSame(variables[index].name) ? variables[index] : nil
  }

  func shape(_ variable: Variable) -> TensorShape {
    TensorShape((variable.shape.first..<variable.shape.first + variable.shape.count).lazy.map { sizes[$0] })
  }

  /// The elements of a variable.
  func bytes(_ variable: Variable) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: file.bytes[variable.data.first..<variable.data.first + variable.data.count])
  }

  /// The only element of a variable; nil where it has more.
  func number(_ variable: Variable) -> Double? {
    let bytes = bytes(variable)
    guard bytes.count == variable.type.size else { return nil }
    switch variable.type {
    case .int8: return Double(bytes.loadUnaligned(as: Int8.self))
    case .int16: return Double(bytes.loadUnaligned(as: Int16.self))
    case .int32: return Double(bytes.loadUnaligned(as: Int32.self))
    case .float32: return Double(bytes.loadUnaligned(as: Float.self))
    case .float16: return Double(Float(half: bytes.loadUnaligned(as: UInt16.self)))
    case .bfloat16: return Double(Float(bitPattern: UInt32(bytes.loadUnaligned(as: UInt16.self)) << 16))
    default: return nil
    }
  }
}

/// A walk through the bytes of such a file.
private struct CTranslate2Reader {
  private let file: MappedFile
  private var place = 0

  init(_ file: MappedFile) { self.file = file }

  var left: Int { file.bytes.count - place }
  var isAtEnd: Bool { left == 0 }

  func invalid(_ reason: String) -> Failure { Failure(.invalidFile, "\(file.path) at byte \(place) \(reason)") }

  func string(_ text: PickleText) -> String { String(decoding: file.bytes.text(text), as: UTF8.self) }

  private mutating func take(_ count: Int) throws(Failure) -> PickleText {
    guard count <= left else { throw invalid("needs \(count) bytes, and \(left) are left: it is truncated") }
    defer { place += count }
    return PickleText(first: place, count: count)
  }

  /// An integer of up to four bytes, without a sign.
  mutating func number(_ count: Int) throws(Failure) -> Int {
    let taken = try take(count)
    return file.bytes.text(taken).reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  /// A text behind its length, with a NUL that counts.
  mutating func text() throws(Failure) -> PickleText {
    let taken = try take(try number(2))
    guard taken.count > 0, file.bytes.text(taken).firstIndex(of: 0) == taken.first + taken.count - 1 else {
      throw invalid("has a name that does not end with its only NUL")
    }
    return PickleText(first: taken.first, count: taken.count - 1)
  }

  /// A variable; its sizes are added to those of all.
  mutating func variable(_ version: Int, _ sizes: inout GrowingList<Int>) throws(Failure) -> CTranslate2File.Variable {
    let name = try text()
    let shape = PickleText(first: sizes.count, count: try number(1))
    for _ in 0..<shape.count { try sizes.append(try number(4)) }
    let code = try number(1), stated = try number(4)
    let types: [Int: ElementType] =
      version >= 4
      ? [0: .float32, 1: .int8, 2: .int16, 3: .int32, 4: .float16, 5: .bfloat16] : [1: .int8, 2: .int16, 4: .float32]
    guard let type = types[code] else {
      throw Failure(.unsupported, "\(file.path): the variable \(string(name)) is of type \(code), which is not known")
    }
    let (bytes, overflow) = version >= 4 ? (stated, false) : stated.multipliedReportingOverflow(by: type.size)
    var needed: Int? = type.size
    for size in sizes.elements[shape.first...] {
      guard let (product, isTooLarge) = needed?.multipliedReportingOverflow(by: size) else { break }
      needed = isTooLarge ? nil : product
    }
    guard !overflow, needed == bytes else {
      let found = Array(sizes.elements[shape.first...])
      throw invalid("gives the variable \(string(name)) of \(type) and shape \(found) \(bytes) bytes")
    }
    return CTranslate2File.Variable(name: name, type: type, data: try take(bytes), shape: shape)
  }
}
