// Resizing of pixels of 8 bits, to the bit as Pillow up to 12 does it: the horizontal pass first, rounded to 8 bits,
// then the vertical one. A pass that changes nothing is left out.
import AttendBase
import CInstructions
import CPictures

/// A picture that becomes `width` x `height`, of which only a window is made.
package struct Resizing {
  let width: Int, height: Int
  var columns: Range<Int>, rows: Range<Int>
  let filter: ResamplingFilter
  /// Whether vectors of 256 bits are used, which this processor must have; the bytes are the same.
  package var isWide = Resizing.canBeWide

  package static let canBeWide = picture_has_wide_vectors()

  package init(width: Int, height: Int, _ filter: ResamplingFilter) {
    self.width = width
    self.height = height
    self.filter = filter
    (columns, rows) = (0..<width, 0..<height)
  }
}

extension Picture {
  /// The window of the resized picture. `threads` share the work; the result does not depend on them.
  package func resized(_ resizing: Resizing, threads: Int) throws(Failure) -> Picture {
    if resizing.filter == .nearest { return try nearest(resizing) }
    let keepsWidth = resizing.width == width, keepsHeight = resizing.height == height
    if keepsWidth && keepsHeight { return try cropped(columns: resizing.columns, rows: resizing.rows) }
    let target = try Picture(
      width: resizing.columns.count, height: resizing.rows.count, for: "a resized picture")
    let across =
      keepsWidth
      ? nil : try ResamplingWeights(resizing.filter, from: width, to: resizing.width, window: resizing.columns)
    let down =
      keepsHeight
      ? nil : try ResamplingWeights(resizing.filter, from: height, to: resizing.height, window: resizing.rows)
    let needed = down?.inputs ?? resizing.rows
    // What the first pass gives: rows `needed` of the wanted columns.
    let between =
      across == nil
      ? try keepsAllColumns(resizing) ? nil : cropped(columns: resizing.columns, rows: needed)
      : down == nil ? target : try Picture(width: target.width, height: needed.count, for: "rows of a resize")
    if let across, let between {
      let first = pixels + needed.lowerBound * stride
      Parallel.run(needed.count, atLeast: 16, threads: threads) { rows in
        for row in Swift.stride(from: rows.lowerBound, to: rows.upperBound, by: 4) {
          // Where fewer than four rows are left, one is made four times.
          let isWhole = row + 4 <= rows.upperBound
          for row in row..<min(rows.upperBound, isWhole ? row + 1 : row + 4) {
            across.resampleRows(
              first + row * stride, isWhole ? stride : 0, between.pixels + row * between.stride,
              isWhole ? between.stride : 0, isWide: resizing.isWide)
          }
        }
      }
    }
    if let down {
      let source = between ?? self, offset = between == nil ? 0 : needed.lowerBound
      Parallel.run(target.height, atLeast: 4, threads: threads) { rows in
        for row in rows {
          down.resampleColumns(
            source.pixels - offset * source.stride, source.stride, row, target.pixels + row * target.stride,
            isWide: resizing.isWide)
        }
      }
    }
    withExtendedLifetime((self, between, across, down)) {}
    return target
  }

  private func keepsAllColumns(_ resizing: Resizing) -> Bool { resizing.columns == 0..<width }

  /// A part of the picture; itself where that is all of it.
  func cropped(columns: Range<Int>, rows: Range<Int>) throws(Failure) -> Picture {
    if columns == 0..<width, rows == 0..<height { return self }
    let target = try Picture(width: columns.count, height: rows.count, for: "a part of a picture")
    for (place, row) in rows.enumerated() {
      (target.pixels + place * target.stride).update(
        from: pixels + row * stride + columns.lowerBound * 3, count: target.stride)
    }
    withExtendedLifetime(self) {}
    return target
  }

  /// The pixel nearest to each: places grow by adding the scale, as in Pillow, so that the rounding of the sums decides
  /// where two are equally near.
  private func nearest(_ resizing: Resizing) throws(Failure) -> Picture {
    let target = try Picture(width: resizing.columns.count, height: resizing.rows.count, for: "a resized picture")
    let columns = try AlignedBuffer(target.width, of: Int.self, for: "the columns of a resize")
    defer { withExtendedLifetime((self, columns)) {} }
    let chosen = columns.pointer(to: Int.self)
    Picture.forEachNearest(resizing.width, of: width, resizing.columns) { chosen[$0] = $1 }
    Picture.forEachNearest(resizing.height, of: height, resizing.rows) { row, from in
      for column in 0..<target.width {
        (target.pixels + row * target.stride + column * 3).update(
          from: pixels + from * stride + chosen[column] * 3, count: 3)
      }
    }
    return target
  }

  private static func forEachNearest(
    _ output: Int, of input: Int, _ window: Range<Int>, _ body: (_ place: Int, _ from: Int) -> Void
  ) {
    let scale = Double(input) / Double(output)
    var centre = scale * 0.5
    for index in 0..<window.upperBound {
      if index >= window.lowerBound { body(index - window.lowerBound, min(Int(centre), input - 1)) }
      centre += scale
    }
  }
}

extension ResamplingWeights {
  private typealias Sums = attend_i32x16

  /// A sum of products, rounded to a whole number.
  @inline(__always) private static func whole(_ high: Sums, _ low: Sums) -> Sums {
    (high &<< Int32(lowBits) &+ low &+ Sums(repeating: Int32(1 << (precision - 1)))) &>> Int32(precision)
  }

  /// Pixels of four rows made of those of four others, [inputs, 3] to [count, 3]. Up to 8 bytes behind the inputs are
  /// read.
  func resampleRows(
    _ source: UnsafePointer<UInt8>, _ stride: Int, _ target: UnsafeMutablePointer<UInt8>, _ targetStride: Int,
    isWide: Bool
  ) {
    if isWide { return picture_resample_rows(runs, halves, count, source, stride, target, targetStride) }
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { sixteen in
      let bytes = sixteen.baseAddress!
      for index in 0..<count {
        let run = runs[index]
        var high = Sums.zero, low = Sums.zero
        var from = source + run.first * 3
        var weights = UnsafePointer(halves + run.start * 4)
        for _ in 0..<run.pairs {
          let pairs = attend_pixel_pairs(from, stride)
          high = attend_dot16(high, pairs, attend_broadcast_pair(weights))
          low = attend_dot16(low, pairs, attend_broadcast_pair(weights + 2))
          from += 6
          weights += 4
        }
        attend_store_bytes(bytes, ResamplingWeights.whole(high, low))
        for row in 0..<4 {
          let pixel = target + row * targetStride + index * 3
          for channel in 0..<3 { pixel[channel] = bytes[row * 4 + channel] }
        }
      }
    }
  }

  /// Row `index` of the output, of `stride` bytes, made of rows that lie as many bytes apart. Up to 15 bytes behind the
  /// rows are read.
  func resampleColumns(
    _ source: UnsafePointer<UInt8>, _ stride: Int, _ index: Int, _ target: UnsafeMutablePointer<UInt8>, isWide: Bool
  ) {
    let run = runs[index]
    let made = isWide ? picture_resample_columns(runs + index, halves, source, stride, target) : 0
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { sixteen in
      for place in Swift.stride(from: made, to: stride, by: 16) {
        var high = Sums.zero, low = Sums.zero
        var weights = UnsafePointer(halves + run.start * 4)
        for pair in 0..<run.pairs {
          let upper = source + (run.first + pair * 2) * stride + place
          // The second row of an odd run has weight 0 and may not be there.
          let pairs = attend_byte_pairs(upper, pair * 2 + 1 < run.count ? upper + stride : upper)
          high = attend_dot16(high, pairs, attend_broadcast_pair(weights))
          low = attend_dot16(low, pairs, attend_broadcast_pair(weights + 2))
          weights += 4
        }
        attend_store_bytes(sixteen.baseAddress!, ResamplingWeights.whole(high, low))
        (target + place).update(from: sixteen.baseAddress!, count: min(16, stride - place))
      }
    }
  }
}
