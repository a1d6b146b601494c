import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// An encoder of pictures before a decoder of texts, each with the names of its own family: TrOCR (Li et al. 2021,
/// arXiv:2109.10282), Donut (Kim et al. 2021, arXiv:2111.15664), captions by ViT and GPT-2.
enum VisionEncoderDecoder: Family {
  static let modelTypes = ["vision-encoder-decoder"]
  static let capabilities = Capabilities(kinds: [.encoderDecoder], heads: [.conditionalGeneration])
  static let headNames = ["VisionEncoderDecoderModel": HeadTask.conditionalGeneration]

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    _ = try headTask(config)
    let encoderConfig = try config.tower("encoder"), decoderConfig = try config.tower("decoder")
    guard var reader = try Registry.part(encoderConfig).towers.first, reader.stack.embedding == nil else {
      throw config.invalid("encoder", "describes no encoder of pictures")
    }
    reader.prefixes = ["encoder."]
    reader.embedding = nil
    let type = try decoderConfig.string("model_type")
    let (writer, head) =
      type == "gpt2"
      ? try GPT2.decoder(decoderConfig, sourceWidth: reader.stack.width)
      : try Fairseq.decoder(
        decoderConfig, modelType: type, sourceWidth: reader.stack.width, prefix: "decoder.")
    return Blueprint(
      family: modelType, prefixes: [""],
      towers: [
        reader,
        TowerBlueprint(
          role: .decoder, stack: writer, prefixes: type == "gpt2" ? ["decoder.transformer."] : ["decoder.model."]),
      ], head: head,
      ignored: [
        "encoder.pooler.*", "encoder.embeddings.mask_token", "decoder.output_projection.weight",
        "decoder.lm_head.weight", "decoder.transformer.h.#.attn.bias", "decoder.transformer.h.#.attn.masked_bias",
        "decoder.transformer.h.#.crossattention.bias", "decoder.transformer.h.#.crossattention.masked_bias",
        "decoder.model.decoder.embed_positions._float_tensor",
      ])
  }
}
