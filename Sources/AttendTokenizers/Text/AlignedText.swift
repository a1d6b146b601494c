import AttendBase

/// A stretch of the source text, in bytes.
struct SourceRange: Equatable {
  var start: UInt32
  var end: UInt32
}

/// A text on its way from the source to the model: valid UTF-8 and, for each byte, the stretch of the source that it
/// came from.
struct AlignedText {
  private(set) var bytes: TextStorage<UInt8>
  /// One entry a byte; empty while each scalar still stands for the scalar at the same place of the source.
  private(set) var alignment: TextStorage<SourceRange>
  /// The start of the text in the source.
  let base: Int
  /// The bound of the text's length on its way.
  private let budget: TextBudget
  /// The way to end the call that reads the text before its time.
  let cancellation: Cancellation?

  /// Part of the source itself, which must be valid UTF-8.
  init(_ bytes: UnsafeBufferPointer<UInt8>, base: Int, _ cancellation: Cancellation? = nil) throws(Failure) {
    self.bytes = try TextStorage(copying: bytes)
    self.alignment = TextStorage()
    self.base = base
    self.cancellation = cancellation
    budget = TextBudget(for: bytes.count)
  }

  /// A source with bytes that are not UTF-8: U+FFFD stands for them.
  init(repairing source: UnsafeRawBufferPointer, _ cancellation: Cancellation? = nil) throws(Failure) {
    var bytes = GrowingList<UInt8>(for: "a text")
    var alignment = GrowingList<SourceRange>(for: "the alignment of a text")
    try bytes.reserve(source.count)
    try alignment.reserve(source.count)
    var position = 0
    var watch = TextWatch(cancellation)
    while position < source.count {
      try watch.pass(position)
      let length = UTF8Text.sequence(source, at: position)
      let stretch = SourceRange(
        start: UInt32(truncatingIfNeeded: position), end: UInt32(truncatingIfNeeded: position + abs(length)))
      if length > 0 {
        for byte in source[position..<position + length] { try bytes.append(byte) }
      } else {
        for byte in UTF8Text.replacement { try bytes.append(byte) }
      }
      while alignment.count < bytes.count { try alignment.append(stretch) }
      position += abs(length)
    }
    self.bytes = TextStorage(bytes)
    self.alignment = TextStorage(alignment)
    base = 0
    self.cancellation = cancellation
    budget = TextBudget(for: source.count)
  }

  /// Part of a text with an alignment.
  private init(
    _ bytes: TextStorage<UInt8>, _ alignment: TextStorage<SourceRange>, base: Int, _ cancellation: Cancellation?
  ) {
    self.bytes = bytes
    self.alignment = alignment
    self.base = base
    self.cancellation = cancellation
    budget = TextBudget(for: bytes.count)
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
  /// Throws `outOfMemory`, and `invalidArgument` with the name of the component where the text grows beyond its budget.
  mutating func rewrite(
    by component: StaticString, _ body: (inout TextRewriter) throws(Failure) -> Void
  ) throws(Failure) {
    (bytes, alignment) = try bytes.withUnsafeBufferPointer { bytes throws(Failure) in
      try alignment.withUnsafeBufferPointer { alignment throws(Failure) in
        var rewriter = try TextRewriter(bytes, alignment, base: base, budget, component, cancellation)
        try body(&rewriter)
        return try rewriter.finish()
      }
    }
  }

  /// Part of the text.
  func slice(_ range: Range<Int>) throws(Failure) -> AlignedText {
    try bytes.withUnsafeBufferPointer { bytes throws(Failure) in
      let bytes = UnsafeBufferPointer(rebasing: bytes[range])
      if alignment.isEmpty { return try AlignedText(bytes, base: base + range.lowerBound, cancellation) }
      let start = range.isEmpty ? base : Int(alignment[range.lowerBound].start)
      return try alignment.withUnsafeBufferPointer { alignment throws(Failure) in
        AlignedText(
          try TextStorage(copying: bytes), try TextStorage(copying: UnsafeBufferPointer(rebasing: alignment[range])),
          base: start, cancellation)
      }
    }
  }
}
