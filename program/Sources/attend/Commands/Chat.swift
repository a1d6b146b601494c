import ArgumentParser

/// A conversation in the terminal.
struct Chat {
  private var talk: Conversation
  private let file: String?
  private var images: [String] = []
  private var editor: LineEditor

  private static let help = """
    /help              this list
    /system [TEXT]     what the model is told first; without a text, nothing
    /set NAME VALUE    an option of generation, its value as JSON
    /unset NAME        an option is as the checkpoint says again
    /options           the options that are set
    /image FILE        a picture for the next question
    /retry             the last question once more
    /undo              takes the last question and its answer back
    /clear             begins a new conversation
    /save FILE         writes the conversation, as JSON
    /load FILE         goes on from one that was saved
    /exit              ends, as Ctrl-D does

    \"\"\" begins and ends a question of several lines. Ctrl-C ends an answer.
    Tab completes commands; the arrows bring lines of before.
    """

  init(_ talk: Conversation, file: String?) {
    self.talk = talk
    self.file = file
    let names = Chat.help.split(separator: "\n").compactMap { $0.split(separator: " ").first.map(String.init) }
    editor = LineEditor(history: History(), completions: names.filter { $0.hasPrefix("/") })
  }

  /// Asks and answers until the user has enough.
  consuming func run(images: [String]) throws {
    self.images = images
    let kind = talk.isChat ? "conversation" : "no chat template: each line stands alone"
    Terminal.note(
      Colour.faint.paint("\(talk.model.folder) (\(talk.model.family), \(kind)); /help tells the rest", on: 2))
    while let text = question() {
      do {
        if text.hasPrefix("/") {
          guard try obey(text) else { break }
        } else {
          try answer(text)
        }
      } catch let trouble as Trouble {
        Terminal.note("\(Colour.red.paint("attend:", on: 2)) \(trouble)")
      } catch is Interrupted {
        Terminal.note("")
      }
      interrupt.forget()
    }
    if let file { try talk.save(file) }
  }

  /// The next line, or the lines between two """; nil: the user leaves.
  private mutating func question() -> String? {
    while true {
      switch editor.read(prompt: ">>> ") {
      case .end: return nil
      case .dropped: continue
      case .line(let line):
        let text = line.trimmed
        if text.hasPrefix("\"\"\"") { return lines(String(text.dropFirst(3))) }
        if !text.isEmpty { return text }
      }
    }
  }

  private mutating func lines(_ first: String) -> String? {
    var lines = [first]
    while !lines[lines.count - 1].hasSuffix("\"\"\"") {
      switch editor.read(prompt: "... ") {
      case .end, .dropped: return question()
      case .line(let line): lines.append(line)
      }
    }
    lines[lines.count - 1].removeLast(3)
    return lines.joined(separator: "\n").trimmed
  }

  private mutating func answer(_ text: String) throws {
    var last: Character = " "
    let found = try talk.ask(text, images: images) { piece in
      Terminal.write(piece)
      last = piece.last ?? last
    }
    images = []
    if !talk.streamed { Terminal.write(found.text) }
    Terminal.write(last == "\n" && talk.streamed ? "" : "\n")
    let speed = talk.speed
    let rate = speed.tokens > 1 && speed.rest > 0 ? ", \(fixed(Double(speed.tokens - 1) / speed.rest, 1)) tokens/s" : ""
    let note = "\(speed.tokens) tokens, first after \(fixed(speed.first, 2)) s\(rate), end: \(found.finish)"
    Terminal.note(Colour.faint.paint(note, on: 2))
  }

  /// Does what a line that begins with / says; false: the user leaves.
  private mutating func obey(_ line: String) throws -> Bool {
    let parts = line.split(separator: " ", maxSplits: 1)
    let rest = parts.count > 1 ? String(parts[1]).trimmed : ""
    switch parts[0] {
    case "/exit", "/quit", "/bye": return false
    case "/help", "/?": Terminal.write(Chat.help + "\n")
    case "/system": talk.system = rest.isEmpty ? nil : rest
    case "/set": try set(rest)
    case "/unset": talk.options.removeAll { $0.name == rest }
    case "/options": for field in talk.options { Terminal.write("\(field.name) = \(field.value.json)\n") }
    case "/image": images.append(try named(rest, line))
    case "/clear": talk.clear()
    case "/save": try talk.save(try named(rest, line))
    case "/load":
      _ = try readFile(try named(rest, line))
      try talk.load(rest)
    case "/undo":
      guard talk.takeBack() != nil else { throw Trouble("there is no question to take back") }
    case "/retry":
      guard let text = talk.takeBack() else { throw Trouble("there is no question to ask once more") }
      try answer(text)
    default: throw Trouble("there is no command \(parts[0]); /help lists them")
    }
    return true
  }

  private mutating func set(_ setting: String) throws {
    let parts = setting.split(maxSplits: 1, whereSeparator: { $0 == " " || $0 == "=" })
    guard parts.count == 2 else { throw Trouble("/set takes a name and a value, as in /set temperature 0.7") }
    talk.options.removeAll { $0.name == parts[0] }
    talk.options.append(Field(String(parts[0]), Value(argument: String(parts[1]).trimmed)))
  }

  private func named(_ path: String, _ line: String) throws -> String {
    guard !path.isEmpty else { throw Trouble("\(line) needs a file") }
    return path
  }
}
