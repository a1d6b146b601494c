import AttendBase
import AttendCheckpoints
import AttendPictures
import AttendTestSupport
import Foundation

/// The pictures of the project itself, with what Pillow and transformers make of them.
enum Fixtures {
  static let folder = Repository.root.appendingPathComponent("Tests/Fixtures/pictures").path

  static func decoded() throws -> SafetensorsFile { try SafetensorsFile("\(folder)/decoded.safetensors") }

  /// The names of the files that are decoded.
  static let names: [String] = (try? decoded().tensors.map(\.name)) ?? []

  static func bytes(_ name: String) throws -> [UInt8] {
    let file = try LoadedFile("\(folder)/files/\(name)")
    return withExtendedLifetime(file) { Array(file.bytes) }
  }
}

/// The pixels of a picture as an array.
func pixels(_ picture: Picture) throws -> [UInt8] { try picture.withPixels { Array($0) } }

func picture(_ bytes: [UInt8], options: PictureOptions = PictureOptions()) throws -> Picture {
  try bytes.withUnsafeBytes { try Picture($0, named: "test", options: options) }
}

/// A tensor's numbers in order.
func numbers<T: BitwiseCopyable>(_ tensor: StoredTensor, of type: T.Type) -> [T] {
  tensor.bytes.withMemoryRebound(to: T.self) { Array($0) }
}

func numbers(_ values: PixelValues) -> [Float] {
  withExtendedLifetime(values) {
    Array(UnsafeBufferPointer(start: values.values, count: values.count * values.tileCount))
  }
}

func largestDifference(_ one: [Float], _ other: [Float]) -> Float {
  one.count == other.count ? zip(one, other).map { abs($0 - $1) }.max() ?? 0 : .infinity
}

/// Bytes in memory of their own, which values that were parsed from them keep.
final class TextBytes: @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer

  init(_ text: String) {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
    memory.copyBytes(from: text.utf8)
    bytes = UnsafeRawBufferPointer(memory)
  }

  deinit { bytes.deallocate() }
}

func configuration(_ text: String) throws -> Configuration {
  let text = TextBytes(text)
  return try Configuration(try JSON.parse(text.bytes, file: "test.json", owner: text))
}
