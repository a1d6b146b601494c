import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendLayers
import AttendPictures

/// The painter of tokens: the decoder of a VQGAN, from a folder of its own or a part of a model. Immutable: any number
/// of threads may use it at once.
package final class Painter: Sendable {
  package let decoder: PictureDecoder
  /// The way back, from pictures to tokens; nil: it was not asked for, or the checkpoint has none.
  package let encoder: PictureEncoder?
  /// Whether pixels lie in [-1, 1], and not in [0, 1].
  private let isSigned: Bool

  init(decoder: PictureDecoder, encoder: PictureEncoder?, isSigned: Bool) {
    (self.decoder, self.encoder, self.isSigned) = (decoder, encoder, isSigned)
  }

  /// Reads the folder at `path`: that of dalle-mini's VQGAN, of flax, or that of min-dalle with detoker.pt. Throws
  /// `notFound`, `inputOutput`, `invalidFile` and `unsupported`.
  package convenience init(path: String, engine: Engine, encodes: Bool = false) throws(Failure) {
    let folder = try HuggingFaceFolder(path)
    if let config = try folder.configuration("config.json") { try Painter.check(config) }
    let checkpoint = try Checkpoint(folder)
    let tensors = try TensorLog(checkpoint)
    let packer = Packer(tensors, engine: engine, compute: .float32)
    // min-dalle's copy of the decoder has another epsilon.
    let reader = PaintingReader(
      packer, prefix: "", startsSmall: false, epsilon: folder.holds("detoker.pt") ? 1e-5 : 1e-6)
    let decoder = try reader.decoder(hasUnitLength: false)
    let hasEncoder = tensors.has("encoder.conv_in.bias")
    guard hasEncoder || !encodes else {
      throw Failure(.unsupported, "\(path) holds the decoder of a VQGAN only: it makes no tokens of pictures")
    }
    self.init(decoder: decoder, encoder: encodes ? try reader.encoder() : nil, isSigned: false)
    try tensors.finish(family: "VQGAN") { $0.hasPrefix("encoder.") || $0.hasPrefix("quant_conv.") }
  }

  /// Throws `unsupported` for what the tensors do not tell.
  private static func check(_ config: Configuration) throws(Failure) {
    try config.require("double_z", false)
    try config.require("give_pre_end", false)
    try config.require("resamp_with_conv", true)
    if let type = try config.optionalString("model_type"), type != "vqgan" {
      throw Failure(.unsupported, "\(config.path): model_type \"\(type)\" is no VQGAN, which paints pictures")
    }
  }

  /// The side of a picture of `count` tokens, in tokens. Throws `unsupported` where that is no square.
  package func side(of count: Int) throws(Failure) -> Int {
    let side = Int(Double(count).squareRoot().rounded())
    guard side * side == count, side > 0 else {
      throw Failure(.unsupported, "a picture of \(count) tokens is no square")
    }
    return side
  }

  /// The picture of tokens, each below `decoder.count`.
  package func picture(_ tokens: UnsafeBufferPointer<Int32>, _ pass: Pass) throws(Failure) -> Picture {
    let side = try side(of: tokens.count), pixels = side.saturatingMultiply(decoder.scale)
    let picture = try Picture(width: pixels, height: pixels, for: "a picture that is drawn")
    try decoder.paint(tokens, side: side, pass) { plane in
      for line in 0..<plane.height {
        picture.fill(line: line) { target in
          let numbers = plane.line(line)
          for index in 0..<target.count { target[index] = level(numbers[index]) }
        }
      }
    }
    return picture
  }

  /// A number from 0 to 255, truncated as the programs of both models do.
  private func level(_ number: Float) -> UInt8 {
    let share = isSigned ? number * 0.5 + 0.5 : number
    return share > 0 ? UInt8(min(share, 1) * 255) : 0  // NaN is 0
  }
}

extension Painter {
  /// Whether a folder is one of a VQGAN that can be read.
  package static func isFolder(_ path: String) -> Bool {
    guard (try? HuggingFaceFolder.isFolder(path)) == true else { return false }
    let folder = HuggingFaceFolder(unchecked: path)
    return folder.holds("detoker.pt")
      || folder.holds("flax_model.msgpack") && (try? folder.json("config.json"))??["ch_mult"] != nil
  }
}
