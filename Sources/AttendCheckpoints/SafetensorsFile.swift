// The safetensors format: eight bytes with the length of a JSON header, the header, the data.
// https://github.com/huggingface/safetensors, "Format"
import AttendBase

/// A safetensors file, mapped or copied. Everything in its header is checked when it is opened: what a tensor says of
/// itself lies inside the file. Immutable: any number of threads may read at once.
package final class SafetensorsFile: TensorSource {
  package let file: MappedFile
  let table: TensorTable
  /// Only where it tells of single tensors, as torchao's does.
  let metadata: JSON?

  /// The tensors in the order of their names; those of types that this library does not know are left out.
  package var tensors: FixedArray<StoredTensor> { table.tensors }

  /// Headers beyond this are refused, as the format's own library does.
  package static let maximalHeader = 100_000_000

  /// Throws `notFound`, `inputOutput`, or `invalidFile` with the file, the tensor and the numbers.
  package convenience init(_ path: String, copies: Bool = false) throws(Failure) {
    try self.init(try MappedFile(path, copies: copies))
  }

  /// Throws `invalidFile` likewise.
  package init(_ file: MappedFile) throws(Failure) {
    let path = file.path
    let header = try SafetensorsFile.header(of: file)
    let data = UnsafeRawBufferPointer(rebasing: file.bytes[(8 + header.count)...])
    let json = try JSON.parse(header, file: "the header of \(path)", owner: file)
    guard json.kind == .object else { throw Failure(.invalidFile, "\(path): the header is not a JSON object") }

    var described = 0
    for (key, value) in json.members {
      if SafetensorsFile.isMetadata(key) {
        try SafetensorsFile.checkMetadata(value, path)
      } else {
        described += 1
      }
    }
    var members = json.members.lazy.filter { !SafetensorsFile.isMetadata($0.key) }.makeIterator()
    let entries = try FixedArray(described, for: "the header of \(path)") { (_) throws(Failure) in
      guard let (key, value) = members.next() else {
        throw Failure(.internalError, "\(path): the header changed while it was read")
      }
      return try SafetensorsEntry(name: key.string ?? "", value, file: path, available: data.count)
    }
    try SafetensorsFile.checkNames(entries, path)
    try SafetensorsFile.checkTiling(entries, data.count, path)

    self.file = file
    let metadata = json["__metadata__"]
    self.metadata = metadata?["tensor_names"] == nil ? nil : metadata
    self.table = try TensorTable(entries.count, named: path) { (index) throws(Failure) in
      let entry = entries[index]
      let tensor = StoredTensor(
        name: entry.name, type: entry.type ?? .uint8, shape: entry.shape,
        bytes: UnsafeRawBufferPointer(rebasing: data[entry.begin..<entry.end]), file: path, owner: file)
      if entry.type != nil { return .known(tensor) }
      let isOfBytes = SafetensorsEntry.bytes(entry.shape, .uint8) == entry.end - entry.begin
      return .unknown(
        UnknownTensor(name: entry.name, type: entry.typeName, file: path, asBytes: isOfBytes ? tensor : nil))
    }
  }

  private static func isMetadata(_ key: JSON) -> Bool { key.equals("__metadata__") }

  /// The tensor with a name, nil where there is none of a known type.
  package subscript(name: String) -> StoredTensor? { table[name] }

  /// The bytes of the header, inside the file.
  private static func header(of file: MappedFile) throws(Failure) -> UnsafeRawBufferPointer {
    let bytes = file.bytes
    guard bytes.count >= 8 else {
      throw Failure(.invalidFile, "\(file.path) has \(bytes.count) bytes, too few for a safetensors file")
    }
    try file.refusePointer()
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= UInt64(bytes.count - 8) else {
      let found = "only \(bytes.count - 8) bytes follow: it is truncated or not a safetensors file"
      throw Failure(.invalidFile, "\(file.path) should begin with a header of \(length) bytes, but \(found)")
    }
    guard length <= UInt64(maximalHeader) else {
      throw Failure(.invalidFile, "\(file.path) has a header of \(length) bytes; at most \(maximalHeader) are allowed")
    }
    return UnsafeRawBufferPointer(rebasing: bytes[8..<8 + Int(length)])
  }

  /// Throws `invalidFile` unless the `__metadata__` entry holds texts alone.
  private static func checkMetadata(_ json: JSON, _ path: String) throws(Failure) {
    guard json.kind == .object else {
      throw Failure(.invalidFile, "\(path): __metadata__ in the header is not an object")
    }
    for (key, value) in json.members where value.kind != .string {
      throw Failure(.invalidFile, "\(path): \(key.string ?? "") in __metadata__ is not a string")
    }
  }

  private static func checkNames(_ entries: FixedArray<SafetensorsEntry>, _ path: String) throws(Failure) {
    entries.sort { $0.name < $1.name }
    for index in entries.indices.dropFirst() where entries[index].name == entries[index - 1].name {
      throw Failure(.invalidFile, "\(path): the header describes tensor \(entries[index].name) twice")
    }
  }

  /// The format demands that the tensors cover the data: each byte belongs to one of them.
  private static func checkTiling(_ entries: FixedArray<SafetensorsEntry>, _ size: Int, _ path: String) throws(Failure)
  {
    entries.sort { ($0.begin, $0.end) < ($1.begin, $1.end) }
    var covered = 0
    var previous: SafetensorsEntry?
    for entry in entries {
      guard entry.begin <= covered else {
        let hole = "bytes \(covered)..<\(entry.begin) of the data, before tensor \(entry.name)"
        throw Failure(.invalidFile, "\(path): \(hole), belong to no tensor")
      }
      guard entry.begin == covered else {
        let other = previous.map { "tensor \($0.name) at \($0.begin)..<\($0.end)" } ?? "another"
        throw Failure(
          .invalidFile,
          "\(path): tensor \(entry.name) at bytes \(entry.begin)..<\(entry.end) of the data overlaps \(other)")
      }
      covered = entry.end
      previous = entry
    }
    guard covered == size else {
      throw Failure(.invalidFile, "\(path): the tensors end at byte \(covered) of the data, which has \(size) bytes")
    }
  }
}
