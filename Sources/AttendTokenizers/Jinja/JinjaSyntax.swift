/// A statement or text of a template.
indirect enum JinjaNode {
  case text(String)
  case output(JinjaExpression)
  case conditional([(condition: JinjaExpression?, body: [JinjaNode])])
  /// `for a, b in items if condition recursive` ... `else` ...
  case loop(
    targets: [String], items: JinjaExpression, condition: JinjaExpression?, body: [JinjaNode], otherwise: [JinjaNode])
  case set(target: JinjaTarget, value: JinjaExpression)
  /// `{% set x %}` ... `{% endset %}`
  case setBlock(target: JinjaTarget, filters: [JinjaFilter], body: [JinjaNode])
  case macro(JinjaMacro)
  /// `{% filter upper %}` ... `{% endfilter %}`
  case filterBlock([JinjaFilter], body: [JinjaNode])
  /// `{% call macro() %}` ... `{% endcall %}`
  case call(JinjaExpression, body: [JinjaNode])
  case breakLoop
  case continueLoop
}

/// What `set` sets.
enum JinjaTarget {
  case names([String])
  case attribute(String, String)
}

struct JinjaFilter {
  let name: String
  let arguments: JinjaArguments
}

struct JinjaArguments {
  var positional: [JinjaExpression] = []
  var named: [(name: String, value: JinjaExpression)] = []
}

indirect enum JinjaExpression {
  case literal(JinjaValue)
  case name(String)
  case list([JinjaExpression])
  case dictionary([(key: JinjaExpression, value: JinjaExpression)])
  case attribute(JinjaExpression, String)
  case item(JinjaExpression, JinjaExpression)
  case slice(JinjaExpression, JinjaExpression?, JinjaExpression?, JinjaExpression?)
  case call(JinjaExpression, JinjaArguments)
  case filter(JinjaExpression, JinjaFilter)
  case test(JinjaExpression, name: String, JinjaArguments, negated: Bool)
  case unary(String, JinjaExpression)
  case binary(String, JinjaExpression, JinjaExpression)
  case conditional(JinjaExpression, JinjaExpression, JinjaExpression?)
}

/// A piece of an expression or statement.
enum JinjaToken: Equatable {
  case name(String)
  case string(String)
  case int(Int)
  case double(Double)
  case symbol(String)
}

/// A part of a template: text, or what stands between delimiters.
enum JinjaPart {
  case text(String)
  case output([JinjaToken], line: Int)
  case statement([JinjaToken], line: Int)
}
