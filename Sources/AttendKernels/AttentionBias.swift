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
    store(s, scores + column)
    column &+= 16
  }
}
