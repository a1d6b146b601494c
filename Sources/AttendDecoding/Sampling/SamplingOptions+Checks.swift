import AttendBase

extension SamplingOptions {
  /// Whether a step does something.
  func isOn(_ step: SamplingStep) -> Bool {
    switch step {
    case .dry: dry != nil
    case .topNSigma: topNSigma > 0
    case .temperature: temperature != 1
    case .topH: topH > 0
    case .topK: topK > 0
    case .topP: topP < 1
    case .minP: minP > 0
    case .typical: typicalP < 1
    case .epsilon: epsilon > 0
    case .eta: eta > 0
    case .xtc: xtcProbability > 0
    case .mirostat: mirostat != nil
    }
  }

  /// Throws `invalidArgument`, with the name of the option and the numbers, for what is out of range or cannot be
  /// meant.
  func check(vocabulary: Int) throws(Failure) {
    for (step, value, most) in [
      (SamplingStep.topP, topP, 1.0), (.minP, minP, 1), (.topH, topH, 1), (.epsilon, epsilon, 1.0.nextDown),
      (.eta, eta, 1.0.nextDown), (.topNSigma, topNSigma, .greatestFiniteMagnitude),
      (.temperature, temperature, .greatestFiniteMagnitude),
    ] {
      guard value >= 0, value <= most else {
        throw invalid(step.rawValue, "is \(value); it must be at least 0 and \(SamplingOptions.bound(most))")
      }
    }
    guard typicalP > 0, typicalP <= 1 else {
      throw invalid("typical_p", "is \(typicalP); it must be above 0 and at most 1")
    }
    guard topK >= 0 else { throw invalid("top_k", "is \(topK); it must be at least 0") }
    guard minimalKept >= 1 else { throw invalid("min_tokens_to_keep", "is \(minimalKept); it must be at least 1") }
    for (option, value) in [("xtc_probability", xtcProbability), ("xtc_threshold", xtcThreshold)] {
      guard value >= 0, value <= 1 else { throw invalid(option, "is \(value); it must be from 0 to 1") }
    }
    try dry?.check(vocabulary: vocabulary)
    try mirostat?.check()
    try checkOrder()
  }

  private static func bound(_ most: Double) -> String {
    switch most {
    case 1: "at most 1"
    case 1.0.nextDown: "below 1"
    default: "finite"
    }
  }

  private func checkOrder() throws(Failure) {
    for (place, step) in order.enumerated() {
      guard !order[..<place].contains(step) else {
        throw invalid("the order of samplers", "names \(step.rawValue) twice")
      }
    }
    for step in SamplingStep.allCases where isOn(step) && !order.contains(step) {
      throw invalid("the order of samplers", "lacks \(step.rawValue), which is set")
    }
    guard mirostat == nil || order.last == .mirostat else {
      throw invalid("the order of samplers", "has \(order.last?.rawValue ?? "nothing") last; mirostat must be there")
    }
  }
}

extension DryOptions {
  fileprivate func check(vocabulary: Int) throws(Failure) {
    for (option, value) in [("dry_multiplier", multiplier), ("dry_base", base)] {
      guard value >= 0, value.isFinite else { throw invalid(option, "is \(value); it must be at least 0 and finite") }
    }
    guard allowedLength >= 0 else { throw invalid("dry_allowed_length", "is \(allowedLength); it must be at least 0") }
    guard window >= -1 else {
      throw invalid("dry_penalty_last_n", "is \(window); it must be -1, for all ids, or at least 0")
    }
    guard let breakers else { return }
    for place in 0..<breakers.count {
      try TokenCheck(vocabulary: vocabulary).checkSequence(breakers[place], "dry_sequence_breakers", place)
    }
  }
}

extension MirostatOptions {
  fileprivate func check() throws(Failure) {
    for (option, value) in [("mirostat_tau", tau), ("mirostat_eta", eta)] {
      guard value > 0, value.isFinite else { throw invalid(option, "is \(value); it must be above 0 and finite") }
    }
  }
}
