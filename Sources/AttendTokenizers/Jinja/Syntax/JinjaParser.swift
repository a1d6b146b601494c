import AttendBase

/// Reads the statements of a template.
struct JinjaParser {
  private let tokens: [JinjaToken]
  let file: String
  private var next = 0
  /// Blocks and expressions around the one at hand.
  private var nesting = 0
  /// The blocks of the template, by name.
  private(set) var blocks: [String: JinjaBlock] = [:]

  static func parse(
    _ template: JinjaText, file: String
  ) throws(Failure) -> (body: [JinjaStatement], blocks: [String: JinjaBlock]) {
    var parser = JinjaParser(tokens: try JinjaLexer.tokens(template, file: file), file: file)
    let body = try parser.statements(until: [])
    return (body, parser.blocks)
  }

  private init(tokens: [JinjaToken], file: String) { (self.tokens, self.file) = (tokens, file) }

  // MARK: Tokens

  var current: JinjaToken { tokens[next] }
  var following: JinjaToken { tokens[min(next + 1, tokens.count - 1)] }
  var line: Int { current.line }

  func invalid(_ reason: String, line: Int? = nil) -> Failure {
    Failure(.invalidFile, "\(file): chat template, line \(line ?? self.line): \(reason)")
  }

  func unsupported(_ what: String) -> Failure {
    Failure(.unsupported, "\(file): chat template, line \(line): \(what) is not supported")
  }

  @discardableResult mutating func take() -> JinjaToken {
    let token = current
    if next < tokens.count - 1 { next += 1 }
    return token
  }

  mutating func takeName(_ name: String) -> Bool {
    guard current.isName(name) else { return false }
    take()
    return true
  }

  mutating func takeOperator(_ operation: String) -> Bool {
    guard current.isOperator(operation) else { return false }
    take()
    return true
  }

  mutating func expect(_ kind: JinjaToken.Kind, _ description: String) throws(Failure) -> JinjaToken {
    guard current.kind == kind else { throw unexpected(description) }
    return take()
  }

  mutating func expectOperator(_ operation: String) throws(Failure) {
    guard takeOperator(operation) else { throw unexpected("'\(operation)'") }
  }

  func unexpected(_ expected: String) -> Failure {
    invalid("expected \(expected), got '\(current.description)'")
  }

  /// Goes one level deeper; `leave` comes back.
  mutating func enter() throws(Failure) {
    nesting += 1
    if nesting > JinjaBudget.nesting {
      throw invalid("it needs more than its budget of a depth of \(JinjaBudget.nesting)")
    }
  }

  mutating func leave() { nesting -= 1 }

  // MARK: Statements

  /// The statements up to a tag that begins with one of `ends`, which is next then.
  private mutating func statements(until ends: [String]) throws(Failure) -> [JinjaStatement] {
    try enter()
    defer { leave() }
    var body: [JinjaStatement] = []
    while current.kind != .end {
      switch current.kind {
      case .data: if let text = take().value.text { body.append(.text(text)) }
      case .variableBegin:
        take()
        body.append(.output(try tuple()))
        _ = try expect(.variableEnd, "end of print statement")
      default:
        _ = try expect(.blockBegin, "a tag")
        if current.kind == .name, ends.contains(current.spelling) { return body }
        body += try statement(within: ends)
        _ = try expect(.blockEnd, "end of statement block")
      }
    }
    guard ends.isEmpty else {
      throw invalid("unexpected end of template, which looks for \(ends.joined(separator: " or "))")
    }
    return body
  }

  /// The body of a block, from the end of its first tag to the name in its last one.
  private mutating func body(until ends: String...) throws(Failure) -> [JinjaStatement] {
    _ = takeOperator(":")
    _ = try expect(.blockEnd, "end of statement block")
    return try statements(until: ends)
  }

  private mutating func statement(within ends: [String]) throws(Failure) -> [JinjaStatement] {
    guard current.kind == .name else { throw invalid("tag name expected") }
    let token = take()
    switch token.spelling {
    case "if": return [.conditional(try conditional())]
    case "for": return [.loop(try loop(token.line))]
    case "set": return [.assignment(try assignment())]
    case "macro":
      let name = JinjaName(try expect(.name, "name").spelling)
      return [.macro(try macro(name, until: "endmacro", token.line))]
    case "call": return [try call(token.line)]
    case "generation":  // marks what the assistant said, for training
      let body = try body(until: "endgeneration")
      take()
      return [
        .call(JinjaMacroStatement(name: nil, parameters: [], defaults: [], body: body, line: token.line), call: nil)
      ]
    case "filter":
      let filter = try filters(of: nil, startsInline: true)
      let scope = JinjaScope(try body(until: "endfilter"))
      take()
      return [.filter(scope, filter!)]
    case "with": return [.with(try with())]
    case "autoescape":
      let isEscaped = try expression()
      let scope = JinjaScope(try body(until: "endautoescape"))
      take()
      return [.autoescape(scope, isEscaped)]
    case "block": return [.block(try block(token.line))]
    case "print":
      var outputs: [JinjaStatement] = []
      while current.kind != .blockEnd {
        if !outputs.isEmpty { try expectOperator(",") }
        outputs.append(.output(try expression()))
      }
      return outputs
    case "break": return [.breakLoop]
    case "continue": return [.continueLoop]
    case "extends", "include", "import", "from": throw unsupported("the statement \(token.spelling)")
    default:
      let wanted = ends.isEmpty ? "" : "; it looks for \(ends.joined(separator: " or "))"
      throw invalid("unknown tag '\(token.spelling)'\(wanted)", line: token.line)
    }
  }

  private mutating func conditional() throws(Failure) -> JinjaConditional {
    var branches: [(test: JinjaExpression, body: [JinjaStatement])] = []
    while true {
      let test = try tuple(allowsCondition: false)
      branches.append((test, try body(until: "elif", "else", "endif")))
      let end = take().spelling
      if end == "endif" { return JinjaConditional(branches, otherwise: []) }
      guard end == "else" else { continue }
      let otherwise = try body(until: "endif")
      take()
      return JinjaConditional(branches, otherwise: otherwise)
    }
  }

  private mutating func loop(_ line: Int) throws(Failure) -> JinjaLoopStatement {
    let target = try target(until: "in")
    guard takeName("in") else { throw unexpected("'in'") }
    let items = try tuple(allowsCondition: false, until: "recursive")
    let condition = takeName("if") ? try expression() : nil
    let isRecursive = takeName("recursive")
    let scope = JinjaScope(try body(until: "endfor", "else"))
    var otherwise: JinjaScope?
    if take().spelling == "else" {
      otherwise = JinjaScope(try body(until: "endfor"))
      take()
    }
    return JinjaLoopStatement(
      target: target, items: items, condition: condition, isRecursive: isRecursive, body: scope, otherwise: otherwise,
      line: line)
  }

  private mutating func assignment() throws(Failure) -> JinjaAssignment {
    let target = try target(allowsAttributes: true)
    if takeOperator("=") { return JinjaAssignment(target, .expression(try tuple())) }
    let filter = try filters(of: nil)
    let scope = JinjaScope(try body(until: "endset"))
    take()
    return JinjaAssignment(target, .block(scope, filter: filter))
  }

  private mutating func macro(
    _ name: JinjaName?, until end: String, _ line: Int
  ) throws(Failure) -> JinjaMacroStatement {
    let (parameters, defaults) = try signature()
    let body = try body(until: end)
    take()
    return JinjaMacroStatement(name: name, parameters: parameters, defaults: defaults, body: body, line: line)
  }

  private mutating func signature() throws(Failure) -> (parameters: [JinjaName], defaults: [JinjaExpression]) {
    var (parameters, defaults): ([JinjaName], [JinjaExpression]) = ([], [])
    try expectOperator("(")
    while !takeOperator(")") {
      if !parameters.isEmpty { try expectOperator(",") }
      parameters.append(try name())
      if takeOperator("=") {
        defaults.append(try expression())
      } else if !defaults.isEmpty {
        throw invalid("non-default argument follows default argument")
      }
    }
    return (parameters, defaults)
  }

  private mutating func call(_ line: Int) throws(Failure) -> JinjaStatement {
    let (parameters, defaults) = current.isOperator("(") ? try signature() : ([], [])
    let call = try expression()
    guard case .call = call.form else { throw invalid("expected call", line: line) }
    let body = try body(until: "endcall")
    take()
    return .call(
      JinjaMacroStatement(name: nil, parameters: parameters, defaults: defaults, body: body, line: line), call: call)
  }

  private mutating func with() throws(Failure) -> JinjaWith {
    var (targets, values): ([JinjaTarget], [JinjaExpression]) = ([], [])
    while current.kind != .blockEnd {
      if !targets.isEmpty { try expectOperator(",") }
      targets.append(try target())
      try expectOperator("=")
      values.append(try expression())
    }
    let scope = JinjaScope(try body(until: "endwith"))
    take()
    return JinjaWith(targets, values, scope)
  }

  private mutating func block(_ line: Int) throws(Failure) -> JinjaBlock {
    let name = try expect(.name, "name").spelling
    let (isScoped, isRequired) = (takeName("scoped"), takeName("required"))
    let body = try body(until: "endblock")
    take()
    let isBlank = body.allSatisfy {
      if case .text(let text) = $0 { text.scalars.allSatisfy(JinjaScalar.isSpace) } else { false }
    }
    guard !isRequired || isBlank else { throw invalid("required blocks can only contain comments or whitespace") }
    _ = takeName(name)
    guard blocks[name] == nil else { throw invalid("block '\(name)' defined twice", line: line) }
    let block = JinjaBlock(name, isScoped: isScoped, isRequired: isRequired, body: body, line: line)
    blocks[name] = block
    return block
  }

  // MARK: Targets

  /// A name that may be assigned to.
  private mutating func name() throws(Failure) -> JinjaName {
    let token = try expect(.name, "name")
    guard !["true", "false", "none", "True", "False", "None"].contains(token.spelling) else {
      throw invalid("can't assign to '\(token.spelling)'")
    }
    return JinjaName(token.spelling)
  }

  private mutating func target(until end: String? = nil, allowsAttributes: Bool = false) throws(Failure) -> JinjaTarget
  {
    var targets: [JinjaTarget] = []
    var isTuple = false
    while true {
      if !targets.isEmpty { try expectOperator(",") }
      if isEndOfTuple(end) { break }
      targets.append(try simpleTarget(allowsAttributes: allowsAttributes))
      guard current.isOperator(",") else { break }
      isTuple = true
    }
    if isTuple { return .tuple(targets) }
    guard let target = targets.first else { throw unexpected("an expression") }
    return target
  }

  private mutating func simpleTarget(allowsAttributes: Bool) throws(Failure) -> JinjaTarget {
    guard takeOperator("(") else {
      guard current.kind == .name else { throw invalid("can't assign to '\(current.description)'") }
      let name = try name()
      if allowsAttributes, takeOperator(".") { return .attribute(name, JinjaText(try expect(.name, "name").spelling)) }
      return .name(name)
    }
    try enter()
    defer { leave() }
    if takeOperator(")") { return .tuple([]) }
    var targets = [try simpleTarget(allowsAttributes: false)]
    guard current.isOperator(",") else {
      try expectOperator(")")
      return targets[0]
    }
    while takeOperator(","), !current.isOperator(")") { targets.append(try simpleTarget(allowsAttributes: false)) }
    try expectOperator(")")
    return .tuple(targets)
  }

  /// Whether nothing more belongs to a tuple; `end`: a name that ends it.
  func isEndOfTuple(_ end: String?) -> Bool {
    current.kind == .variableEnd || current.kind == .blockEnd || current.isOperator(")")
      || end.map { current.isName($0) } ?? false
  }
}
