import AttendDispatch
import Glibc

/// Seconds since some moment: of this thread's computing where it is alone, so that a busy machine disturbs little; of
/// the clock otherwise.
func now() -> Double {
  var time = timespec()
  clock_gettime(engine.threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// The median, or the smallest where the option says so.
func typical(_ values: [Double]) -> Double {
  if best { return values.min() ?? .nan }
  let sorted = values.sorted()
  return sorted.isEmpty ? .nan : (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}

/// Times contenders against each other: each in turn, round after round, so that a change of the machine's speed meets
/// all alike.
struct Race {
  var rounds: Int
  /// How long one contender runs in one round.
  var seconds: Double

  /// Seconds per call for each contender, one entry a round.
  func times(_ contenders: [() -> Void]) -> [[Double]] {
    let repeats = contenders.map { body -> Int in
      body()
      let start = now()
      body()
      return max(1, Int(seconds / max(now() - start, 1e-7)))
    }
    var times = contenders.map { _ in [Double]() }
    for _ in 0..<rounds {
      for (index, body) in contenders.enumerated() {
        let start = now()
        for _ in 0..<repeats[index] { body() }
        times[index].append((now() - start) / Double(repeats[index]))
      }
    }
    return times
  }
}

/// `text` in a column of `width` characters, at its right end or its left.
func column(_ text: String, _ width: Int, left: Bool = false) -> String {
  let space = String(repeating: " ", count: max(0, width - text.count))
  return left ? text + space : space + text
}

func number(_ value: Double, _ digits: Int) -> String {
  guard value.isFinite else { return "-" }
  var scale = 1.0
  for _ in 0..<digits { scale *= 10 }
  let rounded = (value * scale).rounded()
  let whole = Int(rounded / scale), rest = Int(abs(rounded)) % Int(scale)
  guard digits > 0 else { return "\(whole)" }
  let fraction = "\(rest)"
  return "\(whole)." + String(repeating: "0", count: digits - fraction.count) + fraction
}
