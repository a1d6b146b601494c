import AttendBase
import AttendCheckpoints

extension TokenizerJSON {
  func normalizer(_ json: JSON) throws(Failure) -> any Normalizer {
    let type = try string(json, "type")
    switch type {
    case "Sequence":
      var parts: [any Normalizer] = []
      for part in try elements(json, "normalizers") { parts.append(try normalizer(part)) }
      return NormalizerSequence(parts: parts)
    case "NFC": return UnicodeNormalizer(form: .nfc)
    case "NFD": return UnicodeNormalizer(form: .nfd)
    case "NFKC": return UnicodeNormalizer(form: .nfkc)
    case "NFKD": return UnicodeNormalizer(form: .nfkd)
    case "Lowercase": return Lowercase()
    default: throw unsupported("normalizer", type)
    }
  }

  func preTokenizer(_ json: JSON) throws(Failure) -> any PreTokenizer {
    let type = try string(json, "type")
    switch type {
    case "Sequence":
      var parts: [any PreTokenizer] = []
      for part in try elements(json, "pretokenizers") { parts.append(try preTokenizer(part)) }
      return PreTokenizerSequence(parts: parts)
    case "Split":
      let behavior = try behavior(json, default: nil)
      let invert = try bool(json, "invert", default: false)
      switch try pattern(json) {
      case .text(let text): return Split(pattern: TextPattern(bytes: text), behavior: behavior, invert: invert)
      case .regex(let regex): return Split(pattern: regex, behavior: behavior, invert: invert)
      }
    default: throw unsupported("pre-tokenizer", type)
    }
  }

  enum Pattern {
    case text([UInt8])
    case regex(Regex)
  }

  /// `pattern`: {"String": "..."} or {"Regex": "..."}.
  func pattern(_ json: JSON) throws(Failure) -> Pattern {
    guard let pattern = json["pattern"] else { throw json.invalid("there is no pattern") }
    if pattern.kind == .string { return .text(try bytes(json, "pattern")) }
    if let regex = pattern["Regex"]?.string {
      do throws(Failure) { return .regex(try Regex(regex)) } catch { throw Failure(error.code, "\(file): \(error.message)") }
    }
    return .text(try bytes(pattern, "String"))
  }

  func behavior(_ json: JSON, default value: SplitBehavior?) throws(Failure) -> SplitBehavior {
    guard let name = json["behavior"]?.string else {
      guard let value else { throw json.invalid("there is no behavior") }
      return value
    }
    // Older files write "merged_with_next".
    let plain = name.lowercased().filter { $0 != "_" }
    guard let behavior = SplitBehavior.allCases.first(where: { $0.rawValue.lowercased() == plain }) else { throw unsupported("split behaviour", name) }
    return behavior
  }

  func postProcessors(_ json: JSON) throws(Failure) -> [PostProcessor] {
    let type = try string(json, "type")
    switch type {
    case "Sequence":
      var parts: [PostProcessor] = []
      for part in try elements(json, "processors") { parts += try postProcessors(part) }
      return parts
    case "TemplateProcessing": return [.template(try template(json))]
    default: throw unsupported("post-processor", type)
    }
  }

  /// The template for one sequence.
  private func template(_ json: JSON) throws(Failure) -> [PostProcessor.Item] {
    var items: [PostProcessor.Item] = []
    for piece in try elements(json, "single") {
      if let sequence = piece["Sequence"] {
        items.append(.sequence(type: try type(sequence)))
      } else if let special = piece["SpecialToken"] {
        let name = try string(special, "id")
        guard let token = json["special_tokens"]?[name] else { throw special.invalid("the template's token \(name) is not among its special_tokens") }
        for id in try elements(token, "ids") { items.append(.token(id: try self.id(id, in: token), type: try type(special))) }
      } else {
        throw piece.invalid("a piece of a template should be a Sequence or a SpecialToken")
      }
    }
    return items
  }

  private func type(_ json: JSON) throws(Failure) -> Int32 {
    guard let value = json["type_id"]?.int, let type = Int32(exactly: value), type >= 0 else { throw json.invalid("type_id should be a number") }
    return type
  }

  func decoder(_ json: JSON) throws(Failure) -> any Decoder {
    let type = try string(json, "type")
    throw unsupported("decoder", type)
  }
}
