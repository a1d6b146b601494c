import AttendBase
import AttendGeneration
import AttendTokenizers
import CAttend
import Glibc

@_cdecl("attend_classify_zero_shot") @implementation public func attend_classify_zero_shot(
  _ session: OpaquePointer!, _ texts: UnsafePointer<UnsafePointer<CChar>?>!, _ lengths: UnsafePointer<Int>!,
  _ count: Int, _ labels: UnsafePointer<UnsafePointer<CChar>?>!, _ labelLengths: UnsafePointer<Int>!,
  _ labelCount: Int, _ options: UnsafePointer<attend_zero_shot_options>!,
  _ classification: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  using(session) { (session) throws(Failure) in
    let target = try require(classification, "classification")
    let known = try copy(options, "options")
    let classifier = try ZeroShotClassifier(session, isMultiLabel: known.multi_label)
    _ = try column(texts, lengths, count)
    guard labelCount > 0, labelCount <= Session.mostSequences / count else {
      throw Failure(
        .invalidArgument,
        "label_count is \(UInt(bitPattern: labelCount)); from 1 to \(Session.mostSequences / count) labels are taken")
    }
    let names = ClassLabels()
    let hypotheses = try Hypotheses(
      try require(labels, "labels"), try require(labelLengths, "label_lengths"), labelCount,
      known.hypothesis_template, names)
    let pairs = try HypothesisPairs(try require(texts, "texts"), try require(lengths, "lengths"), count, hypotheses)
    defer { withExtendedLifetime((hypotheses, pairs)) {} }
    let rankings = try classifier.classify(
      pairs.batch, labels: labelCount, maximalLength: try size(known.max_length, "max_length"))
    target.pointee = own(ClassificationObject(rankings, names))
  }
}

/// The hypotheses about the labels of a call.
private final class Hypotheses {
  let texts: FixedArray<CString>

  /// The labels are appended to `names`.
  init(
    _ labels: UnsafePointer<UnsafePointer<CChar>?>, _ lengths: UnsafePointer<Int>, _ count: Int,
    _ template: UnsafePointer<CChar>?, _ names: ClassLabels
  ) throws(Failure) {
    let usual = ZeroShotClassifier.usualTemplate
    let bytes = template.map { UnsafeRawBufferPointer(start: $0, count: strlen($0)) }
    let template = try HypothesisTemplate(
      bytes?.assumingMemoryBound(to: UInt8.self)
        ?? UnsafeBufferPointer(start: usual.utf8Start, count: usual.utf8CodeUnitCount))
    texts = try FixedArray(count, for: "the hypotheses of labels") { (index) throws(Failure) in
      let label = try buffer(labels[index], lengths[index], "labels[\(index)]")
      try names.append(label.assumingMemoryBound(to: UInt8.self))
      var text = GrowingList<UInt8>(for: "a hypothesis")
      try template.write(label, into: &text)
      return try CString(UnsafeRawBufferPointer(text.elements))
    }
  }
}

/// Each text with each hypothesis, as a batch of pairs that lies in memory as C has it.
private final class HypothesisPairs {
  private var addresses = GrowingList<UnsafePointer<CChar>?>(for: "the pairs of texts and labels")
  private var lengths = GrowingList<Int>(for: "the pairs of texts and labels")
  private var otherAddresses = GrowingList<UnsafePointer<CChar>?>(for: "the pairs of texts and labels")
  private var otherLengths = GrowingList<Int>(for: "the pairs of texts and labels")

  init(
    _ texts: UnsafePointer<UnsafePointer<CChar>?>, _ textLengths: UnsafePointer<Int>, _ count: Int,
    _ hypotheses: Hypotheses
  ) throws(Failure) {
    for text in 0..<count {
      for hypothesis in hypotheses.texts {
        try addresses.append(texts[text])
        try lengths.append(textLengths[text])
        try otherAddresses.append(hypothesis.characters)
        try otherLengths.append(hypothesis.length)
      }
    }
  }

  /// As long as this object lives.
  var batch: TextBatch {
    TextBatch(
      TextBatch.Column(addresses.storage, lengths.storage),
      pairs: TextBatch.Column(otherAddresses.storage, otherLengths.storage), count: lengths.count)
  }
}
