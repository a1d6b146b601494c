import AttendCheckpoints
import AttendModels
import Foundation
import Testing

/// The conformance cases of families that the registry knows: the folders of Tests/Fixtures, none of them listed
/// anywhere.
struct ConformanceCases {
  /// The cases in Tests/Fixtures/conformance, and those of heads and options that are not there.
  static let all = ["conformance", "heads", "options"].flatMap { entries($0) }

  struct Entry {
    let name: String
    let collection: String
    /// nil: the family is known and refuses the configuration.
    let kind: ModelKind?
  }

  /// The names of the cases of a kind, of one collection or of all.
  static func names(_ kind: ModelKind, in collection: String? = nil) -> [String] {
    all.filter { $0.kind == kind && (collection == nil || $0.collection == collection) }.map { $0.name }
  }

  private static func entries(_ collection: String) -> [Entry] {
    let folder = root.path + "/Tests/Fixtures/\(collection)"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.sorted().compactMap { name in
      guard let config = try? Configuration(file: "\(folder)/\(name)/config.json"),
        let type = try? config.string("model_type"), Registry.modelTypes.contains(type)
      else { return nil }
      return Entry(name: name, collection: collection, kind: try? Registry.blueprint(config).kind)
    }
  }
}

/// The cases by what the model is, encoders also by whether they have a head.
let encoderDecoders = ConformanceCases.names(.encoderDecoder)
let encoders = ConformanceCases.names(.encoder).filter(givesStates)
let headed = ConformanceCases.names(.encoder).filter { !givesStates($0) }
let decoders = ConformanceCases.names(.decoder, in: "conformance")
/// Decoders with options that those above do not have.
let options = ConformanceCases.names(.decoder, in: "options")

private func givesStates(_ name: String) -> Bool { (try? ConformanceCase(name).has("last_hidden_state")) == true }

@Suite struct ConformanceCasesTests {
  @Test func everyCaseOfAKnownFamilyIsRead() {
    #expect(ConformanceCases.all.filter { $0.kind == nil }.map { $0.name } == [])
    #expect(
      ConformanceCases.all.count == encoderDecoders.count + encoders.count + headed.count + decoders.count
        + options.count)
    #expect(ConformanceCases.all.count >= 80)
  }
}
