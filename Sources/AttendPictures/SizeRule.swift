import AttendBase
import AttendCheckpoints

/// Sides of a picture, in the order of the files of processors.
package struct PictureSize: Sendable, Equatable {
  package var height: Int
  package var width: Int

  package init(height: Int, width: Int) {
    self.height = height
    self.width = width
  }

  var shortest: Int { min(height, width) }
  var longest: Int { max(height, width) }
}

/// What `size` of a processor's file asks of a picture.
enum SizeRule: Sendable, Equatable {
  /// These sides, whatever the aspect.
  case exact(PictureSize)
  /// The shorter side becomes this, and the aspect stays.
  case shortest(Int)
  /// The same, but the longer side becomes no longer than the second.
  case shortestUpTo(Int, longest: Int)
  /// No side becomes longer than the second, then none shorter than the first (Idefics 2).
  case between(Int, Int)
  /// The longer side becomes this, the other an even number; none above 4,096 (Idefics 3).
  case evenly(longest: Int)
  /// The longer side becomes this, no side shorter than `least` (Janus).
  case longest(Int, least: Int)
  /// One side becomes this, the other no longer than this.
  case within(PictureSize)

  /// The sides of a picture after the resize. Divisions and roundings are those of transformers, in double precision.
  func size(of picture: PictureSize) -> PictureSize {
    let (height, width) = (picture.height, picture.width)
    switch self {
    case .exact(let size): return size
    case .shortest(let edge): return SizeRule.scaled(picture, shortest: edge, by: Double(edge))
    case .shortestUpTo(let edge, let longest):
      let (short, long) = (Double(picture.shortest), Double(picture.longest))
      guard long / short * Double(edge) > Double(longest) else {
        return picture.shortest == edge ? picture : SizeRule.scaled(picture, shortest: edge, by: Double(edge))
      }
      let raw = Double(longest) * short / long
      let rounded = Int(raw.rounded(.toNearestOrEven))
      return picture.shortest == rounded ? picture : SizeRule.scaled(picture, shortest: rounded, by: raw)
    case .between(let least, let most):
      let size = picture.longest > most ? SizeRule.shrunk(picture, longest: most) : picture
      return PictureSize(height: max(size.height, least), width: max(size.width, least))
    case .evenly(let longest):
      var size = SizeRule.shrunk(picture, longest: longest)
      if width >= height { size.height += size.height & 1 } else { size.width += size.width & 1 }
      size = PictureSize(height: max(1, size.height), width: max(1, size.width))
      let limit = 4096
      if size.longest > limit { size = SizeRule.shrunk(size, longest: limit) }
      return PictureSize(height: max(1, size.height), width: max(1, size.width))
    case .longest(let edge, let least):
      let factor = Double(edge) / Double(picture.longest)
      func side(_ side: Int) -> Int { max(Int((Double(side) * factor).rounded(.toNearestOrEven)), least) }
      return PictureSize(height: side(height), width: side(width))
    case .within(let most):
      let scale = min(Double(most.height) / Double(height), Double(most.width) / Double(width))
      return PictureSize(height: Int(Double(height) * scale), width: Int(Double(width) * scale))
    }
  }

  /// The longer side becomes `longest`, the other follows by the quotient of width and height.
  private static func shrunk(_ picture: PictureSize, longest: Int) -> PictureSize {
    let aspect = Double(picture.width) / Double(picture.height)
    return picture.width >= picture.height
      ? PictureSize(height: Int(Double(longest) / aspect), width: longest)
      : PictureSize(height: longest, width: Int(Double(longest) * aspect))
  }

  /// The shorter side becomes `shortest`, the longer one `factor` times the ratio of the two.
  private static func scaled(_ picture: PictureSize, shortest: Int, by factor: Double) -> PictureSize {
    let long = Int(factor * Double(picture.longest) / Double(picture.shortest))
    return picture.width <= picture.height
      ? PictureSize(height: long, width: shortest) : PictureSize(height: shortest, width: long)
  }
}

extension SizeRule {
  /// The rule at a key in any of its spellings, nil without the key: an object, a list of height and width, or a single
  /// number, which is a square where `numberIsSquare`, else the shortest edge.
  static func read(
    _ configuration: Configuration, _ key: String, numberIsSquare: Bool, listIsReversed: Bool = false
  ) throws(Failure) -> SizeRule? {
    guard let value = configuration.json[key], !value.isNull else { return nil }
    switch value.kind {
    case .object: return try read(object: configuration, key)
    case .array:
      guard let sides = try configuration.optionalIntegers(key), sides.count == 2, sides.allSatisfy({ $0 > 0 }) else {
        throw configuration.invalid(key, "is \(value.excerpt), expected a height and a width")
      }
      return .exact(
        listIsReversed
          ? PictureSize(height: sides[1], width: sides[0]) : PictureSize(height: sides[0], width: sides[1]))
    default:
      let edge = try configuration.size(key)
      return numberIsSquare ? .exact(PictureSize(height: edge, width: edge)) : .shortest(edge)
    }
  }

  private static func read(object configuration: Configuration, _ key: String) throws(Failure) -> SizeRule {
    guard let sides = try configuration.child(key) else { throw configuration.invalid(key, "is missing") }
    let (height, width) = (try sides.optionalSize("height"), try sides.optionalSize("width"))
    let (shortest, longest) = (try sides.optionalSize("shortest_edge"), try sides.optionalSize("longest_edge"))
    let (mostHeight, mostWidth) = (try sides.optionalSize("max_height"), try sides.optionalSize("max_width"))
    let unknown = sides.unread
    guard unknown.isEmpty else {
      throw Failure(.unsupported, "\(configuration.path): \(unknown[0]) is not known as a part of a picture's size")
    }
    switch (height, width, shortest, longest, mostHeight, mostWidth) {
    case (let height?, let width?, nil, nil, nil, nil): return .exact(PictureSize(height: height, width: width))
    case (nil, nil, let shortest?, nil, nil, nil): return .shortest(shortest)
    case (nil, nil, let shortest?, let longest?, nil, nil): return .shortestUpTo(shortest, longest: longest)
    case (nil, nil, nil, nil, let height?, let width?): return .within(PictureSize(height: height, width: width))
    default:
      throw configuration.invalid(
        key,
        "is \(sides.json.excerpt), expected height and width, shortest_edge with or without longest_edge, "
          + "or max_height and max_width")
    }
  }
}
