/// What the control groups of a process allow it (Linux's cgroups, of both versions). A pure function of the files of
/// the system.
package struct ControlGroup: Sendable {
  /// Processors that may be used on average, rounded up; nil: no limit.
  package private(set) var processors: Int?
  /// Bytes of memory that the process and its fellows may take, and that they take; nil: no limit.
  package private(set) var memory: (limit: Int, used: Int)?

  /// `membership` is what /proc/self/cgroup says, `root` what /sys/fs/cgroup holds. The tightest limit of a group and
  /// the groups around it counts. In a container the process's own group may stand at the root.
  package init(membership: SystemText, root: String) {
    var group = ControlGroup()
    membership.forEach(between: "\n") { line in
      guard let (hierarchy, rest) = line.split(at: ":"), let (controllers, path) = rest.split(at: ":") else {
        return true
      }
      if hierarchy == "0", controllers.isEmpty {
        group.read(root, "", path, ControlGroup.readUnified)
        group.read(root, "/unified", path, ControlGroup.readUnified)
      }
      controllers.forEach(between: ",") { controller in
        if controller == "cpu" {
          group.read(root, "/cpu", path, ControlGroup.readQuota)
          group.read(root, "/cpu,cpuacct", path, ControlGroup.readQuota)
        }
        if controller == "memory" { group.read(root, "/memory", path, ControlGroup.readMemory) }
        return true
      }
      return true
    }
    self = group
  }

  /// Without limits.
  package init() {}

  /// Of this process.
  package static var current: ControlGroup {
    SystemFile.read("/proc/self/cgroup") { ControlGroup(membership: $0, root: "/sys/fs/cgroup") } ?? ControlGroup()
  }

  /// The same of text of the program's own.
  package init(membership: String, root: String) {
    var membership = membership
    self = membership.withUTF8 { ControlGroup(membership: SystemText(UnsafeRawBufferPointer($0)), root: root) }
  }

  /// Calls `body` with the folder of a group and those of the groups around it, the root last.
  private mutating func read(
    _ root: String, _ hierarchy: StaticString, _ path: SystemText,
    _ body: (inout ControlGroup, inout PathBuffer) -> Void
  ) {
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
      var folder = PathBuffer(buffer)
      for byte in root.utf8 { folder.append(byte) }
      folder.append(hierarchy)
      let top = folder.count
      // A group that is none of those under the root is only known by the root.
      var isBelow = true
      path.forEach(between: "/") { name in
        if name == ".." { isBelow = false }
        return isBelow
      }
      if isBelow, path.bytes.count > 1 { folder.append(path) }
      while true {
        body(&self, &folder)
        guard folder.count > top else { return }
        var end = folder.count - 1
        while end > top, buffer[end] != UInt8(ascii: "/") { end -= 1 }
        folder.cut(to: end)
      }
    }
  }

  private static func readUnified(_ group: inout ControlGroup, _ folder: inout PathBuffer) {
    let quota: (Int?, Int?)? = content(of: "/cpu.max", in: &folder) { text in
      text.split(at: " ").map { ($0.before.number, $0.behind.number) }
    }
    group.note(quota: quota?.0, period: quota?.1)
    group.note(limit: number(of: "/memory.max", in: &folder), used: number(of: "/memory.current", in: &folder))
  }

  private static func readQuota(_ group: inout ControlGroup, _ folder: inout PathBuffer) {
    group.note(
      quota: number(of: "/cpu.cfs_quota_us", in: &folder), period: number(of: "/cpu.cfs_period_us", in: &folder))
  }

  private static func readMemory(_ group: inout ControlGroup, _ folder: inout PathBuffer) {
    group.note(
      limit: number(of: "/memory.limit_in_bytes", in: &folder),
      used: number(of: "/memory.usage_in_bytes", in: &folder))
  }

  private static func content<Result>(
    of name: StaticString, in folder: inout PathBuffer, _ body: (SystemText) -> Result?
  ) -> Result? {
    let end = folder.count
    defer { folder.cut(to: end) }
    folder.append(name)
    return folder.read(body)
  }

  private static func number(of name: StaticString, in folder: inout PathBuffer) -> Int? {
    content(of: name, in: &folder) { $0.number }
  }

  private mutating func note(quota: Int?, period: Int?) {
    guard let quota, let period, quota > 0, period > 0 else { return }
    processors = min(processors ?? Int.max, (quota - 1) / period + 1)
  }

  /// Without a limit the older version states the largest number of pages.
  private mutating func note(limit: Int?, used: Int?) {
    guard let limit, limit > 0, limit < Int.max / 2 else { return }
    let used = used ?? 0
    if memory.map({ limit - used < $0.limit - $0.used }) ?? true { memory = (limit, used) }
  }
}
