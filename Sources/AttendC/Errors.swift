import AttendBase
import CAttend
import Glibc

/// The object of an `attend_error`.
final class ErrorObject: Sendable {
  let code: Failure.Code
  private let text: CString?

  /// Where there is no memory for the message either, that is the error.
  init(_ failure: Failure) {
    text = try? CString(failure.message)
    code = text == nil ? .outOfMemory : failure.code
  }

  /// Ended by NUL, as long as this object lives.
  var message: UnsafePointer<CChar> {
    if let text { return text.characters }
    let words: StaticString = "out of memory"
    return UnsafeRawPointer(words.utf8Start).assumingMemoryBound(to: CChar.self)
  }
}

/// Runs what a function of the header does; a failure becomes an error that the caller owns.
func attempt(_ body: () throws(Failure) -> Void) -> OpaquePointer? {
  do {
    try body()
    return nil
  } catch { return own(ErrorObject(error)) }
}

@_cdecl("attend_error_get_code") @implementation public func attend_error_get_code(
  _ error: OpaquePointer!
) -> attend_error_code { attend_error_code(rawValue: borrow(error, as: ErrorObject.self).code.rawValue) }

@_cdecl("attend_error_message") @implementation public func attend_error_message(
  _ error: OpaquePointer!
) -> UnsafePointer<CChar>! { borrow(error, as: ErrorObject.self).message }

@_cdecl("attend_error_free") @implementation public func attend_error_free(_ error: OpaquePointer!) {
  release(error, as: ErrorObject.self)
}
