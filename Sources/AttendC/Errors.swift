import AttendBase
import CAttend
import Glibc

/// What an `attend_error` points to.
final class ErrorObject: Sendable {
  let code: Failure.Code
  let message: CString

  init(_ failure: Failure) {
    code = failure.code
    message = CString(failure.message)
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
) -> UnsafePointer<CChar>! { borrow(error, as: ErrorObject.self).message.characters }

@_cdecl("attend_error_free") @implementation public func attend_error_free(_ error: OpaquePointer!) {
  release(error, as: ErrorObject.self)
}
