import AttendBase
import AttendDecoding
import AttendTestSupport
import Testing

/// Searches over a model whose logits are a hash: widths at the edge, cancellation, batches that change.
@Suite struct SearchTests {
  /// One request of each kind, for a vocabulary of at least 12.
  private static func kinds(isEncoderDecoder: Bool = false) -> [Request] {
    var requests: [Request] = []
    func add(_ change: (inout SearchOptions) -> Void) {
      var request = Request()
      request.options.maximalNewTokens = 12
      request.options.logProbabilities = true
      request.options.logits.endTokens = fixed([0])
      change(&request.options)
      requests.append(request)
    }
    add { _ in }
    add {
      $0.samples = true
      $0.sequences = 3
      $0.sampling.seed = 7
    }
    add {
      $0.beams = 4
      $0.sequences = 4
    }
    add {
      $0.beams = 3
      $0.earlyStopping = .never
      $0.lengthPenalty = 0.6
      $0.logits.repetitionPenalty = 1.3
    }
    add {
      $0.beams = 6
      $0.groups = 3
      $0.diversityPenalty = 0.5
      $0.sequences = 6
      $0.paddingToken = 2
    }
    add {
      $0.beams = 4
      $0.requiredPhrases = [[[5, 6], [7]], [[8]]]
    }
    add {
      $0.beams = 4
      $0.sequences = 4
      $0.samples = true
      ($0.sampling.topK, $0.sampling.temperature, $0.sampling.xtcProbability) = (8, 1.5, 0.5)
    }
    add {
      $0.penaltyAlpha = 0.5
      $0.contrastiveTopK = 4
    }
    add {
      $0.rules = .ctranslate2
      $0.beams = 3
      $0.sequences = 3
      $0.ctranslate2.patience = 2
      $0.logits.minimalLength = 1
    }
    add {
      $0.rules = .ctranslate2
      $0.beams = 2
      $0.sequences = 3
      $0.ctranslate2.alternatives = true
      $0.ctranslate2.prefixCount = 2
      $0.logits.minimalLength = 1
    }
    return requests
  }

  /// A request of a random kind and prompt.
  private static func request(_ random: inout SplitMix) -> Request {
    var kinds = kinds()
    var request = kinds.remove(at: random.below(kinds.count))
    request.prompt = (0..<3 + random.below(5)).map { _ in Int32(random.below(40)) }
    return request
  }

  @Test func batchesEqualSingleRuns() throws {
    let model = try FakeModel(vocabulary: 40)
    let requests = SearchTests.kinds()
    let jobs = try requests.enumerated().map { try $1.job($0, model) }
    let loop = try DecodingLoop(model)
    try loop.add(jobs)
    try loop.finish()
    #expect(model.count == 0)
    for (request, job) in zip(requests, jobs) {
      #expect(try job.search.hypotheses().map(Found.init) == found(request, try FakeModel(vocabulary: 40)))
    }
  }

  /// Whether a model sums up the blocks of its logits or leaves it to the searches.
  @Test func blocksOfLogitsChangeNothing() throws {
    let kinds = SearchTests.kinds()
    var requests = kinds
    for kind in kinds where kind.options.beams > 1 && !kind.options.ctranslate2.alternatives {
      requests += logitsChanges.map { (change) in
        var request = kind
        change(&request.options.logits)
        return request
      }
    }
    for request in requests {
      let results = try [true, false].map { (givesBlocks) in
        let model = try FakeModel(vocabulary: 3000)
        model.fixedLogits = [7: 3.9, 300: 3.9, 1000: 4, 1001: 4, 2999: 3.9]
        model.givesBlocks = givesBlocks
        return try found(request, model)
      }
      #expect(results[0] == results[1])
    }
  }

  @Test func requestsJoinAndLeave() throws {
    var random = SplitMix(seed: 3)
    let model = try FakeModel(vocabulary: 40)
    let loop = try DecodingLoop(model)
    loop.promptTokensPerStep = 4
    var requests: [Request] = []
    var finished = 0
    for _ in 0..<200 {
      if loop.jobs.count < 12, random.below(3) == 0 {
        let request = SearchTests.request(&random)
        try loop.add([try request.job(requests.count, model)])
        requests.append(request)
      }
      if random.below(12) == 0 {
        let unwanted = random.below(max(requests.count, 1))
        _ = try loop.remove { $0.number == unwanted }
      }
      for job in try loop.step() {
        #expect(job.failure == nil)
        let alone = try found(requests[job.number], try FakeModel(vocabulary: 40))
        #expect(try job.search.hypotheses().map(Found.init) == alone, "request \(job.number)")
        finished += 1
      }
    }
    #expect(finished > 25)
  }

  /// A step that fails is tried again with the same result.
  @Test func failedStepsChangeNothing() throws {
    for request in SearchTests.kinds() {
      let wanted = try found(request, try FakeModel(vocabulary: 40))
      let model = try FakeModel(vocabulary: 40)
      let job = try request.job(0, model)
      let loop = try DecodingLoop(model)
      try loop.add([job])
      while !loop.jobs.isEmpty {
        model.stepsToFailure = 0
        #expect(throws: Failure.self) { try loop.step() }
        model.stepsToFailure = nil
        _ = try loop.step()
      }
      #expect(try job.search.hypotheses().map(Found.init) == wanted)
    }
  }

  @Test func everyStepCanBeTheLast() throws {
    for (kind, request) in SearchTests.kinds().enumerated() {
      var steps = 0
      var isWhole = false
      while !isWhole {
        let model = try FakeModel(vocabulary: 40)
        let job = try request.job(0, model)
        let loop = try DecodingLoop(model)
        try loop.add([job])
        for _ in 0..<steps where !loop.jobs.isEmpty { _ = try loop.step() }
        isWhole = loop.jobs.isEmpty
        try job.search.finish(.cancelled)
        #expect(job.search.isFinished)
        #expect(try loop.remove { _ in true }.count == (isWhole ? 0 : 1))
        #expect(model.count == 0)
        let hypotheses = try job.search.hypotheses()
        #expect(hypotheses.count <= request.options.sequences)
        #expect(!hypotheses.isEmpty || steps == 0, "kind \(kind) after \(steps) steps")
        for hypothesis in hypotheses {
          #expect(hypothesis.tokens.elements.starts(with: request.prompt))
          #expect(hypothesis.logProbabilities.count == hypothesis.generatedCount)
          #expect(hypothesis.generatedCount <= steps)
        }
        steps += 1
      }
      #expect(steps > 1)
    }
  }

  // MARK: Widths at the edge

  /// Beams that together hold every text there is find the most probable ones.
  @Test func wideBeamsAreExhaustive() throws {
    var request = Request()
    request.options.beams = 64
    request.options.sequences = 64
    request.options.maximalNewTokens = 3
    request.options.lengthPenalty = 0
    let all = try found(request, try FakeModel(vocabulary: 4))
    #expect(all.count == 64)
    #expect(Set(all.map(\.tokens)).count == 64)
    #expect(zip(all, all.dropFirst()).allSatisfy { $0.score! >= $1.score! })
    // Their probabilities add up to 1.
    #expect(abs(all.reduce(0) { $0 + Exponential.exp($1.score!) } - 1) < 1e-5)
  }

  @Test func oneTokenMayBeAllowed() throws {
    for kind in SearchTests.kinds() {
      var request = kind
      request.options.logits.allowed = fixed([9])
      request.options.logits.minimalLength = 0
      if !request.options.requiredPhrases.isEmpty { request.options.requiredPhrases = [[[9, 9]]] }
      let found = try found(request, try FakeModel(vocabulary: 40))
      #expect(!found.isEmpty)
      for hypothesis in found {
        #expect(hypothesis.tokens == request.prompt + Array(repeating: 9, count: 12))
        #expect(hypothesis.reason == .length)
      }
    }
  }

  @Test func everythingForbiddenIsAnError() throws {
    for kind in SearchTests.kinds() {
      var request = kind
      request.options.logits.allowed = fixed([9])
      request.options.logits.badWords = fixed([[9, 9]])
      // What follows an alternative is not compared with it.
      if request.options.ctranslate2.alternatives { continue }
      let model = try FakeModel(vocabulary: 40)
      let failure = #expect(throws: Failure.self) { _ = try found(request, model) }
      #expect(failure?.message.contains("no token can follow after 1 generated ones") == true, "\(failure!)")
    }
  }
}
