/// A name in a template, and the place of its value, which `JinjaScopes` finds.
final class JinjaName {
  let text: JinjaText
  let name: String
  var reference = JinjaReference(hops: 0, slot: 0)

  init(_ name: String) {
    text = JinjaText(name)
    self.name = name
  }
}

/// The place of a variable: how many functions further out, and where in its activation.
struct JinjaReference {
  let hops: Int
  let slot: Int
}

/// An expression, with the line that it stands on.
final class JinjaExpression {
  indirect enum Form {
    case constant(JinjaValue)
    case name(JinjaName)
    case tuple([JinjaExpression])
    case list([JinjaExpression])
    case dictionary([(key: JinjaExpression, value: JinjaExpression)])
    case attribute(JinjaExpression, JinjaText)
    case item(JinjaExpression, JinjaExpression)
    case slice(JinjaExpression, [JinjaExpression?])
    case call(JinjaExpression, JinjaArguments)
    /// Without a value in a block of a filter, whose text it is applied to.
    case filter(JinjaExpression?, String, JinjaArguments)
    case test(JinjaExpression, String, JinjaArguments)
    case not(JinjaExpression)
    case sign(JinjaExpression, StaticString)
    case arithmetic(JinjaOperator, JinjaExpression, JinjaExpression)
    case and(JinjaExpression, JinjaExpression)
    case or(JinjaExpression, JinjaExpression)
    case comparison(JinjaExpression, [(relation: JinjaRelation, value: JinjaExpression)])
    case concatenation([JinjaExpression])
    case conditional(test: JinjaExpression, then: JinjaExpression, otherwise: JinjaExpression?)
  }

  let form: Form
  let line: Int
  /// Expressions within each other, 1 of those without any.
  let depth: Int
  /// Whether no variable has a part in the value: what is wrong with it is wrong with the template.
  let isConstant: Bool

  init(_ form: Form, line: Int, depth: Int, isConstant: Bool) {
    (self.form, self.line, self.depth, self.isConstant) = (form, line, depth, isConstant)
  }
}

/// A relation that a comparison asks for.
enum JinjaRelation {
  case equal, unequal, contained, notContained
  case ordered(JinjaComparison)
}

/// The arguments of a call: `(a, b, name=c, *list, **mapping)`.
struct JinjaArguments {
  var positional: [JinjaExpression] = []
  var named: [(name: String, value: JinjaExpression)] = []
  var list: JinjaExpression?
  var mapping: JinjaExpression?

  var all: [JinjaExpression] { positional + named.map(\.value) + [list, mapping].compactMap { $0 } }
}

/// The target of an assignment.
indirect enum JinjaTarget {
  case name(JinjaName)
  /// An attribute of a namespace.
  case attribute(JinjaName, JinjaText)
  case tuple([JinjaTarget])

  /// The same names, to be found in another scope.
  func copy() -> JinjaTarget {
    switch self {
    case .name(let name): .name(JinjaName(name.name))
    case .attribute(let name, let attribute): .attribute(JinjaName(name.name), attribute)
    case .tuple(let targets): .tuple(targets.map { $0.copy() })
    }
  }

  /// The names of namespaces whose attributes are set.
  var namespaces: [JinjaName] {
    switch self {
    case .name: []
    case .attribute(let name, _): [name]
    case .tuple(let targets): targets.flatMap(\.namespaces)
    }
  }

  /// The names that get values.
  var names: [JinjaName] {
    switch self {
    case .name(let name): [name]
    case .attribute: []
    case .tuple(let targets): targets.flatMap(\.names)
    }
  }
}

/// A statement, or text.
enum JinjaStatement {
  case text(JinjaText)
  case output(JinjaExpression)
  case conditional(JinjaConditional)
  case loop(JinjaLoopStatement)
  case assignment(JinjaAssignment)
  case macro(JinjaMacroStatement)
  /// `{% call(a) f() %}`, and `{% generation %}`, which has no call.
  case call(JinjaMacroStatement, call: JinjaExpression?)
  case filter(JinjaScope, JinjaExpression)
  case with(JinjaWith)
  /// `{% autoescape %}`: the scope and what decides.
  case autoescape(JinjaScope, JinjaExpression)
  case block(JinjaBlock)
  case breakLoop
  case continueLoop
}

/// Statements with variables of their own.
final class JinjaScope {
  let body: [JinjaStatement]
  /// Variables to be set at the beginning.
  var loads: [JinjaLoad] = []

  init(_ body: [JinjaStatement]) { self.body = body }
}

/// The first value of a variable in a scope.
struct JinjaLoad {
  enum Source {
    case nothing
    /// The variable of that name in the context: what was given, or set at the top.
    case context(String)
    case variable(JinjaReference)
  }

  let slot: Int
  let source: Source
}

final class JinjaConditional {
  let branches: [(test: JinjaExpression, body: [JinjaStatement])]
  let otherwise: [JinjaStatement]

  init(_ branches: [(test: JinjaExpression, body: [JinjaStatement])], otherwise: [JinjaStatement]) {
    (self.branches, self.otherwise) = (branches, otherwise)
  }
}

/// `{% for target in items if condition recursive %}` ... `{% else %}` ...
final class JinjaLoopStatement {
  let target: JinjaTarget
  let items: JinjaExpression
  let condition: JinjaExpression?
  let isRecursive: Bool
  let body: JinjaScope
  let otherwise: JinjaScope?
  let line: Int
  /// The target in the scope of the condition, and that function.
  let conditionTarget: JinjaTarget
  var conditionFunction = JinjaFunctionLayout()
  var conditionLoads: [JinjaLoad] = []
  /// The function of a recursive loop's body.
  var function = JinjaFunctionLayout()
  /// The place of the variable `loop`, if anything asks for it.
  var loopSlot: Int?

  init(
    target: JinjaTarget, items: JinjaExpression, condition: JinjaExpression?, isRecursive: Bool, body: JinjaScope,
    otherwise: JinjaScope?, line: Int
  ) {
    (self.target, self.items, self.condition, self.isRecursive) = (target, items, condition, isRecursive)
    (self.body, self.otherwise, self.line) = (body, otherwise, line)
    conditionTarget = target.copy()
  }
}

/// `{% set target = value %}`, or `{% set target | filters %}` ... `{% endset %}`.
final class JinjaAssignment {
  enum Source {
    case expression(JinjaExpression)
    case block(JinjaScope, filter: JinjaExpression?)
  }

  let target: JinjaTarget
  let source: Source
  /// Whether the names are set for the whole template too.
  var isGlobal = false

  init(_ target: JinjaTarget, _ source: Source) { (self.target, self.source) = (target, source) }
}

/// A macro, or the body of a call block, which is one without a name.
final class JinjaMacroStatement {
  /// Nil of a call block.
  let name: JinjaName?
  let parameters: [JinjaName]
  /// Those of the last parameters.
  let defaults: [JinjaExpression]
  let scope: JinjaScope
  let line: Int
  var function = JinjaFunctionLayout()
  /// The places of the special variables, if the body asks for them.
  var callerSlot, namedSlot, positionalSlot: Int?
  var isGlobal = false

  init(name: JinjaName?, parameters: [JinjaName], defaults: [JinjaExpression], body: [JinjaStatement], line: Int) {
    (self.name, self.parameters, self.defaults, self.line) = (name, parameters, defaults, line)
    scope = JinjaScope(body)
  }
}

final class JinjaWith {
  let targets: [JinjaTarget]
  let values: [JinjaExpression]
  let scope: JinjaScope

  init(_ targets: [JinjaTarget], _ values: [JinjaExpression], _ scope: JinjaScope) {
    (self.targets, self.values, self.scope) = (targets, values, scope)
  }
}

final class JinjaBlock {
  let name: String
  let isScoped: Bool
  let isRequired: Bool
  let scope: JinjaScope
  let line: Int
  var function = JinjaFunctionLayout()
  var selfSlot, superSlot: Int?
  /// The variables around a scoped block, by name.
  var surroundings: [(name: String, reference: JinjaReference)] = []

  init(_ name: String, isScoped: Bool, isRequired: Bool, body: [JinjaStatement], line: Int) {
    (self.name, self.isScoped, self.isRequired, self.line) = (name, isScoped, isRequired, line)
    scope = JinjaScope(body)
  }
}

/// The number of variables of an activation of a function, and whether macros may refer to them.
struct JinjaFunctionLayout {
  var count = 0
  var isCaptured = false
}
