import AttendCheckpoints
import AttendGeneration
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// The library and the reference's numbers against the transformer that is written as the papers say it.
@Suite struct NaiveTransformerTests {
  private typealias Vector = NaiveTransformer.Vector
  private typealias Linear = NaiveTransformer.Linear
  private typealias Norm = NaiveTransformer.Norm

  /// The weights of a checkpoint by name.
  private struct Weights {
    let file: SafetensorsFile

    init(_ path: String) throws { file = try SafetensorsFile(path + "/model.safetensors") }

    func vector(_ name: String) -> Vector { file[name]!.bytes.bindMemory(to: Float.self).map { Double($0) } }

    func rows(_ name: String) -> [Vector] {
      let (values, columns) = (vector(name), file[name]!.shape[1])
      return stride(from: 0, to: values.count, by: columns).map { Vector(values[$0..<$0 + columns]) }
    }

    func linear(_ name: String, hasBias: Bool = true) -> Linear {
      Linear(rows(name + ".weight"), hasBias ? vector(name + ".bias") : nil)
    }

    /// Outputs `outputs` of GPT-2's products, whose weights are `[inputs, outputs]`.
    func conv1D(_ name: String, _ outputs: Range<Int>) -> Linear {
      let rows = rows(name + ".weight")
      return Linear(outputs.map { output in rows.map { $0[output] } }, Vector(vector(name + ".bias")[outputs]))
    }

    func norm(_ name: String, epsilon: Double, hasBias: Bool = true) -> Norm {
      Norm(vector(name + ".weight"), hasBias ? vector(name + ".bias") : nil, epsilon: epsilon)
    }
  }

  private func gelu(_ x: Double) -> Double { x / 2 * (1 + erf(x / 2.0.squareRoot())) }
  private func geluTanh(_ x: Double) -> Double {
    x / 2 * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
  }

  private func llama(_ weights: Weights) -> NaiveTransformer {
    var naive = NaiveTransformer()
    (naive.heads, naive.keyValueHeads, naive.ropeTheta) = (4, 2, 10000)
    naive.activation = { $0 / (1 + exp(-$0)) }
    naive.tokenTable = weights.rows("model.embed_tokens.weight")
    naive.layers = (0..<2).map { index in
      let name = "model.layers.\(index)"
      func linear(_ part: String) -> Linear { weights.linear("\(name).\(part)_proj", hasBias: false) }
      return NaiveTransformer.Layer(
        attentionNorm: weights.norm("\(name).input_layernorm", epsilon: 1e-6, hasBias: false),
        wq: linear("self_attn.q"), wk: linear("self_attn.k"), wv: linear("self_attn.v"), wo: linear("self_attn.o"),
        feedForwardNorm: weights.norm("\(name).post_attention_layernorm", epsilon: 1e-6, hasBias: false),
        w1: linear("mlp.gate"), w2: linear("mlp.down"), w3: linear("mlp.up"))
    }
    naive.finalNorm = weights.norm("model.norm", epsilon: 1e-6, hasBias: false)
    naive.classifier = weights.linear("lm_head", hasBias: false)
    return naive
  }

  private func gpt2(_ weights: Weights) -> NaiveTransformer {
    var naive = NaiveTransformer()
    (naive.heads, naive.keyValueHeads, naive.activation) = (4, 4, geluTanh)
    naive.tokenTable = weights.rows("transformer.wte.weight")
    naive.positionTable = weights.rows("transformer.wpe.weight")
    naive.layers = (0..<2).map { index in
      let name = "transformer.h.\(index)"
      return NaiveTransformer.Layer(
        attentionNorm: weights.norm("\(name).ln_1", epsilon: 1e-5), wq: weights.conv1D("\(name).attn.c_attn", 0..<32),
        wk: weights.conv1D("\(name).attn.c_attn", 32..<64), wv: weights.conv1D("\(name).attn.c_attn", 64..<96),
        wo: weights.conv1D("\(name).attn.c_proj", 0..<32),
        feedForwardNorm: weights.norm("\(name).ln_2", epsilon: 1e-5), w1: weights.conv1D("\(name).mlp.c_fc", 0..<128),
        w2: weights.conv1D("\(name).mlp.c_proj", 0..<32))
    }
    naive.finalNorm = weights.norm("transformer.ln_f", epsilon: 1e-5)
    naive.classifier = Linear(naive.tokenTable)
    return naive
  }

  private func bert(_ weights: Weights) -> NaiveTransformer {
    var naive = NaiveTransformer()
    (naive.heads, naive.keyValueHeads, naive.activation) = (4, 4, gelu)
    (naive.isPreNorm, naive.isCausal) = (false, false)
    naive.tokenTable = weights.rows("embeddings.word_embeddings.weight")
    naive.positionTable = weights.rows("embeddings.position_embeddings.weight")
    naive.typeTable = weights.rows("embeddings.token_type_embeddings.weight")
    naive.embeddingNorm = weights.norm("embeddings.LayerNorm", epsilon: 1e-12)
    naive.layers = (0..<2).map { index in
      let name = "encoder.layer.\(index)"
      return NaiveTransformer.Layer(
        attentionNorm: weights.norm("\(name).attention.output.LayerNorm", epsilon: 1e-12),
        wq: weights.linear("\(name).attention.self.query"), wk: weights.linear("\(name).attention.self.key"),
        wv: weights.linear("\(name).attention.self.value"), wo: weights.linear("\(name).attention.output.dense"),
        feedForwardNorm: weights.norm("\(name).output.LayerNorm", epsilon: 1e-12),
        w1: weights.linear("\(name).intermediate.dense"), w2: weights.linear("\(name).output.dense"))
    }
    return naive
  }

  @Test(arguments: ["llama", "gpt2", "bert"]) func theLibraryComputesWhatThePapersSay(name: String) throws {
    let reference = try ConformanceCase(name)
    let weights = try Weights(reference.path)
    let session = try Session(model: try model(reference.path), threads: 0)
    let (found, expected) = try reference.outputs(of: session)
    let naive: [Vector] =
      switch name {
      case "llama": reference.sources.flatMap(llama(weights).logits)
      case "gpt2": reference.sources.flatMap(gpt2(weights).logits)
      default: zip(reference.sources, reference.types!).flatMap { bert(weights).forward($0, types: $1) }
      }
    let values = naive.flatMap { $0.map { Float($0) } }
    #expect(distance(values, expected) < 1e-5)
    #expect(distance(values, found) < 1e-5)
  }
}
