import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The attention maps of one call: what each head's queries give to each key, for those who want to look. One thread at
/// a time.
package final class AttentionRecorder {
  /// Whose queries and keys; the raw values are those of `attend_attention_kind`.
  package enum Kind: UInt32 {
    case encoder = 1
    case decoder = 2
    case cross = 3
  }

  /// Whether the layers that run are those of an encoder.
  package var readsSource = false
  fileprivate var encoder = Layers(), decoder = Layers(), cross = Layers()

  /// The maps of one kind. For each layer `[heads, queries, keys]` of one sequence after another.
  fileprivate struct Layers {
    var buffers: [OutputBuffer] = []
    /// Layers of the last call that were written.
    var filled = 0
    var heads = 0
    /// Of each sequence of the last call.
    var sizes: [(queries: Int, keys: Int)] = []
  }

  package init() {}

  /// Bytes held at this moment.
  package var bytes: Int { [encoder, decoder, cross].reduce(0) { $0 + $1.buffers.reduce(0) { $0 + $1.bytes } } }

  /// The maps are of no call any more; their memory stays, for the next one and for who looks too late.
  package func forget() {
    encoder.filled = 0
    decoder.filled = 0
    cross.filled = 0
  }

  /// Room for the maps of a layer's self-attention, as `Engine.attention` fills it. Layers come in order.
  func ownMap(
    layer: Int, heads: Int, _ sequences: UnsafeBufferPointer<AttentionSequence>
  ) throws(Failure) -> UnsafeMutablePointer<Float> {
    try readsSource ? encoder.room(layer, heads, sequences) : decoder.room(layer, heads, sequences)
  }

  /// Room for the maps of a layer's cross-attention.
  func crossMap(
    layer: Int, heads: Int, _ sequences: UnsafeBufferPointer<AttentionSequence>
  ) throws(Failure) -> UnsafeMutablePointer<Float> { try cross.room(layer, heads, sequences) }

  /// The map of one sequence in one layer of the last call, `[heads, queries, keys]`; nil where none was recorded. The
  /// sequence is one of that call.
  package func map(_ kind: Kind, layer: Int, sequence: Int) -> AttentionMap? {
    switch kind {
    case .encoder: encoder.map(layer, sequence)
    case .decoder: decoder.map(layer, sequence)
    case .cross: cross.map(layer, sequence)
    }
  }
}

/// A view of `[heads, queries, keys]` probabilities, valid until the next call.
package struct AttentionMap {
  package let base: UnsafeMutablePointer<Float>
  package let heads: Int
  package let queries: Int
  package let keys: Int
}

extension AttentionRecorder.Layers {
  fileprivate mutating func room(
    _ layer: Int, _ heads: Int, _ sequences: UnsafeBufferPointer<AttentionSequence>
  ) throws(Failure) -> UnsafeMutablePointer<Float> {
    var count = 0
    for sequence in sequences {
      let (pairs, first) = sequence.count.multipliedReportingOverflow(by: sequence.keys)
      let (numbers, second) = pairs.multipliedReportingOverflow(by: heads)
      let (sum, third) = count.addingReportingOverflow(numbers)
      guard !first, !second, !third else { throw .outOfMemory(Int.max, for: "the attention maps") }
      count = sum
    }
    while buffers.count <= layer { buffers.append(OutputBuffer(purpose: "the attention maps")) }
    let base = try buffers[layer].room(count)
    self.heads = heads
    sizes.removeAll(keepingCapacity: true)
    for sequence in sequences { sizes.append((sequence.count, sequence.keys)) }
    filled = layer + 1
    return base
  }

  fileprivate func map(_ layer: Int, _ sequence: Int) -> AttentionMap? {
    guard layer < filled, sizes.indices.contains(sequence) else { return nil }
    var first = 0
    for (queries, keys) in sizes[..<sequence] { first += heads * queries * keys }
    return AttentionMap(
      base: buffers[layer].base + first, heads: heads, queries: sizes[sequence].queries, keys: sizes[sequence].keys)
  }
}
