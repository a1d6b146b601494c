import AttendBase
import AttendCheckpoints

extension TokenizerJSON {
  func postProcessors(_ json: JSON) throws(Failure) -> [PostProcessor] {
    let type = try string(json, "type")
    switch type {
    case "Sequence":
      var parts: [PostProcessor] = []
      for part in try elements(json, "processors") { parts += try postProcessors(part) }
      return parts
    case "TemplateProcessing": return [.template(try template(json))]
    case "ByteLevel":
      let trims = try bool(json, "trim_offsets", default: true)
      return trims ? [.trimOffsets(prefixSpace: try bool(json, "add_prefix_space", default: true))] : []
    case "BertProcessing": return [try around(json)]
    case "RobertaProcessing":
      let trims = try bool(json, "trim_offsets", default: true)
      return (trims ? [.trimOffsets(prefixSpace: try bool(json, "add_prefix_space", default: true))] : []) + [
        try around(json)
      ]
    default: throw unsupported("post-processor", type)
    }
  }

  /// `cls`, the sequence, `sep`.
  private func around(_ json: JSON) throws(Failure) -> PostProcessor {
    func token(_ key: String) throws(Failure) -> PostProcessor.Item {
      .token(id: try id(json[key]?[1], in: json), type: 0)
    }
    return .template([try token("cls"), .sequence(type: 0), try token("sep")])
  }

  /// The template for one sequence.
  private func template(_ json: JSON) throws(Failure) -> [PostProcessor.Item] {
    var items: [PostProcessor.Item] = []
    for piece in try elements(json, "single") {
      if let sequence = piece["Sequence"] {
        items.append(.sequence(type: try type(sequence)))
      } else if let special = piece["SpecialToken"] {
        let name = try string(special, "id")
        guard let token = json["special_tokens"]?[name] else {
          throw special.invalid("the template's token \(name) is not among its special_tokens")
        }
        for id in try elements(token, "ids") {
          items.append(.token(id: try self.id(id, in: token), type: try type(special)))
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
      let content = try replacement(json)
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
