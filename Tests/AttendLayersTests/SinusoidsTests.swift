import AttendBase
import AttendLayers
import Foundation
import Testing

@Suite struct SinusoidsTests {
  /// PE(p, 2j) = sin(p / 10000^(2j/d)), PE(p, 2j + 1) = cos of the same; here the sines stand first.
  @Test func tableFollowsThePaper() throws {
    let width = 16
    let buffer = try Sinusoids.table(positions: 3..<600, width: width, endsAtLongest: false)
    let table = buffer.pointer(to: Float.self)
    defer { withExtendedLifetime(buffer) {} }
    for (row, position) in (3..<600).enumerated() {
      for j in 0..<width / 2 {
        let angle = Double(position) / pow(10000, Double(2 * j) / Double(width))
        #expect(abs(Double(table[row * width + j]) - sin(angle)) < 1e-7)
        #expect(abs(Double(table[row * width + width / 2 + j]) - cos(angle)) < 1e-7)
      }
    }
  }

  /// The same numbers in the order in which the paper writes them.
  @Test func sinesAndCosinesMayStandInTurns() throws {
    let width = 10
    let halves = try Sinusoids.table(positions: 0..<50, width: width, endsAtLongest: false)
    let turns = try Sinusoids.table(positions: 0..<50, width: width, endsAtLongest: false, interleaved: true)
    defer { withExtendedLifetime((halves, turns)) {} }
    for row in 0..<50 {
      let (expected, got) = (halves.pointer(to: Float.self) + row * width, turns.pointer(to: Float.self) + row * width)
      #expect((0..<width).allSatisfy { got[$0] == expected[$0 % 2 * width / 2 + $0 / 2] })
    }
  }

  @Test func lastFrequencyIsOneTenThousandthWhenInclusive() throws {
    let buffer = try Sinusoids.table(positions: 1..<2, width: 8, endsAtLongest: true)
    let table = buffer.pointer(to: Float.self)
    defer { withExtendedLifetime(buffer) {} }
    #expect(table[0] == Float(sin(1.0)))
    #expect(abs(table[3] - 1e-4) < 1e-10)
  }

  @Test func aWidthOfTwoHasOneFrequency() throws {
    let buffer = try Sinusoids.table(positions: 2..<3, width: 2, endsAtLongest: true)
    let table = buffer.pointer(to: Float.self)
    defer { withExtendedLifetime(buffer) {} }
    #expect(table[0] == Float(sin(2.0)) && table[1] == Float(cos(2.0)))
  }
}
