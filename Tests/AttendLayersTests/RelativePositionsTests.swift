import AttendLayers
import Testing

/// Sums over all distances, each times its place, as PyTorch computes them with the functions of transformers 5.23: a
/// single distance in a neighbouring bucket changes them.
@Suite struct RelativePositionsTests {
  struct Places: Sendable { let buckets: Int?, maxDistance: Int, distances: Int, sum: Int }

  @Test(arguments: [
    Places(buckets: 256, maxDistance: 512, distances: 1000, sum: 756_101_717),
    Places(buckets: 4, maxDistance: 16, distances: 40, sum: 17871),
    Places(buckets: nil, maxDistance: 6, distances: 20, sum: 7106),
    Places(buckets: 8, maxDistance: 40, distances: 100, sum: 230_763),
    Places(buckets: 7, maxDistance: 33, distances: 200, sum: 799_585),
  ]) func rowsOfDebertaAreThoseOfTheReference(sizes: Places) {
    let index = RelativeIndex(maxDistance: sizes.maxDistance, buckets: sizes.buckets)
    #expect(index.isValid)
    let distances = -sizes.distances...sizes.distances
    #expect(zip(1..., distances).reduce(0) { $0 + $1.0 * index.row($1.1) } == sizes.sum)
    let radius = index.radius
    #expect(
      index.row(radius) == index.row(RelativeIndex.limit) && index.row(-radius) == index.row(-RelativeIndex.limit))
    #expect(index.row(radius - 1) != index.row(radius) || index.row(1 - radius) != index.row(-radius))
  }

  struct Buckets: Sendable { let count: Int, maxDistance: Int, bidirectional: Bool, distances: Int, sum: Int }

  @Test(arguments: [
    Buckets(count: 32, maxDistance: 128, bidirectional: true, distances: 300, sum: 4_692_590),
    Buckets(count: 32, maxDistance: 128, bidirectional: false, distances: 300, sum: 1_155_805),
    Buckets(count: 8, maxDistance: 12, bidirectional: true, distances: 40, sum: 19270),
    Buckets(count: 320, maxDistance: 800, bidirectional: true, distances: 1000, sum: 503_106_604),
    Buckets(count: 6, maxDistance: 20, bidirectional: false, distances: 50, sum: 5531),
  ]) func bucketsOfT5AreThoseOfTheReference(sizes: Buckets) throws {
    let buckets = RelativeBuckets(
      count: sizes.count, maxDistance: sizes.maxDistance, bidirectional: sizes.bidirectional)
    #expect(buckets.isValid)
    #expect(zip(1..., -sizes.distances...sizes.distances).reduce(0) { $0 + $1.0 * buckets.bucket($1.1) } == sizes.sum)
    // What is spelled out ends at the largest distance, since all beyond it are in its bucket.
    for distance in [sizes.maxDistance, sizes.distances] {
      #expect(
        buckets.bucket(distance) == buckets.bucket(sizes.maxDistance)
          && buckets.bucket(-distance) == buckets.bucket(-sizes.maxDistance))
    }
  }

  @Test func sizesWithoutSenseAreRefused() {
    #expect(!RelativeIndex(maxDistance: 128, buckets: 256).isValid)
    #expect(!RelativeIndex(maxDistance: 128, buckets: 1).isValid)
    #expect(!RelativeIndex(maxDistance: 1 << 21, buckets: nil).isValid)
    #expect(!RelativeBuckets(count: 2, maxDistance: 128, bidirectional: true).isValid)
    #expect(!RelativeBuckets(count: 32, maxDistance: 8, bidirectional: true).isValid)
  }
}
