/// The function between the two products of a feed-forward layer.
package enum Activation: Sendable, CaseIterable {
  case none
  /// max(x, 0)
  case relu
  /// x Φ(x), with the error function (Hendrycks and Gimpel 2016, arXiv:1606.08415)
  case gelu
  /// The same paper's approximation through tanh; "gelu_new" and "gelu_pytorch_tanh".
  case geluTanh
  /// x σ(1.702 x), the same paper's other approximation.
  case quickGelu
  /// x σ(x) (Elfwing et al. 2017, arXiv:1702.03118); "silu" and "swish".
  case silu
  /// tanh x
  case tanh
  /// σ(x) = 1 / (1 + e^-x)
  case sigmoid
  /// max(x, 0)² (So et al. 2021, arXiv:2109.08668)
  case reluSquared
  /// min(max(x, 0), 6)
  case relu6
  /// x, or 0.01 x where it is negative.
  case leakyRelu
  /// `gelu` cut at ±10.
  case geluClipped
  /// (1 + erf((x - 0.707107) / (0.282095 √2))) / 2 (Ma et al. 2022, arXiv:2209.10655)
  case laplace
  /// x tanh(log(1 + e^x)) (Misra 2019, arXiv:1908.08681)
  case mish
  /// x min(max(x + 3, 0), 6) / 6 (Howard et al. 2019, arXiv:1905.02244)
  case hardSwish
  /// log(1 + e^x)
  case softplus
  /// √log(1 + e^x)
  case softplusRoot
  /// Of a gate g and its up product u: min(g, 7) σ(1.702 min(g, 7)) (u clamped to ±7, + 1), as in gpt_oss. Gated
  /// weights only.
  case clampedSwiglu
}
