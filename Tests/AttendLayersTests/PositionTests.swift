import AttendLayers
import AttendTestSupport
import Testing

private let goldens = try! Goldens("attention/goldens.safetensors")

@Suite(.enabled(if: goldens != nil, "the shared folder is not beside this checkout")) struct PositionGoldenTests {
  @Test(arguments: [4, 6, 12]) func slopesAreThoseOfTheGoldens(heads: Int) throws {
    let bias = try #require(goldens).numbers("positions/alibi_\(heads)_heads/bias")  // [heads, 10]
    for (head, slope) in Alibi.slopes(heads: heads).enumerated() {
      for distance in 0..<10 { #expect(abs(bias[head * 10 + distance] - slope * Float(distance)) < 1e-6) }
    }
  }

  @Test(arguments: [false, true]) func bucketsAreThoseOfTheGoldens(bidirectional: Bool) throws {
    let goldens = try #require(goldens)
    let buckets = RelativeBuckets(count: 32, maxDistance: 128, bidirectional: bidirectional)
    let expected = goldens.numbers(
      "positions/t5_buckets/" + (bidirectional ? "bidirectional" : "causal"), of: Int32.self)
    let relative = goldens.numbers("positions/t5_buckets/relative", of: Int32.self)
    #expect(relative.map { Int32(buckets.bucket(Int($0))) } == expected)
  }
}
