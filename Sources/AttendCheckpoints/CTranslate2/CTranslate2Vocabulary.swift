// The lists of tokens in CTranslate2's folders.
import AttendBase

/// The tokens of a side, by their ids: a JSON list, or in older folders a line each. The unknown token stands behind
/// those of the list, where it is not among them.
struct CTranslate2Vocabulary {
  private let list: JSON?
  private let lines: LoadedFile?
  private let unknown: String

  /// The first of these lists that the folder has; nil where it has none. Throws `invalidFile`, `inputOutput`,
  /// `outOfMemory`.
  init?(_ folder: HuggingFaceFolder, names: [String], unknown: String) throws(Failure) {
    self.unknown = unknown
    for name in names {
      if let json = try folder.json("\(name).json") {
        guard json.kind == .array, json.elements.allSatisfy({ $0.kind == .string }) else {
          throw json.invalid("a vocabulary should be a list of tokens")
        }
        (list, lines) = (json, nil)
        return
      }
      if let text = try folder.text("\(name).txt") {
        (list, lines) = (nil, text)
        return
      }
    }
    return nil
  }

  /// Calls `body` with each token in the order of the ids.
  func forEach(_ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Void) throws(Failure) {
    var isKnown = false
    func tell(_ token: UnsafeBufferPointer<UInt8>) throws(Failure) {
      if token.elementsEqual(unknown.utf8) { isKnown = true }
      try body(token)
    }
    func tell(_ json: JSON) throws(Failure) {
      let told = json.withUTF8 { token in Result { () throws(Failure) in try tell(token) } }
      try told?.get()
    }
    if let list { for element in list.elements { try tell(element) } }
    if let lines {
      let bytes = lines.bytes.assumingMemoryBound(to: UInt8.self)
      var start = 0
      while start < bytes.count {
        let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
        try tell(UnsafeBufferPointer(rebasing: bytes[start..<end]))
        start = end + 1
      }
      withExtendedLifetime(lines) {}
    }
    guard !isKnown else { return }
    var last = unknown
    let told = last.withUTF8 { token in Result { () throws(Failure) in try body(token) } }
    try told.get()
  }

  /// The ids of tokens; nil for those that are not there. Of a token that comes twice the first.
  func ids(_ tokens: [String]) throws(Failure) -> [Int?] {
    var (found, id) = ([Int?](repeating: nil, count: tokens.count), 0)
    try forEach { token in
      for (place, wanted) in tokens.enumerated() where found[place] == nil && token.elementsEqual(wanted.utf8) {
        found[place] = id
      }
      id += 1
    }
    return found
  }
}
