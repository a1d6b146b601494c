import Glibc

/// Seconds since 1970, as OpenAI's API dates things.
func secondsOfToday() -> Int { time(nil) }

/// A name that no other answer has.
func randomName() -> String {
  let number = UInt128.random(in: 0...UInt128.max)
  let digits = String(number, radix: 36)
  return String(repeating: "0", count: max(0, 25 - digits.count)) + digits
}

/// Waits without computing.
func pause(_ seconds: Double) { usleep(UInt32(seconds * 1e6)) }

/// The memory of this process that is in use.
func residentMemory() -> Int {
  guard let bytes = try? readFile("/proc/self/statm") else { return 0 }
  let pages = String(decoding: bytes, as: UTF8.self).split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
  return pages * sysconf(Int32(_SC_PAGESIZE))
}
