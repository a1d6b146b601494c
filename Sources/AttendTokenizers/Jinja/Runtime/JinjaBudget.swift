import AttendBase
import Glibc

/// The budget of one rendering: steps, bytes, depth. Whoever does work counts it here, so that no template and no
/// conversation can hang, grow or crash the process.
final class JinjaBudget {
  /// A step is about the work of copying a code point; evaluating an expression counts `evaluation` of them.
  private(set) var steps = 0
  /// Bytes of all values and texts made, those that were let go again included.
  private(set) var bytes = 0
  private var depth = 0
  private let stepLimit: Int
  private let byteLimit: Int
  private let file: String

  static let evaluation = 16
  /// Steps and bytes of a rendering, and what each byte of the conversation adds: templates in practice take some
  /// thousand steps, and a few for each letter.
  static let steps = 1 << 26
  static let bytes = 1 << 30
  static let perInputByte = 256
  /// Expressions and statements within each other while a template runs, those of macros that call each other included;
  /// `LargeStack` holds more.
  static let depth = 1500
  /// Expressions, blocks and values within each other. Whatever walks over them, to free them too, fits the stack of
  /// the smallest thread.
  static let nesting = 180

  init(input: Int, file: String) {
    let more = input.multipliedReportingOverflow(by: JinjaBudget.perInputByte)
    stepLimit = JinjaBudget.steps + min(more.overflow ? .max : more.partialValue, Int.max / 4)
    byteLimit = JinjaBudget.bytes + min(more.overflow ? .max : more.partialValue, Int.max / 4)
    self.file = file
  }

  func spend(_ count: Int) throws(Failure) {
    let (sum, overflow) = steps.addingReportingOverflow(count)
    steps = overflow ? .max : sum
    if steps > stepLimit { throw exhausted("\(stepLimit / JinjaBudget.evaluation) steps") }
  }

  /// Counts memory that was or is about to be taken, and the work of filling it.
  func take(bytes count: Int) throws(Failure) {
    let (sum, overflow) = bytes.addingReportingOverflow(count)
    bytes = overflow ? .max : sum
    if bytes > byteLimit { throw exhausted("\(byteLimit) bytes for its values") }
    try spend(count / 4)
  }

  /// Refuses what would not fit, before any of it is made. Arrays cannot fail, so that a large one is tried first.
  func reserve(bytes count: (partialValue: Int, overflow: Bool)) throws(Failure) {
    guard !count.overflow, count.partialValue <= byteLimit - bytes else {
      throw exhausted("\(byteLimit) bytes for its values")
    }
    guard count.partialValue >= 1 << 16 else { return }
    guard let memory = malloc(count.partialValue) else {
      throw .outOfMemory(count.partialValue, for: "the values of the chat template \(file)")
    }
    free(memory)
  }

  /// Goes one level deeper; `leave` comes back.
  @inline(__always) func enter() throws(Failure) {
    depth += 1
    if depth > JinjaBudget.depth {
      depth -= 1
      throw exhausted("a depth of \(JinjaBudget.depth)")
    }
  }

  @inline(__always) func leave() { depth -= 1 }

  /// The depth of a value that contains one of `depth`.
  func nested(_ depth: Int) throws(Failure) -> Int {
    guard depth < JinjaBudget.nesting else { throw exhausted("values nested \(JinjaBudget.nesting) deep") }
    return depth + 1
  }

  private func exhausted(_ what: String) -> Failure {
    Failure(.invalidFile, "\(file): chat template: it needs more than its budget of \(what)")
  }
}
