// Tensors as files hold them.
import AttendBase
import Glibc

/// A tensor in a file of weights: its description, and its bytes where they lie.
///
/// The bytes are row-major and little-endian. Nothing aligns them: in a safetensors file they begin where the header
/// ends, so read them with `loadUnaligned`, byte by byte, or with instructions that need no alignment.
package struct StoredTensor: @unchecked Sendable {
  package let name: String
  package let type: ElementType
  /// Any of its sizes may be 0.
  package let shape: TensorShape
  /// `count` elements of `type`, alive as long as this value or the checkpoint it came from; where there are `rows`,
  /// what these are read from.
  package let bytes: UnsafeRawBufferPointer
  /// The path of the file.
  package let file: String
  /// Keeps the bytes where they are.
  package let owner: (any AnyObject & Sendable)?
  /// The way to the numbers where they do not lie at `bytes` as they are; `type` is then float32. A row holds the
  /// inputs of an output, whatever the shape says.
  package let rows: StoredRows?

  /// A tensor at `bytes`, which must be `shape` elements of `type`, or be read through `rows`; `owner`, where given, is
  /// kept alive for them.
  package init(
    name: String, type: ElementType, shape: TensorShape, bytes: UnsafeRawBufferPointer, file: String,
    owner: (any AnyObject & Sendable)? = nil, rows: StoredRows? = nil
  ) {
    self.name = name
    self.type = type
    self.shape = shape
    self.bytes = bytes
    self.file = file
    self.owner = owner
    self.rows = rows
  }

  /// The same under another name.
  func renamed(_ name: String) -> StoredTensor {
    StoredTensor(name: name, type: type, shape: shape, bytes: bytes, file: file, owner: owner, rows: rows)
  }

  /// The number of elements.
  package var count: Int { rows.map { $0.rows * $0.columns } ?? bytes.count / type.size }

  /// Whether another tensor holds the same numbers, as far as its bytes tell.
  package func isEqual(to other: StoredTensor) -> Bool {
    let isAlike =
      switch (rows, other.rows) {
      case (nil, nil): true
      case (let own?, let others?): own.isAlike(others)
      default: false
      }
    guard isAlike, type == other.type, shape == other.shape, bytes.count == other.bytes.count else { return false }
    guard let first = bytes.baseAddress, let second = other.bytes.baseAddress else { return true }
    return memcmp(first, second, bytes.count) == 0
  }

  /// Tells the system that a range of the bytes, nil: all, has been used and its memory may serve others; reading it
  /// again is allowed and slow.
  package func dontNeed(_ range: Range<Int>? = nil) {
    guard let file = owner as? MappedFile, let place = place(in: file) else { return }
    let range = (range ?? 0..<bytes.count).clamped(to: 0..<bytes.count)
    file.dontNeed(place.lowerBound + range.lowerBound..<place.lowerBound + range.upperBound)
  }

  /// The place of the bytes in a file that owns them; nil where they are elsewhere.
  func place(in file: MappedFile) -> Range<Int>? {
    guard owner === file, let base = file.bytes.baseAddress, let own = bytes.baseAddress else { return nil }
    return own - base..<own - base + bytes.count
  }
}

/// The tensors of one file or several, by name. Immutable: any number of threads may read at once.
struct TensorTable: Sendable {
  /// In the order of their names; those of types that this library does not know are left out.
  let tensors: FixedArray<StoredTensor>
  /// The others, likewise.
  let unknown: FixedArray<UnknownTensor>

  /// A tensor of a type that this library knows, or not.
  enum Member {
    case known(StoredTensor)
    case unknown(UnknownTensor)
  }

  /// `count` tensors, whose names must differ, of the file or folder `path`.
  init(_ count: Int, named path: String, _ member: (Int) throws(Failure) -> Member) throws(Failure) {
    let members = try FixedArray(count, for: "the tensors of \(path)", member)
    var index = 0
    func next<Value>(_ value: (Member) -> Value?) throws(Failure) -> Value {
      while index < count {
        defer { index += 1 }
        if let found = value(members[index]) { return found }
      }
      throw Failure(.internalError, "\(path): the tensors changed while they were counted")
    }
    var known = 0
    for index in 0..<count { if case .known = members[index] { known += 1 } }
    tensors = try FixedArray(known, for: "the tensors of \(path)") { (_) throws(Failure) in
      try next { if case .known(let tensor) = $0 { tensor } else { nil } }
    }
    index = 0
    unknown = try FixedArray(count - known, for: "the tensors of \(path)") { (_) throws(Failure) in
      try next { if case .unknown(let tensor) = $0 { tensor } else { nil } }
    }
    tensors.sort { $0.name < $1.name }
    unknown.sort { $0.name < $1.name }
  }

  var count: Int { tensors.count + unknown.count }

  /// Tensor `index`, those of known types first.
  func member(_ index: Int) -> Member {
    index < tensors.count ? .known(tensors[index]) : .unknown(unknown[index - tensors.count])
  }

  /// All names, first those of the known types in their order, then the others in theirs.
  func forEachName(_ body: (String) throws(Failure) -> Void) throws(Failure) {
    for tensor in tensors { try body(tensor.name) }
    for tensor in unknown { try body(tensor.name) }
  }

  func index(of name: String) -> Int? {
    let index = tensors.partition { $0.name < name }
    return index < tensors.count && tensors[index].name == name ? index : nil
  }

  subscript(name: String) -> StoredTensor? { index(of: name).map { tensors[$0] } }
}

/// A tensor whose type has no `ElementType`, such as F8_E4M3: an obstacle only to who asks for it.
struct UnknownTensor: Sendable {
  let name: String
  let type: String
  let file: String
  /// The tensor as if its elements were bytes, where its shape has one for each of them.
  var asBytes: StoredTensor?

  var refusal: Failure {
    Failure(.unsupported, "\(file): tensor \(name) holds elements of type \(type), which this version cannot read")
  }
}
