import AttendBase
import Glibc

/// The fixed position vectors of Vaswani et al. 2017, section 3.5: with all sines before all cosines, as Marian and
/// fairseq lay them out, or in turns, as the paper writes them.
package enum Sinusoids {
  /// One row for each of `positions`: sin(p f) and cos(p f) for `width / 2` frequencies f, falling from 1 by equal
  /// factors to 1/10000 exclusive, or inclusive if `endsAtLongest`. `[positions, width]`; width is even. `interleaved`:
  /// sine and cosine of a frequency stand side by side.
  ///
  /// Computed in double precision, so that a table made here equals one made elsewhere to the last bit of float32,
  /// nearly always.
  package static func table(
    positions: Range<Int>, width: Int, endsAtLongest: Bool, interleaved: Bool = false
  ) throws(Failure) -> AlignedBuffer {
    let half = width / 2
    let (count, overflow) = positions.count.multipliedReportingOverflow(by: width)
    guard !overflow else { throw .outOfMemory(Int.max, for: "the table of positions") }
    let table = try AlignedBuffer(count, of: Float.self, for: "the table of positions")
    let values = table.pointer(to: Float.self)
    let steps = Double(endsAtLongest ? max(half - 1, 1) : half)
    for j in 0..<half {
      let columns = interleaved ? (2 * j, 2 * j + 1) : (j, half + j)
      let frequency = exp(-log(10000.0) * Double(j) / steps)
      for (row, position) in positions.enumerated() {
        let (sine, cosine) = Trigonometry.sineAndCosine(Double(position) * frequency)
        values[row * width + columns.0] = Float(sine)
        values[row * width + columns.1] = Float(cosine)
      }
    }
    return table
  }
}
