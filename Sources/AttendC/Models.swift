import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendModels
import CAttend

/// What an `attend_model` points to: a model, and its texts as C reads them.
final class ModelObject: Sendable {
  let model: Model
  let forks: Int  // of the process, when it was made
  let family: CString
  let kernels: CString
  /// The names of classes, by their numbers.
  let labels: [Int: CString]
  let tensors: [TensorObject]
  let endTokens: AlignedBuffer  // [endTokenCount] Int32
  let endTokenCount: Int
  /// The tokenizer, or why there is none.
  let tokenizer: Result<TokenizerObject, Failure>

  /// Name and shape of a tensor at addresses that stay.
  struct TensorObject: Sendable {
    let name: CString
    let type: ElementType
    let rank: Int
    let shape: AlignedBuffer  // [rank] Int
  }

  init(_ model: Model) throws(Failure) {
    self.model = model
    forks = Fork.generation
    let info = model.info
    family = CString(info.family)
    kernels = CString(info.kernels)
    labels = info.labels.mapValues { CString($0) }
    var tensors: [TensorObject] = []
    for tensor in model.checkpoint.tensors {
      let shape = try AlignedBuffer(tensor.shape.count, of: Int.self, for: "the shape of a tensor")
      for (index, size) in tensor.shape.enumerated() { shape.pointer(to: Int.self)[index] = size }
      tensors.append(
        TensorObject(name: CString(tensor.name), type: tensor.type, rank: tensor.shape.count, shape: shape))
    }
    self.tensors = tensors
    endTokenCount = model.generation.end.count
    endTokens = try AlignedBuffer(endTokenCount, of: Int32.self, for: "the end tokens")
    for (index, token) in model.generation.end.enumerated() { endTokens.pointer(to: Int32.self)[index] = Int32(token) }
    tokenizer = model.tokenizer.map { TokenizerObject($0, folder: model.checkpoint.folder) }
  }

  /// Throws in the child of a fork: the threads of the parent are not there.
  func checkProcess() throws(Failure) {
    guard forks == Fork.generation else {
      throw Failure(.invalidState, "this model was created before the process forked: create it again in the child")
    }
  }
}

@_cdecl("attend_model_create") @implementation public func attend_model_create(
  _ path: UnsafePointer<CChar>!, _ options: UnsafePointer<attend_model_options>!,
  _ model: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let path = try string(path, "path")
    let target = try require(model, "model")
    target.pointee = own(try ModelObject(try Model(path: path, options: try loadOptions(options))))
  }
}

/// The options of attend_model_create as the models room knows them.
private func loadOptions(_ pointer: UnsafePointer<attend_model_options>?) throws(Failure) -> Model.Options {
  var result = Model.Options()
  let options = try copy(pointer, smallest: 48, initial: attend_model_options(), "options")
  if options.compute != ATTEND_COMPUTE_DEFAULT {
    guard let compute = ComputeType(rawValue: options.compute.rawValue) else {
      throw Failure(.invalidArgument, "options.compute is \(options.compute.rawValue), which is no attend_compute_type")
    }
    result.compute = compute
  }
  guard options.threads <= ThreadPool.maximumThreads else {
    throw Failure(
      .invalidArgument, "options.threads is \(options.threads); at most \(ThreadPool.maximumThreads) make sense")
  }
  result.threads = Int(options.threads)
  result.copiesWeights = options.copy_weights
  result.kernels = options.kernels.map { String(cString: $0) }
  if let progress = options.progress {
    let context = options.progress_context
    result.progress = { progress($0, context) }
  }
  return result
}

@_cdecl("attend_model_free") @implementation public func attend_model_free(_ model: OpaquePointer!) {
  release(model, as: ModelObject.self)
}
