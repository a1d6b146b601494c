import AttendBase
import AttendLayers
import AttendModels

extension Model {
  /// The arrays `[first, limit)` of the pictures of each prompt of a batch: a prompt has one place for each of its
  /// pictures, or as many as they become states; one without places, before which pictures are written, takes all where
  /// it is alone, and otherwise one; one of a model that reads a picture beside each text, that one.
  ///
  /// Throws `invalidArgument` where the pictures cannot be shared out that way, and where they can in several.
  package func pictureShares(
    of batch: Batch, _ arrays: UnsafeBufferPointer<FeatureArray>
  ) throws(Failure) -> FixedArray<(first: Int, limit: Int)> {
    let lengths = try FixedArray(arrays.count, for: "the inputs of a batch") { (index) throws(Failure) in
      try states(of: arrays[index])
    }
    let wanted = try wantedPictures(of: batch), width = arrays.count + 1
    // In how many ways, up to 2, the arrays from one on can be shared out among the prompts from one on.
    let memory = try AlignedBuffer(
      bytes: (batch.count + 1).saturatingMultiply(width), for: "the places of pictures")
    defer { withExtendedLifetime(memory) {} }
    let ways = memory.pointer(to: UInt8.self)
    ways.update(repeating: 0, count: memory.bytes)
    ways[batch.count * width + arrays.count] = 1
    for prompt in stride(from: batch.count - 1, through: 0, by: -1) {
      for first in 0...arrays.count {
        let ends = PictureShare(wanted[prompt], first, arrays, lengths)
        var count: UInt8 = 0
        for end in [ends.single, ends.expanded] { if let end { count += ways[(prompt + 1) * width + end] } }
        ways[prompt * width + first] = min(count, 2)
      }
    }
    guard ways[0] == 1 else {
      let places = wanted.elements.reduce(0) { $0.saturatingAdd($1.places) }
      let states = lengths.reduce(0) { $0.saturatingAdd($1) }
      throw Failure(
        .invalidArgument,
        "the batch holds \(arrays.pictureCount) pictures, which become \(states) states, and its texts have \(places) "
          + "places for "
          + (ways[0] == 0
            ? "them: a text has one for each of its pictures, or as many as they become states"
            : "them, one for each picture or for each state: whose pictures they are can be read in several ways"))
    }
    var first = 0
    return try FixedArray(batch.count, for: "the places of pictures") { (prompt) in
      let ends = PictureShare(wanted[prompt], first, arrays, lengths)
      let isSingle = ends.single.map { ways[(prompt + 1) * width + $0] > 0 } ?? false
      let limit = (isSingle ? ends.single : ends.expanded) ?? first
      defer { first = limit }
      return (first, limit)
    }
  }

  /// The places of each prompt, and the pictures that it has if each has one; nil: all there are.
  private func wantedPictures(of batch: Batch) throws(Failure) -> GrowingList<(places: Int, pictures: Int?)> {
    var wanted = GrowingList<(places: Int, pictures: Int?)>(for: "the places of pictures")
    var token = 0
    for index in 0..<batch.count {
      let prompt = batch.tokens(from: token, count: batch.lengths[index]), places = places(in: prompt)
      var pictures: Int? = places
      if places == 0, let marker { pictures = prompt.reduce(0) { $0 + ($1 == marker ? 1 : 0) } }
      if pictures == 0, blueprint.markup?.isLeading == true { pictures = batch.count == 1 ? nil : 1 }
      if blueprint.placeholder == nil { pictures = 1 }
      try wanted.append((places, pictures))
      token += prompt.count
    }
    return wanted
  }
}

/// The arrays from a first one on that a prompt's places stand for.
private struct PictureShare {
  /// The end of those of pictures that have a place each; nil: there are not as many.
  let single: Int?
  /// The end of those that become as many states; nil: none do, or they are the same.
  let expanded: Int?

  init(
    _ wanted: (places: Int, pictures: Int?), _ first: Int, _ arrays: UnsafeBufferPointer<FeatureArray>,
    _ lengths: FixedArray<Int>
  ) {
    var (end, left) = (first, wanted.pictures ?? .max)
    while left > 0, end < arrays.count {
      end = arrays.picture(at: end).upperBound
      left -= 1
    }
    single = left == 0 || wanted.pictures == nil ? end : nil
    var states = 0
    end = first
    while end < arrays.count, states < wanted.places {
      for index in arrays.picture(at: end) { states = states.saturatingAdd(lengths[index]) }
      end = arrays.picture(at: end).upperBound
    }
    expanded = states == wanted.places && end != single ? end : nil
  }
}
