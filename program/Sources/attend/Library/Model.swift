import ArgumentParser
import CAttend
import Glibc

/// The types that weights are kept in and products are computed in.
enum ComputeType: String, CaseIterable, ExpressibleByArgument {
  case float32, bfloat16, int8, int4

  var code: attend_compute_type {
    switch self {
    case .float32: ATTEND_COMPUTE_FLOAT32
    case .bfloat16: ATTEND_COMPUTE_BFLOAT16
    case .int8: ATTEND_COMPUTE_INT8
    case .int4: ATTEND_COMPUTE_INT4
    }
  }

  /// Bytes of a weight, scales included.
  var bytesPerWeight: Double {
    switch self {
    case .float32: 4
    case .bfloat16: 2
    case .int8: 1
    case .int4: 4.0 / 6
    }
  }
}

/// How checkpoints are loaded.
struct LoadOptions: ParsableArguments {
  @Option(help: "The type of weights and products.") var compute: ComputeType = .float32
  @Option(help: "Threads; 0: one for each processor.") var threads: UInt32 = 0
  @Option(help: "Kernels: amx, avx512, avx2 or portable, in place of the fastest.") var kernels: String?
  @Flag(help: "Read the weights into memory, rather than map their files.") var copyWeights = false

  /// A checkpoint with a session of its own.
  func load(_ folder: String, quiet: Bool) throws -> Model {
    let bar = Progress("Loading", total: 1000, hidden: quiet)
    defer { bar.clear() }
    var options = attend_model_options.initial
    options.compute = compute.code
    options.threads = threads
    options.copy_weights = copyWeights
    options.progress = { fraction, context in
      Unmanaged<Progress>.fromOpaque(context!).takeUnretainedValue().reach(Int(fraction * 1000))
      return true
    }
    options.progress_context = Unmanaged.passUnretained(bar).toOpaque()
    var handle: OpaquePointer?
    try withText(kernels) { kernels in
      options.kernels = kernels
      try attempt(attend_model_create(folder, &options, &handle))
    }
    withExtendedLifetime(bar) {}
    return try Model(handle!, folder: folder)
  }
}

/// Which checkpoint is loaded, and how.
struct ModelOptions: ParsableArguments {
  @Option(
    name: [.customShort("m"), .customLong("model")],
    help: "The folder of the checkpoint; without it the environment variable ATTEND_MODEL.", completion: .directory)
  var path: String?
  @OptionGroup var loading: LoadOptions

  func folder() throws -> String { try ModelOptions.folder(path) }

  /// The folder that the command line names, or the environment.
  static func folder(_ path: String?) throws -> String {
    if let path { return path }
    if let path = environment("ATTEND_MODEL") { return path }
    throw ValidationError("Name the folder of a checkpoint with --model, or in the environment variable ATTEND_MODEL.")
  }

  /// The loaded checkpoint with a session of its own.
  func load(quiet: Bool) throws -> Model { try loading.load(folder(), quiet: quiet) }
}

/// A loaded checkpoint with its session.
final class Model {
  let handle: OpaquePointer
  let session: OpaquePointer
  let folder: String
  let info: attend_model_info

  init(_ handle: OpaquePointer, folder: String) throws {
    self.handle = handle
    self.folder = folder
    var session: OpaquePointer?
    var info = attend_model_info.initial
    do {
      try attempt(attend_model_get_info(handle, &info))
      try attempt(attend_session_create(handle, nil, &session))
    } catch {
      attend_model_free(handle)
      throw error
    }
    self.session = session!
    self.info = info
  }

  deinit {
    attend_session_free(session)
    attend_model_free(handle)
  }

  var family: String { String(cString: attend_model_family(handle)) }

  /// The tokenizer in the folder, borrowed.
  func tokenizer() throws(Trouble) -> OpaquePointer {
    var tokenizer: OpaquePointer?
    try attempt(attend_model_tokenizer(handle, &tokenizer))
    return tokenizer!
  }

  /// Whether conversations can be written as the model was trained on them.
  var hasChatTemplate: Bool {
    guard let tokenizer = try? tokenizer() else { return false }
    let messages = #"[{"role": "user", "content": "."}]"#
    var written: OpaquePointer?
    guard let error = attend_tokenizer_chat(tokenizer, messages, messages.utf8.count, nil, &written) else {
      attend_text_free(written)
      return true
    }
    defer { attend_error_free(error) }
    return attend_error_get_code(error) != ATTEND_ERROR_NOT_FOUND
  }

  /// Runs a job, whose calls Ctrl-C ends with ATTEND_ERROR_CANCELLED. What it does between them goes on undisturbed.
  func interruptible<Result>(_ body: () throws -> Result) throws -> Result {
    let before = interrupt.watch(UInt(bitPattern: session))
    defer { interrupt.watch(before) }
    return try body()
  }
}

/// An environment variable that is set and not empty.
func environment(_ name: String) -> String? {
  guard let value = getenv(name), value.pointee != 0 else { return nil }
  return String(cString: value)
}
