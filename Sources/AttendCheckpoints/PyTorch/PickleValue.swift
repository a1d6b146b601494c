// What a pickle of a state dict is made of.
import AttendBase

/// A value while a pickle is read. Whatever has parts stands in the unpickler, and values name it by its number: no
/// value refers to another, so that a pickle that contains itself is no cycle of references here.
enum PickleValue: BitwiseCopyable {
  case none
  case bool(Bool)
  case integer(Int)
  /// An integer that does not fit, little-endian in two's complement.
  case large(PickleText)
  case number(Double)
  case text(PickleText)
  case bytes(PickleText)
  case container(Int)
  case global(PickleGlobal)
  case storage(Int)
  case tensor(Int)

  /// The word for it in messages.
  var kind: String {
    switch self {
    case .none: "None"
    case .bool: "a bool"
    case .integer, .large: "an int"
    case .number: "a float"
    case .text: "a str"
    case .bytes: "bytes"
    case .container: "a container"
    case .global: "a name"
    case .storage: "a storage"
    case .tensor: "a tensor"
    }
  }
}

/// Bytes of the pickle.
struct PickleText: BitwiseCopyable {
  let first: Int
  let count: Int
}

extension UnsafeRawBufferPointer {
  func text(_ text: PickleText) -> Slice<UnsafeRawBufferPointer> { self[text.first..<text.first + text.count] }

  func precedes(_ one: PickleText, _ other: PickleText) -> Bool {
    text(one).lexicographicallyPrecedes(text(other))
  }
}

/// A tuple, list, set or dictionary: a chain of items.
struct PickleContainer: BitwiseCopyable {
  enum Kind: BitwiseCopyable { case tuple, list, set, dictionary }

  /// A link of the chain; of a dictionary with a key.
  struct Item: BitwiseCopyable {
    var key: PickleValue
    var value: PickleValue
    var next: Int  // -1: none
  }

  let kind: Kind
  var first = -1
  var last = -1
  var count = 0
}

/// The memory of tensors, before it is known where in the file it lies.
struct PickleStorage: BitwiseCopyable {
  let type: TorchType
  let key: PickleText
  /// Elements before this view of the storage, in files of old.
  let offset: Int
}

/// A tensor as the pickle describes it.
struct PickleTensor: BitwiseCopyable {
  let storage: Int
  let type: TorchType
  let offset: Int
  let shape: Int  // a container
  let strides: Int  // a container
}

/// The names that pickles of state dicts use: the whole world of the unpickler.
enum PickleGlobal: BitwiseCopyable, Equatable {
  case orderedDictionary
  case size
  /// torch._utils._rebuild_tensor and its like, with the place of the type among the arguments, if it is there.
  case rebuildTensor(typeAt: Int?)
  /// torch._utils._rebuild_parameter: of the arguments the first is the tensor.
  case rebuildParameter
  /// The class of a storage; nil: of bytes.
  case storage(TorchType?)
  case type(TorchType)

  init?(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("torch", "Size"): self = .size
    case ("torch._utils", "_rebuild_tensor"), ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor(typeAt: nil)
    case ("torch._utils", "_rebuild_tensor_v3"): self = .rebuildTensor(typeAt: 6)
    case ("torch._utils", "_rebuild_parameter"), ("torch._utils", "_rebuild_parameter_with_state"),
      ("torch.nn.parameter", "Parameter"):
      self = .rebuildParameter
    case ("torch.storage", "UntypedStorage"), ("torch", "UntypedStorage"): self = .storage(nil)
    case ("torch", _), ("torch.cuda", _):
      if module == "torch", let type = TorchType(rawValue: name) {
        self = .type(type)
      } else if name.hasSuffix("Storage"), let type = TorchType(storage: String(name.dropLast("Storage".utf8.count))) {
        self = .storage(type)
      } else {
        return nil
      }
    default: return nil
    }
  }
}

/// The types that PyTorch's tensors have, by their names there.
enum TorchType: String, BitwiseCopyable {
  case float32, float64, float16, bfloat16
  case int8, int16, int32, int64, uint8, uint16, uint32, uint64
  case bool
  case complex32, complex64, complex128
  case qint8, quint8, qint32
  case float8_e4m3fn, float8_e4m3fnuz, float8_e5m2, float8_e5m2fnuz, float8_e8m0fnu

  /// The type of the elements of `torch.FloatStorage` and its like, by the beginning of the name.
  init?(storage name: String) {
    let types: [String: TorchType] = [
      "Float": .float32, "Double": .float64, "Half": .float16, "BFloat16": .bfloat16, "Char": .int8, "Short": .int16,
      "Int": .int32, "Long": .int64, "Byte": .uint8, "Bool": .bool, "ComplexFloat": .complex64,
      "ComplexDouble": .complex128, "QInt8": .qint8, "QUInt8": .quint8, "QInt32": .qint32,
    ]
    guard let type = types[name] else { return nil }
    self = type
  }

  /// The type as this library knows it, nil where it does not.
  var element: ElementType? {
    switch self {
    case .float32: .float32
    case .float64: .float64
    case .float16: .float16
    case .bfloat16: .bfloat16
    case .int8: .int8
    case .int16: .int16
    case .int32: .int32
    case .int64: .int64
    case .uint8: .uint8
    case .uint16: .uint16
    case .uint32: .uint32
    case .uint64: .uint64
    case .bool: .bool
    default: nil
    }
  }

  /// Bytes of an element.
  var size: Int {
    if let element { return element.size }
    switch self {
    case .complex128: return 16
    case .complex64: return 8
    case .complex32, .qint32: return 4
    default: return 1
    }
  }
}
