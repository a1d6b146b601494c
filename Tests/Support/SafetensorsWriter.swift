// Files of weights for tests, good and bad ones.
import AttendBase
import AttendCheckpoints
import Foundation

/// A tensor to write. `type` is the name that the format uses, such as "F32".
package struct WrittenTensor {
  package var name: String
  package var type: String
  package var shape: [Int]
  package var bytes: [UInt8]

  package init(_ name: String, type: String, shape: [Int], bytes: [UInt8]) {
    self.name = name
    self.type = type
    self.shape = shape
    self.bytes = bytes
  }

  /// A float32 tensor.
  package init(_ name: String, _ shape: [Int], _ values: [Float]) {
    self.init(name, type: "F32", shape: shape, bytes: values.withUnsafeBytes(Array.init))
  }
}

/// A safetensors file of these tensors, in this order. The header is padded with spaces to a multiple of `alignment`.
package func safetensors(
  _ tensors: [WrittenTensor], metadata: [String: String] = [:], alignment: Int = 8
) throws -> [UInt8] {
  var members: [String] = []
  if !metadata.isEmpty { members.append("\"__metadata__\":" + (try jsonText(metadata))) }
  var offset = 0
  for tensor in tensors {
    let end = offset + tensor.bytes.count
    let name = try jsonText(tensor.name)
    members.append(
      "\(name):{\"dtype\":\"\(tensor.type)\",\"shape\":\(tensor.shape),\"data_offsets\":[\(offset),\(end)]}")
    offset = end
  }
  let header = "{" + members.joined(separator: ",") + "}"
  let padding = (alignment - header.utf8.count % alignment) % alignment
  return safetensors(header: header + String(repeating: " ", count: padding), data: tensors.flatMap(\.bytes))
}

/// A file with this header, whatever it says, and this data.
package func safetensors(header: String, data: [UInt8]) -> [UInt8] {
  withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian, Array.init) + Array(header.utf8) + data
}

/// Writes float32 tensors, each with its name, shape and row-major values.
package func writeSafetensors(_ path: String, _ tensors: [(name: String, shape: [Int], values: [Float])]) throws {
  try writeFile(path, try safetensors(tensors.map { WrittenTensor($0.name, $0.shape, $0.values) }))
}

private func jsonText(_ value: some Encodable) throws -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  return String(decoding: try encoder.encode(value), as: UTF8.self)
}

extension StoredTensor {
  /// The values of a float32 tensor; nil for other types.
  package var floats: [Float]? { type == .float32 ? values() : nil }

  /// The values of an int32 tensor; nil for other types.
  package var int32s: [Int32]? { type == .int32 ? values() : nil }

  private func values<Value: BitwiseCopyable>() -> [Value] {
    stride(from: 0, to: bytes.count, by: MemoryLayout<Value>.stride).map {
      bytes.loadUnaligned(fromByteOffset: $0, as: Value.self)
    }
  }
}
