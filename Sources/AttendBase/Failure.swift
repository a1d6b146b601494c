/// Why a request could not be met. The one error type of the library: it becomes an `attend_error` at the door.
///
/// The message is a sentence for a person and names the file, tensor or argument and the numbers. Public like
/// `GrowingList`, which throws it.
public struct Failure: Error, Sendable {
  /// The classes of failure; the raw values are those of `attend_error_code` in the header.
  package enum Code: UInt32, Sendable {
    case invalidArgument = 10
    case outOfMemory = 20
    case notFound = 30
    case inputOutput = 40
    case invalidFile = 50
    case unsupported = 60
    case invalidState = 70
    case busy = 80
    case cancelled = 90
    case internalError = 100
  }

  package let code: Code
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// An allocation of `bytes` bytes for `purpose` failed.
  @usableFromInline package static func outOfMemory(_ bytes: Int, for purpose: String) -> Failure {
    Failure(.outOfMemory, "out of memory: \(bytes) bytes for \(purpose)")
  }
}
