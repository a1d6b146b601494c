import AttendBase
import AttendCheckpoints

/// The numbers that the files beside a tokenizer state. A token that there is none of is nil.
package struct TokenizerInfo: Sendable {
  /// The most tokens that the model was made for; nil: no limit is stated.
  package var maximalLength: Int?
  /// The end at which texts are truncated, unless the caller says it.
  package var truncationSide = TokenizeOptions.Side.right
  /// The side at which batches would be filled up, which tells where questions about a text stand.
  package var paddingSide = TokenizeOptions.Side.right
  /// What transformers calls the class of the tokenizer; empty: the files do not say.
  package var className = ""
  package var begin: Int32?
  package var end: Int32?
  package var unknown: Int32?
  package var separator: Int32?
  package var pad: Int32?
  package var classification: Int32?
  package var mask: Int32?
}

extension TokenizerInfo {
  /// Reads what the files state. `id` gives the tokenizer's id of a spelling.
  init(_ settings: TokenizerSettings, _ parts: TokenizerParts, id: ([UInt8]) -> Int32?, isSpecial: (Int32) -> Bool) {
    func token(_ key: String) -> Int32? {
      if let stated = settings.statedToken(key) ?? (key == "pad_token" ? parts.padToken : nil) {
        return stated.isEmpty ? nil : id(stated)
      }
      if let usual = TokenizerInfo.defaults(settings.tokenizerClass)[key] { return id(Array(usual.utf8)) }
      guard settings.isSilent else { return nil }
      return TokenizerInfo.usualNames[key]?.compactMap { id(Array($0.utf8)) }.first { isSpecial($0) }
    }
    maximalLength = settings.maximalLength
    truncationSide = settings.side("truncation_side") ?? parts.truncationSide ?? .right
    paddingSide = settings.side("padding_side") ?? .right
    className = settings.tokenizerClass
    (begin, end) = (token("bos_token"), token("eos_token"))
    (unknown, pad) = (token("unk_token"), token("pad_token"))
    (separator, classification) = (token("sep_token"), token("cls_token"))
    mask = token("mask_token")
  }

  /// The usual spellings, for tokenizers without any file that says more.
  private static let usualNames = [
    "bos_token": ["<s>", "<|begin_of_text|>", "<bos>"], "eos_token": ["</s>", "<|end_of_text|>", "<eos>"],
    "unk_token": ["[UNK]", "<unk>"], "sep_token": ["[SEP]"], "pad_token": ["[PAD]", "<pad>"], "cls_token": ["[CLS]"],
    "mask_token": ["[MASK]", "<mask>"],
  ]

  /// The special tokens that transformers takes for a tokenizer class whose files do not state them.
  private static func defaults(_ tokenizerClass: String) -> [String: String] {
    let name = tokenizerClass.hasSuffix("Tokenizer") ? String(tokenizerClass.dropLast(9)) : tokenizerClass
    func tokens(
      begin: String? = nil, end: String? = nil, unknown: String? = "<unk>", separator: String? = nil,
      pad: String? = nil, first: String? = nil, mask: String? = nil
    ) -> [String: String] {
      [
        "bos_token": begin, "eos_token": end, "unk_token": unknown, "sep_token": separator, "pad_token": pad,
        "cls_token": first, "mask_token": mask,
      ].compactMapValues { $0 }
    }
    let ofBert = tokens(unknown: "[UNK]", separator: "[SEP]", pad: "[PAD]", first: "[CLS]", mask: "[MASK]")
    let ofSequences = tokens(begin: "<s>", end: "</s>", pad: "<pad>")
    switch name {
    case "Bert", "DistilBert", "Electra", "MobileBert", "ConvBert", "SqueezeBert", "Lxmert", "Splinter": return ofBert
    case "Deberta", "DebertaV2": return ofBert.merging(tokens(begin: "[CLS]", end: "[SEP]", unknown: nil)) { $1 }
    case "Albert", "FNet", "RemBert":
      return ofBert.merging(tokens(begin: "[CLS]", end: "[SEP]", pad: "<pad>")) { $1 }
    case "Roberta", "Bart", "LED", "Longformer", "XLMRoberta", "Camembert", "MBart", "Nllb", "Blenderbot":
      return ofSequences.merging(tokens(separator: "</s>", first: "<s>", mask: "<mask>")) { $1 }
    case "MPNet":
      return ofSequences.merging(tokens(unknown: "[UNK]", separator: "</s>", first: "<s>", mask: "<mask>")) { $1 }
    case "M2M100": return ofSequences.merging(tokens(separator: "</s>")) { $1 }
    case "FSMT": return tokens(begin: "<s>", separator: "</s>", pad: "<pad>")
    case "MBart50": return tokens(end: "</s>", separator: "</s>", pad: "<pad>", first: "<s>", mask: "<mask>")
    case "GPT2", "Whisper": return tokens(begin: "<|endoftext|>", end: "<|endoftext|>", unknown: "<|endoftext|>")
    case "GPTNeoX":
      return tokens(begin: "<|endoftext|>", end: "<|endoftext|>", unknown: "<|endoftext|>", pad: "<|padding|>")
    case "Qwen2": return tokens(end: "<|endoftext|>", unknown: "<|endoftext|>", pad: "<|endoftext|>")
    case "CLIP":
      return tokens(begin: "<|startoftext|>", end: "<|endoftext|>", unknown: "<|endoftext|>", pad: "<|endoftext|>")
    case "T5", "Marian": return tokens(end: "</s>", pad: "<pad>")
    case "Pegasus": return tokens(end: "</s>", pad: "<pad>", mask: "<mask_2>")
    case "Llama", "CodeLlama": return tokens(begin: "<s>", end: "</s>")
    case "Gemma": return tokens(begin: "<bos>", end: "<eos>", pad: "<pad>", mask: "<mask>")
    case "OpenAIGPT", "CTRL": return tokens()
    default: return [:]
    }
  }
}

extension TokenizerSettings {
  /// Whether there is no file that could name special tokens, and no known class.
  fileprivate var isSilent: Bool { configuration == nil && specialTokens == nil && tokenizerClass.isEmpty }

  /// The spelling that the files state for a special token; empty: they state that there is none; nil: they do not say.
  fileprivate func statedToken(_ key: String) -> [UInt8]? {
    for json in stating {
      guard let found = json?[key] else { continue }
      return found.withUTF8({ Array($0) }) ?? found["content"]?.withUTF8({ Array($0) }) ?? []
    }
    return nil
  }

  /// The most tokens that the model was made for. Numbers beyond all sequences stand for none.
  fileprivate var maximalLength: Int? {
    guard let stated = configuration?["model_max_length"] ?? configuration?["max_len"] else {
      return tokenizerClass == "MarianTokenizer" ? 512 : nil
    }
    return stated.int.flatMap { $0 > 0 ? $0 : nil }
  }

  fileprivate func side(_ key: String) -> TokenizeOptions.Side? {
    switch configuration?[key]?.string {
    case "left": .left
    case "right": .right
    default: nil
    }
  }
}
