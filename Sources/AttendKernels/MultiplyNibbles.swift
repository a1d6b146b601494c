// Rows times weights in 4 bits: for each group of 32 inputs a sum of bytes, exact, then a multiply-add with the group's scale.
// A group of a panel is 32 scales and four times 32 units; the low halves of a unit's bytes are four inputs, the high halves the next four.
import AttendBase
import CInstructions

#if ATTEND_AVX512
  private var nibbleRows: Int { @_transparent get { 6 } }
#else
  private var nibbleRows: Int { @_transparent get { 3 } }
#endif

/// Units of a group of a panel.
private var groupUnits: Int { @_transparent get { 5 * panelWidth } }

/// Four products of unsigned bytes with signed ones; `exact` names the arithmetic.
@_transparent
private func dot(_ arithmetic: Arithmetic, _ sums: Vector, _ w: Lanes, _ x: Lanes) -> Vector {
  #if ATTEND_FMA
    if case .bytes = arithmetic { return fromBits(attend_dot_vnni(bits(sums), w, x)) }
  #endif
  return fromBits(attend_dot_widened(bits(sums), w, x))
}

@_transparent
private func tile(
  _ arithmetic: Arithmetic, _ rows: Int, _ vectors: Int, _ a: UnsafePointer<MultiplyArguments>, _ row: Int, _ w: UnsafePointer<Float>,
  _ sums: UnsafeMutablePointer<Float>, _ sumsPanel: Int
) {
  let groups = a.pointee.steps, xStride = a.pointee.xStride
  let panelStride = groups &* groupUnits
  let x = a.pointee.x + row &* xStride
  let xSums = a.pointee.xSums.unsafelyUnwrapped + row &* groups
  let low = Lanes(repeating: 0x0f0f_0f0f)
  var registers = zeros()
  var group = 0
  while group < groups {
    var exact = zeros()
    var pair = 0
    while pair < 4 {
      var i = 0
      while i < rows &* vectors {
        let offset: Int = group &* groupUnits &+ (pair &+ 1) &* panelWidth &+ (i % vectors & 1) &* 16 &+ ((i % vectors) >> 1) &* panelStride
        let units = bits(load(w + offset))
        let at: Int = i / vectors &* xStride &+ group &* 8 &+ pair &* 2
        let first = dot(arithmetic, exact[unchecked: i], units & low, bits(splat(x[at])))
        exact[unchecked: i] = dot(arithmetic, first, (units &>> Lanes(repeating: 4)) & low, bits(splat(x[at &+ 1])))
        i &+= 1
      }
      pair &+= 1
    }
    var i = 0
    while i < rows &* vectors {
      let offset: Int = group &* groupUnits &+ (i % vectors & 1) &* 16 &+ ((i % vectors) >> 1) &* panelStride
      // The stored halves are moved up by 8.
      let sum = bits(exact[unchecked: i]) &- Lanes(repeating: 8 &* xSums[i / vectors &* groups &+ group])
      registers[unchecked: i] = multiplyAdd(attend_to_float(sum), load(w + offset), registers[unchecked: i])
      i &+= 1
    }
    group &+= 1
  }
  var i = 0
  while i < rows &* vectors {
    let scale = splat(a.pointee.xScales.unsafelyUnwrapped[row &+ i / vectors])
    store(registers[unchecked: i] * scale, sums + (i / vectors &* panelWidth &+ (i % vectors & 1) &* 16 &+ ((i % vectors) >> 1) &* sumsPanel))
    i &+= 1
  }
}

@_transparent
private func tall(
  _ arithmetic: Arithmetic, _ rows: Int, _ a: UnsafePointer<MultiplyArguments>, _ row: Int, _ w: UnsafePointer<Float>, _ sums: UnsafeMutablePointer<Float>
) {
  switch rows {
  case 1: tile(arithmetic, 1, tileVectors, a, row, w, sums, 0)
  case 2: tile(arithmetic, 2, tileVectors, a, row, w, sums, 0)
  case 3: tile(arithmetic, 3, tileVectors, a, row, w, sums, 0)
  #if ATTEND_AVX512
    case 4: tile(arithmetic, 4, tileVectors, a, row, w, sums, 0)
    case 5: tile(arithmetic, 5, tileVectors, a, row, w, sums, 0)
    case 6: tile(arithmetic, 6, tileVectors, a, row, w, sums, 0)
  #endif
  default: break
  }
}

/// One row: panels side by side, so that enough sums are under way.
@_transparent
private func wide(_ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, _ row: Int, _ w: UnsafePointer<Float>, _ sums: UnsafeMutablePointer<Float>) {
  #if ATTEND_AVX512
    tile(arithmetic, 1, 8, a, row, w, sums, panelWidth)
  #else
    tile(arithmetic, 1, 2, a, row, w, sums, panelWidth)
  #endif
}

@_transparent
private func multiply(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
) {
  let unit = a.pointee.gated ? 2 : 1, panelStride = a.pointee.steps &* groupUnits
  #if ATTEND_AVX512
    let together = 4
  #else
    let together = 1
  #endif
  var row = rows.lowerBound
  while row < rows.upperBound {
    let left = rows.upperBound &- row
    let count = left < MultiplyArguments.blockRows ? left : MultiplyArguments.blockRows
    var panel = panels.lowerBound
    if count == 1 && together >= unit {
      while panel &+ together <= panels.upperBound {
        wide(arithmetic, a, row, a.pointee.weights + panel &* panelStride, scratch)
        var index = 0
        while index < together {
          writeOut(.float32, a, row, 1, panel &+ index, scratch + index &* panelWidth, panelWidth)
          index &+= unit
        }
        panel &+= together
      }
    }
    while panel < panels.upperBound {
      var index = 0
      while index < unit {
        var done = 0
        while done < count {
          let height = count &- done < nibbleRows ? count &- done : nibbleRows
          var half = 0
          while half < panelWidth {
            tall(
              arithmetic, height, a, row &+ done, a.pointee.weights + ((panel &+ index) &* panelStride &+ half),
              scratch + ((index &* count &+ done) &* panelWidth &+ half))
            half &+= tileVectors &* 16
          }
          done &+= height
        }
        index &+= 1
      }
      writeOut(.float32, a, row, count, panel, scratch, count &* panelWidth)
      panel &+= unit
    }
    row &+= count
  }
}

func multiplyNibblesWidened(_ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ scratch: UnsafeMutablePointer<Float>) {
  multiply(.bytesWidened, a, rows, panels, scratch)
}

#if ATTEND_FMA
  func multiplyNibbles(_ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ scratch: UnsafeMutablePointer<Float>) {
    multiply(.bytes, a, rows, panels, scratch)
  }
#endif
