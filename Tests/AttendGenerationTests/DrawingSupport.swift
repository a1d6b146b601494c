import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendGeneration
import AttendLayers
import AttendModels
import AttendPictures
import AttendTestSupport
import Foundation

/// A case of a model that draws: a folder of Tests/Fixtures or of the shared one, with what its own program made.
struct DrawingCase {
  let path: String
  let expected: SafetensorsFile

  /// A folder of Tests/Fixtures.
  init(_ name: String) throws {
    path = Repository.root.appendingPathComponent("Tests/Fixtures/\(name)").path
    expected = try SafetensorsFile(path + "/expected.safetensors")
  }

  /// A folder of ../shared/seeing-hearing/dalle-mini.
  init(shared name: String) throws {
    path = (Shared.path ?? "") + "/seeing-hearing/dalle-mini/" + name
    expected = try SafetensorsFile(path + "/expected.safetensors")
  }

  func numbers<T: BitwiseCopyable>(_ name: String, of type: T.Type = Float.self) -> [T] {
    expected[name]!.bytes.withMemoryRebound(to: T.self) { Array($0) }
  }

  func has(_ name: String) -> Bool { expected[name] != nil }

  /// The ids of text `index` without padding; `suffix` "_uncond": those of the empty text.
  func text(_ index: Int, _ suffix: String = "") -> [Int32] {
    let ids = numbers("input_ids\(suffix)", of: Int32.self), mask = numbers("attention_mask\(suffix)", of: Int32.self)
    let width = expected["input_ids\(suffix)"]!.shape[1]
    return (0..<width).filter { mask[index * width + $0] != 0 }.map { ids[index * width + $0] }
  }

  /// Row `index` of a tensor whose first dimension counts texts.
  func row<T: BitwiseCopyable>(_ name: String, _ index: Int, of type: T.Type = Float.self) -> [T] {
    let all = numbers(name, of: type), width = all.count / expected[name]!.shape[0]
    return Array(all[index * width..<(index + 1) * width])
  }
}

/// The pixels of a picture of tokens before they are cut to a range, `[height, width, 3]`.
func painted(_ painter: Painter, _ tokens: [Int32], engine: Engine) throws -> [Float] {
  let pass = Pass(engine: engine, workspace: Workspace())
  var result: [Float] = []
  try tokens.withUnsafeBufferPointer { tokens in
    try painter.decoder.paint(tokens, side: try painter.side(of: tokens.count), pass) { plane in
      for line in 0..<plane.height {
        result += Array(UnsafeBufferPointer(start: plane.line(line), count: plane.width * plane.channels))
      }
    }
  }
  return result
}

extension Drawer {
  func draw(_ text: String) throws -> Drawing {
    try Array(text.utf8).withUnsafeBytes { try draw($0) }
  }
}

extension Drawing {
  var tokens: [[Int32]] { candidates.map { Array($0.tokens) } }
  var pixels: [[UInt8]] { candidates.map { (try? $0.picture.withPixels { Array($0) }) ?? [] } }
}
