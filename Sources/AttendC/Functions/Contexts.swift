import AttendBase
import AttendDispatch
import AttendFunctions
import AttendKernelInterface
import CAttend

@_cdecl("attend_array_init") @implementation public func attend_array_init(
  _ array: UnsafeMutablePointer<attend_array>!, _ data: UnsafeMutableRawPointer!, _ type: attend_element_type,
  _ rank: Int, _ shape: UnsafePointer<Int64>!
) {
  array.pointee = attend_array()
  array.pointee.data = data
  array.pointee.type = type
  array.pointee.rank = UInt32(clamping: rank)
  var step: Int64 = 1
  withUnsafeMutableBytes(of: &array.pointee.shape) { sizes in
    withUnsafeMutableBytes(of: &array.pointee.strides) { strides in
      for dimension in stride(from: min(rank, ArrayView.mostDimensions) - 1, through: 0, by: -1) {
        sizes.storeBytes(of: shape[dimension], toByteOffset: dimension * 8, as: Int64.self)
        strides.storeBytes(of: step, toByteOffset: dimension * 8, as: Int64.self)
        // A shape that fits no memory is an error of the function that reads it.
        step = step.multipliedReportingOverflow(by: shape[dimension]).partialValue
      }
    }
  }
}

@_cdecl("attend_context_create") @implementation public func attend_context_create(
  _ options: UnsafePointer<attend_context_options>!, _ context: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let target = try require(context, "context")
    let options = try copy(options, "options")
    guard options.threads <= ThreadPool.maximumThreads else {
      throw Failure(
        .invalidArgument, "options.threads is \(options.threads); at most \(ThreadPool.maximumThreads) make sense")
    }
    let kernels = options.kernels.map { String(cString: $0) }
    let engine = try Engine(kernels: kernels, threads: Int(options.threads), isPinned: options.pin_threads)
    target.pointee = own(FunctionContext(engine: engine))
  }
}

@_cdecl("attend_context_free") @implementation public func attend_context_free(_ context: OpaquePointer!) {
  release(context, as: FunctionContext.self)
}

/// Runs what a function does with a context; a failure becomes an error that the caller owns.
func computing(
  _ context: OpaquePointer?, _ body: (FunctionContext) throws(Failure) -> Void
) -> OpaquePointer? {
  attempt { () throws(Failure) in try object(context, as: FunctionContext.self, "context").use(body) }
}

/// An array argument that must not be NULL.
func view(_ array: UnsafePointer<attend_array>?, _ name: StaticString) throws(Failure) -> ArrayView {
  guard let array else { throw Failure(.invalidArgument, "\(name) is NULL") }
  let value = array.pointee
  guard let type = ElementType(rawValue: value.type.rawValue) else {
    throw Failure(.invalidArgument, "\(name).type is \(value.type.rawValue), which is no attend_element_type")
  }
  guard value.rank <= ArrayView.mostDimensions else {
    throw Failure(
      .invalidArgument, "\(name).rank is \(value.rank); at most \(ArrayView.mostDimensions) dimensions are taken")
  }
  var shape = Dimensions(repeating: 0), strides = Dimensions(repeating: 0)
  withUnsafeBytes(of: value.shape) { sizes in
    withUnsafeBytes(of: value.strides) { steps in
      for dimension in 0..<Int(value.rank) {
        shape[dimension] = sizes.load(fromByteOffset: 8 * dimension, as: Int.self)
        strides[dimension] = steps.load(fromByteOffset: 8 * dimension, as: Int.self)
      }
    }
  }
  return try ArrayView(
    name, data: value.data, type: type, rank: Int(value.rank), shape: shape, strides: strides)
}

/// An array argument that may be NULL.
func optional(_ array: UnsafePointer<attend_array>?, _ name: StaticString) throws(Failure) -> ArrayView? {
  guard let array else { return nil }
  return try view(array, name)
}

/// The activation that C names.
func activation(_ value: attend_activation, _ name: String) throws(Failure) -> Activation {
  switch value {
  case ATTEND_ACTIVATION_NONE: .none
  case ATTEND_ACTIVATION_RELU: .relu
  case ATTEND_ACTIVATION_GELU: .gelu
  case ATTEND_ACTIVATION_GELU_TANH: .geluTanh
  case ATTEND_ACTIVATION_QUICK_GELU: .quickGelu
  case ATTEND_ACTIVATION_SILU: .silu
  case ATTEND_ACTIVATION_TANH: .tanh
  case ATTEND_ACTIVATION_SIGMOID: .sigmoid
  case ATTEND_ACTIVATION_RELU_SQUARED: .reluSquared
  default: throw Failure(.invalidArgument, "\(name) is \(value.rawValue), which is no attend_activation")
  }
}
