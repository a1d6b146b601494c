import Glibc

/// A bar on stderr, where that is a terminal, with the rate and the time that remains. It appears once the work has
/// taken half a second and leaves nothing behind.
final class Progress {
  private let label: String
  private let total: Int
  private let unit: String
  private let isShown: Bool
  private let begin = now()
  private var done = 0
  private var drawn = -1.0

  /// With an empty `unit` neither counts nor a rate are shown.
  init(_ label: String, total: Int, unit: String = "", hidden: Bool = false) {
    self.label = label
    self.total = total
    self.unit = unit
    isShown = !hidden && total > 0 && Terminal.isTerminal(2)
  }

  func advance(_ count: Int = 1) { reach(done + count) }

  func reach(_ count: Int) {
    done = min(count, total)
    let time = now()
    guard isShown, time - begin > 0.5, time - drawn > 0.1 else { return }
    drawn = time
    Terminal.write("\r\u{1B}[K" + line(at: time), to: 2)
  }

  /// Takes the bar away, before something else is written to the terminal.
  func clear() {
    guard drawn >= 0 else { return }
    drawn = -1
    Terminal.write("\r\u{1B}[K", to: 2)
  }

  private func line(at time: Double) -> String {
    let share = Double(done) / Double(total)
    let width = max(min(Terminal.columns(2) - 50, 30), 5)
    let full = Int(share * Double(width))
    let bar = String(repeating: "━", count: full)
    let rest = String(repeating: "─", count: width - full)
    var line = "\(label) \(Colour.green.paint(bar, on: 2))\(Colour.faint.paint(rest, on: 2)) \(Int(share * 100)) %"
    if !unit.isEmpty { line += "  \(done)/\(total)  \(fixed(Double(done) / (time - begin), 1)) \(unit)/s" }
    if done > 0 { line += "  \(Progress.clock((time - begin) / share * (1 - share))) left" }
    return line
  }

  /// Seconds as minutes and seconds, from an hour on with hours.
  static func clock(_ seconds: Double) -> String {
    let whole = Int(seconds.rounded(.up))
    let (minutes, rest) = (whole / 60 % 60, whole % 60)
    let tail = rest < 10 ? "0\(rest)" : "\(rest)"
    guard whole >= 3600 else { return "\(minutes):\(tail)" }
    return "\(whole / 3600):\(minutes < 10 ? "0" : "")\(minutes):\(tail)"
  }
}
