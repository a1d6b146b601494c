import AttendBase
import AttendCheckpoints

extension TokenizerJSON {
  /// Reads a post-processor into one that may hold others of the same sequence already.
  func readPostProcessor(_ json: JSON, into result: inout PostProcessor) throws(Failure) {
    let type = try string(json, "type")
    switch type {
    case "Sequence":
      for part in try elements(json, "processors") { try readPostProcessor(part, into: &result) }
    case "TemplateProcessing": try set(try template(json), of: json, in: &result)
    case "ByteLevel": try readTrim(json, into: &result)
    case "BertProcessing":
      try set(.bert(first: try token(json, "cls"), last: try token(json, "sep")), of: json, in: &result)
    case "RobertaProcessing":
      try readTrim(json, into: &result)
      try set(.roberta(first: try token(json, "cls"), last: try token(json, "sep")), of: json, in: &result)
    default: throw unsupported("post-processor", type)
    }
  }

  private func readTrim(_ json: JSON, into result: inout PostProcessor) throws(Failure) {
    guard try bool(json, "trim_offsets", default: true) else { return }
    result.trims.append(try bool(json, "add_prefix_space", default: true))
  }

  private func set(_ template: Template, of json: JSON, in result: inout PostProcessor) throws(Failure) {
    guard result.template == nil else { throw unsupported("post-processor", "Sequence of two templates") }
    result.template = template
  }

  private func token(_ json: JSON, _ key: String) throws(Failure) -> Int32 { try id(json[key]?[1], in: json) }

  private func template(_ json: JSON) throws(Failure) -> Template {
    let single = try items(json, "single")
    guard !single.contains(where: { if case .sequence(1, _, _) = $0 { true } else { false } }) else {
      throw json.invalid("the template for a single text has a place for a second one")
    }
    guard let list = json["pair"], !list.isNull else { return Template(single: single, pair: nil) }
    let pair = try items(json, "pair")
    // A template that leaves a text out is none for two: it would drop that text without a word.
    let isComplete = (0...1).allSatisfy { text in
      pair.contains { if case .sequence(text, _, _) = $0 { true } else { false } }
    }
    return Template(single: single, pair: isComplete ? pair : nil)
  }

  private func items(_ json: JSON, _ key: String) throws(Failure) -> [Template.Item] {
    var items: [Template.Item] = []
    for piece in try elements(json, key) {
      if let sequence = piece["Sequence"] {
        let name = try string(sequence, "id")
        guard ["A", "B"].contains(name) else { throw sequence.invalid("a template has no Sequence \(name)") }
        items.append(.text(name == "A" ? 0 : 1, type: try self.type(sequence)))
      } else if let special = piece["SpecialToken"] {
        let name = try string(special, "id")
        guard let token = json["special_tokens"]?[name] else {
          throw special.invalid("the template's token \(name) is not among its special_tokens")
        }
        for id in try elements(token, "ids") {
          items.append(.token(id: try self.id(id, in: token), type: try self.type(special)))
        }
      } else {
        throw piece.invalid("a piece of a template should be a Sequence or a SpecialToken")
      }
    }
    return items
  }

  private func type(_ json: JSON) throws(Failure) -> Int32 {
    guard let value = json["type_id"]?.int, let type = Int32(exactly: value), type >= 0 else {
      throw json.invalid("type_id should be a number")
    }
    return type
  }

  func decoder(_ json: JSON) throws(Failure) -> any Decoder {
    let type = try string(json, "type")
    switch type {
    case "Sequence":
      var parts: [any Decoder] = []
      for part in try elements(json, "decoders") { parts.append(try decoder(part)) }
      return DecoderSequence(parts: parts)
    case "ByteLevel": return ByteLevelDecoder()
    case "WordPiece":
      return WordPieceDecoder(
        prefix: try optionalBytes(json, "prefix") ?? Array("##".utf8),
        cleansUp: try bool(json, "cleanup", default: true))
    case "Metaspace":
      return MetaspaceDecoder(replacement: try character(json, "replacement"), dropsInFirst: try prefix(json) != .never)
    case "BPEDecoder": return BytePairDecoder(suffix: try optionalBytes(json, "suffix") ?? Array("</w>".utf8))
    case "ByteFallback": return ByteFallbackDecoder()
    case "Fuse": return FuseDecoder()
    case "Strip":
      return StripDecoder(
        content: try character(json, "content"), start: try count(json, "start"), stop: try count(json, "stop"))
    case "Replace":
      let content = try bytes(json, "content")
      switch try pattern(json) {
      case .text(let text): return ReplaceDecoder(pattern: TextPattern(bytes: text), content: content)
      case .regex(let regex): return ReplaceDecoder(pattern: regex, content: content)
      }
    case "CTC":
      return CTCDecoder(
        padding: try optionalBytes(json, "pad_token") ?? Array("<pad>".utf8),
        delimiter: try optionalBytes(json, "word_delimiter_token") ?? Array("|".utf8),
        cleansUp: try bool(json, "cleanup", default: true))
    default: throw unsupported("decoder", type)
    }
  }

  private func count(_ json: JSON, _ key: String) throws(Failure) -> Int {
    guard let value = json[key]?.int, value >= 0, value < 1 << 20 else {
      throw json.invalid("\(key) should be a small number")
    }
    return value
  }
}
