import AttendBase

/// Writes a text while reading another one, and carries the alignment along.
///
/// The rules of the alignment are those of Hugging Face's tokenizers, so that offsets agree: a scalar that stands for
/// another takes its stretch, an inserted one takes the stretch of the byte before the place of reading.
struct TextRewriter: ~Copyable {
  private let old: UnsafeBufferPointer<UInt8>
  private let oldAlignment: UnsafeBufferPointer<SourceRange>
  private let base: Int
  private let budget: TextBudget
  /// The name of what rewrites, for messages.
  private let component: StaticString
  private var bytes = GrowingList<UInt8>(for: "a text")
  private var alignment = GrowingList<SourceRange>(for: "the alignment of a text")
  /// Every scalar so far stands at its old place: no alignment need be written.
  private var isUnmoved: Bool
  /// Why no more is written: `finish` throws it, so that what writes need not ask each time.
  private var failure: Failure?
  private let cancellation: Cancellation?
  /// Bytes that may be written before the next look at the budget and the cancellation.
  private var unexamined: Int
  /// The place of reading.
  private(set) var position = 0

  init(
    _ old: UnsafeBufferPointer<UInt8>, _ oldAlignment: UnsafeBufferPointer<SourceRange>, base: Int,
    _ budget: TextBudget, _ component: StaticString, _ cancellation: Cancellation?
  ) throws(Failure) {
    self.old = old
    self.oldAlignment = oldAlignment
    self.base = base
    self.budget = budget
    self.component = component
    self.isUnmoved = oldAlignment.isEmpty
    self.cancellation = cancellation
    unexamined = cancellation == nil ? budget.limit : min(budget.limit, TextWatch.interval)
    try bytes.reserve(old.count + old.count / 8)
  }

  /// The new text and its alignment.
  consuming func finish() throws(Failure) -> (TextStorage<UInt8>, TextStorage<SourceRange>) {
    if let failure { throw failure }
    return (TextStorage(bytes), TextStorage(alignment))
  }

  /// Bytes written so far.
  var written: Int { bytes.count }

  /// The text being read.
  var source: UnsafeBufferPointer<UInt8> { old }
  /// Whether there is no more to read, or no sense in it.
  var isAtEnd: Bool { position >= old.count || failure != nil }

  /// The scalar at the place of reading, which must not be the end.
  @inline(__always) var next: (scalar: UInt32, length: Int) { UTF8Text.decode(old.baseAddress! + position) }

  /// Copies `count` bytes, which end with a whole scalar.
  mutating func keep(_ count: Int) {
    guard count > 0 else { return }
    let end = position + count
    if hasRoom(for: count) {
      attempt { rewriter throws(Failure) in
        try rewriter.bytes.append(contentsOf: UnsafeBufferPointer(rebasing: rewriter.old[rewriter.position..<end]))
        if !rewriter.isUnmoved { try rewriter.appendAlignment(rewriter.position..<end) }
      }
    }
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
    if oldLength != UTF8Text.length(of: scalar) { leavePlaces() }
    write(scalar, stretch(of: position))
    position += oldLength
  }

  /// Writes a scalar that stands for none.
  mutating func insert(_ scalar: UInt32) {
    leavePlaces()
    let empty = SourceRange(start: UInt32(truncatingIfNeeded: base), end: UInt32(truncatingIfNeeded: base))
    write(scalar, position > 0 ? stretch(of: position - 1) : empty)
  }

  /// Writes a scalar that stands for none and shares the stretch of the byte at `place`.
  mutating func insert(_ scalar: UInt32, sharing place: Int) {
    leavePlaces()
    write(scalar, stretch(of: place))
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
    while failure == nil, bytes.elements.suffix(spelling.count).elementsEqual(spelling) {
      leavePlaces()
      bytes.removeAll(from: bytes.count - spelling.count)
      alignment.removeAll(from: bytes.count)
    }
  }

  /// Writes the scalars of a text that stand for none.
  mutating func insert(_ text: [UInt32]) { for scalar in text where failure == nil { insert(scalar) } }

  /// Appends a scalar and its stretch, one entry a byte.
  @inline(__always) private mutating func write(_ scalar: UInt32, _ stretch: SourceRange) {
    guard hasRoom(for: 4) else { return }
    attempt { rewriter throws(Failure) in
      try UTF8Text.forEachByte(of: scalar) { byte throws(Failure) in
        try rewriter.bytes.append(byte)
        if !rewriter.isUnmoved { try rewriter.alignment.append(stretch) }
      }
    }
  }

  /// Whether `count` bytes more are within the budget, and nothing has failed.
  @inline(__always) private mutating func hasRoom(for count: Int) -> Bool {
    if failure == nil, bytes.count + count > unexamined { examine(bytes.count + count) }
    return failure == nil
  }

  /// Looks whether so many bytes are too many, and whether the call is to end.
  @inline(never) private mutating func examine(_ count: Int) {
    guard count <= budget.limit else {
      failure = budget.exceeded(by: component)
      return
    }
    unexamined = min(budget.limit, count + TextWatch.interval)
    attempt { rewriter throws(Failure) in try rewriter.cancellation?.checkOnAnyThread() }
  }

  @inline(__always) private mutating func attempt(_ body: (inout TextRewriter) throws(Failure) -> Void) {
    do throws(Failure) { try body(&self) } catch { failure = error }
  }

  /// The stretch of an old byte.
  private func stretch(of index: Int) -> SourceRange {
    if oldAlignment.isEmpty { return AlignedText.source(index, index + 1, old, oldAlignment, base: base) }
    return oldAlignment[index]
  }

  private mutating func appendAlignment(_ range: Range<Int>) throws(Failure) {
    guard oldAlignment.isEmpty else {
      return try alignment.append(contentsOf: UnsafeBufferPointer(rebasing: oldAlignment[range]))
    }
    var index = range.lowerBound
    while index < range.upperBound {
      let length = UTF8Text.length(first: old[index])
      let stretch = SourceRange(
        start: UInt32(truncatingIfNeeded: base + index), end: UInt32(truncatingIfNeeded: base + index + length))
      for _ in 0..<length { try alignment.append(stretch) }
      index += length
    }
  }

  /// From here on scalars do not stand at their old places: the alignment of what is written so far is written out.
  @inline(__always) private mutating func leavePlaces() { if isUnmoved { leavePlacesNow() } }

  @inline(never) private mutating func leavePlacesNow() {
    isUnmoved = false
    guard failure == nil else { return }
    attempt { rewriter throws(Failure) in
      try rewriter.alignment.reserve(rewriter.old.count + rewriter.old.count / 8)
      try rewriter.appendAlignment(0..<rewriter.position)
    }
  }
}
