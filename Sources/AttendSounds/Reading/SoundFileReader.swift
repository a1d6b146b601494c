import AttendBase
import Glibc

/// A sound that libsndfile decodes, read in pieces. Its header is believed for the rate and the channels alone: how
/// long it is shows when it ends.
package final class SoundFileReader: SampleSource {
  private let library: SoundFileLibrary
  private let file: OpaquePointer
  private let cursor: Cursor
  private let values: AlignedBuffer  // a piece, [frames, channels]
  private let pieceFrames: Int
  private var position = 0
  package let name: String
  package let rate: Int
  package let channels: Int

  package var count: Int? { nil }

  /// Throws `unsupported` where libsndfile is not installed, `invalidFile` with its reason, `outOfMemory`.
  package init(_ bytes: SoundBytes) throws(Failure) {
    let library = try SoundFileLibrary(for: bytes.name)
    let cursor = Cursor(bytes)
    var info = SoundFileLibrary.Info()
    var callbacks = Cursor.callbacks
    let opened = withUnsafeMutableBytes(of: &info) { info in
      withUnsafeMutableBytes(of: &callbacks) { callbacks in
        library.open(callbacks.baseAddress!, 0x10, info.baseAddress!, Unmanaged.passUnretained(cursor).toOpaque())
      }
    }
    if let failure = cursor.failure { throw failure }
    guard let opened else {
      let reason = library.message(nil).map { String(cString: $0) } ?? "for no reason that it tells"
      throw Failure(.invalidFile, "\(bytes.name) is refused by libsndfile: \(reason)")
    }
    do throws(Failure) {
      let (rate, channels) = (Int(info.rate), Int(info.channels))
      try SoundLimits.check(rate: rate, channels: channels, bytes.name, .invalidFile)
      pieceFrames = max(SoundLimits.piece / channels, 1)
      values = try AlignedBuffer(pieceFrames * channels, of: Float.self, for: "a piece of \(bytes.name)")
      (self.rate, self.channels) = (rate, channels)
    } catch {
      _ = library.close(opened)
      throw error
    }
    (self.library, self.cursor, file, name) = (library, cursor, opened, bytes.name)
  }

  deinit { _ = library.close(file) }

  package func rewind() throws(Failure) {
    guard library.seek(file, 0, SEEK_SET) == 0 else {
      throw Failure(.inputOutput, "\(name) cannot be read from its start again")
    }
    position = 0
  }

  package func read(_ count: Int, into target: UnsafeMutablePointer<Float>) throws(Failure) -> Int {
    var done = 0
    while done < count {
      let wanted = min(count - done, pieceFrames)
      let frames = min(Int(library.read(file, values.pointer(), Int64(wanted))), wanted)
      if let failure = cursor.failure { throw failure }
      if frames <= 0 { break }
      try Channels.mix(
        values.pointer(), frames: frames, channels: channels, into: target + done, first: position, name, .invalidFile)
      position += frames
      done += frames
    }
    return done
  }
}

/// A place in bytes, as libsndfile reads them.
private final class Cursor {
  private let bytes: SoundBytes
  private var offset = 0
  /// What went wrong while the library was reading; it knows no such thing.
  private(set) var failure: Failure?

  init(_ bytes: SoundBytes) { self.bytes = bytes }

  static var callbacks: SoundFileLibrary.Callbacks {
    SoundFileLibrary.Callbacks(
      length: { Int64(Cursor.at($0).bytes.count) }, seek: { Cursor.at($2).seek($0, $1) },
      read: { target, count, cursor in Cursor.at(cursor).read(target, count) }, write: { _, _, _ in 0 },
      tell: { Int64(Cursor.at($0).offset) })
  }

  private static func at(_ data: UnsafeMutableRawPointer?) -> Cursor {
    Unmanaged<Cursor>.fromOpaque(data!).takeUnretainedValue()
  }

  private func seek(_ distance: Int64, _ whence: Int32) -> Int64 {
    let base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? offset : bytes.count
    let (place, overflow) = base.addingReportingOverflow(Int(distance))
    guard !overflow, place >= 0 else { return -1 }
    offset = place
    return Int64(place)
  }

  private func read(_ target: UnsafeMutableRawPointer?, _ count: Int64) -> Int64 {
    guard let target, count > 0, failure == nil else { return 0 }
    do throws(Failure) {
      let filled = try bytes.read(into: UnsafeMutableRawBufferPointer(start: target, count: Int(count)), at: offset)
      offset += filled
      return Int64(filled)
    } catch {
      failure = error
      return 0
    }
  }
}
