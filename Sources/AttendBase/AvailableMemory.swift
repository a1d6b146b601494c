/// Memory that a process may take without making others wait for the disk.
package enum AvailableMemory {
  /// Bytes, as the system and the control group of this process have it at this moment.
  package static var current: Int {
    let group = ControlGroup.current
    return SystemFile.read("/proc/meminfo") { bytes(meminfo: $0, group: group) } ?? 0
  }

  /// The same from what /proc/meminfo says: MemAvailable, or less where a group has less left. Without any word on it
  /// there is nothing.
  static func bytes(meminfo: SystemText, group: ControlGroup) -> Int {
    var available = 0
    meminfo.forEach(between: "\n") { line in
      guard line.hasPrefix("MemAvailable:"), let (_, rest) = line.split(at: ":"),
        let (number, unit) = rest.split(at: " "),
        unit == "kB", let kilobytes = number.number, kilobytes <= Int.max / 1024
      else { return true }
      available = kilobytes * 1024
      return false
    }
    return min(available, group.memory.map { max(0, $0.limit - $0.used) } ?? Int.max)
  }

  /// The same from text of the program's own.
  package static func bytes(meminfo: String, group: ControlGroup) -> Int {
    var meminfo = meminfo
    return meminfo.withUTF8 { bytes(meminfo: SystemText(UnsafeRawBufferPointer($0)), group: group) }
  }
}
