import AttendBase
import AttendCheckpoints
import AttendGeneration
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// Tiny checkpoints that llama.cpp's converter wrote as GGUF in float32.
@Suite struct GGUFTests {
  private static let folder = root.appendingPathComponent("Tests/Fixtures/gguf").path
  /// Files that do not hold a number as it was: factors of frequencies in float32.
  private static let rounded: Set<String> = ["llama-llama3"]
  private static let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter {
    $0.hasSuffix(".gguf")
  }.map { String($0.dropLast(5)) }.sorted()

  /// The results of the checkpoint under the configuration that the file can express, and of the file.
  private func results(_ name: String) throws -> (expected: [Float], found: [Float]) {
    let copy = try CheckpointCopy(name)
    if let data = FileManager.default.contents(atPath: "\(GGUFTests.folder)/\(name).json") {
      copy.config = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }
    return (try copy.results(), try copy.results(of: try model("\(GGUFTests.folder)/\(name).gguf")))
  }

  @Test func thereAreFilesOfAllArchitectures() { #expect(GGUFTests.names.count >= 35) }

  @Test(arguments: names) func bitsAreThoseOfTheCheckpoint(name: String) throws {
    let (expected, found) = try results(name)
    if GGUFTests.rounded.contains(name) {
      #expect(distance(found, expected) < 1e-4)
    } else {
      #expect(found == expected)
    }
  }

  @Test(arguments: names) func copiedFilesGiveTheSame(name: String) throws {
    var options = Model.Options()
    options.copiesWeights = true
    let copied = try Model(path: "\(GGUFTests.folder)/\(name).gguf", options: options)
    let mapped = try model("\(GGUFTests.folder)/\(name).gguf")
    #expect(copied.fingerprint == mapped.fingerprint && copied.parameters == mapped.parameters)
  }
}
