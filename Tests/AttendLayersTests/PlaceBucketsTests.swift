import AttendLayers
import Testing

@Suite struct PlaceBucketsTests {
  /// As PyTorch sorts the patches of a picture that has as many as the table, where sums and quotients that are rounded
  /// put some of them one place too early.
  @Test(arguments: [
    (19, [12]), (25, [5, 9, 10, 11, 12, 13, 15, 18, 20, 23]), (29, [3, 6, 24]), (31, [17, 21, 25, 29]), (38, [12]),
    (40, [19]), (70, []), (26, []), (32, []), (1, []),
  ]) func patchesLieWhereTheReferencePutsThem(count: Int, early: [Int]) {
    let buckets = PlaceBuckets(count)
    let places = (0..<count).map { buckets.place(of: $0, among: count) }
    #expect(places == (0..<count).map { early.contains($0) ? $0 - 1 : $0 })
  }

  @Test func placesRiseAndStayInTheTable() {
    for count in 1...40 {
      for patches in 1...90 {
        let places = (0..<patches).map { PlaceBuckets(count).place(of: $0, among: patches) }
        #expect(places.first == 0 && places.last! < count)
        #expect(zip(places, places.dropFirst()).allSatisfy { $0 <= $1 })
        // Never farther than a place from the exact quotient.
        #expect(places.enumerated().allSatisfy { abs($1 - $0 * count / patches) <= 1 })
      }
    }
  }
}
