// Tensors as files hold them.
import AttendBase

/// A tensor in a file of weights: its description, and its bytes where they lie.
///
/// The bytes are row-major and little-endian. Nothing aligns them: in a safetensors file they begin where the header
/// ends, so read them with `loadUnaligned`, byte by byte, or with instructions that need no alignment.
package struct StoredTensor: @unchecked Sendable {
  package let name: String
  package let type: ElementType
  /// Elements in each dimension, the slowest first; empty for a single number. Any of them may be 0.
  package let shape: [Int]
  /// `count` elements of `type`, alive as long as this value or the checkpoint it came from.
  package let bytes: UnsafeRawBufferPointer
  /// The path of the file.
  package let file: String
  /// Keeps the bytes where they are.
  package let owner: (any AnyObject & Sendable)?

  /// A tensor at `bytes`, which must be `shape` elements of `type`; `owner`, where given, is kept alive for them.
  package init(
    name: String, type: ElementType, shape: [Int], bytes: UnsafeRawBufferPointer, file: String,
    owner: (any AnyObject & Sendable)? = nil
  ) {
    self.name = name
    self.type = type
    self.shape = shape
    self.bytes = bytes
    self.file = file
    self.owner = owner
  }

  /// The same under another name.
  func renamed(_ name: String) -> StoredTensor {
    StoredTensor(name: name, type: type, shape: shape, bytes: bytes, file: file, owner: owner)
  }

  /// How many elements there are.
  package var count: Int { bytes.count / type.size }

  /// Tells the system that a range of the bytes, nil: all, has been used and its memory may serve others; reading it
  /// again is allowed and slow.
  package func dontNeed(_ range: Range<Int>? = nil) {
    guard let file = owner as? MappedFile, let place = place(in: file) else { return }
    let range = (range ?? 0..<bytes.count).clamped(to: 0..<bytes.count)
    file.dontNeed(place.lowerBound + range.lowerBound..<place.lowerBound + range.upperBound)
  }

  /// Where the bytes lie in a file that owns them; nil where they are elsewhere.
  func place(in file: MappedFile) -> Range<Int>? {
    guard owner === file, let base = file.bytes.baseAddress, let own = bytes.baseAddress else { return nil }
    return own - base..<own - base + bytes.count
  }
}

/// The tensors of one file or several, by name. Immutable: any number of threads may read at once.
struct TensorTable: Sendable {
  /// In the order of their names; those of types that this library does not know are left out.
  let tensors: [StoredTensor]
  /// The others.
  let unknown: [UnknownTensor]
  private let positions: [String: Int]

  /// The names must differ.
  init(_ tensors: [StoredTensor], unknown: [UnknownTensor]) {
    self.tensors = tensors.sorted { $0.name < $1.name }
    self.unknown = unknown
    self.positions = Dictionary(uniqueKeysWithValues: zip(self.tensors.lazy.map(\.name), 0...))
  }

  /// All names in their order, those of unknown types included.
  var names: [String] { (tensors.map(\.name) + unknown.map(\.name)).sorted() }

  subscript(name: String) -> StoredTensor? { positions[name].map { tensors[$0] } }
}

/// A tensor whose type has no `ElementType`, such as F8_E4M3: an obstacle only to who asks for it.
struct UnknownTensor: Sendable {
  let name: String
  let type: String
  let file: String

  var refusal: Failure {
    Failure(.unsupported, "\(file): tensor \(name) holds elements of type \(type), which this version cannot read")
  }
}
