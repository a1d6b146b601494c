import AttendBase
import AttendDispatch
import AttendKernelInterface

/// States of recurrent layers in the pages of keys and values: of each position the one after its token, the first half
/// of its numbers as the key of a single head and the other half as its value. An LSTM's h is the key then, and c the
/// value. A step reads the state before it and nothing else: a window of two positions, itself included, gives all
/// older pages back.
package enum StatePages {
  /// Positions that a step looks back, its own included.
  package static let window = 2

  /// Components of the head that holds states of so many numbers. The middle one of an odd number is held twice.
  package static func headDim(_ numbers: Int) -> Int { (numbers + 1) / 2 }
}

extension KeyValues {
  /// Puts states x, `[tokens, numbers]`, into the pages of `layer`.
  func storeStates(_ x: Matrix, layer: Int, _ engine: Engine) {
    let half = StatePages.headDim(x.columns)
    engine.storeKeyValues(
      x.columns(0, half), x.columns(x.columns - half, half), sequences(of: layer),
      layout.heads(layer: layer, queryHeads: 1, scale: 1))
  }

  /// Fills the layers from `first` on with zeros, where states will stand at some positions only: pages are saved as
  /// they are, and equal sequences have equal pages.
  func clearStates(from first: Int) {
    guard first < layout.layers.count else { return }
    let start = layout.layers[first].offset * MemoryLayout<Float>.stride
    for sequence in sequences {
      for page in 0..<KeyValueLayout.pages(for: sequence.keys) {
        (sequence.pages[page] + start).initializeMemory(
          as: UInt8.self, repeating: 0, count: layout.pages[0].bytes - start)
      }
    }
  }

  /// The state of `numbers` numbers at a position of a sequence.
  func readState(
    layer: Int, _ sequence: AttentionSequence, position: Int, _ numbers: Int, into x: UnsafeMutablePointer<Float>
  ) {
    let heads = layout.heads(layer: layer, queryHeads: 1, scale: 1)
    let page = sequence.pages[position / KeyValuePage.tokens].assumingMemoryBound(to: Float.self)
    let lane = position % KeyValuePage.tokens
    for component in 0..<heads.headDim {
      x[component] = page[heads.keyOffset + component * KeyValuePage.tokens + lane]
    }
    (x + (numbers - heads.headDim)).update(
      from: page + (heads.valueOffset + lane * heads.headDim), count: heads.headDim)
  }
}
