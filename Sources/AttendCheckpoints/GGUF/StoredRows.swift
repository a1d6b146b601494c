// Rows of tensors that are stored in blocks or in another order than models read them.
import AttendBase

/// The rows of a tensor that is not stored as its numbers. Immutable: any number of threads may read at once.
package final class StoredRows: Sendable {
  package let rows: Int
  package let columns: Int
  private let content: Content

  private enum Content {
    case blocks(BlockRows)
    case products(any QuantizedMatrix)
  }

  /// Rows of blocks or in another order, as GGUF stores them.
  init(_ blocks: BlockRows) {
    (rows, columns, content) = (blocks.rows, blocks.columns, .blocks(blocks))
  }

  /// Rows of a quantised matrix, as the libraries around transformers store them.
  init(_ quantized: any QuantizedMatrix) {
    (rows, columns, content) = (quantized.rows, quantized.columns, .products(quantized))
  }

  /// Bytes of a row, where rows lie one after another in the order in which they are read.
  package var rowBytes: Int? {
    if case .blocks(let blocks) = content, blocks.order == .same { return blocks.rowBytes }
    return nil
  }

  /// The tensors that are read besides the one whose rows these are.
  package var parts: [StoredTensor] {
    if case .products(let quantized) = content { return quantized.parts }
    return []
  }

  /// Writes the numbers of a row, from 0 on. What packs weights asks for one row after another, so that no more than a
  /// panel is ever expanded.
  package func read(_ row: Int, into numbers: UnsafeMutablePointer<Float>) {
    switch content {
    case .blocks(let blocks): blocks.read(row, into: numbers)
    case .products(let quantized): quantized.read(row, into: numbers)
    }
  }

  /// Whether another holds rows of the same kind: whether equal bytes are equal numbers.
  func isAlike(_ other: StoredRows) -> Bool {
    if case (.blocks(let own), .blocks(let others)) = (content, other.content) { return own.isAlike(others) }
    return self === other
  }
}

/// The rows of a tensor as GGUF stores them.
struct BlockRows: @unchecked Sendable {
  let format: BlockFormat
  let base: UnsafeRawPointer
  let rows: Int
  let columns: Int
  /// Where each row is found.
  let order: RowOrder
  /// A number that is added to all.
  let shift: Float
  /// Keeps the bytes at `base` where they are.
  let owner: (any AnyObject & Sendable)?

  var rowBytes: Int { format.bytes(ofRow: columns) }

  func read(_ row: Int, into numbers: UnsafeMutablePointer<Float>) {
    format.expand(base + order.place(of: row) * rowBytes, columns, into: numbers)
    if shift != 0 { for index in 0..<columns { numbers[index] += shift } }
  }

  func isAlike(_ other: BlockRows) -> Bool {
    format == other.format && order == other.order && shift == other.shift
  }
}

/// The place of each row of a matrix among those that are stored.
enum RowOrder: Equatable, Sendable {
  case same
  /// Of each head the halves that rotate with each other take turns: row j of half s of a head of 2 n rows stands at
  /// 2 j + s. Llama's queries and keys, whose rotary embedding llama.cpp applies to neighbours.
  case turns(headRows: Int)
  /// Of `groups` groups with so many heads of queries, one of keys and one of values, all queries stand before all keys
  /// and these before all values. Falcon, BLOOM and GPT-NeoX, which store them head by head.
  case groups(Int, queries: Int, headRows: Int)

  func place(of row: Int) -> Int {
    switch self {
    case .same: return row
    case .turns(let headRows):
      let (head, within, half) = (row / headRows, row % headRows, headRows / 2)
      return head * headRows + within % half * 2 + within / half
    case .groups(let groups, let queries, let headRows):
      let (head, within) = (row / headRows, row % headRows)
      let (group, place) = (head / (queries + 2), head % (queries + 2))
      let stored = place < queries ? group * queries + place : (queries + place - queries) * groups + group
      return stored * headRows + within
    }
  }

  /// Whether it is an order of so many rows.
  func fits(_ rows: Int) -> Bool {
    switch self {
    case .same: true
    case .turns(let headRows): headRows > 0 && headRows.isMultiple(of: 2) && rows.isMultiple(of: headRows)
    case .groups(let groups, let queries, let headRows): rows == groups * (queries + 2) * headRows
    }
  }
}
