// The file that Flax writes of a model's parameters: flax_model.msgpack.
// https://github.com/google/flax, flax/serialization.py
import AttendBase

/// A map of maps in MessagePack whose leaves are arrays, mapped or copied. A tensor's name is the way to it, its parts
/// joined by dots; the leaves `scale` and `embedding` are called `weight` as in PyTorch, while `kernel` keeps its name,
/// for it is transposed. Layers that `scan` has stacked along the first axis are tensors of their own. Everything is
/// checked when it is opened. Immutable: any number of threads may read at once.
final class FlaxFile: TensorSource {
  let file: MappedFile
  let table: TensorTable

  /// Throws `invalidFile` with the file, the tensor and the numbers; `unsupported` for what
  /// no map of parameters holds; `outOfMemory`.
  init(_ file: MappedFile) throws(Failure) {
    let path = file.path
    try file.refusePointer()
    var walk = FlaxWalk(file)
    try walk.readAll()
    self.file = file
    var count = 0
    for leaf in walk.leaves.elements { count += leaf.layers }
    var (leaf, layer) = (0, 0)
    table = try TensorTable(count, named: path) { (_) throws(Failure) in
      while layer == walk.leaves[leaf].layers { (leaf, layer) = (leaf + 1, 0) }
      defer { layer += 1 }
      return try walk.member(walk.leaves[leaf], layer: layer)
    }
    for index in table.tensors.indices.dropFirst() where table.tensors[index].name == table.tensors[index - 1].name {
      throw Failure(.invalidFile, "\(path): tensor \(table.tensors[index].name) is there twice")
    }
  }
}

/// An array of the file.
private struct FlaxLeaf: BitwiseCopyable {
  /// Its name among the names of all.
  let name: PickleText
  /// The name of its type, and its numbers, in the file.
  let type: PickleText
  let data: PickleText
  /// The pieces of its numbers among those of all, where they are cut into some; `data` is then empty.
  let pieces: PickleText
  /// Its sizes among those of all.
  let shape: PickleText
  /// The tensors that it is: layers along the first axis, or 1.
  let layers: Int
  /// The place in its name behind which the number of the layer comes; 0: it is no stack.
  let stem: Int
}

/// The arrays of a file, found by walking through its maps.
private struct FlaxWalk: ~Copyable {
  private let file: MappedFile
  private var reader: MessagePack
  private var names = GrowingList<UInt8>(for: "the names of tensors")
  private var path = GrowingList<UInt8>(for: "the names of tensors")
  private var sizes = GrowingList<Int>(for: "the shapes of tensors")
  private var pieces = GrowingList<PickleText>(for: "the pieces of tensors")
  var leaves = GrowingList<FlaxLeaf>(for: "the tensors of a file")

  /// Maps within maps at most; models have ten.
  private static let mostDepth = 64
  /// Bytes of the way to an array at most.
  private static let longestName = 800
  /// Dimensions of an array at most, as in NumPy.
  private static let mostDimensions = 32
  /// Layers of a stack at most, thousands more than any model has.
  private static let mostLayers = 10_000

  init(_ file: MappedFile) {
    self.file = file
    reader = MessagePack(file.bytes, 0..<file.bytes.count, file: file.path)
  }

  /// Reads the whole file.
  mutating func readAll() throws(Failure) {
    guard case .map(let count) = try reader.next() else { throw reader.invalid("it is no map of parameters") }
    try read(count, depth: 1)
    guard reader.isAtEnd else { throw reader.invalid("bytes follow the map that ends at byte \(reader.place)") }
  }

  private mutating func read(_ count: Int, depth: Int) throws(Failure) {
    guard depth <= FlaxWalk.mostDepth else {
      throw reader.invalid("it holds more than \(FlaxWalk.mostDepth) maps within maps")
    }
    for _ in 0..<count {
      guard case .text(let key) = try reader.next() else {
        throw reader.invalid("a key before byte \(reader.place) is no text")
      }
      let before = path.count
      if before > 0 { try path.append(UInt8(ascii: ".")) }
      guard before + key.count <= FlaxWalk.longestName else {
        throw reader.invalid("a name before byte \(reader.place) has more than \(FlaxWalk.longestName) bytes")
      }
      for place in key { try path.append(reader.bytes[place]) }
      let isCut = key.count == FlaxWalk.mark.utf8CodeUnitCount && name.hasSuffix("\(FlaxWalk.mark)")
      switch try reader.next() {
      case .other where isCut && count == 3:
        path.removeAll(from: before)
        return try readPieces()
      case .map(let parts): try read(parts, depth: depth + 1)
      case .typed(type: 1, let range): try readArray(range)
      case .typed(let type, _): throw unsupported("an extension of type \(type)")
      case .array: throw unsupported("a list")
      case .text, .binary: throw unsupported("a text")
      case .integer: throw unsupported("a number")
      case .other(let kind): throw unsupported(kind)
      }
      path.removeAll(from: before)
    }
  }

  /// The name of the value at hand.
  private var name: String { String(decoding: path.elements, as: UTF8.self) }

  private func unsupported(_ kind: String) -> Failure {
    Failure(.unsupported, "\(file.path): \(name) is \(kind), and no array")
  }

  /// The key that Flax puts into a map which is an array of more than 2^30 bytes.
  private static let mark: StaticString = "__msgpack_chunked_array__"

  /// Such an array behind its mark: its sizes, and its numbers in pieces, each in a map by their places.
  private mutating func readPieces() throws(Failure) {
    let (shape, first) = (PickleText(first: sizes.count, count: try members(of: "shape")), pieces.count)
    guard shape.count <= FlaxWalk.mostDimensions else { throw reader.invalid("\(name) has \(shape.count) sizes") }
    for place in 0..<shape.count {
      guard try isNext(key: "\(place)"), case .integer(let size) = try reader.next() else {
        throw reader.invalid("\(name) has a size that is no number")
      }
      try sizes.append(size)
    }
    var type: Range<Int>?
    for place in 0..<(try members(of: "chunks")) {
      guard try isNext(key: "\(place)"), case .typed(type: 1, let range) = try reader.next() else {
        throw reader.invalid("\(name) has a piece that is no array")
      }
      let piece = try array(range)
      sizes.removeAll(from: shape.first + shape.count)
      let isAlike = type.map { file.bytes[$0].elementsEqual(file.bytes[piece.type]) } ?? true
      guard isAlike else { throw reader.invalid("\(name) has pieces of two types") }
      type = piece.type
      try pieces.append(PickleText(first: piece.data.lowerBound, count: piece.data.count))
    }
    guard let type else { throw reader.invalid("\(name) has no pieces") }
    let own = PickleText(first: first, count: pieces.count - first)
    let bytes = pieces.elements[first...].reduce(0) { $0 + $1.count }
    try check(shape, type, bytes: bytes)
    try note(shape, type, 0..<0, pieces: own)
  }

  /// The number of members of the map behind a key that must come now.
  private mutating func members(of key: String) throws(Failure) -> Int {
    guard try isNext(key: key), case .map(let count) = try reader.next() else {
      throw reader.invalid("\(name) has no \(key) where it should be")
    }
    return count
  }

  private mutating func isNext(key: String) throws(Failure) -> Bool {
    guard case .text(let found) = try reader.next() else { return false }
    return file.bytes[found].elementsEqual(key.utf8)
  }

  /// An array, which is put on the list.
  private mutating func readArray(_ range: Range<Int>) throws(Failure) {
    let read = try array(range)
    try check(read.shape, read.type, bytes: read.data.count)
    try note(read.shape, read.type, read.data)
  }

  /// An array: a list of its sizes, its type and its numbers.
  private mutating func array(
    _ range: Range<Int>
  ) throws(Failure) -> (shape: PickleText, type: Range<Int>, data: Range<Int>) {
    var own = MessagePack(file.bytes, range, file: file.path)
    guard case .array(3) = try own.next(), case .array(let rank) = try own.next(), rank <= FlaxWalk.mostDimensions
    else {
      throw reader.invalid(
        "\(name) is no array of three parts, whose first are at most \(FlaxWalk.mostDimensions) sizes")
    }
    let first = sizes.count
    for _ in 0..<rank {
      guard case .integer(let size) = try own.next() else {
        throw reader.invalid("\(name) has a size that is no number")
      }
      try sizes.append(size)
    }
    let type: Range<Int>
    switch try own.next() {
    case .text(let text), .binary(let text): type = text
    default: throw reader.invalid("\(name) names no type")
    }
    guard case .binary(let data) = try own.next(), own.isAtEnd else { throw reader.invalid("\(name) holds no numbers") }
    return (PickleText(first: first, count: rank), type, data)
  }

  /// Throws `invalidFile` unless there are as many bytes as shape and type ask for.
  private func check(_ shape: PickleText, _ type: Range<Int>, bytes held: Int) throws(Failure) {
    guard let size = FlaxWalk.type(file.bytes[type])?.size else { return }
    var (bytes, isTooLarge) = (size, false)
    for index in shape.first..<shape.first + shape.count {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: sizes[index])
      (bytes, isTooLarge) = (product, isTooLarge || overflow)
    }
    guard !isTooLarge, bytes == held else {
      throw reader.invalid(
        "\(name) of shape \(self.shape(shape, from: 0)) holds \(held) bytes of "
          + String(decoding: file.bytes[type], as: UTF8.self))
    }
  }

  /// Puts the array at hand on the list, under the name that PyTorch would give it.
  private mutating func note(
    _ shape: PickleText, _ type: Range<Int>, _ data: Range<Int>, pieces: PickleText = PickleText(first: 0, count: 0)
  ) throws(Failure) {
    let spelled = FlaxWalk.name(name)
    let stem = FlaxWalk.stem(of: spelled)
    guard stem == 0 || pieces.count == 0 else { throw unsupported("a stack of layers in pieces") }
    let layers = stem > 0 && shape.count > 0 ? sizes[shape.first] : 1
    guard layers <= FlaxWalk.mostLayers else {
      throw reader.invalid("\(name) stacks \(layers) layers; more than \(FlaxWalk.mostLayers) are not plausible")
    }
    let first = names.count
    for byte in spelled.utf8 { try names.append(byte) }
    try leaves.append(
      FlaxLeaf(
        name: PickleText(first: first, count: names.count - first),
        type: PickleText(first: type.lowerBound, count: type.count),
        data: PickleText(first: data.lowerBound, count: data.count), pieces: pieces, shape: shape, layers: layers,
        stem: shape.count > 0 ? stem : 0))
  }

  /// A name with the last part that PyTorch gives it.
  private static func name(_ name: String) -> String {
    for ending in [".scale", ".embedding"] where name.hasSuffix(ending) {
      return name.dropLast(ending.utf8.count) + ".weight"
    }
    return name
  }

  /// The place in a name behind a part `Flax...Layer`, where it is a stack, `Flax...Layers`; 0: it is none.
  private static func stem(of name: String) -> Int {
    var end = 0
    for part in name.split(separator: ".", omittingEmptySubsequences: false) {
      end += part.utf8.count
      if part.hasPrefix("Flax"), part.hasSuffix("Layers") { return end - 1 }
      end += 1
    }
    return 0
  }

  private static func type(_ name: Slice<UnsafeRawBufferPointer>) -> ElementType? {
    TorchType(rawValue: String(decoding: name, as: UTF8.self))?.element
  }

  private func shape(_ shape: PickleText, from first: Int) -> TensorShape {
    TensorShape(sizes.elements[shape.first + first..<shape.first + shape.count])
  }

  /// The pieces of an array, joined in memory of its own.
  private func joined(_ leaf: FlaxLeaf, _ name: String, _ type: ElementType) throws(Failure) -> StoredTensor {
    let parts = pieces.elements[leaf.pieces.first..<leaf.pieces.first + leaf.pieces.count]
    let count = parts.reduce(0) { $0 + $1.count }
    let whole = try AlignedBuffer(bytes: count, for: "tensor \(name)")
    var place = 0
    for part in parts where part.count > 0 {
      (whole.base + place).copyMemory(from: file.bytes.baseAddress! + part.first, byteCount: part.count)
      place += part.count
    }
    return StoredTensor(
      name: name, type: type, shape: shape(leaf.shape, from: 0),
      bytes: UnsafeRawBufferPointer(start: whole.base, count: count), file: file.path, owner: whole)
  }

  /// The tensor of a layer of an array.
  func member(_ leaf: FlaxLeaf, layer: Int) throws(Failure) -> TensorTable.Member {
    let spelled = names.elements[leaf.name.first..<leaf.name.first + leaf.name.count]
    var name = String(decoding: spelled, as: UTF8.self)
    if leaf.stem > 0 {
      let (stem, rest) = (spelled.prefix(leaf.stem), spelled.dropFirst(leaf.stem + 1))
      name = "\(String(decoding: stem, as: UTF8.self))_\(layer)\(String(decoding: rest, as: UTF8.self))"
    }
    let type = file.bytes.text(leaf.type)
    guard let element = FlaxWalk.type(type) else {
      return .unknown(UnknownTensor(name: name, type: String(decoding: type, as: UTF8.self), file: file.path))
    }
    if leaf.pieces.count > 0 { return .known(try joined(leaf, name, element)) }
    let count = leaf.data.count / max(leaf.layers, 1)
    let first = leaf.data.first + layer * count
    return .known(
      StoredTensor(
        name: name, type: element, shape: shape(leaf.shape, from: leaf.stem > 0 ? 1 : 0),
        bytes: UnsafeRawBufferPointer(rebasing: file.bytes[first..<first + count]), file: file.path, owner: file))
  }
}
