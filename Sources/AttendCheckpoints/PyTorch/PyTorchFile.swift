// The files that torch.save writes of a model's state dict: pytorch_model.bin.
// https://github.com/pytorch/pytorch, torch/serialization.py
import AttendBase

/// A file of torch.save's, mapped or copied: a zip archive with a pickle of the state dict and an entry for each
/// storage or, before PyTorch 1.6, the pickles and the storages one behind the other. What a tensor says of itself lies
/// inside its storage, and that inside the file. Immutable: any number of threads may read at once.
final class PyTorchFile: TensorSource {
  let file: MappedFile
  let table: TensorTable

  /// Throws `invalidFile` with the file, the tensor and the numbers; `unsupported` for what
  /// no state dict holds, and numbers with their highest byte first; `outOfMemory`.
  init(_ file: MappedFile) throws(Failure) {
    let path = file.path
    try file.refusePointer()
    let tensors =
      if ZipArchive.begins(file.bytes) {
        try TorchArchive.tensors(of: file)
      } else {
        try TorchStream.tensors(of: file)
      }
    var copied = 0
    self.file = file
    self.table = try TensorTable(tensors.count, named: path) { (index) throws(Failure) in
      let tensor = tensors[index]
      guard let type = tensor.type.element else {
        return .unknown(UnknownTensor(name: tensor.name, type: tensor.type.rawValue, file: path))
      }
      return .known(try TorchView(tensor, type, file).stored(counting: &copied))
    }
  }
}

// MARK: - Archives

/// The format since PyTorch 1.6: in a folder of any name data.pkl, byteorder, and data/ with the storages.
private enum TorchArchive {
  static func tensors(of file: MappedFile) throws(Failure) -> FixedArray<TorchTensor> {
    let archive = try ZipArchive(file)
    guard let name = archive.shortestName(before: "/data.pkl"),
      let pickle = try archive.content("\(name)/data.pkl")
    else { throw Failure(.invalidFile, "\(file.path) is a zip archive without data.pkl: torch.save did not write it") }
    let folder = "\(name)/"
    if try archive.content("\(folder)constants.pkl") != nil {
      throw Failure(.unsupported, "\(file.path) is a program of TorchScript; save model.state_dict() with torch.save")
    }
    if let order = try archive.content("\(folder)byteorder"), !order.elementsEqual("little".utf8) {
      let found = String(decoding: order.prefix(16), as: UTF8.self)
      throw Failure(
        .unsupported, "\(file.path): the numbers are in the byte order \(found.debugDescription), not little")
    }
    var unpickler = Unpickler(pickle, file: file.path)
    let value = try unpickler.value()
    return try unpickler.stateDict(value) { key throws(Failure) in
      try archive.content("\(folder)data/\(String(decoding: pickle.text(key), as: UTF8.self))")
    }
  }
}

// MARK: - Streams

/// The format before PyTorch 1.6: pickles of a magic number, the version, the machine, the state dict and the keys of
/// the storages, and behind them the storages, each after the number of its elements.
private enum TorchStream {
  /// 0x1950a86a20f9469cfc6c, little-endian.
  private static let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]

  /// The elements behind a key in the file.
  private struct Storage {
    let key: PickleText
    var first = 0  // their first byte
    var count = 0  // their bytes
    var size: Int  // of one of them
  }

  static func tensors(of file: MappedFile) throws(Failure) -> FixedArray<TorchTensor> {
    let (path, bytes) = (file.path, file.bytes)
    let start = try header(of: file)
    var unpickler = Unpickler(bytes, from: start, file: path)
    let value = try unpickler.value()
    let storages = try storages(behind: unpickler, bytes, path)
    return try unpickler.stateDict(value) { key in
      find(key, storages, bytes).map { UnsafeRawBufferPointer(rebasing: bytes[$0.first..<$0.first + $0.count]) }
    }
  }

  /// The start of the pickle of the state dict, behind three that say what the file is.
  private static func header(of file: MappedFile) throws(Failure) -> Int {
    let (path, bytes) = (file.path, file.bytes)
    let foreign = Failure(
      .invalidFile, "\(path) is no file of torch.save's: it is no archive and lacks the magic number")
    guard bytes.first == 0x80 else { throw foreign }
    var magic = Unpickler(bytes, from: 0, file: path)
    guard case .large(let number) = try magic.value(),
      bytes[number.first..<number.first + number.count].elementsEqual(TorchStream.magic)
    else { throw foreign }
    var version = Unpickler(bytes, from: magic.position, file: path)
    guard case .integer(1001) = try version.value() else {
      throw Failure(.unsupported, "\(path): the format of torch.save is of another version than 1001")
    }
    var machine = Unpickler(bytes, from: version.position, file: path)
    guard try machine.flag("little_endian", of: try machine.value()) == true else {
      throw Failure(.unsupported, "\(path): the numbers were not written by a little-endian machine")
    }
    return machine.position
  }

  /// The storage with a key, of several the last one, in a list that is in the order of keys.
  private static func find(
    _ key: PickleText, _ storages: borrowing GrowingList<Storage>, _ bytes: UnsafeRawBufferPointer
  ) -> Storage? {
    let elements = storages.elements
    let limit = elements.partition { !bytes.precedes(key, $0.key) }
    guard limit > 0, !bytes.precedes(elements[limit - 1].key, key) else { return nil }
    return elements[limit - 1]
  }

  private static func storages(
    behind pickle: borrowing Unpickler, _ bytes: UnsafeRawBufferPointer, _ path: String
  ) throws(Failure) -> GrowingList<Storage> {
    var described = GrowingList<Storage>(for: "the storages of a pickle")
    for storage in pickle.storages.elements {
      try described.append(Storage(key: storage.key, size: storage.type.size))
    }
    try described.sort { bytes.precedes($0.key, $1.key) }
    var keys = Unpickler(bytes, from: pickle.position, file: path)
    let list = try keys.texts(try keys.value())
    var place = keys.position
    var storages = GrowingList<Storage>(for: "the storages of a pickle")
    for key in list.elements {
      func name() -> String { String(decoding: bytes.text(key), as: UTF8.self) }
      guard let size = find(key, described, bytes)?.size else {
        throw Failure(.invalidFile, "\(path): the storage \(name()) belongs to no tensor")
      }
      guard bytes.count - place >= 8 else {
        throw Failure(.invalidFile, "\(path) is truncated before storage \(name())")
      }
      let count = Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: Int64.self))
      place += 8
      guard count >= 0, count <= (bytes.count - place) / size else {
        throw Failure(
          .invalidFile,
          "\(path): storage \(name()) of \(count) elements of \(size) bytes exceeds the file's \(bytes.count) bytes")
      }
      try storages.append(Storage(key: key, first: place, count: Int(count) * size, size: size))
      place += Int(count) * size
    }
    try storages.sort { bytes.precedes($0.key, $1.key) }
    return storages
  }
}

// MARK: - Views

/// A tensor and the bytes of its storage.
private struct TorchView {
  private let tensor: TorchTensor
  private let type: ElementType
  private let storage: UnsafeRawBufferPointer
  private let file: MappedFile
  /// The number of elements.
  private let count: Int

  /// Throws `invalidFile` unless all elements lie in the storage.
  init(_ tensor: TorchTensor, _ type: ElementType, _ file: MappedFile) throws(Failure) {
    func invalid(_ reason: String) -> Failure { Failure(.invalidFile, "\(file.path): tensor \(tensor.name) \(reason)") }
    guard let storage = tensor.bytes else { throw invalid("lies in storage \(tensor.storage), which is missing") }
    guard let reach = TorchView.reach(tensor) else { throw invalid("has the shape \(tensor.shape), beyond all memory") }
    let available = storage.count / type.size
    guard reach.last < available else {
      throw invalid(
        "of shape \(tensor.shape) and strides \(tensor.strides) from element \(tensor.offset) on exceeds its storage "
          + "of "
          + "\(available) elements")
    }
    (self.tensor, self.type, self.storage, self.file, count) = (tensor, type, storage, file, reach.count)
  }

  /// The number of elements of a tensor, and the last one that it reaches, -1 for none; nil where these do not fit.
  private static func reach(_ tensor: TorchTensor) -> (count: Int, last: Int)? {
    if tensor.shape.contains(0) { return (0, -1) }
    var (count, last) = (1, tensor.offset)
    for (size, stride) in zip(tensor.shape, tensor.strides) {
      let (product, tooMany) = count.multipliedReportingOverflow(by: size)
      let (step, tooLong) = (size - 1).multipliedReportingOverflow(by: stride)
      let (sum, tooFar) = last.addingReportingOverflow(step)
      if tooMany || tooLong || tooFar { return nil }
      (count, last) = (product, sum)
    }
    return (count, last)
  }

  /// Whether the elements lie in the order that they are meant to have, one after another.
  private var isContiguous: Bool {
    var expected = 1
    for (size, stride) in zip(tensor.shape, tensor.strides).reversed() where size != 1 {
      guard stride == expected else { return false }
      expected *= size
    }
    return true
  }

  /// The tensor where it lies or, where its elements lie in another order, in memory of its own, whose bytes are added
  /// to `copied`. Throws `unsupported` where that would be far more memory than the file has, `outOfMemory`.
  func stored(counting copied: inout Int) throws(Failure) -> StoredTensor {
    guard count > 0, !isContiguous else {
      let first = count == 0 ? 0 : tensor.offset * type.size
      let bytes = UnsafeRawBufferPointer(rebasing: storage[first..<first + count * type.size])
      return StoredTensor(
        name: tensor.name, type: type, shape: TensorShape(tensor.shape), bytes: bytes, file: file.path, owner: file)
    }
    // An expanded tensor has more elements than its storage; and many views may share one.
    guard count <= storage.count / type.size, count * type.size <= 2 * file.bytes.count - copied else {
      throw Failure(
        .unsupported,
        "\(file.path): tensor \(tensor.name) of shape \(tensor.shape) with strides \(tensor.strides) repeats what the "
          + "file holds once; save a contiguous copy of it")
    }
    copied += count * type.size
    let copy = try AlignedBuffer(bytes: count * type.size, for: "tensor \(tensor.name)")
    gather(into: copy.base)
    return StoredTensor(
      name: tensor.name, type: type, shape: TensorShape(tensor.shape),
      bytes: UnsafeRawBufferPointer(start: copy.base, count: copy.bytes), file: file.path, owner: copy)
  }

  /// Writes the elements in the order of the indices, the last dimension fastest.
  private func gather(into target: UnsafeMutableRawPointer) {
    var index = tensor.shape.map { _ in 0 }
    let strides = zip(tensor.shape, tensor.strides).map { $0 == 1 ? 0 : $1 }  // nothing bounds those of a single index
    var place = tensor.offset
    for element in 0..<count {
      (target + element * type.size).copyMemory(from: storage.baseAddress! + place * type.size, byteCount: type.size)
      var dimension = index.count - 1
      while dimension >= 0 {
        index[dimension] += 1
        place += strides[dimension]
        if index[dimension] < tensor.shape[dimension] { break }
        place -= tensor.shape[dimension] * strides[dimension]
        index[dimension] = 0
        dimension -= 1
      }
    }
  }
}
