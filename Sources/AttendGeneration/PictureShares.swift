import AttendBase
import AttendLayers
import AttendModels

extension Model {
  /// The pictures `[first, limit)` of each prompt of a batch, of pictures that become `lengths` states: a prompt has
  /// one place for each of its pictures, or as many as they become states.
  ///
  /// Throws `invalidArgument` where the pictures cannot be shared out that way, and where they can in several.
  package func pictureShares(
    of batch: Batch, _ lengths: FixedArray<Int>
  ) throws(Failure) -> FixedArray<(first: Int, limit: Int)> {
    let pictures = lengths.count, width = pictures + 1
    var places = GrowingList<Int>(for: "the places of pictures")
    var token = 0
    for index in 0..<batch.count {
      try places.append(self.places(in: batch.tokens(from: token, count: batch.lengths[index])))
      token += batch.lengths[index]
    }
    // In how many ways, up to 2, the pictures from one on can be shared out among the prompts from one on.
    let memory = try AlignedBuffer(
      bytes: (batch.count + 1).saturatingMultiply(width), for: "the places of pictures")
    defer { withExtendedLifetime(memory) {} }
    let ways = memory.pointer(to: UInt8.self)
    ways.update(repeating: 0, count: memory.bytes)
    ways[batch.count * width + pictures] = 1
    for prompt in stride(from: batch.count - 1, through: 0, by: -1) {
      for first in 0...pictures {
        let ends = PictureShare(places[prompt], first, lengths)
        var count: UInt8 = 0
        for end in [ends.single, ends.expanded] { if let end { count += ways[(prompt + 1) * width + end] } }
        ways[prompt * width + first] = min(count, 2)
      }
    }
    guard ways[0] == 1 else {
      let all = places.elements.reduce(0) { $0.saturatingAdd($1) }
      let states = lengths.reduce(0) { $0.saturatingAdd($1) }
      throw Failure(
        .invalidArgument,
        "the batch holds \(pictures) pictures, which become \(states) states, and its texts have \(all) places for "
          + (ways[0] == 0
            ? "them: a text has one for each of its pictures, or as many as they become states"
            : "them, one for each picture or for each state: whose pictures they are can be read in several ways"))
    }
    var first = 0
    return try FixedArray(batch.count, for: "the places of pictures") { (prompt) in
      let ends = PictureShare(places[prompt], first, lengths)
      let isSingle = ends.single.map { ways[(prompt + 1) * width + $0] > 0 } ?? false
      let limit = (isSingle ? ends.single : ends.expanded) ?? first
      defer { first = limit }
      return (first, limit)
    }
  }
}

/// The pictures from a first one on that some places of a prompt stand for.
private struct PictureShare {
  /// The end of those that have a place each; nil: there are not as many.
  let single: Int?
  /// The end of those that become as many states; nil: none do, or they are the same pictures.
  let expanded: Int?

  init(_ places: Int, _ first: Int, _ lengths: FixedArray<Int>) {
    single = places <= lengths.count - first ? first + places : nil
    var (end, states) = (first, 0)
    while end < lengths.count, states < places {
      states += lengths[end]
      end += 1
    }
    expanded = states == places && end != single ? end : nil
  }
}
