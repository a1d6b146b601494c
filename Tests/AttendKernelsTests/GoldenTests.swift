import AttendBase
import AttendDispatch
import AttendKernelInterface
import AttendTestSupport
import Foundation
import Testing

private let goldens = try! Goldens("attention/goldens.safetensors")

/// A kind of attention of the goldens: 17 queries at the end of 70 positions, 4 heads of 16, values of 24.
private struct Kind: CustomTestStringConvertible {
  let testDescription: String
  var mask = AttentionMask(causal: false)
  var scale: Float = 0.25
  var keyValueHeads = 4
}

private let kinds = [
  Kind(testDescription: "plain"), Kind(testDescription: "causal", mask: AttentionMask(causal: true)),
  Kind(testDescription: "window9", mask: AttentionMask(causal: true, window: 9)),
  Kind(testDescription: "softcap30", mask: AttentionMask(causal: false, softCap: 30)),
  Kind(testDescription: "scale", scale: 0.3), Kind(testDescription: "grouped", keyValueHeads: 2),
  Kind(testDescription: "lengths"), Kind(testDescription: "bias"),
]

@Suite(.enabled(if: goldens != nil, "the shared folder is not beside this checkout")) struct KernelGoldenTests {
  /// Copies `width` columns from `first` on of `[heads, rows, columns]` to rows of heads.
  private func copy(
    _ from: ArraySlice<Float>, _ columns: Int, first: Int = 0, _ width: Int = 16, rows: Int, to table: Table
  ) {
    for row in 0..<table.matrix.rows {
      for column in 0..<table.matrix.columns {
        table.matrix[row][column] =
          from[from.startIndex + (column / width * rows + row) * columns + first + column % width]
      }
    }
  }

  @Test(arguments: engines, kinds) private func attentionIsThatOfTheGoldens(engine: Engine, kind: Kind) throws {
    let name = "sdpa/\(kind.testDescription)/", goldens = try #require(goldens)
    let q = goldens.numbers(name + "q"), k = goldens.numbers(name + "k"), v = goldens.numbers(name + "v")
    let output = goldens.numbers(name + "output"), weights = goldens.numbers(name + "weights")
    for batch in 0..<2 {
      let keys = kind.testDescription == "lengths" ? Int(goldens.numbers(name + "lengths", of: Int32.self)[batch]) : 70
      let spec = AttentionCase(
        heads: 4, keyValueHeads: kind.keyValueHeads, headDim: 16, keys: keys, queries: 17, mask: kind.mask,
        scale: kind.scale)
      // Values are wider than keys: two blocks of their columns that overlap.
      for first in [0, 8] {
        let sequence = PagedSequence(spec, seed: 1)
        copy(q[(batch * 4 * 17 * 16)...], 16, rows: 17, to: sequence.q)
        copy(k[(batch * kind.keyValueHeads * 70 * 16)...], 16, rows: 70, to: sequence.k)
        copy(v[(batch * kind.keyValueHeads * 70 * 24)...], 24, first: first, rows: 70, to: sequence.v)
        sequence.store(engine)
        let out = Table(17, 64), terms = Table(17, 4 * 139, fill: 0)
        var maps = [Float](repeating: .nan, count: 4 * 17 * keys)
        let places = (0..<139).map { Int32($0) }
        try places.withUnsafeBufferPointer { places in
          var bias = AttentionBias()
          if kind.testDescription == "bias" {
            bias.disentangled = freeBias(goldens.numbers(name + "bias"), terms, places.baseAddress!)
          }
          var entry = sequence.sequence(row: 0)
          if !kind.mask.causal { entry.position = 0 }
          try [entry].withUnsafeBufferPointer {
            try engine.attention(
              sequence.q.matrix, $0, sequence.heads, spec.mask, bias: bias, into: out.matrix, weights: &maps,
              workspace: Workspace())
          }
        }
        for head in 0..<4 {
          for query in 0..<17 {
            let row = (batch * 4 + head) * 17 + query
            let expected = (0..<16).map { Double(output[row * 24 + first + $0]) }
            #expect(largestError((0..<16).map { out.matrix[query][head * 16 + $0] }, expected) < 2e-6)
            #expect(
              largestError(
                Array(maps[((head * 17 + query) * keys)...].prefix(keys)),
                weights[(row * 70)...].prefix(keys).map(Double.init)) < 1e-6)
          }
        }
      }
    }
  }

  /// A bias for each query and key, [4, 17, 70], as terms of content whose every distance from -69 to 69 has a place of
  /// its own.
  private func freeBias(_ bias: [Float], _ terms: Table, _ places: UnsafePointer<Int32>) -> DisentangledBias {
    for head in 0..<4 {
      for query in 0..<17 {
        for key in 0..<70 {
          terms.matrix[query][head * 139 + query - key + 69] = bias[(head * 17 + query) * 70 + key] / 0.25
        }
      }
    }
    return DisentangledBias(
      contentToPosition: terms.matrix, positionToContent: nil, relativeIndex: places, radius: 69, buckets: 139)
  }

  @Test(arguments: engines, [false, true]) func rotaryPositionsAreThoseOfTheGoldens(
    engine: Engine, interleaved: Bool
  ) throws {
    let name = "positions/rotary_" + (interleaved ? "interleaved/" : "halves/"), goldens = try #require(goldens)
    let x = Table(40, 32, goldens.numbers(name + "x")), cosines = Table(40, 8), sines = Table(40, 8)
    for position in 0..<40 {
      for pair in 0..<8 {
        let (sine, cosine) = Trigonometry.sineAndCosine(Double(position) * pow(10000, -Double(pair) / 8))
        cosines.matrix[position][pair] = Float(cosine)
        sines.matrix[position][pair] = Float(sine)
      }
    }
    engine.rotate(x.matrix, headDim: 16, cosines: cosines.matrix, sines: sines.matrix, interleaved: interleaved)
    #expect(largestError(x.values, goldens.numbers(name + "output").map(Double.init)) < 1e-6)
  }

  @Test(arguments: engines) func normsAreThoseOfTheGoldens(engine: Engine) throws {
    let goldens = try #require(goldens)
    let x = Table(5, 16, goldens.numbers("norm/layer/x")), z = Table(5, 16, goldens.numbers("norm/rms/x")),
      y = Table(5, 16)
    engine.layerNorm(
      x.matrix, gain: goldens.numbers("norm/layer/weight"), bias: goldens.numbers("norm/layer/bias"), epsilon: 1e-5,
      into: y.matrix)
    #expect(largestError(y.values, goldens.numbers("norm/layer/output").map(Double.init)) < 1e-6)
    engine.rmsNorm(z.matrix, gain: goldens.numbers("norm/rms/weight"), epsilon: 1e-6, into: y.matrix)
    #expect(largestError(y.values, goldens.numbers("norm/rms/output").map(Double.init)) < 1e-6)
  }

  @Test(
    arguments: engines,
    [("relu", Activation.relu), ("gelu", .gelu), ("gelu_tanh", .geluTanh), ("quick_gelu", .quickGelu), ("silu", .silu)])
  func activationsAreThoseOfTheGoldens(engine: Engine, activation: (String, Activation)) throws {
    let goldens = try #require(goldens)
    let x = Table(1, 601, goldens.numbers("activation/x")), y = Table(1, 601)
    engine.activate(x.matrix, activation.1, into: y.matrix)
    #expect(largestError(y.values, goldens.numbers("activation/" + activation.0).map(Double.init)) < 1e-6)
  }
}
