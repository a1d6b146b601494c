import AttendBase
import AttendDispatch
import AttendKernelInterface
import Glibc

/// Rotary position embeddings (Su et al. 2021, arXiv:2104.09864): pairs of a head's components turn by an angle that
/// grows with the position, pair i of n by `theta^(-i/n)` a position, or as `scaling` changes that.
package struct Rotary: Sendable, Equatable {
  /// Components of a head that are rotated, the first ones; even.
  package let dimensions: Int
  /// Pairs are neighbours, as in GPT-J; otherwise a component's partner is half of `dimensions` away, as in GPT-NeoX
  /// and Llama.
  package let interleaved: Bool
  package let theta: Double
  package let scaling: RotaryScaling
  /// The coordinate of a token by which each pair turns, in `TokenPlaces` 0 time, 1 row, 2 column (Wang et al. 2024,
  /// arXiv:2409.12191, section 2.1); empty: all by its position.
  package let axes: [Int]
  /// Parts of the pairs in each of which wavelengths begin anew; a divisor of their number.
  package let parts: Int

  package init(
    dimensions: Int, interleaved: Bool = false, theta: Double, scaling: RotaryScaling = .none, axes: [Int] = [],
    parts: Int = 1
  ) {
    self.axes = axes
    self.parts = parts
    self.dimensions = dimensions
    self.interleaved = interleaved
    self.theta = theta
    self.scaling = scaling
  }

  /// Pairs of components that turn.
  package var pairs: Int { dimensions / 2 }

  /// Radians a position for each pair, `[pairs]`, for a sequence of `length` tokens.
  func frequencies(length: Int) -> [Float] { (0..<pairs).map { frequency($0, length: length) } }

  /// Radians a position for a pair, for a sequence of `length` tokens. The reference rounds them to float32, and so do
  /// we.
  package func frequency(_ pair: Int, length: Int) -> Float {
    let exponent = Double(2 * parts * (pair % max(pairs / parts, 1))) / Double(dimensions)
    return Float(scaling.scaled(pow(theta, -exponent), pair: pair, exponent: exponent, length: length, self))
  }
}

extension Rotary {
  /// Cosines and, behind them, sines of the angles by which pairs turn at the position of each, `[2 * pairs]`.
  @inline(__always) package func writeAngles(
    _ frequencies: UnsafeBufferPointer<Float>, to row: UnsafeMutablePointer<Float>, position: (Int) -> Float
  ) {
    let magnitude = scaling.magnitude
    for (pair, frequency) in frequencies.enumerated() {
      let (sine, cosine) = Trigonometry.sineAndCosine(Double(position(pair) * frequency))
      row[pair] = Float(cosine) * magnitude
      row[pairs + pair] = Float(sine) * magnitude
    }
  }
}

/// The ways to positions beyond those of the training: the names and formulas of Hugging Face's `rope_type`.
package enum RotaryScaling: Sendable, Equatable {
  case none
  /// All frequencies divided by `factor` (Chen et al. 2023, arXiv:2306.15595).
  case linear(factor: Double)
  /// The first `pairs` pairs turn, as slowly as if all did, divided by `factor`; the others stand still.
  case proportional(factor: Double, pairs: Int)
  /// A larger theta for sequences longer than `trained` tokens ("NTK-aware", "dynamic").
  case dynamic(factor: Double, trained: Int)
  /// Long wavelengths divided by `factor`, short ones kept, a ramp between (Llama 3.1; Grattafiori et al. 2024,
  /// arXiv:2407.21783).
  case llama3(factor: Double, low: Double, high: Double, trained: Int)
  /// Division by `factor` phased in between pairs `low` and `high`, and a factor on sines and cosines (Peng et al.
  /// 2023, arXiv:2309.00071).
  case yarn(factor: Double, low: Double, high: Double, magnitude: Double)
  /// A divisor for each pair, another set of them beyond `trained` tokens, and a factor on sines and cosines (Ding et
  /// al. 2024, arXiv:2402.13753).
  case longrope(short: [Double], long: [Double], trained: Int, magnitude: Double)

  /// Factor on sines and cosines.
  var magnitude: Float {
    switch self {
    case .yarn(_, _, _, let magnitude), .longrope(_, _, _, let magnitude): Float(magnitude)
    case .none, .linear, .proportional, .dynamic, .llama3: 1
    }
  }

  /// The frequency that takes the place of `frequency`, which is `theta^-exponent`.
  fileprivate func scaled(_ frequency: Double, pair: Int, exponent: Double, length: Int, _ rotary: Rotary) -> Double {
    switch self {
    case .none: return frequency
    case .linear(let factor): return frequency / factor
    case .proportional(let factor, let pairs): return pair < pairs ? frequency / factor : 0
    case .dynamic(let factor, let trained):
      let growth = factor * Double(max(length, trained)) / Double(trained) - (factor - 1)
      let theta = rotary.theta * pow(growth, Double(rotary.dimensions) / Double(rotary.dimensions - 2))
      return pow(theta, -exponent)
    case .llama3(let factor, let low, let high, let trained):
      let turns = Double(trained) * frequency / (2 * Double.pi)  // in the text of the training
      if turns < low { return frequency / factor }
      if turns > high { return frequency }
      let share = (turns - low) / (high - low)
      return (1 - share) * frequency / factor + share * frequency
    case .yarn(let factor, let low, let high, _):
      let share = min(max((Double(pair) - low) / (high - low), 0), 1)
      return frequency / factor * share + frequency * (1 - share)
    case .longrope(let short, let long, let trained, _): return frequency / (length > trained ? long : short)[pair]
    }
  }

  /// The length beyond which frequencies change; nil: they never do.
  var changesBeyond: Int? {
    switch self {
    case .dynamic(_, let trained), .longrope(_, _, let trained, _): trained
    case .none, .linear, .proportional, .llama3, .yarn: nil
    }
  }
}

extension RotaryScaling {
  /// The scaling of Peng et al. 2023, arXiv:2309.00071, for texts `factor` times as long as those of the training, of
  /// `trained` tokens: section 3.2, of which pairs that turn more than `fast` times are kept and those that turn less
  /// than `slow` times are divided, and section 3.4, equation 22, where no `magnitude` is given. Theta is above 1.
  package static func yarn(
    dimensions: Int, theta: Double, factor: Double, trained: Int, fast: Double, slow: Double, isTruncated: Bool = true,
    magnitude: Double? = nil
  ) -> RotaryScaling {
    /// The pair that turns `turns` times in a text of the trained length.
    func pair(turning turns: Double) -> Double {
      Double(dimensions) * log(Double(trained) / (turns * 2 * Double.pi)) / (2 * log(theta))
    }
    var (low, high) = (pair(turning: fast), pair(turning: slow))
    if isTruncated { (low, high) = (low.rounded(.down), high.rounded(.up)) }
    (low, high) = (max(low, 0), min(high, Double(dimensions - 1)))
    // So that the ramp is no division by zero.
    if low == high { high += 0.001 }
    return .yarn(factor: factor, low: low, high: high, magnitude: magnitude ?? yarnMagnitude(factor, weight: 1))
  }

  /// The factor on sines and cosines of equation 22, the logarithm having a weight.
  package static func yarnMagnitude(_ factor: Double, weight: Double) -> Double {
    factor <= 1 ? 1 : 0.1 * weight * log(factor) + 1
  }

  /// The factor on sines and cosines that Ding et al. 2024, arXiv:2402.13753, conclude.
  package static func longropeMagnitude(_ factor: Double, trained: Int) -> Double {
    factor <= 1 || trained < 2 ? 1 : (1 + log(factor) / log(Double(trained))).squareRoot()
  }
}

/// The rotary embeddings of a stack, one or several side by side, and the matrix of sines and cosines that each pass
/// makes once for all layers.
package struct RotaryTables: Sendable {
  /// The place in a row of the matrix of an embedding's `pairs` cosines; its sines follow them.
  package struct Place: Sendable {
    package let column: Int
    package let pairs: Int
    package let interleaved: Bool
  }

  private struct Entry {
    let rotary: Rotary
    let place: Place
    let frequencies: [Float]  // of sequences not longer than the training's
  }

  private var entries: [Entry] = []
  private var width = 0  // columns of the matrix

  package init() {}

  /// The place of a rotary embedding, which is added unless it is there already.
  package mutating func place(of rotary: Rotary) -> Place {
    if let entry = entries.first(where: { $0.rotary == rotary }) { return entry.place }
    let place = Place(column: width, pairs: rotary.pairs, interleaved: rotary.interleaved)
    entries.append(Entry(rotary: rotary, place: place, frequencies: rotary.frequencies(length: 0)))
    width += rotary.dimensions
    return place
  }

  /// The length beyond which the angles of a token depend on how long its text is; nil: they never do.
  package var changesBeyond: Int? { entries.compactMap(\.rotary.scaling.changesBeyond).min() }

  /// Whether tokens turn by coordinates.
  package var readCoordinates: Bool { entries.contains { !$0.rotary.axes.isEmpty } }

  /// Cosines and sines of the positions or coordinates, `[tokens, 3]`, of all tokens, `[tokens, width]`, in scratch
  /// memory; nil where nothing is rotated.
  func angles(
    _ sequences: UnsafeBufferPointer<AttentionSequence>, tokens: Int, coordinates: UnsafePointer<Float>?, _ pass: Pass
  ) throws(Failure) -> Matrix? {
    guard !entries.isEmpty else { return nil }
    let angles = try pass.workspace.matrix(tokens, width)
    for entry in entries {
      let scaling = entry.rotary.scaling
      for sequence in sequences {
        let length = sequence.position + sequence.count
        let isLong = scaling.changesBeyond.map { length > $0 } ?? false
        let frequencies = isLong ? entry.rotary.frequencies(length: length) : entry.frequencies
        var first = 0
        while first < sequence.count {
          let some = first..<min(first + RotaryTables.tokensBetweenLooks, sequence.count)
          try pass.checkCancellation()
          RotaryTables.fill(angles, entry, sequence, some, frequencies, coordinates)
          first = some.upperBound
        }
      }
    }
    return angles
  }

  /// Tokens between two looks at the cancellation: about a millisecond.
  private static let tokensBetweenLooks = 1024

  private static func fill(
    _ angles: Matrix, _ entry: Entry, _ sequence: AttentionSequence, _ tokens: Range<Int>, _ frequencies: [Float],
    _ coordinates: UnsafePointer<Float>?
  ) {
    let axes = entry.rotary.axes
    for token in tokens {
      let own = axes.isEmpty ? nil : coordinates.map { $0 + TokenPlaces.axes * (sequence.row + token) }
      frequencies.withUnsafeBufferPointer {
        entry.rotary.writeAngles($0, to: angles[sequence.row + token] + entry.place.column) { pair in
          own.map { $0[axes[pair]] } ?? Float(sequence.position + token)
        }
      }
    }
  }
}
