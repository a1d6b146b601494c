import AttendBase

/// Reads the tokens of one statement or output.
struct JinjaExpressionParser {
  private let tokens: [JinjaToken]
  private let file: String
  private let line: Int
  private var next = 0
  private var depth = 0

  init(_ tokens: [JinjaToken], file: String, line: Int) {
    self.tokens = tokens
    self.file = file
    self.line = line
  }

  func invalid(_ reason: String) -> Failure { Failure(.invalidFile, "\(file): chat template, line \(line): \(reason)") }
  func unsupported(_ what: String) -> Failure {
    Failure(.unsupported, "\(file): chat template, line \(line): \(what) is not supported")
  }

  // MARK: Tokens

  private var peek: JinjaToken? { next < tokens.count ? tokens[next] : nil }

  mutating func take(_ symbol: String) -> Bool {
    guard peek == .symbol(symbol) else { return false }
    next += 1
    return true
  }

  mutating func takeName(_ name: String) -> Bool {
    guard peek == .name(name) else { return false }
    next += 1
    return true
  }

  private mutating func expect(_ symbol: String) throws(Failure) {
    guard take(symbol) else { throw invalid("\(symbol) is missing") }
  }

  mutating func name() throws(Failure) -> String {
    guard case .name(let name) = peek else { throw invalid("a name is missing") }
    next += 1
    return name
  }

  func end() throws(Failure) {
    guard next == tokens.count else { throw invalid("there is more than is understood, from \(tokens[next]) on") }
  }

  mutating func whole(allowsTuple: Bool = false) throws(Failure) -> JinjaExpression {
    var value = try expression()
    if allowsTuple, peek == .symbol(",") {
      var items = [value]
      while take(",") { items.append(try expression()) }
      value = .list(items)
    }
    try end()
    return value
  }

  // MARK: Parts of statements

  /// `a, b`
  mutating func names() throws(Failure) -> [String] {
    let inParentheses = take("(")
    var names = [try name()]
    while take(",") { names.append(try name()) }
    if inParentheses { try expect(")") }
    return names
  }

  mutating func target() throws(Failure) -> JinjaTarget {
    let names = try names()
    if names.count == 1, take(".") { return .attribute(names[0], try name()) }
    return .names(names)
  }

  mutating func parameters() throws(Failure) -> [(name: String, value: JinjaExpression?)] {
    var parameters: [(name: String, value: JinjaExpression?)] = []
    try expect("(")
    while !take(")") {
      let name = try name()
      parameters.append((name, take("=") ? try expression() : nil))
      if !take(",") {
        try expect(")")
        break
      }
    }
    return parameters
  }

  /// `upper | trim`, the first name without a bar.
  mutating func filters() throws(Failure) -> [JinjaFilter] {
    var filters: [JinjaFilter] = []
    repeat { filters.append(try filter()) } while take("|")
    try end()
    return filters
  }

  private mutating func filter() throws(Failure) -> JinjaFilter {
    let name = try name()
    return JinjaFilter(name: name, arguments: take("(") ? try arguments() : JinjaArguments())
  }

  private mutating func arguments() throws(Failure) -> JinjaArguments {
    var arguments = JinjaArguments()
    while !take(")") {
      if case .name(let name) = peek, next + 1 < tokens.count, tokens[next + 1] == .symbol("=") {
        next += 2
        arguments.named.append((name, try expression()))
      } else {
        arguments.positional.append(try expression())
      }
      if !take(",") {
        try expect(")")
        break
      }
    }
    return arguments
  }

  // MARK: Expressions, from the loosest binding to the tightest

  /// `withoutCondition`: a following `if` belongs to the statement.
  mutating func expression(withoutCondition: Bool = false) throws(Failure) -> JinjaExpression {
    depth += 1
    defer { depth -= 1 }
    guard depth < 100 else { throw unsupported("an expression nested deeper than 100") }
    let value = try disjunction()
    guard !withoutCondition, takeName("if") else { return value }
    let condition = try disjunction()
    return .conditional(condition, value, takeName("else") ? try expression() : nil)
  }

  private mutating func disjunction() throws(Failure) -> JinjaExpression {
    var left = try conjunction()
    while takeName("or") { left = .binary("or", left, try conjunction()) }
    return left
  }

  private mutating func conjunction() throws(Failure) -> JinjaExpression {
    var left = try negation()
    while takeName("and") { left = .binary("and", left, try negation()) }
    return left
  }

  private mutating func negation() throws(Failure) -> JinjaExpression {
    var count = 0
    while takeName("not") { count += 1 }
    var value = try comparison()
    for _ in 0..<count { value = .unary("not", value) }
    return value
  }

  private mutating func comparison() throws(Failure) -> JinjaExpression {
    var left = try sum()
    while true {
      if let symbol = ["==", "!=", "<=", ">=", "<", ">"].first(where: { peek == .symbol($0) }) {
        next += 1
        left = .binary(symbol, left, try sum())
      } else if takeName("in") {
        left = .binary("in", left, try sum())
      } else if peek == .name("not"), next + 1 < tokens.count, tokens[next + 1] == .name("in") {
        next += 2
        left = .unary("not", .binary("in", left, try sum()))
      } else {
        return left
      }
    }
  }

  private mutating func sum() throws(Failure) -> JinjaExpression {
    var left = try concatenation()
    while let symbol = ["+", "-"].first(where: { peek == .symbol($0) }) {
      next += 1
      left = .binary(symbol, left, try concatenation())
    }
    return left
  }

  private mutating func concatenation() throws(Failure) -> JinjaExpression {
    var left = try product()
    while take("~") { left = .binary("~", left, try product()) }
    return left
  }

  private mutating func product() throws(Failure) -> JinjaExpression {
    var left = try signed()
    while let symbol = ["*", "//", "/", "%"].first(where: { peek == .symbol($0) }) {
      next += 1
      left = .binary(symbol, left, try signed())
    }
    return left
  }

  private mutating func signed() throws(Failure) -> JinjaExpression {
    var signs = ""
    while let sign = ["-", "+"].first(where: { peek == .symbol($0) }) {
      next += 1
      signs += sign
    }
    var value = try tested()
    if signs.count(where: { $0 == "-" }) % 2 == 1 { value = .unary("-", value) }
    if take("**") { value = .binary("**", value, try signed()) }
    return value
  }

  /// Filters and tests.
  private mutating func tested() throws(Failure) -> JinjaExpression {
    var value = try postfix()
    while true {
      if take("|") {
        value = .filter(value, try filter())
      } else if takeName("is") {
        let negated = takeName("not")
        let name = try name()
        var arguments = JinjaArguments()
        if take("(") {
          arguments = try self.arguments()
        } else if startsOperand {
          arguments.positional = [try postfix()]
        }
        value = .test(value, name: name, arguments, negated: negated)
      } else {
        return value
      }
    }
  }

  /// Whether a test's argument follows without parentheses: `is divisibleby 3`.
  private var startsOperand: Bool {
    switch peek {
    case .string, .int, .double, .symbol("["), .symbol("{"): true
    case .name(let name): !["and", "or", "not", "if", "else", "is", "in"].contains(name)
    default: false
    }
  }

  private mutating func postfix() throws(Failure) -> JinjaExpression {
    var value = try primary()
    while true {
      if take(".") {
        if case .int(let index) = peek {
          next += 1
          value = .item(value, .literal(.int(index)))
        } else {
          value = .attribute(value, try name())
        }
      } else if take("[") {
        value = try subscripted(value)
      } else if take("(") {
        value = .call(value, try arguments())
      } else {
        return value
      }
    }
  }

  private mutating func subscripted(_ value: JinjaExpression) throws(Failure) -> JinjaExpression {
    var bounds: [JinjaExpression?] = [nil]
    while !take("]") {
      if take(":") {
        guard bounds.count < 3 else { throw invalid("a slice has at most three parts") }
        bounds.append(nil)
      } else {
        bounds[bounds.count - 1] = try expression()
      }
    }
    if bounds.count == 1 {
      guard let index = bounds[0] else { throw invalid("an index is missing") }
      return .item(value, index)
    }
    return .slice(value, bounds[0], bounds[1], bounds.count > 2 ? bounds[2] : nil)
  }

  private mutating func primary() throws(Failure) -> JinjaExpression {
    guard let token = peek else { throw invalid("an expression is missing") }
    next += 1
    switch token {
    case .string(var text):
      while case .string(let more) = peek {
        text += more
        next += 1
      }
      return .literal(.string(text))
    case .int(let value): return .literal(.int(value))
    case .double(let value): return .literal(.double(value))
    case .name(let name):
      switch name {
      case "true", "True": return .literal(.bool(true))
      case "false", "False": return .literal(.bool(false))
      case "none", "None": return .literal(.none)
      default: return .name(name)
      }
    case .symbol("("):
      if take(")") { return .list([]) }
      let first = try expression()
      guard peek == .symbol(",") else {
        try expect(")")
        return first
      }
      var items = [first]
      while take(","), peek != .symbol(")") { items.append(try expression()) }
      try expect(")")
      return .list(items)
    case .symbol("["):
      var items: [JinjaExpression] = []
      while !take("]") {
        items.append(try expression())
        if !take(",") {
          try expect("]")
          break
        }
      }
      return .list(items)
    case .symbol("{"):
      var members: [(key: JinjaExpression, value: JinjaExpression)] = []
      while !take("}") {
        let key = try expression()
        try expect(":")
        members.append((key, try expression()))
        if !take(",") {
          try expect("}")
          break
        }
      }
      return .dictionary(members)
    default: throw invalid("\(token) begins no expression")
    }
  }
}
