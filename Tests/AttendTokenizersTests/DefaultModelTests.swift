// The tokenizer of the model that comes with the library.
import AttendBase
import AttendCheckpoints
import AttendTokenizers
import Testing

@Suite struct DefaultModelTests {
  let folder = Folder.repository + "/models/g2p-en"

  @Test func everyWordOfItsCasesIsTokenizedAndItsPhonemesComeBack() throws {
    let tokenizer = try Tokenizer(path: folder)
    var words = 0
    for json in try JSON.file(folder + "/cases.json").elements {
      let word = try #require(json["word"]?.string)
      #expect(try tokenizer.ids(word, special: true) == json["input_ids"]!.numbers, "\(word)")
      #expect(
        try tokenizer.text(json["greedy_ids"]!.numbers.dropFirst().map { $0 }) == json["phonemes"]?.string, "\(word)")
      words += 1
    }
    #expect(words > 5)
  }

  @Test func lettersAreFoldedToWhatTheModelKnows() throws {
    let tokenizer = try Tokenizer(path: folder + "/tokenizer.json")
    let plain = try tokenizer.ids("fi", special: false)
    #expect(try tokenizer.ids("\u{FB01}", special: false) == plain)  // a ligature
    #expect(try tokenizer.ids("FI", special: false) == plain)
    #expect(try tokenizer.ids("\u{1D58B}\u{1D58E}", special: false) == plain)  // mathematical letters
  }

  @Test func tokensAndIdsAreEachOthersInverse() throws {
    let tokenizer = try Tokenizer(path: folder)
    #expect(tokenizer.size == 101)
    for id in 0..<Int32(tokenizer.size) {
      let token = try #require(tokenizer.token(id))
      #expect(tokenizer.id(of: token) == id)
      #expect(token.baseAddress!.load(fromByteOffset: token.count, as: UInt8.self) == 0)
    }
    #expect(tokenizer.token(101) == nil && tokenizer.token(-1) == nil)
    #expect(tokenizer.id("no such token") == nil)
  }

  @Test func anUnknownIdIsAnErrorThatNamesIt() throws {
    let tokenizer = try Tokenizer(path: folder)
    for id: Int32 in [101, -1, .max, .min] {
      let failure = #expect(throws: Failure.self) { try tokenizer.text([3, id]) }
      #expect(failure?.code == .invalidArgument)
      #expect(failure?.message.contains("\(id)") == true && failure?.message.contains("position 1") == true)
    }
  }

  @Test func offsetsNameTheBytesAndScalarsOfTheSource() throws {
    let tokenizer = try Tokenizer(path: folder)
    let encoding = try tokenizer.encoding("a\u{FB01}\u{1F600}b", special: true)
    #expect(
      encoding.offsets.map { [$0.byteStart, $0.byteEnd] } == [[0, 1], [1, 4], [1, 4], [4, 8], [8, 9], [0, 0]])
    #expect(
      encoding.offsets.map { [$0.scalarStart, $0.scalarEnd] } == [[0, 1], [1, 2], [1, 2], [2, 3], [3, 4], [0, 0]])
    #expect(encoding.special == [0, 0, 0, 0, 0, 1])
  }

  @Test func aFolderWithoutTokenizerIsNotFound() throws {
    let failure = #expect(throws: Failure.self) { try Tokenizer(path: Folder.repository + "/Tests") }
    #expect(failure?.code == .notFound)
  }
}
