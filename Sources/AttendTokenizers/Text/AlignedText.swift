import AttendBase

/// A stretch of the source text, in bytes.
struct SourceRange: Equatable {
  var start: UInt32
  var end: UInt32
}

/// A text on its way from the source to the model: valid UTF-8 and, for each byte, the stretch of the source that it
/// came from.
struct AlignedText {
  private(set) var bytes: [UInt8]
  /// One entry a byte; empty while each scalar still stands for the scalar at the same place of the source.
  private(set) var alignment: [SourceRange]
  /// Where the text begins in the source.
  let base: Int
  /// The text grew beyond `TextRewriter.limit`, and is cut there.
  private(set) var isTooLong = false

  /// Part of the source itself, which must be valid UTF-8.
  init(_ bytes: UnsafeBufferPointer<UInt8>, base: Int) {
    self.bytes = Array(bytes)
    self.alignment = []
    self.base = base
  }

  /// A source with bytes that are not UTF-8: U+FFFD stands for them.
  init(repairing source: UnsafeRawBufferPointer) {
    var bytes: [UInt8] = []
    var alignment: [SourceRange] = []
    var position = 0
    while position < source.count {
      let length = UTF8Text.sequence(source, at: position)
      let stretch = SourceRange(
        start: UInt32(truncatingIfNeeded: position), end: UInt32(truncatingIfNeeded: position + abs(length)))
      if length > 0 {
        bytes.append(contentsOf: source[position..<position + length])
      } else {
        bytes.append(contentsOf: UTF8Text.replacement)
      }
      alignment.append(contentsOf: repeatElement(stretch, count: length > 0 ? length : UTF8Text.replacement.count))
      position += abs(length)
    }
    self.init(bytes: bytes, alignment: alignment, base: 0)
  }

  /// A text with its alignment, one entry a byte.
  init(bytes: [UInt8], alignment: [SourceRange], base: Int) {
    self.bytes = bytes
    self.alignment = alignment
    self.base = base
  }

  /// The source of the bytes `start..<end`: from the start of the first one's stretch to the end of the last one's.
  @inline(__always) static func source(
    _ start: Int, _ end: Int, _ bytes: UnsafeBufferPointer<UInt8>, _ alignment: UnsafeBufferPointer<SourceRange>,
    base: Int
  ) -> SourceRange {
    if alignment.isEmpty {
      var first = start, last = end
      while first > 0, first < bytes.count, UTF8Text.isContinuation(bytes[first]) { first -= 1 }
      while last < bytes.count, UTF8Text.isContinuation(bytes[last]) { last += 1 }
      return SourceRange(start: UInt32(truncatingIfNeeded: base + first), end: UInt32(truncatingIfNeeded: base + last))
    }
    guard start < end else {
      let place = start < alignment.count ? alignment[start].start : alignment[alignment.count - 1].end
      return SourceRange(start: place, end: place)
    }
    return SourceRange(start: alignment[start].start, end: alignment[end - 1].end)
  }

  /// Replaces the text by what `body` writes while it reads the text from start to end. What it does not read vanishes.
  mutating func rewrite(_ body: (inout TextRewriter) throws(Failure) -> Void) throws(Failure) {
    let (bytes, alignment, isTooLong) = try self.bytes.withUnsafeBufferPointer { bytes throws(Failure) in
      try self.alignment.withUnsafeBufferPointer { alignment throws(Failure) in
        var rewriter = TextRewriter(bytes, alignment, base: base)
        try body(&rewriter)
        return rewriter.result
      }
    }
    self.bytes = bytes
    self.alignment = alignment
    if isTooLong { self.isTooLong = true }
  }

  /// Part of the text.
  func slice(_ range: Range<Int>) -> AlignedText {
    if alignment.isEmpty {
      return bytes.withUnsafeBufferPointer {
        AlignedText(UnsafeBufferPointer(rebasing: $0[range]), base: base + range.lowerBound)
      }
    }
    let start = range.isEmpty ? base : Int(alignment[range.lowerBound].start)
    return AlignedText(bytes: Array(bytes[range]), alignment: Array(alignment[range]), base: start)
  }
}

/// Writes a text while reading another one, and carries the alignment along.
///
/// The rules of the alignment are those of Hugging Face's tokenizers, so that offsets agree: a scalar that stands for
/// another takes its stretch, an inserted one takes the stretch of the byte before the place of reading.
struct TextRewriter {
  private let old: UnsafeBufferPointer<UInt8>
  private let oldAlignment: UnsafeBufferPointer<SourceRange>
  private let base: Int
  private var bytes: [UInt8] = []
  private var alignment: [SourceRange] = []
  /// Every scalar so far stands at its old place: no alignment need be written.
  private var isUnmoved: Bool
  private var isTooLong = false
  /// The place of reading.
  private(set) var position = 0

  fileprivate init(_ old: UnsafeBufferPointer<UInt8>, _ oldAlignment: UnsafeBufferPointer<SourceRange>, base: Int) {
    self.old = old
    self.oldAlignment = oldAlignment
    self.base = base
    self.isUnmoved = oldAlignment.isEmpty
    bytes.reserveCapacity(old.count + old.count / 8 + 16)
  }

  /// The length at which a growing text is cut, in bytes.
  static let limit = 1 << 28

  fileprivate var result: ([UInt8], [SourceRange], Bool) { (bytes, alignment, isTooLong) }

  /// Bytes written so far.
  var written: Int { bytes.count }

  /// The text being read.
  var source: UnsafeBufferPointer<UInt8> { old }
  var isAtEnd: Bool { position >= old.count }

  /// The scalar at the place of reading, which must not be the end.
  @inline(__always) var next: (scalar: UInt32, length: Int) { UTF8Text.decode(old.baseAddress! + position) }

  /// Copies `count` bytes, which end with a whole scalar.
  mutating func keep(_ count: Int) {
    guard count > 0 else { return }
    let end = position + count
    bytes.append(contentsOf: old[position..<end])
    if !isUnmoved { appendAlignment(position..<end) }
    position = end
  }

  /// Reads over `count` bytes.
  mutating func drop(_ count: Int) {
    guard count > 0 else { return }
    leavePlaces()
    position += count
  }

  /// Writes a scalar in the place of the next one.
  @inline(__always) mutating func replaceNext(by scalar: UInt32) {
    guard position < old.count else { return insert(scalar) }
    let oldLength = UTF8Text.length(first: old[position])
    let newLength = UTF8Text.length(of: scalar)
    if oldLength != newLength { leavePlaces() }
    if !isUnmoved { append(stretch(of: position), newLength) }
    UTF8Text.append(scalar, to: &bytes)
    position += oldLength
  }

  /// Writes a scalar that stands for none.
  mutating func insert(_ scalar: UInt32) {
    guard bytes.count < TextRewriter.limit else {
      isTooLong = true
      return
    }
    leavePlaces()
    let empty = SourceRange(start: UInt32(truncatingIfNeeded: base), end: UInt32(truncatingIfNeeded: base))
    append(position > 0 ? stretch(of: position - 1) : empty, UTF8Text.length(of: scalar))
    UTF8Text.append(scalar, to: &bytes)
  }

  /// Writes a scalar that stands for none and shares the stretch of the byte at `place`.
  mutating func insert(_ scalar: UInt32, sharing place: Int) {
    leavePlaces()
    append(stretch(of: place), UTF8Text.length(of: scalar))
    UTF8Text.append(scalar, to: &bytes)
  }

  /// Writes scalars with the numbers of `NormalizedScalar`.
  mutating func put(_ scalar: UInt32, change: Int) {
    guard change <= 0 else { return insert(scalar) }
    replaceNext(by: scalar)
    for _ in 0..<(-change) where position < old.count { drop(UTF8Text.length(first: old[position])) }
  }

  /// Takes all of one scalar back from the end of what is written.
  mutating func takeBack(trailing scalar: UInt32) {
    var spelling: [UInt8] = []
    UTF8Text.append(scalar, to: &spelling)
    while bytes.suffix(spelling.count).elementsEqual(spelling) {
      leavePlaces()
      bytes.removeLast(spelling.count)
      alignment.removeLast(spelling.count)
    }
  }

  /// Writes the scalars of a text that stand for none.
  mutating func insert(_ text: [UInt32]) { for scalar in text { insert(scalar) } }

  @inline(__always) private mutating func append(_ range: SourceRange, _ count: Int) {
    for _ in 0..<count { alignment.append(range) }
  }

  /// The stretch of an old byte.
  private func stretch(of index: Int) -> SourceRange {
    if oldAlignment.isEmpty { return AlignedText.source(index, index + 1, old, oldAlignment, base: base) }
    return oldAlignment[index]
  }

  private mutating func appendAlignment(_ range: Range<Int>) {
    guard oldAlignment.isEmpty else { return alignment.append(contentsOf: oldAlignment[range]) }
    var index = range.lowerBound
    while index < range.upperBound {
      let length = UTF8Text.length(first: old[index])
      append(
        SourceRange(
          start: UInt32(truncatingIfNeeded: base + index), end: UInt32(truncatingIfNeeded: base + index + length)),
        length)
      index += length
    }
  }

  /// From here on scalars do not stand at their old places: the alignment of what is written so far is written out.
  @inline(__always) private mutating func leavePlaces() { if isUnmoved { leavePlacesNow() } }

  @inline(never) private mutating func leavePlacesNow() {
    isUnmoved = false
    alignment.reserveCapacity(old.count + old.count / 8 + 16)
    appendAlignment(0..<position)
  }
}
