import AttendBase
import AttendGeneration
import AttendTokenizers
import CAttend

// An `attend_fillings` is a `TextResults<Filling>`.

@_cdecl("attend_fill") @implementation public func attend_fill(
  _ session: OpaquePointer!, _ texts: UnsafePointer<UnsafePointer<CChar>?>!, _ lengths: UnsafePointer<Int>!,
  _ count: Int, _ options: UnsafePointer<attend_fill_options>!, _ fillings: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  using(session) { (session) throws(Failure) in
    let target = try require(fillings, "fillings")
    let known = try copy(options, "options")
    let filler = try MaskFiller(session, most: try size(known.top_k, "top_k") ?? MaskFiller.usualNumber)
    guard known.targets == nil || known.target_count > 0 else {
      throw Failure(.invalidArgument, "options.targets is set, and target_count is 0")
    }
    try forEachText(known.targets, known.target_count, "options.targets") { (text) throws(Failure) in
      try filler.allow(text)
    }
    let column = try column(texts, lengths, count)
    target.pointee = own(
      try filler.fill(TextBatch(column, count: count), maximalLength: try size(known.max_length, "max_length")))
  }
}

@_cdecl("attend_fillings_count") @implementation public func attend_fillings_count(_ fillings: OpaquePointer!) -> Int {
  borrow(fillings, as: TextResults<Filling>.self).count
}

@_cdecl("attend_fillings_mask_count") @implementation public func attend_fillings_mask_count(
  _ fillings: OpaquePointer!, _ text: Int
) -> Int { borrow(fillings, as: TextResults<Filling>.self).groupCount(text) }

@_cdecl("attend_fillings_filling_count") @implementation public func attend_fillings_filling_count(
  _ fillings: OpaquePointer!, _ text: Int, _ mask: Int
) -> Int { borrow(fillings, as: TextResults<Filling>.self).entryCount(text, mask) }

@_cdecl("attend_fillings_get") @implementation public func attend_fillings_get(
  _ fillings: OpaquePointer!, _ text: Int, _ mask: Int, _ rank: Int, _ filling: UnsafeMutablePointer<attend_filling>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let results = try object(fillings, as: TextResults<Filling>.self, "fillings")
    let target = try require(filling, "filling")
    let found = try results.entry(text, mask, rank, "fillings")
    var result = attend_filling()
    let (word, whole) = (results.text(found.word), results.text(found.text))
    (result.token, result.score) = (found.token, found.score)
    (result.word, result.word_length) = (characters(word), word.count)
    (result.text, result.text_length) = (characters(whole), whole.count)
    try fill(target, with: result, "filling")
  }
}

@_cdecl("attend_fillings_free") @implementation public func attend_fillings_free(_ fillings: OpaquePointer!) {
  release(fillings, as: TextResults<Filling>.self)
}
