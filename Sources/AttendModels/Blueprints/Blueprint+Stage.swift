import AttendBase
import AttendLayers

/// The layers `[first, end)` of the `count` that a decoder has: a stage of a pipeline (Huang et al. 2018,
/// arXiv:1811.06965), which reads what the stage before it makes.
package struct LayerRange: Sendable {
  package let first: Int
  package let end: Int
  package let count: Int

  /// Whether what stands behind the last layer belongs to it: the norm and the head.
  package var isLast: Bool { end == count }
}

extension Blueprint {
  /// Keeps the layers `range` alone, with what stands before the first of all and behind the last of all. The head
  /// stays, which tells where the token table is; `Builder` drops it.
  ///
  /// Throws `invalidArgument` for layers that are not there, and `unsupported` where a layer needs more than the states
  /// of the one before it.
  package mutating func keep(_ range: Range<Int>) throws(Failure) {
    if let reason = undivided {
      throw Failure(
        .unsupported,
        "layers is [\(range.lowerBound), \(range.upperBound)), and a \(family) model cannot be divided: \(reason)")
    }
    let all = towers[0].stack
    let kept = LayerRange(first: range.lowerBound, end: range.upperBound, count: all.layers.count)
    guard kept.first >= 0, kept.first < kept.end, kept.end <= kept.count else {
      throw Failure(
        .invalidArgument,
        "layers is [\(UInt(bitPattern: kept.first)), \(UInt(bitPattern: kept.end))); the model has layers "
          + "[0, \(kept.count)), of which a part has at least one")
    }
    stage = kept
    otherStages = .of(OtherStages(self, kept))
    pooler = nil
    towers[0].stack.layers = try FixedArray(range.count, for: LayerBlueprint.purpose) { all.layers[kept.first + $0] }
    if kept.first > 0, case .tokens(let embedding) = all.input { towers[0].stack.input = .states(embedding) }
    if !kept.isLast { towers[0].stack.finalNorm = nil }
  }

  /// The reason why the layers of this model cannot be computed one without the others; nil: they can.
  private var undivided: String? {
    guard kind == .decoder else { return "only the layers of a decoder without an encoder can be" }
    guard towers.count == 1, drawing == nil, transducer == nil else {
      return "its layers read what other towers make of pictures or sounds"
    }
    let stack = towers[0].stack
    guard stack.embedding != nil else { return "its first layer reads no tokens" }
    guard stack.recurrent == nil else { return "its recurrent layers take turns at every step" }
    guard stack.shares == nil else { return "its states are mixed of those of all layers" }
    guard stack.taps == nil, stack.sinkhorn == nil, stack.convolution == nil else {
      return "later layers need what earlier ones read"
    }
    guard
      stack.layers.indices.allSatisfy({ stack.layers[$0].attention != nil && stack.layers[$0].crossAttention == nil })
    else { return "some of its layers look at a source" }
    switch head?.pooling {
    case nil, .nextToken, .everyToken: return nil
    default: return "its head is told by the tokens which state it reads"
    }
  }
}

/// The names of the tensors that other stages read, without the blueprint's prefix but for those of the head.
package struct OtherStages: Sendable {
  /// Before the number of a layer.
  private let stem: String
  private let range: LayerRange
  /// Before a dot and the name of a tensor, of parts that are no layers.
  private let parts: [String]

  init(_ blueprint: Blueprint, _ range: LayerRange) {
    let stack = blueprint.towers[0].stack
    self.range = range
    stem = OtherStages.stem(stack.layers)
    var parts = [String]()
    if range.first > 0, let embedding = stack.embedding {
      parts += embedding.tokens.map { OtherStages.part(of: $0) }
      if let name = embedding.additional?.name ?? embedding.types?.name { parts.append(OtherStages.part(of: name)) }
      switch embedding.positions {
      case .learned(let name, _, _, _): parts.append(OtherStages.part(of: name))
      case .sinusoidal(let name, _, _, _, _, _): if let name { parts.append(OtherStages.part(of: name)) }
      case .none: break
      }
      parts += [embedding.norm?.name, embedding.projection?.name].compactMap { $0 }
    }
    if !range.isLast {
      parts += [stack.finalNorm?.name, blueprint.head?.norm?.name, blueprint.head?.projection?.name].compactMap { $0 }
      parts += blueprint.head?.layers.flatMap { [$0.linear.name, $0.norm?.name].compactMap { $0 } } ?? []
      switch blueprint.head?.output {
      case .linear(let linear), .ownOrTied(let linear): parts.append(linear.name)
      case .joined(let linears), .mean(let linears): parts += linears.map { $0.name }
      case .tied(let bias): if let bias { parts.append(OtherStages.part(of: bias)) }
      case .some(.none), nil: break
      }
    }
    self.parts = parts
  }

  /// A tensor's name without its last part.
  private static func part(of name: String) -> String {
    name.utf8.lastIndex(of: UInt8(ascii: ".")).map { String(name[..<$0]) } ?? name
  }

  /// What names of layers begin with, before their number: the names of the first two have it in common.
  private static func stem(_ layers: FixedArray<LayerBlueprint>) -> String {
    guard layers.count > 1, let one = layers[0].attention?.query.name, let other = layers[1].attention?.query.name
    else { return "" }
    return one.commonPrefix(with: other)
  }

  /// Whether a tensor of this name, without its prefix, belongs to another stage.
  package func hold(_ name: Substring.UTF8View) -> Bool {
    if parts.contains(where: { name.starts(with: $0.utf8) && OtherStages.ends(name.dropFirst($0.utf8.count)) }) {
      return true
    }
    guard !stem.isEmpty, name.starts(with: stem.utf8) else { return false }
    let digits = name.dropFirst(stem.utf8.count).prefix { $0 &- UInt8(ascii: "0") < 10 }
    guard let number = Int(Substring(digits)), number < range.count else { return false }
    return number < range.first || number >= range.end
  }

  /// Whether this may stand behind the name of a part: nothing, or the name of one of its tensors.
  private static func ends(_ rest: Substring.UTF8View) -> Bool { rest.isEmpty || rest.first == UInt8(ascii: ".") }
}

extension String {
  /// What two names begin with alike.
  fileprivate func commonPrefix(with other: String) -> String {
    var length = 0
    for (one, another) in zip(utf8, other.utf8) {
      guard one == another else { break }
      length += 1
    }
    return String(decoding: utf8.prefix(length), as: UTF8.self)
  }
}
