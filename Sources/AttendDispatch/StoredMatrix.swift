import AttendBase
import AttendKernelInterface

/// One stored weight matrix in memory that the checkpoint owns: [rows, columns], rows being outputs; or `transposed`,
/// stored [columns, rows].
package struct StoredMatrix: @unchecked Sendable {
  /// The types of elements that the kernels read.
  package static let types: [ElementType] = [.float32, .float16, .bfloat16]

  package let base: UnsafeRawPointer
  /// One of `types`.
  package let type: ElementType
  /// Outputs.
  package let rows: Int
  /// Inputs.
  package let columns: Int
  /// Elements from one output to the next, and from one input to the next.
  let outputStep: Int
  let inputStep: Int
  /// Told of each range of outputs, by any thread, once it is packed: what lies there is not needed any more. Not asked
  /// if transposed.
  let release: (@Sendable (_ outputs: Range<Int>) -> Void)?
  /// The outputs where they do not lie at `base` as they are; nil: they do.
  let expansion: Expansion?

  /// Writes the numbers of a row as float32, however they are stored; any thread may ask.
  package typealias ReadRow = @Sendable (_ row: Int, _ numbers: UnsafeMutablePointer<Float>) -> Void

  /// Outputs that are read one by one: that of number n is row `first + n * step`.
  struct Expansion: Sendable {
    let readRow: ReadRow
    let first: Int
    let step: Int

    func read(_ output: Int, into numbers: UnsafeMutablePointer<Float>) { readRow(first + output * step, numbers) }
  }

  /// Rows `first`, `first + 1` and so on of those that `readRow` reads, `rows` of them.
  package init(
    from first: Int, rows: Int, columns: Int, release: (@Sendable (_ outputs: Range<Int>) -> Void)? = nil,
    readRow: @escaping ReadRow
  ) {
    // Nothing is read at the base.
    self.init(
      base: UnsafeRawPointer(bitPattern: AlignedBuffer.alignment)!, type: .float32, rows: rows, columns: columns,
      outputStep: 0, inputStep: 1, release: release, Expansion(readRow: readRow, first: first, step: 1))
  }

  /// `stride` is the number of elements from one stored row to the next: more than a row holds where the matrix is a
  /// part of a wider one.
  package init(
    base: UnsafeRawPointer, type: ElementType, rows: Int, columns: Int, transposed: Bool = false, stride: Int? = nil,
    release: (@Sendable (_ outputs: Range<Int>) -> Void)? = nil
  ) {
    let stride = stride ?? (transposed ? rows : columns)
    self.init(
      base: base, type: type, rows: rows, columns: columns, outputStep: transposed ? 1 : stride,
      inputStep: transposed ? stride : 1, release: transposed ? nil : release)
  }

  private init(
    base: UnsafeRawPointer, type: ElementType, rows: Int, columns: Int, outputStep: Int, inputStep: Int,
    release: (@Sendable (_ outputs: Range<Int>) -> Void)?, _ expansion: Expansion? = nil
  ) {
    self.expansion = expansion
    self.base = base
    self.type = type
    self.rows = rows
    self.columns = columns
    self.outputStep = outputStep
    self.inputStep = inputStep
    self.release = release
  }

  /// The outputs `first`, `first + step` and so on, `count` of them.
  package func outputs(from first: Int, count: Int, step: Int = 1) -> StoredMatrix {
    let release: (@Sendable (Range<Int>) -> Void)? =
      if step == 1, let release { { release(first + $0.lowerBound..<first + $0.upperBound) } } else { nil }
    return StoredMatrix(
      base: base + first * outputStep * type.size, type: type, rows: count, columns: columns,
      outputStep: step * outputStep, inputStep: inputStep, release: release,
      expansion.map {
        Expansion(readRow: $0.readRow, first: $0.first + first * $0.step, step: step * $0.step)
      })
  }

  /// Writes the numbers of one output, times `scale`.
  func read(_ output: Int, scale: Float, into numbers: UnsafeMutablePointer<Float>, _ kernels: KernelTable) {
    guard let expansion else {
      return kernels.conversions.convert(
        base + output * outputStep * type.size, type, inputStep, scale, columns, numbers)
    }
    expansion.read(output, into: numbers)
    if scale != 1 { for index in 0..<columns { numbers[index] *= scale } }
  }
}
