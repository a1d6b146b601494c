import AttendBase

/// The time of a step as a line over the tokens that it reads, fitted to the steps of late: a model whose weights
/// stream from memory reads a second token for almost nothing, one that computes all the time pays the full price.
///
/// Times decide how much is drafted, never what comes out.
struct StepPrice {
  // Sums over the steps, each worth `fading` of the next.
  private var weight = 0.0
  private var tokens = 0.0
  private var time = 0.0
  private var squares = 0.0
  private var products = 0.0

  private static let fading = 0.97
  /// How much that is worth: the square of a difference of tokens.
  private static let unknownWeight = 2.0
  private static let range = 0.03...1.0

  /// Notes a step. One that took far longer than the others was interrupted, and tells little.
  mutating func note(tokens count: Int, nanoseconds: Int) {
    let x = Double(count)
    let y = weight > 0 ? min(Double(nanoseconds), 4 * time / weight) : Double(nanoseconds)
    weight = StepPrice.fading * weight + 1
    tokens = StepPrice.fading * tokens + x
    time = StepPrice.fading * time + y
    squares = StepPrice.fading * squares + x * x
    products = StepPrice.fading * products + x * y
  }

  /// What drafts cost among `rows` rows.
  func price(rows: Int) -> DraftPrice {
    guard weight > 0, tokens > 0, time > 0, rows > 0 else { return DraftPrice() }
    let (meanTokens, meanTime) = (tokens / weight, time / weight)
    let variance = squares - meanTokens * tokens
    let covariance = products - meanTokens * time
    let guess = DraftPrice.unknown * meanTime / meanTokens
    let slope = max((covariance + StepPrice.unknownWeight * guess) / (variance + StepPrice.unknownWeight), 0)
    let step = meanTime + slope * (Double(rows) - meanTokens)
    let token = step > 0 ? slope * Double(rows) / step : StepPrice.range.upperBound
    return DraftPrice(
      token: min(max(token, StepPrice.range.lowerBound), StepPrice.range.upperBound), step: meanTime, rows: rows)
  }
}
