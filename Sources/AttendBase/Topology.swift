/// The processors of a machine as threads meet them: which of them belong to one core, which cores are slow, which
/// node's memory is near. A pure function of the files of the system, so that trees of any machine can be read.
package struct Topology: Sendable {
  /// A logical processor.
  package struct Processor: BitwiseCopyable, Sendable {
    /// The system's number of it.
    package let number: Int
    /// The smallest number of the processors that share its core.
    package let core: Int
    /// The NUMA node of its memory; 0 where the system tells none.
    package let node: Int
    /// Whether its core saves power: one of the slow kind on a CPU with cores of two kinds.
    package let isEfficient: Bool
  }

  /// Those that are online, in the order of their numbers.
  package let processors: FixedArray<Processor>

  /// Processors beyond this number are not looked at.
  package static let mostProcessors = 4096

  /// A core with less than this share of the largest capacity is of the slow kind, where the system tells capacities
  /// but no kinds. Fast cores of one CPU differ by a few percent; slow ones have about half.
  private static let slowShare = 0.75

  /// Reads what `root` holds as /sys does. Files that are missing or make no sense tell nothing: without a list of
  /// processors that are online there are none.
  package init(root: String) throws(Failure) {
    let online = ProcessorSet.read(root, "/devices/system/cpu/online")
    let slow = ProcessorSet.read(root, "/devices/cpu_atom/cpus")
    let fast = ProcessorSet.read(root, "/devices/cpu_core/cpus")
    let nodes = try Topology.nodes(root)
    var largest = 0
    if fast.isEmpty { for number in online { largest = max(largest, Topology.capacity(number, root) ?? 0) } }
    var numbers = online.makeIterator()
    processors = try FixedArray(online.count, for: "the list of processors") { (_) throws(Failure) in
      guard let number = numbers.next() else { throw Failure(.internalError, "fewer processors than were counted") }
      let capacity = fast.isEmpty ? Topology.capacity(number, root) : nil
      let isSlow = capacity.map { Double($0) < Topology.slowShare * Double(largest) } ?? false
      return Processor(
        number: number, core: Topology.core(of: number, root), node: nodes.pointer(to: Int.self)[number],
        isEfficient: fast.isEmpty ? isSlow : slow.contains(number) && !fast.contains(number))
    }
    withExtendedLifetime(nodes) {}
  }

  /// The first of the processors that share a core with one.
  private static func core(of number: Int, _ root: String) -> Int {
    let folder: StaticString = "/devices/system/cpu/cpu"
    var siblings = ProcessorSet.read(root, folder, number, "/topology/core_cpus_list")
    if siblings.isEmpty { siblings = ProcessorSet.read(root, folder, number, "/topology/thread_siblings_list") }
    return siblings.contains(number) ? siblings.first ?? number : number
  }

  /// The memory node of each processor, [mostProcessors] Int.
  private static func nodes(_ root: String) throws(Failure) -> AlignedBuffer {
    let nodes = try AlignedBuffer(mostProcessors, of: Int.self, for: "the nodes of processors")
    let node = nodes.pointer(to: Int.self)
    node.update(repeating: 0, count: mostProcessors)
    for number in ProcessorSet.read(root, "/devices/system/node/online") {
      for member in ProcessorSet.read(root, "/devices/system/node/node", number, "/cpulist") { node[member] = number }
    }
    return nodes
  }

  private static func capacity(_ number: Int, _ root: String) -> Int? {
    SystemFile.read(root, "/devices/system/cpu/cpu", number, "/cpu_capacity") { $0.number }
  }

  /// The machine of this process, read once. Processors that come online later are not known.
  package static let machine: Topology? = try? Topology(root: "/sys")
}

extension Topology {
  /// The order in which threads take the processors of a mask: a processor of each fast core, node after node, then
  /// the others of those cores, then the slow cores.
  package func places(in mask: ProcessorSet) throws(Failure) -> FixedArray<Processor> {
    let all = processors
    var seen = ProcessorSet()
    var count = 0
    for processor in all where mask.contains(processor.number) { count += 1 }
    var next = 0
    let places = try FixedArray(count, for: "the places of threads") { (_) throws(Failure) in
      while !mask.contains(all[next].number) { next += 1 }
      defer { next += 1 }
      let processor = all[next]
      let isFirst = seen.insert(processor.core)
      return (processor: processor, rank: processor.isEfficient ? 2 : isFirst ? 0 : 1)
    }
    places.sort {
      ($0.rank, $0.processor.node, $0.processor.number) < ($1.rank, $1.processor.node, $1.processor.number)
    }
    return try FixedArray(count, for: "the places of threads") { places[$0].processor }
  }

  /// Cores in a mask that are fast; all cores where none of the fast ones is in it. Two processors of a core count as
  /// one: they share the units that multiply.
  package func fastCores(in mask: ProcessorSet) -> Int {
    var fast = ProcessorSet(), slow = ProcessorSet()
    for processor in processors where mask.contains(processor.number) {
      _ = processor.isEfficient ? slow.insert(processor.core) : fast.insert(processor.core)
    }
    return fast.isEmpty ? slow.count : fast.count
  }

  /// The nodes of the processors in a mask, as a set of their numbers.
  package func nodes(in mask: ProcessorSet) -> ProcessorSet {
    var nodes = ProcessorSet()
    for processor in processors where mask.contains(processor.number) { _ = nodes.insert(processor.node) }
    return nodes
  }
}

extension ProcessorSet {
  /// From a file of the system; empty where there is none. The path is that of `SystemFile.read`.
  package static func read(
    _ root: String, _ folder: StaticString, _ number: Int? = nil, _ name: StaticString = ""
  ) -> ProcessorSet { SystemFile.read(root, folder, number, name) { ProcessorSet($0) } ?? ProcessorSet() }
}
