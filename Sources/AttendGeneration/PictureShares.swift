import AttendBase
import AttendLayers
import AttendModels

extension Model {
  /// The arrays of the pictures of each prompt of a batch: a prompt has one place for each of its pictures, or as many
  /// as they become states; one without places, before which pictures are written, takes all where it is alone, and
  /// otherwise one; one of a model that reads a picture beside each text, that one.
  ///
  /// Throws `invalidArgument` where the pictures cannot be shared out that way, and where they can in several.
  package func pictureShares(
    of batch: Batch, _ arrays: UnsafeBufferPointer<FeatureArray>
  ) throws(Failure) -> FixedArray<Range<Int>> {
    let lengths = try FixedArray(arrays.count, for: "the inputs of a batch") { (index) throws(Failure) in
      try states(of: arrays[index])
    }
    let table = try PictureShares(try wantedPictures(of: batch), arrays, lengths)
    guard table.ways(0, 0) == 1 else { throw table.failure }
    var first = 0
    return try FixedArray(batch.count, for: "the places of pictures") { (prompt) in
      let limit = table.limit(of: prompt, from: first)
      defer { first = limit }
      return first..<limit
    }
  }

  private func wantedPictures(of batch: Batch) throws(Failure) -> FixedArray<WantedPictures> {
    var token = 0
    return try FixedArray(batch.count, for: "the places of pictures") { (index) in
      let prompt = batch.tokens(from: token, count: batch.lengths[index]), places = places(in: prompt)
      token += prompt.count
      var pictures: Int? = places
      if places == 0, let marker { pictures = prompt.reduce(0) { $0 + ($1 == marker ? 1 : 0) } }
      if pictures == 0, blueprint.markup?.isLeading == true { pictures = batch.count == 1 ? nil : 1 }
      if blueprint.placeholder == nil { pictures = 1 }
      return WantedPictures(places: places, pictures: pictures)
    }
  }
}

/// The places of a prompt, and the pictures that it has if each has one; nil: all there are.
private struct WantedPictures {
  let places: Int
  let pictures: Int?
}

/// In how many ways, up to 2, the arrays from one on can be shared out among the prompts from one on.
private struct PictureShares {
  private let wanted: FixedArray<WantedPictures>
  private let arrays: UnsafeBufferPointer<FeatureArray>
  private let lengths: FixedArray<Int>
  private let table: AlignedBuffer  // [prompts + 1, arrays + 1]

  init(
    _ wanted: FixedArray<WantedPictures>, _ arrays: UnsafeBufferPointer<FeatureArray>, _ lengths: FixedArray<Int>
  ) throws(Failure) {
    (self.wanted, self.arrays, self.lengths) = (wanted, arrays, lengths)
    let width = arrays.count + 1
    table = try AlignedBuffer(
      bytes: (wanted.count + 1).saturatingMultiply(width), for: "the places of pictures")
    let ways = table.pointer(to: UInt8.self)
    ways.update(repeating: 0, count: table.bytes)
    ways[wanted.count * width + arrays.count] = 1
    for prompt in stride(from: wanted.count - 1, through: 0, by: -1) {
      for first in 0...arrays.count {
        let single = single(prompt, first), expanded = expanded(prompt, first)
        var count: UInt8 = 0
        if let single { count += self.ways(prompt + 1, single) }
        if let expanded, expanded != single { count += self.ways(prompt + 1, expanded) }
        ways[prompt * width + first] = min(count, 2)
      }
    }
  }

  func ways(_ prompt: Int, _ first: Int) -> UInt8 {
    table.pointer(to: UInt8.self)[prompt * (arrays.count + 1) + first]
  }

  /// The end of the arrays of a prompt that begin with `first`, where there is one way alone.
  func limit(of prompt: Int, from first: Int) -> Int {
    if let single = single(prompt, first), ways(prompt + 1, single) > 0 { return single }
    return expanded(prompt, first) ?? first
  }

  var failure: Failure {
    let places = wanted.reduce(0) { $0.saturatingAdd(max($1.places, $1.pictures ?? 0)) }
    let states = lengths.reduce(0) { $0.saturatingAdd($1) }
    let reason =
      ways(0, 0) == 0
      ? "a text has one for each of its pictures, or as many as they become states"
      : "whose pictures they are can be read in several ways, one for each picture or for each state"
    return Failure(
      .invalidArgument,
      "the batch holds \(arrays.pictureCount) pictures, which become \(states) states, and its texts have places for "
        + "\(places): \(reason)")
  }

  /// The end of pictures from an array on that have a place each; nil: there are not as many.
  private func single(_ prompt: Int, _ first: Int) -> Int? {
    var (end, left) = (first, wanted[prompt].pictures ?? .max)
    while left > 0, end < arrays.count {
      end = arrays.picture(at: end).upperBound
      left -= 1
    }
    return left == 0 || wanted[prompt].pictures == nil ? end : nil
  }

  /// The end of those that become as many states as there are places; nil: none do.
  private func expanded(_ prompt: Int, _ first: Int) -> Int? {
    var (end, states) = (first, 0)
    while end < arrays.count, states < wanted[prompt].places {
      for index in arrays.picture(at: end) { states = states.saturatingAdd(lengths[index]) }
      end = arrays.picture(at: end).upperBound
    }
    return states == wanted[prompt].places ? end : nil
  }
}
