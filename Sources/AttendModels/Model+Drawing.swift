import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendLayers
import Synchronization

extension Builder {
  /// What writes the tokens of pictures, and what paints them; nil: the decoder's own head does, and a VQGAN from
  /// elsewhere.
  func pictures(_ drawing: DrawingBlueprint?) throws(Failure) -> (writer: PictureWriter, painter: Painter)? {
    guard let writer = drawing?.writer?.value, let stack = blueprint.decoder else { return nil }
    var aligner: [Head.Layer] = []
    for case .linear(let linear, let activation) in writer.aligner {
      aligner.append(
        Head.Layer(
          linear: try packer.linear([linear], prefix: writer.alignerPrefix), activation: activation, norm: nil))
    }
    let reader = PaintingReader(packer, prefix: writer.painter, startsSmall: true, epsilon: 1e-6)
    return (
      PictureWriter(
        codes: try packer.table(writer.codes, rows: writer.count, width: writer.width), count: writer.count,
        width: writer.width, aligner: aligner, head: try head(writer.head, stack)),
      Painter(decoder: try reader.decoder(hasUnitLength: true), encoder: nil, isSigned: true)
    )
  }
}

extension Model {
  /// Folders of a VQGAN as people have them, in the folder of a model or beside it.
  private static let painterNames = ["vqgan", "vqgan_imagenet_f16_16384"]

  /// What paints the pictures of this model: its own VQGAN, the one in the folder at `path`, or without one that in its
  /// folder or beside it. Throws `notFound` where there is none, and what loading throws.
  package func painter(_ path: String?, engine: Engine) throws(Failure) -> Painter {
    if let own = ownPainter {
      guard path == nil else {
        throw Failure(.invalidArgument, "painter is set, and the model has a VQGAN of its own")
      }
      return own
    }
    if let path { return try painter(in: path, engine: engine) }
    let folder = checkpoint.place
    for name in Model.painterNames {
      for place in [folder.path(of: name), folder.path(of: "../\(name)")] where Painter.isFolder(place) {
        return try painter(in: place, engine: engine)
      }
    }
    throw Failure(
      .notFound,
      "\(checkpoint.folder) holds no VQGAN, which paints what the model writes, and none is beside it ("
        + "\(Model.painterNames.joined(separator: ", "))): name its folder as painter")
  }

  /// The painter of a folder, loaded unless it painted last.
  private func painter(in path: String, engine: Engine) throws(Failure) -> Painter {
    if let painter = lastPainter.withLock({ $0.flatMap { $0.path == path ? $0.painter : nil } }) { return painter }
    let painter = try Painter(path: path, engine: engine)
    lastPainter.withLock { $0 = (path, painter) }
    return painter
  }
}
