import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The attention maps of one call: the probabilities that each head's queries give to each key. One thread at a time.
package final class AttentionRecorder {
  /// Whose queries and keys; the raw values are those of `attend_attention_kind`.
  package enum Kind: UInt32 {
    case encoder = 1
    case decoder = 2
    case cross = 3
    /// Of a tower that reads pictures beside a stack that reads tokens.
    case vision = 4
  }

  /// Whose layers run.
  package var stack = Kind.decoder
  fileprivate var encoder = Layers(), decoder = Layers(), cross = Layers(), vision = Layers()

  /// A picture's map in a layer of a pyramid: of each window its states at each other, or one of channels.
  struct Part: BitwiseCopyable {
    /// 0: it is one of channels.
    let windows: Int
    let heads: Int
    /// The states of a window, or the channels of a group.
    let tokens: Int
  }

  /// The maps of one kind. For each layer `[heads, queries, keys]` of one sequence after another, or, of a pyramid,
  /// `[windows, heads, queries, keys]`.
  fileprivate struct Layers: ~Copyable {
    var buffers: [OutputBuffer] = []  // of each layer
    /// Heads of each layer in the last call; 0: it has no such attention, or has not run.
    var heads: [Int] = []
    /// Of each sequence of the last call.
    var sizes = GrowingList<Size>(for: AttentionRecorder.purpose)
    /// `[layers, sequences]` of a pyramid; else empty.
    var parts = GrowingList<Part>(for: AttentionRecorder.purpose)

    var bytes: Int { buffers.reduce(sizes.bytes) { $0 + $1.bytes } }
  }

  /// Queries and keys of a sequence.
  fileprivate struct Size: BitwiseCopyable {
    let queries: Int
    let keys: Int
  }

  private static let purpose = "the attention maps"

  package init() {}

  /// Bytes held at this moment.
  package var bytes: Int { encoder.bytes + decoder.bytes + cross.bytes + vision.bytes }

  /// The maps are of no call any more; their memory stays, as that of every output.
  package func forget() {
    encoder.forget()
    decoder.forget()
    cross.forget()
    vision.forget()
  }

  /// Memory for the maps of a layer's self-attention, as `Engine.attention` fills it. Layers come in order.
  func selfMap(
    layer: Int, heads: Int, _ sequences: UnsafeBufferPointer<AttentionSequence>
  ) throws(Failure) -> UnsafeMutablePointer<Float> {
    switch stack {
    case .encoder: try encoder.reserve(layer, heads, sequences)
    case .vision: try vision.reserve(layer, heads, sequences)
    case .decoder, .cross: try decoder.reserve(layer, heads, sequences)
    }
  }

  /// Makes room for the maps of all layers of a pyramid, which reads one picture after another.
  func reserve(
    layers: Int, pictures: Int, _ part: (_ layer: Int, _ picture: Int) throws(Failure) -> Part
  ) throws(Failure) {
    switch stack {
    case .encoder: try encoder.reserve(layers: layers, pictures: pictures, part)
    case .vision: try vision.reserve(layers: layers, pictures: pictures, part)
    case .decoder, .cross: throw Failure(.internalError, "a decoder that is a pyramid")
    }
  }

  /// Memory for the map of a picture in a layer of a pyramid.
  func pictureMap(layer: Int, picture: Int) -> UnsafeMutablePointer<Float>? {
    (stack == .encoder ? encoder.part(layer, picture) : vision.part(layer, picture))?.base
  }

  /// Memory for the maps of a layer's cross-attention.
  func crossMap(
    layer: Int, heads: Int, _ sequences: UnsafeBufferPointer<AttentionSequence>
  ) throws(Failure) -> UnsafeMutablePointer<Float> { try cross.reserve(layer, heads, sequences) }

  /// The number of pictures that a tower beside another stack read in the last call.
  package var pictures: Int { vision.heads.contains { $0 > 0 } ? vision.sizes.count : 0 }

  /// The map of one sequence in one layer of the last call, `[heads, queries, keys]`; nil where none was recorded. The
  /// sequence is one of that call.
  package func map(_ kind: Kind, layer: Int, sequence: Int) -> AttentionMap? {
    switch kind {
    case .encoder: encoder.map(layer, sequence)
    case .decoder: decoder.map(layer, sequence)
    case .cross: cross.map(layer, sequence)
    case .vision: vision.map(layer, sequence)
    }
  }
}

/// A view of `[heads, queries, keys]` probabilities, or of `[windows, heads, queries, keys]`, valid until the next
/// call.
package struct AttentionMap {
  package let base: UnsafeMutablePointer<Float>
  /// 0: it is one of all.
  package var windows = 0
  package let heads: Int
  package let queries: Int
  package let keys: Int
}

extension AttentionRecorder.Layers {
  fileprivate mutating func reserve(
    _ layer: Int, _ heads: Int, _ sequences: UnsafeBufferPointer<AttentionSequence>
  ) throws(Failure) -> UnsafeMutablePointer<Float> {
    var count = 0
    for sequence in sequences {
      let (pairs, first) = sequence.count.multipliedReportingOverflow(by: sequence.keys)
      let (numbers, second) = pairs.multipliedReportingOverflow(by: heads)
      let (sum, third) = count.addingReportingOverflow(numbers)
      guard !first, !second, !third else { throw .outOfMemory(Int.max, for: AttentionRecorder.purpose) }
      count = sum
    }
    while buffers.count <= layer { buffers.append(OutputBuffer(purpose: AttentionRecorder.purpose)) }
    let base = try buffers[layer].reserve(count)
    parts.removeAll()
    sizes.removeAll()
    try sizes.reserve(sequences.count)
    for sequence in sequences { try sizes.append(.init(queries: sequence.count, keys: sequence.keys)) }
    while self.heads.count <= layer { self.heads.append(0) }
    self.heads[layer] = heads
    return base
  }

  /// Room for each of the layers, whose maps are as large as `part` says.
  fileprivate mutating func reserve(
    layers: Int, pictures: Int, _ part: (_ layer: Int, _ picture: Int) throws(Failure) -> AttentionRecorder.Part
  ) throws(Failure) {
    let (all, overflow) = layers.multipliedReportingOverflow(by: pictures)
    guard !overflow else { throw .outOfMemory(Int.max, for: AttentionRecorder.purpose) }
    parts.removeAll()
    try parts.reserve(all)
    sizes.removeAll()
    try sizes.reserve(pictures)
    sizes.resize(to: pictures, filling: .init(queries: 0, keys: 0))
    for layer in 0..<layers {
      var count = 0
      for picture in 0..<pictures {
        let size = try part(layer, picture)
        try parts.append(size)
        count = count.saturatingAdd(size.count)
      }
      while buffers.count <= layer { buffers.append(OutputBuffer(purpose: AttentionRecorder.purpose)) }
      while heads.count <= layer { heads.append(0) }
      _ = try buffers[layer].reserve(count)
      heads[layer] = parts[parts.count - 1].heads
    }
  }

  /// The map of a picture in a layer of a pyramid; nil: there is none.
  fileprivate func part(_ layer: Int, _ picture: Int) -> AttentionMap? {
    let (all, place) = (sizes.count, layer * sizes.count + picture)
    guard picture >= 0, picture < all, layer >= 0, place < parts.count else { return nil }
    var first = 0
    for index in layer * all..<place { first += parts[index].count }
    let part = parts[place]
    return AttentionMap(
      base: buffers[layer].base + first, windows: part.windows, heads: part.heads, queries: part.tokens,
      keys: part.tokens)
  }

  fileprivate mutating func forget() { for layer in heads.indices { heads[layer] = 0 } }

  fileprivate func map(_ layer: Int, _ sequence: Int) -> AttentionMap? {
    guard layer < heads.count, heads[layer] > 0, (0..<sizes.count).contains(sequence) else { return nil }
    guard parts.isEmpty else { return part(layer, sequence) }
    let heads = heads[layer]
    var first = 0
    for index in 0..<sequence { first += heads * sizes[index].queries * sizes[index].keys }
    return AttentionMap(
      base: buffers[layer].base + first, heads: heads, queries: sizes[sequence].queries, keys: sizes[sequence].keys)
  }
}

extension AttentionRecorder.Part {
  /// Its numbers.
  fileprivate var count: Int {
    max(windows, 1).saturatingMultiply(heads).saturatingMultiply(tokens).saturatingMultiply(tokens)
  }
}
