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
    case "StripAccents": return StripAccents()
    case "Nmt": return Nmt()
    case "ByteLevel": return ByteLevelNormalizer()
    case "Strip":
      return StripWhitespace(
        left: try bool(json, "strip_left", default: true), right: try bool(json, "strip_right", default: true))
    case "Prepend": return Prepend(try bytes(json, "prepend"))
    case "Precompiled": return Precompiled(try characterMap(json))
    case "Replace":
      let content = try bytes(json, "content")
      switch try pattern(json) {
      case .text(let text): return Replace(pattern: TextPattern(bytes: text), content: UTF8Text.scalars(content))
      case .regex(let regex): return Replace(pattern: regex, content: UTF8Text.scalars(content))
      }
    case "BertNormalizer":
      let lowercases = try bool(json, "lowercase", default: true)
      return BertNormalizer(
        cleansText: try bool(json, "clean_text", default: true),
        separatesChinese: try bool(json, "handle_chinese_chars", default: true),
        stripsAccents: try bool(json, "strip_accents", default: lowercases), lowercases: lowercases)
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
    case "ByteLevel":
      let usesRegex = try bool(json, "use_regex", default: true)
      return ByteLevel(
        prefixSpace: try bool(json, "add_prefix_space", default: true),
        regex: usesRegex ? try Regex(ByteLevel.pattern) : nil, keepsBytes: keepsBytes)
    case "Metaspace": return try metaspace(json)
    case "BertPreTokenizer": return BertPreTokenizer()
    case "Whitespace":
      return Split(pattern: try Regex(#"\w+|[^\w\s]+"#, dialect: .rust), behavior: .removed, invert: true)
    case "WhitespaceSplit": return Split(pattern: SplitRules.whitespace, behavior: .removed)
    case "Punctuation": return Split(pattern: SplitRules.punctuation, behavior: try behavior(json, default: .isolated))
    case "Digits":
      return Split(
        pattern: SplitRules.numbers,
        behavior: try bool(json, "individual_digits", default: false) ? .isolated : .contiguous)
    case "UnicodeScripts": return UnicodeScripts()
    case "CharDelimiterSplit":
      return Split(pattern: TextPattern(bytes: try character(json, "delimiter")), behavior: .removed)
    case "FixedLength":
      guard let length = json["length"].map(\.int) ?? 5, length > 0 else {
        throw json.invalid("length should be a number above 0")
      }
      return FixedLength(length: length)
    default: throw unsupported("pre-tokenizer", type)
    }
  }

  private func metaspace(_ json: JSON) throws(Failure) -> Metaspace {
    Metaspace(
      replacement: UTF8Text.scalars(try character(json, "replacement"))[0], prefix: try prefix(json),
      splits: try bool(json, "split", default: true))
  }

  /// `prepend_scheme`, or the older `add_prefix_space`.
  func prefix(_ json: JSON) throws(Failure) -> Metaspace.Prefix {
    switch json["prepend_scheme"]?.string {
    case "always": return .always
    case "first": return .first
    case "never": return .never
    case nil: return try bool(json, "add_prefix_space", default: true) ? .always : .never
    case .some(let name): throw unsupported("prepend_scheme", name)
    }
  }

  /// A string of one scalar.
  func character(_ json: JSON, _ key: String) throws(Failure) -> [UInt8] {
    let text = try bytes(json, key)
    guard let first = text.first, text.count == UTF8Text.length(first: first) else {
      throw json.invalid("\(key) should be one character")
    }
    return text
  }

  private func characterMap(_ json: JSON) throws(Failure) -> CharacterMap {
    let key = "precompiled_charsmap"
    var blob = GrowingList<UInt8>(for: "a character map")
    guard let isBase64 = try json[key]?.withUTF8({ text throws(Failure) in try Base64.decode(text, into: &blob) })
    else { throw json.invalid("\(key) should be a string") }
    guard isBase64 else { throw json.invalid("\(key) should be base 64") }
    return try CharacterMap(UnsafeBufferPointer(blob.elements), source: file)
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
      do throws(Failure) { return .regex(try Regex(regex)) } catch {
        throw Failure(error.code, "\(file): \(error.message)")
      }
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
    guard let behavior = SplitBehavior.allCases.first(where: { $0.rawValue.lowercased() == plain }) else {
      throw unsupported("split behaviour", name)
    }
    return behavior
  }
}
