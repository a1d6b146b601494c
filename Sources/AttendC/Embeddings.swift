import AttendBase
import AttendDispatch
import AttendGeneration
import AttendLayers
import AttendModels
import CAttend

@_cdecl("attend_embed") @implementation public func attend_embed(
  _ session: OpaquePointer!, _ texts: UnsafePointer<UnsafePointer<CChar>?>!, _ lengths: UnsafePointer<Int>!,
  _ count: Int, _ options: UnsafePointer<attend_embed_options>!, _ embeddings: UnsafeMutablePointer<attend_tensor>!
) -> OpaquePointer! {
  using(session) { (session) throws(Failure) in
    let target = try require(embeddings, "embeddings")
    let options = try copy(options, "options")
    let prompt = try prompt(try session.model.textRules.get(), options)
    guard options.truncate_dim >= 0 else {
      throw Failure(.invalidArgument, "options.truncate_dim is \(UInt(bitPattern: options.truncate_dim))")
    }
    let longest = options.truncate_dim == 0 ? nil : options.truncate_dim
    guard count > 0, count <= Session.mostSequences else {
      throw Failure(
        .invalidArgument, "count is \(UInt(bitPattern: count)); from 1 to \(Session.mostSequences) texts are taken")
    }
    let (texts, lengths) = (try require(texts, "texts"), try require(lengths, "lengths"))
    let embeddings = try session.embed(count, prompt: prompt, longest: longest) { (index) throws(Failure) in
      guard lengths[index] >= 0 else {
        throw Failure(.invalidArgument, "lengths[\(index)] is \(UInt(bitPattern: lengths[index]))")
      }
      return try buffer(texts[index], lengths[index], "texts[\(index)]")
    }
    target.pointee = attend_tensor(embeddings)
  }
}

@_cdecl("attend_similarity") @implementation public func attend_similarity(
  _ model: OpaquePointer!, _ pictures: UnsafePointer<Float>!, _ pictureCount: Int, _ texts: UnsafePointer<Float>!,
  _ textCount: Int, _ logits: UnsafeMutablePointer<Float>!, _ probabilities: UnsafeMutablePointer<Float>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let model = try object(model, as: ModelObject.self, "model").model
    guard let similarity = model.similarity else {
      throw Failure(
        .unsupported, "this checkpoint is of a \(model.blueprint.family) model, which compares no pictures with texts")
    }
    let width = try model.embeddingHead().width
    func rows(_ base: UnsafePointer<Float>?, _ count: Int, _ name: String) throws(Failure) -> Matrix {
      guard count > 0, count <= Session.mostSequences else {
        throw Failure(
          .invalidArgument,
          "the number of \(name) is \(UInt(bitPattern: count)); from 1 to \(Session.mostSequences) are compared")
      }
      return Matrix(UnsafeMutablePointer(mutating: try require(base, name)), rows: count, columns: width)
    }
    let (pictures, texts) = (try rows(pictures, pictureCount, "pictures"), try rows(texts, textCount, "texts"))
    let logits = Matrix(try require(logits, "logits"), rows: pictureCount, columns: textCount)
    let probabilities = Matrix(try require(probabilities, "probabilities"), rows: pictureCount, columns: textCount)
    similarity.compare(pictures, texts, logits: logits, probabilities: probabilities)
  }
}

/// The prompt that the caller asks for.
private func prompt(_ rules: TextRules, _ options: attend_embed_options) throws(Failure) -> String {
  guard let prompt = options.prompt else {
    return try rules.prompt(named: options.prompt_name.map { String(cString: $0) })
  }
  guard options.prompt_name == nil else {
    throw Failure(.invalidArgument, "options.prompt and options.prompt_name are both set")
  }
  return String(cString: prompt)
}
