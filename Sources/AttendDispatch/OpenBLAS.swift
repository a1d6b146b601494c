import AttendBase
import AttendKernelInterface
import Glibc

/// The BLAS library that the portable kernels multiply with, opened when first wanted: a program on a newer CPU never
/// loads it.
struct OpenBLAS: Sendable {
  /// cblas_sgemm(order, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
  private typealias Sgemm =
    @convention(c) (
      Int32, Int32, Int32, Int32, Int32, Int32, Float, UnsafePointer<Float>, Int32, UnsafePointer<Float>, Int32, Float,
      UnsafeMutablePointer<Float>, Int32
    ) -> Void
  private let sgemm: Sgemm

  private static let file = "libopenblas.so.0"

  /// Opens the library. One that nobody in the process uses yet gets a single thread, for our pool already divides the
  /// work; one that the host program loaded keeps its settings.
  init() throws(Failure) {
    let alreadyLoaded = dlopen(OpenBLAS.file, RTLD_NOW | RTLD_NOLOAD) != nil
    guard let library = dlopen(OpenBLAS.file, RTLD_NOW | RTLD_LOCAL), let symbol = dlsym(library, "cblas_sgemm") else {
      let reason = dlerror().map { String(cString: $0) } ?? "it has no cblas_sgemm"
      throw Failure(
        .unsupported,
        "the portable kernels need OpenBLAS (Debian package libopenblas0), which could not be loaded: \(reason)")
    }
    sgemm = unsafeBitCast(symbol, to: Sgemm.self)
    if !alreadyLoaded, let symbol = dlsym(library, "openblas_set_num_threads") {
      unsafeBitCast(symbol, to: (@convention(c) (Int32) -> Void).self)(1)
    }
  }

  /// `KernelTable.Multiply` for float32: each panel, [inputs][32], is a matrix as BLAS knows them; `table` finishes the
  /// sums. Rows of x that overlap are no matrix to BLAS: their products are sums of those of pieces that do not. A fork
  /// waits meanwhile: OpenBLAS has locks of its own.
  func multiply(
    _ arguments: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>,
    _ sums: UnsafeMutablePointer<Float>, _ table: KernelTable
  ) { Fork.holdingOff { multiplyUnguarded(arguments, rows, panels, sums, table) } }

  private func multiplyUnguarded(
    _ arguments: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>,
    _ sums: UnsafeMutablePointer<Float>, _ table: KernelTable
  ) {
    let rowMajor: Int32 = 101, plain: Int32 = 111
    let inputs = arguments.pointee.steps, width = Int32(panelWidth), xStride = arguments.pointee.xStride
    let piece = max(min(inputs, xStride), 1)
    let unit = arguments.pointee.gated ? 2 : 1
    for panel in stride(from: panels.lowerBound, to: panels.upperBound, by: unit) {
      for first in stride(from: rows.lowerBound, to: rows.upperBound, by: MultiplyArguments.blockRows) {
        let count = min(MultiplyArguments.blockRows, rows.upperBound - first)
        for index in 0..<unit {
          let weights = arguments.pointee.weights + (panel + index) * inputs * panelWidth
          for input in stride(from: 0, to: inputs, by: piece) {
            sgemm(
              rowMajor, plain, plain, Int32(count), width, Int32(min(piece, inputs - input)), 1,
              arguments.pointee.x + (first * xStride + input), Int32(xStride), weights + input * panelWidth, width,
              input > 0 ? 1 : 0, sums + index * count * panelWidth, width)
          }
        }
        table.finish(arguments, first..<first + count, panel..<panel + unit, sums)
      }
    }
  }
}
