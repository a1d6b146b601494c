import AttendBase
import AttendDispatch
import AttendGeneration
import AttendLayers
import CAttend

/// Calls `body` with a batch of the caller's, of tokens or of arrays, checked as far as that is possible without a
/// model.
func withBatch<Result>(
  _ pointer: UnsafePointer<attend_batch>?, _ session: Session, _ body: (Batch) throws(Failure) -> Result
) throws(Failure) -> Result {
  let batch = try copy(try require(pointer, "batch"), "batch")
  guard let inputs = batch.inputs else {
    guard batch.input_count == 0 else {
      throw Failure(.invalidArgument, "batch.inputs is NULL, and input_count is not 0")
    }
    return try body(try read(pointer).batch)
  }
  guard batch.tokens != nil else {
    guard batch.lengths == nil, batch.token_types == nil, [0, batch.count].contains(batch.input_count) else {
      throw Failure(
        .invalidArgument,
        "batch.tokens is NULL: each input is a sequence, lengths and token_types must be NULL, and "
          + "input_count 0 or count")
    }
    let arrays = try InputList(inputs, count: batch.count, "count")
    defer { withExtendedLifetime(arrays) {} }
    return try body(try session.batch(UnsafeBufferPointer(arrays.elements)))
  }
  let arrays = try InputList(inputs, count: batch.input_count, "input_count")
  defer { withExtendedLifetime(arrays) {} }
  var texts = try read(pointer, takesInputs: true).batch
  texts.pictures = UnsafeBufferPointer(arrays.elements)
  return try body(texts)
}

/// The inputs of a batch as arrays.
private final class InputList {
  private var arrays = GrowingList<FeatureArray>(for: "the inputs of a batch")

  var elements: UnsafeMutableBufferPointer<FeatureArray> { arrays.elements }

  init(_ inputs: UnsafePointer<attend_input>, count: Int, _ field: String) throws(Failure) {
    guard count > 0, count <= Session.mostSequences else {
      throw Failure(
        .invalidArgument,
        "batch.\(field) is \(UInt(bitPattern: count)); from 1 to \(Session.mostSequences) inputs are taken")
    }
    try arrays.reserve(count)
    // Each lies as far from the next as the caller's version of the struct is long.
    let step = inputs.pointee.struct_size
    for index in 0..<count {
      let place = (UnsafeRawPointer(inputs) + index * step).assumingMemoryBound(to: attend_input.self)
      let name = "batch.inputs[\(index)]"
      let input = try copy(place, name)
      guard input.struct_size == step else {
        throw Failure(.invalidArgument, "\(name).struct_size is \(input.struct_size), and that of the first is \(step)")
      }
      try arrays.append(try InputList.array(input, name))
    }
  }

  private static func array(_ input: attend_input, _ name: String) throws(Failure) -> FeatureArray {
    guard input.kind == ATTEND_INPUT_FEATURES else {
      throw Failure(.invalidArgument, "\(name).kind is \(input.kind.rawValue), which is no attend_input_kind")
    }
    guard input.type == ATTEND_TYPE_FLOAT32 else {
      throw Failure(.invalidArgument, "\(name).type is \(input.type.rawValue); features are float32")
    }
    guard (1...3).contains(input.rank) else {
      throw Failure(.invalidArgument, "\(name).rank is \(input.rank); features have 1 to 3 dimensions")
    }
    let sizes = [input.shape.0, input.shape.1, input.shape.2].prefix(input.rank)
    var numbers = 1
    for (dimension, size) in sizes.enumerated() {
      let (product, overflow) = numbers.multipliedReportingOverflow(by: size)
      guard size > 0, !overflow, product <= mostNumbers else {
        throw Failure(
          .invalidArgument,
          "\(name).shape[\(dimension)] is \(UInt(bitPattern: size)); features have from 1 to \(mostNumbers) numbers")
      }
      numbers = product
    }
    let data = try require(input.data, "\(name).data").assumingMemoryBound(to: Float.self)
    return switch input.rank {
    case 1: FeatureArray(data, channels: 1, height: 1, width: sizes[0])
    case 2: FeatureArray(data, channels: sizes[0], height: 1, width: sizes[1])
    default: FeatureArray(data, channels: sizes[0], height: sizes[1], width: sizes[2])
    }
  }

  /// Of one array: so that no product with a width of a model overflows.
  private static let mostNumbers = 1 << 40
}
