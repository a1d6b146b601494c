import AttendBase
import AttendGeneration
import AttendPictures
import CAttend

// An `attend_drawing` is a `DrawingObject`.

/// A drawing, with the memory of its pictures at addresses that stay.
final class DrawingObject: @unchecked Sendable {
  let drawing: Drawing

  init(_ drawing: Drawing) { self.drawing = drawing }

  /// Throws `invalidArgument` for a picture that there is not.
  func candidate(_ index: Int) throws(Failure) -> Drawing.Candidate {
    guard drawing.candidates.indices.contains(index) else {
      throw Failure(
        .invalidArgument,
        "index is \(UInt(bitPattern: index)); the drawing has \(drawing.candidates.count) pictures")
    }
    return drawing.candidates[index]
  }
}

@_cdecl("attend_draw") @implementation public func attend_draw(
  _ session: OpaquePointer!, _ text: UnsafePointer<CChar>!, _ length: Int,
  _ options: UnsafePointer<attend_draw_options>!, _ drawing: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  using(session) { (session) throws(Failure) in
    let target = try require(drawing, "drawing")
    let text = try buffer(text, length, "text")
    let known = try copy(options, "options")
    let clip = known.clip.map { borrow($0, as: ModelObject.self) }
    try clip?.checkProcess()
    let drawer = try Drawer(session, try drawingOptions(known), judge: clip?.model)
    target.pointee = own(DrawingObject(try drawer.draw(text)))
  }
}

/// The options of attend_draw as the generation room knows them.
private func drawingOptions(_ known: attend_draw_options) throws(Failure) -> DrawingOptions {
  var result = DrawingOptions()
  result.seed = known.seed
  if known.candidates != 0 { result.candidates = known.candidates }
  guard !known.greedy || known.temperature == 0 else {
    throw Failure(.invalidArgument, "options.greedy and options.temperature are both set")
  }
  if known.temperature != 0 { result.temperature = known.temperature }
  if known.greedy { result.temperature = 0 }
  result.topK = known.top_k
  if known.top_p != 0 { result.topP = known.top_p }
  if known.condition_scale != 0 { result.conditionScale = known.condition_scale }
  result.painter = known.painter.map { String(cString: $0) }
  return result
}

@_cdecl("attend_drawing_count") @implementation public func attend_drawing_count(_ drawing: OpaquePointer!) -> Int {
  borrow(drawing, as: DrawingObject.self).drawing.candidates.count
}

@_cdecl("attend_drawing_pixels") @implementation public func attend_drawing_pixels(
  _ drawing: OpaquePointer!, _ index: Int, _ pixels: UnsafeMutablePointer<attend_tensor>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let picture = try object(drawing, as: DrawingObject.self, "drawing").candidate(index).picture
    let target = try require(pixels, "pixels")
    var tensor = attend_tensor()
    try picture.withPixels { tensor.data = UnsafeRawPointer($0.baseAddress) }
    tensor.type = ATTEND_TYPE_UINT8
    tensor.rank = 3
    tensor.shape = (picture.height, picture.width, 3, 0)
    target.pointee = tensor
  }
}

@_cdecl("attend_drawing_tokens") @implementation public func attend_drawing_tokens(
  _ drawing: OpaquePointer!, _ index: Int, _ count: UnsafeMutablePointer<Int>!
) -> UnsafePointer<Int32>! {
  let candidate = try? borrow(drawing, as: DrawingObject.self).candidate(index)
  store(candidate?.tokens.count ?? 0, count)
  return candidate?.tokens.withUnsafeBufferPointer { $0.baseAddress }
}

@_cdecl("attend_drawing_score") @implementation public func attend_drawing_score(
  _ drawing: OpaquePointer!, _ index: Int
) -> Double { (try? borrow(drawing, as: DrawingObject.self).candidate(index)).map { Double($0.score) } ?? .nan }

@_cdecl("attend_drawing_save") @implementation public func attend_drawing_save(
  _ drawing: OpaquePointer!, _ index: Int, _ path: UnsafePointer<CChar>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let picture = try object(drawing, as: DrawingObject.self, "drawing").candidate(index).picture
    try picture.writePNG(try string(path, "path"))
  }
}

@_cdecl("attend_drawing_free") @implementation public func attend_drawing_free(_ drawing: OpaquePointer!) {
  release(drawing, as: DrawingObject.self)
}
