import AttendBase
import AttendDecoding
import AttendDispatch
import AttendTestSupport
import Testing

/// Beams whose candidates are drawn (do_sample with num_beams).
@Suite struct DrawnBeamTests {
  private static func request(
    _ seed: UInt64, tokens: Int = 12, _ change: (inout SearchOptions) -> Void = { _ in }
  )
    -> Request
  {
    var request = Request()
    request.options.beams = 2
    request.options.sequences = 2
    request.options.samples = true
    request.options.sampling.seed = seed
    request.options.maximalNewTokens = tokens
    request.options.logProbabilities = true
    change(&request.options)
    return request
  }

  /// All orders of `count` of the tokens, with their probabilities of being drawn so without replacement.
  private static func orders(_ probabilities: [Double], _ count: Int) -> [(tokens: [Int], probability: Double)] {
    var orders: [(tokens: [Int], probability: Double)] = [([], 1)]
    for _ in 0..<count {
      orders = orders.flatMap { order in
        let left = 1 - order.tokens.reduce(0) { $0 + probabilities[$1] }
        return probabilities.indices.filter { !order.tokens.contains($0) }.map {
          (order.tokens + [$0], order.probability * probabilities[$0] / left)
        }
      }
    }
    return orders
  }

  /// After one token the result is the best 2 of 4 that were drawn: what is found in 20,000 requests against the
  /// probabilities of all draws.
  @Test(arguments: [1.0, 2.0]) func drawsFollowTheProbabilities(temperature: Double) throws {
    let values: [Float] = [1, 0.5, 0, -0.25, -1, -1.5]
    let model = try FakeModel(vocabulary: values.count)
    for (token, value) in values.enumerated() { model.fixedLogits[Int32(token)] = value }
    // What is divided by the temperature are log-probabilities: that is a softmax of logits all the same.
    let probabilities = softmax(values.map { $0 / Float(temperature) })
    var expected: [[Int]: Double] = [:]
    for order in DrawnBeamTests.orders(probabilities, 4) {
      expected[Array(order.tokens.sorted().prefix(2)), default: 0] += order.probability
    }
    var counts: [[Int]: Int] = [:]
    for seed in 0..<20_000 {
      var request = DrawnBeamTests.request(11, tokens: 1) { $0.sampling.temperature = temperature }
      request.options.sampling.seed = UInt64(seed)
      counts[try found(request, model).map { Int($0.tokens[3]) }, default: 0] += 1
    }
    let pairs = expected.keys.sorted { ($0[0], $0[1]) < ($1[0], $1[1]) }
    #expect(Set(counts.keys).isSubset(of: pairs))
    let (statistic, freedom) = chiSquare(pairs.map { counts[$0] ?? 0 }, pairs.map { expected[$0]! })
    #expect(statistic < critical(freedom), "\(statistic), \(freedom) degrees of freedom")
  }

  @Test func theSeedMakesTheDraws() throws {
    let model = try FakeModel(vocabulary: 40)
    let first = try found(DrawnBeamTests.request(1), model)
    #expect(try found(DrawnBeamTests.request(1), model) == first)
    #expect(try found(DrawnBeamTests.request(2), model) != first)
    for engine in exactEngines where engine.kernelsName != model.engine.kernelsName {
      let other = try FakeModel(vocabulary: 40, kernels: engine.kernelsName)
      #expect(try found(DrawnBeamTests.request(1), other) == first, "\(engine.kernelsName)")
    }
  }

  /// With nothing to choose from but the best, the draws are a beam search of these.
  @Test func aCutLeavesBeamSearch() throws {
    let model = try FakeModel(vocabulary: 40)
    let drawn = DrawnBeamTests.request(5) { $0.sampling.topK = 2 }
    var plain = drawn
    plain.options.samples = false
    // Two tokens of each of two beams: the four candidates are all drawn.
    #expect(try found(drawn, model) == found(plain, model))
  }

  @Test func scoresAddUpWhatTheStepsLeft() throws {
    let model = try FakeModel(vocabulary: 40)
    let request = DrawnBeamTests.request(5) { $0.sampling.temperature = 0.5 }
    for each in try found(request, model) {
      let sum = each.logProbabilities.reduce(0.0) { $0 + Double(Float(bitPattern: $1)) }
      #expect(abs(each.score! - 2 * sum / Double(each.logProbabilities.count)) < 1e-5)
    }
  }
}
