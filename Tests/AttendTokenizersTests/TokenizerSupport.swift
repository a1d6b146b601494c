// What the tests of this room share.
import AttendBase
import AttendCheckpoints
import AttendTokenizers
import AttendTestSupport
import Foundation

enum Folder {
  static let repository = Repository.root.path
}

extension JSON { var numbers: [Int32] { elements.compactMap { $0.int.map(Int32.init) } } }

extension Tokenizer {
  func encoding(_ text: [UInt8], special: Bool) throws -> Encoding {
    try text.withUnsafeBytes { try encode($0, TokenizeOptions(addSpecialTokens: special)) }
  }
  func encoding(_ text: String, special: Bool) throws -> Encoding { try encoding(Array(text.utf8), special: special) }
  func encoding(
    _ text: String, pair: String? = nil, _ options: TokenizeOptions = TokenizeOptions()
  ) throws -> Encoding {
    try Array(text.utf8).withUnsafeBytes { text in
      guard let pair else { return try encode(text, options) }
      return try Array(pair.utf8).withUnsafeBytes { try encode(text, pair: $0, options) }
    }
  }
  func ids(_ text: String, special: Bool = false) throws -> [Int32] { Array(try encoding(text, special: special).ids) }
  func id(_ token: String) -> Int32? { Array(token.utf8).withUnsafeBytes { id(of: $0) } }

  func bytes(_ ids: [Int32], keepSpecial: Bool = false) throws -> [UInt8] {
    try ids.withUnsafeBufferPointer { Array(try decode($0, skipSpecialTokens: !keepSpecial)) }
  }

  func text(_ ids: [Int32], keepSpecial: Bool = false) throws -> String {
    String(decoding: try bytes(ids, keepSpecial: keepSpecial), as: UTF8.self)
  }
}

extension EncodingColumn where Element: Equatable {
  static func == (column: EncodingColumn, list: [Element]) -> Bool { column.elementsEqual(list) }
}
