import AttendBase
import AttendDispatch
import AttendKernelInterface
import AttendLayers
import AttendTestSupport
import Foundation
import Testing

/// A mixture of random experts, and the same computed token by token in double precision.
private struct Mixture {
  static let width = 24, expertWidth = 40, experts = 5

  let router: [Float]  // [experts, width]
  let gates: [[Float]]  // of each expert [inner, width]
  let ups: [[Float]]
  let outers: [[Float]]  // [width, inner]
  let engine: Engine

  init(_ engine: Engine) {
    var numbers = SplitMix(seed: 7)
    func matrices() -> [[Float]] {
      (0..<Mixture.experts).map { _ in numbers.floats(Mixture.expertWidth * Mixture.width).map { $0 / 2 } }
    }
    router = numbers.floats(Mixture.experts * Mixture.width)
    (gates, ups, outers) = (matrices(), matrices(), matrices())
    self.engine = engine
  }

  private func stored(_ values: [Float], _ rows: Int, _ body: (StoredMatrix) throws -> PackedMatrix) rethrows -> Linear
  {
    let weights = try values.withUnsafeBytes {
      try body(StoredMatrix(base: $0.baseAddress!, type: .float32, rows: rows, columns: values.count / rows))
    }
    return Linear(weights: weights, bias: nil)
  }

  func layer(topK: Int, _ weights: Router.Weights) throws -> MixtureOfExperts {
    let (width, expertWidth) = (Mixture.width, Mixture.expertWidth)
    let networks = try (0..<Mixture.experts).map { expert in
      let gated = try stored(gates[expert], expertWidth) { gate in
        try ups[expert].withUnsafeBytes {
          let up = StoredMatrix(base: $0.baseAddress!, type: .float32, rows: expertWidth, columns: width)
          return try PackedMatrix(gate: gate, up: up, compute: .float32, engine: engine)
        }
      }
      let down = try stored(outers[expert], width) { try PackedMatrix([$0], compute: .float32, engine: engine) }
      return FeedForwardNetwork(up: gated, down: down, activation: .silu)
    }
    let product = try stored(router, Mixture.experts) { try PackedMatrix([$0], compute: .float32, engine: engine) }
    return MixtureOfExperts(
      router: Router(linear: product, topK: topK, weights: weights), experts: networks, shared: nil)
  }

  /// `residual + Σ weight * expert(x)` for one token.
  func expected(_ x: [Float], residual: [Float], topK: Int, _ weights: Router.Weights) -> [Double] {
    func product(_ matrix: [Float], _ x: [Double]) -> [Double] {
      (0..<matrix.count / x.count).map { row in x.indices.reduce(0) { $0 + Double(matrix[row * x.count + $1]) * x[$1] }
      }
    }
    let x = x.map(Double.init)
    let logits = product(router, x)
    let order = logits.indices.sorted { logits[$0] > logits[$1] || (logits[$0] == logits[$1] && $0 < $1) }.prefix(
      topK)
    let among = weights == .softmaxOverTopK ? Array(order) : Array(logits.indices)
    let total = among.reduce(0) { $0 + exp(logits[$1]) }
    var y = residual.map(Double.init)
    for expert in order {
      let hidden = zip(product(gates[expert], x), product(ups[expert], x)).map { $0 / (1 + exp(-$0)) * $1 }
      for (index, value) in product(outers[expert], hidden).enumerated() {
        y[index] += exp(logits[expert]) / total * value
      }
    }
    return y
  }

  /// Tokens for all to compute with; the second is zero, so that its products with the router are all equal.
  static func tokens(_ count: Int) -> [Float] {
    var numbers = SplitMix(seed: 3)
    return numbers.floats(width) + Array(repeating: 0, count: width) + numbers.floats((count - 2) * width)
  }

  func run(
    _ layer: MixtureOfExperts, _ tokens: [Float], residual: [Float]?, _ workspace: Workspace = Workspace()
  ) throws -> [Float] {
    let rows = tokens.count / Mixture.width
    var (x, y) = (tokens, residual ?? Array(repeating: Float.nan, count: tokens.count))
    let pass = Pass(engine: engine, workspace: workspace)
    try x.withUnsafeMutableBufferPointer { x in
      try y.withUnsafeMutableBufferPointer { y in
        let result = Matrix(y.baseAddress!, rows: rows, columns: Mixture.width)
        try layer.apply(
          Matrix(x.baseAddress!, rows: rows, columns: Mixture.width), residual: residual == nil ? nil : result,
          into: result, pass)
      }
    }
    return y
  }
}

@Suite struct MixtureTests {
  private static let kernels: [String] = ["amx", "avx512", "avx2", "portable"].filter {
    (try? Engine(kernels: $0, threads: 1)) != nil
  }

  @Test(arguments: kernels, [Router.Weights.softmaxOverTopK, .softmaxOverAll]) func sumsAreThoseOfTheDefinition(
    kernels: String, weights: Router.Weights
  ) throws {
    let mixture = Mixture(try Engine(kernels: kernels, threads: 2))
    let tokens = Mixture.tokens(37), residual = Array(tokens.reversed())
    for topK in [1, 2, Mixture.experts] {
      let layer = try mixture.layer(topK: topK, weights)
      let found = try mixture.run(layer, tokens, residual: residual)
      let bare = try mixture.run(layer, tokens, residual: nil)
      for token in 0..<37 {
        let range = token * Mixture.width..<(token + 1) * Mixture.width
        let expected = mixture.expected(Array(tokens[range]), residual: Array(residual[range]), topK: topK, weights)
        for (column, index) in range.enumerated() {
          #expect(abs(Double(found[index]) - expected[column]) < 2e-5)
          #expect(abs(Double(bare[index]) + Double(residual[index]) - expected[column]) < 2e-5)
        }
      }
    }
  }

  /// A token's result is the same alone and beside others, wherever they go and however many threads compute.
  @Test(arguments: kernels.filter { $0 != "portable" }) func aTokenIsComputedAsIfAlone(kernels: String) throws {
    let tokens = Mixture.tokens(50)
    let single = Mixture(try Engine(kernels: kernels, threads: 1))
    let alone = try (0..<50).flatMap { token in
      try single.run(
        single.layer(topK: 2, .softmaxOverTopK), Array(tokens[token * Mixture.width..<(token + 1) * Mixture.width]),
        residual: nil)
    }
    for threads in 1...3 {
      let mixture = Mixture(try Engine(kernels: kernels, threads: threads))
      #expect(try mixture.run(mixture.layer(topK: 2, .softmaxOverTopK), tokens, residual: nil) == alone)
    }
  }

  /// Scratch memory depends on how many tokens there are, not on where they go: a token loop that is warm asks for no
  /// more.
  @Test func scratchMemoryIsTheSameWhereverTokensGo() throws {
    let mixture = Mixture(try Engine(kernels: nil, threads: 2))
    let layer = try mixture.layer(topK: 1, .softmaxOverTopK)
    let workspace = Workspace()
    let tokens = Mixture.tokens(8000)
    _ = try mixture.run(layer, tokens, residual: nil, workspace)
    let bytes = workspace.bytes
    _ = try mixture.run(layer, Array(repeating: 0, count: tokens.count), residual: nil, workspace)
    #expect(bytes > 8000 * 4 * (2 * Mixture.width + Mixture.expertWidth) && workspace.bytes == bytes)
  }
}
