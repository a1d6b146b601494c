import AttendBase
import AttendCheckpoints
import AttendSounds

/// The windows in which a recording is heard by a model that reads any length, in seconds: `chunk_length_s` and
/// `stride_length_s` of transformers' pipelines.
struct WindowLengths: Sendable {
  private let length: Double
  /// What the neighbours before and behind hear too.
  private let left: Double
  private let right: Double

  /// Windows beyond an hour are no windows.
  private static let longest = 3600.0

  /// Of the options of a call; nil: none. Where they name no neighbours' part, it is a sixth on either side.
  init(_ call: Configuration?, length standard: Double, overlaps: Bool) throws(Failure) {
    length = try call?.optionalNumber("chunk_length_s") ?? standard
    guard length > 0, length <= WindowLengths.longest else {
      throw Failure(
        .invalidArgument, "chunk_length_s is \(length), expected up to \(WindowLengths.longest) and more than 0")
    }
    guard overlaps else {
      (left, right) = (0, 0)
      return
    }
    let strides =
      try call?.optional(["stride_length_s"], "a number or a list of two") { json -> [Double]? in
        json.double.map { [$0, $0] } ?? Configuration.list(json, \.double)
      } ?? [length / 6, length / 6]
    guard strides.count == 2, strides.allSatisfy({ $0 >= 0 && $0.isFinite }), strides[0] + strides[1] < length else {
      throw Failure(
        .invalidArgument, "stride_length_s is \(strides), expected two lengths whose sum is below \(length)")
    }
    (left, right) = (strides[0], strides[1])
  }

  /// The plan in samples: whole steps of `step` samples.
  func plan(rate: Int, step: Int) -> SampleWindows.Plan {
    func samples(_ seconds: Double) -> Int {
      Int((seconds * Double(rate) / Double(step)).rounded(.toNearestOrEven)).saturatingMultiply(step)
    }
    return .overlapping(length: samples(length), left: samples(left), right: samples(right))
  }

  /// The plan of windows that end at quiet places.
  func quietPlan(rate: Int) -> SampleWindows.Plan { .quiet(length: max(Int(length * Double(rate)), 1)) }
}
