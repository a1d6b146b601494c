import AttendBase
import AttendDispatch

/// The requests that are decoded side by side: each step gives every row of every search its next tokens in one pass of
/// the model. Requests join and leave between steps, and what becomes of one does not depend on the others.
///
/// One thread at a time. The rows of the model are the loop's alone, from its making on.
package final class DecodingLoop {
  private let model: any StepModel
  private(set) package var jobs: [DecodingJob] = []
  private var plan = StepPlan()
  private var parents = GrowingList<Int>(for: "the rows of the batch")
  private let work: RowWork
  private var times = StepPrice()
  /// Tokens of prompts that a step reads at most, so that a long one does not keep the others waiting; at least 1.
  package var promptTokensPerStep = 512
  private var recordsAttention = false
  private var summarizesLogits = false

  /// What drafts cost, for measurements that are not to depend on the clock; nil: what the steps take tells.
  package var fixedPrice: DraftPrice?

  package init(_ model: any StepModel) throws(Failure) {
    self.model = model
    work = try RowWork(model.engine, vocabulary: model.vocabulary)
  }

  /// Rows that are in use.
  package var rowCount: Int { model.count }

  // MARK: Joining and leaving

  /// Adds requests behind those that are there. A failure adds none.
  package func add(_ new: [DecodingJob]) throws(Failure) {
    let before = model.count
    var rest = new[...]
    do throws(Failure) {
      while let first = rest.first {
        let run = rest.prefix { ($0.context.input == nil) == (first.context.input == nil) }
        if first.context.input == nil { try addTexts(run) } else { try addInputs(run) }
        rest = rest.dropFirst(run.count)
      }
    } catch {
      parents.removeAll()
      for row in 0..<before { try parents.append(row) }
      try selectRows()
      throw error
    }
    jobs += new
    tellWishes()
  }

  /// Adds the rows of requests that read pictures or sounds.
  private func addInputs(_ new: ArraySlice<DecodingJob>) throws(Failure) {
    var rows = StepPlan()
    var inputs: [any StepInput] = []
    for job in new {
      job.join()
      guard let input = job.context.input else { continue }
      for prompt in [job.context.prompt, job.context.otherPrompt?.tokens] {
        guard let prompt else { continue }
        inputs.append(input)
        try rows.add(prompt, tail: 0)
      }
    }
    try model.add(inputs: inputs, prompts: rows.ragged)
  }

  /// Adds the rows of requests that read nothing but tokens.
  private func addTexts(_ new: ArraySlice<DecodingJob>) throws(Failure) {
    var rows = StepPlan()
    for job in new {
      job.join()
      let context = job.context
      // Where the states of the whole prompt are wanted, none of it is taken as known.
      let prompt = context.readsStates ? UnsafeBufferPointer(start: nil, count: 0) : context.prompt
      let first = model.readsSources ? context.source : prompt
      try rows.add(first, tail: 0)
      if let other = context.otherPrompt { try rows.add(other.tokens, tail: 0) }
    }
    if model.readsSources {
      try model.add(sources: rows.ragged)
    } else {
      var known = GrowingList<Int>(for: "the rows of the batch")
      try known.reserve(rows.rowCount)
      known.resize(to: rows.rowCount, filling: 0)
      try model.add(prompts: rows.ragged, known: known.storage)
      var row = 0
      for job in new {
        job.promptRead = known[row]
        row += job.rows
        if job.context.otherPrompt != nil { job.otherPromptRead = known[row - 1] }
      }
    }
  }

  /// Takes requests out of the batch that `isUnwanted`; returns them, as far as they have come.
  package func remove(where isUnwanted: (DecodingJob) -> Bool) throws(Failure) -> [DecodingJob] {
    parents.removeAll()
    var row = 0
    for job in jobs {
      if !isUnwanted(job) { for own in 0..<job.rows { try parents.append(row + own) } }
      row += job.rows
    }
    try selectRows()
    let removed = jobs.filter(isUnwanted)
    jobs.removeAll(where: isUnwanted)
    tellWishes()
    return removed
  }

  /// Takes all requests out of the batch, as far as they have come: also those whose rows a failure has left behind.
  package func dissolve() throws(Failure) -> [DecodingJob] {
    isBroken = true
    try model.select(UnsafeBufferPointer(start: nil, count: 0))
    defer { jobs = [] }
    isBroken = false
    return jobs
  }

  // MARK: Steps

  /// Whether a step failed behind the choices: the rows are not those that the searches go on with, and `dissolve` must
  /// come next.
  private(set) package var isBroken = false

  /// The rows and tokens of the last step, and how many of these were of prompts or read again.
  package var lastStep: (rows: Int, tokens: Int, promptTokens: Int) {
    (plan.rowCount, plan.tokens.count, plan.promptTokens)
  }

  /// Computes one step. Returns the requests that are finished, or that failed by themselves. A failure of the model
  /// leaves the batch as it was, so that the step can be tried again, unless `isBroken` says otherwise.
  package func step() throws(Failure) -> [DecodingJob] {
    guard !jobs.isEmpty else { return [] }
    try makePlan()
    let begin = MonotonicTime.now
    let logits = try model.step(plan.ragged, tails: UnsafeBufferPointer(plan.tails.elements))
    notePrice(MonotonicTime.now - begin)
    for job in jobs where job.hasLogits && job.context.readsAttention { noteAttention(job) }
    if let logits, let states = model.stepStates {
      try work.examine(jobs, plan, RowLogits(logits, blocks: model.stepBlocks), states)
    }
    isBroken = true
    for job in jobs {
      finishReading(job)
      if job.hasLogits, job.failure == nil { job.choose() }
    }
    let over = try select()
    isBroken = false
    return over
  }

  /// Lets the model keep its attention over sources, and sum up blocks of logits, while a search wants it.
  private func tellWishes() {
    let attention = jobs.contains { $0.context.readsAttention }
    if attention != recordsAttention { model.recordSourceAttention(attention) }
    let blocks = jobs.contains { $0.search.readsBlocks }
    if blocks != summarizesLogits { model.summarizeLogits(blocks) }
    (recordsAttention, summarizesLogits) = (attention, blocks)
  }

  /// Tells a search what its rows attended to.
  private func noteAttention(_ job: DecodingJob) {
    do throws(Failure) {
      for row in 0..<job.search.rowCount {
        try job.search.note(attention: try model.sourceAttention(row: job.firstRow + row), row: row)
      }
    } catch { job.failure = error }
  }

  /// Learns from the time of a step what drafts cost. Steps with prompts tell of other work.
  private func notePrice(_ nanoseconds: Int) {
    guard plan.promptTokens == 0 else { return }
    times.note(tokens: plan.tokens.count, nanoseconds: nanoseconds)
    let price = fixedPrice ?? times.price(rows: plan.rowCount)
    for job in jobs { job.context.price = price }
  }

  private func makePlan() throws(Failure) {
    plan.removeAll()
    var budget = max(promptTokensPerStep, 1)
    for job in jobs {
      (job.firstRow, job.rowsBefore, job.endsPrompt) = (plan.rowCount, job.rowsPerCopy, false)
      if job.isReading {
        try planPrompt(job, &budget)
      } else if job.isResuming {
        try planPast(job, &budget)
      } else {
        for _ in 0..<job.copies {
          for row in 0..<job.search.rowCount {
            try plan.add(job.search.next(row: row), tail: job.search.tails(row: row))
          }
        }
        job.hasLogits = true
      }
    }
  }

  /// The next part of a prompt. Two prompts of one request are read in one step, for their logits are wanted together;
  /// so is a prompt whose states or attention are wanted.
  private func planPrompt(_ job: DecodingJob, _ budget: inout Int) throws(Failure) {
    let whole = job.isResuming ? job.context.prompt : job.search.next(row: 0)
    let prompt = UnsafeBufferPointer(rebasing: whole.dropFirst(job.promptRead))
    let count = job.context.readsPromptAtOnce ? prompt.count : min(prompt.count, budget)
    budget = max(budget - count, 0)
    plan.promptTokens += count
    job.endsPrompt = count == prompt.count
    job.hasLogits = job.endsPrompt && !job.isResuming
    try plan.add(
      UnsafeBufferPointer(rebasing: prompt.prefix(count)), tail: job.hasLogits ? job.search.tails(row: 0) : 0)
    guard let other = job.context.otherPrompt else { return }
    // The other prompt of an encoder-decoder is a source, which has been read.
    let second =
      model.readsSources ? prompt : UnsafeBufferPointer(rebasing: other.tokens.dropFirst(job.otherPromptRead))
    try plan.add(second, tail: job.hasLogits ? 1 : 0)
  }

  /// The next part of what the rows of a request have to read again behind its prompt.
  private func planPast(_ job: DecodingJob, _ budget: inout Int) throws(Failure) {
    job.hasLogits = false
    job.pastLeft = 0
    for copy in 0..<job.copies {
      for row in 0..<job.search.rowCount {
        let past = unreadPast(job, copy, row, of: plan.rowCount)
        let part = UnsafeBufferPointer(rebasing: past.prefix(budget))
        budget -= part.count
        plan.promptTokens += part.count
        job.pastLeft += past.count - part.count
        try plan.add(part, tail: 0)
      }
    }
  }

  /// What a row of the model has not read of the past of a row of a request.
  private func unreadPast(
    _ job: DecodingJob, _ copy: Int, _ row: Int, of place: Int
  ) -> Slice<UnsafeBufferPointer<Int32>> {
    let prompt = job.context.prompt.count
    let begin = copy == 1 && !model.readsSources ? job.context.otherPrompt?.count ?? prompt : prompt
    let past = job.search.past(row: row) ?? UnsafeBufferPointer(start: nil, count: 0)
    return past.dropFirst(prompt + model.length(place) - begin)
  }

  /// Counts what was read of a prompt, and of a past.
  private func finishReading(_ job: DecodingJob) {
    guard job.isReading else {
      if job.isResuming, job.pastLeft == 0 { job.isResuming = false }
      return
    }
    job.promptRead += plan.lengths[job.firstRow]
    guard job.endsPrompt else { return }
    job.isReading = false
    if job.isResuming {
      let prompt = job.context.prompt.count
      job.isResuming = (0..<job.search.rowCount).contains { (job.search.past(row: $0)?.count ?? 0) > prompt }
    }
    if !model.readsSources, job.context.input == nil {
      model.remember(row: job.firstRow, prompt: job.context.prompt)
    }
  }

  /// Makes the rows of the model those that the searches have chosen, without the requests that are finished or have
  /// failed, which are returned.
  private func select() throws(Failure) -> [DecodingJob] {
    parents.removeAll()
    for job in jobs where !job.isOver {
      let rows = job.rowsPerCopy
      for copy in 0..<job.copies {
        for row in 0..<rows { try parents.append(job.firstRow + copy * job.rowsBefore + job.parent(of: row)) }
      }
      job.rows = job.rowCount
    }
    try selectRows()
    var over: [DecodingJob] = []
    for job in jobs where job.isOver { over.append(job) }
    if !over.isEmpty { jobs.removeAll { $0.isOver } }
    tellWishes()
    try dropTokens()
    return over
  }

  /// Takes from the rows what they read in vain.
  private func dropTokens() throws(Failure) {
    var row = 0
    for job in jobs {
      let own = job.rowsPerCopy
      for place in 0..<job.rows {
        let dropped = job.hasLogits ? job.search.droppedTokens(of: place % own) : 0
        if dropped > 0 { try model.truncate(row, to: model.length(row) - dropped) }
        job.longestRow = max(job.longestRow, model.length(row))
        row += 1
      }
    }
  }

  private func selectRows() throws(Failure) {
    var isSame = parents.count == model.count
    for row in 0..<parents.count where isSame && parents[row] != row { isSame = false }
    if !isSame { try model.select(UnsafeBufferPointer(parents.elements)) }
  }
}
