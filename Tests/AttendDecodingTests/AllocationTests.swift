import AttendBase
import AttendDecoding
import AttendGrammars
import Glibc
import Testing

// The program's own allocator for the memory of buffers and growing lists, which counts what one thread asks for and
// then asks the C library: names that a program defines come first. What the standard library takes is not counted, for
// without optimization its loops over arrays take some.

@_silgen_name("__libc_memalign") private func libraryMemalign(_ alignment: Int, _ size: Int) -> UnsafeMutableRawPointer?

nonisolated(unsafe) private var watched: pthread_t = 0
nonisolated(unsafe) private var asked = 0

@_cdecl("posix_memalign") public func countingMemalign(
  _ memory: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ alignment: Int, _ size: Int
) -> Int32 {
  if watched != 0, pthread_self() == watched { asked += 1 }
  guard let made = libraryMemalign(alignment, size) else { return ENOMEM }
  memory.pointee = made
  return 0
}

/// Buffers and lists do not grow in the token loop once it is warm.
@Suite(.serialized) struct AllocationTests {
  private func allocations(
    _ grammar: CompiledGrammar? = nil, _ change: (inout SearchOptions) -> Void
  ) throws -> Int {
    var request = Request()
    request.grammar = grammar
    request.options.maximalNewTokens = 100
    change(&request.options)
    let model = try FakeModel(vocabulary: 500)
    let loop = try DecodingLoop(model)
    try loop.add((0..<3).map { try request.job($0, model) })
    for _ in 0..<4 { _ = try loop.step() }
    asked = 0
    watched = pthread_self()
    defer { watched = 0 }
    for _ in 0..<90 { _ = try loop.step() }
    watched = 0
    #expect(loop.jobs.count == 3)
    return asked
  }

  @Test func counterCounts() throws {
    asked = 0
    watched = pthread_self()
    defer { watched = 0 }
    let memory = try AlignedBuffer(100, of: Float.self, for: "a test")
    watched = 0
    #expect(asked == 1 && memory.bytes > 0)
  }

  @Test func greedySearch() throws { #expect(try allocations { _ in } == 0) }

  @Test func sampling() throws {
    let count = try allocations {
      $0.samples = true
      $0.sequences = 4
      $0.sampling.topK = 20
      $0.sampling.topP = 0.9
    }
    #expect(count == 0)
  }

  @Test func beams() throws {
    let count = try allocations {
      $0.beams = 4
      $0.logits.repetitionPenalty = 1.2
    }
    #expect(count == 0)
  }

  @Test func drawnBeams() throws {
    let count = try allocations {
      ($0.beams, $0.samples, $0.logProbabilities) = (4, true, true)
      ($0.sampling.temperature, $0.sampling.topK) = (1.5, 50)
    }
    #expect(count == 0)
  }

  @Test func groupBeams() throws {
    #expect(try allocations { ($0.beams, $0.groups, $0.diversityPenalty) = (6, 3, 0.5) } == 0)
  }

  /// A grammar all of whose states are met soon, with tokens that are forced and tokens that are chosen.
  @Test(arguments: [1, 4]) func grammars(_ beams: Int) throws {
    let cut: TokenTable.Cut = { text, ids throws(Failure) in for byte in text { try ids.append(Int32(byte)) } }
    let tokens = try TokenTable(count: 500, stops: [499], cut: cut) { id, bytes throws(Failure) in
      if id < 256 { try bytes.append(UInt8(id)) }
    }
    let grammar = try CompiledGrammar(RegularExpression.grammar("((a|b)cde(f|g)){1000}"), tokens)
    let change = { (options: inout SearchOptions) in (options.beams, options.maximalNewTokens) = (beams, 250) }
    // Whoever came before has warmed it.
    _ = try allocations(grammar, change)
    #expect(try allocations(grammar, change) == 0)
  }
}
