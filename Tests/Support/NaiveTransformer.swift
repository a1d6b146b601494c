import Foundation

/// A transformer written as the papers say it: one sequence, one token after another, one loop for each sum, all in
/// double precision, and nothing that makes it fast. A map of the library for whoever reads it first, and a yardstick
/// for what it computes.
///
/// Names are those of llama2.c: x is the residual stream, wq to wo are the products of attention, w1 to w3 those of the
/// feed-forward network.
package struct NaiveTransformer {
  package typealias Vector = [Double]

  /// y = W x + b. Weights `[outputs][inputs]`.
  package struct Linear {
    let weight: [Vector]
    let bias: Vector?

    package init(_ weight: [Vector], _ bias: Vector? = nil) { (self.weight, self.bias) = (weight, bias) }

    func callAsFunction(_ x: Vector) -> Vector {
      weight.indices.map { row in dot(weight[row], x) + (bias?[row] ?? 0) }
    }
  }

  /// LayerNorm where there is a bias, otherwise RMSNorm.
  package struct Norm {
    let gain: Vector
    let bias: Vector?
    let epsilon: Double

    package init(_ gain: Vector, _ bias: Vector? = nil, epsilon: Double) {
      (self.gain, self.bias, self.epsilon) = (gain, bias, epsilon)
    }

    func callAsFunction(_ x: Vector) -> Vector {
      let mean = bias == nil ? 0 : x.reduce(0, +) / Double(x.count)
      let centered = x.map { $0 - mean }
      let scale = 1 / (dot(centered, centered) / Double(x.count) + epsilon).squareRoot()
      return x.indices.map { centered[$0] * scale * gain[$0] + (bias?[$0] ?? 0) }
    }
  }

  package struct Layer {
    let attentionNorm, feedForwardNorm: Norm
    let wq, wk, wv, wo: Linear
    let w1, w2: Linear  // up and down; of a gated network w1 is the gate
    let w3: Linear?  // up of a gated network

    package init(
      attentionNorm: Norm, wq: Linear, wk: Linear, wv: Linear, wo: Linear, feedForwardNorm: Norm, w1: Linear,
      w2: Linear, w3: Linear? = nil
    ) {
      (self.attentionNorm, self.feedForwardNorm) = (attentionNorm, feedForwardNorm)
      (self.wq, self.wk, self.wv, self.wo) = (wq, wk, wv, wo)
      (self.w1, self.w2, self.w3) = (w1, w2, w3)
    }
  }

  package var heads = 1
  package var keyValueHeads = 1
  /// The norm stands before each sub-layer (pre-norm); otherwise after the sum (post-norm, as in 2017).
  package var isPreNorm = true
  /// A token looks at those before it and at itself; otherwise at all.
  package var isCausal = true
  /// The base of rotary positions; nil: the position table is added to the embeddings.
  package var ropeTheta: Double?
  package var activation: (Double) -> Double = { $0 }
  package var tokenTable: [Vector] = []
  package var positionTable: [Vector] = []
  package var typeTable: [Vector] = []
  package var embeddingNorm: Norm?
  package var layers: [Layer] = []
  package var finalNorm: Norm?
  package var classifier: Linear?

  package init() {}

  /// The hidden states of a sequence, `[tokens][width]`.
  package func forward(_ tokens: [Int32], types: [Int32]? = nil) -> [Vector] {
    var x = tokens.indices.map { pos in
      var x = tokenTable[Int(tokens[pos])]
      if !positionTable.isEmpty { x = sum(x, positionTable[pos]) }
      if !typeTable.isEmpty { x = sum(x, typeTable[Int(types?[pos] ?? 0)]) }
      return embeddingNorm?(x) ?? x
    }
    for layer in layers {
      if isPreNorm {
        x = zip(x, attention(layer, x.map { layer.attentionNorm($0) })).map(sum)
        x = zip(x, x.map { feedForward(layer, layer.feedForwardNorm($0)) }).map(sum)
      } else {
        x = zip(x, attention(layer, x)).map { layer.attentionNorm(sum($0, $1)) }
        x = x.map { layer.feedForwardNorm(sum($0, feedForward(layer, $0))) }
      }
    }
    return finalNorm.map { norm in x.map { norm($0) } } ?? x
  }

  /// The logits of each position, `[tokens][vocabulary]`.
  package func logits(_ tokens: [Int32]) -> [Vector] { forward(tokens).map { classifier?($0) ?? [] } }

  /// softmax(q kᵀ / √headDim) v for each head, and the product that brings the heads together.
  private func attention(_ layer: Layer, _ x: [Vector]) -> [Vector] {
    let (q, k, v) = (x.map { layer.wq($0) }, x.map { layer.wk($0) }, x.map { layer.wv($0) })
    let headDim = q[0].count / heads
    return x.indices.map { pos in
      var out: Vector = []
      for head in 0..<heads {
        let query = slice(q[pos], head, headDim, pos)
        let shared = head * keyValueHeads / heads
        let seen = isCausal ? 0..<pos + 1 : 0..<x.count
        let scores = seen.map { dot(query, slice(k[$0], shared, headDim, $0)) / Double(headDim).squareRoot() }
        let weights = softmax(scores)
        for d in 0..<headDim { out.append(seen.reduce(0) { $0 + weights[$1] * v[$1][shared * headDim + d] }) }
      }
      return layer.wo(out)
    }
  }

  private func feedForward(_ layer: Layer, _ x: Vector) -> Vector {
    let hidden = layer.w1(x).map(activation)
    guard let w3 = layer.w3 else { return layer.w2(hidden) }
    return layer.w2(zip(hidden, w3(x)).map(*))
  }

  /// A head's components of a query or key, turned by its position where positions are rotary: component i of the first
  /// half and i of the second are a pair.
  private func slice(_ x: Vector, _ head: Int, _ headDim: Int, _ pos: Int) -> Vector {
    let own = Vector(x[head * headDim..<(head + 1) * headDim]), half = headDim / 2
    guard let ropeTheta else { return own }
    return (0..<headDim).map { i in
      let angle = Double(pos) * pow(ropeTheta, -2 * Double(i % half) / Double(headDim))
      return i < half
        ? own[i] * cos(angle) - own[i + half] * sin(angle) : own[i] * cos(angle) + own[i - half] * sin(angle)
    }
  }
}

private func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

private func sum(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map(+) }

private func softmax(_ x: [Double]) -> [Double] {
  let shares = x.map { exp($0 - x.max()!) }
  let total = shares.reduce(0, +)
  return shares.map { $0 / total }
}
