import AttendBase
import AttendCheckpoints

extension Activation {
  /// The activation that a configuration names, in the spellings of Hugging Face.
  init(name: String, _ config: Configuration) throws(Failure) {
    switch name {
    case "relu": self = .relu
    case "gelu", "gelu_python": self = .gelu
    case "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "gelu_accurate": self = .geluTanh
    case "quick_gelu": self = .quickGelu
    case "silu", "swish": self = .silu
    case "tanh": self = .tanh
    case "linear": self = .none
    default: throw Failure(.unsupported, "\(config.path): the activation \"\(name)\" is not implemented")
    }
  }
}
