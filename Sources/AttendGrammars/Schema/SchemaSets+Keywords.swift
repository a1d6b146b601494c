import AttendBase
import AttendCheckpoints

// What keywords say of one type.

extension SchemaSets {
  /// The types of `type`, as bits of `SchemaTypes`; all without the keyword.
  func types(_ keywords: SchemaKeywords) throws(Failure) -> SchemaTypes {
    guard let value = keywords[.type] else { return .all }
    var result: SchemaTypes = []
    let names = value.kind == .array ? Array(value.elements) : [value]
    for name in names {
      guard let type = name.string.flatMap({ SchemaTypes.named[$0] }) else {
        throw failure("type", of: keywords.schema, "\(name.excerpt) is no type", .invalidArgument)
      }
      result.formUnion(type)
    }
    return result
  }

  func numbers(_ keywords: SchemaKeywords) throws(Failure) -> NumberRange? {
    var range = NumberRange.all
    for (keyword, value) in keywords.all {
      switch keyword {
      case .minimum:
        let isOpen = keywords[.exclusiveMinimum]?.bool ?? false  // draft 4
        range = try bounded(range, lower: bound(keyword, value, keywords, isOpen), upper: nil)
      case .maximum:
        let isOpen = keywords[.exclusiveMaximum]?.bool ?? false
        range = try bounded(range, lower: nil, upper: bound(keyword, value, keywords, isOpen))
      case .exclusiveMinimum where value.kind != .bool:
        range = try bounded(range, lower: bound(keyword, value, keywords, true), upper: nil)
      case .exclusiveMaximum where value.kind != .bool:
        range = try bounded(range, lower: nil, upper: bound(keyword, value, keywords, true))
      case .multipleOf:
        guard let number = Decimal(value), let step = number.scaled, !number.negative, !number.isZero else {
          throw failure("multipleOf", of: keywords.schema, "\(value.excerpt) is not a number above 0 of 18 digits")
        }
        range.step = NumberStep(digits: step.digits, scale: step.scale)
      default: break
      }
    }
    return range.isContradictory ? nil : range
  }

  private func bound(
    _ keyword: SchemaKeyword, _ value: JSON, _ keywords: SchemaKeywords, _ isOpen: Bool
  ) throws(Failure) -> NumberBound {
    guard let number = Decimal(value) else {
      throw failure(
        keyword.rawValue, of: keywords.schema, "\(value.excerpt) is not a number of up to \(Decimal.longest) digits")
    }
    return NumberBound(value: number, open: isOpen)
  }

  private func bounded(
    _ range: NumberRange, lower: NumberBound?, upper: NumberBound?
  ) -> NumberRange {
    var range = range
    if let lower, range.lower.map({ lower.isAbove($0) }) ?? true { range.lower = lower }
    if let upper, range.upper.map({ upper.isBelow($0) }) ?? true { range.upper = upper }
    return range
  }

  func strings(_ keywords: SchemaKeywords) throws(Failure) -> StringRange? {
    var range = StringRange.all
    for (keyword, value) in keywords.all {
      switch keyword {
      case .minLength: range.least = try count(keyword, value, keywords, isMost: false) ?? 0
      case .maxLength: range.most = try count(keyword, value, keywords, isMost: true)
      case .pattern: range.wanted.append(try pattern(value, "pattern", keywords.schema))
      case .format:
        guard let name = value.string else { break }
        if Formats.refused.contains(name) {
          throw failure("format", of: keywords.schema, "\"\(name)\" is not implemented")
        }
        guard let expression = Formats.pattern(name) else { break }
        range.wanted.append(language(.pattern(expression), keywords.schema))
        if let longest = Formats.longest(name) { range.most = min(range.most ?? longest, longest) }
      default: break
      }
    }
    if let most = range.most, most < range.least { return nil }
    return range
  }

  /// The language of a regular expression.
  func pattern(_ text: JSON, _ keyword: String, _ schema: JSON) throws(Failure) -> Int {
    guard let bytes = text.utf8.map({ Array($0) }) else {
      throw failure(keyword, of: schema, "\(text.excerpt) is not a string", .invalidArgument)
    }
    if let known = patternNumbers[bytes] { return known }
    do throws(Failure) {
      let parsed = try PatternParser.parse(String(decoding: bytes, as: UTF8.self))
      let number = language(.pattern(parsed), schema)
      patternNumbers[bytes] = number
      return number
    } catch {
      throw failure(keyword, of: schema, error.message)
    }
  }

  /// A count; nil where it is so large that it bounds nothing.
  func count(
    _ keyword: SchemaKeyword, _ value: JSON, _ keywords: SchemaKeywords, isMost: Bool
  ) throws(Failure) -> Int? {
    let largest = 1 << 30
    guard value.kind == .number, let number = Decimal(value), number.isInteger, !number.negative else {
      throw failure(keyword.rawValue, of: keywords.schema, "\(value.excerpt) is no count", .invalidArgument)
    }
    if let count = value.int, count < largest { return count }
    if isMost { return nil }
    throw failure(keyword.rawValue, of: keywords.schema, "\(value.excerpt) is over the limit of \(largest)")
  }

  func array(_ keywords: SchemaKeywords) throws(Failure) -> ArrayShape? {
    var shape = ArrayShape()
    for (keyword, value) in keywords.all {
      switch keyword {
      case .prefixItems: for element in value.elements { shape.prefix.append(try node(element)) }
      case .items where value.kind == .array:  // before draft 2020-12
        for element in value.elements { shape.prefix.append(try node(element)) }
        if let rest = keywords[.additionalItems] { shape.rest = try node(rest) }
      case .items: shape.rest = try node(value)
      case .minItems: shape.least = try count(keyword, value, keywords, isMost: false) ?? 0
      case .maxItems: shape.most = try count(keyword, value, keywords, isMost: true)
      case .uniqueItems: shape.isUnique = value.bool ?? false
      case .contains:
        var presence = ArrayShape.Presence(node: try node(value))
        if let least = keywords[.minContains] {
          presence.least = try count(.minContains, least, keywords, isMost: false) ?? 0
        }
        if let most = keywords[.maxContains] {
          presence.most = try count(.maxContains, most, keywords, isMost: true)
        }
        if presence.least > 0 || presence.most != nil { shape.presences.append(presence) }
      default: break
      }
    }
    return try settled(shape)
  }
}

/// Types, as `type` has them.
struct SchemaTypes: OptionSet {
  let rawValue: UInt8
  static let null = SchemaTypes(rawValue: 1)
  static let boolean = SchemaTypes(rawValue: 2)
  static let integer = SchemaTypes(rawValue: 4)
  static let number = SchemaTypes(rawValue: 8)
  static let string = SchemaTypes(rawValue: 16)
  static let array = SchemaTypes(rawValue: 32)
  static let object = SchemaTypes(rawValue: 64)
  static let all = SchemaTypes(rawValue: 127)

  static let named: [String: SchemaTypes] = [
    "null": .null, "boolean": .boolean, "integer": .integer, "number": .number, "string": .string, "array": .array,
    "object": .object,
  ]
}
