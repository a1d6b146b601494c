import AttendBase
import AttendDispatch
import CAttend

/// The version in words; the numbers stand in the header.
let version = "\(ATTEND_VERSION_MAJOR).\(ATTEND_VERSION_MINOR).\(ATTEND_VERSION_PATCH)"

private let versionCharacters = CString(constant: version)
private let kernelsCharacters = CString(constant: Engine.defaultKernelsName())

@_cdecl("attend_version_number") @implementation public func attend_version_number() -> Int32 {
  ATTEND_VERSION_MAJOR * 10000 + ATTEND_VERSION_MINOR * 100 + ATTEND_VERSION_PATCH
}

@_cdecl("attend_version_string") @implementation public func attend_version_string() -> UnsafePointer<CChar>! {
  versionCharacters.characters
}

@_cdecl("attend_kernels_name") @implementation public func attend_kernels_name() -> UnsafePointer<CChar>! {
  kernelsCharacters.characters
}

@_cdecl("attend_log_set") @implementation public func attend_log_set(
  _ callback: attend_log_callback!, _ context: UnsafeMutableRawPointer!
) {
  guard let callback else { return Log.set(nil) }
  // The host vouches for its context: it may be called from any thread, as the header says.
  nonisolated(unsafe) let context = context
  Log.set { (level, line) in line.withCString { callback(attend_log_level(rawValue: level.rawValue), $0, context) } }
}
