import AttendBase
import AttendCheckpoints
import AttendDecoding
import AttendGrammars
import AttendLayers
import AttendModels
import AttendTokenizers
import Synchronization

/// What generating needs of a model's tokenizer beside encoding and decoding: made when it is first asked for, and
/// shared by all sessions of the model.
package final class TextResources: Sendable {
  let tokenizer: Result<Tokenizer, Failure>
  let ends: [Int32]
  private let vocabulary: Int
  let made = Mutex<Made>(Made())

  struct Made {
    var table: Result<AttendGrammars.TokenTable, Failure>?
    /// Tables in which the special tokens that mark calls have their spelling as text.
    var marked: [ToolCallFormat: AttendGrammars.TokenTable] = [:]
    /// Special tokens that tell a reader of calls.
    var readMarks: Set<Int32>?
    /// The grammars that were compiled last, the newest at the end.
    var grammars: [(constraint: GenerationOptions.Constraint, grammar: CompiledGrammar)] = []
  }

  /// Grammars that are kept.
  private static let mostGrammars = 8

  /// Reads nothing yet.
  package init(_ model: Model) {
    tokenizer = model.tokenizer
    ends = model.generation.end.map { Int32($0) }
    vocabulary = model.head?.outputs ?? 0
  }

  /// The bytes of all tokens. Throws what reading the tokenizer threw, and what a grammar cannot use.
  package func tokenTable() throws(Failure) -> AttendGrammars.TokenTable {
    let table = made.withLock { made -> Result<AttendGrammars.TokenTable, Failure> in
      if let table = made.table { return table }
      let table = Result { () throws(Failure) in try makeTable(spelling: []) }
      made.table = table
      return table
    }
    return try table.get()
  }

  /// The same for a constraint: where it is about calls, the special tokens that mark them have text.
  private func tokenTable(
    for constraint: GenerationOptions.Constraint
  ) throws(Failure) -> AttendGrammars.TokenTable {
    guard case .calls(let language) = constraint else { return try tokenTable() }
    let marks = try marks(of: language.format)
    guard !marks.isEmpty else { return try tokenTable() }
    if let known = made.withLock({ $0.marked[language.format] }) { return known }
    let table = try makeTable(spelling: marks)
    made.withLock { $0.marked[language.format] = table }
    return table
  }

  /// `marks` are special tokens that have their spelling as text.
  private func makeTable(spelling marks: Set<Int32>) throws(Failure) -> AttendGrammars.TokenTable {
    let tokenizer = try tokenizer.get()
    let count = min(tokenizer.size, vocabulary)
    func append(_ id: Int32, _ bytes: inout GrowingList<UInt8>, isFirst: Bool) throws(Failure) {
      guard marks.contains(id), let spelling = tokenizer.token(id) else {
        return try tokenizer.appendBytes(of: id, to: &bytes, isFirst: isFirst)
      }
      for byte in spelling { try bytes.append(byte) }
    }
    return try AttendGrammars.TokenTable(
      count: count, stops: ends.filter { Int($0) < count },
      cut: { (text, ids) throws(Failure) in
        let encoding = try tokenizer.encode(UnsafeRawBufferPointer(text), TokenizeOptions(addSpecialTokens: false))
        for id in encoding.ids { try ids.append(id) }
      }
    ) { (id, bytes) throws(Failure) in
      try append(id, &bytes, isFirst: false)
    } appendingFirstBytes: { (id, bytes) throws(Failure) in
      try append(id, &bytes, isFirst: true)
    }
  }

  /// Strings that end a sequence.
  func stopStrings(_ strings: [String]) throws(Failure) -> StopStrings {
    let table = try tokenTable()
    let bytes = try FixedArray(strings.count, for: "the stop strings") { (place) throws(Failure) in
      try TextBytes(strings[place].utf8)
    }
    return try StopStrings(bytes) { table.bytes(of: $0) }
  }

  /// A grammar over the tokens, compiled at its first use.
  func grammar(_ constraint: GenerationOptions.Constraint) throws(Failure) -> CompiledGrammar {
    if let known = made.withLock({ $0.grammars.first { $0.constraint == constraint }?.grammar }) { return known }
    let table = try tokenTable(for: constraint)
    let grammar: CompiledGrammar
    do throws(Failure) { grammar = try CompiledGrammar(try constraint.grammar(), table) } catch {
      let code = error.code == .invalidFile ? .invalidArgument : error.code
      throw Failure(code, "\(constraint.option): \(error.message)")
    }
    made.withLock { made in
      made.grammars.append((constraint, grammar))
      if made.grammars.count > TextResources.mostGrammars { made.grammars.removeFirst() }
    }
    return grammar
  }
}

extension GenerationOptions.Constraint {
  /// The name of the option.
  var option: String {
    switch self {
    case .calls: "tools"
    case .regex: "regex"
    case .gbnf: "grammar"
    case .lark: "lark"
    case .jsonSchema: "json_schema"
    }
  }

  fileprivate func grammar() throws(Failure) -> Grammar {
    switch self {
    case .calls(let language): return try language.grammar()
    case .regex(let pattern): return try RegularExpression.grammar(pattern)
    case .gbnf(let text): return try GBNF.grammar(text)
    case .lark(let text): return try Lark.grammar(text)
    case .jsonSchema(let text):
      let bytes = try TextBytes(text.utf8)
      defer { withExtendedLifetime(bytes) {} }
      // Free white space would let a model write blanks without end.
      return try JSONSchema.grammar(
        text: UnsafeRawBufferPointer(bytes.bytes), name: "json_schema",
        JSONSchema.Options(anyWhitespace: false, strict: false))
    }
  }
}
