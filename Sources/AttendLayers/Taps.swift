import AttendBase
import AttendDispatch
import AttendKernelInterface

/// States of a tower's inner layers that it gives besides those of the last, and what happens between two of its parts.
package struct Taps: Sendable {
  /// The layers whose states are given, as they leave these.
  package let layers: [Int]
  /// Whether the numbers of a state take turns: the first ones of all layers, then the second ones.
  package let takesTurns: Bool
  /// The last layer of the first part, and the norm behind it, before the input layer adds what belongs there.
  package let middle: (layer: Int, norm: Norm)?

  package init(layers: [Int], takesTurns: Bool, middle: (layer: Int, norm: Norm)?) {
    (self.layers, self.takesTurns, self.middle) = (layers, takesTurns, middle)
  }

  /// Copies states, `[tokens, width]`, of layer `index` to where they are given, in y, `[tokens, outputWidth]`.
  func keep(_ x: Matrix, behind index: Int, in y: Matrix) {
    for (place, layer) in layers.enumerated() where layer == index {
      for row in 0..<x.rows {
        let target = y[row] + x.columns
        if takesTurns {
          for component in 0..<x.columns { target[component * layers.count + place] = x[row][component] }
        } else {
          (target + place * x.columns).update(from: x[row], count: x.columns)
        }
      }
    }
  }

  func change(
    _ x: Matrix, behind index: Int, _ layer: InputLayer, _ input: StackInput,
    _ sequences: UnsafeBufferPointer<AttentionSequence>, _ pass: Pass
  ) {
    guard let middle, middle.layer == index else { return }
    middle.norm.apply(x, into: x, pass)
    if case .tiles(let embedding) = layer, case .features(let arrays) = input {
      embedding.addBehind(arrays, sequences, to: x)
    }
  }
}
