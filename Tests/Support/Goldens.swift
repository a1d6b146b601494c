import AttendBase
import AttendCheckpoints

/// The tensors of a safetensors file of the shared folder.
package struct Goldens {
  private let file: SafetensorsFile

  /// nil where there is no shared folder.
  package init?(_ path: String) throws {
    guard let shared = Shared.path else { return nil }
    file = try SafetensorsFile(shared + "/" + path)
  }

  /// A tensor's numbers in order; a name that is not there is a mistake of the test.
  package func numbers<T: BitwiseCopyable>(_ name: String, of type: T.Type = Float.self) -> [T] {
    file[name]!.bytes.withMemoryRebound(to: T.self) { Array($0) }
  }

  /// Whether the file holds a tensor.
  package func has(_ name: String) -> Bool { file[name] != nil }

  package func shape(_ name: String) -> [Int] { Array(file[name]!.shape) }
}
