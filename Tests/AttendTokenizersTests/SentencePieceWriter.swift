// Writes SentencePiece models by the rules of sentencepiece_model.proto.

enum SentencePieceWriter {
  struct Piece {
    let text: String
    let score: Float
    var type: UInt8 = 1
  }

  private static func varint(_ value: Int) -> [UInt8] {
    value < 128 ? [UInt8(value)] : [UInt8(value & 127 | 128)] + varint(value >> 7)
  }
  private static func message(_ field: Int, _ bytes: [UInt8]) -> [UInt8] {
    varint(field << 3 | 2) + varint(bytes.count) + bytes
  }

  /// `model` 1 is unigram, 2 byte pairs, 3 words, 4 characters.
  static func write(
    _ pieces: [Piece], model: UInt8, byteFallback: Bool = false, addsPrefix: Bool = true,
    removesExtraSpaces: Bool = true, spaceIsSuffix: Bool = false
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    for piece in pieces {
      let score = withUnsafeBytes(of: piece.score.bitPattern.littleEndian) { Array($0) }
      bytes += message(1, message(1, Array(piece.text.utf8)) + [2 << 3 | 5] + score + [3 << 3, piece.type])
    }
    bytes += message(
      2, [3 << 3, model] + varint(24 << 3) + [spaceIsSuffix ? 1 : 0] + varint(35 << 3) + [byteFallback ? 1 : 0])
    bytes += message(
      3, message(1, Array("identity".utf8)) + [3 << 3, addsPrefix ? 1 : 0, 4 << 3, removesExtraSpaces ? 1 : 0])
    return bytes
  }

  static func small(model: UInt8 = 1, spaceIsSuffix: Bool = false) -> [UInt8] {
    write(
      [
        Piece(text: "<unk>", score: 0, type: 2), Piece(text: "<s>", score: 0, type: 3),
        Piece(text: "</s>", score: 0, type: 3),
      ]
        + ["▁", "a", "b", "▁a", "ab", "▁ab", "b▁", "ab▁"].enumerated().map { Piece(text: $1, score: -Float($0) - 1) },
      model: model, spaceIsSuffix: spaceIsSuffix)
  }
}
