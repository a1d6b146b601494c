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

  init(_ bytes: UnsafeRawBufferPointer) {
    characters = CString.copy(bytes)
    length = bytes.count
  }

  init(_ text: String) {
    var text = text
    (characters, length) = text.withUTF8 { (CString.copy(UnsafeRawBufferPointer($0)), $0.count) }
  }

  /// The text without its NUL, as long as this object lives.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: characters, count: length) }

  private static func copy(_ bytes: UnsafeRawBufferPointer) -> UnsafePointer<CChar> {
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
    if let base = bytes.baseAddress { memcpy(copy, base, bytes.count) }
    copy[bytes.count] = 0
    return UnsafePointer(copy)
  }

  deinit { characters.deallocate() }
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

/// A struct that begins with its own size, as the caller's version of the header knows it; what that version lacks, and
/// all of it where the pointer is nil, is taken from `initial`.
///
/// `smallest` is the size in the first version of the header. A larger struct than this library knows is read as far as
/// it is known, and refused if anything beyond is set: ignoring a wish would be a wrong answer.
func copy<Struct: BitwiseCopyable>(
  _ pointer: UnsafePointer<Struct>?, smallest: Int, initial: Struct, _ name: String
) throws(Failure) -> Struct {
  guard let pointer else { return initial }
  let size = try structSize(pointer, smallest: smallest, name)
  let bytes = UnsafeRawBufferPointer(start: pointer, count: size)
  let known = MemoryLayout<Struct>.size
  if size > known, bytes[known...].contains(where: { $0 != 0 }) {
    throw Failure(
      .invalidArgument,
      "\(name).struct_size is \(size): a field is set that came after version \(version) of this library, which knows "
        + "\(known) bytes"
    )
  }
  var result = initial
  withUnsafeMutableBytes(of: &result) { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes.prefix(known))) }
  return result
}

/// The opposite: fills a struct of the caller's as far as his version of it goes, leaving his struct_size.
func fill<Struct: BitwiseCopyable>(
  _ pointer: UnsafeMutablePointer<Struct>, smallest: Int, with value: Struct, _ name: String
) throws(Failure) {
  let size = min(try structSize(UnsafePointer(pointer), smallest: smallest, name), MemoryLayout<Struct>.size)
  let start = MemoryLayout<Int>.size
  withUnsafeBytes(of: value) {
    UnsafeMutableRawPointer(pointer).advanced(by: start).copyMemory(
      from: $0.baseAddress! + start, byteCount: size - start)
  }
}

/// No struct of this header will be larger, so that a size beyond it is memory that was never set.
private let largestStruct = 4096

private func structSize<Struct>(_ pointer: UnsafePointer<Struct>, smallest: Int, _ name: String) throws(Failure) -> Int
{
  let size = UnsafeRawPointer(pointer).load(as: Int.self)
  guard size >= smallest, size <= largestStruct else {
    throw Failure(
      .invalidArgument,
      "\(name).struct_size is \(UInt(bitPattern: size)), which no version of the library has used: set it to "
        + "sizeof(\(Struct.self))"
    )
  }
  return size
}
