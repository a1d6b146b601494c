// Places on the disk that tests read and write.
import Foundation

/// A folder that is gone after the test.
package final class TemporaryFolder {
  package let path: String

  package init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("attend-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of a file in the folder.
  package func path(of name: String) -> String { path + "/" + name }

  package func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

  package func write(_ name: String, _ bytes: [UInt8]) throws { try writeFile(path(of: name), bytes) }

  package func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path(of: name)) }
}

/// Writes a file without waiting for the disk, as Foundation's ways do: property tests write thousands.
func writeFile(_ path: String, _ bytes: [UInt8]) throws {
  unlink(path)  // a journaling file system would wait for what replaces the content of a file
  guard let file = fopen(path, "w") else { throw CocoaError(.fileWriteUnknown) }
  let written = fwrite(bytes, 1, bytes.count, file)
  guard fclose(file) == 0, written == bytes.count else { throw CocoaError(.fileWriteOutOfSpace) }
}

/// The checkout that the tests belong to.
package enum Repository {
  package static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
}

/// The folder of models, goldens and tokenizers that stands beside a checkout, and that not every machine has.
package enum Shared {
  /// nil where the folder is not there; tests that need it are then skipped.
  package static let path: String? = {
    let path = Repository.root.deletingLastPathComponent().appendingPathComponent("shared").path
    return FileManager.default.fileExists(atPath: path + "/conformance") ? path : nil
  }()

  package static var isThere: Bool { path != nil }

  /// The files below `folder` of the shared one whose names satisfy `matches`, in order.
  package static func files(in folder: String, where matches: (String) -> Bool) -> [String] {
    guard let path else { return [] }
    let root = path + "/" + folder
    return (FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []).filter {
      matches(URL(fileURLWithPath: $0).lastPathComponent)
    }.map { root + "/" + $0 }.sorted()
  }
}
