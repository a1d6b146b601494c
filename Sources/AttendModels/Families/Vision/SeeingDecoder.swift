import AttendBase
import AttendCheckpoints
import AttendLayers

/// A tower that sees, a connector, and a decoder that reads what they make of pictures in the place of tokens: what
/// models of this kind share.
struct SeeingDecoder {
  var modelType: String
  var eyes: TowerBlueprint
  /// The decoder as its own family describes it.
  var text: Blueprint
  /// Before the names of the decoder, in one spelling or another.
  var textPrefixes = ["model.language_model.", "language_model.model."]
  /// Before that of the product that makes logits.
  var headPrefixes = ["", "language_model."]
  var placeholder: Int32
  var readingBothWays: Blueprint.ReadingBothWays?
  var markup: PictureMarkup?
  var videoPlaceholder: Int32?
  /// Tensors of the tower that nothing reads, as `Blueprint.ignored`, without their prefix.
  var ignored = ["embeddings.position_ids"]

  /// The parts of a configuration that holds one object for each. The tower has the names of `tower` behind the usual
  /// prefixes, and the placeholder is `image_token_index`, today `image_token_id`.
  init(
    _ config: Configuration, modelType: String, tower: Blueprint, text: Blueprint, placeholder: Int
  ) throws(Failure) {
    guard let eyes = tower.towers.last, eyes.stack.embedding == nil else {
      throw config.invalid("vision_config", "describes no encoder of pictures")
    }
    self.modelType = modelType
    self.eyes = eyes
    self.eyes.role = .vision
    self.eyes.embedding = nil
    self.eyes.prefixes = [
      "model.vision_tower.", "vision_tower.", "model.vision_tower.vision_model.", "vision_tower.vision_model.",
    ]
    self.text = text
    self.placeholder = Int32(try config.integer("image_token_index", "image_token_id", default: placeholder))
    config.understand("vocab_size", "pad_token_id")
  }

  /// The width of the decoder's states.
  func width(_ config: Configuration) throws(Failure) -> Int {
    guard let writer = text.decoder else {
      throw config.invalid("text_config", "describes no decoder that tells the next token")
    }
    return writer.width
  }

  func blueprint(_ config: Configuration) throws(Failure) -> Blueprint {
    guard let writer = text.decoder, var head = text.head else {
      throw config.invalid("text_config", "describes no decoder that tells the next token")
    }
    head.prefixes = headPrefixes
    if case .linear(let product) = head.output, try config.boolean("tie_word_embeddings", default: false) {
      head.output = .ownOrTied(product)
    }
    let ofText = text.ignored + ["lm_head.weight"]
    return Blueprint(
      family: modelType, prefixes: [""],
      towers: [eyes, TowerBlueprint(role: .decoder, stack: writer, prefixes: textPrefixes)], head: head,
      placeholder: placeholder, videoPlaceholder: videoPlaceholder, markup: markup, readingBothWays: readingBothWays,
      ignored: (eyes.prefixes ?? []).flatMap { prefix in ignored.map { prefix + $0 } }
        + textPrefixes.flatMap { prefix in ofText.map { prefix + $0 } })
  }
}

extension TowerBlueprint {
  /// Leaves out the layers behind the states that are wanted, numbered as transformers' `hidden_states`: 0 is what goes
  /// into the first layer, -1 what comes out of the last, before any norm at the end.
  /// Returns the numbers of the layers that are left out.
  mutating func cut(at place: Double, _ config: Configuration) throws(Failure) -> Range<Int> {
    let count = stack.layers.count
    guard let wanted = Int(exactly: place < 0 ? Double(count) + 1 + place : place), (0...count).contains(wanted) else {
      throw config.invalid("vision_feature_layer", "is \(place), and the tower has \(count) layers")
    }
    let all = stack.layers
    stack.layers = try FixedArray(wanted, for: LayerBlueprint.purpose) { all[$0] }
    stack.finalNorm = nil
    return wanted..<count
  }
}
