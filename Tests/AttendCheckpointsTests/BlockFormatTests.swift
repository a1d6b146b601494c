import AttendBase
import AttendCheckpoints
import AttendTestSupport
import Foundation
import Testing

/// Blocks of weights, expanded as the gguf package expands them.
@Suite struct BlockFormatTests {
  @Test(arguments: BlockFormat.allCases) func numbersAreThoseOfTheGGUFPackage(format: BlockFormat) throws {
    let path = Repository.root.appendingPathComponent("Tests/Fixtures/gguf/blocks.safetensors").path
    let file = try SafetensorsFile(path)
    guard let blocks = file["\(format).bytes"], let expected = file["\(format).numbers"] else {
      #expect(["F32", "F64", "I8", "I16", "I32", "I64"].contains("\(format)"), "no blocks of \(format) to compare")
      return
    }
    #expect(Array(expected.shape) == [blocks.shape[0], format.weights])
    #expect(blocks.bytes.count == blocks.shape[0] * format.bytes)
    // All blocks as one row.
    let count = blocks.shape[0] * format.weights
    #expect(format.bytes(ofRow: count) == blocks.bytes.count)
    var numbers = [Float](repeating: .nan, count: count)
    format.expand(try #require(blocks.bytes.baseAddress), count, into: &numbers)
    let bits = expected.bytes.bindMemory(to: UInt32.self)
    #expect(numbers.indices.filter { numbers[$0].bitPattern != bits[$0] }.isEmpty)
  }

  @Test func plainNumbersBecomeFloat32() {
    func expanded<Number>(_ format: BlockFormat, _ numbers: [Number]) -> [Float] {
      var result = [Float](repeating: .nan, count: numbers.count)
      numbers.withUnsafeBytes { format.expand($0.baseAddress!, numbers.count, into: &result) }
      return result
    }
    #expect(expanded(.float32, [1.5, -2] as [Float]) == [1.5, -2])
    #expect(expanded(.float64, [0.1, -2] as [Double]) == [0.1, -2])
    #expect(expanded(.int8, [-128, 127] as [Int8]) == [-128, 127])
    #expect(expanded(.int16, [-300, 300] as [Int16]) == [-300, 300])
    #expect(expanded(.int32, [-70_000, 7] as [Int32]) == [-70_000, 7])
    #expect(expanded(.int64, [-70_000, 7] as [Int64]) == [-70_000, 7])
  }
}
