import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendLayers
import Synchronization

/// Vectors that are looked for by their products with queries, exactly: nothing near is missed.
///
/// Vectors are kept in 8 bits, and with `float32` as they are besides. A search reads the 8 bits, which are a quarter
/// of the memory that a look at all vectors would have to read, and takes from the rounding of each vector and of the
/// query between which bounds the true product lies (Cauchy and Schwarz). Whatever may be among the best is then
/// computed from the vectors themselves, in double precision. Looking is safe from many threads at once, adding is not.
package final class SearchIndex: @unchecked Sendable {
  /// What scores are products with.
  package enum Kind: UInt32, Sendable {
    /// The vectors as they were given.
    case float32 = 1
    /// What 8 bits left of them.
    case int8 = 3
  }

  package let kind: Kind
  /// Numbers of a vector.
  package let width: Int
  /// Whether vectors and queries are brought to length 1, so that scores are cosines.
  package let normalizes: Bool
  let engine: Engine
  private var segments = GrowingList<Unmanaged<SearchSegment>>(for: "the vectors of an index")  // full ones; retained
  /// The vectors behind those, `[tailCount, width]`.
  private let tail: AlignedBuffer
  private var tailCount = 0
  /// The same as a segment, made when a search first wants it.
  private let packedTail = Mutex<SearchSegment?>(nil)
  /// Memory of searches that are over.
  let scratch = Mutex<[SearchScratch]>([])

  /// Vectors of a segment: its scores stay in a cache, and it is a few large pages of memory.
  static let segmentRows = 16384
  /// Numbers of a vector at most.
  package static let mostNumbers = 1 << 16

  package init(width: Int, kind: Kind, normalizes: Bool, engine: Engine) throws(Failure) {
    guard (1...SearchIndex.mostNumbers).contains(width) else {
      throw Failure(
        .invalidArgument,
        "width is \(UInt(bitPattern: width)); vectors have from 1 to \(SearchIndex.mostNumbers) numbers")
    }
    (self.width, self.kind, self.normalizes, self.engine) = (width, kind, normalizes, engine)
    tail = try AlignedBuffer(SearchIndex.segmentRows * width, of: Float.self, for: "the vectors of an index")
  }

  deinit { for segment in segments.elements { segment.release() } }

  /// Vectors in the index; their numbers run from 0 to this less 1, in the order in which they were added.
  package var count: Int { segments.count * SearchIndex.segmentRows + tailCount }

  /// Bytes that the vectors take, in memory or in the file that they were read from.
  package var bytes: Int {
    (0..<segments.count).reduce(tail.bytes) { $0 + segment($1).bytes }
  }

  // MARK: Adding

  /// Adds vectors, `[rows, width]`. Throws `invalidArgument` for one that is not finite, with its number, and adds none
  /// then; after `outOfMemory` those that came before are added.
  package func add(_ vectors: Matrix) throws(Failure) {
    try SearchIndex.check(vectors, "vectors", sizes: !normalizes)
    var row = 0
    while row < vectors.rows {
      let some = min(vectors.rows - row, SearchIndex.segmentRows - tailCount)
      for index in row..<row + some {
        let place = tail.pointer(to: Float.self) + (tailCount + index - row) * width
        place.update(from: vectors[index], count: width)
        if normalizes { SearchIndex.normalize(place, width) }
      }
      packedTail.withLock { $0 = nil }
      tailCount += some
      row += some
      if tailCount == SearchIndex.segmentRows { try closeTail() }
    }
  }

  /// Makes a segment of the tail, which is full. A failure takes the last vector out again.
  private func closeTail() throws(Failure) {
    do throws(Failure) {
      try segments.reserve(1)
      let segment = try SearchSegment(tailRows, keeps: kind == .float32, engine)
      try segments.append(.passRetained(segment))
      tailCount = 0
    } catch {
      tailCount -= 1
      throw error
    }
  }

  private var tailRows: Matrix { Matrix(tail.pointer(), rows: tailCount, columns: width) }

  /// Largest numbers of vectors between which the bounds of products are far from the ends of float32.
  private static let sizes: ClosedRange<Float> = 0x1p-100...0x1p100

  /// Throws for numbers that are not finite and, with `sizes`, for vectors that are too small or too large to be told
  /// apart by products in float32.
  static func check(_ rows: Matrix, _ name: String, sizes: Bool) throws(Failure) {
    for row in 0..<rows.rows {
      var largest: Float = 0
      for column in 0..<rows.columns {
        let number = rows[row][column]
        guard number.isFinite else {
          throw Failure(.invalidArgument, "\(name): number \(column) of vector \(row) is \(number)")
        }
        largest = max(largest, abs(number))
      }
      guard !sizes || largest == 0 || SearchIndex.sizes.contains(largest) else {
        throw Failure(
          .invalidArgument,
          "\(name): the largest number of vector \(row) is \(largest) in size; from 2^-100 to 2^100 are allowed, and "
            + "any where vectors are normalized")
      }
    }
  }

  /// Brings a vector to length 1; one of zeros stays.
  static func normalize(_ vector: UnsafeMutablePointer<Float>, _ width: Int) {
    let square = (0..<width).reduce(0.0) { $0 + Double(vector[$1]) * Double(vector[$1]) }
    guard square > 0 else { return }
    let factor = 1 / square.squareRoot()
    for place in 0..<width { vector[place] = Float(Double(vector[place]) * factor) }
  }

  // MARK: Reading

  func segment(_ index: Int) -> SearchSegment { segments[index].takeUnretainedValue() }

  /// The segments, the last of them perhaps shorter.
  var segmentCount: Int { segments.count + (tailCount > 0 ? 1 : 0) }

  /// A segment, also the last, shorter one.
  func anySegment(_ index: Int) throws(Failure) -> SearchSegment {
    if index < segments.count { return segment(index) }
    return try packedTail.withLock { (known) throws(Failure) in
      if let known { return known }
      let made = try SearchSegment(tailRows, keeps: kind == .float32, engine)
      known = made
      return made
    }
  }

  // MARK: Files

  /// "attendSI"
  private static let magic: UInt64 = 0x4953_646e_6574_7461
  private static let version: UInt64 = 1
  private static let headerWords = 8

  /// Saves the index in a file, which is there when it is whole and not before.
  package func save(to path: String) throws(Failure) {
    let file = try NewFile(path)
    let total = try SearchIndex.fileBytes(count: count, width: width, kind)
    let words: [UInt64] = [
      SearchIndex.magic, SearchIndex.version, UInt64(total), UInt64(kind.rawValue), UInt64(width), UInt64(count),
      normalizes ? 1 : 0,
    ]
    var checksum = Checksum()
    for word in words { checksum.add(word) }
    for word in words + [checksum.value] {
      try withUnsafeBytes(of: word.littleEndian) { (bytes) throws(Failure) in try file.write(bytes) }
    }
    for index in 0..<segments.count { try segment(index).write { (bytes) throws(Failure) in try file.write(bytes) } }
    try file.write(UnsafeRawBufferPointer(start: tail.base, count: tailCount * width * MemoryLayout<Float>.stride))
    try file.finish()
  }

  /// The bytes of the file of an index. Throws `invalidArgument` where there can be none.
  private static func fileBytes(count: Int, width: Int, _ kind: Kind) throws(Failure) -> Int {
    let full = count / segmentRows, rowBytes = width * MemoryLayout<Float>.stride
    let kept = kind == .float32 ? segmentRows * rowBytes : 0
    guard let rounded = RoundedRows.savedBytes(segmentRows, width) else {
      throw Failure(.invalidArgument, "an index of vectors of \(width) numbers is too large")
    }
    let (segments, overflow) = full.multipliedReportingOverflow(by: kept + rounded)
    let rest = headerWords * 8 + (count - full * segmentRows) * rowBytes
    let (all, isTooLarge) = segments.addingReportingOverflow(rest)
    guard !overflow, !isTooLarge else { throw Failure(.invalidArgument, "an index of \(count) vectors is too large") }
    return all
  }

  /// An index that was saved. With `float32` the vectors stay in the file, which must not change as long as the index
  /// lives. Throws `invalidFile` for a file that is none, was cut or is of another version.
  package convenience init(path: String, engine: Engine) throws(Failure) {
    let file = try MappedFile(path)
    func failure(_ reason: String) -> Failure { Failure(.invalidFile, "\(path) \(reason)") }
    guard file.bytes.count >= SearchIndex.headerWords * 8 else { throw failure("is no saved index of vectors") }
    let word = { UInt64(littleEndian: file.bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self)) }
    guard word(0) == SearchIndex.magic else { throw failure("is no saved index of vectors") }
    guard word(1) == SearchIndex.version else {
      throw failure("is of version \(word(1)) of the format; this library reads \(SearchIndex.version)")
    }
    var checksum = Checksum()
    for index in 0..<SearchIndex.headerWords - 1 { checksum.add(word(index)) }
    guard checksum.value == word(7), let kind = UInt32(exactly: word(3)).flatMap({ Kind(rawValue: $0) }),
      let width = Int(exactly: word(4)), (1...SearchIndex.mostNumbers).contains(width),
      let count = Int(exactly: word(5)), count <= file.bytes.count
    else { throw failure("is damaged: its header makes no sense") }
    let total = try SearchIndex.fileBytes(count: count, width: width, kind)
    guard total == file.bytes.count, word(2) == UInt64(total) else {
      throw failure(
        "has \(file.bytes.count) bytes, and an index of \(count) vectors has \(total): it was cut or added to")
    }
    try self.init(width: width, kind: kind, normalizes: word(6) == 1, engine: engine)
    var place = SearchIndex.headerWords * 8
    for _ in 0..<count / SearchIndex.segmentRows {
      try segments.reserve(1)
      let segment = try SearchSegment(file, at: place, width: width, keeps: kind == .float32)
      place += segment.savedBytes
      try segments.append(.passRetained(segment))
    }
    tailCount = count % SearchIndex.segmentRows
    let rest = UnsafeRawBufferPointer(rebasing: file.bytes[place...])
    if let start = rest.baseAddress { tail.base.copyMemory(from: start, byteCount: rest.count) }
    file.dontNeed()
  }
}

/// Neighbouring vectors of an index. Immutable.
final class SearchSegment: Sendable {
  let rounded: RoundedRows
  private let memory: AlignedBuffer?
  private let file: MappedFile?
  private let start: Int  // of the vectors in the file

  /// `keeps`: a copy of the vectors as they are.
  init(_ rows: Matrix, keeps: Bool, _ engine: Engine) throws(Failure) {
    rounded = try RoundedRows(rows, engine: engine)
    (file, start) = (nil, 0)
    guard keeps else {
      memory = nil
      return
    }
    let copy = try AlignedBuffer(rows.rows * rows.columns, of: Float.self, for: "the vectors of an index")
    copy.pointer(to: Float.self).update(from: rows.base, count: rows.rows * rows.columns)
    memory = copy
  }

  /// A full segment in a file, at a place where there is one.
  init(_ file: MappedFile, at place: Int, width: Int, keeps: Bool) throws(Failure) {
    let kept = keeps ? SearchIndex.segmentRows * width * MemoryLayout<Float>.stride : 0
    guard let bytes = RoundedRows.savedBytes(SearchIndex.segmentRows, width) else {
      throw Failure(.internalError, "a segment without a size")
    }
    let saved = UnsafeRawBufferPointer(rebasing: file.bytes[place + kept..<place + kept + bytes])
    rounded = try RoundedRows(saved, count: SearchIndex.segmentRows, width: width)
    (memory, start) = (nil, place)
    self.file = keeps ? file : nil
  }

  /// The vector that scores are products with, where it lies or in `scratch`.
  func vector(_ row: Int, _ scratch: UnsafeMutablePointer<Float>, _ engine: Engine) -> UnsafePointer<Float> {
    if let memory { return UnsafePointer(memory.pointer(to: Float.self)) + row * rounded.width }
    if let file {
      let place = file.bytes.baseAddress! + start
      return place.assumingMemoryBound(to: Float.self) + row * rounded.width
    }
    rounded.read(row, into: scratch, engine)
    return UnsafePointer(scratch)
  }

  var bytes: Int { savedBytes }

  /// Bytes that `write` gives.
  var savedBytes: Int {
    let kept = memory == nil && file == nil ? 0 : rounded.count * rounded.width * MemoryLayout<Float>.stride
    return kept + (RoundedRows.savedBytes(rounded.count, rounded.width) ?? 0)
  }

  func write(_ sink: (UnsafeRawBufferPointer) throws(Failure) -> Void) throws(Failure) {
    let bytes = rounded.count * rounded.width * MemoryLayout<Float>.stride
    if let memory { try sink(UnsafeRawBufferPointer(start: memory.base, count: bytes)) }
    if let file { try sink(UnsafeRawBufferPointer(rebasing: file.bytes[start..<start + bytes])) }
    try rounded.write(sink)
  }
}
