import AttendBase
import AttendKernelInterface

/// States of recurrent layers in the pages of keys and values: of each position the one after its token, as a row of
/// numbers, h and behind it c of an LSTM. A step reads the state before it and nothing else: a window of two positions,
/// itself included, gives all older pages back.
package enum StatePages {
  /// Positions that a step looks back, its own included.
  package static let window = 2
}

extension KeyValues {
  /// The place of a layer's state at a position of a sequence.
  func state(layer: Int, _ sequence: AttentionSequence, position: Int) -> UnsafeMutablePointer<Float> {
    let place = layout.layers[layer], row = position % KeyValuePage.tokens
    return sequence.pages[position / KeyValuePage.tokens].assumingMemoryBound(to: Float.self)
      + (place.offset + row * place.headDim)
  }

  /// Puts states x, `[tokens, numbers]` in the order of steps, into the pages of `layer`.
  func storeStates(_ x: Matrix, layer: Int, _ order: StepOrder) {
    order.forEach { (sequence, step, row) in
      state(layer: layer, sequence, position: sequence.position + step).update(from: x[row], count: x.columns)
    }
  }
}
