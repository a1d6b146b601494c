/// The values of `format`, as regular expressions over whole strings; they are assertions here, as in OpenAPI and
/// structured output. A name that no draft of JSON Schema defines is an annotation, as the standard wants.
enum Formats {
  /// The expression of a format that is implemented; nil for all others.
  static func pattern(_ name: String) -> Pattern? { known[name] }

  /// Formats that the standard defines and no regular expression describes: ignoring them would let anything pass.
  static let refused: Set = ["regex", "idn-hostname"]

  /// Expressions by name, made when the first is asked for.
  static let known = texts.compactMapValues { try? PatternParser.parse("^(?:\($0))$") }

  static let texts = [
    "date": date, "time": time, "date-time": "\(date)[Tt]\(time)", "duration": duration,
    "email": email(letter: "A-Za-z0-9", quoted: " !#-\\[\\]-~"),
    "idn-email": email(letter: "A-Za-z0-9\(beyond)", quoted: " !#-\\[\\]-~\(beyond)"), "hostname": hostname,
    "ipv4": ipv4, "ipv6": ipv6, "uuid": "\(hex){8}-(?:\(hex){4}-){3}\(hex){12}", "uri": uri(letter: letter),
    "uri-reference": "\(uri(letter: letter))|\(relative(letter: letter))", "iri": uri(letter: letter + beyond),
    "iri-reference": "\(uri(letter: letter + beyond))|\(relative(letter: letter + beyond))",
    "uri-template": uriTemplate, "json-pointer": pointer, "relative-json-pointer": "(?:0|[1-9]\\d*)(?:#|\(pointer))",
  ]

  private static let hex = "[0-9a-fA-F]"
  /// Characters beyond ASCII that an IRI (RFC 3987) may hold.
  private static let beyond = "\\xA0-\\uD7FF\\uF900-\\uFDCF\\uFDF0-\\uFFEF\\u{10000}-\\u{EFFFD}"

  // RFC 3339, with the days of each month and of leap years.
  private static let date = """
    (?:\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)\
    |02-(?:0[1-9]|1\\d|2[0-8]))|(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)
    """

  /// A leap second comes at 23:59:60 of universal time. The local time is written for the offsets in whole, half and
  /// three quarters of hours, which are all that are in use.
  private static let time = """
    (?:(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d+)?(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)\
    |23:59:60(?:\\.\\d+)?[Zz]|\(leapSeconds))
    """

  private static let leapSeconds: String = {
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    var all: [String] = []
    for (sign, mark) in [(1, "\\+"), (-1, "-")] {
      for hours in 0..<24 {
        for minutes in [0, 30, 45] {
          let local = (23 * 60 + 59 + sign * (hours * 60 + minutes) + 1440) % 1440
          let offset = "\(mark)\(two(hours)):\(two(minutes))"
          all.append("\(two(local / 60)):\(two(local % 60)):60(?:\\.\\d+)?\(offset)")
        }
      }
    }
    return all.joined(separator: "|")
  }()

  // RFC 3339, appendix A.
  private static let duration = """
    P(?:\\d+W|(?:\\d+D|\\d+M(?:\\d+D)?|\\d+Y(?:\\d+M(?:\\d+D)?)?)(?:\(durationTime))?|\(durationTime))
    """
  private static let durationTime = "T(?:\\d+S|\\d+M(?:\\d+S)?|\\d+H(?:\\d+M(?:\\d+S)?)?)"

  // RFC 5321, section 4.1.2.
  private static func email(letter: String, quoted: String) -> String {
    let atom = "[\(letter)!#$%&'*+/=?^_`{|}~-]+"
    let local = "(?:\(atom)(?:\\.\(atom))*|\"(?:[\(quoted)]|\\\\[ -~])*\")"
    let label = "[\(letter)](?:[\(letter)-]*[\(letter)])?"
    return "\(local)@(?:\(label)(?:\\.\(label))*|\\[(?:\(ipv4)|IPv6:\(ipv6))\\])"
  }

  /// The most characters of a format that its expression does not count.
  static func longest(_ name: String) -> Int? { name == "hostname" ? 253 : nil }

  /// RFC 1123. Whether a label in Punycode (RFC 5891) is valid no automaton knows: labels with -- in the third place
  /// are refused.
  private static let hostname: String = {
    let (end, inner) = ("[A-Za-z0-9]", "[A-Za-z0-9-]")
    let long = "\(inner)(?:\(end)\(inner)|-\(end))\(inner){0,58}\(end)"
    let label = "\(end)(?:\(inner)?\(end)|\(inner){2}\(end)|\(long))?"
    return "\(label)(?:\\.\(label))*"
  }()

  private static let ipv4: String = {
    let byte = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
    return "(?:\(byte)\\.){3}\(byte)"
  }()

  // RFC 3986, section 3.2.2.
  private static let ipv6: String = {
    let group = "\(hex){1,4}"
    let last = "(?:\(group):\(group)|\(ipv4))"
    var all = ["(?:\(group):){6}\(last)", "::(?:\(group):){5}\(last)", "(?:\(group))?::(?:\(group):){4}\(last)"]
    for before in 1...3 {
      all.append("(?:(?:\(group):){0,\(before)}\(group))?::(?:\(group):){\(4 - before)}\(last)")
    }
    all.append("(?:(?:\(group):){0,4}\(group))?::\(last)")
    all.append("(?:(?:\(group):){0,5}\(group))?::\(group)")
    all.append("(?:(?:\(group):){0,6}\(group))?::")
    return "(?:\(all.joined(separator: "|")))"
  }()

  // RFC 3986, appendix A.
  private static let letter = "A-Za-z0-9"
  private static let percent = "%\(hex){2}"

  private static func character(_ letter: String, _ more: String) -> String {
    "(?:[\(letter)._~!$&'()*+,;=\(more)-]|\(percent))"
  }

  private static func authority(_ letter: String) -> String {
    let future = "[vV]\(hex)+\\.[A-Za-z0-9._~!$&'()*+,;=:-]+"
    let host = "(?:\\[(?:\(ipv6)|\(future))\\]|\(character(letter, ""))*)"
    return "//(?:\(character(letter, ":"))*@)?\(host)(?::\\d*)?(?:/\(character(letter, ":@"))*)*"
  }

  private static func tail(_ letter: String) -> String {
    "(?:\\?\(character(letter, ":@/?"))*)?(?:#\(character(letter, ":@/?"))*)?"
  }

  private static func uri(letter: String) -> String {
    let part = character(letter, ":@")
    let rootless = "\(part)+(?:/\(part)*)*"
    return "[A-Za-z][A-Za-z0-9+.-]*:(?:\(authority(letter))|/(?:\(rootless))?|\(rootless)|)\(tail(letter))"
  }

  private static func relative(letter: String) -> String {
    let (part, first) = (character(letter, ":@"), character(letter, "@"))
    let absolute = "/(?:\(part)+(?:/\(part)*)*)?"
    return "(?:\(authority(letter))|\(absolute)|\(first)+(?:/\(part)*)*|)\(tail(letter))"
  }

  // RFC 6570.
  private static let uriTemplate: String = {
    let name = "(?:[A-Za-z0-9_]|\(percent))(?:\\.?(?:[A-Za-z0-9_]|\(percent)))*"
    let variable = "\(name)(?::[1-9]\\d{0,3}|\\*)?"
    let literal = "[^\\x00-\\x20\"'%<>\\\\^`{|}\\x7F]|\(percent)"
    return "(?:\(literal)|\\{[+#./;?&=,!@|]?\(variable)(?:,\(variable))*\\})*"
  }()

  // RFC 6901.
  private static let pointer = "(?:/(?:[^~/]|~[01])*)*"
}
