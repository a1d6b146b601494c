import AttendBase
import AttendLayers
import AttendModels

/// The place of a text in a list of them.
package struct TextPlace: BitwiseCopyable, Sendable {
  package let start: Int
  package let length: Int
}

/// Texts one behind another, each with a NUL, in memory that may fail.
struct TextPool: ~Copyable {
  private var bytes = GrowingList<UInt8>(for: "the texts of results")

  mutating func append(_ text: UnsafeBufferPointer<UInt8>) throws(Failure) -> TextPlace {
    let place = TextPlace(start: bytes.count, length: text.count)
    try bytes.append(contentsOf: text)
    try bytes.append(0)
    return place
  }

  /// The bytes of a text, until another is added.
  func text(_ place: TextPlace) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(rebasing: bytes.elements[place.start..<place.start + place.length])
  }

  mutating func removeAll() { bytes.removeAll() }
}

/// What a task finds in texts: of each input some groups of entries, usually one. Immutable once it is handed out.
package final class TextResults<Entry: BitwiseCopyable>: @unchecked Sendable {
  private var entries = GrowingList<Entry>(for: "the results of texts")
  private var groups = GrowingList<Int>(for: "the results of texts")  // of each its end among the entries
  private var inputs = GrowingList<Int>(for: "the results of texts")  // of each its end among the groups
  private var pool = TextPool()

  /// Inputs that there were.
  package var count: Int { inputs.count }

  /// Groups of an input; 0 where there is no such input.
  package func groupCount(_ input: Int) -> Int { groupRange(input).count }

  /// Entries of a group of an input; 0 where there is no such group.
  package func entryCount(_ input: Int, _ group: Int = 0) -> Int { entryRange(input, group)?.count ?? 0 }

  /// An entry, by its place in its group. Throws `invalidArgument` for one that there is not; `noun` is what entries
  /// are called.
  package func entry(_ input: Int, _ group: Int = 0, _ index: Int, _ noun: String) throws(Failure) -> Entry {
    guard input >= 0, input < count else {
      throw Failure(.invalidArgument, "input is \(UInt(bitPattern: input)); there were \(count)")
    }
    guard let range = entryRange(input, group) else {
      throw Failure(
        .invalidArgument, "mask is \(UInt(bitPattern: group)); input \(input) has \(groupCount(input))")
    }
    guard index >= 0, index < range.count else {
      throw Failure(.invalidArgument, "index is \(UInt(bitPattern: index)); there are \(range.count) \(noun)")
    }
    return entries[range.lowerBound + index]
  }

  /// The bytes of a text, with a NUL behind them, as long as this object lives.
  package func text(_ place: TextPlace) -> UnsafeBufferPointer<UInt8> { pool.text(place) }

  private func groupRange(_ input: Int) -> Range<Int> {
    guard input >= 0, input < inputs.count else { return 0..<0 }
    return (input > 0 ? inputs[input - 1] : 0)..<inputs[input]
  }

  private func entryRange(_ input: Int, _ group: Int) -> Range<Int>? {
    let range = groupRange(input)
    guard group >= 0, group < range.count else { return nil }
    let index = range.lowerBound + group
    return (index > 0 ? groups[index - 1] : 0)..<groups[index]
  }

  // MARK: Writing

  func add(_ text: UnsafeBufferPointer<UInt8>) throws(Failure) -> TextPlace { try pool.append(text) }
  func add(_ entry: Entry) throws(Failure) { try entries.append(entry) }
  func endGroup() throws(Failure) { try groups.append(entries.count) }
  func endInput() throws(Failure) { try inputs.append(groups.count) }

  /// Ends an input of one group.
  func endOnlyGroup() throws(Failure) {
    try endGroup()
    try endInput()
  }
}

/// The names of the classes that results speak of, as config.json's id2label has them, else "LABEL_0" and so on; or
/// names of a caller's.
package final class ClassLabels: @unchecked Sendable {
  private var pool = TextPool()
  private var places = GrowingList<TextPlace>(for: "the labels of classes")

  /// Of the classes that a model's head tells apart.
  package init(of model: Model) throws(Failure) {
    for number in 0..<(model.head?.outputs ?? 0) {
      if let name = model.blueprint.labels[number] {
        try append(name)
      } else {
        var name = GrowingList<UInt8>(for: "the labels of classes")
        for byte in "LABEL_\(number)".utf8 { try name.append(byte) }
        try append(UnsafeBufferPointer(name.elements))
      }
    }
  }

  /// Without names, for `append`.
  package init() {}

  package func append(_ name: UnsafeBufferPointer<UInt8>) throws(Failure) { try places.append(try pool.append(name)) }

  package var count: Int { places.count }

  /// A name, with a NUL behind it, as long as this object lives.
  package subscript(number: Int) -> UnsafeBufferPointer<UInt8> { pool.text(places[number]) }

  /// Whether one of the names is this.
  func contains(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
    places.elements.contains { pool.text($0).elementsEqual(name) }
  }
}
