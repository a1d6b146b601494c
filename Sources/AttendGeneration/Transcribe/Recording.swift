import AttendBase
import AttendSounds

/// A recording on its way through windows: how far it is heard, and what the next window is told.
final class Recording {
  let number: Int
  let windows: any WindowFeatures
  /// Another one where what is settled is handed over piece by piece.
  var transcription = Transcription()
  /// The frame at which the next window begins, and the first that is not heard any more.
  private(set) var seek = 0
  private(set) var limit: Int
  /// Start, language and task; empty while the language is not known.
  var prefix: [Int32] = []
  /// Whether the next window is told what was written before.
  private var conditions: Bool
  private let options: TranscriptionOptions
  private let prompt: [Int32]
  /// The last tokens that were written, as many as a window is told.
  private var written = GrowingList<Int32>(for: "what was written before")
  private var hasWritten: Bool
  private let mostWritten: Int

  /// `positions` are those of the decoder: a window is told half of them less one.
  init(
    _ number: Int, _ windows: any WindowFeatures, limit: Int, prompt: [Int32], _ options: TranscriptionOptions,
    positions: Int
  ) throws(Failure) {
    (self.number, self.windows, self.limit) = (number, windows, limit)
    (self.options, self.prompt, conditions) = (options, prompt, options.conditions)
    mostWritten = max(positions / 2 - 1, 1)
    hasWritten = !prompt.isEmpty && !options.promptsAll
    if hasWritten {
      // The prompt counts as what was written before the first window.
      let isMarked = prompt.first == options.tokens.previousText
      for token in isMarked ? prompt[1...] : prompt[...] { try note(token) }
    }
  }

  var isOver: Bool { seek >= limit }
  /// Frames of the next window.
  var frames: Int { min(windows.logMel.windowFrames, limit - seek) }
  /// Seconds at which it begins.
  var offset: Double { Double(seek) * Double(windows.logMel.hop) / Double(windows.logMel.rate) }

  /// Lets the language be told anew.
  func forgetPrefix() { prefix = [] }

  func advance(_ frames: Int) { seek += frames }

  /// Tells how far a recording has come that is being heard.
  func grow(to limit: Int) { self.limit = limit }

  /// The tokens before the prefix: a prompt, or what was written before.
  func context() throws(Failure) -> [Int32] {
    guard conditions, hasWritten else { return prompt }
    guard let mark = options.tokens.previousText else {
      throw Failure(
        .unsupported, "condition_on_prev_tokens is set, and the checkpoint has no prev_sot_token_id")
    }
    return (options.promptsAll && !prompt.isEmpty ? prompt : [mark]) + Array(written.elements)
  }

  /// Notes what was decoded of a window, and how.
  func note(_ cuts: UnsafeBufferPointer<SegmentCuts.Cut>, of tokens: UnsafeBufferPointer<Int32>) throws(Failure) {
    for cut in cuts {
      // Of the two timestamps at the end of a segment one is enough.
      let first = options.tokens.firstTimestamp ?? .max
      let isDoubled = cut.limit - cut.first > 2 && tokens[cut.limit - 2] >= first
      for place in cut.first..<cut.limit - (isDoubled ? 1 : 0) { try note(tokens[place]) }
      hasWritten = true
    }
  }

  /// What is drawn at a high temperature is not worth telling.
  func decoded(at temperature: Double) { conditions = options.conditions && temperature < 0.5 }

  private func note(_ token: Int32) throws(Failure) {
    if written.count == mostWritten {
      written.storage.update(from: written.storage + 1, count: mostWritten - 1)
      written.removeAll(from: mostWritten - 1)
    }
    try written.append(token)
  }
}
