import AttendBase
import AttendDispatch
import AttendKernelInterface

/// A fixed number of states of each sequence: latents that are learned look at the states and at each other, layer by
/// layer, the Perceiver's way (Jaegle et al. 2021, arXiv:2103.03206) as Flamingo took it up (Alayrac et al. 2022,
/// arXiv:2204.14198, section 3.1.1).
package struct Resampler: Sendable {
  /// `[count, width]`
  package let latents: AlignedBuffer
  package let count: Int
  package let width: Int
  package let layers: FixedArray<Layer>
  package let norm: Norm?
  /// Of the keys and values of one layer, while it runs.
  package let layout: KeyValueLayout

  package struct Layer: Sendable {
    /// Of the states, and of the latents.
    package let contextNorm: Norm?
    package let latentsNorm: Norm?
    /// Queries of the latents; keys and values of the states, then of the latents.
    package let attention: CrossAttention
    package let networkNorm: Norm?
    package let network: FeedForwardNetwork

    package init(
      contextNorm: Norm?, latentsNorm: Norm?, attention: CrossAttention, networkNorm: Norm?,
      network: FeedForwardNetwork
    ) {
      (self.contextNorm, self.latentsNorm, self.attention) = (contextNorm, latentsNorm, attention)
      (self.networkNorm, self.network) = (networkNorm, network)
    }
  }

  package init(
    latents: AlignedBuffer, count: Int, width: Int, layers: FixedArray<Layer>, norm: Norm?, layout: KeyValueLayout
  ) {
    (self.latents, self.count, self.width) = (latents, count, width)
    (self.layers, self.norm, self.layout) = (layers, norm, layout)
  }

  /// The latents of all sequences, `[sequences * count, width]`, in scratch memory, from their states,
  /// `[sum of lengths, width]`.
  func apply(
    _ states: Matrix, sequences: Int, _ length: (Int) -> Int, _ pass: Pass
  ) throws(Failure) -> Matrix {
    let result = try pass.workspace.matrix(sequences * count, width)
    let learned = Matrix(latents.pointer(), rows: count, columns: width)
    for row in 0..<result.rows { result[row].update(from: learned[row % count], count: width) }
    try pass.scoped { () throws(Failure) in
      let lengths = try pass.workspace.take(sequences, of: Int.self)
      for sequence in 0..<sequences { lengths[sequence] = length(sequence) + count }
      let cache = KeyValueCache(layout: layout)
      try cache.add(sequences)
      let all = SequenceLengths(lengths, count: sequences)
      try cache.grow(all, on: pass.engine)
      let written = try cache.writing(all), seen = try self.seen(written, pass)
      let input = try pass.workspace.matrix(states.rows + result.rows, width)  // of each sequence states, then latents
      for layer in layers.indices {
        try fill(input, states, result, lengths, layers[layer], pass)
        try layers[layer].attention.project(input, layer: layer, written, pass)
        try apply(layers[layer], index: layer, result, seen, pass)
        try pass.checkCancellation()
      }
    }
    norm?.apply(result, into: result, pass)
    return result
  }

  /// The keys and values of sequences as their latents look at them.
  private func seen(_ written: KeyValues, _ pass: Pass) throws(Failure) -> KeyValues {
    let sequences = try pass.workspace.take(written.sequences.count, of: AttentionSequence.self)
    for (index, sequence) in written.sequences.enumerated() {
      (sequences + index).initialize(
        to: AttentionSequence(
          row: index * count, count: count, position: 0, keys: sequence.keys, pages: sequence.pages))
    }
    return KeyValues(
      sequences: UnsafeBufferPointer(start: sequences, count: written.sequences.count), layout: written.layout)
  }

  /// The norms of states and latents, sequence by sequence.
  private func fill(
    _ input: Matrix, _ states: Matrix, _ latents: Matrix, _ lengths: UnsafePointer<Int>, _ layer: Layer, _ pass: Pass
  ) throws(Failure) {
    var (row, state) = (0, 0)
    for sequence in 0..<latents.rows / count {
      let own = lengths[sequence] - count
      let context = input.rows(row, own), queries = input.rows(row + own, count)
      layer.contextNorm?.apply(states.rows(state, own), into: context, pass)
      layer.latentsNorm?.apply(latents.rows(sequence * count, count), into: queries, pass)
      (row, state) = (row + own + count, state + own)
    }
  }

  private func apply(
    _ layer: Layer, index: Int, _ latents: Matrix, _ source: KeyValues, _ pass: Pass
  ) throws(Failure) {
    let x = ResidualStream(latents, pass)
    try x.add(SublayerNorms(pre: layer.latentsNorm, onOutput: nil, post: nil, scale: 1)) { (sum) throws(Failure) in
      try layer.attention.apply(sum, layer: index, source, pass.withoutRecorder)
    }
    try x.add(SublayerNorms(pre: layer.networkNorm, onOutput: nil, post: nil, scale: 1)) { (sum) throws(Failure) in
      try layer.network.apply(sum.input, residual: sum.residual, into: sum.output, pass)
    }
  }
}
