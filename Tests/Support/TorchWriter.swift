// Files as torch.save writes them, of contiguous tensors.

/// A dictionary of tensors under the names that they have.
package enum TorchWriter {
  /// The format since PyTorch 1.6: an archive of a pickle and of the storages, each plain.
  package static func archive(_ tensors: [WrittenTensor]) -> [UInt8] {
    var zip = ZipWriter()
    zip.add("archive/data.pkl", pickle(tensors, isStream: false))
    zip.add("archive/byteorder", Array("little".utf8))
    for (index, tensor) in tensors.enumerated() { zip.add("archive/data/\(index)", tensor.bytes) }
    zip.add("archive/version", Array("3\n".utf8))
    return zip.finished()
  }

  /// The format before: pickles one behind another, and behind them the storages.
  package static func stream(_ tensors: [WrittenTensor]) -> [UInt8] {
    var result: [UInt8] = [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]
    result += [0x80, 2, 0x4D, 0xE9, 3, 0x2E, 0x80, 2] + Array("}X\u{D}\0\0\0little_endian".utf8)
    result += [0x88] + Array("s.".utf8)
    result += pickle(tensors, isStream: true)
    result += [0x80, 2] + Array("](".utf8)
    for index in tensors.indices { result += text("\(index)") }
    result += Array("e.".utf8)
    for tensor in tensors { result += little(tensor.shape.reduce(1, *), 8) + tensor.bytes }
    return result
  }

  private static let storages = [
    "F32": "Float", "F64": "Double", "F16": "Half", "BF16": "BFloat16", "I64": "Long", "I32": "Int", "BOOL": "Bool",
    "U8": "Byte", "I8": "Char",
  ]

  private static func pickle(_ tensors: [WrittenTensor], isStream: Bool) -> [UInt8] {
    var result: [UInt8] = [0x80, 2] + Array("ccollections\nOrderedDict\n)R(".utf8)
    for (index, tensor) in tensors.enumerated() {
      let count = tensor.shape.reduce(1, *)
      result += text(tensor.name) + Array("ctorch._utils\n_rebuild_tensor_v2\n((".utf8)
      result += text("storage") + Array("ctorch\n\(storages[tensor.type]!)Storage\n".utf8)
      result += text("\(index)") + text("cpu") + number(count) + (isStream ? Array("N".utf8) : []) + Array("tQ".utf8)
      var strides: [Int] = [], stride = 1
      for size in tensor.shape.reversed() {
        strides.insert(stride, at: 0)
        stride *= size
      }
      result +=
        number(0) + tuple(tensor.shape) + tuple(strides) + [0x89] + Array("ccollections\nOrderedDict\n)RtR".utf8)
    }
    return result + Array("u.".utf8)
  }

  private static func text(_ text: String) -> [UInt8] {
    [UInt8(ascii: "X")] + little(text.utf8.count, 4) + Array(text.utf8)
  }

  private static func number(_ value: Int) -> [UInt8] { [0x8A, 8] + little(value, 8) }

  private static func tuple(_ values: [Int]) -> [UInt8] {
    [UInt8(ascii: "(")] + values.flatMap(number) + [UInt8(ascii: "t")]
  }
}

/// An archive whose entries are stored as they are, in the way that PyTorch aligns them.
private struct ZipWriter {
  private var bytes: [UInt8] = []
  private var directory: [UInt8] = []
  private var count = 0

  mutating func add(_ name: String, _ content: [UInt8]) {
    let place = bytes.count
    let padding = (64 - (place + 30 + name.utf8.count) % 64) % 64
    let sizes = little(0, 4) + little(content.count, 4) + little(content.count, 4) + little(name.utf8.count, 2)
    bytes += [0x50, 0x4B, 3, 4] + little(0, 10) + sizes + little(padding, 2) + Array(name.utf8)
    bytes += [UInt8](repeating: 0, count: padding) + content
    directory += [0x50, 0x4B, 1, 2] + little(0, 12) + sizes + little(0, 12) + little(place, 4) + Array(name.utf8)
    count += 1
  }

  func finished() -> [UInt8] {
    bytes + directory + [0x50, 0x4B, 5, 6] + little(0, 4) + little(count, 2) + little(count, 2)
      + little(directory.count, 4) + little(bytes.count, 4) + little(0, 2)
  }
}

/// The lower bytes of a number, the lowest first.
func little(_ value: Int, _ count: Int) -> [UInt8] {
  (0..<count).map { $0 < 8 ? UInt8(truncatingIfNeeded: value >> (8 * $0)) : 0 }
}
