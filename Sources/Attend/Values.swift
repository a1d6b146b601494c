internal import CAttend

/// Numbers in rows, copied out of the library: logits, states, embeddings.
public struct Rows: Sendable, Equatable {
  /// The numbers, row after row: `[count, width]`.
  public let values: [Float]
  /// How many numbers a row has.
  public let width: Int
  /// The dimensions before they were rows, the last of which is `width`.
  public let shape: [Int]

  public var count: Int { width == 0 ? 0 : values.count / width }
  /// Row `index`, from 0 to `count` less 1.
  public subscript(index: Int) -> ArraySlice<Float> { values[index * width..<(index + 1) * width] }

  /// Rows of a program's own. Errors: invalidArgument, where the numbers are no rows of that width.
  public init(_ values: [Float], width: Int) throws(AttendError) {
    guard width > 0, values.count.isMultiple(of: width) else {
      throw AttendError(.invalidArgument, "\(values.count) numbers are no rows of \(width)")
    }
    self.init(values, shape: [values.count / width, width])
  }

  init(_ values: [Float], shape: [Int]) {
    self.values = values
    self.shape = shape
    width = shape.last ?? 0
  }

  init(_ tensor: attend_tensor) {
    let shape = dimensions(tensor)
    let start = tensor.data?.assumingMemoryBound(to: Float.self)
    self.init(array(start, shape.reduce(1, *)), shape: shape)
  }
}

/// The shape of a tensor.
func dimensions(_ tensor: attend_tensor) -> [Int] {
  withUnsafeBytes(of: tensor.shape) { Array($0.bindMemory(to: Int.self).prefix(tensor.rank)) }
}

/// A value of an option by name: a literal of Swift, as `["num_beams": 4, "do_sample": true]`.
public enum Setting: Sendable, Equatable, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral,
  ExpressibleByNilLiteral
{
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case list([Setting])
  case object([String: Setting])
  /// A value that is JSON already.
  case json(String)

  public init(nilLiteral: ()) { self = .null }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(stringLiteral value: String) { self = .string(value) }
  public init(arrayLiteral elements: Setting...) { self = .list(elements) }
  public init(dictionaryLiteral elements: (String, Setting)...) {
    self = .object(Dictionary(elements) { _, last in last })
  }

  /// The value as JSON. Numbers that JSON has no word for become null.
  public var text: String {
    switch self {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .integer(let value): "\(value)"
    case .number(let value): value.isFinite ? "\(value)" : "null"
    case .string(let value): Setting.quoted(value)
    case .list(let values): "[" + values.map(\.text).joined(separator: ", ") + "]"
    case .object(let values):
      "{" + values.sorted { $0.key < $1.key }.map { "\(Setting.quoted($0)): \($1.text)" }.joined(separator: ", ") + "}"
    case .json(let value): value
    }
  }

  private static func quoted(_ value: String) -> String {
    var written = "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"", "\\": written += "\\\(scalar)"
      case "\n": written += "\\n"
      case "\u{0}"..<"\u{20}":
        let digits = String(scalar.value, radix: 16)
        written += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: written.unicodeScalars.append(scalar)
      }
    }
    return written + "\""
  }
}

/// A message of a conversation.
public struct Message: Sendable, Equatable {
  public var role: String
  public var content: String

  public init(role: String, content: String) {
    self.role = role
    self.content = content
  }
  public static func system(_ content: String) -> Message { Message(role: "system", content: content) }
  public static func user(_ content: String) -> Message { Message(role: "user", content: content) }
  public static func assistant(_ content: String) -> Message { Message(role: "assistant", content: content) }

  /// A conversation as JSON.
  static func text(_ messages: [Message]) -> String {
    Setting.list(messages.map { ["role": .string($0.role), "content": .string($0.content)] }).text
  }
}

/// A stretch of a text: half-open ranges, in bytes of UTF-8 and in Unicode scalars.
public struct Offsets: Sendable, Equatable {
  public let bytes: Range<Int>
  public let scalars: Range<Int>

  init(_ raw: attend_token_offsets) {
    bytes = Int(raw.byte_start)..<Int(max(raw.byte_start, raw.byte_end))
    scalars = Int(raw.scalar_start)..<Int(max(raw.scalar_start, raw.scalar_end))
  }
}

/// A picture or a sound.
public enum MediaInput: Sendable {
  /// The file at a path: PNG, JPEG, WebP, BMP, GIF; WAV, FLAC, MP3, Ogg, ...
  case file(String)
  /// The bytes of such a file.
  case bytes([UInt8])
  /// Pixels of bytes, `[height, width, channels]`, with 1 to 4 channels.
  case pixels([UInt8], height: Int, width: Int, channels: Int)
  /// Samples from -1 to 1 of one channel, of which `rate` make a second.
  case samples([Float], rate: Int)

  /// What the header takes, and the bytes that it borrows, which are the caller's to free.
  private var raw: (attend_input, UnsafeMutableRawBufferPointer) {
    var raw = initial(attend_input.self)
    let bytes: UnsafeMutableRawBufferPointer
    switch self {
    case .file(let path):
      raw.kind = ATTEND_INPUT_FILE
      bytes = MediaInput.copy(Array(path.utf8) + [0])
    case .bytes(let file):
      raw.kind = ATTEND_INPUT_BYTES
      raw.size = file.count
      bytes = MediaInput.copy(file)
    case .pixels(let pixels, let height, let width, let channels):
      raw.kind = ATTEND_INPUT_PIXELS
      raw.type = ATTEND_TYPE_UINT8
      raw.rank = 3
      raw.shape = (height, width, channels)
      bytes = MediaInput.copy(pixels)
    case .samples(let samples, let rate):
      raw.kind = ATTEND_INPUT_SAMPLES
      raw.type = ATTEND_TYPE_FLOAT32
      raw.rank = 1
      raw.shape.0 = samples.count
      raw.sample_rate = UInt32(clamping: rate)
      bytes = MediaInput.copy(samples)
    }
    raw.data = UnsafeRawPointer(bytes.baseAddress)
    return (raw, bytes)
  }

  private static func copy<Element>(_ elements: [Element]) -> UnsafeMutableRawBufferPointer {
    elements.withUnsafeBytes {
      let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max($0.count, 1), alignment: 16)
      bytes.copyMemory(from: $0)
      return bytes
    }
  }

  /// Throws where the numbers do not fill their shape, which the header cannot see.
  func check() throws(AttendError) {
    guard case .pixels(let pixels, let height, let width, let channels) = self else { return }
    let (rows, first) = height.multipliedReportingOverflow(by: width)
    let (count, second) = rows.multipliedReportingOverflow(by: channels)
    guard !first, !second, height > 0, width > 0, channels > 0, count == pixels.count else {
      throw AttendError(.invalidArgument, "\(pixels.count) numbers are no \(height) x \(width) x \(channels) pixels")
    }
  }

  /// Inputs as the header takes them, for the time of a call. Errors: invalidArgument.
  static func with<Result>(
    _ inputs: [MediaInput], _ body: (UnsafePointer<attend_input>?, Int) -> Result
  ) throws(AttendError) -> Result {
    for input in inputs { try input.check() }
    return lend(inputs, body)
  }

  /// The same of inputs that were checked.
  static func lend<Result>(_ inputs: [MediaInput], _ body: (UnsafePointer<attend_input>?, Int) -> Result) -> Result {
    let lent = inputs.map(\.raw)
    defer { for (_, bytes) in lent { bytes.deallocate() } }
    return lent.map(\.0).withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
  }
}
