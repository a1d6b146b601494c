import AttendBase
import Synchronization

/// Texts of a batch, and as many second texts where there are any, where a caller in C has them.
package struct TextBatch {
  package let count: Int
  /// Whether each text has a second one.
  package var hasPairs: Bool { pairs != nil }
  private let texts: Column
  private let pairs: Column?

  /// `[count]` addresses of UTF-8 and `[count]` lengths in bytes.
  package struct Column {
    private let texts: UnsafePointer<UnsafePointer<CChar>?>
    private let lengths: UnsafePointer<Int>

    package init(_ texts: UnsafePointer<UnsafePointer<CChar>?>, _ lengths: UnsafePointer<Int>) {
      (self.texts, self.lengths) = (texts, lengths)
    }

    fileprivate func length(_ index: Int) -> Int { max(lengths[index], 0) }

    fileprivate func text(_ index: Int) throws(Failure) -> UnsafeRawBufferPointer {
      guard lengths[index] >= 0 else {
        throw Failure(.invalidArgument, "its length is \(UInt(bitPattern: lengths[index]))")
      }
      guard texts[index] != nil || lengths[index] == 0 else { throw Failure(.invalidArgument, "it is NULL") }
      return UnsafeRawBufferPointer(start: texts[index], count: lengths[index])
    }
  }

  package init(_ texts: Column, pairs: Column? = nil, count: Int) {
    (self.texts, self.pairs, self.count) = (texts, pairs, count)
  }

  /// A text; what is wrong with it throws `invalidArgument`.
  package func text(_ index: Int) throws(Failure) -> UnsafeRawBufferPointer { try texts.text(index) }

  /// The second text of a number; nil where there are none.
  package func pair(_ index: Int) throws(Failure) -> UnsafeRawBufferPointer? { try pairs?.text(index) }

  fileprivate func encode(_ index: Int, _ tokenizer: Tokenizer, _ options: TokenizeOptions) throws(Failure) -> Encoding
  {
    do throws(Failure) {
      return try tokenizer.encoded(try text(index), pair: try pair(index), options)
    } catch {
      throw error.code == .cancelled ? error : Failure(error.code, "text \(index): \(error.message)")
    }
  }

  /// Bytes of all texts, as far as their lengths make sense.
  fileprivate var bytes: Int {
    (0..<count).reduce(0) { $0 &+ texts.length($1) &+ (pairs?.length($1) ?? 0) }
  }
}

extension Tokenizer {
  /// The encodings of the texts of a batch, each as `encode` gives it, on at most `threads` threads (0: one for each
  /// processor). Throws what the first of the texts that fail throws, with its index.
  package func encode(_ texts: TextBatch, threads: Int, _ options: TokenizeOptions) throws(Failure) -> EncodingBatch {
    options.begin(bytes: options.cancellation == nil ? 0 : texts.bytes)
    let run = BatchRun(self, texts, options, try EncodingBatch(texts.count))
    let parts = min(ThreadPool.count(wanted: threads), texts.count)
    ThreadPool.shared.run(parts, Unmanaged.passUnretained(run).toOpaque()) { context, _ in
      Unmanaged<BatchRun>.fromOpaque(context).takeUnretainedValue().work()
    }
    if let failure = run.failure { throw failure }
    return run.batch
  }
}

/// The encodings of a batch, in its order.
package final class EncodingBatch: @unchecked Sendable {
  package let count: Int
  private let encodings: AlignedBuffer  // [count] Unmanaged<Encoding>?, each written by one thread

  fileprivate init(_ count: Int) throws(Failure) {
    self.count = count
    encodings = try AlignedBuffer(count, of: Unmanaged<Encoding>?.self, for: "a batch of encodings")
    slots.initialize(repeating: nil, count: count)
  }

  deinit { for index in 0..<count { slots[index]?.release() } }

  private var slots: UnsafeMutablePointer<Unmanaged<Encoding>?> { encodings.pointer() }

  /// The encoding of text `index`.
  package subscript(index: Int) -> Encoding {
    precondition(index >= 0 && index < count)
    return slots[index]!.takeUnretainedValue()
  }

  fileprivate func set(_ index: Int, _ encoding: Encoding) { slots[index] = .passRetained(encoding) }
}

/// A batch at work. Threads take the next text from a counter: which of them encodes it changes nothing.
private final class BatchRun: @unchecked Sendable {
  let batch: EncodingBatch
  private let tokenizer: Tokenizer
  private let texts: TextBatch
  private let options: TokenizeOptions
  private let next = Atomic<Int>(0)
  private let first = Mutex<(index: Int, failure: Failure)?>(nil)

  init(_ tokenizer: Tokenizer, _ texts: TextBatch, _ options: TokenizeOptions, _ batch: EncodingBatch) {
    (self.tokenizer, self.texts, self.options, self.batch) = (tokenizer, texts, options, batch)
  }

  /// The failure of the first text that failed: those before it were all taken, and have been finished.
  var failure: Failure? { first.withLock { $0?.failure } }

  func work() {
    while first.withLock({ $0 == nil }) {
      let index = next.add(1, ordering: .relaxed).oldValue
      guard index < texts.count else { return }
      do throws(Failure) {
        try options.cancellation?.checkOnAnyThread()
        batch.set(index, try texts.encode(index, tokenizer, options))
      } catch {
        first.withLock { if ($0?.index ?? Int.max) > index { $0 = (index, error) } }
      }
    }
  }
}
