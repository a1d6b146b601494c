import Attend
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// A file of the repository that the tests stand in.
func repository(_ path: String) -> String {
  let parts = #filePath.split(separator: "/").dropLast(5)
  return "/" + parts.joined(separator: "/") + "/" + path
}

let spelling = repository("models/g2p-en")

/// A session of its own on one of the models of the repository.
func session(_ path: String) throws -> Session { try Session(Model(path: repository(path))) }

/// A name in the folder of temporary files that nobody has.
func temporary(_ name: String) -> String { "/tmp/attend-swift-\(getpid())-\(name)" }

/// The error that a call throws, which must throw one.
func failure<Value>(_ body: () throws(AttendError) -> Value) -> AttendError? {
  do {
    _ = try body()
    return nil
  } catch {
    return error
  }
}

/// The samples of a WAV of 16 bits and one channel, behind its 44 bytes of header.
func samples(_ path: String) -> [Float] {
  guard let file = fopen(path, "rb") else { return [] }
  defer { fclose(file) }
  fseek(file, 44, SEEK_SET)
  var samples: [Int16] = []
  var piece = [Int16](repeating: 0, count: 4096)
  while case let count = fread(&piece, 2, piece.count, file), count > 0 { samples += piece.prefix(count) }
  return samples.map { Float($0) / 32768 }
}
