import AttendBase
import AttendCheckpoints
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// The repository's root.
private let root = Repository.root

/// Trained models that tests run from text to text, by the family that they belong to.
private let trained = [
  "marian": "g2p-en", "bart": "bart-g2p-us", "llama": "stories260k", "bert": "all-MiniLM-L6-v2",
  "ctranslate2": "aren-transliteration",
]

/// A tiny checkpoint with expected outputs, under Tests/Fixtures.
private struct Fixture {
  let collection: String
  let name: String
  let folder: URL
  let modelType: String

  /// All of them; those whose family is not one of text models yet are among them.
  static let all: [Fixture] = {
    let fixtures = root.appendingPathComponent("Tests/Fixtures")
    let names = FileManager.default.subpaths(atPath: fixtures.path) ?? []
    return names.filter { $0.hasSuffix("/expected.safetensors") }.sorted().compactMap { path in
      let folder = fixtures.appendingPathComponent(path).deletingLastPathComponent()
      guard let config = try? Configuration(file: folder.path + "/config.json"),
        let type = try? config.string("model_type")
      else { return nil }
      return Fixture(
        collection: String(path.prefix { $0 != "/" }), name: folder.lastPathComponent, folder: folder, modelType: type)
    }
  }()
}

@Suite struct FamilyTableTests {
  /// The table as it should stand in the docs.
  private var table: String {
    var lines = ["| `model_type` | kind | heads | verified with |", "|---|---|---|---|"]
    for family in Registry.families.sorted(by: { $0.modelTypes[0] < $1.modelTypes[0] }) {
      let types = family.modelTypes.map { "`\($0)`" }.joined(separator: ", ")
      let kinds = family.capabilities.kinds.map(\.title).joined(separator: ", ")
      let heads = family.capabilities.heads.map(\.title)
      let fixtures = Fixture.all.filter { family.modelTypes.contains($0.modelType) }
      let named = fixtures.filter { ["conformance", "drawing", "features"].contains($0.collection) }
      var verified = named.map(\.name)
      verified += family.modelTypes.compactMap { trained[$0] }
      let others = fixtures.count - named.count
      if others > 0 { verified.append("\(others) more") }
      lines.append("| \(types) | \(kinds) | \(heads.joined(separator: ", ")) | \(verified.joined(separator: ", ")) |")
    }
    return lines.joined(separator: "\n")
  }

  @Test func theTableIsThatOfTheRegistry() throws {
    let file = "docs/families.md"
    let path = root.appendingPathComponent(file)
    let text = try String(contentsOf: path, encoding: .utf8)
    let parts = text.components(separatedBy: "<!-- families -->\n")
    #expect(parts.count == 3, "the table stands between two lines <!-- families -->")
    guard parts.count == 3 else { return }
    if ProcessInfo.processInfo.environment["ATTEND_WRITE_TABLES"] != nil {
      try (parts[0] + "<!-- families -->\n" + table + "\n<!-- families -->\n" + parts[2]).write(
        to: path, atomically: true, encoding: .utf8)
    } else {
      #expect(
        parts[1] == table + "\n", "\(file) is out of date: run this test with ATTEND_WRITE_TABLES=1 in the environment")
    }
  }

  @Test func checkpointsAreOfTheKindsThatTheirFamilyOffers() throws {
    for fixture in Fixture.all {
      guard let family = Registry.families.first(where: { $0.modelTypes.contains(fixture.modelType) }) else { continue }
      let blueprint = try Registry.blueprint(try Configuration(file: fixture.folder.path + "/config.json"))
      #expect(family.capabilities.kinds.contains(blueprint.kind), "\(fixture.name)")
    }
  }

  /// Each configuration with the name of each head in `architectures`.
  @Test func familiesHaveTheHeadsThatTheyOfferAndNoOthers() throws {
    let folder = try TemporaryFolder()
    for fixture in Fixture.all where ["conformance", "features"].contains(fixture.collection) {
      guard let family = Registry.families.first(where: { $0.modelTypes.contains(fixture.modelType) }),
        !["transformer", "blip_vision_model"].contains(fixture.modelType)  // the latter is a tower without heads
      else { continue }
      for task in HeadTask.allCases {
        let data = try Data(contentsOf: fixture.folder.appendingPathComponent("config.json"))
        var config = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        config["architectures"] = ["Some\(task.rawValue)"]
        let path = folder.path + "/config.json"
        try JSONSerialization.data(withJSONObject: config).write(to: URL(fileURLWithPath: path))
        let blueprint = Result { try Registry.blueprint(try Configuration(file: path)) }
        // An encoder-decoder's encoder alone does not generate.
        if task == .conditionalGeneration, (try? blueprint.get())?.kind == .encoder { continue }
        let found = try? blueprint.get()
        #expect(
          (found?.head != nil || found?.transducer != nil) == family.capabilities.heads.contains(task),
          "\(fixture.name) \(task.rawValue)")
      }
    }
  }
}

extension ModelKind {
  fileprivate var title: String {
    switch self {
    case .encoder: "encoder"
    case .decoder: "decoder"
    case .encoderDecoder: "encoder-decoder"
    }
  }
}
