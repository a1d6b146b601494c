/// A view of float32 rows in memory that somebody else owns. `[rows, columns]`, `stride` elements from row to row.
package struct Matrix: BitwiseCopyable, @unchecked Sendable {
  package let base: UnsafeMutablePointer<Float>
  package let rows: Int
  package let columns: Int
  package let stride: Int

  package init(_ base: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int? = nil) {
    self.base = base
    self.rows = rows
    self.columns = columns
    self.stride = stride ?? columns
  }

  /// The start of a row.
  package subscript(row: Int) -> UnsafeMutablePointer<Float> { base + row * stride }

  /// `width` columns from `first` on, of the same rows.
  package func columns(_ first: Int, _ width: Int) -> Matrix {
    Matrix(base + first, rows: rows, columns: width, stride: stride)
  }

  /// `count` rows from `first` on.
  package func rows(_ first: Int, _ count: Int) -> Matrix {
    Matrix(base + first * stride, rows: count, columns: columns, stride: stride)
  }
}
