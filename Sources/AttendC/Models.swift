import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendGeneration
import AttendModels
import CAttend

/// The object of an `attend_model`: a model, and its texts as C reads them.
final class ModelObject: Sendable {
  let model: Model
  let forks: Int  // of the process, when it was made
  let family: CString
  let kernels: CString
  let tensors: TensorTexts
  let endTokens: AlignedBuffer  // [endTokenCount] Int32
  let endTokenCount: Int
  /// The part of the tokenizer that generating needs.
  let textResources: TextResources

  init(_ model: Model) throws(Failure) {
    self.model = model
    forks = Fork.generation
    let info = model.info
    textResources = TextResources(model)
    family = try CString(info.family)
    kernels = try CString(info.kernels)
    tensors = try TensorTexts(model.checkpoint.tensors)
    endTokenCount = model.generation.end.count
    endTokens = try AlignedBuffer(endTokenCount, of: Int32.self, for: "the end tokens")
    for (index, token) in model.generation.end.enumerated() { endTokens.pointer(to: Int32.self)[index] = Int32(token) }
  }

  /// Whether this is not the child of a fork, where the threads of the parent are not.
  var isOfThisProcess: Bool { forks == Fork.generation }

  /// Throws in the child of a fork.
  func checkProcess() throws(Failure) {
    guard isOfThisProcess else {
      throw Failure(.invalidState, "this model was created before the process forked: create it again in the child")
    }
  }
}

/// Names and shapes of tensors as C reads them, at addresses that stay: all names in one piece of memory and all shapes
/// in another, so that a checkpoint of a thousand tensors does not take thousands of allocations.
struct TensorTexts: Sendable {
  private let names: AlignedBuffer  // one after another, each with a NUL
  private let shapes: AlignedBuffer  // [sum of ranks] Int
  private let entries: AlignedBuffer  // [count] Entry
  let count: Int

  struct Entry: BitwiseCopyable {
    let name: Int  // where it begins in `names`
    let type: UInt32
    let rank: Int
    let shape: Int  // where it begins in `shapes`
  }

  init(_ tensors: FixedArray<StoredTensor>) throws(Failure) {
    let bytes = tensors.reduce(0) { $0 + $1.name.utf8.count + 1 }
    names = try AlignedBuffer(bytes, of: CChar.self, for: "the names of the tensors")
    shapes = try AlignedBuffer(
      tensors.reduce(0) { $0 + $1.shape.count }, of: Int.self, for: "the shapes of the tensors")
    entries = try AlignedBuffer(tensors.count, of: Entry.self, for: "the descriptions of the tensors")
    count = tensors.count
    var (name, dimension) = (0, 0)
    for (index, tensor) in tensors.enumerated() {
      entries.pointer(to: Entry.self)[index] = Entry(
        name: name, type: tensor.type.rawValue, rank: tensor.shape.count, shape: dimension)
      for byte in tensor.name.utf8 {
        names.pointer(to: UInt8.self)[name] = byte
        name += 1
      }
      names.pointer(to: UInt8.self)[name] = 0
      name += 1
      for size in tensor.shape {
        shapes.pointer(to: Int.self)[dimension] = size
        dimension += 1
      }
    }
  }

  /// The description of tensor `index`, which there is, for C; its struct_size is left to the caller.
  func info(_ index: Int) -> attend_tensor_info {
    let entry = entries.pointer(to: Entry.self)[index]
    var info = attend_tensor_info()
    info.name = UnsafePointer(names.pointer(to: CChar.self) + entry.name)
    info.type = attend_element_type(rawValue: entry.type)
    info.rank = entry.rank
    info.shape = UnsafePointer(shapes.pointer(to: Int.self) + entry.shape)
    return info
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

@_cdecl("attend_model_create_from_files") @implementation public func attend_model_create_from_files(
  _ files: UnsafePointer<attend_file>!, _ count: Int, _ options: UnsafePointer<attend_model_options>!,
  _ model: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let target = try require(model, "model")
    let options = try loadOptions(options)
    let files = try memoryFiles(files, count, copies: options.copiesWeights)
    target.pointee = own(try ModelObject(try Model(try HuggingFaceFolder(files), options: options)))
  }
}

/// The table of files in memory that a caller gives.
func memoryFiles(
  _ files: UnsafePointer<attend_file>?, _ count: Int, copies: Bool
) throws(Failure) -> MemoryFiles {
  guard count > 0 else { throw Failure(.invalidArgument, "count is 0: at least one file is needed") }
  let files = try require(files, "files")
  return try MemoryFiles(count, copies: copies) { (index) throws(Failure) in
    let file = files[index]
    let name = try string(file.name, "files[\(index)].name")
    guard file.size >= 0 else {
      throw Failure(.invalidArgument, "files[\(index)].size is more than memory can hold")
    }
    let data = file.size == 0 ? nil : try require(file.data, "files[\(index)].data")
    return (name, UnsafeRawBufferPointer(start: data, count: file.size))
  }
}

/// The options of attend_model_create as the models room knows them.
private func loadOptions(_ pointer: UnsafePointer<attend_model_options>?) throws(Failure) -> Model.Options {
  var result = Model.Options()
  let options = try copy(pointer, "options")
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
  result.pinsThreads = options.pin_threads
  guard let kind = WeightPlacement.Kind(rawValue: options.weights.rawValue) else {
    throw Failure(
      .invalidArgument, "options.weights is \(options.weights.rawValue), which is no attend_weight_placement")
  }
  result.placement.kind = kind
  result.placement.budget = Int(clamping: UInt(bitPattern: options.memory_budget))
  result.placement.directory = options.weights_directory.map { String(cString: $0) }
  if options.first_layer != 0 || options.end_layer != 0 {
    result.layers = Range(uncheckedBounds: (options.first_layer, options.end_layer))
  }
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
