// Terms that are added to scores by the positions of query and key, tile by tile: nothing here is ever as large as all scores.
import AttendBase
import AttendKernelInterface
import CInstructions

/// The index of a distance in a table of 2 * radius + 1.
@_transparent private func index(_ distance: Int, _ radius: Int) -> Int {
  (distance < -radius ? -radius : distance > radius ? radius : distance) &+ radius
}

/// Sixteen entries of a table by distance, from `distance` upwards.
@_transparent private func entries(_ table: UnsafePointer<Float>, _ distance: Int, _ radius: Int) -> Vector {
  if distance >= -radius && distance &+ 15 <= radius { return load(table + (distance &+ radius)) }
  if distance >= radius { return splat(table[2 &* radius]) }
  if distance &+ 15 <= -radius { return splat(table[0]) }
  var v = splat(0)
  var lane = 0
  while lane < 16 {
    v[lane] = table[index(distance &+ lane, radius)]
    lane &+= 1
  }
  return v
}

/// Adds the terms of content and position to the raw scores of a query with the keys of `range`; only these keys' rows are read.
@_transparent private func disentangle(
  _ a: UnsafePointer<AttentionArguments>, _ bias: DisentangledBias, _ scores: UnsafeMutablePointer<Float>, head: Int, query: Int,
  _ range: TileRange
) {
  let start = head &* bias.buckets
  var column = range.first
  while column < range.limit {
    let key = range.tile &+ column
    let bucket = start &+ Int(bias.relativeIndex[index(a.pointee.position &+ query &- key, bias.radius)])
    var score = scores[column]
    if let rows = bias.contentToPosition { score += rows.base[(a.pointee.row &+ query) &* rows.stride &+ bucket] }
    if let rows = bias.positionToContent { score += rows.base[(a.pointee.row &+ key) &* rows.stride &+ bucket] }
    scores[column] = score
    column &+= 1
  }
}

/// Sixteen bytes, of which no more than `count` are read, the others being 0.
@_transparent private func bytes(_ p: UnsafePointer<UInt8>, _ count: Int) -> Lanes {
  if count >= 16 { return attend_widen_unsigned8(p) }
  var v = Lanes(repeating: 0)
  var i = 0
  while i < count {
    v[i] = Int32(truncatingIfNeeded: p[i])
    i &+= 1
  }
  return v
}

/// Sixteen scores of a query with the keys from `key` on, capped, and with the caller's terms.
@_transparent private func withGiven(_ given: GivenBias, _ scores: Vector, query: Int, key: Int, keys: Int) -> Vector {
  var s = scores
  if given.softCap > 0 { s = splat(given.softCap) * tanh(s / splat(given.softCap)) }
  if let terms = given.terms { s += load(terms + (query &* given.termsStride &+ key), keys &- key) }
  if let visible = given.visible {
    let seen = bytes(visible + (query &* given.visibleStride &+ key), keys &- key)
    s = s.replacing(with: splat(-Float.infinity), where: seen .== Lanes(repeating: 0))
  }
  return s
}

/// Turns the raw scores of a query with the keys of `range` into scaled and biased ones.
@inline(never) func addBias(
  _ a: UnsafePointer<AttentionArguments>, _ bias: UnsafePointer<AttentionBias>, _ scores: UnsafeMutablePointer<Float>, head: Int,
  query: Int, _ range: TileRange
) {
  if let terms = bias.pointee.disentangled { disentangle(a, terms, scores, head: head, query: query, range) }
  let radius = bias.pointee.radius
  var column = range.first & ~15
  while column < range.limit {
    var s = load(scores + column) * splat(a.pointee.scale)
    let distance = range.tile &+ column &- a.pointee.position &- query  // of the first lane
    if let slopes = bias.pointee.slopes {
      s = multiplyAdd(splat(slopes[head]), attend_to_float(laneNumbers &+ Lanes(repeating: Int32(truncatingIfNeeded: distance))), s)
    }
    if let table = bias.pointee.distances { s += entries(table + head &* (2 &* radius &+ 1), distance, radius) }
    if let pairs = bias.pointee.pairs {
      let row = (head &* pairs.positions &+ a.pointee.position &+ query) &* pairs.stride
      s += load(pairs.base + (row &+ range.tile &+ column))
    }
    if let given = bias.pointee.given { s = withGiven(given, s, query: query, key: range.tile &+ column, keys: a.pointee.keys) }
    store(s, scores + column)
    column &+= 16
  }
}
