// Weights that are stored in 4 bits and computed with in a type of the library's own.
import AttendBase

/// Numbers in MXFP4 (OCP Microscaling Formats, version 1.0, 2023): groups of 32 numbers of 4 bits, E2M1, which share a
/// power of two, E8M0. Memory that somebody else owns.
package struct Microscaled: @unchecked Sendable {
  /// Numbers that share a scale.
  package static let group = 32
  /// Bytes of a group.
  package static let blockBytes = 16

  let blocks: UnsafePointer<UInt8>  // [rows, groups, 16], the number of the even place in the lower half
  let scales: UnsafePointer<UInt8>  // [rows, groups], exponents plus 127
  let rows: Int
  let groups: Int

  /// `blocks` are `[rows, groups, 16]`, `scales` `[rows, groups]`.
  package init(blocks: UnsafePointer<UInt8>, scales: UnsafePointer<UInt8>, rows: Int, groups: Int) {
    self.blocks = blocks
    self.scales = scales
    self.rows = rows
    self.groups = groups
  }

  /// 2 to the power that a scale stands for; NaN for 255.
  private func power(_ scale: UInt8) -> Float {
    switch scale {
    case 0: 0x1p-127
    case 255: .nan
    default: Float(bitPattern: UInt32(scale) << 23)
    }
  }

  /// Writes a row as bfloat16, which holds every such number exactly.
  fileprivate func expand(row: Int, into y: UnsafeMutablePointer<UInt16>) {
    let sizes = SIMD8<Float>(0, 0.5, 1, 1.5, 2, 3, 4, 6)
    for group in row * groups..<(row + 1) * groups {
      let scaled = sizes * power(scales[group])
      let block = blocks + group * Microscaled.blockBytes
      let to = y + (group - row * groups) * Microscaled.group
      for byte in 0..<Microscaled.blockBytes {
        to[2 * byte] = Microscaled.number(block[byte] & 15, scaled)
        to[2 * byte + 1] = Microscaled.number(block[byte] >> 4, scaled)
      }
    }
  }

  /// The number that four bits stand for: a sign and one of eight sizes.
  private static func number(_ code: UInt8, _ sizes: SIMD8<Float>) -> UInt16 {
    UInt16(truncatingIfNeeded: sizes[Int(code & 7)].bitPattern >> 16) | UInt16(code & 8) << 12
  }
}

private struct ExpandJob {
  let x: Microscaled
  let y: UnsafeMutablePointer<UInt16>
  let parts: Int
}

extension Engine {
  /// The numbers of x as bfloat16, `[rows, 32 * groups]`, exactly.
  package func expand(_ x: Microscaled) throws(Failure) -> AlignedBuffer {
    let buffer = try AlignedBuffer(x.rows * x.groups * Microscaled.group, of: UInt16.self, for: "weights of 4 bits")
    let parts = parts(x.rows, work: x.rows * x.groups * Microscaled.group, grain: .conversion)
    var job = ExpandJob(x: x, y: buffer.pointer(), parts: parts)
    run(&job, parts: parts) { context, part in
      let job = context.assumingMemoryBound(to: ExpandJob.self).pointee
      for row in (0..<job.x.rows).share(part, of: job.parts) {
        job.x.expand(row: row, into: job.y + row * job.x.groups * Microscaled.group)
      }
    }
    return buffer
  }
}
