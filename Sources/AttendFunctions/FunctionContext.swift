import AttendBase
import AttendDispatch
import AttendKernelInterface
import Synchronization

/// The means of calls on a caller's arrays: kernels, threads, and scratch memory that stays for the next call. A second
/// thread that comes while one computes is told so.
package final class FunctionContext: @unchecked Sendable {
  let engine: Engine
  let workspace = Workspace()
  private let forks = Fork.generation
  private let isUsed = Atomic(false)

  package init(engine: Engine) { self.engine = engine }

  /// Runs `body` as the only user, with scratch memory that is empty. Throws `busy`, or in the child of a fork
  /// `invalidState`.
  package func use(_ body: (FunctionContext) throws(Failure) -> Void) throws(Failure) {
    guard forks == Fork.generation else {
      throw Failure(.invalidState, "this context was created before the process forked: create it again in the child")
    }
    guard isUsed.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged else {
      throw Failure(.busy, "this context is being used by another thread: give each thread a context of its own")
    }
    defer { isUsed.store(false, ordering: .releasing) }
    try workspace.reset()
    try body(self)
  }

  /// Runs `body` and gives back the scratch memory that it took.
  func scoped(_ body: () throws(Failure) -> Void) throws(Failure) {
    let mark = workspace.mark()
    defer { workspace.release(to: mark) }
    try body()
  }
}

/// An output, and where its numbers are made: in its own memory if they can be.
struct Output {
  let target: ArrayView
  /// float32, the steps of the last dimension 1.
  let numbers: ArrayView
  let isCopied: Bool
}

extension FunctionContext {
  /// The elements as float32 with a last dimension of steps of 1: the very same where they are, otherwise a copy in
  /// scratch memory. With `width` rows are filled up with zeros to so many numbers, and keep their old shape.
  func numbers(_ view: ArrayView, width: Int? = nil) throws(Failure) -> ArrayView {
    try view.require(.float32, .bfloat16, .float16)
    let columns = view.rank == 0 ? 1 : view.size(1)
    let isWide = width.map { $0 > columns } ?? false
    if view.type == .float32, !isWide, view.rank == 0 || columns <= 1 || view.step(1) == 1 { return view }
    let rows = view.leading(1), stride = isWide ? width! : columns
    let (count, overflow) = rows.multipliedReportingOverflow(by: stride)
    guard !overflow else { throw .outOfMemory(Int.max, for: "a copy of \(view.name)") }
    let copy = try workspace.take(count, of: Float.self)
    let convert = engine.kernels.conversions.convert
    let step = view.rank == 0 ? 1 : view.step(1)
    for row in 0..<rows {
      let from = view.data + view.offset(row, before: 1) * view.type.size
      convert(from, view.type, step, 1, columns, copy + row * stride)
      if isWide { (copy + (row * stride + columns)).update(repeating: 0, count: stride - columns) }
    }
    var shape = view.shape
    if isWide { shape[view.rank - 1] = stride }
    let wide = ArrayView(view.name, copy, .float32, rank: view.rank, shape: shape)
    return isWide ? wide.slice(view.rank - 1, from: 0, columns) : wide
  }

  /// The rows of the last dimension: where they are, or copies.
  func matrix(_ view: ArrayView) throws(Failure) -> Matrix {
    let numbers = try numbers(view)
    let columns = view.rank == 0 ? 1 : view.size(1), rows = view.leading(1)
    if let stride = numbers.step(overAllBefore: 1) {
      return Matrix(numbers.floats, rows: rows, columns: columns, stride: stride)
    }
    let copy = try workspace.matrix(rows, columns)
    for row in 0..<rows {
      copy[row].update(from: numbers.floats + numbers.offset(row, before: 1), count: columns)
    }
    return copy
  }

  /// `[size]` numbers without gaps.
  func vector(_ view: ArrayView?, size: Int, for reason: String) throws(Failure) -> UnsafePointer<Float>? {
    guard let view else { return nil }
    try view.require(size, for: reason)
    return UnsafePointer(try numbers(view).floats)
  }

  /// The place for an output whose numbers are made while `inputs` are read. Where it shares memory with one of them,
  /// it is scratch memory, unless the two are the same elements and `isRowByRow` says that this does no harm.
  func output(
    _ target: ArrayView, beside inputs: [ArrayView?], isRowByRow: Bool = false
  ) throws(Failure) -> Output {
    try target.requireOutput()
    let isApart = inputs.allSatisfy { input in
      guard let input, input.touches(target) else { return true }
      return isRowByRow && input.isSame(as: target)
    }
    if target.type == .float32, isApart, target.rank == 0 || target.size(1) <= 1 || target.step(1) == 1 {
      return Output(target: target, numbers: target, isCopied: false)
    }
    let scratch = try workspace.take(target.count, of: Float.self)
    let numbers = ArrayView(target.name, scratch, .float32, rank: target.rank, shape: target.shape)
    return Output(target: target, numbers: numbers, isCopied: true)
  }

  /// Rows of an output to be written; where their distances are unequal, they are scratch memory.
  func rows(
    _ target: ArrayView, beside inputs: [ArrayView?], isRowByRow: Bool = false
  ) throws(Failure) -> (output: Output, matrix: Matrix) {
    var output = try output(target, beside: inputs, isRowByRow: isRowByRow)
    var step = output.numbers.step(overAllBefore: 1)
    if step == nil {
      let scratch = try workspace.take(target.count, of: Float.self)
      let numbers = ArrayView(target.name, scratch, .float32, rank: target.rank, shape: target.shape)
      output = Output(target: target, numbers: numbers, isCopied: true)
      step = numbers.step(overAllBefore: 1)
    }
    let columns = target.rank == 0 ? 1 : target.size(1)
    return (output, Matrix(output.numbers.floats, rows: target.leading(1), columns: columns, stride: step ?? columns))
  }

  /// Brings an output's numbers to where they belong.
  func finish(_ output: Output) {
    guard output.isCopied else { return }
    let (target, columns) = (output.target, output.target.rank == 0 ? 1 : output.target.size(1))
    let step = target.rank == 0 ? 1 : target.step(1)
    for row in 0..<target.leading(1) {
      let from = output.numbers.floats + row * columns
      let to = target.data + target.offset(row, before: 1) * target.type.size
      if target.type == .bfloat16 {
        let to = to.assumingMemoryBound(to: UInt16.self)
        for column in 0..<columns { to[column * step] = bfloat16(from[column]) }
      } else {
        let to = to.assumingMemoryBound(to: Float.self)
        for column in 0..<columns { to[column * step] = from[column] }
      }
    }
  }

  /// The nearest bfloat16, of two the even one.
  private func bfloat16(_ x: Float) -> UInt16 {
    if x.isNaN { return UInt16(truncatingIfNeeded: x.bitPattern >> 16) | 0x40 }
    return UInt16(truncatingIfNeeded: (x.bitPattern + 0x7FFF + (x.bitPattern >> 16 & 1)) >> 16)
  }

  /// Integers, int32 or int64, as int32 without gaps in the order of the elements. Throws `invalidArgument` where one
  /// is not in `range`, which `reason` explains.
  func integers(
    _ view: ArrayView, in range: Range<Int>, _ reason: @autoclosure () -> String
  ) throws(Failure) -> UnsafeMutablePointer<Int32> {
    try view.require(.int32, .int64)
    let copy = try workspace.take(view.count, of: Int32.self)
    for index in 0..<view.count {
      let place = view.data + view.offset(index, before: 0) * view.type.size
      let value = view.type == .int32 ? Int(place.load(as: Int32.self)) : Int(place.load(as: Int64.self))
      guard range.contains(value) else {
        throw Failure(.invalidArgument, "\(view.name) holds \(value); \(reason())")
      }
      copy[index] = Int32(truncatingIfNeeded: value)
    }
    return copy
  }
}

extension ArrayView {
  /// The first element of an array of float32.
  var floats: UnsafeMutablePointer<Float> { data.assumingMemoryBound(to: Float.self) }
}
