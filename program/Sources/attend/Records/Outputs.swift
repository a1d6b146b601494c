import ArgumentParser
import Glibc

/// The forms in which results are written.
enum OutputForm: String, CaseIterable, ExpressibleByArgument {
  case text, json, jsonl, csv
}

/// A result: named values, and how it reads as text.
struct Row {
  var fields: [Field]
  var text: String
}

/// Where results go, and in which form.
struct OutputOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "The file to write to; - is the standard output.", completion: .file())
  var output: String?
  @Option(name: .shortAndLong, help: "The form of results.") var format: OutputForm = .text
  @Flag(name: .shortAndLong, help: "No progress bar.") var quiet = false
}

/// Writes results as they come: what is written stays when the program is ended.
final class Writer {
  private let file: Int32
  private let path: String
  private let form: OutputForm
  private var columns: [String]?
  private var count = 0

  init(_ options: OutputOptions) throws(Trouble) {
    file = try createFile(options.output)
    path = options.output ?? "the standard output"
    form = options.format
  }

  /// Writes rows, all at once.
  func write(_ rows: [Row]) throws(Trouble) {
    var out = ""
    for row in rows {
      switch form {
      case .text: out += row.text + "\n"
      case .jsonl: out += Value.object(row.fields).json + "\n"
      case .json: out += (count == 0 ? "[\n  " : ",\n  ") + Value.object(row.fields).json
      case .csv: out += lines(row)
      }
      count += 1
    }
    try put(out)
  }

  /// Ends the output: a list of JSON needs its bracket, also where Ctrl-C ended the work.
  func finish() throws(Trouble) {
    if form == .json { try put(count == 0 ? "[]\n" : "\n]\n") }
    if file != 1 { close(file) }
  }

  private func lines(_ row: Row) -> String {
    guard let columns else {
      columns = row.fields.map(\.name)
      return CSV.line(row.fields.map(\.name)) + "\n" + lines(row)
    }
    let values = Value.object(row.fields)
    return CSV.line(columns.map { values[$0]?.plain ?? "" }) + "\n"
  }

  private func put(_ text: String) throws(Trouble) {
    guard Terminal.write(text, to: file) else { throw Trouble("\(path): \(String(cString: strerror(errno)))") }
  }
}
