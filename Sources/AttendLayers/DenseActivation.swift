import AttendBase
import AttendDispatch
import AttendKernelInterface
import Glibc

/// The function behind the product of a dense module of sentence-transformers: any activation of torch.nn that needs no
/// arguments, with its default parameters. What models use is computed with the product; the rest here, number by
/// number, since a module has few rows.
package enum DenseActivation: Sendable, Equatable {
  case fused(Activation)
  /// x, or α (e^x - 1) where it is negative (Clevert et al. 2015, arXiv:1511.07289), times a scale: ELU, CELU, SELU.
  case exponential(alpha: Double, scale: Double)
  /// x, or `slope` x where it is negative: PReLU, RReLU.
  case leaky(slope: Float)
  /// min(max(x + 3, 0), 6) / 6
  case hardSigmoid
  /// min(max(x, -1), 1)
  case hardTanh
  /// x / (1 + |x|)
  case softsign
  /// log σ(x)
  case logSigmoid
  /// x less 0.5, or plus where it is negative; 0 in between.
  case softShrink
  /// x, but 0 from -0.5 to 0.5.
  case hardShrink
  /// x - tanh x
  case tanhShrink
  /// e^(sx) / Σ e^(sx) over the row, with the sign s.
  case softmax(sign: Float)
  case logSoftmax

  /// The activation of a class of torch.nn; nil for one that is not implemented. PReLU has the slope that it begins
  /// with, RReLU that of the middle, as outside training.
  package init?(torchClass name: some StringProtocol) {
    switch name {
    case "Identity": self = .fused(.none)
    case "Tanh": self = .fused(.tanh)
    case "ReLU": self = .fused(.relu)
    case "ReLU6": self = .fused(.relu6)
    case "LeakyReLU": self = .fused(.leakyRelu)
    case "GELU": self = .fused(.gelu)
    case "SiLU": self = .fused(.silu)
    case "Mish": self = .fused(.mish)
    case "Sigmoid": self = .fused(.sigmoid)
    case "Hardswish": self = .fused(.hardSwish)
    case "Softplus": self = .fused(.softplus)
    case "ELU", "CELU": self = .exponential(alpha: 1, scale: 1)
    // Klambauer et al. 2017, arXiv:1706.02515
    case "SELU": self = .exponential(alpha: 1.6732632423543772848170429916717, scale: 1.0507009873554804934193349852946)
    case "PReLU": self = .leaky(slope: 0.25)
    case "RReLU": self = .leaky(slope: (1 / 8 + 1 / 3) / 2)
    case "Hardsigmoid": self = .hardSigmoid
    case "Hardtanh": self = .hardTanh
    case "Softsign": self = .softsign
    case "LogSigmoid": self = .logSigmoid
    case "Softshrink": self = .softShrink
    case "Hardshrink": self = .hardShrink
    case "Tanhshrink": self = .tanhShrink
    case "Softmax": self = .softmax(sign: 1)
    case "Softmin": self = .softmax(sign: -1)
    case "LogSoftmax": self = .logSoftmax
    default: return nil
    }
  }

  /// The part that the product computes itself.
  var fused: Activation {
    if case .fused(let activation) = self { activation } else { .none }
  }

  /// The rest, in place.
  func finish(_ x: Matrix, _ pass: Pass) {
    switch self {
    case .fused: break
    case .softmax(let sign):
      if sign != 1 { pass.engine.scale(x, by: sign) }
      pass.engine.softmax(x)
    case .logSoftmax: pass.engine.logSoftmax(x, into: x)
    default: for row in 0..<x.rows { for column in 0..<x.columns { x[row][column] = value(x[row][column]) } }
    }
  }

  private func value(_ x: Float) -> Float {
    switch self {
    case .fused, .softmax, .logSoftmax: x
    case .exponential(let alpha, let scale): Float(scale * (x > 0 ? Double(x) : alpha * expm1(Double(x))))
    case .leaky(let slope): x < 0 ? slope * x : x
    case .hardSigmoid: min(max(x + 3, 0), 6) / 6
    case .hardTanh: min(max(x, -1), 1)
    case .softsign: x / (1 + abs(x))
    case .logSigmoid: Float(min(Double(x), 0) - log1p(exp(-abs(Double(x)))))
    case .softShrink: x > 0.5 ? x - 0.5 : x < -0.5 ? x + 0.5 : 0 * x
    case .hardShrink: abs(x) <= 0.5 ? 0 : x
    case .tanhShrink: Float(Double(x) - tanh(Double(x)))
    }
  }
}
