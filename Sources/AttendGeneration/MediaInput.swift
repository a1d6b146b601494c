import AttendBase
import AttendDecoding
import AttendLayers
import AttendModels

/// What a request reads besides tokens, as the first layer of a model takes it, in memory of its own: requests wait and
/// run on other threads.
package final class MediaInput: StepInput, @unchecked Sendable {
  private let numbers: AlignedBuffer
  private let descriptions: FixedArray<FeatureArray>
  /// The number of states that each array becomes, for a decoder that of its placeholders.
  package let lengths: FixedArray<Int>
  package var length: Int { text?.count ?? states }
  /// The states of all arrays.
  package var states: Int { lengths.reduce(0) { $0 + $1 } }
  /// The source that an encoder of texts reads, with pictures in it or beside it; nil: it reads the arrays alone, or a
  /// decoder reads them with its prompt.
  let text: TokenList?
  package let sourceLength: Int
  /// Whether tokens of the prompt see those behind them.
  package let readsPromptAtOnce: Bool

  /// A copy of arrays that `model` reads. Throws what reading them would throw.
  package init(copying arrays: UnsafeBufferPointer<FeatureArray>, for model: Model) throws(Failure) {
    readsPromptAtOnce = model.blueprint.readingBothWays != nil
    text = nil
    lengths = try FixedArray(arrays.count, for: MediaInput.purpose) { (index) throws(Failure) in
      try model.states(of: arrays[index])
    }
    sourceLength = try model.sourceLength(of: arrays)
    var sum = 0
    for array in arrays { sum = sum.saturatingAdd(array.numbers) }
    let memory = try AlignedBuffer(sum, of: Float.self, for: MediaInput.purpose)
    numbers = memory
    var next = memory.pointer(to: Float.self)
    descriptions = try FixedArray(arrays.count, for: MediaInput.purpose) { (index) throws(Failure) in
      let array = arrays[index]
      next.update(from: array.base, count: array.numbers)
      defer { next += array.numbers }
      return array.moved(to: next)
    }
  }

  /// The same arrays with a source.
  init(_ other: MediaInput, with text: TokenList) {
    (numbers, descriptions, lengths) = (other.numbers, other.descriptions, other.lengths)
    (readsPromptAtOnce, sourceLength, self.text) = (other.readsPromptAtOnce, other.sourceLength, text)
  }

  private static let purpose = "the inputs of a request"

  /// The arrays, whose numbers live as long as this object.
  var arrays: FixedArray<FeatureArray> { descriptions }
}

extension Model {
  /// The number of states that an array becomes, for a decoder that of its placeholders: as many, or one where layers
  /// look at the states by cross-attention. Throws `unsupported` for a model that reads none, and `invalidArgument` for
  /// an array that it cannot read.
  package func states(of array: FeatureArray) throws(Failure) -> Int {
    let count = try readStates(of: array)
    return blueprint.sight == nil ? count : 1
  }

  /// The number of states of arrays at which cross-attention looks.
  fileprivate func sourceLength(of arrays: UnsafeBufferPointer<FeatureArray>) throws(Failure) -> Int {
    if blueprint.kind == .decoder, blueprint.sight == nil { return 0 }
    var sum = 0
    for array in arrays { sum = sum.saturatingAdd(try readStates(of: array)) }
    return sum
  }

  private func readStates(of array: FeatureArray) throws(Failure) -> Int {
    guard let reader = arrayReader else {
      throw Failure(
        .unsupported, "this checkpoint is of a \(blueprint.family) model, which reads tokens and no arrays")
    }
    let length = try reader.input.length(of: array)
    return try eyes?.connector.shape(of: length, reader.input.grid(of: array), array.tile).count ?? length
  }

  /// Whether an encoder of texts reads pictures in its text or beside it.
  package var readsPicturesWithSources: Bool { encoder?.embedding != nil && arrayReader != nil && eyesAreUsed }

  /// Whether another stack looks at what the eyes see.
  private var eyesAreUsed: Bool { eyes != nil || encoder?.crossKeyValueLayout != nil }

  /// Throws `unsupported` for a model that reads no pictures beside tokens.
  package func requirePictures() throws(Failure) {
    guard eyesAreUsed else {
      throw Failure(
        .unsupported, "this checkpoint is of a \(blueprint.family) model, which reads no pictures beside tokens")
    }
  }

  /// The id whose tokens stand for pictures. Throws `unsupported` where there is none.
  package func picturePlaceholder() throws(Failure) -> Int32 {
    guard let placeholder = blueprint.placeholder else {
      throw Failure(
        .unsupported, "this checkpoint is of a \(blueprint.family) model, which reads no pictures beside tokens")
    }
    return placeholder
  }

  /// The number of places for pictures in a text; 0 for a model without any.
  package func places(in text: UnsafeBufferPointer<Int32>) -> Int {
    guard let placeholder = blueprint.placeholder else { return 0 }
    return text.reduce(0) { $0 + ($1 == placeholder ? 1 : 0) }
  }

  /// Throws `unsupported` for a text with places for videos.
  package func refuseVideos(in text: UnsafeBufferPointer<Int32>) throws(Failure) {
    guard let video = blueprint.videoPlaceholder, let place = text.firstIndex(of: video) else { return }
    throw Failure(
      .unsupported, "token \(place) of the text, of the id \(video), stands for a video: videos are not implemented")
  }

  /// Throws `invalidArgument` for a text with places for pictures, where none are given.
  package func refusePlaces(in text: UnsafeBufferPointer<Int32>) throws(Failure) {
    try refuseVideos(in: text)
    guard let placeholder = blueprint.placeholder else { return }
    let places = places(in: text)
    guard places == 0 else {
      throw Failure(
        .invalidArgument, "the text has \(places) places for pictures (id \(placeholder)), and no picture is given")
    }
  }
}
