/// Which queries look at which keys, as a picture.
struct AttentionMap {
  let queries: [String]
  let keys: [String]
  /// `[queries][keys]`
  let weights: [[Float]]

  var json: Value {
    .object([
      Field("queries", .list(queries.map { .string($0) })), Field("keys", .list(keys.map { .string($0) })),
      Field("weights", .list(weights.map { .list($0.map { .float($0) }) })),
    ])
  }

  private static let cell = 26
  private static let letter = 8

  private func margin(_ names: [String]) -> Int { (names.map(\.count).max() ?? 0) * AttentionMap.letter + 16 }

  /// A square for each pair, the darker the more the query (a row) looks at the key (a column).
  var heatmap: String {
    let cell = AttentionMap.cell
    let (left, top) = (margin(queries), margin(keys))
    var svg = head(width: left + keys.count * cell + 10, height: top + queries.count * cell + 10)
    for (index, key) in keys.enumerated() {
      let x = left + index * cell + cell / 2 + 5
      svg += "<text transform=\"translate(\(x) \(top - 6)) rotate(-90)\">\(escaped(key))</text>\n"
    }
    for (row, query) in queries.enumerated() {
      let y = top + row * cell
      svg += "<text x=\"\(left - 6)\" y=\"\(y + cell / 2 + 5)\" text-anchor=\"end\">\(escaped(query))</text>\n"
      for (column, weight) in weights[row].enumerated() {
        svg += "<rect x=\"\(left + column * cell)\" y=\"\(y)\" width=\"\(cell - 1)\" height=\"\(cell - 1)\" "
        svg += "fill=\"#1f5fbf\" fill-opacity=\"\(fixed(Double(weight), 3))\">"
        svg += "<title>\(escaped(query)) → \(escaped(keys[column])): \(fixed(Double(weight), 3))</title></rect>\n"
      }
    }
    return svg + "</svg>\n"
  }

  /// Keys above, queries below, and a line for each pair, the stronger the more the query looks at the key.
  var alignment: String {
    let step = max(margin(keys + queries), 40)
    let (width, bottom) = (max(keys.count, queries.count) * step + 20, 190)
    func x(_ index: Int, of count: Int) -> Int { width / 2 + (2 * index - count + 1) * step / 2 }
    var svg = head(width: width, height: bottom + 40)
    for (row, line) in weights.enumerated() {
      for (column, weight) in line.enumerated() where weight >= 0.02 {
        svg += "<line x1=\"\(x(column, of: keys.count))\" y1=\"36\" x2=\"\(x(row, of: queries.count))\" "
        svg += "y2=\"\(bottom)\" stroke=\"#1f5fbf\" stroke-width=\"\(fixed(1 + 3 * Double(weight), 2))\" "
        svg += "stroke-opacity=\"\(fixed(Double(weight), 3))\"/>\n"
      }
    }
    for (names, y) in [(keys, 26), (queries, bottom + 20)] {
      for (index, name) in names.enumerated() {
        svg += "<text x=\"\(x(index, of: names.count))\" y=\"\(y)\" text-anchor=\"middle\">\(escaped(name))</text>\n"
      }
    }
    return svg + "</svg>\n"
  }

  private func head(width: Int, height: Int) -> String {
    """
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" width="\(width)" height="\(height)" \
    font-family="monospace" font-size="13">
    <rect width="100%" height="100%" fill="white"/>

    """
  }

  private func escaped(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      // Control characters are no part of XML; their pictures are.
      case _ where scalar.value < 0x20: out.unicodeScalars.append(Unicode.Scalar(0x2400 + scalar.value)!)
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}
