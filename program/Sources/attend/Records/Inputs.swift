import ArgumentParser

/// The forms in which texts come.
enum InputForm: String, CaseIterable, ExpressibleByArgument {
  /// each line is a text
  case lines
  /// a file is a text
  case whole
  case json, jsonl, csv, tsv

  init?(file: String) {
    switch pathExtension(file) {
    case "json": self = .json
    case "jsonl", "ndjson": self = .jsonl
    case "csv": self = .csv
    case "tsv": self = .tsv
    default: return nil
    }
  }
}

/// A text to be worked on, with the others that came with it.
struct Record {
  var text: String
  /// The members of its object or the cells of its row; none of a plain text.
  var fields: Value
  /// Where it stands, for messages: "file:line".
  var place: String

  func field(_ name: String) throws(Trouble) -> String {
    guard let value = fields[name] else { throw Trouble("there is no field \"\(name)\"") }
    return value.plain
  }
}

/// Where texts come from: arguments, files, a pipe.
struct InputOptions: ParsableArguments {
  @Argument(help: "Texts; without any, and without --input, they are read from the standard input.")
  var texts: [String] = []
  @Option(name: .shortAndLong, help: "A file of texts; - is the standard input. May be repeated.", completion: .file())
  var input: [String] = []
  @Option(
    help: """
      The form of files: lines (each is a text), whole (the file is one), json (a list), jsonl, csv or tsv (the first \
      row names the columns). By default as the file's name ends, else lines.
      """)
  var from: InputForm?
  @Option(help: "The member of objects, or the column, that holds the text.") var field = "text"

  /// All records in their order. A file or a line that cannot be read is a failure, and the others are there.
  func records(plain: InputForm = .lines, into failures: inout Failures) -> [Record] {
    var records = texts.enumerated().map { Record(text: $1, fields: .null, place: "argument \($0 + 1)") }
    let isAsked = input.isEmpty && texts.isEmpty
    if isAsked && Terminal.isTerminal(0) { Terminal.note("Texts are read from the terminal; Ctrl-D ends them.") }
    for path in isAsked ? ["-"] : input {
      do {
        let bytes = try readFile(path)
        let name = path == "-" ? "standard input" : path
        records += try split(bytes, name: name, form: from ?? InputForm(file: path) ?? plain, &failures)
      } catch {
        failures.add(error.description)
      }
    }
    return records
  }

  private func split(
    _ bytes: [UInt8], name: String, form: InputForm, _ failures: inout Failures
  ) throws(Trouble) -> [Record] {
    switch form {
    case .whole: return [Record(text: String(decoding: bytes, as: UTF8.self), fields: .null, place: name)]
    case .lines:
      return lines(bytes).map { Record(text: $0.text, fields: .null, place: "\(name):\($0.number)") }
    case .jsonl:
      var records: [Record] = []
      for line in lines(bytes) where !line.text.isEmpty {
        let place = "\(name):\(line.number)"
        failures.collect(place) { records.append(try record(Value(json: Array(line.text.utf8)), place)) }
      }
      return records
    case .json:
      guard case .list(let values) = try failures.naming(name, { try Value(json: bytes) }) else {
        throw Trouble("\(name): this is not a JSON list")
      }
      var records: [Record] = []
      for (index, value) in values.enumerated() {
        let place = "\(name)[\(index)]"
        failures.collect(place) { records.append(try record(value, place)) }
      }
      return records
    case .csv, .tsv:
      let separator = UInt8(ascii: form == .csv ? "," : "\t")
      return try table(failures.naming(name) { try CSV.rows(bytes, separator: separator) }, name, &failures)
    }
  }

  private func record(_ value: Value, _ place: String) throws(Trouble) -> Record {
    if case .string(let text) = value { return Record(text: text, fields: .null, place: place) }
    guard case .object = value else { throw Trouble("this is neither a text nor an object") }
    guard let text = value[field] else { throw Trouble("there is no field \"\(field)\"") }
    return Record(text: text.plain, fields: value, place: place)
  }

  private func table(
    _ rows: [(line: Int, cells: [String])], _ name: String, _ failures: inout Failures
  ) throws(Trouble) -> [Record] {
    guard let columns = rows.first?.cells else { return [] }
    guard let column = columns.firstIndex(of: field) else {
      throw Trouble("\(name): there is no column \"\(field)\" among \(columns.joined(separator: ", "))")
    }
    var records: [Record] = []
    for row in rows.dropFirst() {
      guard row.cells.count == columns.count else {
        failures.add("\(name):\(row.line): \(row.cells.count) cells for \(columns.count) columns")
        continue
      }
      let fields = zip(columns, row.cells).map { Field($0, .string($1)) }
      records.append(Record(text: row.cells[column], fields: .object(fields), place: "\(name):\(row.line)"))
    }
    return records
  }

  private func lines(_ bytes: [UInt8]) -> [(number: Int, text: String)] {
    var lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines.enumerated().map { index, line in
      (index + 1, String(decoding: line.last == 13 ? line.dropLast() : line, as: UTF8.self))
    }
  }
}

/// What could not be done, while the rest was.
struct Failures {
  private(set) var messages: [String] = []

  mutating func add(_ message: String) { messages.append(message) }

  /// Runs what may fail, and notes that, with its place, when it does.
  mutating func collect(_ place: String, _ body: () throws -> Void) {
    do { try body() } catch { add("\(place): \(error)") }
  }

  /// Tells what failed; throws where something did, or where Ctrl-C ended the work.
  func report() throws {
    if !messages.isEmpty {
      Terminal.note(Colour.red.paint("\(messages.count) input\(messages.count == 1 ? "" : "s") failed:", on: 2))
      for message in messages { Terminal.note("  \(message)") }
    }
    if interrupt.isAsked { throw Interrupted() }
    if !messages.isEmpty { throw ExitCode(1) }
  }

  /// Runs what may fail; the error names the file.
  func naming<Result>(_ name: String, _ body: () throws -> Result) throws(Trouble) -> Result {
    do { return try body() } catch { throw Trouble("\(name): \(error)") }
  }
}
