import ArgumentParser
import CAttend

/// Whose queries look at whose keys.
enum AttentionKind: String, CaseIterable, ExpressibleByArgument {
  case encoder, decoder, cross

  var code: attend_attention_kind {
    switch self {
    case .encoder: ATTEND_ATTENTION_ENCODER
    case .decoder: ATTEND_ATTENTION_DECODER
    case .cross: ATTEND_ATTENTION_CROSS
    }
  }
}

/// The manners of pictures.
enum AttentionStyle: String, CaseIterable, ExpressibleByArgument {
  case heatmap, alignment
}

struct Attention: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Draw which tokens look at which, as a picture (SVG) or as numbers (JSON).",
    discussion: """
      An encoder-decoder writes what it makes of the text, or reads --target, and its tokens look at those of the text \
      (--kind cross).

      EXAMPLES
        attend attention -m models/g2p-en attention -o attention.svg
        attend attention -m models/g2p-en hello --style alignment -o lines.svg
        attend attention -m gpt2 "The cat sat on the mat" --format json
      """)

  /// The forms of the result.
  enum Form: String, CaseIterable, ExpressibleByArgument {
    case svg, json
  }

  @OptionGroup var model: ModelOptions
  @Argument(help: "The text that is read.") var text: String
  @Option(help: "What the decoder of an encoder-decoder writes; without it what it makes of the text.")
  var target: String?
  @Option(help: "encoder, decoder or cross; by default cross where there is such, else the model's only kind.")
  var kind: AttentionKind?
  @Option(help: "The layer, from 0 on; by default the last one.") var layer: Int?
  @Option(help: "The head, from 0 on; by default the mean of all.") var head: Int?
  @Option(help: "A heat map, or lines from token to token.") var style: AttentionStyle = .heatmap
  @Option(name: .shortAndLong, help: "The form of the result.") var format: Form = .svg
  @Option(name: .shortAndLong, help: "The file to write to; - is the standard output.", completion: .file())
  var output: String?
  @Flag(name: .shortAndLong, help: "No progress bar.") var quiet = false

  func run() throws {
    let model = try model.load(quiet: quiet)
    let tokenizer = try model.tokenizer()
    let source = try encode(text, tokenizer)
    guard !source.isEmpty else { throw Trouble("the text becomes no token") }
    let kind = kind ?? (model.info.encoder_layers == 0 ? .decoder : model.info.decoder_layers == 0 ? .encoder : .cross)
    try attempt(attend_session_record_attentions(model.session, true))
    var written: [Int32] = []
    if model.info.kind == ATTEND_KIND_ENCODER_DECODER && kind != .encoder {
      written = try targets(model, tokenizer, source)
    }
    try read(model, source, written)
    let map = try weights(model, kind)
    let names = { (ids: ArraySlice<Int32>) in ids.map { spelling($0, tokenizer) } }
    // Across, a row is the token that was chosen by it; the decoder read the one before.
    let (read, chosen) = (written.dropLast(), written.dropFirst())
    let picture = AttentionMap(
      queries: names(written.isEmpty ? source[...] : kind == .cross ? chosen : read),
      keys: names(kind == .decoder && !written.isEmpty ? read : source[...]), weights: map)
    switch (format, style) {
    case (.json, _): try writeFile(output, Array((picture.json.json + "\n").utf8))
    case (.svg, .heatmap): try writeFile(output, Array(picture.heatmap.utf8))
    case (.svg, .alignment): try writeFile(output, Array(picture.alignment.utf8))
    }
  }

  private func encode(_ text: String, _ tokenizer: OpaquePointer, target: Bool = false) throws -> [Int32] {
    var options = attend_tokenize_options.initial
    options.are_targets = target
    var encoding: OpaquePointer?
    try attempt(attend_tokenizer_encode(tokenizer, text, text.utf8.count, &options, &encoding))
    defer { attend_encoding_free(encoding) }
    var length = 0
    let ids = attend_encoding_ids(encoding, &length)
    return Array(UnsafeBufferPointer(start: ids, count: length))
  }

  /// The decoder's start token, and what it writes.
  private func targets(_ model: Model, _ tokenizer: OpaquePointer, _ source: [Int32]) throws -> [Int32] {
    if let target { return [model.info.decoder_start_token] + (try encode(target, tokenizer, target: true)) }
    var length = source.count
    var batch = attend_batch.initial
    batch.count = 1
    let found = try source.withUnsafeBufferPointer { ids in
      try withUnsafePointer(to: &length) { length in
        (batch.tokens, batch.lengths) = (ids.baseAddress, length)
        return try generate([Field("num_beams", .integer(1))]) { attend_generate(model.session, &batch, $0, $1) }
      }
    }
    return found.first?.first?.ids ?? []
  }

  /// Reads the text, and the target with the decoder, without its last token, behind which nothing is chosen.
  private func read(_ model: Model, _ source: [Int32], _ target: [Int32]) throws {
    func give(_ ids: [Int32], _ call: (UnsafePointer<attend_batch>) -> OpaquePointer?) throws {
      var batch = attend_batch.initial
      var length = ids.count
      (batch.count, batch.logits) = (1, ATTEND_LOGITS_NONE)
      try ids.withUnsafeBufferPointer { ids in
        try withUnsafePointer(to: &length) { length in
          (batch.tokens, batch.lengths) = (ids.baseAddress, length)
          try attempt(call(&batch))
        }
      }
    }
    try give(source) { attend_encode(model.session, $0) }
    if target.count > 1 { try give(Array(target.dropLast())) { attend_decode(model.session, $0, nil) } }
  }

  /// The map of a layer: of one head, or the mean of all. `[queries][keys]`
  private func weights(_ model: Model, _ kind: AttentionKind) throws -> [[Float]] {
    let layers = kind == .encoder ? model.info.encoder_layers : model.info.decoder_layers
    guard layers > 0 else { throw Trouble("--kind \(kind.rawValue): the model has no such layers") }
    let layer = layer ?? layers - 1
    guard (0..<layers).contains(layer) else { throw Trouble("--layer \(layer): there are \(layers), from 0 on") }
    var map = attend_tensor()
    try attempt(attend_session_attentions(model.session, kind.code, layer, 0, &map))
    let (heads, queries, keys) = (map.shape.0, map.shape.1, map.shape.2)
    if let head, !(0..<heads).contains(head) { throw Trouble("--head \(head): there are \(heads), from 0 on") }
    let data = map.data.assumingMemoryBound(to: Float.self)
    let wanted = head.map { $0..<$0 + 1 } ?? 0..<heads
    return (0..<queries).map { query in
      (0..<keys).map { key in
        wanted.reduce(Float(0)) { $0 + data[($1 * queries + query) * keys + key] } / Float(wanted.count)
      }
    }
  }
}
