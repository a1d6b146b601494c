import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers
import AttendModels

// A saved session is words of 64 bits: a header, the caches, a checksum of all before it. The header tells the model,
// and all that makes pages readable; how long the whole is stands there too, so that a file that was cut says so.

/// The header of a saved session.
private struct SavedHeader {
  /// "attendKV"
  static let magic: UInt64 = 0x564b_646e_6574_7461
  static let version: UInt64 = 1
  static let longestFamily = 256

  let family: String
  let compute: UInt64
  let keyValueType: UInt64
  /// Of the weights and the configuration.
  let fingerprint: UInt64
  /// Of the layouts of the caches.
  let layouts: UInt64

  init(_ session: Session) {
    family = session.model.blueprint.family
    compute = UInt64(session.model.compute.rawValue)
    keyValueType = UInt64(session.sequences.selfCache.layout.type.rawValue)
    fingerprint = session.model.fingerprint
    var checksum = Checksum()
    session.sequences.selfCache.layout.add(to: &checksum)
    session.sequences.crossCache?.layout.add(to: &checksum)
    layouts = checksum.value
  }

  /// `total` is the length of the whole.
  func write(to writer: inout SavedWriter, total: Int, sequences: Int) throws(Failure) {
    for word in [SavedHeader.magic, SavedHeader.version] { try writer.word(word) }
    try writer.word(total)
    for word in [compute, keyValueType, fingerprint, layouts] { try writer.word(word) }
    var family = family
    try writer.word(family.utf8.count)
    let refusal: Failure? = family.withUTF8 { (name) in
      do throws(Failure) { try writer.bytes(UnsafeRawBufferPointer(name)) } catch { return error }
      return nil
    }
    if let refusal { throw refusal }
    try writer.word(sequences)
  }

  /// Reads a header, which must be this one, and returns the number of sequences.
  func check(_ reader: inout SavedReader) throws(Failure) -> Int {
    let bytes = reader.left
    guard bytes >= 8, try reader.word() == SavedHeader.magic else { throw reader.failure("is no saved session") }
    let version = try reader.word()
    guard version == SavedHeader.version else {
      throw reader.failure("is of version \(version) of the format; this library reads \(SavedHeader.version)")
    }
    let total = try reader.word()
    guard total == UInt64(bytes) else {
      throw reader.failure("has \(bytes) bytes, and \(total) were written: it was cut or added to")
    }
    try reader.checkSum()
    let compute = try reader.word(), type = try reader.word(), fingerprint = try reader.word(),
      layouts = try reader.word()
    let length = try reader.number(upTo: SavedHeader.longestFamily, "the length of the model's name")
    let family = String(decoding: try reader.bytes(length), as: UTF8.self)
    func refuse(_ what: String, _ found: String, _ own: String) -> Failure {
      Failure(.invalidArgument, "\(reader.name) was saved \(what) \(found), and this one's is \(own)")
    }
    guard family == self.family else { throw refuse("of a model whose family is", family, self.family) }
    guard fingerprint == self.fingerprint else {
      throw Failure(
        .invalidArgument, "\(reader.name) was saved of another \(family) model: weights or configuration differ")
    }
    func name(of compute: UInt64) -> String {
      UInt32(exactly: compute).flatMap { ComputeType(rawValue: $0) }.map { "\($0)" } ?? "unknown"
    }
    guard compute == self.compute else {
      throw refuse("of a model whose type of computing is", name(of: compute), name(of: self.compute))
    }
    func name(ofType type: UInt64) -> String {
      UInt32(exactly: type).flatMap { KeyValueType(rawValue: $0) }.map { "\($0)" } ?? "unknown"
    }
    guard type == keyValueType else {
      throw refuse("by a session whose type of keys and values is", name(ofType: type), name(ofType: keyValueType))
    }
    guard layouts == self.layouts else { throw reader.failure("lays its pages out in another way than this library") }
    // Each has a length at least.
    return try reader.number(upTo: min(Session.mostSequences, reader.left / 8), "the number of sequences")
  }
}

extension Session {
  /// The live sequences that `indices` lists, in that order, as bytes from which a session of the same model goes on,
  /// in another process if need be. A NUL that does not count follows them.
  package func saved(_ indices: UnsafeBufferPointer<Int>) throws(Failure) -> (bytes: AlignedBuffer, count: Int) {
    let total = try savedBytes(indices)
    let buffer = try AlignedBuffer(bytes: total + 1, for: "the saved session")
    buffer.base.storeBytes(of: 0, toByteOffset: total, as: UInt8.self)
    var place = 0
    var writer = SavedWriter { (bytes) throws(Failure) in
      guard let from = bytes.baseAddress, place + bytes.count <= total else {
        throw Failure(.internalError, "a session grew while it was saved")
      }
      (buffer.base + place).copyMemory(from: from, byteCount: bytes.count)
      place += bytes.count
    }
    try save(indices, total: total, to: &writer)
    return (buffer, total)
  }

  /// The same to a file, which is there when it is whole and not before.
  package func save(_ indices: UnsafeBufferPointer<Int>, to path: String) throws(Failure) {
    let total = try savedBytes(indices)
    let file = try NewFile(path)
    var writer = SavedWriter { (bytes) throws(Failure) in try file.write(bytes) }
    try save(indices, total: total, to: &writer)
    try file.finish()
  }

  /// Adds the sequences that were saved behind the live ones; `name` is what messages call the bytes. A failure leaves
  /// the live sequences as they were.
  package func restore(_ bytes: UnsafeRawBufferPointer, name: String = "the saved session") throws(Failure) {
    guard earlier == nil else {
      throw Failure(
        .unsupported, "\(name) holds what one stage has read, and the stages before this one know nothing of it")
    }
    var reader = SavedReader(bytes, name: name)
    let new = try SavedHeader(self).check(&reader)
    let first = count
    guard new <= Session.mostSequences - first else {
      throw Failure(.invalidArgument, "\(first) sequences are live and \(new) more come, more than can live")
    }
    let positions = model.decoder?.positions(allowingBeyond: allowsBeyondPositions) ?? Session.mostSequences
    try sequences.selfCache.restore(new, positions: positions, from: &reader)
    do throws(Failure) {
      let sources = model.encoder?.positions(allowingBeyond: allowsBeyondPositions) ?? Session.mostSequences
      try sequences.crossCache?.restore(new, positions: sources, from: &reader)
      guard reader.left == 8 else { throw reader.failure("has \(reader.left - 8) bytes that nothing describes") }
    } catch {
      sequences.remove(from: first)
      throw error
    }
    sequences.begin()
    forgetOutputs()
  }

  /// The same from a file.
  package func restore(from path: String) throws(Failure) {
    let file = try MappedFile(path)
    try restore(file.bytes, name: path)
    withExtendedLifetime(file) {}
  }

  /// Throws `unsupported` for sequences behind whose pictures tokens turn by coordinates, or look at these pictures:
  /// where those go on is not saved.
  private func refusePictures(among indices: UnsafeBufferPointer<Int>) throws(Failure) {
    guard model.decoder?.rotaries.readCoordinates == true || model.blueprint.sight != nil else { return }
    for index in indices where hasPictures(index) {
      throw Failure(.unsupported, "live sequence \(index) has read pictures, of which the places are not saved")
    }
  }

  /// The number of bytes that sequences take when they are saved.
  private func savedBytes(_ indices: UnsafeBufferPointer<Int>) throws(Failure) -> Int {
    try refusePictures(among: indices)
    try requireLive()
    guard model.decoder != nil else {
      throw Failure(
        .unsupported,
        "this checkpoint is of a \(model.blueprint.family) model, an encoder: nothing of it is read again later")
    }
    for (place, index) in indices.enumerated() where index < 0 || index >= count {
      throw Failure(.invalidArgument, "indices[\(place)] is \(UInt(bitPattern: index)); \(count) sequences are live")
    }
    var counter = SavedWriter(nil)
    try save(indices, total: 0, to: &counter)
    return counter.count
  }

  private func save(
    _ indices: UnsafeBufferPointer<Int>, total: Int, to writer: inout SavedWriter
  ) throws(Failure) {
    try SavedHeader(self).write(to: &writer, total: total, sequences: indices.count)
    try sequences.selfCache.save(indices, to: &writer)
    try sequences.crossCache?.save(indices, to: &writer)
    try writer.finish()
  }
}
