/// The type of the stored elements of a tensor; the raw values are those of `attend_element_type` in the header.
package enum ElementType: UInt32, Sendable, CaseIterable {
  case float32 = 1
  case float16 = 2
  case bfloat16 = 3
  case float64 = 4
  case int8 = 10
  case int16 = 11
  case int32 = 12
  case int64 = 13
  case uint8 = 20
  case uint16 = 21
  case uint32 = 22
  case uint64 = 23
  case bool = 30

  /// Bytes of one element.
  package var size: Int {
    switch self {
    case .int8, .uint8, .bool: 1
    case .float16, .bfloat16, .int16, .uint16: 2
    case .float32, .int32, .uint32: 4
    case .float64, .int64, .uint64: 8
    }
  }
}
