// Tokenizers that tests make themselves.
import AttendTestSupport
import AttendTokenizers

/// Spells texts as JSON.
func quoted(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case let scalar where scalar.value < 0x20:
      result += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}

func object(_ tokens: [String]) -> String {
  "{" + tokens.enumerated().map { "\(quoted($1)): \($0)" }.joined(separator: ", ") + "}"
}

/// tokenizer.json with the given parts, each JSON.
func tokenizerJSON(
  _ model: String, normalizer: String = "null", preTokenizer: String = "null", postProcessor: String = "null",
  decoder: String = "null", added: String = "[]"
) -> String {
  """
  {"version": "1.0", "truncation": null, "padding": null, "added_tokens": \(added), "normalizer": \(normalizer),
  "pre_tokenizer": \(preTokenizer),
   "post_processor": \(postProcessor), "decoder": \(decoder), "model": \(model)}
  """
}

/// A tokenizer of a file that is gone again.
func tokenizer(_ json: String) throws -> Tokenizer {
  let folder = try TemporaryFolder()
  try folder.write("tokenizer.json", json)
  return try Tokenizer(path: folder.path)
}

/// A word-level tokenizer whose tokens are spelled as they are: shows what comes out of normalizers and pre-tokenizers.
func pieces(_ text: String, normalizer: String = "null", preTokenizer: String = "null") throws -> [String] {
  let tokenizer = try tokenizer(
    tokenizerJSON(
      #"{"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"}"#, normalizer: normalizer, preTokenizer: preTokenizer
    ))
  return try tokenizer.pieces(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
}

/// The letters of bytes in byte-level vocabularies, computed as GPT-2's encoder.py describes them.
let byteLetters: [String] = {
  var next: UInt32 = 256
  return (0..<256).map { byte in
    let stays = (33...126).contains(byte) || (161...172).contains(byte) || (174...255).contains(byte)
    if !stays { next += 1 }
    return String(Character(Unicode.Scalar(stays ? UInt32(byte) : next - 1)!))
  }
}()

/// A byte-level tokenizer with a few merges.
func byteLevelTokenizer(addPrefixSpace: Bool = false, added: String = "[]") throws -> Tokenizer {
  let merges = [("Ġ", "t"), ("h", "e"), ("Ġt", "he"), ("i", "n"), ("Ġ", "Ġ"), ("a", "a"), ("aa", "aa"), ("Ã", "©")]
  let tokens = byteLetters + merges.map { $0.0 + $0.1 }
  let model = """
    {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
    "fuse_unk": false, "vocab": \(object(tokens)),
     "merges": [\(merges.map { quoted($0.0 + " " + $0.1) }.joined(separator: ", "))]}
    """
  let level = #"{"type": "ByteLevel", "add_prefix_space": \#(addPrefixSpace), "trim_offsets": true}"#
  return try tokenizer(tokenizerJSON(model, preTokenizer: level, decoder: level, added: added))
}
