import AttendCheckpoints

/// The keywords of JSON Schema that assert something or lead to other schemas. All others are annotations, which the
/// standard wants ignored.
enum SchemaKeyword: String, CaseIterable {
  case type, `enum`, const
  case minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf
  case minLength, maxLength, pattern, format
  case items, prefixItems, additionalItems, unevaluatedItems, minItems, maxItems, uniqueItems
  case contains, minContains, maxContains
  case properties, patternProperties, additionalProperties, unevaluatedProperties, propertyNames
  case required, minProperties, maxProperties, dependencies, dependentRequired, dependentSchemas
  case reference = "$ref", dynamicReference = "$dynamicRef", recursiveReference = "$recursiveRef"
  case allOf, anyOf, oneOf, not, `if`, then, `else`

  private static let byName = Dictionary(uniqueKeysWithValues: allCases.map { ($0.rawValue, $0) })

  init?(_ key: JSON) {
    guard let name = key.string, let found = SchemaKeyword.byName[name] else { return nil }
    self = found
  }
}

/// The keywords of one schema, each with its value.
struct SchemaKeywords {
  let schema: JSON
  private(set) var all: [(keyword: SchemaKeyword, value: JSON)] = []

  init(_ schema: JSON) {
    self.schema = schema
    for (key, value) in schema.members {
      guard let keyword = SchemaKeyword(key) else { continue }
      if let place = all.firstIndex(where: { $0.keyword == keyword }) { all.remove(at: place) }
      all.append((keyword, value))
    }
  }

  subscript(keyword: SchemaKeyword) -> JSON? { all.first { $0.keyword == keyword }?.value }
}
