/// Comma-separated values as RFC 4180 has them.
enum CSV {
  /// The rows of a text, each with the number of the line it begins in; rows without any character are left out.
  static func rows(_ bytes: [UInt8], separator: UInt8) throws(Trouble) -> [(line: Int, cells: [String])] {
    var rows: [(line: Int, cells: [String])] = []
    var (cells, cell) = ([String](), [UInt8]())
    var (line, begin, quoted, index) = (1, 1, false, 0)
    func ended() -> String { String(decoding: cell, as: UTF8.self) }
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      if byte == UInt8(ascii: "\n") { line += 1 }
      if quoted {
        if byte != UInt8(ascii: "\"") {
          cell.append(byte)
        } else if index < bytes.count, bytes[index] == UInt8(ascii: "\"") {
          cell.append(byte)
          index += 1
        } else {
          quoted = false
        }
      } else if byte == UInt8(ascii: "\"") && cell.isEmpty {
        quoted = true
      } else if byte == separator {
        cells.append(ended())
        cell = []
      } else if byte == UInt8(ascii: "\n") {
        if cell.last == UInt8(ascii: "\r") { cell.removeLast() }
        if !(cells.isEmpty && cell.isEmpty) { rows.append((begin, cells + [ended()])) }
        (cells, cell, begin) = ([], [], line)
      } else {
        cell.append(byte)
      }
    }
    guard !quoted else { throw Trouble("a quotation mark in line \(begin) has no second one") }
    if !(cells.isEmpty && cell.isEmpty) { rows.append((begin, cells + [ended()])) }
    return rows
  }

  /// A row, in quotation marks where a cell needs them.
  static func line(_ cells: [String]) -> String {
    cells.map { cell in
      let special = cell.utf8.contains { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") || $0 == 10 || $0 == 13 }
      guard special else { return cell }
      return "\"" + cell.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }.joined(separator: ",")
  }
}
