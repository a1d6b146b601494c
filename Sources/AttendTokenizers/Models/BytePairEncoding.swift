import AttendBase

/// Byte pair encoding (Sennrich et al. 2016, arXiv:1508.07909): a piece of text starts as single characters, or bytes,
/// and the pair of neighbours with the lowest rank, the leftmost of equals, is merged until none has a rank.
final class BytePairEncoding: TokenizerModel {
  struct Options {
    /// Stands for characters that the vocabulary lacks; without it they vanish.
    var unknown: Int32?
    /// Unknown characters in a row become one token.
    var fusesUnknown = false
    /// Bytes of unknown characters become the tokens <0x00> to <0xFF>.
    var byteFallback = false
    /// A piece that is a token as it stands is that token.
    var ignoresMerges = false
    /// In front of what does not begin a piece, and behind what ends one.
    var continuingPrefix: [UInt8] = []
    var endSuffix: [UInt8] = []
    /// The text holds plain bytes, and the vocabulary spells them as byte-level letters.
    var isByteLevel = false
    /// At byte level: the vocabulary holds the bytes themselves rather than letters that stand for them.
    var spellsBytes = false
  }

  let vocabulary: Vocabulary
  var marksContinuations: Bool { !options.continuingPrefix.isEmpty }
  private let merges: MergeTable
  private let options: Options
  /// The first symbols of ASCII characters, or of all bytes, by place in the piece, -1 where there is none.
  private let firstSymbols: AlignedBuffer  // [4, 256] Int32
  private let fallback: ByteTokens
  /// With `ignoresMerges` at byte level: whole tokens by their bytes.
  private let wholeTokens: TokenMap?
  /// Pieces of up to this many symbols are merged by looking at all pairs each time, longer ones through a heap.
  private static let shortPiece = 40

  /// Texts that are one symbol from the start, and their ids.
  private let whole: DoubleArray?
  private let wholeIDs: AlignedBuffer  // [texts] Int32

  convenience init(_ vocabulary: Vocabulary, merges: MergeTable, _ options: Options) throws(Failure) {
    try self.init(vocabulary, merges: merges, options, whole: TextList(for: DoubleArray.purpose))
  }

  /// `whole` are texts that are taken as one symbol from the start.
  init(
    _ vocabulary: Vocabulary, merges: MergeTable, _ options: Options, whole: borrowing TextList
  ) throws(Failure) {
    self.whole = whole.isEmpty ? nil : try DoubleArray(texts: whole)
    wholeIDs = try AlignedBuffer(whole.count, of: Int32.self, for: DoubleArray.purpose)
    for index in 0..<whole.count { wholeIDs.pointer(to: Int32.self)[index] = vocabulary.id(whole[index]) }
    self.vocabulary = vocabulary
    self.merges = merges
    self.options = options
    fallback = options.byteFallback ? try ByteTokens(of: vocabulary) : ByteTokens()
    firstSymbols = try AlignedBuffer(4 * 256, of: Int32.self, for: "the first symbols of a tokenizer")
    for place in 0..<4 {
      for byte in 0..<256 {
        let character =
          options.isByteLevel && !options.spellsBytes
          ? ByteLetters.spelling(UInt8(byte)) : byte < 128 || options.spellsBytes ? [UInt8(byte)] : []
        firstSymbols.pointer(to: Int32.self)[place << 8 | byte] =
          character.isEmpty ? -1 : vocabulary.id(BytePairEncoding.spelling(character, place, options))
      }
    }
    if options.ignoresMerges, options.isByteLevel, !options.spellsBytes {
      let map = try TokenMap(capacity: vocabulary.size)
      var bytes = GrowingList<UInt8>(for: "a token")
      for id in 0..<vocabulary.size {
        guard let token = vocabulary.token(id), ByteLetters.areLetters(token) else { continue }
        bytes.removeAll()
        try ByteLetters.forEachByte(token) { byte throws(Failure) in try bytes.append(byte) }
        try map.insert(UnsafeBufferPointer(bytes.elements), Int32(id))
      }
      wholeTokens = map
    } else {
      wholeTokens = nil
    }
  }

  /// Bit 0 of a place: it does not begin the piece; bit 1: it ends it.
  private static func spelling(_ character: [UInt8], _ place: Int, _ options: Options) -> [UInt8] {
    (place & 1 != 0 ? options.continuingPrefix : []) + character + (place & 2 != 0 ? options.endSuffix : [])
  }

  func tokenize(_ text: PreTokenizedText, into tokens: inout TokenList) throws(Failure) {
    var word = SymbolList()
    try tokens.reserve(text.text.bytes.count / 3)
    try forEachPiece(text, &tokens) { bytes, range, tokens throws(Failure) in
      if options.ignoresMerges {
        let piece = UnsafeBufferPointer(rebasing: bytes[range])
        let id = wholeTokens?.find(piece) ?? vocabulary.id(piece)
        if id >= 0 {
          try tokens.append(
            ModelToken(
              id: id, start: Int32(truncatingIfNeeded: range.lowerBound),
              end: Int32(truncatingIfNeeded: range.upperBound)))
          return
        }
      }
      word.removeAll()
      try split(bytes, range, into: &word)
      if word.count <= BytePairEncoding.shortPiece { try word.mergeShort(merges) } else { try word.mergeLong(merges) }
      try word.append(to: &tokens, end: range.upperBound)
    }
  }

  /// The first symbols of a piece.
  private func split(
    _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, into word: inout SymbolList
  ) throws(Failure) {
    var unknown = PendingUnknown()
    var position = range.lowerBound
    while position < range.upperBound {
      if let whole, let (index, length) = whole.longestPrefix(bytes, position..<range.upperBound) {
        try unknown.flush(into: &word)
        try word.add(wholeIDs.pointer(to: Int32.self)[Int(index)], position)
        position += length
        continue
      }
      let length = options.isByteLevel ? 1 : UTF8Text.length(first: bytes[position])
      let place = (position > range.lowerBound ? 1 : 0) | (position + length == range.upperBound ? 2 : 0)
      var id: Int32
      if length == 1 {
        id = firstSymbols.pointer(to: Int32.self)[place << 8 | Int(bytes[position])]
      } else if place == 0 || options.continuingPrefix.isEmpty && options.endSuffix.isEmpty {
        id = vocabulary.id(UnsafeBufferPointer(rebasing: bytes[position..<position + length]))
      } else {
        id = vocabulary.id(BytePairEncoding.spelling(Array(bytes[position..<position + length]), place, options))
      }
      if id >= 0 {
        try unknown.flush(into: &word)
        try word.add(id, position)
      } else if let symbols = fallbackSymbols(bytes, position, length, place) {
        try unknown.add(symbols, at: position, length, into: &word)
      } else if let symbol = options.unknown {
        if unknown.start >= 0, !options.fusesUnknown { try unknown.flush(into: &word) }
        if unknown.start < 0 { unknown = PendingUnknown(id: symbol, start: position) }
      } else {
        try word.skip(position..<position + length)
      }
      position += length
    }
    try unknown.flush(into: &word)
  }

  /// The tokens of the bytes of an unknown character, where all of them exist.
  private func fallbackSymbols(
    _ bytes: UnsafeBufferPointer<UInt8>, _ position: Int, _ length: Int, _ place: Int
  ) -> [Int32]? {
    guard !fallback.isEmpty else { return nil }
    let spelling = BytePairEncoding.spelling(Array(bytes[position..<position + length]), place, options)
    return fallback.cover(spelling) ? spelling.map { fallback[$0] } : nil
  }
}

/// An unknown symbol that may still grow.
private struct PendingUnknown {
  var id: Int32 = -1
  var start = -1

  /// Adds the symbols of bytes. Hugging Face's tokenizers keep an unknown symbol waiting behind them, so that the two
  /// change places, and the stretches of the text with them.
  mutating func add(_ bytes: [Int32], at position: Int, _ length: Int, into word: inout SymbolList) throws(Failure) {
    let first = start >= 0 ? start : position
    for (offset, symbol) in bytes.enumerated() { try word.add(symbol, first + min(offset, length - 1)) }
    if start >= 0 { start += length }
  }

  mutating func flush(into word: inout SymbolList) throws(Failure) {
    guard start >= 0 else { return }
    try word.add(id, start)
    start = -1
  }
}
