import AttendBase
import AttendGeneration
import AttendTokenizers
import CAttend

// An `attend_entities` is a `TextResults<Entity>`.

@_cdecl("attend_find_entities") @implementation public func attend_find_entities(
  _ session: OpaquePointer!, _ texts: UnsafePointer<UnsafePointer<CChar>?>!, _ lengths: UnsafePointer<Int>!,
  _ count: Int, _ options: UnsafePointer<attend_entity_options>!, _ entities: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  using(session) { (session) throws(Failure) in
    let target = try require(entities, "entities")
    let classifier = try TokenClassifier(session, try entityOptions(options))
    let column = try column(texts, lengths, count)
    target.pointee = own(try classifier.entities(of: TextBatch(column, count: count)))
  }
}

private func entityOptions(
  _ pointer: UnsafePointer<attend_entity_options>?
) throws(Failure) -> TokenClassifier.Options {
  let known = try copy(pointer, "options")
  var options = try TokenClassifier.Options()
  guard let aggregation = EntityAggregation(rawValue: known.aggregation.rawValue) else {
    throw Failure(
      .invalidArgument, "options.aggregation is \(known.aggregation.rawValue), which is no attend_aggregation")
  }
  options.aggregation = aggregation
  options.maximalLength = try size(known.max_length, "max_length")
  let stride = try size(known.stride, "stride")
  if known.windows {
    guard aggregation != .none else {
      throw Failure(.invalidArgument, "options.windows is set without an aggregation, whose entities alone are merged")
    }
    options.stride = stride ?? 0
  } else if let stride {
    throw Failure(.invalidArgument, "options.stride is \(stride), and windows is not set")
  }
  if known.ignored_labels != nil || known.ignored_label_count != 0 {
    let ignored = ClassLabels()
    try forEachText(known.ignored_labels, known.ignored_label_count, "options.ignored_labels") {
      (label) throws(Failure) in
      try ignored.append(label.assumingMemoryBound(to: UInt8.self))
    }
    options.ignored = ignored
  }
  return options
}

@_cdecl("attend_entities_count") @implementation public func attend_entities_count(_ entities: OpaquePointer!) -> Int {
  borrow(entities, as: TextResults<Entity>.self).count
}

@_cdecl("attend_entities_entity_count") @implementation public func attend_entities_entity_count(
  _ entities: OpaquePointer!, _ text: Int
) -> Int { borrow(entities, as: TextResults<Entity>.self).entryCount(text) }

@_cdecl("attend_entities_get") @implementation public func attend_entities_get(
  _ entities: OpaquePointer!, _ text: Int, _ index: Int, _ entity: UnsafeMutablePointer<attend_entity>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let results = try object(entities, as: TextResults<Entity>.self, "entities")
    let target = try require(entity, "entity")
    let found = try results.entry(text, 0, index, "entities")
    var result = attend_entity()
    let (label, word) = (results.text(found.label), results.text(found.word))
    (result.label, result.label_length) = (characters(label), label.count)
    (result.word, result.word_length) = (characters(word), word.count)
    (result.score, result.token) = (found.score, Int64(found.token))
    result.offsets = attend_token_offsets(found.place)
    try fill(target, with: result, "entity")
  }
}

@_cdecl("attend_entities_free") @implementation public func attend_entities_free(_ entities: OpaquePointer!) {
  release(entities, as: TextResults<Entity>.self)
}
