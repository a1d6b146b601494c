import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The way from the last states of the encoder's layers to the first ones of the decoder's. It gives each layer of the
/// decoder that of the encoder's layer of the same number.
package struct StateBridge: Sendable {
  /// The products of a layer for h and, of an LSTM, for c; nil: states are taken as they are.
  package let products: FixedArray<[Linear]>?
  package let activation: Activation
  /// Numbers of the last state of a layer of the encoder, its directions side by side.
  package let finalWidth: Int

  package init(products: FixedArray<[Linear]>?, activation: Activation, finalWidth: Int) {
    (self.products, self.activation, self.finalWidth) = (products, activation, finalWidth)
  }

  /// Puts the first states of the decoder into the pages of the source, from layer `first` on, at position 0, where all
  /// beams of a source find them. `finals` is `[sequences, layers * finalWidth]`; a state of the decoder is `vectors`
  /// vectors of `width` numbers.
  func project(
    _ finals: Matrix, layers: Int, vectors: Int, width: Int, _ source: KeyValues, from first: Int, _ pass: Pass
  ) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let states = try pass.workspace.matrix(finals.rows, vectors * width)
      for layer in 0..<layers {
        let last = finals.columns(layer * finalWidth, finalWidth), part = finalWidth / vectors
        for vector in 0..<vectors {
          let from = last.columns(vector * part, part), to = states.columns(vector * width, width)
          if let products {
            try products[layer][vector].apply(from, activation: activation, into: to, pass)
          } else {
            for row in 0..<from.rows { to[row].update(from: from[row], count: width) }
          }
        }
        store(states, source, layer: first + layer)
      }
    }
  }

  /// Puts states into the first pages of their sequences, and zeros into the others: pages are saved as they are, and
  /// equal sequences have equal ones.
  private func store(_ states: Matrix, _ source: KeyValues, layer: Int) {
    for (row, sequence) in source.sequences.enumerated() {
      source.state(layer: layer, sequence, position: 0).update(from: states[row], count: states.columns)
      for page in 1..<max(KeyValueLayout.pages(for: sequence.keys), 1) {
        source.state(layer: layer, sequence, position: page * KeyValuePage.tokens)
          .update(repeating: 0, count: states.columns)
      }
    }
  }
}
