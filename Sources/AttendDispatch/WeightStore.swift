import AttendBase
import Glibc
import Synchronization

/// Packed weights that do not all fit in memory: they lie in a file without a name, of which so much is in memory as a
/// budget allows. What the next products will use is read ahead by a thread of its own.
///
/// The bits of a product are those of weights in memory: the file holds what the memory would.
package final class WeightStore: @unchecked Sendable {
  /// Smaller matrices stay in memory: to read them costs more than they take.
  package static let smallestBlock = 1 << 12

  /// The most bytes that may be in memory at once, beside blocks in use.
  package let budget: Int
  private let file: TemporaryFile
  private let reader: ReadAhead
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private var state: State  // guarded by `lock`
  private let waited = Atomic(0)  // nanoseconds
  private let computed = Atomic(0)  // nanoseconds, of the waiting too
  private let read = Atomic(0)  // bytes

  private struct State: ~Copyable {
    var residency: WeightResidency
    var regions = GrowingList<Region>(for: "the list of mapped weights")
    var bytes = 0
    var isChoosing = false
  }

  /// A piece of the file in the address space.
  struct Region: BitwiseCopyable, @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let bytes: Int
    let offset: Int
    /// Whether it may hold what the disk does not.
    var isWritten = true
  }

  /// What a store has done since it was made.
  package struct Report: Sendable {
    /// Bytes of all weights in it, and of those that are in memory, as the system has it.
    package var bytes = 0
    package var residentBytes = 0
    /// Bytes that were not in memory when somebody asked for them, in time or too late.
    package var readBytes = 0
    /// Seconds that products waited for their weights, and those that they took altogether.
    package var waitSeconds = 0.0
    package var productSeconds = 0.0
  }

  /// `directory` is where the file lies; nil: the one for temporary files. Throws `inputOutput`, or `unsupported` where
  /// that is in memory itself.
  package init(budget: Int, directory: String?) throws(Failure) {
    self.budget = budget
    file = try TemporaryFile(in: directory)
    reader = try ReadAhead()
    state = State(residency: WeightResidency(budget: budget))
    pthread_mutex_init(lock, nil)
  }

  deinit {
    reader.stop()
    for region in state.regions.elements { munmap(region.base, region.bytes) }
    pthread_mutex_destroy(lock)
    lock.deallocate()
  }

  /// Marks the blocks that `body` makes as such that a router chooses.
  func choosing(_ body: () throws(Failure) -> Void) throws(Failure) {
    locked { $0.isChoosing = true }
    defer { locked { $0.isChoosing = false } }
    try body()
  }

  /// Room for weights, to be filled at once and then settled.
  func block(bytes: Int) throws(Failure) -> WeightBlock {
    let region = try file.extend(by: bytes)
    do throws(Failure) { try locked { (state) throws(Failure) in try state.regions.reserve(1) } } catch {
      munmap(region.base, region.bytes)
      throw error
    }
    let index = try changing { (state, drop, _) throws(Failure) in
      try state.regions.append(region)
      state.bytes += region.bytes
      return try state.residency.add(bytes: region.bytes, isChosen: state.isChoosing, drop: drop)
    }
    return WeightBlock(store: self, region: region, index: index)
  }

  private func locked<Result, Problem: Error>(
    _ body: (inout State) throws(Problem) -> Result
  ) throws(Problem) -> Result {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    return try body(&state)
  }

  /// Runs `body` with what drops a block and what has one read ahead.
  private func changing<Result>(
    _ body: (inout State, _ drop: (Int) -> Void, _ fetch: (Int) -> Void) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try locked { (state) throws(Failure) in
      // The list keeps its place: room in it was made before.
      let regions = state.regions.elements
      return try body(&state, { file.drop(&regions[$0]) }, { reader.ask(for: regions[$0]) })
    }
  }

  /// Begins a use of a block: when this returns its weights are in memory.
  fileprivate func begin(_ index: Int, _ region: Region) throws(Failure) {
    try changing { (state, drop, fetch) throws(Failure) in
      state.residency.begin(index, drop: drop, fetch: fetch)
    }
    try bring(region.base, region.bytes)
  }

  /// Counts the time of a product, or of a reader of rows.
  fileprivate func took(since start: Int) { computed.add(MonotonicTime.now - start, ordering: .relaxed) }

  fileprivate func end(_ index: Int, since start: Int) {
    took(since: start)
    locked { $0.residency.end(index) }
  }

  fileprivate func expect(_ index: Int) {
    try? changing { (state, drop, fetch) throws(Failure) in
      state.residency.expect(index, drop: drop, fetch: fetch)
    }
  }

  /// Reads what is missing of a range, and counts the time as waiting.
  fileprivate func bring(_ base: UnsafeMutableRawPointer, _ bytes: Int) throws(Failure) {
    let missing = ResidentPages.missing(base, bytes)
    guard missing > 0 else { return }
    let start = MonotonicTime.now
    guard ResidentPages.bring(base, bytes) else {
      throw Failure(.inputOutput, "\(file.directory): \(bytes) bytes of mapped weights cannot be read again")
    }
    waited.add(MonotonicTime.now - start, ordering: .relaxed)
    read.add(missing, ordering: .relaxed)
  }

  package var report: Report {
    let (bytes, resident) = locked { (state) in
      let missing = state.regions.elements.reduce(0) { $0 + min(ResidentPages.missing($1.base, $1.bytes), $1.bytes) }
      return (state.bytes, state.bytes - missing)
    }
    return Report(
      bytes: bytes, residentBytes: resident,
      readBytes: read.load(ordering: .relaxed) + reader.bytes,
      waitSeconds: Double(waited.load(ordering: .relaxed)) * 1e-9,
      productSeconds: Double(computed.load(ordering: .relaxed)) * 1e-9)
  }
}

/// The weights of one matrix in a store.
final class WeightBlock: @unchecked Sendable {
  private let store: WeightStore
  private let region: WeightStore.Region
  private let index: Int

  fileprivate init(store: WeightStore, region: WeightStore.Region, index: Int) {
    (self.store, self.region, self.index) = (store, region, index)
  }

  var base: UnsafeMutableRawPointer { region.base }

  /// Says that the block is filled, and will not change any more.
  func settle() { mprotect(region.base, region.bytes, PROT_READ) }

  /// Has the weights in memory and keeps them there until `end`, which takes what this returns.
  func begin() throws(Failure) -> Int {
    let start = MonotonicTime.now
    do throws(Failure) { try store.begin(index, region) } catch {
      store.end(index, since: start)
      throw error
    }
    return start
  }

  func end(_ start: Int) { store.end(index, since: start) }

  /// Says that the weights will be used soon.
  func expect() { store.expect(index) }

  /// Has a part of the weights in memory, for a reader that needs no more.
  func bring(_ range: Range<Int>) throws(Failure) {
    let start = MonotonicTime.now, first = range.lowerBound & ~(ResidentPages.size - 1)
    defer { store.took(since: start) }
    try store.bring(region.base + first, min(range.upperBound, region.bytes) - first)
  }
}
