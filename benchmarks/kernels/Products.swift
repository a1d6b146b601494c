import AttendBase
import AttendDispatch
import Glibc

/// cblas_sgemm as the system configures it, with as many threads as the engine.
struct SystemBLAS {
  typealias Sgemm =
    @convention(c) (
      Int32, Int32, Int32, Int32, Int32, Int32, Float, UnsafePointer<Float>, Int32, UnsafePointer<Float>, Int32, Float,
      UnsafeMutablePointer<Float>, Int32
    ) -> Void
  let sgemm: Sgemm

  init?(threads: Int) {
    guard let library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL), let symbol = dlsym(library, "cblas_sgemm"),
      let set = dlsym(library, "openblas_set_num_threads")
    else { return nil }
    sgemm = unsafeBitCast(symbol, to: Sgemm.self)
    unsafeBitCast(set, to: (@convention(c) (Int32) -> Void).self)(Int32(threads))
  }
}

/// A float32 product with its weights also as they lie in a checkpoint, [outputs, inputs].
final class Product {
  let rows: Int, inputs: Int, outputs: Int
  let x: Matrix, y: Matrix, weights: AlignedBuffer, packed: PackedMatrix
  private let buffers: [AlignedBuffer]
  private let workspace = Workspace()

  init(_ rows: Int, _ inputs: Int, _ outputs: Int, _ compute: ComputeType) {
    self.rows = rows
    self.inputs = inputs
    self.outputs = outputs
    weights = Product.filled(outputs * inputs, 0.02)
    buffers = [Product.filled(rows * inputs, 1), Product.filled(rows * outputs, 0)]
    x = Matrix(buffers[0].pointer(), rows: rows, columns: inputs)
    y = Matrix(buffers[1].pointer(), rows: rows, columns: outputs)
    packed = try! PackedMatrix(
      [StoredMatrix(base: weights.base, type: .float32, rows: outputs, columns: inputs)], compute: compute,
      engine: engine)
  }

  static func filled(_ count: Int, _ scale: Float) -> AlignedBuffer {
    let buffer = try! AlignedBuffer(count, of: Float.self, for: "a benchmark")
    var state: UInt64 = 88_172_645_463_325_252
    for i in 0..<count {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      buffer.pointer(to: Float.self)[i] = (Float(state >> 40) / Float(1 << 23) - 1) * scale
    }
    return buffer
  }

  var operations: Double { 2 * Double(rows) * Double(inputs) * Double(outputs) }

  func run() { try! engine.multiply(x, packed, into: y, workspace: workspace) }

  func runBLAS(_ blas: SystemBLAS) {
    blas.sgemm(
      101, 111, 112, Int32(rows), Int32(outputs), Int32(inputs), 1, x.base, Int32(inputs), weights.pointer(),
      Int32(inputs), 0, y.base, Int32(outputs))
  }
}

/// One line of the table: rates in billions a second.
func report(_ work: String, _ rate: Double, _ limit: Double, blas: Double = .nan) {
  print(
    column(work, 44, left: true), column(number(rate, 1), 9), column(number(limit, 1), 9),
    column(number(100 * rate / limit, 1) + " %", 9), column(blas.isFinite ? number(rate / blas, 2) + " x" : "-", 12))
}

/// Many rows: the shapes of BERT-base (12 heads x 64, feed-forward 3,072) and of a Marian base (512, 2,048).
func benchmarkProducts() {
  let blas = SystemBLAS(threads: engine.threads)
  let shapes =
    short
    ? [(4096, 768, 768), (24, 512, 512)]
    : [
      (4096, 768, 2304), (4096, 768, 768), (4096, 768, 3072), (4096, 3072, 768), (120, 768, 768), (512, 512, 2048),
      (512, 2048, 512), (24, 512, 512),
    ]
  for compute in ComputeType.allCases {
    let limit = limits.limit(of: compute)
    print("\(compute) by \(limit.instructions), \(engine.kernelsName)")
    for (rows, inputs, outputs) in shapes {
      let product = Product(rows, inputs, outputs, compute)
      var contenders = [product.run, limit.run]
      var operations = [product.operations, limit.operations]
      if let blas, compute == .float32 {
        contenders.append { product.runBLAS(blas) }
        operations.append(product.operations)
      }
      let rates = zip(race.times(contenders), operations).map { times, operations in operations / typical(times) / 1e9 }
      report(
        "\(compute) \(rows) x \(inputs) -> \(outputs)", rates[0], rates[1], blas: rates.count > 2 ? rates[2] : .nan)
    }
  }
}

/// One row: weights larger than the caches are read once.
func benchmarkStreams() {
  let (inputs, outputs) = short ? (2048, 16384) : (4096, 49152)
  for compute in ComputeType.allCases {
    let product = Product(1, inputs, outputs, compute)
    let bytes = product.packed.bytes
    let memory = Product.filled(bytes / 4, 1)
    let rates = race.times([product.run, { limits.read(memory.base, memory.bytes) }]).map {
      Double(bytes) / typical($0) / 1e9
    }
    report("\(compute) 1 x \(inputs) -> \(outputs), GB/s", rates[0], rates[1])
  }
}
