// The queries of a task of attention, and the keys that each of them sees.
import AttendKernelInterface

/// The number of pairs. The range's own way to say so is at times a function that other modules may share.
@_transparent func pairCount(_ pairs: Range<Int>) -> Int { pairs.upperBound &- pairs.lowerBound }

/// The first key that a query sees.
@_transparent private func firstKey(_ a: UnsafePointer<AttentionArguments>, _ query: Int) -> Int {
  if let spans = a.pointee.spans { return Int(truncatingIfNeeded: spans[query].first) }
  if a.pointee.mask.window == 0 { return 0 }
  let first =
    a.pointee.mask.causal
    ? a.pointee.position &+ query &- a.pointee.mask.window &+ 1 : a.pointee.position &+ query &- a.pointee.mask.window / 2
  return first > 0 ? first : 0
}

/// The end of the keys that a query sees.
@_transparent private func keyLimit(_ a: UnsafePointer<AttentionArguments>, _ query: Int) -> Int {
  var limit = a.pointee.keys
  if let spans = a.pointee.spans {
    let end = Int(truncatingIfNeeded: spans[query].limit)
    return end < limit ? end : limit
  }
  if a.pointee.mask.causal {
    limit = a.pointee.position &+ query &+ 1
  } else if a.pointee.mask.window > 0 {
    limit = a.pointee.position &+ query &+ a.pointee.mask.window / 2 &+ 1
  }
  return limit < a.pointee.keys ? limit : a.pointee.keys
}

/// The keys that any of the queries from `first` to `last` sees, and perhaps some between them.
@_transparent func reach(_ a: UnsafePointer<AttentionArguments>, _ first: Int, _ last: Int) -> (Int, Int) {
  var (low, high) = (firstKey(a, first), keyLimit(a, last))
  guard a.pointee.spans != nil else { return (low, high) }
  var query = first
  while query <= last {
    let (begin, end) = (firstKey(a, query), keyLimit(a, query))
    low = begin < low ? begin : low
    high = end > high ? end : high
    query &+= 1
  }
  return (low, high)
}

/// A position of the tile at `tile`, as an offset from 0 to 128.
@_transparent func offset(_ key: Int, _ tile: Int) -> Int {
  let offset = key &- tile
  return offset < 0 ? 0 : offset > attentionTile ? attentionTile : offset
}

/// The keys of the tile at `tile` that a query sees.
@_transparent func visibleKeys(_ a: UnsafePointer<AttentionArguments>, query: Int, tile: Int) -> TileRange {
  TileRange(tile: tile, first: offset(firstKey(a, query), tile), limit: offset(keyLimit(a, query), tile))
}

/// The keys of the tile at `tile` that any of the pairs sees, and perhaps some between them.
@_transparent func reach(_ a: UnsafePointer<AttentionArguments>, _ pairs: Range<Int>, tile: Int) -> TileRange {
  let (low, high) = reach(a, pairs.lowerBound / a.pointee.group, (pairs.upperBound &- 1) / a.pointee.group)
  return TileRange(tile: tile, first: offset(low, tile), limit: offset(high, tile))
}

/// The block of a task's pairs, as many as the registers hold rows, that begins with pair `first`.
@_transparent func block(_ pairs: Range<Int>, from first: Int) -> Range<Int> {
  let end = first &+ tileRows
  return Range(uncheckedBounds: (first, end < pairs.upperBound ? end : pairs.upperBound))
}
