import AttendBase
import AttendCheckpoints

/// A schema's text with the places that references may name: JSON pointers, anchors, and embedded schemas with URIs of
/// their own. Nothing is fetched: a reference that leads out of the document is an error.
struct SchemaDocument {
  let root: JSON
  /// Whether siblings of `$ref` are ignored, as drafts 3 to 7 have it.
  let ignoresSiblings: Bool
  /// Schemas with a URI of their own, in the order of the text; the root first.
  private var resources: [(uri: URIReference, root: JSON)] = []
  private var anchors: [(resource: Int, name: String, schema: JSON)] = []

  private static let olderDrafts = ["draft-03", "draft-04", "draft-05", "draft-06", "draft-07"]

  init(_ root: JSON) {
    self.root = root
    let draft = root["$schema"]?.string ?? ""
    ignoresSiblings = SchemaDocument.olderDrafts.contains { draft.contains("json-schema.org/\($0)/") }
    let own = (root["$id"] ?? root["id"])?.string ?? ""
    resources = [(URIReference(own).withoutFragment, root)]
    collect(from: root)
  }

  /// Schemas under these keys, and what lies in them, are data.
  private static func holdsData(_ key: JSON) -> Bool { key.equals("enum") || key.equals("const") }

  /// Finds identifiers in the order of the text, without the stack. A key of `properties` is no keyword: what has the
  /// name of one is taken for one only where its value is a string.
  private mutating func collect(from root: JSON) {
    var pending: [(json: JSON, resource: Int, isMap: Bool)] = [(root, 0, false)]
    while let (json, outer, isMap) = pending.popLast() {
      var resource = outer
      if !isMap, json.kind == .object, json.place != root.place, let id = SchemaDocument.identifier(of: json) {
        let uri = resources[outer].uri.resolving(URIReference(id)).withoutFragment
        resources.append((uri, json))
        resource = resources.count - 1
      }
      if !isMap { for name in SchemaDocument.anchors(of: json) { anchors.append((resource, name, json)) } }
      for element in json.elements where element.count > 0 { pending.append((element, resource, false)) }
      for (key, value) in json.members where value.count > 0 && (isMap || !SchemaDocument.holdsData(key)) {
        pending.append((value, resource, !isMap && SchemaDocument.isMap(key)))
      }
    }
  }

  private static let maps = [
    "properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies",
  ]

  private static func isMap(_ key: JSON) -> Bool { key.string.map(maps.contains) ?? false }

  /// The URI that a schema gives itself; one that is only a fragment names an anchor.
  private static func identifier(of schema: JSON) -> String? {
    for (key, value) in schema.members where key.equals("$id") || key.equals("id") {
      if let text = value.string, !text.hasPrefix("#") { return text }
    }
    return nil
  }

  private static func anchors(of schema: JSON) -> [String] {
    var names: [String] = []
    for (key, value) in schema.members {
      guard let text = value.string else { continue }
      if key.equals("$anchor") || key.equals("$dynamicAnchor") { names.append(text) }
      if key.equals("$id") || key.equals("id"), text.hasPrefix("#") { names.append(String(text.dropFirst())) }
    }
    return names
  }

  /// The innermost schema with a URI of its own that holds a place.
  private func resource(of json: JSON) -> Int {
    guard resources.count > 1 else { return 0 }
    var (found, size) = (0, Int.max)
    for (number, resource) in resources.enumerated() where resource.root.contains(json) {
      if resource.root.source.count < size { (found, size) = (number, resource.root.source.count) }
    }
    return found
  }

  /// The schema that a reference in `schema` means; nil where the document has none.
  func resolve(_ reference: String, in schema: JSON) -> JSON? {
    var home = resource(of: schema)
    let parsed = URIReference(reference)
    if !parsed.isFragmentOnly {
      // Beside an identifier in the older drafts, a reference is taken from outside of it.
      let target = resources[home].uri.resolving(parsed).withoutFragment
      let known = resources.firstIndex { $0.uri == target } ?? resources.firstIndex { $0.uri == parsed.withoutFragment }
      guard let known else { return nil }
      home = known
    }
    let fragment = URIReference.unescaped(parsed.fragment ?? "")
    if fragment.isEmpty { return resources[home].root }
    if fragment.first == UInt8(ascii: "/") {
      return resources[home].root.target(of: fragment) ?? (home == 0 ? nil : root.target(of: fragment))
    }
    let name = String(decoding: fragment, as: UTF8.self)
    return anchors.first { $0.resource == home && $0.name == name }?.schema
  }
}

extension JSON {
  /// Where the value lies in memory: what tells it from all others of its document.
  var place: UInt { UInt(bitPattern: source.baseAddress) }

  func contains(_ other: JSON) -> Bool { other.place >= place && other.place < place + UInt(source.count) }

  /// The value that a JSON pointer (RFC 6901) names.
  func target(of pointer: [UInt8]) -> JSON? {
    var value = self
    for token in pointer.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
      var name: [UInt8] = []
      var rest = token[...]
      while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "~") else {
          name.append(byte)
          continue
        }
        guard let mark = rest.popFirst(), mark | 1 == UInt8(ascii: "1") else { return nil }
        name.append(mark == UInt8(ascii: "0") ? UInt8(ascii: "~") : UInt8(ascii: "/"))
      }
      guard let next = value.child(name) else { return nil }
      value = next
    }
    return value
  }

  private func child(_ name: [UInt8]) -> JSON? {
    if kind == .array { return Int(String(decoding: name, as: UTF8.self)).flatMap { self[$0] } }
    var found: JSON?
    for (key, value) in members where key.utf8.map({ $0.elementsEqual(name) }) ?? false { found = value }
    return found
  }

  /// The JSON pointer of a value in this document, for messages.
  func pointer(to other: JSON) -> String {
    var (value, text) = (self, "#")
    search: while value.place != other.place {
      for (key, child) in value.members where child.contains(other) {
        text += "/" + (key.string ?? "")
        value = child
        continue search
      }
      for (index, child) in value.elements.enumerated() where child.contains(other) {
        text += "/\(index)"
        value = child
        continue search
      }
      break
    }
    return text
  }
}
