import AttendBase
import AttendTestSupport
import Foundation
import Testing

/// A tree of small files as the system has them, made from a list of their paths and contents.
private final class Machine {
  private let folder: TemporaryFolder

  init(_ name: String) throws {
    folder = try TemporaryFolder()
    let list = Repository.root.appendingPathComponent("Tests/Fixtures/machines/\(name).txt")
    for line in try String(contentsOf: list, encoding: .utf8).split(separator: "\n") where !line.hasPrefix("#") {
      let parts = line.components(separatedBy: " = ")
      let place = (folder.path(of: parts[0]) as NSString).deletingLastPathComponent
      try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
      try folder.write(parts[0], "\(parts[1])\n")
    }
  }

  func topology() throws -> Topology { try Topology(root: folder.path(of: "sys")) }

  func group(_ membership: String) -> ControlGroup {
    ControlGroup(membership: membership, root: folder.path(of: "cgroup"))
  }
}

@Suite struct TopologyTests {
  @Test func threadsTakeFastCoresFirst() throws {
    let machine = try Machine("hybrid").topology()
    let all = ProcessorSet(list: "0-7")
    #expect(machine.fastCores(in: all) == 2)
    #expect(try machine.places(in: all).map(\.number) == [0, 2, 1, 3, 4, 5, 6, 7])
    #expect(machine.processors.map(\.isEfficient) == [false, false, false, false, true, true, true, true])
    #expect(Processors.threads(on: machine, mask: all, quota: nil) == 2)
  }

  @Test func aMaskAndAQuotaLeaveFewer() throws {
    let machine = try Machine("hybrid").topology()
    #expect(machine.fastCores(in: ProcessorSet(list: "1,4-7")) == 1)
    #expect(try machine.places(in: ProcessorSet(list: "1,4-5")).map(\.number) == [1, 4, 5])
    // Without a fast core all cores count.
    #expect(Processors.threads(on: machine, mask: ProcessorSet(list: "5-7"), quota: nil) == 3)
    #expect(Processors.threads(on: machine, mask: ProcessorSet(list: "5-7"), quota: 2) == 2)
    #expect(Processors.threads(on: machine, mask: ProcessorSet(list: "0-7"), quota: 1) == 1)
    #expect(Processors.threads(on: machine, mask: ProcessorSet(list: ""), quota: nil) == 1)
    // Of a machine that tells nothing the mask alone is known.
    #expect(Processors.threads(on: nil, mask: ProcessorSet(list: "0-2"), quota: nil) == 3)
    let silent = try Topology(root: "/there/is/no/such/folder")
    #expect(Processors.threads(on: silent, mask: ProcessorSet(list: "0-2"), quota: nil) == 3)
    #expect(try silent.places(in: ProcessorSet(list: "0-2")).isEmpty)
  }

  @Test func capacitiesTellKindsToo() throws {
    let machine = try Machine("capacities").topology()
    #expect(machine.processors.map(\.isEfficient) == [false, false, true, true, true, true])
    #expect(machine.fastCores(in: ProcessorSet(list: "0-5")) == 2)
  }

  @Test func placesGoNodeAfterNode() throws {
    let machine = try Machine("two-nodes").topology()
    let all = ProcessorSet(list: "0-7")
    #expect(machine.fastCores(in: all) == 4)
    #expect(try machine.places(in: all).map(\.number) == [0, 1, 2, 3, 4, 5, 6, 7])
    #expect(try machine.places(in: all).map(\.node) == [0, 0, 2, 2, 0, 0, 2, 2])
    #expect(Array(machine.nodes(in: all)) == [0, 2])
    #expect(Array(machine.nodes(in: ProcessorSet(list: "2,7"))) == [2])
    // Of a core whose first thread is not in the mask the second one counts.
    #expect(machine.fastCores(in: ProcessorSet(list: "4-7")) == 4)
  }

  @Test func nonsenseTellsNothing() throws {
    let machine = try Machine("nonsense").topology()
    #expect(machine.processors.map(\.number) == [0, 1, 2, 3])
    #expect(machine.processors.map(\.core) == [0, 1, 2, 3])
    #expect(machine.processors.allSatisfy { !$0.isEfficient && $0.node == 0 })
    #expect(machine.fastCores(in: ProcessorSet(list: "0-9")) == 4)
  }

  @Test(
    arguments: [
      ("", []), ("3", [3]), ("0-2,5", [0, 1, 2, 5]), ("2,1,1", [1, 2]), ("64-65", [64, 65]), ("4095", [4095]),
      ("4096", []), ("1-", []), ("a", []), ("1,,2", []), ("3-1", []), ("-2", []), ("1-2-3", []),
    ] as [(String, [Int])]) func listsOfProcessors(_ list: String, _ numbers: [Int])
  {
    #expect(Array(ProcessorSet(list: list)) == numbers)
  }

  @Test func theTightestGroupCounts() throws {
    let machine = try Machine("groups")
    // 3.5 processors of the outermost group; 6 of the inner one would be more.
    #expect(machine.group("0::/outer/inner").processors == 4)
    #expect(machine.group("0::/outer/inner").memory?.limit == 4_000_000_000)
    #expect(machine.group("7:cpu,cpuacct:/job\n3:memory:/job").processors == 2)
    #expect(machine.group("7:cpu,cpuacct:/job\n3:memory:/job").memory?.limit == 2_000_000_000)
    #expect(machine.group("7:cpu,cpuacct:/free").processors == nil)
    #expect(machine.group("7:cpu,cpuacct:/broken").processors == nil)
    #expect(machine.group("3:memory:/other").memory == nil)
    #expect(machine.group("").processors == nil)
    #expect(machine.group("nonsense\n0::/../../etc").processors == 4)
  }

  @Test func memoryIsWhatTheSystemAndTheGroupLeave() throws {
    let machine = try Machine("groups")
    let text = "MemTotal:  8000000 kB\nMemAvailable:  5000000 kB\n"
    let (inner, free, over) = ("0::/outer/inner", "3:memory:/other", "3:memory:/job")
    #expect(AvailableMemory.bytes(meminfo: text, group: machine.group(free)) == 5_120_000_000)
    #expect(AvailableMemory.bytes(meminfo: text, group: machine.group(inner)) == 3_000_000_000)
    #expect(AvailableMemory.bytes(meminfo: text, group: machine.group(over)) == 0)
    #expect(AvailableMemory.bytes(meminfo: "MemAvailable: much", group: machine.group(free)) == 0)
    #expect(AvailableMemory.current > 0)
  }
}
