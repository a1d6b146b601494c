import Glibc
import Synchronization

/// What the program asks of the terminal, where there is one.
enum Terminal {
  static func isTerminal(_ file: Int32) -> Bool { isatty(file) == 1 }

  /// Whether colours are wanted on a file: a terminal that has them, and no NO_COLOR (https://no-color.org).
  static func hasColours(_ file: Int32) -> Bool {
    isTerminal(file) && environment("NO_COLOR") == nil && environment("TERM") != "dumb"
  }

  /// The columns of the terminal behind a file; 80 where that is not known.
  static func columns(_ file: Int32) -> Int {
    var size = winsize()
    return ioctl(file, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
  }

  private static let saved = Mutex<termios?>(nil)

  /// Gives out keys as they are pressed, without echo; `restore` undoes it. False where that cannot be had.
  static func raw() -> Bool {
    var settings = termios()
    guard tcgetattr(0, &settings) == 0 else { return false }
    saved.withLock { $0 = settings }
    settings.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG | IEXTEN)
    settings.c_iflag &= ~tcflag_t(IXON | ICRNL)
    return tcsetattr(0, TCSADRAIN, &settings) == 0
  }

  static func restore() {
    saved.withLock { settings in
      guard var before = settings else { return }
      tcsetattr(0, TCSADRAIN, &before)
      settings = nil
    }
  }

  /// Writes all bytes of a text to a file; false where nobody reads it, or it is full.
  @discardableResult static func write(_ text: String, to file: Int32 = 1) -> Bool { write(Array(text.utf8), to: file) }

  @discardableResult static func write(_ bytes: [UInt8], to file: Int32) -> Bool {
    bytes.withUnsafeBytes { bytes in
      var written = 0
      while written < bytes.count {
        let count = Glibc.write(file, bytes.baseAddress! + written, bytes.count - written)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return false }
        written += count
      }
      return true
    }
  }

  /// A line for the user, beside the output.
  static func note(_ text: String) { write(text + "\n", to: 2) }
}

/// A text in a colour, where the file it goes to has colours.
enum Colour: String {
  case red = "31"
  case green = "32"
  case cyan = "36"
  case bold = "1"
  case faint = "2"

  func paint(_ text: String, on file: Int32 = 1) -> String {
    Terminal.hasColours(file) ? "\u{1B}[\(rawValue)m\(text)\u{1B}[0m" : text
  }
}

/// Seconds of a clock that only goes forward.
func now() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// A number with so many digits behind the point.
func fixed(_ number: Double, _ digits: Int) -> String {
  guard number.isFinite, abs(number) < 1e15 else { return "\(number)" }
  var buffer = [CChar](repeating: 0, count: 64)
  _ = withVaList([Int32(digits), number]) { vsnprintf(&buffer, buffer.count, "%.*f", $0) }
  return utf8(buffer, Int(strlen(buffer)))
}

/// A number of bytes as people read it.
func size(_ bytes: Double) -> String {
  var (number, unit) = (bytes, 0)
  let units = ["bytes", "kB", "MB", "GB", "TB"]
  while number >= 1000 && unit + 1 < units.count { (number, unit) = (number / 1000, unit + 1) }
  return unit == 0 ? "\(Int(number)) bytes" : "\(fixed(number, number < 10 ? 2 : 1)) \(units[unit])"
}
