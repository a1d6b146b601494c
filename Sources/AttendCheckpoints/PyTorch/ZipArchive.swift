// Zip archives whose entries are stored as they are, which is how torch.save writes them.
// PKWARE, APPNOTE.TXT, sections 4.3 (structure), 4.4 (fields) and 4.5.3 (zip64)
import AttendBase

/// The entries of an archive in memory, by name. Only the directory has been read; all places that it names are checked
/// when an entry is asked for.
struct ZipArchive: ~Copyable {
  /// An entry as the directory describes it.
  private struct Entry {
    let name: PickleText
    let method: Int  // of compression, 0: none
    let flags: Int
    let size: Int
    let place: Int  // of the entry's own header
  }

  let path: String
  private let bytes: UnsafeRawBufferPointer
  private var entries = GrowingList<Entry>(for: "the directory of an archive")  // in the order of their names

  /// Whether a file begins like an archive.
  static func begins(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.starts(with: [0x50, 0x4B, 3, 4]) }

  /// Reads the directory. Throws `invalidFile`, `outOfMemory`.
  init(_ file: MappedFile) throws(Failure) {
    (path, bytes) = (file.path, file.bytes)
    var (count, place) = try directory()
    while count > 0 {
      guard signature(at: place) == 0x0201_4B50, fits(46, at: place) else {
        throw invalid("the entry at byte \(place) of its directory is none")
      }
      let nameLength = field16(place + 28), extraLength = field16(place + 30)
      let length = 46 + nameLength + extraLength + field16(place + 32)
      guard fits(length, at: place) else { throw invalid("its directory is truncated") }
      let extra = place + 46 + nameLength..<place + 46 + nameLength + extraLength
      let name = String(decoding: bytes[place + 46..<extra.lowerBound], as: UTF8.self)
      try entries.append(try entry(place, extra, name))
      place += length
      count -= 1
    }
    try checkPlaces()
    let text = bytes
    try entries.sort { text.precedes($0.name, $1.name) }
  }

  /// Throws `invalidFile` where two entries, whose headers are at least 30 bytes, share bytes of the file.
  private mutating func checkPlaces() throws(Failure) {
    try entries.sort { $0.place < $1.place }
    for index in 1..<max(entries.count, 1) {
      let (entry, next) = (entries[index - 1], entries[index])
      let stored = entry.method == 0 ? entry.size : 0  // sizes of what is compressed are those of the content
      let (end, overflow) = entry.place.addingReportingOverflow(stored)
      guard !overflow, end <= Int.max - 30, end + 30 <= next.place else {
        let names = [entry, next].map { String(decoding: bytes.text($0.name), as: UTF8.self) }
        throw invalid(
          "the entry \(names[0]) of \(stored) bytes at byte \(entry.place) overlaps \(names[1]) at \(next.place)")
      }
    }
  }

  /// The name of an entry without this ending, of several the shortest; nil where there is none.
  func shortestName(before ending: String) -> String? {
    var found: PickleText?
    for entry in entries.elements {
      let isFit = bytes.text(entry.name).suffix(ending.utf8.count).elementsEqual(ending.utf8)
      if isFit, entry.name.count < found?.count ?? Int.max { found = entry.name }
    }
    return found.map { String(decoding: bytes.text($0).dropLast(ending.utf8.count), as: UTF8.self) }
  }

  /// The entry of a name; of several the one that the directory lists last.
  private func find(_ name: String) -> Entry? {
    let limit = entries.elements.partition { !name.utf8.lexicographicallyPrecedes(bytes.text($0.name)) }
    guard limit > 0, bytes.text(entries[limit - 1].name).elementsEqual(name.utf8) else { return nil }
    return entries[limit - 1]
  }

  /// The content of an entry; nil where there is none of this name. Throws `unsupported` for one that is compressed or
  /// encrypted, `invalidFile`.
  func content(_ name: String) throws(Failure) -> UnsafeRawBufferPointer? {
    guard let entry = find(name) else { return nil }
    guard entry.method == 0, entry.flags & 1 == 0 else {
      let how = entry.flags & 1 == 0 ? "compressed (method \(entry.method))" : "encrypted"
      throw Failure(.unsupported, "\(path): the entry \(name) of the archive is \(how); torch.save stores it plainly")
    }
    guard fits(30, at: entry.place), signature(at: entry.place) == 0x0403_4B50 else {
      throw invalid("the entry \(name) is not at byte \(entry.place), where its directory says")
    }
    let first = entry.place + 30 + field16(entry.place + 26) + field16(entry.place + 28)
    guard fits(entry.size, at: first) else {
      throw invalid("the entry \(name) of \(entry.size) bytes goes beyond the file's \(bytes.count)")
    }
    return UnsafeRawBufferPointer(rebasing: bytes[first..<first + entry.size])
  }

  // MARK: The directory

  /// The number of entries of the directory, and its start.
  private func directory() throws(Failure) -> (count: Int, place: Int) {
    // The record of its end stands at the end of the file, before a comment of at most 65535 bytes.
    var end = bytes.count - 22
    while end >= 0, signature(at: end) != 0x0605_4B50 || field16(end + 20) != bytes.count - end - 22 {
      end -= 1
      guard end >= bytes.count - 22 - 65535 else { break }
    }
    guard end >= 0, signature(at: end) == 0x0605_4B50 else {
      throw invalid("the archive has no directory: it is truncated")
    }
    let (count, place) = (field16(end + 10), field32(end + 16))
    guard count == 0xFFFF || place == 0xFFFF_FFFF else { return (count, place) }
    guard end >= 20, signature(at: end - 20) == 0x0706_4B50 else { return (count, place) }
    guard let large = field64(end - 12), fits(56, at: large), signature(at: large) == 0x0606_4B50,
      let many = field64(large + 32), let first = field64(large + 48)
    else { throw invalid("the directory's record for large archives is damaged") }
    return (many, first)
  }

  private func entry(_ place: Int, _ extra: Range<Int>, _ name: String) throws(Failure) -> Entry {
    var (size, compressed, start) = (field32(place + 24), field32(place + 20), field32(place + 42))
    var at = extra.lowerBound
    while at + 4 <= extra.upperBound {
      let (kind, length) = (field16(at), field16(at + 2))
      guard at + 4 + length <= extra.upperBound else { break }
      if kind == 1 {  // sizes beyond 32 bits, those that do not fit their own fields, in this order
        var next = at + 4
        func large(_ value: inout Int) throws(Failure) {
          guard value == 0xFFFF_FFFF else { return }
          guard next + 8 <= at + 4 + length, let found = field64(next) else {
            throw invalid("the sizes of the entry \(name) are damaged")
          }
          value = found
          next += 8
        }
        try large(&size)
        try large(&compressed)
        try large(&start)
      }
      at += 4 + length
    }
    let method = field16(place + 10)
    guard method != 0 || size == compressed else { throw invalid("the entry \(name) has two sizes") }
    let text = PickleText(first: place + 46, count: field16(place + 28))
    return Entry(name: text, method: method, flags: field16(place + 8), size: size, place: start)
  }

  // MARK: Bytes

  private func invalid(_ reason: String) -> Failure { Failure(.invalidFile, "\(path): \(reason)") }

  /// Whether `count` bytes lie in the file from `place` on; neither is negative.
  private func fits(_ count: Int, at place: Int) -> Bool { place <= bytes.count && count <= bytes.count - place }

  /// 0, which is no signature, where the file ends before.
  private func signature(at place: Int) -> Int { fits(4, at: place) ? field32(place) : 0 }

  private func field16(_ place: Int) -> Int {
    Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt16.self)))
  }

  private func field32(_ place: Int) -> Int {
    Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)))
  }

  /// nil beyond what an `Int` holds.
  private func field64(_ place: Int) -> Int? {
    Int(exactly: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)))
  }
}
