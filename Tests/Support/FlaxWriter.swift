// Files as Flax writes them of models that were trained in PyTorch.
// transformers 4, modeling_flax_pytorch_utils.py
import AttendBase

/// A map of maps of arrays in MessagePack.
package enum FlaxWriter {
  /// The tensors under the names, and in the order of dimensions, that Flax has for them.
  package static func file(_ tensors: [WrittenTensor]) -> [UInt8] {
    let tree = Tree()
    for tensor in tensors {
      let written = turned(tensor)
      tree.add(written.name.split(separator: ".")[...], array(written))
    }
    return tree.bytes
  }

  private final class Tree {
    private var names: [Substring] = []
    private var parts: [Substring: Tree] = [:]
    private var leaf: [UInt8]?

    func add(_ path: ArraySlice<Substring>, _ bytes: [UInt8]) {
      guard let first = path.first else {
        leaf = bytes
        return
      }
      if parts[first] == nil {
        names.append(first)
        parts[first] = Tree()
      }
      parts[first]!.add(path.dropFirst(), bytes)
    }

    var bytes: [UInt8] {
      if let leaf { return leaf }
      return [0xDE] + big(names.count, 2) + names.flatMap { FlaxWriter.text(String($0)) + parts[$0]!.bytes }
    }
  }

  private static func big(_ value: Int, _ count: Int) -> [UInt8] { little(value, count).reversed() }

  private static func text(_ text: String) -> [UInt8] { [0xD9, UInt8(text.utf8.count)] + Array(text.utf8) }

  private static let types = ["F32": "float32", "BF16": "bfloat16", "F16": "float16", "I64": "int64"]

  private static func array(_ tensor: WrittenTensor) -> [UInt8] {
    let shape: [UInt8] = tensor.shape.flatMap { [0xCE] + big($0, 4) }
    let content: [UInt8] =
      [0x93, 0x90 | UInt8(tensor.shape.count)] + shape + text(types[tensor.type]!) + [0xC6]
      + big(tensor.bytes.count, 4) + tensor.bytes
    return [0xC9] + big(content.count, 4) + [1] + content
  }

  /// Parts of names of modules that are tables.
  private static let tables = ["embed", "wte", "wpe", "shared", "relative_attention_bias"]

  /// Norms have a scale, tables an embedding, and all else a kernel, whose dimensions stand the other way round.
  private static func turned(_ tensor: WrittenTensor) -> WrittenTensor {
    let parts = tensor.name.split(separator: ".")
    guard parts.last == "weight", parts.count > 1 else { return tensor }
    let stem = parts.dropLast().joined(separator: ".")
    var result = tensor
    if tensor.shape.count < 2 {
      result.name = "\(stem).scale"
    } else if tables.contains(where: { parts[parts.count - 2].contains($0) }) {
      result.name = "\(stem).embedding"
    } else {
      result.name = "\(stem).kernel"
      (result.shape, result.bytes) = (tensor.shape.reversed(), transposed(tensor))
    }
    return result
  }

  /// The elements of a matrix column by column.
  private static func transposed(_ tensor: WrittenTensor) -> [UInt8] {
    precondition(tensor.shape.count == 2, "these cases have products alone")
    let (rows, columns) = (tensor.shape[0], tensor.shape[1])
    let size = tensor.bytes.count / (rows * columns)
    return (0..<columns).flatMap { column in
      (0..<rows).flatMap { row in tensor.bytes[((row * columns + column) * size)...].prefix(size) }
    }
  }
}
