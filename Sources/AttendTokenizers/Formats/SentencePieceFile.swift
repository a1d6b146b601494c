import AttendBase
import AttendCheckpoints

/// A SentencePiece model file, as sentencepiece_model.proto describes it.
final class SentencePieceFile {
  enum PieceType: UInt64 { case normal = 1, unknown, control, userDefined, unused, byte }
  enum ModelType: UInt64 { case unigram = 1, bytePairs, word, character }

  struct Piece {
    var score: Float = 0
    var type = PieceType.normal
  }

  let file: String
  private var pieces = GrowingList<Piece>(for: "the pieces of a tokenizer")
  private var spellings = TextList(for: "the pieces of a tokenizer")  // of each piece
  private(set) var model = ModelType.unigram
  private(set) var byteFallback = false
  private(set) var spaceIsSuffix = false
  private var characterMap = GrowingList<UInt8>(for: "a character map")
  private(set) var addsPrefix = true
  private(set) var removesExtraSpaces = true
  private(set) var escapesSpaces = true

  init(_ bytes: UnsafeRawBufferPointer, file: String) throws(Failure) {
    self.file = file
    guard !bytes.isEmpty else { throw Failure(.invalidFile, "\(file) is empty, and no SentencePiece model") }
    var reader = ProtobufReader(bytes, file: file)
    while let (field, value) = try reader.next() {
      guard case .bytes(let message) = value else { continue }
      switch field {
      case 1: try readPiece(message)
      case 2: try readTrainer(message)
      case 3: try readNormalizer(message)
      default: break
      }
    }
    guard !pieces.isEmpty else { throw Failure(.invalidFile, "\(file) holds no pieces") }
    guard pieces.count < Vocabulary.limit else {
      throw Failure(.invalidFile, "\(file) holds \(pieces.count) pieces, more than \(Vocabulary.limit)")
    }
  }

  private func readPiece(_ message: UnsafeRawBufferPointer) throws(Failure) {
    var piece = Piece(), text = UnsafeRawBufferPointer(start: nil, count: 0)
    var reader = ProtobufReader(message, file: file)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (1, .bytes(let bytes)): text = bytes
      case (2, .number(let bits)): piece.score = Float(bitPattern: UInt32(truncatingIfNeeded: bits))
      case (3, .number(let number)):
        guard let type = PieceType(rawValue: number) else {
          throw Failure(.unsupported, "\(file): pieces of type \(number) are not supported")
        }
        piece.type = type
      default: break
      }
    }
    try pieces.append(piece)
    try spellings.append(repairing: text)
  }

  private func readTrainer(_ message: UnsafeRawBufferPointer) throws(Failure) {
    var reader = ProtobufReader(message, file: file)
    while let (field, value) = try reader.next() {
      guard case .number(let number) = value else { continue }
      switch field {
      case 3:
        guard let model = ModelType(rawValue: number) else {
          throw Failure(.invalidFile, "\(file): there is no model type \(number)")
        }
        self.model = model
      case 24: spaceIsSuffix = number != 0
      case 35: byteFallback = number != 0
      default: break
      }
    }
  }

  private func readNormalizer(_ message: UnsafeRawBufferPointer) throws(Failure) {
    var reader = ProtobufReader(message, file: file)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (2, .bytes(let map)):
        characterMap.removeAll()
        try characterMap.append(contentsOf: map.assumingMemoryBound(to: UInt8.self))
      case (3, .number(let number)): addsPrefix = number != 0
      case (4, .number(let number)): removesExtraSpaces = number != 0
      case (5, .number(let number)): escapesSpaces = number != 0
      default: break
      }
    }
  }

  // MARK: The tokenizer that it describes

  /// The number of pieces.
  var count: Int { pieces.count }

  /// The texts of all pieces of a type.
  func texts(of type: PieceType) throws(Failure) -> TextList {
    var texts = TextList(for: "the pieces of a tokenizer")
    for id in 0..<count where pieces[id].type == type && !spellings[id].isEmpty { try texts.append(spellings[id]) }
    return texts
  }

  /// The stand-in for unknown characters.
  var unknown: Int32? { pieces.elements.firstIndex { $0.type == .unknown }.map { Int32($0) } }

  func vocabulary() throws(Failure) -> Vocabulary {
    let vocabulary = try Vocabulary(capacity: count)
    for id in 0..<count { try vocabulary.insert(spellings[id], id: id, source: file) }
    return vocabulary
  }

  func normalizer() throws(Failure) -> SentencePieceNormalizer {
    let map = characterMap.isEmpty ? nil : try CharacterMap(UnsafeBufferPointer(characterMap.elements), source: file)
    return try SentencePieceNormalizer(
      map: map, dummy: !addsPrefix ? .none : spaceIsSuffix ? .suffix : .prefix, removesExtraSpaces: removesExtraSpaces,
      escapesSpaces: escapesSpaces, verbatim: try texts(of: .userDefined))
  }

  func tokenizerModel() throws(Failure) -> any TokenizerModel {
    switch model {
    case .unigram: return try unigram()
    case .bytePairs: return try bytePairs()
    case .word:
      return try SentencePieceWords(try vocabulary(), unknown: unknown, byteFallback: byteFallback, source: file)
    case .character: return try characters()
    }
  }

  private func unigram() throws(Failure) -> Unigram {
    let normal = pieces.elements.lazy.filter { $0.type == .normal }.map { Double($0.score) }
    let best = normal.max() ?? 0
    var scores = GrowingList<Double>(for: "the scores of a tokenizer")
    for id in 0..<count {
      // A piece that the user defined scores more than any other way to cover it (unigram_model.cc).
      let isBest = pieces[id].type == .userDefined
      try scores.append(Double(isBest ? Float(Double(spellings[id].count) * best - 0.1) : pieces[id].score))
    }
    let options = Unigram.Options(unknown: unknown, byteFallback: byteFallback, singlePrecision: true)
    return try Unigram(try vocabulary(), scores: scores, worst: normal.min() ?? 0, options, source: file) { id in
      pieces[id].type == .normal || pieces[id].type == .userDefined
    }
  }

  /// Every character is a piece: byte pairs without merges.
  private func characters() throws(Failure) -> BytePairEncoding {
    try BytePairEncoding(
      try vocabulary(), merges: try MergeTable(capacity: 0), byteOptions, whole: try texts(of: .userDefined))
  }

  /// The treatment of what no piece covers, by byte pairs and characters.
  private var byteOptions: BytePairEncoding.Options {
    var options = BytePairEncoding.Options()
    options.unknown = unknown
    options.fusesUnknown = true
    options.byteFallback = byteFallback
    return options
  }

  /// Every pair of pieces that together are a piece is a merge; the higher the score of the whole, the sooner.
  private func bytePairs() throws(Failure) -> BytePairEncoding {
    let vocabulary = try vocabulary()
    func isPart(_ id: Int32) -> Bool { [.normal, .unused].contains(pieces[Int(id)].type) }
    var order = GrowingList<Int32>(for: "the pieces of a tokenizer")
    for id in 0..<Int32(count) where isPart(id) { try order.append(id) }
    try order.sort { (-pieces[Int($0)].score, $0) < (-pieces[Int($1)].score, $1) }
    let table = try MergeTable.ofAllSplits(order, vocabulary, isPart: isPart)
    return try BytePairEncoding(vocabulary, merges: table, byteOptions, whole: try texts(of: .userDefined))
  }
}
