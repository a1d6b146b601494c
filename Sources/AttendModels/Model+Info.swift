import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendLayers

/// The description of a model and of what its files say of it, in plain values.
package struct ModelInfo: Sendable {
  /// The ids, width and depth of an encoder or decoder; all 0 where there is none.
  package struct Tower: Sendable {
    package var vocabulary = 0
    package var width = 0
    package var layers = 0
    /// Token types ("segments") that the embeddings tell apart.
    package var tokenTypes = 0
    /// nil: config.json states none.
    package var positions: Int? = 0

    fileprivate init(_ stack: Stack?) {
      guard let stack else { return }
      (vocabulary, width, layers) = (stack.vocabulary, stack.width, stack.depth)
      positions = stack.statedPositions
      tokenTypes = stack.embedding?.types?.count ?? 0
    }
  }

  /// As `model_type` spells it.
  package let family: String
  package let kind: ModelKind
  package let compute: ComputeType
  /// The name of the kernels that it runs on.
  package let kernels: String
  package let threads: Int
  package let encoder: Tower
  package let decoder: Tower
  /// Elements of all weights, each counted once.
  package let parameters: Int
  /// Bytes that the weights take as the kernels read them.
  package let weightBytes: Int
  /// The names of the classes that a classifier tells apart, by their numbers.
  package let labels: LabelNames
  /// The width of the embeddings of texts; 0 where the model makes none.
  package let embeddingWidth: Int
  package let generation: GenerationDefaults
  /// The decoder's layers of which these are some; nil: it holds all that there are.
  package let stage: LayerRange?
  /// What became of weights that do not all stay in memory; nil: they do.
  package let mapped: WeightStore.Report?

  /// The tower whose states are the model's last.
  package var last: Tower { decoder.layers > 0 ? decoder : encoder }

  /// The tower that reads texts.
  package var first: Tower { encoder.layers > 0 ? encoder : decoder }
}

extension Model {
  package var info: ModelInfo {
    ModelInfo(
      family: blueprint.family, kind: blueprint.kind, compute: compute, kernels: engine.kernelsName,
      threads: engine.threads, encoder: ModelInfo.Tower(encoder), decoder: ModelInfo.Tower(decoder),
      parameters: parameters, weightBytes: weightBytes, labels: blueprint.labels,
      embeddingWidth: (try? embeddingHead())?.outputs ?? 0, generation: generation, stage: blueprint.stage,
      mapped: mappedWeights)
  }
}
