import AttendBase
import AttendDecoding
import AttendLayers
import AttendModels

/// The finder of the time at which each token is said: dynamic time warping (Sakoe and Chiba 1978) over the
/// cross-attention of the decoder's heads that follow the sound (alignment_heads).
final class TokenAligner {
  private let session: Session
  private let heads: [(layer: Int, head: Int)]
  /// Places over which a median smooths the attention along the time, median_filter_width; odd.
  private let width: Int
  private var weights = GrowingList<Float>(for: TokenAligner.purpose)  // [heads, rows, columns]

  private static let purpose = "the times of tokens"
  /// Tokens of a pass, which leaves the attention of all layers and heads: 31 MB of 32 layers with 20 heads.
  private static let tokensPerPass = 8

  /// Throws `unsupported` for heads that the model does not have.
  init(_ session: Session, heads: [(layer: Int, head: Int)], width: Int) throws(Failure) {
    (self.session, self.heads, self.width) = (session, heads, width)
    let layers = session.model.decoder?.depth ?? 0
    for (layer, head) in heads where layer < 0 || layer >= layers || head < 0 {
      throw Failure(.unsupported, "alignment_heads has [\(layer), \(head)]; the decoder has \(layers) layers")
    }
  }

  /// The places of the encoder's states, `[tokens - prompt]`, at which the tokens behind the prompt are said, of a
  /// source of which the first `columns` states are heard. The attention of a token is that of the step that reads it;
  /// nothing reads the last, which is said where the one before is.
  func places(
    _ tokens: UnsafeBufferPointer<Int32>, promptCount: Int, in source: EncodedSource, columns: Int
  ) throws(Failure) -> GrowingList<Int> {
    var places = GrowingList<Int>(for: TokenAligner.purpose)
    let count = tokens.count - promptCount
    try places.reserve(max(count, 1))
    places.resize(to: count, filling: 0)
    let rows = count - 1
    guard rows > 0 else { return places }
    let columns = min(max(columns, 0), source.length)
    try read(tokens.dropLast(), promptCount, source, columns)
    for head in heads.indices { normalize(weights.storage + head * rows * columns, rows, columns) }
    try smooth(rows: rows, columns: columns)
    try warp(rows, columns, into: &places)
    places[count - 1] = places[count - 2]
    return places
  }

  /// Gives tokens to the decoder once more and keeps the attention of the heads.
  private func read(
    _ tokens: Slice<UnsafeBufferPointer<Int32>>, _ promptCount: Int, _ source: EncodedSource, _ columns: Int
  ) throws(Failure) {
    let rows = tokens.count - promptCount
    let (plane, first) = rows.multipliedReportingOverflow(by: columns)
    let (numbers, second) = plane.multipliedReportingOverflow(by: heads.count)
    guard !first, !second else { throw .outOfMemory(.max, for: TokenAligner.purpose) }
    weights.removeAll()
    try weights.reserve(max(numbers, 1))
    weights.resize(to: numbers, filling: 0)
    session.drop()
    defer {
      session.recordAttentions(false)
      session.drop()
    }
    try session.add(encoded: [source])
    try give(tokens.prefix(promptCount))
    session.recordAttentions(true)
    for place in stride(from: 0, to: rows, by: TokenAligner.tokensPerPass) {
      let part = min(TokenAligner.tokensPerPass, rows - place)
      try give(tokens.dropFirst(promptCount + place).prefix(part))
      try keep(place..<place + part, of: rows, columns)
    }
  }

  private func give(_ tokens: Slice<UnsafeBufferPointer<Int32>>) throws(Failure) {
    let part = UnsafeBufferPointer(rebasing: tokens)
    guard let start = part.baseAddress, !part.isEmpty else { return }
    try withUnsafePointer(to: part.count) { (length) throws(Failure) in
      _ = try session.decode(try Batch(tokens: start, lengths: length, count: 1), logits: .none)
    }
  }

  /// Copies the attention of the last pass, which read the rows `places`.
  private func keep(_ places: Range<Int>, of rows: Int, _ columns: Int) throws(Failure) {
    for (index, (layer, head)) in heads.enumerated() {
      let map = try session.attention(.cross, layer: layer, sequence: 0)
      guard head < map.heads, map.queries == places.count, map.keys >= columns else {
        throw Failure(
          .unsupported, "alignment_heads has [\(layer), \(head)]; the layers of the decoder have \(map.heads) heads")
      }
      for place in places {
        let from = map.base + (head * map.queries + place - places.lowerBound) * map.keys
        (weights.storage + (index * rows + place) * columns).update(from: from, count: columns)
      }
    }
  }

  /// Takes out of each column its mean, and divides it by its deviation, `[rows, columns]`. A column of equal numbers
  /// becomes zeros.
  private func normalize(_ plane: UnsafeMutablePointer<Float>, _ rows: Int, _ columns: Int) {
    for column in 0..<columns {
      var (sum, squares) = (0.0, 0.0)
      for row in 0..<rows { sum += Double(plane[row * columns + column]) }
      let mean = sum / Double(rows)
      for row in 0..<rows {
        let difference = Double(plane[row * columns + column]) - mean
        squares += difference * difference
      }
      let deviation = (squares / Double(rows)).squareRoot()
      for row in 0..<rows {
        let difference = Double(plane[row * columns + column]) - mean
        plane[row * columns + column] = deviation > 0 ? Float(difference / deviation) : 0
      }
    }
  }

  /// Makes the first plane the mean over heads of the medians along the time, whose ends are mirrored.
  private func smooth(rows: Int, columns: Int) throws(Failure) {
    let reach = width / 2
    let line = try AlignedBuffer(columns + 2 * reach, of: Float.self, for: TokenAligner.purpose)
    let sorted = try AlignedBuffer(width, of: Float.self, for: TokenAligner.purpose)
    let padded: UnsafeMutablePointer<Float> = line.pointer()
    defer { withExtendedLifetime((line, sorted)) {} }
    for row in 0..<rows {
      let target = weights.storage + row * columns
      for head in heads.indices {
        let from = weights.storage + (head * rows + row) * columns
        (padded + reach).update(from: from, count: columns)
        let isFiltered = columns > reach
        for distance in 1...max(reach, 1) where isFiltered && reach > 0 {
          padded[reach - distance] = from[distance]
          padded[reach + columns - 1 + distance] = from[columns - 1 - distance]
        }
        for column in 0..<columns {
          let value =
            isFiltered ? TokenAligner.median(padded + column, width, sorted.pointer()) : padded[reach + column]
          target[column] = head == 0 ? value : target[column] + value
        }
      }
      for column in 0..<columns { target[column] /= Float(heads.count) }
    }
  }

  /// The middle of an odd number of values, by insertion.
  private static func median(
    _ values: UnsafePointer<Float>, _ count: Int, _ sorted: UnsafeMutablePointer<Float>
  ) -> Float {
    for index in 0..<count {
      var place = index
      while place > 0, sorted[place - 1] > values[index] {
        sorted[place] = sorted[place - 1]
        place -= 1
      }
      sorted[place] = values[index]
    }
    return sorted[count / 2]
  }

  /// The cheapest way through the first plane from its first corner to its last, where a step goes to the next token,
  /// the next place, or both, and costs the less the more is attended to. A token's place is where the way reaches it:
  /// beside the first column where there is none.
  private func warp(_ rows: Int, _ columns: Int, into places: inout GrowingList<Int>) throws(Failure) {
    let trace = try AlignedBuffer((rows + 1) * (columns + 1), of: Step.self, for: TokenAligner.purpose)
    let costs = try AlignedBuffer(2 * (rows + 1), of: Float.self, for: TokenAligner.purpose)
    defer { withExtendedLifetime((trace, costs)) {} }
    let steps: UnsafeMutablePointer<Step> = trace.pointer()
    var before: UnsafeMutablePointer<Float> = costs.pointer()
    var now = before + rows + 1
    before.initialize(repeating: .infinity, count: 2 * (rows + 1))
    before[0] = 0
    for row in 0...rows { steps[row * (columns + 1)] = .token }
    for column in 0..<columns {
      now[0] = .infinity
      for row in 0..<rows {
        let (both, token, place) = (before[row], now[row], before[row + 1])
        let (least, step): (Float, Step) =
          both < token && both < place
          ? (both, .both) : token < both && token < place ? (token, .token) : (place, .place)
        now[row + 1] = Float(Double(least) - Double(weights[row * columns + column]))
        steps[(row + 1) * (columns + 1) + column + 1] = step
      }
      swap(&before, &now)
    }
    var (row, column) = (rows, columns)
    while row > 0 {
      places[row - 1] = column - 1
      switch steps[row * (columns + 1) + column] {
      case .both: (row, column) = (row - 1, column - 1)
      case .token: row -= 1
      case .place: column -= 1
      }
    }
  }

  /// A step of the way.
  private enum Step: UInt8 { case both, token, place }
}
