import Foundation
import Testing

/// Where the build left the object files of a target, found from the test bundle that runs.
private func objects(of target: String) -> [String] {
  let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
  let folder = bundle.appendingPathComponent("\(target).build")
  let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
  return files.filter { $0.hasSuffix(".o") }.map { folder.appendingPathComponent($0).path }
}

private func output(of tool: String, _ arguments: [String]) -> String? {
  let process = Process(), pipe = Pipe()
  process.executableURL = URL(fileURLWithPath: tool)
  process.arguments = arguments
  process.standardOutput = pipe
  guard (try? process.run()) != nil else { return nil }
  let data = pipe.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return String(decoding: data, as: UTF8.self)
}

private let targets = ["AttendKernelsAVX2", "AttendKernelsAVX512"]
private let found =
  targets.allSatisfy { !objects(of: $0).isEmpty } && FileManager.default.isExecutableFile(atPath: "/usr/bin/nm")

@Suite struct ObjectTests {
  /// Weak code of another module, compiled for a newer CPU, may be the copy that the linker keeps for everyone: a crash
  /// on an older one.
  @Test(.enabled(if: found, "needs nm and the object files beside the test bundle"), arguments: targets)
  func newerInstructionsStayInTheirModules(target: String) throws {
    let own = "$s\(target.utf8.count)\(target)"
    for object in objects(of: target) {
      let lines = try #require(output(of: "/usr/bin/nm", [object])).split(separator: "\n")
      let foreign = lines.filter { line in
        let fields = line.split(separator: " ")
        return fields.count == 3 && ["W", "w"].contains(fields[1]) && !fields[2].hasPrefix(own)
      }
      #expect(foreign.isEmpty, "\(object): \(foreign.joined(separator: ", "))")
    }
  }
}
