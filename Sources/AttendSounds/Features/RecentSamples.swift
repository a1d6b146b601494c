import AttendBase

/// The part of a sound that frames are still made of: samples `[first, limit)` of it.
struct RecentSamples: ~Copyable {
  private var samples = GrowingList<Float>(for: "the last samples of a sound")
  /// The number of the first sample that is kept.
  private(set) var first = 0

  /// The number of the first sample that has not come yet.
  var limit: Int { first + samples.count }

  mutating func append(_ new: UnsafePointer<Float>, _ count: Int) throws(Failure) {
    try samples.append(contentsOf: UnsafeBufferPointer(start: new, count: count))
  }

  /// Forgets the samples before `place`.
  mutating func discard(before place: Int) {
    let unwanted = min(max(place - first, 0), samples.count)
    guard unwanted > 0 else { return }
    let left = samples.count - unwanted
    samples.storage.update(from: samples.storage + unwanted, count: left)
    samples.removeAll(from: left)
    first += unwanted
  }

  /// Forgets all and begins again at the first sample of the sound.
  mutating func restart() {
    samples.removeAll()
    first = 0
  }

  /// The samples as frames are cut from them, until this changes; `length` is where the zeros behind the sound end.
  func signal(length: Int) -> Signal {
    Signal(samples: UnsafeBufferPointer(samples.elements), first: first, length: length)
  }
}
