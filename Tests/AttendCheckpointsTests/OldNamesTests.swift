import AttendBase
import AttendCheckpoints
import AttendTestSupport
import Foundation
import Testing

@Suite("Old names and types of weights") struct OldNamesTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func opened(_ tensors: [WrittenTensor], copies: Bool = false) throws -> Checkpoint {
    try folder.write("model.safetensors", try safetensors(tensors))
    return try Checkpoint(HuggingFaceFolder(folder.path), copies: copies)
  }

  @Test("gamma and beta are a weight and a bias, where there is none") func gammaAndBeta() throws {
    let names = [
      "a.LayerNorm.beta", "a.LayerNorm.gamma", "b.gamma", "c.LayerNorm.gamma", "c.LayerNorm.weight", "dgamma",
    ]
    let checkpoint = try opened(names.enumerated().map { WrittenTensor($1, [1], [Float($0)]) })
    #expect(
      try checkpoint.names == [
        "a.LayerNorm.bias", "a.LayerNorm.weight", "b.weight", "c.LayerNorm.gamma", "c.LayerNorm.weight", "dgamma",
      ])
    #expect(checkpoint["a.LayerNorm.weight"]?.floats == [1] && checkpoint["a.LayerNorm.bias"]?.floats == [0])
  }

  /// Values by hand: rows of length 5 and 13, and along the last dimension columns of length 5 and 13.
  @Test(
    "a magnitude and a direction are the weights that they stand for",
    arguments: [
      ("weight_g", "weight_v"), ("parametrizations.weight.original0", "parametrizations.weight.original1"),
    ]) func weightNormalization(_ g: String, _ v: String) throws
  {
    let checkpoint = try opened([
      WrittenTensor("rows.\(g)", [2, 1], [10, 26]), WrittenTensor("rows.\(v)", [2, 2], [3, 4, 5, 12]),
      WrittenTensor("columns.\(g)", [1, 1, 2], [10, 26]),
      WrittenTensor("columns.\(v)", [1, 2, 2], [3, 5, 4, 12]),
      WrittenTensor("all.\(g)", [], [10]), WrittenTensor("all.\(v)", [2, 2], [1, 1, 1, 1]),
      WrittenTensor("none.\(g)", [0, 1], []), WrittenTensor("none.\(v)", [0, 3], []),
    ])
    #expect(try checkpoint.names == ["all.weight", "columns.weight", "none.weight", "rows.weight"])
    #expect(checkpoint["rows.weight"]?.floats == [6, 8, 10, 24])
    #expect(checkpoint["columns.weight"]?.floats == [6, 10, 8, 24])
    #expect(checkpoint["all.weight"]?.floats == [5, 5, 5, 5])
    #expect(checkpoint["none.weight"]?.shape == [0, 3])
  }

  @Test("a magnitude that does not fit its direction is named") func misfit() throws {
    let failure = try #require(throws: Failure.self) {
      try opened([
        WrittenTensor("a.weight_g", [3, 1], [1, 2, 3]), WrittenTensor("a.weight_v", [2, 2], [3, 4, 5, 12]),
      ])
    }
    #expect(failure.code == .invalidFile && failure.message.contains("[3, 1]") && failure.message.contains("[2, 2]"))
  }

  @Test("numbers of every type with a point become the nearest float32") func floats() throws {
    let doubles: [Double] = [0.1, -1e300, 1e-60, .infinity]
    let checkpoint = try opened([
      WrittenTensor("d", type: "F64", shape: [4], bytes: doubles.withUnsafeBytes(Array.init)),
      // 1.5, -2, the smallest subnormal, infinity
      WrittenTensor("h", type: "F16", shape: [4], bytes: [0, 0x3E, 0, 0xC0, 1, 0, 0, 0x7C]),
      WrittenTensor("b", type: "BF16", shape: [2], bytes: [0xC0, 0x3F, 0, 0xC0]),
      WrittenTensor("i", type: "I8", shape: [1], bytes: [1]),
    ])
    #expect(try checkpoint["d"]?.narrowed().floats == [0.1, -.infinity, 0, .infinity])
    #expect(try checkpoint["h"]?.narrowed().floats == [1.5, -2, 0x1p-24, .infinity])
    #expect(try checkpoint["b"]?.narrowed().floats == [1.5, -2])
    let failure = try #require(throws: Failure.self) { try checkpoint["i"]?.narrowed() }
    #expect(failure.code == .unsupported && failure.message.contains("tensor i holds int8"))
  }

  @Test("a copy outlives what happens to its file, and gives back all but what is kept") func copies() throws {
    let numbers = (0..<4096).map { Float($0) }
    let checkpoint = try opened(["a", "b", "c"].map { WrittenTensor($0, [4096], numbers) }, copies: true)
    #expect(truncate(folder.path(of: "model.safetensors"), 10) == 0)
    for name in ["a", "b", "c"] { #expect(checkpoint[name]?.floats == numbers) }
    checkpoint["b"]?.dontNeed()
    #expect(checkpoint["b"]?.floats == numbers)
    try checkpoint.forget { ["b"].contains($0) }
    #expect(checkpoint["b"]?.floats == numbers && checkpoint["c"]?.floats?[4095] == 0)
  }

  @Test(
    "a folder with weights of another format is told which file that is",
    arguments: [
      ["adapter_config.json", "adapter_model.safetensors"], ["tf_model.h5"], ["model.bin"], ["onnx/model.onnx"],
    ]) func otherFormats(_ files: [String]) throws
  {
    try FileManager.default.createDirectory(atPath: folder.path(of: "onnx"), withIntermediateDirectories: true)
    try folder.write("training_args.bin", "x")
    try folder.write("optimizer.pt", "x")
    for file in files { try folder.write(file, "x") }
    for attempt in [
      { _ = try Checkpoint(HuggingFaceFolder(folder.path)) },
      { _ = try ModelConfigurations(HuggingFaceFolder(folder.path)) },
    ] {
      let failure = try #require(throws: Failure.self) { try attempt() }
      #expect(failure.code == .unsupported && failure.message.contains(files[0]), "\(failure.message)")
    }
  }
}
