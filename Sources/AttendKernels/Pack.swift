// Stored numbers to float32, straight and into panels.
import AttendBase
import AttendKernelInterface
import CInstructions

/// Sixteen stored numbers as float32. Both half-size types are widened by arithmetic on their bits, exactly.
@_transparent private func widened(_ p: UnsafeRawPointer, _ type: ElementType) -> Vector {
  switch type {
  case .float16: return widenedHalf(attend_widen16(p))
  case .bfloat16: return fromBits(attend_widen16(p) &<< Lanes(repeating: 16))
  default: return p.loadUnaligned(as: Vector.self)
  }
}

/// One stored number as float32.
@_transparent private func widenedOne(_ p: UnsafeRawPointer, _ type: ElementType) -> Float {
  switch type {
  case .float16: return widenedHalf(Lanes(repeating: Int32(truncatingIfNeeded: p.loadUnaligned(as: UInt16.self))))[0]
  case .bfloat16: return Float(bitPattern: UInt32(truncatingIfNeeded: p.loadUnaligned(as: UInt16.self)) << 16)
  default: return p.loadUnaligned(as: Float.self)
  }
}

/// IEEE half precision from its bits: exponent and fraction moved to their places in a float32, then 2^112 corrects the bias of the
/// exponent, which also makes subnormals right.
@_transparent private func widenedHalf(_ h: Lanes) -> Vector {
  let sign = (h & Lanes(repeating: 0x8000)) &<< Lanes(repeating: 16)
  let size = (h & Lanes(repeating: 0x7fff)) &<< Lanes(repeating: 13)
  let normal = bits(fromBits(size) * splat(0x1p112))
  let special = size | Lanes(repeating: 0x7f80_0000)  // infinity and NaN
  return fromBits(normal.replacing(with: special, where: size .>= Lanes(repeating: 0x7c00 << 13)) | sign)
}

@_transparent private func width(_ type: ElementType) -> Int {
  if case .float32 = type { return 4 }
  return 2
}

@_transparent private func pack(_ a: PackArguments, _ type: ElementType, _ first: Int, _ lane: Int, _ lanes: Int) {
  let size = width(type)
  if a.inputStep == 1 {
    var l = 0
    while l < lanes {
      let row = a.source + (first &+ l) &* a.outputStep &* size
      let to = a.destination + (lane &+ l)
      var k = 0
      while k &+ 16 <= a.inputs {
        let v = widened(row + k &* size, type)
        var i = 0
        while i < 16 {
          to[(k &+ i) &* panelWidth] = v[i]
          i &+= 1
        }
        k &+= 16
      }
      while k < a.inputs {
        to[k &* panelWidth] = widenedOne(row + k &* size, type)
        k &+= 1
      }
      l &+= 1
    }
  } else {
    var k = 0
    while k < a.inputs {
      let row = a.source + (first &* a.outputStep &+ k &* a.inputStep) &* size
      let to = a.destination + (k &* panelWidth &+ lane)
      var l = 0
      while l < lanes {
        to[l] = widenedOne(row + l &* a.outputStep &* size, type)
        l &+= 1
      }
      k &+= 1
    }
  }
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
