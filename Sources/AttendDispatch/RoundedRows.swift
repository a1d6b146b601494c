import AttendBase
import AttendKernelInterface

/// Vectors as rows of 8 bits, `[count, width]`, with bounds by which a product with them tells what the product with
/// the vectors themselves could be: of each row its length, and the length of what rounding took away. Immutable.
package final class RoundedRows: Sendable {
  package let packed: PackedMatrix
  private let bounds: AlignedBuffer  // [2, count] Float
  /// The largest of `lengths` and of `errors`.
  package let widest: (length: Float, error: Float)

  /// Rounds rows, which are not needed afterwards.
  package init(_ rows: Matrix, engine: Engine) throws(Failure) {
    let stored = StoredMatrix(
      base: UnsafeRawPointer(rows.base), type: .float32, rows: rows.rows, columns: rows.columns, stride: rows.stride)
    packed = try PackedMatrix([stored], compute: .int8, engine: engine)
    bounds = try AlignedBuffer(2 * rows.rows, of: Float.self, for: "the bounds of vectors")
    let parts = max(1, min(engine.threads, rows.rows / 64))
    let scratch = try AlignedBuffer(parts * rows.columns, of: Float.self, for: "the bounds of vectors")
    engine.share(BoundsWork(rows, packed, engine.kernels, scratch.pointer(), bounds.pointer(), parts), parts: parts)
    withExtendedLifetime(scratch) {}
    widest = RoundedRows.widest(bounds, rows.rows)
  }

  private static func widest(_ bounds: AlignedBuffer, _ count: Int) -> (length: Float, error: Float) {
    let numbers = bounds.pointer(to: Float.self)
    let length = (0..<count).reduce(Float(0)) { max($0, numbers[$1]) }
    return (length, (count..<2 * count).reduce(Float(0)) { max($0, numbers[$1]) })
  }

  package var count: Int { packed.outputs }
  package var width: Int { packed.inputs }

  /// `[count]`: at least the length of each row, rounded or not.
  package var lengths: UnsafePointer<Float> { UnsafePointer(bounds.pointer(to: Float.self)) }
  /// `[count]`: at least the length of the difference of each row and what was rounded.
  package var errors: UnsafePointer<Float> { lengths + count }

  /// Writes the row that products see.
  package func read(_ row: Int, into numbers: UnsafeMutablePointer<Float>, _ engine: Engine) {
    packed.read(row, scale: 1, into: numbers, engine.kernels)
  }

  /// The length of a query, and that of its difference from what a product in 8 bits makes of it; `scratch` holds as
  /// many numbers. Both are a little more than exact ones.
  package static func bounds(
    of query: UnsafePointer<Float>, width: Int, scratch: UnsafeMutablePointer<Float>, _ engine: Engine
  ) -> (length: Double, error: Double) {
    let block = PackedMatrix.rotationBlock(width)
    if block > 1 {
      engine.kernels.conversions.rotate(query, scratch, width, block)
    } else {
      scratch.update(from: query, count: width)
    }
    var (largest, square) = (Float(0), 0.0)
    for place in 0..<width {
      largest = max(largest, abs(scratch[place]))
      square += Double(query[place]) * Double(query[place])
    }
    let factor = largest == 0 ? 0 : 127 / largest, step = Double(largest) / 127
    var error = 0.0
    for place in 0..<width {
      let rounded = Double((scratch[place] * factor).rounded(.toNearestOrEven)) * step
      let difference = Double(scratch[place]) - rounded
      error += difference * difference
    }
    // A Hadamard matrix makes a block longer by the root of its rows.
    return (slack * square.squareRoot(), slack * (error / Double(block)).squareRoot())
  }

  /// What roundings of float32 may take from a length.
  fileprivate static let slack = 1 + 0x1p-16

  /// What roundings of float32 on the way may take from a product of two vectors of length 1.
  package static let productError = 0x1p-17

  // MARK: Saving

  /// Bytes that `write` gives for `count` rows of `width` numbers.
  package static func savedBytes(_ count: Int, _ width: Int) -> Int? {
    guard let packed = PackedMatrix.savedBytes(outputs: count, inputs: width) else { return nil }
    let (all, overflow) = packed.addingReportingOverflow(2 * count * MemoryLayout<Float>.stride)
    return overflow ? nil : all
  }

  /// Gives the rows as bytes.
  package func write(_ sink: (UnsafeRawBufferPointer) throws(Failure) -> Void) throws(Failure) {
    try packed.write(sink)
    try sink(UnsafeRawBufferPointer(start: bounds.base, count: bounds.bytes))
  }

  /// Rows from bytes that `write` gave, as many as `savedBytes` says.
  package init(_ saved: UnsafeRawBufferPointer, count: Int, width: Int) throws(Failure) {
    bounds = try AlignedBuffer(2 * count, of: Float.self, for: "the bounds of vectors")
    let packedBytes = saved.count - bounds.bytes
    packed = try PackedMatrix(
      saved: UnsafeRawBufferPointer(rebasing: saved[..<packedBytes]), outputs: count, inputs: width)
    bounds.base.copyMemory(from: saved.baseAddress! + packedBytes, byteCount: bounds.bytes)
    widest = RoundedRows.widest(bounds, count)
  }
}

/// The bounds of rows, a share of them on each thread.
private final class BoundsWork: SharedWork {
  private let rows: Matrix
  private let packed: PackedMatrix
  private let kernels: KernelTable
  private let scratch: UnsafeMutablePointer<Float>  // [parts, width]
  private let bounds: UnsafeMutablePointer<Float>  // [2, rows]
  private let parts: Int

  init(
    _ rows: Matrix, _ packed: PackedMatrix, _ kernels: KernelTable, _ scratch: UnsafeMutablePointer<Float>,
    _ bounds: UnsafeMutablePointer<Float>, _ parts: Int
  ) {
    (self.rows, self.packed, self.kernels) = (rows, packed, kernels)
    (self.scratch, self.bounds, self.parts) = (scratch, bounds, parts)
  }

  func run(_ part: Int) {
    let rounded = scratch + part * rows.columns
    for row in (0..<rows.rows).share(part, of: parts) {
      packed.read(row, scale: 1, into: rounded, kernels)
      let exact = rows[row]
      var (square, roundedSquare, error) = (0.0, 0.0, 0.0)
      for place in 0..<rows.columns {
        let (x, y) = (Double(exact[place]), Double(rounded[place]))
        square += x * x
        roundedSquare += y * y
        error += (x - y) * (x - y)
      }
      bounds[row] = Float(RoundedRows.slack * max(square, roundedSquare).squareRoot()).nextUp
      bounds[rows.rows + row] = Float(RoundedRows.slack * error.squareRoot()).nextUp
    }
  }
}

extension PackedMatrix {
  /// Bytes of a matrix in 8 bits; nil: more than there can be.
  fileprivate static func savedBytes(outputs: Int, inputs: Int) -> Int? {
    let panels = (outputs + panelWidth - 1) / panelWidth, steps = (inputs + 3) / 4
    let (units, overflow) = panels.multipliedReportingOverflow(by: (steps + 2) * panelWidth)
    let (bytes, isTooLarge) = units.multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
    return overflow || isTooLarge ? nil : bytes
  }
}
