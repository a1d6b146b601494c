// Real tokenizers against what Hugging Face's libraries make of the same texts. The files are too large for the
// repository and not ours to copy: where the shared folder is not there, these tests are skipped.
import AttendBase
import AttendCheckpoints
import AttendTestSupport
import AttendTokenizers
import Glibc
import Testing

@Suite(.enabled(if: Shared.isThere, "the shared folder is not beside this checkout")) struct GoldenTests {
  static let names = ["gpt2", "clip", "all-MiniLM-L6-v2", "t5-small", "llama2-spm", "marian-fr-en"]

  @Test(arguments: names) func everyCaseIsEqualInIdsOffsetsAndText(_ name: String) throws {
    let folder = try #require(Shared.path) + "/tokenizers/" + name
    let tokenizer = try Tokenizer(path: folder)
    var cases = 0
    for json in try JSON.file(folder + "/cases.json").elements {
      let text = try #require(json["text"]?.string)
      let plain = try tokenizer.encoding(text, special: false)
      let special = try tokenizer.encoding(text, special: true)
      if let ids = json["ids"] { #expect(plain.ids == ids.numbers, "\(text)") }
      #expect(special.ids == json["ids_with_special"]!.numbers, "\(text)")
      #expect(try tokenizer.text(Array(special.ids)) == json["decoded"]!.string, "\(text)")
      if let offsets = json["offsets"] {
        #expect(plain.offsets.map { [$0.scalarStart, $0.scalarEnd] } == offsets.elements.map(\.numbers), "\(text)")
      }
      cases += 1
    }
    #expect(cases == 271)
  }

  @Test(arguments: names) func aStreamGivesTheSameTextInWholeCharacters(_ name: String) throws {
    let folder = try #require(Shared.path) + "/tokenizers/" + name
    let tokenizer = try Tokenizer(path: folder)
    for json in try JSON.file(folder + "/cases.json").elements {
      let ids = json["ids_with_special"]!.numbers
      var stream = DetokenizerStream(tokenizer, skipSpecialTokens: true)
      var text: [UInt8] = []
      for id in ids {
        let part = try stream.add(id)
        #expect(String(validating: part, as: UTF8.self) != nil)
        text += part
      }
      text += try stream.finish()
      #expect(text == (try tokenizer.bytes(ids)), "\(json["text"]!.string!)")
    }
  }

  @Test func bytesAndScalarsOfOffsetsNameTheSameStretch() throws {
    for name in ["gpt2", "t5-small", "all-MiniLM-L6-v2"] {
      let folder = try #require(Shared.path) + "/tokenizers/" + name
      let tokenizer = try Tokenizer(path: folder)
      for json in try JSON.file(folder + "/cases.json").elements {
        let scalars = Array(json["text"]!.string!.unicodeScalars)
        for offset in try tokenizer.encoding(json["text"]!.string!, special: false).offsets {
          func bytes(_ count: Int32) -> Int { String(String.UnicodeScalarView(scalars.prefix(Int(count)))).utf8.count }
          #expect(bytes(offset.scalarStart) == Int(offset.byteStart) && bytes(offset.scalarEnd) == Int(offset.byteEnd))
        }
      }
    }
  }

  @Test func aMegabyteOfOneLetterOrOfSpacesTakesTimeInProportion() throws {
    for name in ["gpt2", "clip", "all-MiniLM-L6-v2", "t5-small", "llama2-spm", "marian-fr-en"] {
      let tokenizer = try Tokenizer(path: try #require(Shared.path) + "/tokenizers/" + name)
      for letter in ["a", " ", "Z", "7", "!", "é", "\n", "中"] {
        let length = 1_000_000 / letter.utf8.count
        _ = try tokenizer.ids(String(repeating: letter, count: length / 10))
        let short = try processorSeconds { _ = try tokenizer.ids(String(repeating: letter, count: length / 10)) }
        let long = try processorSeconds { _ = try tokenizer.ids(String(repeating: letter, count: length)) }
        // Ten times the text: quadratic time would be a hundred times as long, and minutes in all.
        #expect(long < short * 40 + 0.2, "\(name), \(letter): \(short) and \(long)")
      }
    }
  }
}

/// The processor time of this thread: however busy others keep the machine, it is nearly the same.
private func processorSeconds(_ body: () throws -> Void) rethrows -> Double {
  func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
  let start = now()
  try body()
  return now() - start
}
