import AttendBase
import AttendCheckpoints

/// The names of the classes that a head tells apart, by their numbers: as many as a file counts, in memory that may
/// fail.
package final class LabelNames: @unchecked Sendable {
  private struct Entry {
    let number: Int
    let start: Int
    let length: Int
  }

  private var entries = GrowingList<Entry>(for: "the names of classes")  // by their numbers
  private var bytes = GrowingList<UInt8>(for: "the names of classes")  // one name after another, each with a NUL

  /// No names.
  package init() {}

  /// `id2label`; without it, the names that transformers gives to the outputs of a classifier. Of a number that stands
  /// there twice, the last name counts.
  init(_ config: Configuration) throws(Failure) {
    if let stated = config.json["id2label"], stated.kind == .object {
      for (key, value) in stated.members {
        guard let number = key.string.flatMap({ Int($0) }), (0..<LabelNames.limit).contains(number) else { continue }
        try append(number, value.string ?? value.excerpt)
      }
      try entries.sort { $0.number < $1.number }
      var kept = 0
      for index in 0..<entries.count {
        if kept > 0, entries[kept - 1].number == entries[index].number { kept -= 1 }
        entries[kept] = entries[index]
        kept += 1
      }
      entries.removeAll(from: kept)
    } else if config.saves(.sequenceClassification) || config.saves(.tokenClassification),
      let count = try? config.labels()
    {
      for number in 0..<min(count, LabelNames.limit) { try append(number, "LABEL_\(number)") }
    }
  }

  /// No head tells as many classes apart.
  private static let limit = 1 << 20

  private func append(_ number: Int, _ name: String) throws(Failure) {
    let start = bytes.count
    for byte in name.utf8 { try bytes.append(byte) }
    try entries.append(Entry(number: number, start: start, length: bytes.count - start))
    try bytes.append(0)
  }

  package var count: Int { entries.count }

  /// The UTF-8 of a class's name, with a NUL behind it, as long as this object lives; nil where it has none.
  package subscript(number: Int) -> UnsafeBufferPointer<UInt8>? {
    let index = entries.elements.partition { $0.number < number }
    guard index < entries.count, entries[index].number == number else { return nil }
    return UnsafeBufferPointer(start: bytes.storage + entries[index].start, count: entries[index].length)
  }
}
