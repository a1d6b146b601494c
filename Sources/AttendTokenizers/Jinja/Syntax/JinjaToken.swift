/// A piece of a template.
struct JinjaToken {
  enum Kind: Equatable {
    case data, string, integer, float, name, operation
    case variableBegin, variableEnd, blockBegin, blockEnd, end
  }

  let kind: Kind
  /// The spelling of a name or an operator.
  var spelling = ""
  /// The value of a literal, or the text of data.
  var value = JinjaValue.none
  let line: Int

  func isName(_ name: String) -> Bool { kind == .name && spelling == name }
  func isOperator(_ operation: String) -> Bool { kind == .operation && spelling == operation }

  /// For messages.
  var description: String {
    switch kind {
    case .data: "template data / text"
    case .string: "string"
    case .integer: "integer"
    case .float: "float"
    case .name, .operation: spelling
    case .variableBegin: "begin of print statement"
    case .variableEnd: "end of print statement"
    case .blockBegin: "begin of statement block"
    case .blockEnd: "end of statement block"
    case .end: "end of template"
    }
  }
}
