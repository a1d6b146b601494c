import AttendBase
import AttendDispatch
import AttendGeneration
import AttendLayers
import AttendModels
import AttendTokenizers
import CAttend

@_cdecl("attend_classify") @implementation public func attend_classify(
  _ session: OpaquePointer!, _ inputs: UnsafePointer<attend_input>!, _ count: Int,
  _ options: UnsafePointer<attend_classify_options>!, _ classification: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  classifying(session, options, classification) { (session, classifier, _) throws(Failure) in
    let arrays = try InputList(try require(inputs, "inputs"), count: count, "count", session) { "inputs[\($0)]" }
    defer { withExtendedLifetime(arrays) {} }
    guard arrays.elements.count == count else {
      throw Failure(.unsupported, "the model cuts pictures into tiles, which are not classified")
    }
    return try classifier.classify(UnsafeBufferPointer(arrays.elements))
  }
}

@_cdecl("attend_classify_texts") @implementation public func attend_classify_texts(
  _ session: OpaquePointer!, _ texts: UnsafePointer<UnsafePointer<CChar>?>!, _ lengths: UnsafePointer<Int>!,
  _ pairs: UnsafePointer<UnsafePointer<CChar>?>!, _ pairLengths: UnsafePointer<Int>!, _ count: Int,
  _ options: UnsafePointer<attend_classify_options>!, _ classification: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  classifying(session, options, classification) { (session, classifier, options) throws(Failure) in
    let column = try column(texts, lengths, count)
    let others = try pairs.map { (pairs) throws(Failure) in
      TextBatch.Column(pairs, try require(pairLengths, "pair_lengths"))
    }
    var reading = TokenizeOptions()
    if options.max_length > 0 { reading.maximalLength = options.max_length }
    let encodings = try session.model.tokenizer.get().encode(
      TextBatch(column, pairs: others, count: count), threads: session.engine.threads, reading)
    return try classifier.classify(encodings)
  }
}

/// Runs a call that classifies.
private func classifying(
  _ session: OpaquePointer?, _ pointer: UnsafePointer<attend_classify_options>?,
  _ target: UnsafeMutablePointer<OpaquePointer?>?,
  _ body: (Session, Classifier, attend_classify_options) throws(Failure) -> FixedArray<ClassRanking>
) -> OpaquePointer? {
  using(session) { (session) throws(Failure) in
    let target = try require(target, "classification")
    let options = try copy(pointer, "options")
    guard options.top_k >= 0, options.max_length >= 0 else {
      throw Failure(
        .invalidArgument,
        "options.top_k is \(UInt(bitPattern: options.top_k)), max_length \(UInt(bitPattern: options.max_length))")
    }
    let classifier = try Classifier(
      session, function: try function(options.function), most: options.top_k == 0 ? nil : options.top_k)
    let rankings = try body(session, classifier, options)
    target.pointee = own(ClassificationObject(rankings, try ClassLabels(of: session.model)))
  }
}

private func function(_ function: attend_class_function) throws(Failure) -> ClassFunction {
  switch function {
  case ATTEND_CLASS_DEFAULT: return .pipeline
  case ATTEND_CLASS_CROSS_ENCODER: return .crossEncoder
  default:
    guard let score = ClassScore(rawValue: function.rawValue) else {
      throw Failure(.invalidArgument, "options.function is \(function.rawValue), which is no attend_class_function")
    }
    return .given(score)
  }
}

/// The object of an `attend_classification`.
final class ClassificationObject: Sendable {
  fileprivate let rankings: FixedArray<ClassRanking>
  private let labels: ClassLabels

  init(_ rankings: FixedArray<ClassRanking>, _ labels: ClassLabels) {
    (self.rankings, self.labels) = (rankings, labels)
  }

  func entry(_ input: Int, _ rank: Int) throws(Failure) -> attend_class {
    guard input >= 0, input < rankings.count else {
      throw Failure(.invalidArgument, "input is \(UInt(bitPattern: input)); there were \(rankings.count)")
    }
    let entries = rankings[input].entries
    guard rank >= 0, rank < entries.count else {
      throw Failure(.invalidArgument, "rank is \(UInt(bitPattern: rank)); \(entries.count) classes are told")
    }
    let found = entries[rank]
    var result = attend_class()
    (result.number, result.score, result.logit) = (found.number, found.score, found.logit)
    (result.label, result.label_length) = (characters(labels[found.number]), labels[found.number].count)
    return result
  }
}

@_cdecl("attend_classification_count") @implementation public func attend_classification_count(
  _ classification: OpaquePointer!
) -> Int { borrow(classification, as: ClassificationObject.self).rankings.count }

@_cdecl("attend_classification_class_count") @implementation public func attend_classification_class_count(
  _ classification: OpaquePointer!, _ input: Int
) -> Int {
  let rankings = borrow(classification, as: ClassificationObject.self).rankings
  return input >= 0 && input < rankings.count ? rankings[input].entries.count : 0
}

@_cdecl("attend_classification_get") @implementation public func attend_classification_get(
  _ classification: OpaquePointer!, _ input: Int, _ rank: Int, _ entry: UnsafeMutablePointer<attend_class>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let object = try object(classification, as: ClassificationObject.self, "classification")
    try fill(try require(entry, "entry"), with: try object.entry(input, rank), "entry")
  }
}

@_cdecl("attend_classification_free") @implementation public func attend_classification_free(
  _ classification: OpaquePointer!
) { release(classification, as: ClassificationObject.self) }
