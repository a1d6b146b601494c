// Keys and values on their way to the pages of a cache: keys become columns of a panel, values stay rows.
import AttendBase
import CInstructions

/// `KernelTable.store`.
func storeKeyValues(_ a: UnsafePointer<StoreArguments>) {
  let headDim = a.pointee.headDim, tokens = a.pointee.tokens
  // A key touches a line of memory for each of its components: they are asked for all at once.
  var d = 0
  while d < headDim {
    attend_prefetch_write(a.pointee.keys + d &* panelWidth)
    d &+= 1
  }
  var token = 0
  while token < tokens {
    let v = a.pointee.v + token &* a.pointee.vStride, to = a.pointee.values + token &* headDim
    d = 0
    while d < headDim {
      store(load(v + d, headDim &- d), to + d, headDim &- d)
      d &+= 16
    }
    token &+= 1
  }
  token = 0
  while token < tokens {
    let k = a.pointee.k + token &* a.pointee.kStride, to = a.pointee.keys + token
    let block = tokens &- token < 16 ? 1 : 16
    d = 0
    if block == 16 {
      while d &+ 16 <= headDim {
        attend_transpose(k + d, a.pointee.kStride, to + d &* panelWidth, panelWidth)
        d &+= 16
      }
    }
    while d < headDim {
      var i = 0
      while i < block {
        to[d &* panelWidth &+ i] = k[i &* a.pointee.kStride &+ d]
        i &+= 1
      }
      d &+= 1
    }
    token &+= block
  }
}
