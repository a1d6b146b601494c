import AttendBase
import AttendGeneration
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
