import CAttend
import Synchronization

/// Counts and times, in the text format of Prometheus.
final class Metrics: Sendable {
  /// A histogram of seconds.
  private struct Histogram {
    static let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
    var counts = [Int](repeating: 0, count: bounds.count + 1)
    var sum = 0.0

    mutating func add(_ seconds: Double) {
      counts[Histogram.bounds.firstIndex { seconds <= $0 } ?? Histogram.bounds.count] += 1
      sum += seconds
    }
  }

  private struct State {
    var requests: [String: Int] = [:]
    var rejected: [String: Int] = [:]
    var seconds: [String: Histogram] = [:]
    var firstToken: [String: Histogram] = [:]
    var promptTokens: [String: Int] = [:]
    var generatedTokens: [String: Int] = [:]
  }
  private let state = Mutex(State())

  func answered(_ path: String, status: Int, seconds: Double) {
    let path = countedPath(path)
    state.withLock { state in
      state.requests["endpoint=\"\(path)\",status=\"\(status)\"", default: 0] += 1
      state.seconds["endpoint=\"\(path)\"", default: Histogram()].add(seconds)
    }
  }

  func rejected(_ reason: String) { state.withLock { $0.rejected["reason=\"\(reason)\"", default: 0] += 1 } }

  func firstToken(_ model: String, seconds: Double) {
    state.withLock { $0.firstToken[label(model), default: Histogram()].add(seconds) }
  }

  func used(_ model: String, prompt: Int, generated: Int) {
    state.withLock { state in
      state.promptTokens[label(model), default: 0] += prompt
      state.generatedTokens[label(model), default: 0] += generated
    }
  }

  /// What was counted; gauges are asked for, with their label.
  func report(gauges: [(name: String, help: String, type: String, values: [(label: String, value: String)])]) -> String
  {
    let state = state.withLock { $0 }
    var text = ""
    func counts(_ name: String, _ help: String, _ counts: [String: Int]) {
      text += "# HELP \(name) \(help)\n# TYPE \(name) counter\n"
      for (label, count) in counts.sorted(by: { $0.key < $1.key }) { text += "\(name){\(label)} \(count)\n" }
    }
    counts("attend_requests_total", "Requests that were answered; status 499: the client left.", state.requests)
    counts("attend_rejected_total", "Requests and connections beyond a bound.", state.rejected)
    counts("attend_prompt_tokens_total", "Tokens of prompts and inputs.", state.promptTokens)
    counts("attend_generated_tokens_total", "Tokens that were generated.", state.generatedTokens)
    for (name, help, histograms) in [
      ("attend_request_seconds", "Seconds from a request to the end of its answer.", state.seconds),
      ("attend_first_token_seconds", "Seconds from a request to its first token.", state.firstToken),
    ] {
      text += "# HELP \(name) \(help)\n# TYPE \(name) histogram\n"
      for (label, histogram) in histograms.sorted(by: { $0.key < $1.key }) { text += lines(name, label, histogram) }
    }
    for gauge in gauges {
      text += "# HELP \(gauge.name) \(gauge.help)\n# TYPE \(gauge.name) \(gauge.type)\n"
      for (label, value) in gauge.values { text += "\(gauge.name)\(label.isEmpty ? "" : "{\(label)}") \(value)\n" }
    }
    return text
  }

  private func lines(_ name: String, _ label: String, _ histogram: Histogram) -> String {
    var (text, sum) = ("", 0)
    for (index, count) in histogram.counts.enumerated() {
      sum += count
      let bound = index < Histogram.bounds.count ? "\(Histogram.bounds[index])" : "+Inf"
      text += "\(name)_bucket{\(label),le=\"\(bound)\"} \(sum)\n"
    }
    return text + "\(name)_sum{\(label)} \(histogram.sum)\n\(name)_count{\(label)} \(sum)\n"
  }
}

/// The label of a model, which may be named by any text.
func label(_ model: String) -> String {
  var name = ""
  for letter in model.unicodeScalars {
    switch letter {
    case "\\": name += "\\\\"
    case "\"": name += "\\\""
    case "\n": name += "\\n"
    default: name.unicodeScalars.append(letter)
    }
  }
  return "model=\"\(name)\""
}

extension Server {
  /// All metrics.
  var report: String {
    typealias Gauge = (name: String, help: String, type: String, values: [(label: String, value: String)])
    let models = models.all.compactMap { host in host.statistics.map { (label(host.id), $0) } }
    func each(_ name: String, _ help: String, _ type: String, _ value: (attend_scheduler_stats) -> String) -> Gauge {
      (name, help, type, models.map { ($0.0, value($0.1)) })
    }
    let gauges: [Gauge] = [
      each("attend_waiting", "Requests that wait for their turn.", "gauge") { "\($0.waiting)" },
      each("attend_running", "Requests in the batch.", "gauge") { "\($0.running)" },
      each("attend_put_aside_total", "Requests put aside where memory ran out.", "counter") { "\($0.put_aside)" },
      each("attend_steps_total", "Steps of the scheduler.", "counter") { "\($0.steps)" },
      each("attend_rows_total", "Sequences of all steps.", "counter") { "\($0.rows)" },
      each("attend_step_seconds_total", "Time of all steps.", "counter") { "\($0.step_seconds)" },
      each("attend_mean_queue_seconds", "Mean of the waiting.", "gauge") { "\($0.mean_queue_seconds)" },
      (
        "attend_cached_tokens", "Tokens whose keys and values are kept for requests under way.", "gauge",
        self.models.all.map { (label($0.id), "\($0.cachedTokens)") }
      ),
      ("attend_connections", "Open connections.", "gauge", [("", "\(connectionCount)")]),
      ("attend_resident_bytes", "Resident memory of the process.", "gauge", [("", "\(residentMemory())")]),
    ]
    return metrics.report(gauges: gauges)
  }
}
