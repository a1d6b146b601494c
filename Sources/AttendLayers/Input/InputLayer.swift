import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The input of a stack in one pass.
package enum StackInput {
  /// Ids and their types, `[tokens]` each; without types all are of type 0.
  case tokens(UnsafePointer<Int32>, types: UnsafePointer<Int32>?)
  /// An array for each sequence.
  case features(UnsafeBufferPointer<FeatureArray>)
  /// The states that an earlier stage made of the tokens, `[tokens, width]`, without gaps.
  case states(UnsafePointer<Float>)
}

/// An array that a stack reads in place of tokens: the pixels of a picture, `[channels, height, width]`; a spectrogram,
/// `[bins, 1, frames]` or `[frames, 1, bins]`; the samples of a sound, `[1, 1, samples]`. Numbers lie without gaps.
/// Borrowed for one call.
package struct FeatureArray: BitwiseCopyable, @unchecked Sendable {
  package let base: UnsafePointer<Float>
  package let channels: Int
  package let height: Int
  package let width: Int
  /// The rows and columns of the tiles of one picture, each of this shape, one behind the other; nil: it is one array.
  package let tiles: PatchGrid?
  /// Of a picture that came as several arrays.
  package var tile = PictureTile()

  package init(
    _ base: UnsafePointer<Float>, channels: Int, height: Int, width: Int, tiles: PatchGrid? = nil
  ) {
    self.base = base
    self.channels = channels
    self.height = height
    self.width = width
    self.tiles = tiles
  }

  /// The same with its numbers elsewhere.
  package func moved(to base: UnsafePointer<Float>) -> FeatureArray {
    var copy = FeatureArray(base, channels: channels, height: height, width: width, tiles: tiles)
    copy.tile = tile
    return copy
  }

  /// How many numbers it has.
  package var numbers: Int { channels * height * width * (tiles?.count ?? 1) }

  /// For messages: "3 x 224 x 224".
  package var shape: String { "\(channels) x \(height) x \(width)" }

  /// The same of a sound: "80 x 3000", "16000".
  package var soundShape: String {
    height > 1 ? shape : channels > 1 ? "\(channels) x \(width)" : "\(width)"
  }
}

/// The place of an array among those that a picture was cut into, which follow one another.
package struct PictureTile: BitwiseCopyable, Sendable {
  package let index: Int
  package let count: Int
  /// The grid that it was cut by; 0 x 0: it was not.
  package let grid: PatchGrid

  /// Pixels of the picture as it came.
  package var height = 0
  package var width = 0

  /// By default the array is all of the picture.
  package init(index: Int = 0, count: Int = 1, grid: PatchGrid = PatchGrid(rows: 0, columns: 0)) {
    (self.index, self.count, self.grid) = (index, count, grid)
  }
}

/// A state of another tower that a row of a stack's first hidden states becomes, in place of its token's vector.
/// Borrowed for one call.
package struct Splice: BitwiseCopyable, @unchecked Sendable {
  package let row: Int
  /// The state, then those that are added to what the first layers make of it, one behind the other.
  package let states: UnsafePointer<Float>
  /// The numbers of all of them.
  package let numbers: Int

  package init(row: Int, states: UnsafePointer<Float>, numbers: Int) {
    (self.row, self.states, self.numbers) = (row, states, numbers)
  }
}

/// The input of a stage behind another, which has read the tokens: its states.
package struct StateInput: Sendable {
  /// Positions of the table that the first stage looks in; nil: it has none.
  package let positions: Int?
  /// The id that takes no position there.
  package let padding: Int32?

  package init(positions: Int?, padding: Int32?) { (self.positions, self.padding) = (positions, padding) }
}

/// The first layer of a stack: from what it reads to the first hidden states.
package enum InputLayer: Sendable {
  case tokens(TokenEmbedding)
  case states(StateInput)
  case patches(PatchEmbedding)
  case tiles(TileEmbedding)
  case sound(SoundEmbedding)
  case pyramid(Pyramid)

  /// What it reads, for messages.
  package var reads: String {
    switch self {
    case .tokens: "tokens"
    case .states: "the states of an earlier stage"
    case .patches(let embedding): embedding.spectrogram == nil ? "pictures" : "sounds"
    case .tiles: "pictures"
    case .sound: "sounds"
    case .pyramid: "pictures"
    }
  }

  /// Whether the tiles of a picture are read together.
  package var readsTiles: Bool { if case .tiles = self { true } else { false } }

  /// States of an array at the end of those that a connector leaves, which stand for nothing that is in the picture.
  package func unused(of array: FeatureArray) -> Int {
    if case .tiles(let embedding) = self { embedding.unused(of: array) } else { 0 }
  }

  /// The embedding of tokens, where it is one.
  package var tokens: TokenEmbedding? { if case .tokens(let embedding) = self { embedding } else { nil } }

  /// Whether it reads arrays, of pixels or of sounds.
  package var readsArrays: Bool {
    switch self {
    case .tokens, .states: false
    case .patches, .tiles, .sound, .pyramid: true
    }
  }

  /// Positions of the table that tokens are looked up in; nil: there is none.
  package var positions: Int? {
    if case .states(let input) = self { input.positions } else { tokens?.positions?.positions }
  }

  /// The id that takes no position in that table.
  package var padding: Int32? {
    if case .states(let input) = self { input.padding } else { tokens?.positions?.padding }
  }

  /// The number of hidden states that it makes of an array. Throws `invalidArgument` for one that it cannot read.
  package func length(of array: FeatureArray) throws(Failure) -> Int {
    switch self {
    case .tokens, .states: throw Failure(.invalidArgument, "this model reads \(reads), and the batch holds arrays")
    case .patches(let embedding): try embedding.length(of: array)
    case .tiles(let embedding): try embedding.length(of: array)
    case .sound(let embedding): try embedding.length(of: array)
    case .pyramid(let pyramid): try pyramid.grid(of: array).count
    }
  }

  /// The patches of an array; nil where it has none.
  package func grid(of array: FeatureArray) -> PatchGrid? {
    switch self {
    case .patches(let embedding): embedding.grid(of: array)
    case .pyramid(let pyramid): try? pyramid.grid(of: array)
    case .tokens, .states, .tiles, .sound: nil
    }
  }

  /// Whether pictures may come as lists of their patches, `[rows, columns, numbers of a patch]`.
  package var readsPatchLists: Bool {
    if case .patches(let embedding) = self { embedding.anySize != nil } else { false }
  }

  /// The order in which the states of patches lie.
  package var order: PatchOrder { if case .patches(let embedding) = self { embedding.order } else { .rows } }

  /// What is known of the places of what arrays become, in scratch memory; nil: nothing besides their order.
  func places(
    _ input: StackInput, _ sequences: UnsafeBufferPointer<AttentionSequence>, tokens: Int, _ pass: Pass
  ) throws(Failure) -> TokenPlaces? {
    guard case .features(let arrays) = input else { return nil }
    switch self {
    case .patches(let embedding): return try embedding.places(arrays, sequences, tokens: tokens, pass)
    case .tiles(let embedding): return try embedding.places(arrays, pass)
    case .tokens, .states, .sound, .pyramid: return nil
    }
  }

  /// Fills x, `[tokens, width]`, whose rows lie sequence after sequence as `sequences` says; states of another tower
  /// stand in the place of some tokens.
  func apply(
    _ input: StackInput, _ sequences: UnsafeBufferPointer<AttentionSequence>, splices: UnsafeBufferPointer<Splice>,
    into x: Matrix, _ pass: Pass
  ) throws(Failure) {
    switch (self, input) {
    case (.tokens(let embedding), .tokens(let ids, let types)):
      try embedding.apply(ids, types: types, sequences, splices: splices, into: x, pass)
    case (.states, .states(let states)):
      for row in 0..<x.rows { x[row].update(from: states + row * x.columns, count: x.columns) }
    case (.patches(let embedding), .features(let arrays)): try embedding.apply(arrays, sequences, into: x, pass)
    case (.tiles(let embedding), .features(let arrays)): try embedding.apply(arrays, sequences, into: x, pass)
    case (.sound(let embedding), .features(let arrays)): try embedding.apply(arrays, sequences, into: x, pass)
    case (.pyramid(let pyramid), .features(let arrays)): try pyramid.apply(arrays, sequences, into: x, pass)
    default: throw Failure(.internalError, "a stack that reads \(reads) was given something else")
    }
  }
}
