import AttendBase
import AttendDecoding
import AttendLayers
import AttendModels

/// What a request reads besides tokens, as the first layer of a model takes it, in memory of its own: requests wait and
/// run on other threads.
package final class MediaInput: StepInput, @unchecked Sendable {
  private let numbers: AlignedBuffer
  private let descriptions: FixedArray<FeatureArray>
  /// The number of hidden states that it becomes.
  package let length: Int

  /// A copy of an array that `model` reads. Throws what reading it would throw.
  package init(copying array: FeatureArray, for model: Model) throws(Failure) {
    guard let reader = model.arrayReader else {
      throw Failure(
        .unsupported, "this checkpoint is of a \(model.blueprint.family) model, which reads tokens and no arrays")
    }
    length = try reader.input.length(of: array)
    let count = array.channels * array.height * array.width
    let memory = try AlignedBuffer(count, of: Float.self, for: "an input of a request")
    memory.pointer(to: Float.self).update(from: array.base, count: count)
    numbers = memory
    descriptions = try FixedArray(1, for: "an input of a request") { _ in
      FeatureArray(memory.pointer(), channels: array.channels, height: array.height, width: array.width)
    }
  }

  /// The arrays, whose numbers live as long as this object.
  var arrays: FixedArray<FeatureArray> { descriptions }
}
