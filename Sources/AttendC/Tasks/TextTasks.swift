import AttendBase
import AttendGeneration
import AttendTokenizers
import CAttend
import Glibc

// What the doors of all tasks on texts share.

/// The texts of a call, of which there is at least one.
func column(
  _ texts: UnsafePointer<UnsafePointer<CChar>?>?, _ lengths: UnsafePointer<Int>?, _ count: Int,
  _ names: (texts: String, lengths: String) = ("texts", "lengths")
) throws(Failure) -> TextBatch.Column {
  guard count > 0, count <= Session.mostSequences else {
    throw Failure(
      .invalidArgument, "count is \(UInt(bitPattern: count)); from 1 to \(Session.mostSequences) texts are taken")
  }
  return TextBatch.Column(try require(texts, names.texts), try require(lengths, names.lengths))
}

/// A size among options, of which 0 stands for none given.
func size(_ value: Int, _ name: String) throws(Failure) -> Int? {
  guard value >= 0 else { throw Failure(.invalidArgument, "options.\(name) is \(UInt(bitPattern: value))") }
  return value == 0 ? nil : value
}

/// Calls `body` with each of some texts that end with NUL.
func forEachText(
  _ texts: UnsafePointer<UnsafePointer<CChar>?>?, _ count: Int, _ name: String,
  _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
) throws(Failure) {
  guard count >= 0 else { throw Failure(.invalidArgument, "the number of \(name) is \(UInt(bitPattern: count))") }
  guard count > 0 else { return }
  let texts = try require(texts, name)
  for index in 0..<count {
    let text = try require(texts[index], "\(name)[\(index)]")
    try body(UnsafeRawBufferPointer(start: text, count: strlen(text)))
  }
}

/// Text that ends with NUL, for C.
func characters(_ text: UnsafeBufferPointer<UInt8>) -> UnsafePointer<CChar>? {
  UnsafeRawPointer(text.baseAddress)?.assumingMemoryBound(to: CChar.self)
}

extension attend_token_offsets {
  init(_ place: TokenOffsets) {
    self.init(
      byte_start: place.byteStart, byte_end: place.byteEnd, scalar_start: place.scalarStart,
      scalar_end: place.scalarEnd)
  }
}
