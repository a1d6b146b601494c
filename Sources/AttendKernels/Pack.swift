// Stored numbers to float32, straight and into panels.
import AttendBase
import AttendKernelInterface
import CInstructions

/// Sixteen stored numbers as float32. Both half-size types are widened by arithmetic on their bits, exactly.
@_transparent private func widened(_ p: UnsafeRawPointer, _ type: ElementType) -> Vector {
  switch type {
  case .float16: return attend_widen_half(attend_widen16(p))
  case .bfloat16: return attend_widen_bfloat16(p)
  default: return p.loadUnaligned(as: Vector.self)
  }
}

/// One stored number as float32.
@_transparent private func widenedOne(_ p: UnsafeRawPointer, _ type: ElementType) -> Float {
  switch type {
  case .float16: return attend_widen_half(Lanes(repeating: Int32(truncatingIfNeeded: p.loadUnaligned(as: UInt16.self))))[0]
  case .bfloat16: return Float(bitPattern: UInt32(truncatingIfNeeded: p.loadUnaligned(as: UInt16.self)) << 16)
  default: return p.loadUnaligned(as: Float.self)
  }
}

/// Sixteen inputs of sixteen outputs, `step` elements apart, to a panel.
@_transparent private func turn(_ p: UnsafeRawPointer, _ type: ElementType, _ step: Int, _ to: UnsafeMutablePointer<Float>) {
  switch type {
  case .float16: attend_transpose_half(p, step, to, panelWidth)
  case .bfloat16: attend_transpose_bfloat16(p, step, to, panelWidth)
  default: attend_transpose(p.assumingMemoryBound(to: Float.self), step, to, panelWidth)
  }
}

@_transparent private func width(_ type: ElementType) -> Int {
  if case .float32 = type { return 4 }
  return 2
}

/// Outputs `[first, first + lanes)`, each of neighbouring numbers, to lanes from `lane` on: squares of sixteen by sixteen, which read and
/// write whole cache lines, and what is left over one by one.
@_transparent private func packRows(_ a: PackArguments, _ type: ElementType, _ first: Int, _ lane: Int, _ lanes: Int) {
  let size = width(type)
  let source = a.source + first &* a.outputStep &* size
  let to = a.destination + lane
  let turned = lanes & ~15
  var k = 0
  while k &+ 16 <= a.inputs {
    var l = 0
    while l < turned {
      turn(source + (l &* a.outputStep &+ k) &* size, type, a.outputStep, to + (k &* panelWidth &+ l))
      l &+= 16
    }
    while l < lanes {
      let v = widened(source + (l &* a.outputStep &+ k) &* size, type)
      var i = 0
      while i < 16 {
        to[(k &+ i) &* panelWidth &+ l] = v[i]
        i &+= 1
      }
      l &+= 1
    }
    k &+= 16
  }
  while k < a.inputs {
    var l = 0
    while l < lanes {
      to[k &* panelWidth &+ l] = widenedOne(source + (l &* a.outputStep &+ k) &* size, type)
      l &+= 1
    }
    k &+= 1
  }
}

/// The same of outputs that lie side by side where `outputStep` is 1, input after input.
@_transparent private func packColumns(_ a: PackArguments, _ type: ElementType, _ first: Int, _ lane: Int, _ lanes: Int) {
  let size = width(type)
  let together = a.outputStep == 1 ? lanes & ~15 : 0
  var k = 0
  while k < a.inputs {
    let row = a.source + (first &* a.outputStep &+ k &* a.inputStep) &* size
    let to = a.destination + (k &* panelWidth &+ lane)
    var l = 0
    while l < together {
      store(widened(row + l &* size, type), to + l)
      l &+= 16
    }
    while l < lanes {
      to[l] = widenedOne(row + l &* a.outputStep &* size, type)
      l &+= 1
    }
    k &+= 1
  }
}

@_transparent private func pack(_ a: PackArguments, _ type: ElementType, _ first: Int, _ lane: Int, _ lanes: Int) {
  a.inputStep == 1 ? packRows(a, type, first, lane, lanes) : packColumns(a, type, first, lane, lanes)
}

/// `KernelTable.pack`.
func pack(_ arguments: UnsafePointer<PackArguments>, _ first: Int, _ lane: Int, _ lanes: Int) {
  switch arguments.pointee.type {
  case .float16: pack(arguments.pointee, .float16, first, lane, lanes)
  case .bfloat16: pack(arguments.pointee, .bfloat16, first, lane, lanes)
  default: pack(arguments.pointee, .float32, first, lane, lanes)
  }
}

@_transparent private func convertRow(
  _ source: UnsafeRawPointer, _ type: ElementType, _ step: Int, _ scale: Float, _ count: Int, _ destination: UnsafeMutablePointer<Float>
) {
  let size = width(type)
  var i = 0
  if step == 1 {
    while i &+ 16 <= count {
      store(widened(source + i &* size, type) * splat(scale), destination + i)
      i &+= 16
    }
  }
  while i < count {
    destination[i] = widenedOne(source + i &* step &* size, type) * scale
    i &+= 1
  }
}

/// `KernelTable.convert`.
func convert(
  _ source: UnsafeRawPointer, _ type: ElementType, _ step: Int, _ scale: Float, _ count: Int, _ destination: UnsafeMutablePointer<Float>
) {
  switch type {
  case .float16: convertRow(source, .float16, step, scale, count, destination)
  case .bfloat16: convertRow(source, .bfloat16, step, scale, count, destination)
  default: convertRow(source, .float32, step, scale, count, destination)
  }
}
