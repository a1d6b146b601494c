import AttendBase
import AttendKernelInterface

/// Neighbouring tokens of a sequence, at the positions `[first, limit)`, that belong together.
package struct TokenBlock: BitwiseCopyable {
  /// The number of the sequence in its pass.
  package var sequence: Int
  package var first: Int
  package var limit: Int
  /// Whether its tokens see all of it where a layer's window ends earlier.
  package var exceedsWindows: Bool
  /// What its tokens see where layers have it that they see nothing else; nil: the block.
  package var keys: KeySpan?

  package init(sequence: Int, first: Int, limit: Int, exceedsWindows: Bool = false) {
    (self.sequence, self.first, self.limit) = (sequence, first, limit)
    self.exceedsWindows = exceedsWindows
  }
}

/// What a pass knows of its tokens besides their order. Borrowed for one call.
package struct TokenPlaces {
  /// In the order of sequences and positions. Where attention is causal, the tokens of a block see what follows in it
  /// besides; where it is not, layers may have it that they see nothing else.
  package var blocks: UnsafeBufferPointer<TokenBlock>
  /// `[tokens, 3]`: time, row and column, by which rotary positions turn; nil: all are the token's position.
  package var coordinates: UnsafePointer<Float>?
  /// The patches of each sequence, where sequences are pictures; nil: they are not.
  package var grids: UnsafePointer<PatchGrid>?

  /// Coordinates of a token.
  package static let axes = 3

  package init(
    blocks: UnsafeBufferPointer<TokenBlock> = UnsafeBufferPointer(start: nil, count: 0),
    coordinates: UnsafePointer<Float>? = nil, grids: UnsafePointer<PatchGrid>? = nil
  ) {
    (self.blocks, self.coordinates, self.grids) = (blocks, coordinates, grids)
  }
}

extension LayerContext {
  /// The sequences with the pages that hold a layer, and where blocks say which keys the queries of its attention see
  /// with these, in scratch memory.
  func sequences(
    of layer: Int, _ options: AttentionOptions, _ pass: Pass
  ) throws(Failure) -> UnsafeBufferPointer<AttentionSequence> {
    let plain = selfKeyValues.sequences(of: layer)
    guard !blocks.isEmpty, options.mask.causal || options.staysInBlocks else { return plain }
    let sequences = try pass.workspace.take(plain.count, of: AttentionSequence.self)
    var next = blocks.firstIndex { $0.sequence >= firstSequence } ?? blocks.count
    for (index, sequence) in plain.enumerated() {
      let first = next
      while next < blocks.count, blocks[next].sequence == firstSequence + index { next += 1 }
      (sequences + index).initialize(to: sequence)
      guard next > first else { continue }
      let spans = try pass.workspace.take(sequence.count, of: KeySpan.self)
      fill(spans, of: sequence, UnsafeBufferPointer(rebasing: blocks[first..<next]), options)
      (sequences + index).pointee.spans = UnsafePointer(spans)
    }
    return UnsafeBufferPointer(start: sequences, count: plain.count)
  }

  private func fill(
    _ spans: UnsafeMutablePointer<KeySpan>, of sequence: AttentionSequence, _ blocks: UnsafeBufferPointer<TokenBlock>,
    _ options: AttentionOptions
  ) {
    var block = 0
    for query in 0..<sequence.count {
      let position = sequence.position + query
      while block < blocks.count, blocks[block].limit <= position { block += 1 }
      let isInside = block < blocks.count && blocks[block].first <= position
      var (first, limit) = (0, sequence.keys)
      if options.mask.causal {
        (first, limit) = (options.lookBack == 0 ? 0 : max(position - options.lookBack + 1, 0), position + 1)
        if isInside {
          if blocks[block].exceedsWindows { first = min(first, blocks[block].first) }
          limit = max(limit, blocks[block].limit)
        }
      } else if isInside {
        (first, limit) = (blocks[block].first, blocks[block].limit)
        if let keys = blocks[block].keys { (first, limit) = (Int(keys.first), Int(keys.limit)) }
      }
      (spans + query).initialize(to: KeySpan(first: Int32(clamping: first), limit: Int32(clamping: limit)))
    }
  }
}
