import AttendKernelInterface

extension LogitsProcessors {
  /// Classifier-free guidance (Sanchez et al. 2023, arXiv:2306.17806): u + scale * (c - u), where c and u are the
  /// log-softmax of the two rows, `[count]`. It comes before all processors.
  ///
  /// `unconditional` holds u afterwards; `result` may be `conditional`. An id that either row forbids stays as c has
  /// it.
  package static func guide(
    conditional: UnsafePointer<Float>, unconditional: UnsafeMutablePointer<Float>, scale: Float,
    into result: UnsafeMutablePointer<Float>, count: Int, rows: KernelTable.Rows
  ) {
    rows.logSoftmax(conditional, result, count)
    rows.logSoftmax(unconditional, unconditional, count)
    for token in 0..<count {
      let c = result[token], u = unconditional[token]
      if c.isFinite && u.isFinite { result[token] = u + scale * (c - u) }
    }
  }
}
