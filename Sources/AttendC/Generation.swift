import AttendBase
import AttendDecoding
import AttendGeneration
import AttendGrammars
import AttendTokenizers
import CAttend

/// The object of an `attend_generation`: what was generated, and its texts.
final class GenerationObject: Sendable {
  let generation: Generation
  private let texts: FixedArray<FixedArray<CString?>>
  private let resources: TextResources
  private let toolFormat: ToolCallFormat?

  /// `tokenizer` nil: there are no texts. `toolFormat` is what the call says of how the model writes calls.
  init(
    _ generation: Generation, _ tokenizer: Tokenizer?, _ resources: TextResources, _ toolFormat: ToolCallFormat?
  ) throws(Failure) {
    (self.generation, self.resources, self.toolFormat) = (generation, resources, toolFormat)
    texts = try FixedArray(generation.count, for: "the generated texts") { (request) throws(Failure) in
      let hypotheses = generation[request].hypotheses
      return try FixedArray(hypotheses.count, for: "the generated texts") { (index) throws(Failure) in
        try tokenizer.map { (tokenizer) throws(Failure) in
          let ids = hypotheses[index].generated
          return try tokenizer.decode(ids, skipSpecialTokens: true).withUnsafeBufferPointer { bytes throws(Failure) in
            try CString(UnsafeRawBufferPointer(bytes))
          }
        }
      }
    }
  }

  func text(_ request: Int, _ index: Int) -> CString? { texts[request][index] }

  /// A hypothesis as the JSON of a message, its calls apart.
  func message(_ request: Int, _ index: Int) throws(Failure) -> CString {
    try CString(try resources.message(try hypothesis(request, index), toolFormat))
  }

  func hypothesis(_ request: Int, _ index: Int) throws(Failure) -> Hypothesis {
    guard request >= 0, request < generation.count else {
      throw Failure(
        .invalidArgument, "request is \(UInt(bitPattern: request)); there were \(generation.count)")
    }
    let hypotheses = generation[request].hypotheses
    guard index >= 0, index < hypotheses.count else {
      throw Failure(
        .invalidArgument, "index is \(UInt(bitPattern: index)); request \(request) has \(hypotheses.count) hypotheses")
    }
    return hypotheses[index]
  }
}

@_cdecl("attend_generation_count") @implementation public func attend_generation_count(
  _ generation: OpaquePointer!
) -> Int { borrow(generation, as: GenerationObject.self).generation.count }

@_cdecl("attend_generation_hypothesis_count") @implementation public func attend_generation_hypothesis_count(
  _ generation: OpaquePointer!, _ request: Int
) -> Int {
  let generation = borrow(generation, as: GenerationObject.self).generation
  return request >= 0 && request < generation.count ? generation[request].hypotheses.count : 0
}

@_cdecl("attend_generation_get_hypothesis") @implementation public func attend_generation_get_hypothesis(
  _ generation: OpaquePointer!, _ request: Int, _ index: Int, _ hypothesis: UnsafeMutablePointer<attend_hypothesis>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let object = try object(generation, as: GenerationObject.self, "generation")
    let target = try require(hypothesis, "hypothesis")
    let found = try object.hypothesis(request, index)
    var result = attend_hypothesis(found)
    let text = object.text(request, index)
    result.text = text?.characters
    result.text_length = text?.length ?? 0
    try fill(target, with: result, "hypothesis")
  }
}

@_cdecl("attend_generation_message") @implementation public func attend_generation_message(
  _ generation: OpaquePointer!, _ request: Int, _ index: Int, _ message: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let object = try object(generation, as: GenerationObject.self, "generation")
    try require(message, "message").pointee = own(try object.message(request, index))
  }
}

extension attend_hypothesis {
  /// Without its text.
  fileprivate init(_ found: Hypothesis) {
    self.init()
    ids = UnsafePointer(found.tokens.elements.baseAddress)
    count = found.tokens.count
    prompt_count = found.promptCount
    score = found.score ?? .nan
    log_probabilities = UnsafePointer(found.logProbabilities.elements.baseAddress)
    if found.alternatives.count > 0 {
      alternatives = UnsafeRawPointer(found.alternatives.elements.baseAddress!).assumingMemoryBound(
        to: attend_token_alternative.self)
      alternative_count = found.alternativesPerToken
    }
    if found.attention.count > 0 {
      attention = UnsafePointer(found.attention.elements.baseAddress)
      attention_count = found.attention.count
    }
    finish_reason = attend_finish_reason(rawValue: found.reason.rawValue)
  }
}

@_cdecl("attend_generation_free") @implementation public func attend_generation_free(_ generation: OpaquePointer!) {
  release(generation, as: GenerationObject.self)
}
