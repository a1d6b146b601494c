import AttendBase
import AttendGrammars
import AttendTestSupport

/// A grammar as a tree, and the plainest recognizer of it: which ends of a substring a node may have, found again and
/// again until nothing is added.
indirect enum NaiveNode {
  case text([UInt8])
  case sequence([NaiveNode])
  case choice([NaiveNode])
  case repetition(NaiveNode, Int, Int?)
  case both(NaiveNode, NaiveNode)
  case without(NaiveNode, NaiveNode)
  case lexeme(NaiveNode)
  case rule(Int)
}

struct NaiveGrammar {
  var rules: [NaiveNode] = []

  /// A random grammar over the letters a and b; rules refer to all rules.
  init(_ random: inout SplitMix) {
    for _ in 0..<random.below(3) + 1 { rules.append(NaiveGrammar.node(&random, depth: 4, rules: 3)) }
    while rules.count < 3 { rules.append(.text([97])) }
  }

  private static func node(_ random: inout SplitMix, depth: Int, rules: Int) -> NaiveNode {
    let below = { (random: inout SplitMix) in node(&random, depth: depth - 1, rules: rules) }
    switch depth == 0 ? 0 : random.below(rules > 0 ? 10 : 8) {
    case 0, 1: return .text((0..<random.below(3)).map { _ in UInt8(97 + random.below(2)) })
    case 2, 3: return .sequence((0..<random.below(4)).map { _ in below(&random) })
    case 4: return .choice((0..<random.below(3) + 1).map { _ in below(&random) })
    case 5:
      let least = random.below(3)
      return .repetition(below(&random), least, random.below(2) == 0 ? nil : least + random.below(3))
    case 6:
      let (one, other) = (
        node(&random, depth: depth - 1, rules: 0), node(&random, depth: depth - 1, rules: 0)
      )
      return random.below(2) == 0 ? .both(one, other) : .without(one, other)
    case 7: return .lexeme(node(&random, depth: depth - 1, rules: 0))
    default: return .rule(random.below(rules))
    }
  }

  /// Whether the first rule matches a text.
  func matches(_ text: [UInt8]) -> Bool { ends(text)[0][0].contains(text.count) }

  /// Where each rule can end, by the place where it begins.
  private func ends(_ text: [UInt8]) -> [[Set<Int>]] {
    var known = [[Set<Int>]](repeating: .init(repeating: [], count: text.count + 1), count: rules.count)
    while true {
      let before = known
      for rule in rules.indices {
        for start in 0...text.count { known[rule][start] = ends(rules[rule], text, from: start, before) }
      }
      if known == before { return known }
    }
  }

  private func ends(_ node: NaiveNode, _ text: [UInt8], from start: Int, _ known: [[Set<Int>]]) -> Set<Int> {
    switch node {
    case .text(let bytes): return text[start...].starts(with: bytes) ? [start + bytes.count] : []
    case .sequence(let parts):
      return parts.reduce([start]) { places, part in
        places.reduce(into: []) { $0.formUnion(ends(part, text, from: $1, known)) }
      }
    case .choice(let parts): return parts.reduce(into: []) { $0.formUnion(ends($1, text, from: start, known)) }
    case .repetition(let part, let least, let most):
      var (places, all): (Set<Int>, Set<Int>) = ([start], least == 0 ? [start] : [])
      // More often than there are letters, a repetition only adds empty strings.
      for count in 1...max(1, most ?? least + text.count + 1) where most != 0 {
        places = places.reduce(into: []) { $0.formUnion(ends(part, text, from: $1, known)) }
        if count >= least { all.formUnion(places) }
      }
      return all
    case .both(let one, let other):
      return ends(one, text, from: start, known).intersection(ends(other, text, from: start, known))
    case .without(let one, let other):
      return ends(one, text, from: start, known).subtracting(ends(other, text, from: start, known))
    case .lexeme(let inner): return ends(inner, text, from: start, known)
    case .rule(let rule): return known[rule][start]
    }
  }

  func grammar() throws -> Grammar {
    var grammar = try Grammar()
    let names = try rules.indices.map { try grammar.declareRule("rule\($0)".utf8) }
    for (name, rule) in zip(names, rules) { grammar.define(name, as: try expression(rule, names, &grammar)) }
    grammar.root = try grammar.reference(to: names[0])
    return grammar
  }

  private func expression(
    _ node: NaiveNode, _ names: [Grammar.Rule], _ grammar: inout Grammar
  ) throws -> Grammar.Expression {
    switch node {
    case .text(let bytes): return try grammar.literal(bytes)
    case .sequence(let parts):
      let parts = try parts.map { try expression($0, names, &grammar) }
      return try grammar.sequence(parts)
    case .choice(let parts):
      let parts = try parts.map { try expression($0, names, &grammar) }
      return try grammar.choice(parts)
    case .repetition(let part, let least, let most):
      let part = try expression(part, names, &grammar)
      return try grammar.repetition(of: part, least, most)
    case .both(let one, let other):
      let (one, other) = (try expression(one, names, &grammar), try expression(other, names, &grammar))
      return try grammar.intersection(one, other)
    case .without(let one, let other):
      let (one, other) = (try expression(one, names, &grammar), try expression(other, names, &grammar))
      return try grammar.difference(one, other)
    case .lexeme(let inner):
      let inner = try expression(inner, names, &grammar)
      return try grammar.lexeme(inner)
    case .rule(let rule): return try grammar.reference(to: names[rule])
    }
  }
}
