import AttendBase
import Glibc

/// The functions that every chat template finds.
enum JinjaGlobals {
  static let all: [String: @Sendable (JinjaCall, JinjaContext) throws(Failure) -> JinjaValue] = [
    "range": range, "namespace": namespace, "dict": dictionary, "cycler": cycler, "joiner": joiner,
    "raise_exception": raise, "strftime_now": formattedNow,
    "lipsum": { (_, context) throws(Failure) in
      throw context.unsupported("the function lipsum, which writes random text,")
    },
  ]

  /// The global of that name as a value.
  static func value(_ name: String) -> JinjaValue? {
    all[name].map { .object(name == "dict" ? JinjaDictionaryType() : JinjaFunction(name, $0)) }
  }

  private static func range(_ call: JinjaCall, _ context: JinjaContext) throws(Failure) -> JinjaValue {
    let bound = try call.bind("range", 1...3, context)
    var numbers: [Int] = []
    for value in bound { if let number = try context.integer(value, "range") { numbers.append(number) } }
    let (start, stop) = numbers.count == 1 ? (0, numbers[0]) : (numbers[0], numbers[1])
    let step = numbers.count == 3 ? numbers[2] : 1
    guard step != 0 else { throw context.refused("range() arg 3 must not be zero") }
    guard let range = JinjaRange(start, stop, step) else {
      throw context.refused("a range of more than \(JinjaRange.maximalCount) items, which the sandbox blocks")
    }
    return .object(range)
  }

  /// The members that `dict(mapping or pairs, **more)` makes.
  private static func members(_ call: JinjaCall, _ context: JinjaContext) throws(Failure) -> JinjaMembers {
    guard call.positional.count < 2 else {
      throw context.invalid("dict expected at most 1 argument, got \(call.positional.count)")
    }
    var members = JinjaMembers()
    switch call.positional.first {
    case nil: break
    case .dictionary(let dictionary)?: members = try JinjaMembers(dictionary, context)
    case let pairs?:
      let iterator = try context.iterate(pairs)
      while let pair = try iterator.next(context) {
        let items = try context.items(of: pair)
        guard items.count == 2 else {
          throw context.refused("a pair for a dict has length \(items.count); 2 is required")
        }
        try members.set(items[0], items[1], context)
      }
    }
    for (name, value) in call.named { try members.set(JinjaValue(name), value, context) }
    return members
  }

  static func dictionary(_ call: JinjaCall, _ context: JinjaContext) throws(Failure) -> JinjaValue {
    try context.dictionary(try members(call, context))
  }

  /// `dict.fromkeys(keys, value)`.
  static func fromKeys(_ call: JinjaCall, _ context: JinjaContext) throws(Failure) -> JinjaValue {
    let bound = try call.bind("fromkeys", 1...2, context)
    var members = JinjaMembers()
    for key in try context.items(of: bound[0]!) { try members.set(key, bound[1] ?? .none, context) }
    return try context.dictionary(members)
  }

  private static func namespace(_ call: JinjaCall, _ context: JinjaContext) throws(Failure) -> JinjaValue {
    let namespace = JinjaNamespace(JinjaMembers())
    let members = try members(call, context)
    for (key, value) in zip(members.keys, members.values) {
      guard let name = key.text else {
        throw context.refused("an attribute of a namespace should have text as its name")
      }
      try namespace.set(name, value, context)
    }
    context.cyclic.append(namespace)
    try context.budget.take(bytes: 128)
    return .object(namespace)
  }

  private static func cycler(_ call: JinjaCall, _ context: JinjaContext) throws(Failure) -> JinjaValue {
    guard call.named.isEmpty else { throw context.invalid("cycler takes no arguments by name") }
    guard !call.positional.isEmpty, case .tuple(let items) = try context.tuple(call.positional) else {
      throw context.refused("at least one item has to be provided")
    }
    return .object(JinjaCycler(items))
  }

  private static func joiner(_ call: JinjaCall, _ context: JinjaContext) throws(Failure) -> JinjaValue {
    .object(JinjaJoiner(try call.bind("joiner", ["sep"], context)[0] ?? JinjaValue(", ")))
  }

  /// The template's own refusal of a conversation, in its words.
  private static func raise(_ call: JinjaCall, _ context: JinjaContext) throws(Failure) -> JinjaValue {
    let message = try call.bind("raise_exception", ["message"], required: 1, context)[0]!
    throw context.refused(try context.string(message).string)
  }

  /// `strftime_now(format)`: the local time, in the words of the C library.
  private static func formattedNow(_ call: JinjaCall, _ context: JinjaContext) throws(Failure) -> JinjaValue {
    guard let format = try call.bind("strftime_now", ["format"], required: 1, context)[0]!.text else {
      throw context.refused("strftime_now wants text")
    }
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    var parts = tm()
    localtime_r(&now.tv_sec, &parts)
    var written = try ownDirectives(format.string, microseconds: now.tv_nsec / 1000)
    guard !written.isEmpty, !written.utf8.contains(0) else { return JinjaValue("") }
    guard written.utf8.count < 1 << 12 else {
      throw context.refused("a format of more than \(1 << 12) bytes for strftime_now")
    }
    // A letter more, since an empty result cannot be told from a failure.
    written += "."
    var buffer = [CChar](repeating: 0, count: 1 << 16)
    let count = strftime(&buffer, buffer.count, written, &parts)
    guard count > 0 else { throw context.refused("the format of strftime_now gives too long a text") }
    return try context.text(JinjaText(utf8: buffer.prefix(count - 1).map { UInt8(bitPattern: $0) }).scalars)
  }

  /// Directives that Python has and C has not, or not so: %f, and the zone, which the naive time of Python lacks.
  private static func ownDirectives(_ format: String, microseconds: Int) throws(Failure) -> String {
    var (result, isDirective) = ("", false)
    for scalar in format.unicodeScalars {
      switch (isDirective, scalar) {
      case (true, "f"):
        let digits = String(microseconds)
        result += String(repeating: "0", count: 6 - digits.utf8.count) + digits
      case (true, "z"), (true, "Z"): break
      case (true, _): result += "%" + String(scalar)
      case (false, "%"): break
      default: result.unicodeScalars.append(scalar)
      }
      isDirective = !isDirective && scalar == "%"
    }
    return isDirective ? result + "%" : result
  }
}

/// The global `dict`, which can be called and has `fromkeys`.
final class JinjaDictionaryType: JinjaObject {
  override var typeName: String { "TemplateDict" }
  override var isCallable: Bool { true }

  override func attribute(_ name: JinjaText, _ context: JinjaContext) throws(Failure) -> JinjaValue? {
    name.string == "fromkeys" ? .object(JinjaFunction("fromkeys", kind: "method", JinjaGlobals.fromKeys)) : nil
  }
}
