import AttendBase
import AttendDispatch
import AttendKernelInterface
import Foundation
import Testing

private let float32Cases: [AttentionCase] = [
  AttentionCase(), AttentionCase(heads: 1, keyValueHeads: 1, headDim: 64, keys: 1, queries: 1),
  AttentionCase(heads: 12, keyValueHeads: 4, headDim: 8, keys: 33, queries: 7),
  AttentionCase(heads: 4, keyValueHeads: 4, headDim: 32, keys: 129, queries: 129, mask: AttentionMask(causal: true)),
  AttentionCase(heads: 6, keyValueHeads: 2, headDim: 80, keys: 200, queries: 25, mask: AttentionMask(causal: true)),
  AttentionCase(
    heads: 2, keyValueHeads: 1, headDim: 37, keys: 300, queries: 300, mask: AttentionMask(causal: true, window: 20)),
  AttentionCase(
    heads: 2, keyValueHeads: 2, headDim: 64, keys: 290, queries: 290, mask: AttentionMask(causal: false, window: 64)),
  AttentionCase(
    heads: 2, keyValueHeads: 2, headDim: 128, keys: 150, queries: 40,
    mask: AttentionMask(causal: true, window: 140, softCap: 2)),
  AttentionCase(
    heads: 3, keyValueHeads: 3, headDim: 256, keys: 65, queries: 65, mask: AttentionMask(causal: false, softCap: 5)),
  AttentionCase(heads: 8, keyValueHeads: 1, headDim: 96, keys: 513, queries: 1, mask: AttentionMask(causal: true)),
  AttentionCase(
    heads: 14, keyValueHeads: 7, headDim: 32, keys: 300, queries: 1, mask: AttentionMask(causal: true, window: 150)),
  AttentionCase(
    heads: 13, keyValueHeads: 13, headDim: 16, keys: 290, queries: 1, mask: AttentionMask(causal: true),
    biases: Biases(slopes: true, reach: 30, sinks: true)),
  AttentionCase(
    heads: 4, keyValueHeads: 2, headDim: 16, keys: 300, queries: 300, mask: AttentionMask(causal: true),
    biases: Biases(slopes: true)),
  AttentionCase(
    heads: 3, keyValueHeads: 3, headDim: 24, keys: 270, queries: 31, mask: AttentionMask(causal: true),
    biases: Biases(reach: 128)),
  AttentionCase(heads: 4, keyValueHeads: 4, headDim: 32, keys: 200, queries: 200, biases: Biases(reach: 9)),
  AttentionCase(heads: 2, keyValueHeads: 2, headDim: 8, keys: 45, queries: 45, biases: Biases(reach: 0)),
  AttentionCase(
    heads: 6, keyValueHeads: 2, headDim: 64, keys: 180, queries: 180, mask: AttentionMask(causal: true, window: 33),
    biases: Biases(sinks: true)),
  AttentionCase(
    heads: 4, keyValueHeads: 1, headDim: 20, keys: 150, queries: 9, mask: AttentionMask(causal: true, softCap: 3),
    biases: Biases(slopes: true, reach: 40, sinks: true)),
  AttentionCase(
    heads: 3, keyValueHeads: 3, headDim: 16, keys: 140, queries: 140,
    biases: Biases(contentToPosition: true, positionToContent: true, places: (50, 37))),
  AttentionCase(
    heads: 2, keyValueHeads: 1, headDim: 24, keys: 61, queries: 61,
    biases: Biases(contentToPosition: true, places: (512, 1024))),
  AttentionCase(
    heads: 4, keyValueHeads: 2, headDim: 16, keys: 133, queries: 133,
    mask: AttentionMask(causal: false, window: 40, softCap: 9),
    biases: Biases(slopes: true, reach: 3, sinks: true, positionToContent: true, places: (20, 16))),
]

/// Each with keys and values of every type.
private let cases = KeyValueType.allCases.flatMap { type in
  float32Cases.map { spec in
    var spec = spec
    spec.type = type
    return spec
  }
}

@Suite struct AttentionTests {
  /// In bfloat16 probabilities are rounded, by up to 2^-9 of themselves, before they meet values.
  @Test(arguments: engines) func everyMaskAndShapeIsRight(engine: Engine) throws {
    for (index, spec) in cases.enumerated() {
      let sequence = PagedSequence(spec, seed: UInt64(index + 1))
      sequence.store(engine)
      let expected = sequence.expected()
      let tolerance = spec.type == .bfloat16 ? 0x1p-9 * Double(sequence.v.values.map { abs($0) }.max()!) : 4e-6
      for threads in [1, 2] {
        let (out, weights) = try sequence.run(engine.with(threads: threads))
        #expect(largestError(out, expected.out) < tolerance, "case \(index)")
        #expect(largestError(weights, expected.weights) < 2e-6, "case \(index)")
      }
    }
  }

  @Test(arguments: exactEngines) func aPromptInChunksHasTheSameBits(engine: Engine) throws {
    for spec in cases where spec.mask.causal {
      let sequence = PagedSequence(spec, seed: 9)
      let whole = try sequence.run(engine).out
      for chunk in [1, 5, 64] {
        for threads in [1, 3] {
          let out = Table(spec.queries, spec.heads * spec.headDim)
          for first in stride(from: 0, to: spec.queries, by: chunk) {
            try [sequence.sequence(row: first, first: first, count: min(chunk, spec.queries - first))]
              .withUnsafeBufferPointer {
                try engine.with(threads: threads).attention(
                  sequence.q.matrix, $0, sequence.heads, spec.mask, bias: sequence.biases.bias, into: out.matrix,
                  workspace: Workspace())
              }
          }
          #expect(out.values == whole)
        }
      }
    }
  }

  @Test(arguments: exactEngines) func aSequenceHasTheSameBitsInAnyCompany(engine: Engine) throws {
    let all = Biases(slopes: true, reach: 21, sinks: true)
    for (mask, biases) in [
      (AttentionMask(causal: false), Biases()), (AttentionMask(causal: true), Biases()),
      (AttentionMask(causal: true), all), (AttentionMask(causal: false), all),
    ] {
      for headDim in [24, 32] {
        for type in KeyValueType.allCases {
          try company(
            [(3, 3), (200, 200), (77, 20), (1, 1), (130, 1), (64, 64), (31, 30), (97, 50)], headDim, mask, biases,
            type, engine)
          try company([(300, 1), (77, 1), (1, 1), (130, 1)], headDim, mask, biases, type, engine)
        }
      }
    }
    let terms = Biases(contentToPosition: true, positionToContent: true, places: (30, 25))
    try company(
      [(3, 3), (200, 200), (1, 1), (64, 64), (31, 31)], 32, AttentionMask(causal: false), terms, .float32, engine)
  }

  /// Sequences of so many keys and queries, alone and together.
  private func company(
    _ lengths: [(Int, Int)], _ headDim: Int, _ mask: AttentionMask, _ biases: Biases, _ type: KeyValueType,
    _ engine: Engine
  ) throws {
    let sequences = lengths.enumerated().map { index, length in
      PagedSequence(
        AttentionCase(
          heads: 4, keyValueHeads: 2, headDim: headDim, keys: length.0, queries: length.1, mask: mask, biases: biases,
          type: type), seed: UInt64(index))
    }
    let alone = try sequences.map { try $0.run(engine).out }
    let rows = lengths.reduce(0) { $0 + $1.1 }, width = 4 * biases.places.columns
    let q = Table(rows, 4 * headDim), out = Table(rows, 4 * headDim), content = Table(rows, width),
      position = Table(rows, width)
    var row = 0
    let entries = sequences.map { sequence in
      defer { row += sequence.spec.queries }
      for query in 0..<sequence.spec.queries {
        q.matrix[row + query].update(from: sequence.q.matrix[query], count: 4 * headDim)
        content.matrix[row + query].update(from: sequence.biases.contentToPosition.matrix[query], count: width)
        position.matrix[row + query].update(from: sequence.biases.positionToContent.matrix[query], count: width)
      }
      return sequence.sequence(row: row)
    }
    let bias = sequences[0].biases.bias(content.matrix, position.matrix)
    for threads in [1, 2, 3] {
      try entries.withUnsafeBufferPointer {
        try engine.with(threads: threads).attention(
          q.matrix, $0, sequences[0].heads, mask, bias: bias, into: out.matrix, workspace: Workspace())
      }
      #expect(out.values == alone.flatMap { $0 })
    }
  }

  @Test(.enabled(if: exactEngines.count > 1, "needs a CPU with AVX2 and AVX-512")) func instructionSetsGiveTheSameBits()
    throws
  {
    for spec in cases {
      let sequence = PagedSequence(spec, seed: 5)
      let first = try sequence.run(exactEngines[0]), second = try sequence.run(exactEngines[1])
      #expect(first.out.map(\.bitPattern) == second.out.map(\.bitPattern))
      #expect(first.weights.map(\.bitPattern) == second.weights.map(\.bitPattern))
    }
  }

  @Test(arguments: engines) func memoryDoesNotGrowWithTheKeys(engine: Engine) throws {
    // The scores of all tokens with all would take 4 GB.
    var spec = AttentionCase(
      heads: 1, keyValueHeads: 1, headDim: 8, keys: 32768, queries: 32768,
      mask: AttentionMask(causal: true, window: 300))
    spec.biases = Biases(slopes: true, reach: 128, sinks: true)
    let sequence = PagedSequence(spec, seed: 2), workspace = Workspace(), out = Table(spec.queries, 8)
    sequence.store(engine)
    try [sequence.sequence(row: 0)].withUnsafeBufferPointer {
      try engine.with(threads: 2).attention(
        sequence.q.matrix, $0, sequence.heads, spec.mask, bias: sequence.biases.bias, into: out.matrix,
        workspace: workspace)
      // Each of the last tokens looks at all keys.
      var last = $0[0]
      last.row = spec.queries - 32
      last.position = last.row
      last.count = 32
      try [last].withUnsafeBufferPointer {
        try engine.attention(
          sequence.q.matrix, $0, sequence.heads, AttentionMask(causal: false), into: out.matrix, workspace: workspace)
      }
    }
    #expect(workspace.bytes <= 1 << 20)
    #expect(out.values.allSatisfy { $0.isFinite })
  }

  /// Chunks of a prompt and tokens one by one land in the pages as a whole prompt does.
  @Test(arguments: engines, KeyValueType.allCases) func keysAndValuesAreStoredAlikeHoweverTheyCome(
    engine: Engine, type: KeyValueType
  ) {
    for headDim in [5, 16, 40, 64, 150] {
      let spec = AttentionCase(heads: 2, keyValueHeads: 2, headDim: headDim, keys: 110, queries: 1, type: type)
      let whole = PagedSequence(spec, seed: 3)
      whole.store(engine)
      for chunk in [1, 7, 16, 50, 110] {
        let parts = PagedSequence(spec, seed: 3)
        for first in stride(from: 0, to: spec.keys, by: chunk) {
          let count = min(chunk, spec.keys - first)
          [AttentionSequence(row: first, count: count, position: first, keys: first + count, pages: parts.bases)]
            .withUnsafeBufferPointer {
              engine.with(threads: 2).storeKeyValues(parts.k.matrix, parts.v.matrix, $0, parts.heads)
            }
        }
        var wrong = 0
        for key in 0..<spec.keys {
          for column in 0..<2 * headDim {
            let (k, v) = parts.stored(key, head: column / headDim, column % headDim)
            let (wholeK, wholeV) = whole.read(key, head: column / headDim, column % headDim)
            if k != wholeK || v != wholeV { wrong += 1 }
          }
        }
        #expect(wrong == 0, "headDim \(headDim), chunks of \(chunk)")
      }
    }
  }

  /// In 8 bits no number is farther off than half a step of the row's largest; in 4 bits the whole row is at least as
  /// near as with the steps that put its largest number on an end of the scale.
  @Test(arguments: engines) func wholeNumbersAreTheNearest(engine: Engine) {
    for type in [KeyValueType.int8, .int4] {
      for headDim in [5, 16, 40, 64, 150] {
        let sequence = PagedSequence(
          AttentionCase(heads: 2, keyValueHeads: 2, headDim: headDim, keys: 70, queries: 1, type: type), seed: 4)
        for column in 0..<2 * headDim { sequence.k.matrix[7][column] = 0 }
        sequence.store(engine)
        var wrong = 0
        for (row, head) in (0..<70).flatMap({ row in [(row, 0), (row, 1)] }) {
          let stored = (0..<headDim).map { sequence.stored(row, head: head, $0) }
          let keys = (0..<headDim).map { Double(sequence.k.matrix[row][head * headDim + $0]) },
            values = (0..<headDim).map { Double(sequence.v.matrix[row][head * headDim + $0]) }
          if !isNear(stored.map(\.key), keys, type) || !isNear(stored.map(\.value), values, type) { wrong += 1 }
        }
        #expect(wrong == 0, "\(type), headDim \(headDim)")
      }
    }
  }

  private func isNear(_ stored: [Double], _ row: [Double], _ type: KeyValueType) -> Bool {
    let largest = row.max { abs($0) < abs($1) }!
    if type == .int8 { return zip(stored, row).allSatisfy { abs($0 - $1) <= abs(largest) / 127 * 0.5001 } }
    let step = largest / -8
    let plain = row.map { x in step == 0 ? 0 : min(max((x / step).rounded(.toNearestOrEven), -8), 7) * step }
    func error(_ guess: [Double]) -> Double { zip(guess, row).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } }
    return error(stored) <= error(plain) * 1.00001
  }
}
