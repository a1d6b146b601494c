import AttendBase

/// Reads the statements of a template.
struct JinjaParser {
  private let parts: [JinjaPart]
  private var next = 0
  let file: String
  private var depth = 0

  static func parse(_ template: String, file: String) throws(Failure) -> [JinjaNode] {
    var parser = JinjaParser(parts: try JinjaLexer.parts(template, file: file), file: file)
    let (nodes, end) = try parser.body(until: [])
    guard end == nil else { throw Failure(.invalidFile, "\(file): chat template: an end without its start") }
    return nodes
  }

  private init(parts: [JinjaPart], file: String) {
    self.parts = parts
    self.file = file
  }

  /// The nodes up to a statement that begins with one of `ends`, which is returned too.
  private mutating func body(
    until ends: Set<String>
  ) throws(Failure) -> ([JinjaNode], (name: String, reader: JinjaExpressionParser)?) {
    depth += 1
    defer { depth -= 1 }
    guard depth < 100 else {
      throw Failure(.unsupported, "\(file): chat template: blocks nested deeper than 100 are not supported")
    }
    var nodes: [JinjaNode] = []
    while next < parts.count {
      let part = parts[next]
      next += 1
      switch part {
      case .text(let text): nodes.append(.text(text))
      case .output(let tokens, let line):
        var reader = JinjaExpressionParser(tokens, file: file, line: line)
        nodes.append(.output(try reader.whole()))
      case .statement(let tokens, let line):
        var reader = JinjaExpressionParser(tokens, file: file, line: line)
        let name = try reader.name()
        if ends.contains(name) { return (nodes, (name, reader)) }
        nodes.append(try statement(name, &reader))
      }
    }
    guard ends.isEmpty else {
      throw Failure(
        .invalidFile, "\(file): chat template: \(ends.sorted().joined(separator: " or ")) is missing at the end")
    }
    return (nodes, nil)
  }

  private mutating func statement(_ name: String, _ reader: inout JinjaExpressionParser) throws(Failure) -> JinjaNode {
    switch name {
    case "if": return try conditional(&reader)
    case "for": return try loop(&reader)
    case "set": return try set(&reader)
    case "macro": return try macro(&reader)
    case "filter":
      let filters = try reader.filters()
      return .filterBlock(filters, body: try body(until: ["endfilter"]).0)
    case "call":
      let call = try reader.whole()
      return .call(call, body: try body(until: ["endcall"]).0)
    case "generation":  // marks what the assistant said, for training
      return .conditional([(nil, try body(until: ["endgeneration"]).0)])
    case "break":
      try reader.end()
      return .breakLoop
    case "continue":
      try reader.end()
      return .continueLoop
    case "else", "elif": throw reader.invalid("\(name) without its start")
    case _ where name.hasPrefix("end"): throw reader.invalid("\(name) without its start")
    default: throw reader.unsupported("the statement \(name)")
    }
  }

  private mutating func conditional(_ reader: inout JinjaExpressionParser) throws(Failure) -> JinjaNode {
    var branches: [(condition: JinjaExpression?, body: [JinjaNode])] = []
    var condition: JinjaExpression? = try reader.whole()
    while true {
      let (nodes, end) = try body(until: condition == nil ? ["endif"] : ["elif", "else", "endif"])
      branches.append((condition, nodes))
      guard var end, end.name != "endif" else { return .conditional(branches) }
      condition = end.name == "elif" ? try end.reader.whole() : nil
    }
  }

  private mutating func loop(_ reader: inout JinjaExpressionParser) throws(Failure) -> JinjaNode {
    let targets = try reader.names()
    guard reader.takeName("in") else { throw reader.invalid("for without in") }
    let items = try reader.expression(withoutCondition: true)
    let condition = reader.takeName("if") ? try reader.expression() : nil
    if reader.takeName("recursive") { throw reader.unsupported("a recursive loop") }
    try reader.end()
    let (nodes, end) = try body(until: ["else", "endfor"])
    let otherwise = end?.name == "else" ? try body(until: ["endfor"]).0 : []
    return .loop(targets: targets, items: items, condition: condition, body: nodes, otherwise: otherwise)
  }

  private mutating func set(_ reader: inout JinjaExpressionParser) throws(Failure) -> JinjaNode {
    let target = try reader.target()
    if reader.take("=") { return .set(target: target, value: try reader.whole(allowsTuple: true)) }
    let filters = reader.take("|") ? try reader.filters() : []
    try reader.end()
    return .setBlock(target: target, filters: filters, body: try body(until: ["endset"]).0)
  }

  private mutating func macro(_ reader: inout JinjaExpressionParser) throws(Failure) -> JinjaNode {
    let name = try reader.name()
    let parameters = try reader.parameters()
    try reader.end()
    return .macro(JinjaMacro(name: name, parameters: parameters, body: try body(until: ["endmacro"]).0))
  }
}
