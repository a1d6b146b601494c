internal import CAttend

// How values of Swift become those of the header, and back.

/// The struct that the header's `..._INIT` makes: its own size first, and zeros, which mean the default.
func initial<Value>(_ type: Value.Type = Value.self) -> Value {
  withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) { place in
    let bytes = UnsafeMutableRawBufferPointer(place)
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
    bytes.storeBytes(of: MemoryLayout<Value>.stride, as: Int.self)
    return place[0]
  }
}

/// A text that may be missing, ended by NUL, for the time of a call.
func withText<Result>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
  guard let text else { return body(nil) }
  return text.withCString(body)
}

/// Texts as the header takes them: addresses, lengths in bytes and their count. Each also ends with NUL.
func withTexts<Result>(
  _ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<Int>, Int) -> Result
) -> Result {
  var bytes: [CChar] = []
  var starts: [Int] = []
  for text in texts {
    starts.append(bytes.count)
    bytes.append(contentsOf: text.utf8.lazy.map(CChar.init(bitPattern:)))
    bytes.append(0)
  }
  let lengths = texts.map(\.utf8.count)
  return bytes.withUnsafeBufferPointer { bytes in
    var addresses: [UnsafePointer<CChar>?] = starts.map { start in bytes.baseAddress.map { $0 + start } }
    addresses.append(nil)  // so that there is an address where there are no texts
    return addresses.withUnsafeBufferPointer { addresses in
      (lengths + [0]).withUnsafeBufferPointer { body(addresses.baseAddress!, $0.baseAddress!, texts.count) }
    }
  }
}

/// The same, where there may be none: then NULL.
func withTexts<Result>(
  optional texts: [String]?, _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int>?) -> Result
) -> Result {
  guard let texts else { return body(nil, nil) }
  return withTexts(texts) { starts, lengths, _ in body(starts, lengths) }
}

/// `length` bytes of UTF-8; nothing at NULL.
func text(_ bytes: UnsafePointer<CChar>?, _ length: Int) -> String {
  guard let bytes else { return "" }
  return String(decoding: UnsafeRawBufferPointer(start: bytes, count: length), as: UTF8.self)
}

/// The text in a handle, which is freed.
func take(_ handle: OpaquePointer?) -> String {
  guard let handle else { return "" }
  defer { attend_text_free(handle) }
  var length = 0
  let bytes = attend_text_bytes(handle, &length)
  return text(bytes, length)
}

/// `count` numbers at an address; none at NULL.
func array<Element>(_ start: UnsafePointer<Element>?, _ count: Int) -> [Element] {
  Array(UnsafeBufferPointer(start: start, count: start == nil ? 0 : count))
}

/// A function of the caller's behind the header's `void *`, for the time of a call.
final class Callback<Function> {
  let function: Function
  init(_ function: Function) { self.function = function }

  var context: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

  static func function(_ context: UnsafeMutableRawPointer?) -> Function {
    Unmanaged<Callback>.fromOpaque(context!).takeUnretainedValue().function
  }
}

/// Hears how far a long call is, from 0 to 1, on the thread of the call. False stops it with `.cancelled`.
public typealias ProgressHandler = (_ fraction: Double) -> Bool

let hearProgress: attend_progress_callback = { fraction, context in
  Callback<ProgressHandler>.function(context)(fraction)
}
