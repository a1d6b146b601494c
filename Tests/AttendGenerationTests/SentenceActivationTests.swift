import AttendBase
import AttendGeneration
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// Dense modules with every activation of torch.nn that needs no arguments, and embeddings of which a part is kept.
@Suite struct SentenceActivationTests {
  private static let inputs: [Float] = [-30, -3, -1, -0.4, 0, 0.4, 1, 8]
  /// What PyTorch 2.15 makes of these inputs as one row, in float64.
  private static let outputs: [(String, [Float])] = [
    ("torch.nn.modules.linear.Identity", [-30, -3, -1, -0.4, 0, 0.4, 1, 8]),
    (
      "torch.nn.modules.activation.Tanh",
      [-1, -0.99505475, -0.76159416, -0.37994896, 0, 0.37994896, 0.76159416, 0.99999977]
    ),
    ("torch.nn.modules.activation.ReLU", [0, 0, 0, 0, 0, 0.4, 1, 8]),
    ("torch.nn.modules.activation.ReLU6", [0, 0, 0, 0, 0, 0.4, 1, 6]),
    ("torch.nn.modules.activation.LeakyReLU", [-0.3, -0.03, -0.01, -0.004, 0, 0.4, 1, 8]),
    ("torch.nn.modules.activation.GELU", [-0, -0.0040496941, -0.15865525, -0.1378313, 0, 0.2621687, 0.84134475, 8]),
    (
      "torch.nn.modules.activation.SiLU",
      [-2.8072869e-12, -0.14227762, -0.26894142, -0.16052494, 0, 0.23947506, 0.73105858, 7.9973172]
    ),
    (
      "torch.nn.modules.activation.Mish",
      [-2.8072869e-12, -0.14564746, -0.30340146, -0.18891648, 0, 0.28903053, 0.86509839, 7.9999982]
    ),
    (
      "torch.nn.modules.activation.Sigmoid",
      [9.357623e-14, 0.047425873, 0.26894142, 0.40131234, 0.5, 0.59868766, 0.73105858, 0.99966465]
    ),
    ("torch.nn.modules.activation.Hardswish", [-0, -0, -0.33333333, -0.17333333, 0, 0.22666667, 0.66666667, 8]),
    (
      "torch.nn.modules.activation.Softplus",
      [9.357623e-14, 0.048587352, 0.31326169, 0.51301525, 0.69314718, 0.91301525, 1.3132617, 8.0003354]
    ),
    ("torch.nn.modules.activation.ELU", [-1, -0.95021293, -0.63212056, -0.32967995, 0, 0.4, 1, 8]),
    ("torch.nn.modules.activation.CELU", [-1, -0.95021293, -0.63212056, -0.32967995, 0, 0.4, 1, 8]),
    (
      "torch.nn.modules.activation.SELU",
      [-1.7580993, -1.6705687, -1.1113307, -0.57961011, 0, 0.42028039, 1.050701, 8.4056079]
    ),
    ("torch.nn.modules.activation.PReLU", [-7.5, -0.75, -0.25, -0.1, 0, 0.4, 1, 8]),
    ("torch.nn.modules.activation.RReLU", [-6.875, -0.6875, -0.22916667, -0.091666667, 0, 0.4, 1, 8]),
    ("torch.nn.modules.activation.Hardsigmoid", [0, 0, 0.33333333, 0.43333333, 0.5, 0.56666667, 0.66666667, 1]),
    ("torch.nn.modules.activation.Hardtanh", [-1, -1, -1, -0.4, 0, 0.4, 1, 1]),
    ("torch.nn.modules.activation.Softsign", [-0.96774194, -0.75, -0.5, -0.28571429, 0, 0.28571429, 0.5, 0.88888889]),
    (
      "torch.nn.modules.activation.LogSigmoid",
      [-30, -3.0485874, -1.3132617, -0.91301525, -0.69314718, -0.51301525, -0.31326169, -0.00033540637]
    ),
    ("torch.nn.modules.activation.Softshrink", [-29.5, -2.5, -0.5, 0, 0, 0, 0.5, 7.5]),
    ("torch.nn.modules.activation.Hardshrink", [-30, -3, -1, 0, 0, 0, 1, 8]),
    (
      "torch.nn.modules.activation.Tanhshrink",
      [-29, -2.0049452, -0.23840584, -0.020051038, 0, 0.020051038, 0.23840584, 7.0000002]
    ),
    (
      "torch.nn.modules.activation.Softmax",
      [
        3.1325145e-17, 1.6666488e-05, 0.00012314962, 0.00022439323, 0.00033475537, 0.00049939632, 0.00090995943,
        0.99789168,
      ]
    ),
    (
      "torch.nn.modules.activation.Softmin",
      [1, 1.8795288e-12, 2.5436656e-13, 1.3959933e-13, 9.357623e-14, 6.2726023e-14, 3.4424771e-14, 3.1391328e-17]
    ),
    (
      "torch.nn.modules.activation.LogSoftmax",
      [-38.002111, -11.002111, -9.0021105, -8.4021105, -8.0021105, -7.6021105, -7.0021105, -0.0021105461]
    ),
  ]

  /// The embedding of a sequence behind a dense module whose weights are 0 and whose biases are `inputs`.
  private func embedding(
    _ folder: SentenceFolderMaker, _ activation: String, _ more: [WrittenTensor] = [], keys: String = ""
  ) throws -> [Float] {
    try folder.addPooling("{}")
    try folder.add(
      "sentence_transformers.models.Dense", "2_Dense",
      "{\"in_features\": 32, \"out_features\": 8, \"activation_function\": \"\(activation)\"\(keys)}",
      [
        WrittenTensor("linear.weight", [8, 32], Array(repeating: 0, count: 256)),
        WrittenTensor("linear.bias", [8], SentenceActivationTests.inputs),
      ] + more)
    let session = try Session(model: try model(folder.path), threads: 0)
    try session.encode([[1, 7, 2]])
    return numbers(try session.pooledStates())
  }

  @Test(arguments: outputs) func activations(name: String, expected: [Float]) throws {
    let found = try embedding(try SentenceFolderMaker("bert"), name)
    for (value, wanted) in zip(found, expected) { #expect(abs(value - wanted) <= 2e-6 * max(1, abs(wanted))) }
    #expect(found.count == 8)
  }

  @Test func aSlopeThatWasLearned() throws {
    let slope = WrittenTensor("activation_function.weight", [1], [0.5])
    let found = try embedding(try SentenceFolderMaker("bert"), "torch.nn.modules.activation.PReLU", [slope])
    #expect(found == [-15, -1.5, -0.5, -0.2, 0, 0.4, 1, 8])
  }

  /// `out = activation(linear(x)); out + (in == out ? x : residual(x))`, as sentence-transformers 5.7 has it.
  @Test func aWayAroundThroughAProduct() throws {
    let plain = try SentenceFolderMaker("bert")
    try plain.addPooling("{}")
    let session = try Session(model: try model(plain.path), threads: 0)
    try session.encode([[1, 7, 2]])
    let x = numbers(try session.pooledStates())
    let every4th = (0..<256).map { Float($0 % 32 == $0 / 32 * 4 ? 1 : 0) }
    let found = try embedding(
      try SentenceFolderMaker("bert"), "torch.nn.modules.activation.ReLU",
      [WrittenTensor("residual.weight", [8, 32], every4th)], keys: ", \"use_residual\": true")
    #expect(found == (0..<8).map { max(SentenceActivationTests.inputs[$0], 0) + x[$0 * 4] })
  }

  @Test func aWayAroundOfTheSameWidth() throws {
    let (plain, folder) = (try SentenceFolderMaker("bert"), try SentenceFolderMaker("bert"))
    try plain.addPooling("{}")
    try folder.addPooling("{}")
    try folder.add(
      "sentence_transformers.models.Dense", "2_Dense",
      "{\"in_features\": 32, \"out_features\": 32, \"bias\": false, \"use_residual\": true}",
      [WrittenTensor("linear.weight", [32, 32], Array(repeating: 0, count: 1024))])
    let embeddings = try [plain, folder].map {
      let session = try Session(model: try model($0.path), threads: 0)
      try session.encode([[1, 7, 2]])
      return numbers(try session.pooledStates())
    }
    #expect(embeddings[0] == embeddings[1])
  }

  @Test(arguments: [(3, 3), (8, 8), (100, 8)]) func truncation(dimension: Int, width: Int) throws {
    let folder = try SentenceFolderMaker("bert")
    try folder.write("config_sentence_transformers.json", "{\"truncate_dim\": \(dimension)}")
    let found = try embedding(folder, "torch.nn.modules.linear.Identity")
    #expect(found == Array(SentenceActivationTests.inputs[..<width]))
  }

  @Test func truncationToNothingIsNamed() throws {
    let folder = try SentenceFolderMaker("bert")
    try folder.write("config_sentence_transformers.json", "{\"truncate_dim\": 0}")
    let failure = #expect(throws: Failure.self) { try embedding(folder, "torch.nn.modules.linear.Identity") }
    #expect(failure?.code == .invalidFile && failure?.message.contains("truncate_dim") == true)
  }
}
