import AttendBase
import AttendDispatch
import BenchmarkLimits
import CInstructions

/// The most that the machine can do with the engine's instruction set and threads.
struct Limits {
  let engine: Engine
  private let wide: Bool
  private let features = attend_cpu_features()
  private let steps = 4000

  init(engine: Engine) {
    self.engine = engine
    wide = ["amx", "avx512"].contains(engine.kernelsName)
  }

  /// Every thread runs `work`.
  private func together(_ work: ThreadPool.Work) {
    var nothing = 0
    ThreadPool.shared.run(engine.threads, &nothing, work)
  }

  /// Float32 operations (a multiply-add is two) of one call of `multiplyAdd`, and that call.
  var multiplyAddOperations: Double { Double(steps * 24 * 16 * 2 * engine.threads) }
  func multiplyAdd() {
    if wide { together { _, _ in limit_fma_512(4000) } } else { together { _, _ in limit_fma_256(4000) } }
  }

  var hasDotProducts: Bool { features & UInt32(wide ? ATTEND_CPU_AVX512_VNNI : ATTEND_CPU_AVX_VNNI) != 0 }
  var dotProductOperations: Double { Double(steps * 24 * (wide ? 64 : 32) * 2 * engine.threads) }
  func dotProduct() {
    if wide { together { _, _ in limit_vnni_512(4000) } } else { together { _, _ in limit_vnni_256(4000) } }
  }

  func pairedProducts() { together { _, _ in limit_pairs_256(4000) } }

  var hasBFloat16DotProducts: Bool { wide && features & UInt32(ATTEND_CPU_AVX512_BF16) != 0 }
  var bfloat16Operations: Double { Double(steps * 24 * 32 * 2 * engine.threads) }
  func bfloat16DotProduct() { together { _, _ in limit_bf16_512(4000) } }

  /// The instructions that bound a product, and the operations of one call.
  struct Limit {
    let instructions: String
    let run: () -> Void
    let operations: Double
  }

  func limit(of compute: ComputeType) -> Limit {
    switch compute {
    case .bfloat16 where hasBFloat16DotProducts:
      Limit(instructions: "vdpbf16ps", run: bfloat16DotProduct, operations: bfloat16Operations)
    case .int8 where hasDotProducts, .int4 where hasDotProducts:
      Limit(instructions: "vpdpbusd", run: dotProduct, operations: dotProductOperations)
    case .int8 where !wide, .int4 where !wide:
      Limit(instructions: "vpmaddubsw, vpmaddwd, vpaddd", run: pairedProducts, operations: dotProductOperations)
    default: Limit(instructions: "vfmadd231ps", run: multiplyAdd, operations: multiplyAddOperations)
    }
  }

  /// A buffer that all threads read, each its share.
  struct Reading {
    let base: UnsafeRawPointer
    let bytes: Int
    let parts: Int
    let wide: Bool
  }

  func read(_ base: UnsafeRawPointer, _ bytes: Int) {
    var reading = Reading(base: base, bytes: bytes, parts: engine.threads, wide: wide)
    ThreadPool.shared.run(engine.threads, &reading) { context, part in
      let reading = context.assumingMemoryBound(to: Reading.self).pointee
      let share = reading.bytes / reading.parts & ~511
      let from = reading.base + part * share
      sink = reading.wide ? limit_read_512(from, share) : limit_read_256(from, share)
    }
  }
}

/// Where results go that nobody wants, so that they are computed.
nonisolated(unsafe) var sink: UInt64 = 0
