import Glibc

/// All bytes of a file; "-" is the standard input.
func readFile(_ path: String) throws(Trouble) -> [UInt8] {
  let file = path == "-" ? 0 : open(path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { throw Trouble("\(path): \(String(cString: strerror(errno)))") }
  defer { if file != 0 { close(file) } }
  var (bytes, count) = ([UInt8](), 0)
  while true {
    if bytes.count - count < 65536 { bytes += [UInt8](repeating: 0, count: max(count, 65536)) }
    let (start, room) = (count, bytes.count - count)
    let got = bytes.withUnsafeMutableBytes { read(file, $0.baseAddress! + start, room) }
    if got < 0 && errno == EINTR { continue }
    guard got >= 0 else { throw Trouble("\(path): \(String(cString: strerror(errno)))") }
    guard got > 0 else { break }
    count += got
  }
  bytes.removeLast(bytes.count - count)
  return bytes
}

/// Makes a file, or empties it, and gives its descriptor; nil or "-": the standard output.
func createFile(_ path: String?) throws(Trouble) -> Int32 {
  guard let path, path != "-" else { return 1 }
  let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
  guard file >= 0 else { throw Trouble("\(path): \(String(cString: strerror(errno)))") }
  return file
}

/// Writes a whole file.
func writeFile(_ path: String?, _ bytes: [UInt8]) throws(Trouble) {
  let file = try createFile(path)
  defer { if file != 1 { close(file) } }
  guard Terminal.write(bytes, to: file) else {
    throw Trouble("\(path ?? "the standard output"): \(String(cString: strerror(errno)))")
  }
}

/// What stands behind the last point of a path's last component, in lower case.
func pathExtension(_ path: String) -> String {
  let name = path.split(separator: "/").last ?? ""
  guard let point = name.lastIndex(of: "."), point != name.startIndex else { return "" }
  return name[name.index(after: point)...].lowercased()
}

/// A path's last component without what stands behind its last point.
func stem(_ path: String) -> String {
  let name = path.split(separator: "/").last.map(String.init) ?? path
  let end = pathExtension(path)
  return end.isEmpty ? name : String(name.dropLast(end.count + 1))
}
