import AttendBase
import AttendCheckpoints
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// Files of a model that are there and cannot be used: an error that names the file, at the time that it is needed.
@Suite struct ModelFileTests {
  private func refused(_ folder: SentenceFolderMaker, _ code: Failure.Code, _ part: String) {
    let failure = #expect(throws: Failure.self) { try model(folder.path) }
    #expect(failure?.code == code && failure?.message.contains(part) == true, "\(failure?.message ?? "")")
  }

  @Test(arguments: ["config.json", "generation_config.json", "model.safetensors", "modules.json"])
  func emptyFiles(name: String) throws {
    let folder = try SentenceFolderMaker("bert")
    try folder.addPooling("{}")
    try folder.write(name, "")
    refused(folder, .invalidFile, name)
  }

  @Test(arguments: ["config.json", "generation_config.json", "modules.json", "sentence_bert_config.json"])
  func byteOrderMarks(name: String) throws {
    let folder = try SentenceFolderMaker("bert")
    try folder.addPooling("{}")
    let path = "\(folder.path)/\(name)"
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? "{}"
    try folder.write(name, "\u{FEFF}\(text)")
    refused(folder, .invalidFile, "\(name), line 1, column 1: a byte order mark")
  }

  @Test func aTokenizerThatCannotBeReadIsNamedAndTheModelLoads() throws {
    let folder = try SentenceFolderMaker("bert")
    try folder.addPooling("{}")
    let path = "\(folder.path)/tokenizer.json"
    func failure() throws -> Failure? {
      let model = try model(folder.path)
      return #expect(throws: Failure.self) { try model.tokenizer.get() }
    }
    for text in ["", "\u{FEFF}{}"] {
      try folder.write("tokenizer.json", text)
      let refusal = try failure()
      #expect(refusal?.code == .invalidFile && refusal?.message.contains(path) == true)
    }
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    let folderThere = try failure()
    #expect(folderThere?.code == .inputOutput && folderThere?.message.contains("tokenizer.json is a folder") == true)
    guard geteuid() != 0 else { return }  // root reads everything
    try FileManager.default.removeItem(atPath: path)
    try folder.write("tokenizer.json", "{}")
    try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: path)
    let forbidden = try failure()
    #expect(forbidden?.code == .inputOutput && forbidden?.message.contains("tokenizer.json cannot be opened") == true)
  }
}
