// Searches in texts, by their bytes, which is by code points. Swift has its own beside its regular expressions, which
// are a megabyte and are not linked (Package.swift).

extension StringProtocol {
  /// The first place of a text, which is not empty; nil: it does not occur.
  package func firstRange(of text: String) -> Range<Index>? {
    let (bytes, sought) = (utf8, text.utf8)
    guard let first = sought.first else { return nil }
    var start = bytes.startIndex
    while let place = bytes[start...].firstIndex(of: first) {
      if bytes[place...].starts(with: sought) { return place..<bytes.index(place, offsetBy: sought.count) }
      start = bytes.index(after: place)
    }
    return nil
  }

  /// Whether a text, which is not empty, occurs.
  package func contains(_ text: String) -> Bool { firstRange(of: text) != nil }

  /// The same with every occurrence of a text, which is not empty, replaced.
  package func replacing(_ old: String, with new: String) -> String {
    var result = "", rest = self[...]
    while let place = rest.firstRange(of: old) {
      result += rest[..<place.lowerBound]
      result += new
      rest = rest[place.upperBound...]
    }
    return result + rest
  }
}
