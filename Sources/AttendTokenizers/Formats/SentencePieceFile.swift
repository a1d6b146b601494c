import AttendBase
import AttendCheckpoints

/// A SentencePiece model file, as sentencepiece_model.proto describes it.
struct SentencePieceFile {
  enum PieceType: UInt64 { case normal = 1, unknown, control, userDefined, unused, byte }
  enum ModelType: UInt64 { case unigram = 1, bytePairs, word, character }

  struct Piece {
    var text: [UInt8] = []
    var score: Float = 0
    var type = PieceType.normal
  }

  let file: String
  private(set) var pieces: [Piece] = []
  private(set) var model = ModelType.unigram
  private(set) var byteFallback = false
  private(set) var spaceIsSuffix = false
  private(set) var characterMap: [UInt8] = []
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
      case 1: pieces.append(try SentencePieceFile.piece(message, file))
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

  private static func piece(_ message: UnsafeRawBufferPointer, _ file: String) throws(Failure) -> Piece {
    var piece = Piece()
    var reader = ProtobufReader(message, file: file)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (1, .bytes(let text)): piece.text = UTF8Text.repaired(Array(text))
      case (2, .number(let bits)): piece.score = Float(bitPattern: UInt32(truncatingIfNeeded: bits))
      case (3, .number(let number)):
        guard let type = PieceType(rawValue: number) else {
          throw Failure(.unsupported, "\(file): pieces of type \(number) are not supported")
        }
        piece.type = type
      default: break
      }
    }
    return piece
  }

  private mutating func readTrainer(_ message: UnsafeRawBufferPointer) throws(Failure) {
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

  private mutating func readNormalizer(_ message: UnsafeRawBufferPointer) throws(Failure) {
    var reader = ProtobufReader(message, file: file)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (2, .bytes(let map)): characterMap = Array(map)
      case (3, .number(let number)): addsPrefix = number != 0
      case (4, .number(let number)): removesExtraSpaces = number != 0
      case (5, .number(let number)): escapesSpaces = number != 0
      default: break
      }
    }
  }

  // MARK: The tokenizer that it describes

  /// The text of all pieces of a type.
  func texts(of type: PieceType) -> [[UInt8]] { pieces.filter { $0.type == type && !$0.text.isEmpty }.map(\.text) }

  /// What stands for unknown characters.
  var unknown: Int32? { pieces.firstIndex { $0.type == .unknown }.map { Int32($0) } }

  func vocabulary() throws(Failure) -> Vocabulary {
    let vocabulary = Vocabulary(capacity: pieces.count)
    for (id, piece) in pieces.enumerated() { try vocabulary.insert(piece.text, id: id, source: file) }
    return vocabulary
  }

  func normalizer() throws(Failure) -> SentencePieceNormalizer {
    let map = characterMap.isEmpty ? nil : try CharacterMap(characterMap, source: file)
    return try SentencePieceNormalizer(
      map: map, dummy: !addsPrefix ? .none : spaceIsSuffix ? .suffix : .prefix, removesExtraSpaces: removesExtraSpaces,
      escapesSpaces: escapesSpaces, verbatim: texts(of: .userDefined))
  }

  func tokenizerModel() throws(Failure) -> any TokenizerModel {
    switch model {
    case .unigram: return try unigram()
    case .bytePairs: return try bytePairs()
    case .word: return SentencePieceWords(try vocabulary(), unknown: unknown, byteFallback: byteFallback, source: file)
    case .character: return try characters()
    }
  }

  private func unigram() throws(Failure) -> Unigram {
    let normal = pieces.filter { $0.type == .normal }.map { Double($0.score) }
    let best = normal.max() ?? 0
    // A piece that the user defined scores more than any other way to cover it (unigram_model.cc).
    let scores = pieces.map {
      $0.type == .userDefined ? Double(Float(Double($0.text.count) * best - 0.1)) : Double($0.score)
    }
    let options = Unigram.Options(unknown: unknown, byteFallback: byteFallback, singlePrecision: true)
    return try Unigram(try vocabulary(), scores: scores, worst: normal.min() ?? 0, options, source: file) { id in
      pieces[id].type == .normal || pieces[id].type == .userDefined
    }
  }

  /// Every character is a piece: byte pairs without merges.
  private func characters() throws(Failure) -> BytePairEncoding {
    try BytePairEncoding(
      try vocabulary(), merges: MergeTable(capacity: 0), byteOptions, whole: texts(of: .userDefined))
  }

  /// How byte pairs and characters meet what no piece covers.
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
    let order = pieces.indices.filter { pieces[$0].type == .normal || pieces[$0].type == .unused }.sorted {
      (-pieces[$0].score, $0) < (-pieces[$1].score, $1)
    }
    let table = MergeTable.ofAllSplits(order.map { Int32($0) }, vocabulary) {
      pieces[Int($0)].type == .normal || pieces[Int($0)].type == .unused
    }
    return try BytePairEncoding(vocabulary, merges: table, byteOptions, whole: texts(of: .userDefined))
  }
}
