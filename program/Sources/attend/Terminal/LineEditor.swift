import Glibc

/// A line of the user's, edited in the terminal: the keys of emacs and the arrows, and the lines before it.
struct LineEditor {
  /// How a line was ended.
  enum Outcome {
    case line(String)
    /// Ctrl-C: the line is thrown away
    case dropped
    /// Ctrl-D in an empty line, or nobody types any more
    case end
  }

  private var history: History
  /// What Tab completes the beginning of a line to.
  private let completions: [String]
  private var line: [Character] = []
  private var cursor = 0
  private var place = 0
  /// The line that was being written when the user went back in history.
  private var draft: [Character] = []
  /// The row of the cursor below the first one of the line, as last drawn.
  private var row = 0

  init(history: History, completions: [String]) {
    self.history = history
    self.completions = completions
  }

  /// Asks for a line. Without a terminal that gives out keys it is read as it comes.
  mutating func read(prompt: String) -> Outcome {
    guard Terminal.isTerminal(1), Terminal.raw() else { return plain(prompt) }
    defer { Terminal.restore() }
    (line, cursor, row, place) = ([], 0, 0, history.lines.count)
    draw(prompt)
    while true {
      guard let key = Keyboard.key() else { return finish(prompt, .end) }
      switch key {
      case .enter:
        let text = String(line)
        history.add(text)
        return finish(prompt, .line(text))
      case .control("c"): return finish(prompt, .dropped)
      case .control("d") where line.isEmpty: return finish(prompt, .end)
      default: edit(key)
      }
      draw(prompt)
    }
  }

  private func plain(_ prompt: String) -> Outcome {
    Terminal.write(prompt)
    return readLine().map { .line($0) } ?? .end
  }

  private mutating func finish(_ prompt: String, _ outcome: Outcome) -> Outcome {
    cursor = line.count
    draw(prompt)
    Terminal.write("\r\n")
    return outcome
  }

  private mutating func edit(_ key: Key) {
    switch key {
    case .text(let character):
      line.insert(character, at: cursor)
      cursor += 1
    case .left, .control("b"): cursor = max(cursor - 1, 0)
    case .right, .control("f"): cursor = min(cursor + 1, line.count)
    case .home, .control("a"): cursor = 0
    case .end, .control("e"): cursor = line.count
    case .wordLeft: cursor = wordStart()
    case .wordRight: cursor = wordEnd()
    case .backspace, .control("h"): remove(from: max(cursor - 1, 0), to: cursor)
    case .delete, .control("d"): remove(from: cursor, to: min(cursor + 1, line.count))
    case .control("u"): remove(from: 0, to: cursor)
    case .control("k"): remove(from: cursor, to: line.count)
    case .control("w"): remove(from: wordStart(), to: cursor)
    case .up, .control("p"): recall(place - 1)
    case .down, .control("n"): recall(place + 1)
    case .control("l"):
      Terminal.write("\u{1B}[H\u{1B}[2J")
      row = 0
    case .tab: complete()
    default: break
    }
  }

  private mutating func remove(from start: Int, to end: Int) {
    line.removeSubrange(start..<end)
    cursor = start
  }

  private func wordStart() -> Int {
    var start = cursor
    while start > 0 && line[start - 1].isWhitespace { start -= 1 }
    while start > 0 && !line[start - 1].isWhitespace { start -= 1 }
    return start
  }

  private func wordEnd() -> Int {
    var end = cursor
    while end < line.count && line[end].isWhitespace { end += 1 }
    while end < line.count && !line[end].isWhitespace { end += 1 }
    return end
  }

  private mutating func recall(_ wanted: Int) {
    guard (0...history.lines.count).contains(wanted), wanted != place else { return }
    if place == history.lines.count { draft = line }
    place = wanted
    line = wanted == history.lines.count ? draft : Array(history.lines[wanted])
    cursor = line.count
  }

  private mutating func complete() {
    let fitting = completions.filter { $0.hasPrefix(String(line)) }
    guard cursor == line.count, !line.isEmpty, let first = fitting.first else { return }
    let common = fitting.dropFirst().reduce(first) { String(zip($0, $1).prefix { $0 == $1 }.map(\.0)) }
    line = Array(fitting.count == 1 ? first + " " : common)
    cursor = line.count
  }

  /// Draws the line over what was drawn before, in as many rows as it needs.
  private mutating func draw(_ prompt: String) {
    let columns = Terminal.columns(1)
    var out = row > 0 ? "\r\u{1B}[\(row)A\u{1B}[J" : "\r\u{1B}[J"
    out += Colour.green.paint(prompt) + String(line)
    let end = LineEditor.position(prompt + String(line), columns)
    // A terminal puts off the break of a row that is just full.
    if end.column == 0 && end.row > 0 { out += "\r\n" }
    let wanted = LineEditor.position(prompt + String(line[..<cursor]), columns)
    if end.row > wanted.row { out += "\u{1B}[\(end.row - wanted.row)A" }
    out += "\r" + (wanted.column > 0 ? "\u{1B}[\(wanted.column)C" : "")
    row = wanted.row
    Terminal.write(out)
  }

  /// Where the cursor stands behind a text that begins at the left margin.
  private static func position(_ text: String, _ columns: Int) -> (row: Int, column: Int) {
    var (row, column) = (0, 0)
    for character in text {
      let width = Keyboard.columns(of: character)
      if column + width > columns { (row, column) = (row + 1, 0) }
      column += width
    }
    return column == columns ? (row + 1, 0) : (row, column)
  }
}

/// The lines of before, in memory and, where there is a place for them, in a file.
final class History {
  private static let limit = 1000
  private(set) var lines: [String] = []
  private let path: String?

  /// The file is `attend/history` in XDG_STATE_HOME, by default ~/.local/state.
  init() {
    let home = environment("HOME").map { "\($0)/.local/state" }
    path = (environment("XDG_STATE_HOME") ?? home).map { "\($0)/attend/history" }
    guard let path, access(path, R_OK) == 0, let bytes = try? readFile(path) else { return }
    let read = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    lines = read.suffix(History.limit)
    if read.count > 2 * History.limit { try? writeFile(path, Array((lines.joined(separator: "\n") + "\n").utf8)) }
  }

  /// Keeps a line, unless it is empty or the same as the last one.
  func add(_ line: String) {
    guard !line.isEmpty, line != lines.last else { return }
    lines.append(line)
    guard let path else { return }
    History.makeFolders(path)
    let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard file >= 0 else { return }
    Terminal.write(line + "\n", to: file)
    close(file)
  }

  private static func makeFolders(_ path: String) {
    var folder = ""
    for part in path.split(separator: "/").dropLast() {
      folder += "/\(part)"
      mkdir(folder, 0o700)
    }
  }
}
