import AttendBase

/// The variables of a function while it runs. One that macros refer to is cleared at the end of the rendering.
final class JinjaActivation: JinjaObject {
  var slots: [JinjaValue?]
  let parent: JinjaActivation?

  init(_ layout: JinjaFunctionLayout, within parent: JinjaActivation?, _ context: JinjaContext) throws(Failure) {
    try context.budget.take(bytes: 64 + 24 * layout.count)
    slots = [JinjaValue?](repeating: nil, count: layout.count)
    self.parent = parent
    super.init()
    if layout.isCaptured { context.cyclic.append(self) }
  }

  subscript(reference: JinjaReference) -> JinjaValue? {
    get {
      var activation = self
      for _ in 0..<reference.hops { activation = activation.parent ?? activation }
      return reference.slot < activation.slots.count ? activation.slots[reference.slot] : nil
    }
    set {
      var activation = self
      for _ in 0..<reference.hops { activation = activation.parent ?? activation }
      if reference.slot < activation.slots.count { activation.slots[reference.slot] = newValue }
    }
  }

  override func clear() { slots = [JinjaValue?](repeating: nil, count: slots.count) }
}

/// A macro with the variables around it.
final class JinjaMacro: JinjaObject {
  let statement: JinjaMacroStatement
  let activation: JinjaActivation
  /// Whether its text is escaped: as where it stands, not where it is called.
  let autoescape: Bool

  init(_ statement: JinjaMacroStatement, _ activation: JinjaActivation, autoescape: Bool) {
    (self.statement, self.activation, self.autoescape) = (statement, activation, autoescape)
  }

  override var typeName: String { "Macro" }
  override var isCallable: Bool { true }
  override var representation: String { statement.name.map { "<Macro '\($0.name)'>" } ?? "<Macro anonymous>" }

  override func attribute(_ name: JinjaText, _ context: JinjaContext) throws(Failure) -> JinjaValue? {
    switch name.string {
    case "name": statement.name.map { .text($0.text) } ?? JinjaValue.none
    case "arguments": try context.tuple(statement.parameters.map { .text($0.text) })
    case "catch_kwargs": .bool(statement.namedSlot != nil)
    case "catch_varargs": .bool(statement.positionalSlot != nil)
    case "caller": .bool(statement.callerSlot != nil)
    default: nil
    }
  }
}

/// A recursive loop with the variables around it.
final class JinjaRecursion {
  let statement: JinjaLoopStatement
  let activation: JinjaActivation

  init(_ statement: JinjaLoopStatement, _ activation: JinjaActivation) {
    (self.statement, self.activation) = (statement, activation)
  }
}

/// The variable `self`: the blocks of the template.
final class JinjaTemplateReference: JinjaObject {
  private let blocks: [String: JinjaBlock]

  init(_ blocks: [String: JinjaBlock]) { self.blocks = blocks }

  override var typeName: String { "TemplateReference" }
  override var representation: String { "<TemplateReference None>" }

  override func attribute(_ name: JinjaText, _ context: JinjaContext) throws(Failure) -> JinjaValue? {
    blocks[name.string].map { .object(JinjaBlockReference($0)) }
  }
}

/// A block that can be called.
final class JinjaBlockReference: JinjaObject {
  let block: JinjaBlock

  init(_ block: JinjaBlock) { self.block = block }

  override var typeName: String { "BlockReference" }
  override var isCallable: Bool { true }

  override func attribute(_ name: JinjaText, _ context: JinjaContext) throws(Failure) -> JinjaValue? {
    switch name.string {
    case "name": JinjaValue(block.name)
    case "super": .undefined("there is no parent block called '\(block.name)'.")
    default: nil
    }
  }
}
