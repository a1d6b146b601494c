import AttendBase

/// Expressions, in the precedences of Jinja, which are not in all those of Python: powers associate to the left, and a
/// sign binds tighter than a filter.
extension JinjaParser {
  /// Puts an expression together.
  private func make(
    _ form: JinjaExpression.Form, _ parts: [JinjaExpression], line: Int, isConstant: Bool = true
  ) throws(Failure) -> JinjaExpression {
    var depth = 0
    var isConstant = isConstant
    for part in parts {
      depth = max(depth, part.depth)
      isConstant = isConstant && part.isConstant
    }
    guard depth < JinjaBudget.nesting else {
      throw invalid("it needs more than its budget of a depth of \(JinjaBudget.nesting)", line: line)
    }
    return JinjaExpression(form, line: line, depth: depth + 1, isConstant: isConstant)
  }

  /// An expression, or several with commas between them, which are a tuple. `end`: a name that ends it.
  mutating func tuple(
    allowsCondition: Bool = true, until end: String? = nil, isInParentheses: Bool = false
  ) throws(Failure) -> JinjaExpression {
    let line = line
    var items: [JinjaExpression] = []
    var isTuple = false
    while true {
      if !items.isEmpty { try expectOperator(",") }
      if isEndOfTuple(end) { break }
      items.append(try expression(allowsCondition: allowsCondition))
      guard current.isOperator(",") else { break }
      isTuple = true
    }
    if !isTuple, let item = items.first { return item }
    guard isTuple || isInParentheses else { throw unexpected("an expression") }
    return try make(.tuple(items), items, line: line)
  }

  /// `allowsCondition`: whether a following `if` belongs to it.
  mutating func expression(allowsCondition: Bool = true) throws(Failure) -> JinjaExpression {
    try enter()
    defer { leave() }
    let line = line
    var value = try operation(.or)
    while allowsCondition, takeName("if") {
      let test = try operation(.or)
      let otherwise = takeName("else") ? try expression() : nil
      value = try make(
        .conditional(test: test, then: value, otherwise: otherwise), [test, value] + (otherwise.map { [$0] } ?? []),
        line: line)
    }
    return value
  }

  /// The precedence of operators.
  private enum Precedence: Int, Comparable {
    case or, and, not, comparison, sum, concatenation, product, power

    static func < (a: Precedence, b: Precedence) -> Bool { a.rawValue < b.rawValue }
  }

  /// The precedence of the operator that is next, nil where none is.
  private var nextPrecedence: Precedence? {
    let token = current
    if token.kind == .name {
      switch token.spelling {
      case "or": return .or
      case "and": return .and
      case "in": return .comparison
      case "not": return following.isName("in") ? .comparison : nil
      default: return nil
      }
    }
    guard token.kind == .operation else { return nil }
    switch token.spelling {
    case "==", "!=", "<", "<=", ">", ">=": return .comparison
    case "+", "-": return .sum
    case "~": return .concatenation
    case "*", "/", "//", "%": return .product
    case "**": return .power
    default: return nil
    }
  }

  /// Operands joined by operators that bind at least as tightly as `minimum`.
  private mutating func operation(_ minimum: Precedence) throws(Failure) -> JinjaExpression {
    var line = line
    var left: JinjaExpression
    if minimum <= .not, takeName("not") {
      try enter()
      defer { leave() }
      let operand = try operation(.not)
      left = try make(.not(operand), [operand], line: line)
    } else {
      left = try signed()
    }
    while let precedence = nextPrecedence, precedence >= minimum {
      left = try joined(left, precedence, line: line)
      line = self.line
    }
    return left
  }

  /// The operator that is next, with its operands.
  private mutating func joined(
    _ left: JinjaExpression, _ precedence: Precedence, line: Int
  ) throws(Failure) -> JinjaExpression {
    switch precedence {
    case .or, .and, .not:
      let isOr = take().spelling == "or"
      let right = try operation(isOr ? .and : .not)
      return try make(isOr ? .or(left, right) : .and(left, right), [left, right], line: line)
    case .comparison:
      var operands: [(relation: JinjaRelation, value: JinjaExpression)] = []
      while nextPrecedence == .comparison {
        let relation = relation()
        operands.append((relation, try operation(.sum)))
      }
      return try make(.comparison(left, operands), [left] + operands.map(\.value), line: line)
    case .concatenation:
      var parts = [left]
      while takeOperator("~") { parts.append(try operation(.product)) }
      return try make(.concatenation(parts), parts, line: line)
    case .sum, .product, .power:
      let operation = JinjaOperator(rawValue: take().spelling) ?? .add
      let right =
        precedence == .power
        ? try signed() : try self.operation(precedence == .sum ? .concatenation : .power)
      return try make(.arithmetic(operation, left, right), [left, right], line: line)
    }
  }

  private mutating func relation() -> JinjaRelation {
    switch take().spelling {
    case "==": return .equal
    case "!=": return .unequal
    case "<": return .ordered(.less)
    case "<=": return .ordered(.lessOrEqual)
    case ">": return .ordered(.greater)
    case ">=": return .ordered(.greaterOrEqual)
    case "not":
      take()
      return .notContained
    default: return .contained
    }
  }

  /// An operand with its signs, its postfixes, and its filters, which are those of the outermost sign.
  private mutating func signed(allowsFilters: Bool = true) throws(Failure) -> JinjaExpression {
    let line = line
    var value: JinjaExpression
    if current.isOperator("-") || current.isOperator("+") {
      let sign: StaticString = take().spelling == "-" ? "-" : "+"
      try enter()
      defer { leave() }
      let operand = try signed(allowsFilters: false)
      value = try make(.sign(operand, sign), [operand], line: line)
    } else {
      value = try primary()
    }
    value = try postfixes(of: value)
    return allowsFilters ? try filtersAndTests(of: value) : value
  }

  // MARK: Behind an operand

  private mutating func postfixes(of operand: JinjaExpression) throws(Failure) -> JinjaExpression {
    var value = operand
    while current.kind == .operation {
      let line = line
      switch current.spelling {
      case ".":
        take()
        let token = take()
        guard token.kind == .name || token.kind == .integer else {
          throw invalid("expected name or number", line: line)
        }
        if token.kind == .name {
          value = try make(.attribute(value, JinjaText(token.spelling)), [value], line: line)
        } else {
          value = try make(.item(value, try make(.constant(token.value), [], line: line)), [value], line: line)
        }
      case "[": value = try subscripted(value)
      case "(": value = try call(of: value)
      default: return value
      }
    }
    return value
  }

  private mutating func call(of function: JinjaExpression) throws(Failure) -> JinjaExpression {
    let line = line
    let arguments = try arguments()
    return try make(.call(function, arguments), [function] + arguments.all, line: line, isConstant: false)
  }

  private mutating func subscripted(_ value: JinjaExpression) throws(Failure) -> JinjaExpression {
    let line = line
    try expectOperator("[")
    var keys: [JinjaExpression] = []
    while !takeOperator("]") {
      if !keys.isEmpty { try expectOperator(",") }
      guard let key = try slice(of: value) else { throw unexpected("an expression") }
      if case .slice(let sliced, _) = key.form, sliced === value {
        guard keys.isEmpty, takeOperator("]") else { throw unsupported("a slice among several indices") }
        return key
      }
      keys.append(key)
    }
    let key = keys.count == 1 ? keys[0] : try make(.tuple(keys), keys, line: line)
    return try make(.item(value, key), [value, key], line: line)
  }

  /// An index, or the slice of the value.
  private mutating func slice(of value: JinjaExpression) throws(Failure) -> JinjaExpression? {
    let line = line
    var bounds: [JinjaExpression?] = [nil, nil, nil]
    var place = 0
    while place < 3 {
      if !current.isOperator(":"), !current.isOperator("]"), !current.isOperator(",") {
        bounds[place] = try expression()
      }
      guard place < 2, takeOperator(":") else { break }
      place += 1
    }
    guard place > 0 else { return bounds[0] }
    return try make(.slice(value, bounds), [value] + bounds.compactMap { $0 }, line: line)
  }

  private mutating func filtersAndTests(of operand: JinjaExpression) throws(Failure) -> JinjaExpression {
    var value = operand
    while true {
      if current.isOperator("|") {
        value = try filters(of: value) ?? value
      } else if current.isName("is") {
        value = try test(of: value)
      } else if current.isOperator("(") {
        value = try call(of: value)
      } else {
        return value
      }
    }
  }

  /// `| upper | trim`, the first bar left out where it `startsInline`; nil where there is no filter at all.
  mutating func filters(of operand: JinjaExpression?, startsInline: Bool = false) throws(Failure) -> JinjaExpression? {
    var value = operand
    var isFirst = startsInline
    while isFirst || takeOperator("|") {
      isFirst = false
      let line = line
      let name = try dottedName()
      let arguments = current.isOperator("(") ? try arguments() : JinjaArguments()
      value = try make(
        .filter(value, name, arguments), (value.map { [$0] } ?? []) + arguments.all, line: line,
        isConstant: value != nil)
    }
    return value
  }

  private mutating func dottedName() throws(Failure) -> String {
    var name = try expect(.name, "name").spelling
    while takeOperator(".") { name += "." + (try expect(.name, "name").spelling) }
    return name
  }

  private mutating func test(of value: JinjaExpression) throws(Failure) -> JinjaExpression {
    let line = take().line
    let isNegated = takeName("not")
    let name = try dottedName()
    var arguments = JinjaArguments()
    if current.isOperator("(") {
      arguments = try self.arguments()
    } else if startsOperand {
      guard !current.isName("is") else { throw invalid("you cannot chain multiple tests with is") }
      arguments.positional = [try postfixes(of: try primary())]
    }
    let test = try make(.test(value, name, arguments), [value] + arguments.all, line: line)
    return isNegated ? try make(.not(test), [test], line: line) : test
  }

  /// Whether a test's argument follows without parentheses: `is divisibleby 3`.
  private var startsOperand: Bool {
    switch current.kind {
    case .string, .integer, .float: true
    case .operation: current.spelling == "[" || current.spelling == "{"
    case .name: !["else", "or", "and"].contains(current.spelling)
    default: false
    }
  }

  private mutating func arguments() throws(Failure) -> JinjaArguments {
    let line = line
    var arguments = JinjaArguments()
    try expectOperator("(")
    var isFirst = true
    while !takeOperator(")") {
      if !isFirst {
        try expectOperator(",")
        if takeOperator(")") { break }
      }
      isFirst = false
      try argument(&arguments, line)
    }
    return arguments
  }

  private mutating func argument(_ arguments: inout JinjaArguments, _ line: Int) throws(Failure) {
    let isOutOfOrder: Bool
    if takeOperator("*") {
      isOutOfOrder = arguments.list != nil || arguments.mapping != nil
      arguments.list = try expression()
    } else if takeOperator("**") {
      isOutOfOrder = arguments.mapping != nil
      arguments.mapping = try expression()
    } else if current.kind == .name, following.isOperator("=") {
      isOutOfOrder = arguments.mapping != nil
      let name = take().spelling
      take()
      guard !arguments.named.contains(where: { $0.name == name }) else {
        throw invalid("the argument '\(name)' is given twice", line: line)
      }
      arguments.named.append((name, try expression()))
    } else {
      isOutOfOrder = arguments.list != nil || arguments.mapping != nil || !arguments.named.isEmpty
      arguments.positional.append(try expression())
    }
    if isOutOfOrder { throw invalid("invalid syntax for function call expression", line: line) }
  }

  // MARK: Operands

  private mutating func primary() throws(Failure) -> JinjaExpression {
    let line = line
    switch current.kind {
    case .name:
      let name = take().spelling
      switch name {
      case "true", "True": return try make(.constant(.bool(true)), [], line: line)
      case "false", "False": return try make(.constant(.bool(false)), [], line: line)
      case "none", "None": return try make(.constant(.none), [], line: line)
      default: return try make(.name(JinjaName(name)), [], line: line, isConstant: false)
      }
    case .string:
      var scalars: [UInt32] = []
      while current.kind == .string { scalars += take().value.text?.scalars ?? [] }
      return try make(.constant(JinjaValue(scalars)), [], line: line)
    case .integer, .float: return try make(.constant(take().value), [], line: line)
    case .operation: return try bracketed()
    default: throw invalid("unexpected '\(current.description)'")
    }
  }

  private mutating func bracketed() throws(Failure) -> JinjaExpression {
    let line = line
    switch current.spelling {
    case "(":
      take()
      let value = try tuple(isInParentheses: true)
      try expectOperator(")")
      return value
    case "[":
      take()
      var items: [JinjaExpression] = []
      while !takeOperator("]") {
        if !items.isEmpty {
          try expectOperator(",")
          if takeOperator("]") { break }
        }
        items.append(try expression())
      }
      return try make(.list(items), items, line: line)
    case "{":
      take()
      var members: [(key: JinjaExpression, value: JinjaExpression)] = []
      while !takeOperator("}") {
        if !members.isEmpty {
          try expectOperator(",")
          if takeOperator("}") { break }
        }
        let key = try expression()
        try expectOperator(":")
        members.append((key, try expression()))
      }
      return try make(.dictionary(members), members.flatMap { [$0.key, $0.value] }, line: line)
    default: throw invalid("unexpected '\(current.description)'")
    }
  }
}
