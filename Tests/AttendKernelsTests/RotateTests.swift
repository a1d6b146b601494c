import AttendBase
import AttendDispatch
import Foundation
import Testing

/// Heads whose components turn by angles of their row.
private struct Turn {
  let rows: Int, heads: Int, headDim: Int, pairs: Int
  let interleaved: Bool
}

private let turns: [Turn] = [false, true].flatMap { interleaved in
  [
    (1, 1, 2, 1), (3, 2, 16, 8), (9, 3, 64, 32), (5, 2, 80, 16), (4, 2, 80, 40), (7, 5, 37, 18), (2, 1, 6, 2),
    (60, 8, 128, 64), (6, 2, 24, 11), (3, 1, 8, 0),
  ].map { Turn(rows: $0.0, heads: $0.1, headDim: $0.2, pairs: $0.3, interleaved: interleaved) }
}

@Suite struct RotateTests {
  /// The definition, each operation rounded to float32: the kernels promise these very bits.
  @Test(arguments: engines) func everyHeadTurnsAsTheDefinitionSays(engine: Engine) {
    var numbers = Numbers(31)
    for turn in turns {
      let x = Table(turn.rows, turn.heads * turn.headDim, gap: 3, &numbers)
      let cosines = Table(turn.rows, turn.pairs, gap: 1, &numbers),
        sines = Table(turn.rows, turn.pairs, gap: 2, &numbers)
      let expected = Table(turn.rows, turn.heads * turn.headDim, x.values)
      for row in 0..<turn.rows {
        for head in 0..<turn.heads {
          let from = x.matrix[row] + head * turn.headDim, to = expected.matrix[row] + head * turn.headDim
          for pair in 0..<turn.pairs {
            let a = turn.interleaved ? 2 * pair : pair, b = turn.interleaved ? 2 * pair + 1 : pair + turn.pairs
            let c = cosines.matrix[row][pair], s = sines.matrix[row][pair]
            to[a] = from[a] * c - from[b] * s
            to[b] = from[b] * c + from[a] * s
          }
        }
      }
      for threads in [1, 3] {
        let y = Table(turn.rows, turn.heads * turn.headDim, x.values)
        engine.with(threads: threads).rotate(
          y.matrix, headDim: turn.headDim, cosines: cosines.matrix, sines: sines.matrix, interleaved: turn.interleaved)
        #expect(y.bits == expected.bits, "\(turn)")
      }
    }
  }

  @Test(arguments: engines) func nothingBesideTheRowsIsTouched(engine: Engine) {
    var numbers = Numbers(32)
    let all = Table(4, 60, &numbers), before = all.values
    let angles = Table(4, 10, fill: 0)
    engine.rotate(
      all.matrix.columns(20, 20), headDim: 20, cosines: angles.matrix, sines: angles.matrix, interleaved: false)
    for row in 0..<4 {
      for column in 0..<60 { #expect(all.matrix[row][column] == (20..<40 ~= column ? 0 : before[row * 60 + column])) }
    }
  }
}

@Suite struct TrigonometryTests {
  /// Angles near which the reduction loses most: multiples of π/2 as far as 10^6, and all sizes around them.
  private static let angles: [Double] = {
    var angles: [Double] = [0, -0.0, .leastNonzeroMagnitude, 1e-300, 1e-9, 1, 1e6, -1e6, 355, 103_993, 52_163, 710]
    for quarter in stride(from: 1.0, to: 640_000, by: 61) {
      let near = quarter * Double.pi / 2
      angles += [near.nextDown, near, near.nextUp, near.rounded()]
    }
    for step in 0..<200_000 { angles.append((Double(step) + 0.37) * 5) }
    for step in 0..<40_000 { angles.append(Double(step) * 0.0007 - 14) }
    return angles + angles.map { -$0 }
  }()

  /// The C library's results are off by at most 1 unit in the last place themselves, 2^-53 here: twice the stated bound
  /// tells.
  @Test func sinesAndCosinesAreWithinTheirBounds() {
    var worst = 0.0, relative = 0.0
    for x in TrigonometryTests.angles {
      let (sine, cosine) = Trigonometry.sineAndCosine(x)
      for (actual, expected) in [(sine, sin(x)), (cosine, cos(x))] where expected != 0 {
        worst = max(worst, abs(actual - expected))
        relative = max(relative, abs(actual - expected) / max(abs(expected), .leastNormalMagnitude))
      }
    }
    #expect(worst <= 0x1p-52)
    #expect(relative <= 0x1p-51)
  }

  @Test func symmetriesAndEdges() {
    for x in TrigonometryTests.angles {
      let (sine, cosine) = Trigonometry.sineAndCosine(x), mirrored = Trigonometry.sineAndCosine(-x)
      #expect(mirrored.sine == -sine && mirrored.cosine == cosine)
    }
    for x in [Double.nan, .infinity, -.infinity, Trigonometry.limit.nextUp] {
      let (sine, cosine) = Trigonometry.sineAndCosine(x)
      #expect(sine.isNaN && cosine.isNaN)
    }
    let (sine, cosine) = Trigonometry.sineAndCosine(Trigonometry.limit)
    #expect(abs(sine - sin(0x1p26)) <= 0x1p-52 && abs(cosine - cos(0x1p26)) <= 0x1p-52)
  }

  /// Correctly rounded values, as they came out when this was written: on any other machine they must too.
  @Test func bitsAreTheSameOnEveryMachine() {
    #expect(Trigonometry.sineAndCosine(1).sine.bitPattern == 0x3fea_ed54_8f09_0cee)
    #expect(Trigonometry.sineAndCosine(1).cosine.bitPattern == 0x3fe1_4a28_0fb5_068c)
    #expect(Trigonometry.sineAndCosine(1e6).sine.bitPattern == 0xbfd6_664b_2568_d867)
    #expect(Trigonometry.sineAndCosine(1e6).cosine.bitPattern == 0x3fed_f9df_9906_d32c)
  }
}
