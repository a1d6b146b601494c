// Products of bytes of many rows in the tiles of AMX. A tile of inputs is 16 rows of 16 units as they are rounded for vpdpbusd, a tile of
// weights 16 steps of half a panel as they are packed for it: the same bytes, and sums that are exact, so that the results are the same.
import AttendKernelInterface
import CInstructions

#if ATTEND_AVX512
  /// Rows of a tile, and units of a step of it.
  private var tileSide: Int { @_transparent get { ATTEND_TILE } }

  /// The last units of a panel where these are no whole tile, filled up with zeros, to which inputs past the end add nothing.
  @_transparent private func fillTail(_ from: UnsafePointer<Float>, units: Int, _ tail: UnsafeMutablePointer<Float>) {
    var i = 0
    while i < tileSide &* panelWidth {
      store(i < units &* panelWidth ? load(from + i) : splat(0), tail + i)
      i &+= 16
    }
  }

  /// The sums of `rows`, at least 16, with a panel. All tiles are whole, since to lay them out anew costs more than a few rows: the last
  /// ones begin with rows that were summed before, and sum them again.
  @_transparent private func sumTiles(
    _ a: UnsafePointer<MultiplyArguments>, rows: RowBlock, panel: Int, sums: UnsafeMutablePointer<Float>, tail: UnsafeMutablePointer<Float>
  ) {
    let steps = a.pointee.steps, groups = steps / tileSide, left = steps % tileSide
    let weights = a.pointee.weights + panel &* steps &* panelWidth
    if left > 0 { fillTail(weights + (steps &- left) &* panelWidth, units: left, tail) }
    let x = a.pointee.x + rows.row &* a.pointee.xStride, last = rows.count &- tileSide
    let pairs = (rows.count &+ 2 &* tileSide &- 1) / (2 &* tileSide)
    var cursor = PrefetchCursor(first: weights + steps &* panelWidth, count: (2 &* steps &+ pairs &- 1) / pairs)
    var row = 0
    while row < rows.count {
      let first = row < last ? row : last, second = row &+ tileSide < last ? row &+ tileSide : last
      cursor.advance()
      attend_tile_products(
        x + first &* a.pointee.xStride, x + second &* a.pointee.xStride, a.pointee.xStride, weights, groups, left > 0 ? tail : nil,
        sums + first &* panelWidth, sums + second &* panelWidth)
      row &+= 2 &* tileSide
    }
  }

  /// `multiplyInt8`, and `multiplyInt8Paired`, where the CPU has tiles. Fewer rows than a tile has are not worth one.
  func multiplyInt8Tiles(
    _ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
  ) {
    if rows.count < tileSide { return multiplyInt8(a, rows, panels, scratch) }
    let unit = a.pointee.gated ? 2 : 1, near = blockRows(.steps, .int8, a.pointee.steps)
    let most = near < 2 &* tileSide ? 2 &* tileSide : near
    let blocks = (rows.count &+ most &- 1) / most
    let tail = scratch + 2 &* MultiplyArguments.blockRows &* panelWidth
    attend_begin_tiles()
    var row = rows.lowerBound, index = 0
    while index < blocks {
      // Of nearly equal height, so that none is lower than a tile: more rows than two tiles make are at least one in each half.
      let block = RowBlock(row: row, count: rows.count / blocks &+ (index < rows.count % blocks ? 1 : 0))
      var panel = panels.lowerBound
      while panel < panels.upperBound {
        var part = 0
        while part < unit {
          sumTiles(a, rows: block, panel: panel &+ part, sums: scratch + part &* block.count &* panelWidth, tail: tail)
          part &+= 1
        }
        applyEpilogue(.int8, a, rows: block, panel: panel, sums: scratch, up: block.count &* panelWidth)
        panel &+= unit
      }
      row &+= block.count
      index &+= 1
    }
    attend_end_tiles()
  }
#endif
