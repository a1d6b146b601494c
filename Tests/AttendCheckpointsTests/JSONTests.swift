import AttendBase
import AttendCheckpoints
import AttendTestSupport
import Foundation
import Testing

@Suite("JSON") struct JSONTests {
  @Test("every kind of value is read") func kinds() throws {
    let json = try parseJSON(#" {"a": null, "b": [true, false, -1.5e1, "x\n", {}, []], "c": {"d": {"e": 3}}} "#)
    #expect(json.kind == .object && json.count == 3)
    #expect(json["a"]?.isNull == true)
    let list = try #require(json["b"])
    #expect(list.kind == .array && list.count == 6)
    #expect(list[0]?.bool == true && list[1]?.bool == false)
    #expect(list[2]?.double == -15 && list[2]?.int == -15)
    #expect(list[3]?.string == "x\n")
    #expect(list[4]?.kind == .object && list[4]?.count == 0)
    #expect(list[5]?.kind == .array && list[5]?.count == 0)
    #expect(list[6] == nil && list[-1] == nil)
    #expect(json["c"]?["d"]?["e"]?.int == 3)
    #expect(json["z"] == nil && list["a"] == nil && json[0] == nil)
    #expect(json["a"]?.string == nil && json["a"]?.int == nil && json["a"]?.bool == nil && json["a"]?.double == nil)
    #expect(json.members.map { $0.key.string } == ["a", "b", "c"])
    #expect(list.elements.map(\.kind) == [.bool, .bool, .number, .string, .object, .array])
    #expect(String(decoding: json["c"]!.source, as: UTF8.self) == #"{"d": {"e": 3}}"#)
  }

  @Test("of a repeated key the last value wins, iteration shows both") func repeatedKeys() throws {
    let json = try parseJSON(#"{"a": 1, "\u0061": 2}"#)
    #expect(json["a"]?.int == 2)
    #expect(json.members.map { $0.value.int } == [1, 2])
  }

  @Test(
    "integers are exact, whatever their spelling",
    arguments: [
      ("0", 0), ("-0", 0), ("-0.0", 0), ("7", 7), ("2.0", 2), ("1e3", 1000), ("1E+3", 1000), ("1500e-2", 15),
      ("1.25e2", 125), ("100000e-5", 1), ("9223372036854775807", .max), ("-9223372036854775808", .min),
      ("9223372036854775808", nil), ("-9223372036854775809", nil), ("18446744073709551616", nil), ("1.5", nil),
      ("1e-1", nil), ("1e19", nil), ("1e99999999999999999999", nil), ("0e99999999999999999999", 0),
      ("0.000000000000000000000000000001e30", 1), ("10000000000000000000000e-22", 1), ("NaN", nil), ("Infinity", nil),
      ("-Infinity", nil), ("1e-99999999999999999999", nil), ("922337203685477580.7e1", .max),
    ] as [(String, Int?)]) func integers(_ text: String, _ value: Int?) throws
  {
    #expect(try parseJSON(text).int == value)
    #expect(try parseJSON("[\(text)]")[0]?.int == value)
  }

  @Test func unsignedIntegers() throws {
    for (text, value) in [
      ("0", 0), ("-0", 0), ("18446744073709551615", .max), ("1.8e19", 18_000_000_000_000_000_000), ("-1", nil),
      ("18446744073709551616", nil), ("0.5", nil), ("NaN", nil),
    ] as [(String, UInt?)] { #expect(try parseJSON(text).unsigned == value, "\(text)") }
    #expect(try parseJSON("\"1\"").unsigned == nil)
  }

  @Test("every Int is read as it was written") func randomIntegers() throws {
    var random = SplitMix(seed: 3)
    for _ in 0..<20_000 {
      let value = Int(bitPattern: UInt(random.next())) >> random.below(64)
      #expect(try parseJSON("\(value)").int == value)
    }
  }

  @Test("doubles are the nearest ones") func doubles() throws {
    for (text, value) in [
      ("0.1", 0.1), ("-2.5E-3", -0.0025), ("1e400", .infinity), ("1e-400", 0),
      ("123456789012345678901234567890", 1.2345678901234568e29),
      ("2.2250738585072011e-308", Double(bitPattern: 0xF_FFFF_FFFF_FFFF)), ("-Infinity", -.infinity),
      ("9007199254740993", 9007199254740992),
    ] { #expect(try parseJSON(text).double == value, "\(text)") }
    #expect(try parseJSON("NaN").double?.isNaN == true)
    var random = SplitMix(seed: 4)
    for _ in 0..<20_000 {
      let value = Double(bitPattern: random.next())
      guard value.isFinite else { continue }
      #expect(try parseJSON("\(value)").double == value)
    }
    let long = "0." + String(repeating: "3", count: 5000)
    #expect(try parseJSON(long).double == 1.0 / 3)
  }

  @Test("a locale with decimal commas changes nothing") func locale() throws {
    let before = setlocale(LC_ALL, nil).map { String(cString: $0) }
    defer { setlocale(LC_ALL, before ?? "C") }
    for name in ["de_DE.UTF-8", "fr_FR.UTF-8"] { setlocale(LC_ALL, name) }
    #expect(try parseJSON("1.5").double == 1.5)
  }

  @Test(
    "escapes are resolved",
    arguments: [
      (#""""#, ""), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""a\u0000b""#, "a\0b"),
      (#""\u00e9\u4E2d""#, "é中"), (#""\ud83d\ude00!""#, "😀!"), (#""\ud83d""#, "\u{FFFD}"),
      (#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"), (#""\ud83d\u0041""#, "\u{FFFD}A"),
      (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"), (#""\udbff\udfff""#, "\u{10FFFF}"), ("\"é中😀\u{7F}\"", "é中😀\u{7F}"),
      (#""x\ud83dx""#, "x\u{FFFD}x"),
    ]) func escapes(_ text: String, _ value: String) throws
  {
    let json = try parseJSON(text)
    #expect(json.string == value)
    #expect(json.withUTF8 { Array($0) } == Array(value.utf8))
  }

  @Test(
    "what is not JSON is refused with its place",
    arguments: [
      ("", 1, 1), (" \n ", 2, 2), ("{", 1, 2), ("[1,]", 1, 4), ("[,1]", 1, 2), ("[1 2]", 1, 4), ("{\"a\":1,}", 1, 8),
      ("{\"a\" 1}", 1, 6), ("{a:1}", 1, 2), ("{\"a\":}", 1, 6), ("{'a':1}", 1, 2), ("[1]]", 1, 4), ("1 2", 1, 3),
      ("01", 1, 2), ("+1", 1, 1), (".5", 1, 1), ("1.", 1, 3), ("1.e3", 1, 3), ("1e", 1, 3), ("-", 1, 2), ("- 1", 1, 2),
      ("0x10", 1, 2), ("tru", 1, 1), ("True", 1, 1), ("nul", 1, 1), ("\"abc", 1, 1), ("[\n\"é\", \"a\nb\"]", 2, 8),
      (#""\x""#, 1, 2), (#""\u12g4""#, 1, 2), (#""\u12"#, 1, 2), ("\"\\", 1, 2), ("[1}", 1, 3), ("{]", 1, 2),
      ("// c\n1", 1, 1), ("[1]\0", 1, 4), ("\u{FEFF}", 1, 1), ("\u{FEFF}[1]", 1, 1), ("nan", 1, 1), ("-NaN", 1, 2),
      ("--1", 1, 2),
    ]) func refusals(_ text: String, _ line: Int, _ column: Int) throws
  {
    let failure = try #require(throws: Failure.self) { try parseJSON(text) }
    #expect(failure.code == .invalidFile)
    #expect(failure.message.hasPrefix("test.json, line \(line), column \(column): "), "\(failure.message)")
  }

  @Test(
    "bytes that are not UTF-8 are refused",
    arguments: [
      [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x41], [0xE0, 0x9F, 0x80], [0xE2, 0x82], [0xED, 0xA0, 0x80],
      [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xE2, 0x82, 0xC0],
      [0xF1, 0x80, 0x80],
    ] as [[UInt8]]) func invalidUTF8(_ bytes: [UInt8]) throws
  {
    for tail in [Array("\"".utf8), []] {
      let failure = try #require(throws: Failure.self) { try parseJSON([UInt8(ascii: "\"")] + bytes + tail) }
      #expect(failure.message.contains("not UTF-8"))
    }
    #expect(throws: Failure.self) { try parseJSON(bytes) }
  }

  @Test("depth has a limit and meets no stack") func depth() throws {
    func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    #expect(try parseJSON(nested(JSON.maximalDepth)).kind == .array)
    let failure = try #require(throws: Failure.self) { try parseJSON(nested(JSON.maximalDepth + 1)) }
    #expect(failure.message.contains("512"))
    #expect(throws: Failure.self) { try parseJSON(String(repeating: "{\"a\":", count: 1_000_000)) }
  }

  @Test("random documents read as Foundation reads them") func agreesWithFoundation() throws {
    var random = SplitMix(seed: 1)
    for _ in 0..<2000 {
      let text = random.document(depth: 5)
      let expected = try #require(
        try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed) as? NSObject)
      #expect(foundationValue(try parseJSON(text)) == expected, "\(text)")
    }
  }

  @Test("no change of bytes makes the parser fall") func mutations() throws {
    var random = SplitMix(seed: 2)
    var accepted = 0
    for _ in 0..<20_000 {
      var bytes = Array(random.document(depth: 4).utf8)
      for _ in 0..<random.below(4) { bytes[random.below(bytes.count)] = random.interestingByte() }
      if random.below(3) == 0 { bytes.removeLast(random.below(bytes.count)) }
      do throws(Failure) {
        let json = try parseJSON(bytes)
        _ = foundationValue(json)
        accepted += 1
      } catch { #expect(error.code == .invalidFile && error.message.hasPrefix("test.json, line ")) }
    }
    #expect(accepted > 1000)
  }

  @Test("a file that is not there, a folder and a pipe are named") func files() throws {
    let folder = try TemporaryFolder()
    #expect(try #require(throws: Failure.self) { try JSON.file(folder.path + "/none.json") }.code == .notFound)
    #expect(try #require(throws: Failure.self) { try JSON.file(folder.path + "/none/none.json") }.code == .notFound)
    #expect(try #require(throws: Failure.self) { try JSON.file("a\0b") }.code == .notFound)
    let isFolder = try #require(throws: Failure.self) { try JSON.file(folder.path) }
    #expect(isFolder.code == .inputOutput && isFolder.message.contains(folder.path))
    mkfifo(folder.path + "/pipe", 0o600)
    #expect(try #require(throws: Failure.self) { try JSON.file(folder.path + "/pipe") }.code == .inputOutput)
    try folder.write("bad.json", "{\n  \"a\": tru\n}")
    let bad = try #require(throws: Failure.self) { try JSON.file(folder.path + "/bad.json") }
    #expect(bad.message == "\(folder.path)/bad.json, line 2, column 8: expected a value")
    try folder.write("empty.json", "")
    #expect(try #require(throws: Failure.self) { try JSON.file(folder.path + "/empty.json") }.code == .invalidFile)
    try folder.write("good.json", "{\"a\": 1}")
    #expect(try JSON.file(folder.path + "/good.json")["a"]?.int == 1)
  }

  @Test("ten megabytes parse in well under 100 ms, and iterate") func speed() throws {
    var text = "{\"vocab\": {"
    var size = 0
    for id in 0..<128_000 {
      if id > 0 { text += ", " }
      text += "\"\\u0120token\(id)\": \(id)"
    }
    text += "}, \"merges\": ["
    while text.utf8.count < 10_000_000 {
      text += "\"ab cd\(size)\",\n      "
      size += 1
    }
    text += "\"\"]}"
    let bytes = TextBytes(Array(text.utf8))
    let best = try (0..<5).map { _ in try processorTime { _ = try JSON.parse(bytes.bytes, file: "test.json") } }.min()!
    print("parsing \(text.utf8.count) bytes: \(best * 1000) ms")
    #expect(best < 0.1)
    let json = try parseJSON(text)
    var sum = 0
    let iteration = processorTime { for (key, value) in json["vocab"]!.members { sum += key.utf8!.count + value.int! } }
    print("reading 128000 members: \(iteration * 1000) ms")
    #expect(sum == 128_000 * 127_999 / 2 + (0..<128_000).reduce(0) { $0 + 7 + "\($1)".utf8.count })
  }

  // Needs the tokenizers beside the checkout.
  @Test("real vocabularies are read whole", .enabled(if: Shared.isThere)) func tokenizers() throws {
    let paths = Shared.files(in: "tokenizers") { ["tokenizer.json", "vocab.json"].contains($0) }
    #expect(paths.count == 6)
    for path in paths {
      var json: JSON?
      let time = try processorTime { json = try JSON.file(path) }
      let value = try #require(json)
      print(
        "\(path.split(separator: "/").suffix(2).joined(separator: "/")): "
          + "\(value.source.count) bytes in \(time * 1000) ms"
      )
      let vocabulary = value["model"]?["vocab"] ?? value
      if vocabulary.kind == .array {  // pieces with their scores
        #expect(vocabulary.elements.allSatisfy { $0[0]?.string != nil && $0[1]?.double?.isFinite == true })
      } else {
        #expect(vocabulary.members.compactMap(\.value.int).sorted() == Array(0..<vocabulary.count))
      }
      #expect(vocabulary.count > 30_000)
    }
  }
}
