import AttendBase
import AttendDispatch
import AttendKernelInterface
import Foundation
import Testing
import TileEmulator

/// A product with a gate or a residual, or neither.
private struct TileCase: CustomTestStringConvertible {
  let rows: Int, inputs: Int, outputs: Int
  var gated = false

  var testDescription: String { "\(rows) x \(inputs) to \(outputs)\(gated ? ", gated" : "")" }

  /// The results of an engine; a residual lies where they go.
  func results(_ engine: Engine) throws -> [Float] {
    var numbers = Numbers(UInt64(rows + 1000 * inputs + 1_000_000 * outputs))
    let x = Table(rows, inputs, gap: 3, &numbers), y = Table(rows, outputs, gap: 1, &numbers)
    let bias = numbers.normals(2 * outputs)
    let stored = numbers.normals(2 * outputs * inputs, scale: 1 / Float(inputs).squareRoot())
    return try stored.withUnsafeBytes { bytes in
      let gate = StoredMatrix(base: bytes.baseAddress!, type: .float32, rows: outputs, columns: inputs)
      let up = StoredMatrix(
        base: bytes.baseAddress! + 4 * outputs * inputs, type: .float32, rows: outputs, columns: inputs)
      let packed =
        gated
        ? try PackedMatrix(gate: gate, up: up, compute: .int8, engine: engine)
        : try PackedMatrix([gate], compute: .int8, engine: engine)
      try bias.withUnsafeBufferPointer {
        try engine.multiply(
          x.matrix, packed, bias: $0.baseAddress!, activation: .gelu, residual: y.matrix, into: y.matrix,
          workspace: Workspace())
      }
      return y.values
    }
  }
}

/// Products in AMX tiles. On a CPU without tiles their instructions are executed by a handler of SIGILL; on one with
/// them by the CPU.
@Suite(.serialized, .enabled(if: TileKernels.emulated(threads: 1) != nil, "needs AVX-512 with dot products of bytes"))
struct TileTests {
  private static let cases: [TileCase] = [
    TileCase(rows: 1, inputs: 64, outputs: 32), TileCase(rows: 15, inputs: 64, outputs: 32),
    TileCase(rows: 16, inputs: 64, outputs: 32), TileCase(rows: 17, inputs: 64, outputs: 33),
    TileCase(rows: 31, inputs: 4, outputs: 1), TileCase(rows: 32, inputs: 128, outputs: 64),
    TileCase(rows: 33, inputs: 65, outputs: 70), TileCase(rows: 48, inputs: 3, outputs: 31),
    TileCase(rows: 50, inputs: 384, outputs: 40), TileCase(rows: 96, inputs: 100, outputs: 32),
    TileCase(rows: 97, inputs: 200, outputs: 32), TileCase(rows: 193, inputs: 60, outputs: 33),
    // Few rows of them fit the second cache.
    TileCase(rows: 49, inputs: 12_300, outputs: 20), TileCase(rows: 25, inputs: 22_000, outputs: 10),
    // Weights of which two neighbours fit 16 bits.
    TileCase(rows: 20, inputs: 512, outputs: 512), TileCase(rows: 40, inputs: 100, outputs: 70, gated: true),
  ]

  /// Runs `body` with instructions executed, and tells how many were.
  private func emulating(_ body: () throws -> Void) rethrows -> UInt {
    #expect(tile_emulator_begin())
    let before = tile_emulator_executed()
    defer { tile_emulator_end() }
    try body()
    #expect(!tile_emulator_is_in_use(), "tiles were not given back")
    return tile_emulator_executed() - before
  }

  @Test(arguments: cases) private func tilesGiveTheSameBits(_ some: TileCase) throws {
    let hasTiles = (try? Engine(kernels: "amx", threads: 1)) != nil
    // Threads that the library makes hear no signals: on a CPU without tiles nobody could execute their instructions.
    for threads in hasTiles ? [1, 3] : [1] {
      let tiles = try #require(TileKernels.emulated(threads: threads))
      var found: [Float] = []
      let executed = try emulating { found = try some.results(tiles) }
      if threads == 1 { #expect((executed > 0) == (some.rows >= 16 && !hasTiles)) }
      for engine in exactEngines where engine.kernelsName != "amx" {
        let expected = try some.results(engine)
        #expect(found.map(\.bitPattern) == expected.map(\.bitPattern), "\(engine.kernelsName), \(threads) threads")
      }
    }
  }

  @Test func aWrongProductIsNoticed() throws {
    let tiles = try #require(TileKernels.emulated(threads: 1)), others = try Engine(kernels: "avx512", threads: 1)
    let executed = emulating { #expect(TileKernels.agree(tiles.kernels, others.kernels)) }
    if executed == 0 { return }  // a CPU with tiles, which makes no mistakes for us
    _ = emulating {
      tile_emulator_set_faulty(true)
      #expect(!TileKernels.agree(tiles.kernels, others.kernels))
      tile_emulator_set_faulty(false)
    }
  }
}
