import AttendBase
import AttendCheckpoints
import AttendLayers

extension Family {
  /// The head of a decoder that writes down what is said, `[vocabulary, width]`: the token table, or a product of its
  /// own; nil: the checkpoint was saved without.
  static func speechDecoderHead(
    _ config: Configuration, vocabulary: Int, width: Int
  ) throws(Failure) -> HeadBlueprint? {
    let output = LinearBlueprint(name: "proj_out", outputs: vocabulary, inputs: width, bias: .none)
    let isTied = try config.boolean("tie_word_embeddings", default: true)
    guard try headTask(config) != nil || isTied else { return nil }
    return HeadBlueprint(pooling: .nextToken, output: isTied ? .ownOrTied(output) : .linear(output))
  }
}
