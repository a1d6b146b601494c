// What the header of a safetensors file says of one tensor.
import AttendBase

/// The description of a tensor, checked on its own: shape, type and range fit each other and the data.
struct SafetensorsEntry {
  let name: String
  let typeName: String
  /// nil for a type that this library does not know; then nothing ties the shape to the range.
  let type: ElementType?
  let shape: TensorShape
  /// The range in the data that follows the header.
  let begin: Int
  let end: Int

  /// No framework has more dimensions.
  private static let maximalRank = 64

  /// Throws `invalidFile`. `available` is the size of the data.
  init(name: String, _ json: JSON, file: String, available: Int) throws(Failure) {
    func invalid(_ reason: String) -> Failure { Failure(.invalidFile, "\(file): tensor \(name) \(reason)") }
    guard let typeName = json["dtype"]?.string else { throw invalid("has no dtype") }
    guard let shape = json["shape"]?.naturals(atMost: SafetensorsEntry.maximalRank) else {
      throw invalid("has the shape \(json["shape"]?.excerpt ?? "null")")
    }
    guard let offsets = json["data_offsets"], let (begin, end) = offsets.pair else {
      throw invalid("has the data_offsets \(json["data_offsets"]?.excerpt ?? "null")")
    }
    guard begin <= end else { throw invalid("begins at byte \(begin) of the data and ends before it, at \(end)") }
    guard end <= available else {
      throw invalid("ends at byte \(end) of the data, which has \(available) bytes: the file is truncated")
    }

    let type = ElementType(safetensors: typeName)
    if let type {
      guard let size = SafetensorsEntry.bytes(shape, type) else {
        throw invalid("of type \(typeName) has the shape \(shape), more than memory can hold")
      }
      guard size == end - begin else {
        let given = "its data_offsets [\(begin), \(end)] give it \(end - begin)"
        throw invalid("of type \(typeName) and shape \(shape) needs \(size) bytes, but \(given)")
      }
    }
    self.name = name
    self.typeName = typeName
    self.type = type
    self.shape = shape
    self.begin = begin
    self.end = end
  }

  /// The size of a tensor, nil where it does not fit an `Int`.
  static func bytes(_ shape: TensorShape, _ type: ElementType) -> Int? {
    if shape.contains(0) { return 0 }
    var size = type.size
    for dimension in shape {
      let (product, overflow) = size.multipliedReportingOverflow(by: dimension)
      if overflow { return nil }
      size = product
    }
    return size
  }
}

extension ElementType {
  /// The type that safetensors files call `name`.
  init?(safetensors name: String) {
    switch name {
    case "BOOL": self = .bool
    case "U8": self = .uint8
    case "I8": self = .int8
    case "U16": self = .uint16
    case "I16": self = .int16
    case "F16": self = .float16
    case "BF16": self = .bfloat16
    case "U32": self = .uint32
    case "I32": self = .int32
    case "F32": self = .float32
    case "U64": self = .uint64
    case "I64": self = .int64
    case "F64": self = .float64
    default: return nil
    }
  }
}

extension JSON {
  /// An array of integers without sign, point or exponent; nil for anything else, for longer ones, and where a number
  /// does not fit an `Int`.
  fileprivate func naturals(atMost limit: Int) -> TensorShape? {
    guard kind == .array, count <= limit else { return nil }
    var numbers: TensorShape = []
    for element in elements {
      guard let number = element.natural else { return nil }
      numbers.append(number)
    }
    return numbers
  }

  /// The two integers of an array of that length.
  fileprivate var pair: (Int, Int)? {
    guard kind == .array, count == 2 else { return nil }
    var numbers = elements.makeIterator()
    guard let first = numbers.next()?.natural, let second = numbers.next()?.natural else { return nil }
    return (first, second)
  }

  private var natural: Int? { source.allSatisfy { $0 &- UInt8(ascii: "0") < 10 } ? int : nil }
}
