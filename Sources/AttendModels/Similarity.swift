import AttendBase
import AttendDispatch

/// The way from the embeddings of pictures and texts, vectors of length 1, to logits and probabilities: a logit is
/// `scale * cosine + bias`.
package struct Similarity: Sendable {
  package let scale: Float
  /// nil: the texts compete for a picture, by a softmax over them (Radford et al. 2021, arXiv:2103.00020). Otherwise
  /// each pair is judged by itself, by a sigmoid (Zhai et al. 2023, arXiv:2303.15343).
  package let bias: Float?

  /// Fills `logits` and `probabilities`, each `[pictures, texts]`. Sums go from the first component to the last in
  /// double precision, with the library's own exponential: the same bits on every CPU.
  package func compare(
    _ pictures: Matrix, _ texts: Matrix, logits: Matrix, probabilities: Matrix
  ) {
    for picture in 0..<pictures.rows {
      var largest = -Double.infinity
      for text in 0..<texts.rows {
        var cosine = 0.0
        for component in 0..<texts.columns {
          cosine += Double(pictures[picture][component]) * Double(texts[text][component])
        }
        logits[picture][text] = Float(Double(scale) * cosine + Double(bias ?? 0))
        largest = max(largest, Double(logits[picture][text]))
      }
      var sum = 0.0
      for text in 0..<texts.rows {
        let logit = Double(logits[picture][text])
        let weight = Exponential.exp(bias == nil ? logit - largest : -abs(logit))
        sum += weight
        // 1 / (1 + e^-x), in which e^-x does not overflow
        probabilities[picture][text] = Float(bias == nil ? weight : (logit < 0 ? weight : 1) / (1 + weight))
      }
      guard bias == nil else { continue }
      for text in 0..<texts.rows {
        probabilities[picture][text] = Float(Double(probabilities[picture][text]) / sum)
      }
    }
  }
}
