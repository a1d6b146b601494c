// A GGUF file: metadata, descriptions of tensors, and their numbers.
import AttendBase

/// A GGUF file of version 2 or 3, mapped or copied. Everything before the numbers is checked when it is opened: what a
/// tensor says of itself lies inside the file, and no two share bytes.
final class GGUFFile {
  let file: MappedFile
  let metadata: GGUFMetadata
  private(set) var tensors = GrowingList<Tensor>(for: "the tensors of a GGUF file")
  /// Where the numbers begin.
  private let data: Int

  /// A tensor as the file describes it.
  struct Tensor: BitwiseCopyable {
    let name: GGUFText
    /// The sizes of its dimensions, the fastest first, as GGUF has them.
    let sizes: InlineArray<4, Int>
    let rank: Int
    let type: UInt32
    /// The first byte, from where the numbers begin.
    let offset: Int
    var bytes = 0

    var format: BlockFormat? { BlockFormat(rawValue: type) }
  }

  /// The longest name; ggml reads up to 64 bytes.
  private static let longestName = 256

  /// Throws `invalidFile` with the file, the place or the tensor, and the numbers; `unsupported` for a version that is
  /// not known here; `outOfMemory`.
  init(_ file: MappedFile) throws(Failure) {
    self.file = file
    let path = file.path
    try file.refusePointer()
    var reader = GGUFReader(file.bytes, file: path)
    guard GGUFFile.isGGUF(file.bytes) else { throw reader.invalid("it does not begin with \"GGUF\"") }
    _ = try reader.skip(4, for: "the beginning")
    let version = try reader.number(UInt32.self, for: "the version")
    guard version == 2 || version == 3 else {
      let isBig = version.byteSwapped == 2 || version.byteSwapped == 3
      throw Failure(
        .unsupported,
        "\(path) is a GGUF file \(isBig ? "of big-endian numbers" : "of version \(version)"); versions 2 and 3, "
          + "little-endian, are known")
    }
    let tensorCount = try reader.size(for: "the number of tensors")
    let keyCount = try reader.size(for: "the number of keys")
    metadata = try GGUFMetadata(keyCount, &reader, file)
    let alignment = try metadata.size("general.alignment") ?? 32
    guard alignment > 0, alignment & (alignment - 1) == 0 else {
      throw metadata.invalid("general.alignment", "is \(alignment); it must be a power of two")
    }
    for index in 0..<tensorCount {
      try tensors.append(try GGUFFile.tensor(index, of: tensorCount, &reader))
    }
    data = (reader.place + alignment - 1) / alignment * alignment
    try checkTensors(alignment)
  }

  static func isGGUF(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.starts(with: "GGUF".utf8) }

  private static func tensor(_ index: Int, of count: Int, _ reader: inout GGUFReader) throws(Failure) -> Tensor {
    let name = try reader.text(for: "the name of tensor \(index) of \(count)")
    let title = "tensor \(String(decoding: name.bytes(in: reader.bytes).prefix(longestName), as: UTF8.self))"
    guard name.count <= longestName else {
      throw reader.invalid("\(title)... has a name of \(name.count) bytes; at most \(longestName) are allowed")
    }
    let rank = Int(try reader.number(UInt32.self, for: "the rank of \(title)"))
    guard (1...4).contains(rank) else { throw reader.invalid("\(title) has \(rank) dimensions; 1 to 4 are allowed") }
    var sizes = InlineArray<4, Int>(repeating: 1)
    for dimension in 0..<rank { sizes[dimension] = try reader.size(for: "a size of \(title)") }
    let type = try reader.number(UInt32.self, for: "the type of \(title)")
    let offset = try reader.size(for: "the offset of \(title)")
    var tensor = Tensor(name: name, sizes: sizes, rank: rank, type: type, offset: offset)
    guard let format = tensor.format else { return tensor }
    guard sizes[0].isMultiple(of: format.weights) else {
      throw reader.invalid("\(title) has rows of \(sizes[0]) numbers; \(format) has blocks of \(format.weights)")
    }
    // Elements are counted in blocks: there are never more of them than of bytes.
    var (bytes, isTooLarge) = (format.bytes, false)
    for size in [sizes[0] / format.weights, sizes[1], sizes[2], sizes[3]] {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
      (bytes, isTooLarge) = (product, isTooLarge || overflow)
    }
    guard !isTooLarge else {
      let shape = (0..<rank).map { "\(sizes[$0])" }.joined(separator: " x ")
      throw reader.invalid("\(title) of \(shape) numbers of type \(format) has more bytes than can be counted")
    }
    tensor.bytes = bytes
    return tensor
  }

  /// Throws `invalidFile` unless all tensors lie in the file, aligned, beside each other, under names of their own.
  private func checkTensors(_ alignment: Int) throws(Failure) {
    let bytes = file.bytes
    func invalid(_ tensor: Tensor, _ reason: String) -> Failure {
      Failure(.invalidFile, "\(file.path): tensor \(name(of: tensor)) \(reason)")
    }
    let available = max(bytes.count - data, 0)
    try tensors.sort { $0.offset < $1.offset }
    for (index, tensor) in tensors.elements.enumerated() {
      guard tensor.offset.isMultiple(of: alignment) else {
        throw invalid(tensor, "begins at byte \(tensor.offset) of the data, which is no multiple of \(alignment)")
      }
      guard tensor.offset <= available, tensor.bytes <= available - tensor.offset else {
        throw invalid(
          tensor,
          "takes \(tensor.bytes) bytes from byte \(tensor.offset) of the data on, which has \(available) bytes")
      }
      guard index > 0 else { continue }
      let before = tensors[index - 1]
      guard before.offset + before.bytes <= tensor.offset || before.bytes == 0 || tensor.bytes == 0 else {
        throw invalid(
          tensor,
          "begins at byte \(tensor.offset) of the data, inside of tensor \(name(of: before)), which ends at byte "
            + "\(before.offset + before.bytes)")
      }
      // Tensors follow one another; a gap means that a size or type is not what was written.
      let next = (before.offset + before.bytes + alignment - 1) / alignment * alignment
      guard next == tensor.offset || before.bytes == 0 || tensor.bytes == 0 else {
        throw invalid(
          tensor,
          "begins at byte \(tensor.offset) of the data; tensor \(name(of: before)), before it, ends so that the next "
            + "begins at \(next)")
      }
    }
    try tensors.sort { $0.name.bytes(in: bytes).lexicographicallyPrecedes($1.name.bytes(in: bytes)) }
    for index in tensors.elements.indices.dropFirst()
    where tensors[index].name.bytes(in: bytes).elementsEqual(tensors[index - 1].name.bytes(in: bytes)) {
      throw invalid(tensors[index], "is there twice")
    }
  }

  func name(of tensor: Tensor) -> String { metadata.text(tensor.name) }

  /// The bytes of a tensor of a known type.
  func bytes(of tensor: Tensor) -> UnsafeRawBufferPointer {
    let first = min(data + tensor.offset, file.bytes.count)
    return UnsafeRawBufferPointer(rebasing: file.bytes[first..<first + tensor.bytes])
  }

  /// The tensor of a name; nil: there is none.
  func tensor(_ name: String) -> Tensor? {
    var name = name
    return name.withUTF8 { wanted in
      let bytes = file.bytes
      let index = tensors.elements.partition { $0.name.bytes(in: bytes).lexicographicallyPrecedes(wanted) }
      guard index < tensors.count, tensors[index].name.bytes(in: bytes).elementsEqual(wanted) else { return nil }
      return tensors[index]
    }
  }
}
