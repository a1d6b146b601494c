// What is added to scores by the positions of query and key, tile by tile: nothing here is ever as large as the scores.
import AttendBase
import AttendKernelInterface
import CInstructions

/// The index of a distance in a table of 2 * reach + 1.
@_transparent private func index(_ distance: Int, _ reach: Int) -> Int {
  (distance < -reach ? -reach : distance > reach ? reach : distance) &+ reach
}

/// Sixteen entries of a table by distance, from `distance` upwards.
@_transparent private func entries(_ table: UnsafePointer<Float>, _ distance: Int, _ reach: Int) -> Vector {
  if distance >= -reach && distance &+ 15 <= reach { return load(table + (distance &+ reach)) }
  if distance >= reach { return splat(table[2 &* reach]) }
  if distance &+ 15 <= -reach { return splat(table[0]) }
  var v = splat(0)
  var lane = 0
  while lane < 16 {
    v[lane] = table[index(distance &+ lane, reach)]
    lane &+= 1
  }
  return v
}

/// Adds the terms of content and position to the raw scores of keys `first` until `limit` of the tile; only these keys' rows are read.
@_transparent private func disentangle(
  _ a: UnsafePointer<AttentionArguments>, _ bias: DisentangledBias, _ scores: UnsafeMutablePointer<Float>, _ head: Int, _ query: Int,
  _ tile: Int, _ first: Int, _ limit: Int
) {
  let start = head &* bias.columns
  var column = first
  while column < limit {
    let key = tile &+ column
    let place = Int(bias.places[index(a.pointee.position &+ query &- key, bias.reach)])
    var score = scores[column]
    if let rows = bias.contentToPosition { score += rows.base[(a.pointee.row &+ query) &* rows.stride &+ start &+ place] }
    if let rows = bias.positionToContent { score += rows.base[(a.pointee.row &+ key) &* rows.stride &+ start &+ place] }
    scores[column] = score
    column &+= 1
  }
}

/// Turns the raw scores of a query with keys `first` until `limit` of the tile into scaled and biased ones.
@inline(never) func addBias(
  _ a: UnsafePointer<AttentionArguments>, _ bias: UnsafePointer<AttentionBias>, _ scores: UnsafeMutablePointer<Float>, _ head: Int,
  _ query: Int, _ tile: Int, _ first: Int, _ limit: Int
) {
  if let terms = bias.pointee.disentangled { disentangle(a, terms, scores, head, query, tile, first, limit) }
  let reach = bias.pointee.reach
  var column = first & ~15
  while column < limit {
    var s = load(scores + column) * splat(a.pointee.scale)
    let distance = tile &+ column &- a.pointee.position &- query  // of the first lane
    if let slopes = bias.pointee.slopes {
      s = multiplyAdd(splat(slopes[head]), attend_to_float(laneNumbers &+ Lanes(repeating: Int32(truncatingIfNeeded: distance))), s)
    }
    if let table = bias.pointee.distances { s += entries(table + head &* (2 &* reach &+ 1), distance, reach) }
    store(s, scores + column)
    column &+= 16
  }
}
