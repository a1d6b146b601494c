import AttendBase
import CAttend
import Glibc

// A handle is a retained reference to a Swift object, seen from C as a pointer to an incomplete struct.

/// Gives an object to the caller.
func own<Object: AnyObject>(_ object: Object) -> OpaquePointer {
  OpaquePointer(Unmanaged.passRetained(object).toOpaque())
}

/// The object behind a handle that the caller keeps.
func borrow<Object: AnyObject>(_ handle: OpaquePointer, as type: Object.Type) -> Object {
  Unmanaged<Object>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
}

/// Takes a handle back from the caller; nil is allowed.
func release<Object: AnyObject>(_ handle: OpaquePointer?, as type: Object.Type) {
  guard let handle else { return }
  Unmanaged<Object>.fromOpaque(UnsafeRawPointer(handle)).release()
}

/// A pointer argument that must not be NULL, by its name.
func require<Pointer>(_ pointer: Pointer?, _ name: String) throws(Failure) -> Pointer {
  guard let pointer else { throw Failure(.invalidArgument, "\(name) is NULL") }
  return pointer
}

/// The object behind a handle that must not be NULL, by the name of the argument.
func object<Object: AnyObject>(_ handle: OpaquePointer?, as type: Object.Type, _ name: String) throws(Failure) -> Object
{ borrow(try require(handle, name), as: type) }

/// Text for C, ended by NUL, at an address that stays.
final class CString: @unchecked Sendable {
  let characters: UnsafePointer<CChar>
  /// Without the NUL.
  let length: Int
  /// The owner of the characters; nil: this object
  private let owner: AlignedBuffer?

  private init(length: Int) throws(Failure) {
    guard let memory = malloc(length + 1) else { throw .outOfMemory(length + 1, for: "a text") }
    memory.storeBytes(of: 0, toByteOffset: length, as: UInt8.self)
    characters = UnsafePointer(memory.assumingMemoryBound(to: CChar.self))
    self.length = length
    owner = nil
  }

  /// Bytes that were made elsewhere, which a NUL follows there.
  init(_ memory: AlignedBuffer, length: Int) {
    characters = UnsafePointer(memory.pointer(to: CChar.self))
    self.length = length
    owner = memory
  }

  /// Throws `outOfMemory`.
  convenience init(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
    try self.init(length: bytes.count)
    if let base = bytes.baseAddress { memcpy(UnsafeMutablePointer(mutating: characters), base, bytes.count) }
  }

  /// Throws `outOfMemory`.
  convenience init(_ text: String) throws(Failure) {
    try self.init(length: text.utf8.count)
    var text = text
    text.withUTF8 {
      if let base = $0.baseAddress { memcpy(UnsafeMutablePointer(mutating: characters), base, $0.count) }
    }
  }

  /// A text of this library's own, which is short.
  convenience init(constant text: String) { try! self.init(text) }

  /// The text without its NUL, as long as this object lives.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: characters, count: length) }

  deinit { if owner == nil { free(UnsafeMutablePointer(mutating: characters)) } }
}

/// Text that C gave, ended by NUL; bytes that are not UTF-8 become U+FFFD.
func string(_ characters: UnsafePointer<CChar>?, _ name: String) throws(Failure) -> String {
  String(cString: try require(characters, name))
}

/// Bytes that C gave with their number; NULL stands for no bytes only where there are none.
func buffer(_ bytes: UnsafePointer<CChar>?, _ length: Int, _ name: String) throws(Failure) -> UnsafeRawBufferPointer {
  guard length >= 0 else { throw Failure(.invalidArgument, "length is \(UInt(bitPattern: length))") }
  return UnsafeRawBufferPointer(start: length == 0 ? nil : try require(bytes, name), count: length)
}

/// Sets what an optional `size_t *` points to.
func store(_ value: Int, _ target: UnsafeMutablePointer<Int>?) { target?.pointee = value }
