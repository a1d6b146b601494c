import AttendDecoding
import Foundation

/// The steps of sampling as their definitions read: all ids sorted, everything in double precision, with the C
/// library's functions.
struct NaiveSampler {
  /// Ids and their logits, divided by the temperature so far, in descending order.
  private(set) var kept: [(token: Int, value: Double)]
  let minimalKept: Int

  init(_ logits: [Float], minimalKept: Int = 1) {
    self.minimalKept = minimalKept
    kept = logits.enumerated().filter { $0.element > -.infinity }.map { ($0.offset, Double($0.element)) }
    kept.sort { ($0.value, -$0.token) > ($1.value, -$1.token) }
  }

  var probabilities: [Double] {
    let weights = kept.map { exp($0.value - kept[0].value) }
    let sum = weights.reduce(0, +)
    return weights.map { $0 / sum }
  }

  private var entropy: Double { probabilities.reduce(0) { $1 > 0 ? $0 - $1 * log($1) : $0 } }

  private mutating func cut(at count: Int, withTies: Bool = false) {
    var count = max(count, min(minimalKept, kept.count))
    while withTies, count > 0, count < kept.count, kept[count].value == kept[count - 1].value { count += 1 }
    kept.removeSubrange(min(count, kept.count)...)
  }

  private mutating func drop(where isDropped: (Double) -> Bool, withTies: Bool) {
    let count = probabilities.filter { !isDropped($0) }.count
    cut(at: count, withTies: withTies && count < minimalKept)
  }

  mutating func apply(_ step: SamplingStep, _ options: SamplingOptions, exclusion: Double, mu: Double) {
    let p = probabilities
    switch step {
    case .dry: break
    case .topNSigma:
      let mean = kept.reduce(0) { $0 + $1.value } / Double(kept.count)
      let variance = kept.reduce(0) { $0 + pow($1.value - mean, 2) } / Double(kept.count)
      let least = kept[0].value - options.topNSigma * variance.squareRoot()
      cut(at: kept.filter { $0.value >= least }.count)
    case .temperature: for index in kept.indices { kept[index].value /= options.temperature }
    case .topH: topH(options.topH)
    case .topK: cut(at: max(options.topK, minimalKept), withTies: true)
    case .topP:
      var sum = 0.0
      var count = 0
      while count < p.count, sum < options.topP {
        sum += p[count]
        count += 1
      }
      cut(at: count)
    case .minP: drop(where: { $0 < options.minP * p[0] }, withTies: false)
    case .typical: typical(options.typicalP)
    case .epsilon: drop(where: { $0 < options.epsilon }, withTies: true)
    case .eta:
      let least = min(options.eta, options.eta.squareRoot() * exp(-entropy))
      drop(where: { $0 < least }, withTies: true)
    case .xtc:
      guard exclusion <= options.xtcProbability, options.xtcThreshold <= 0.5 else { return }
      let above = p.filter { $0 >= options.xtcThreshold }.count
      if above >= 2, kept.count - above + 1 >= minimalKept { kept.removeSubrange(0..<above - 1) }
    case .mirostat: drop(where: { -log2($0) > mu }, withTies: false)
    }
  }

  private mutating func topH(_ share: Double) {
    kept.removeSubrange(min(100, kept.count)...)
    let terms = probabilities.map { $0 > 0 ? -$0 * log($0) : 0 }
    let total = terms.reduce(0, +)
    var sum = 0.0
    let count = terms.firstIndex { term in
      sum += term
      return sum > share * total
    }
    cut(at: max(1, count ?? kept.count))
  }

  private mutating func typical(_ share: Double) {
    let p = probabilities, entropy = entropy
    let distances = p.map { abs(-log($0) - entropy) }
    let order = p.indices.sorted { (distances[$0], $0) < (distances[$1], $1) }
    var sum = 0.0, count = 0
    while count < order.count, sum < share || count < minimalKept {
      sum += p[order[count]]
      count += 1
    }
    let last = distances[order[count - 1]]
    kept = kept.indices.filter { distances[$0] <= last }.map { kept[$0] }
  }
}
