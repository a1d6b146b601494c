// Python's pickle format, as far as state dicts use it: protocols 2 to 5, and no name but those of `PickleGlobal`.
// https://docs.python.org/3/library/pickletools.html
import AttendBase

/// A machine that reads one pickle. Nothing is looked up, called or imported: the few names that state dicts consist of
/// have a meaning here, and any other is an error that tells it. Each byte of the pickle costs a bounded time and
/// memory, whose allocation may fail; nothing recurses.
struct Unpickler: ~Copyable {
  let bytes: UnsafeRawBufferPointer
  let file: String
  /// The place where the next byte is read; behind the pickle when it has been read.
  private(set) var position: Int
  private let first: Int
  private var stack: GrowingList<PickleValue>
  private var marks: GrowingList<Int>
  private var memo: GrowingList<PickleValue>
  var containers: GrowingList<PickleContainer>
  var items: GrowingList<PickleContainer.Item>
  var storages: GrowingList<PickleStorage>
  var tensors: GrowingList<PickleTensor>

  /// No state dict is described by more; tensors lie elsewhere.
  static let maximalBytes = 64 << 20

  /// Reads from byte `first` of `bytes`, which belong to `file`.
  init(_ bytes: UnsafeRawBufferPointer, from first: Int = 0, file: String) {
    let purpose = "the pickle of \(file)"
    self.bytes = bytes
    self.file = file
    self.first = first
    self.position = first
    stack = GrowingList(for: purpose)
    marks = GrowingList(for: purpose)
    memo = GrowingList(for: purpose)
    containers = GrowingList(for: purpose)
    items = GrowingList(for: purpose)
    storages = GrowingList(for: purpose)
    tensors = GrowingList(for: purpose)
  }

  /// The value of the pickle. Throws `invalidFile` for what is no pickle, `unsupported` for what no state dict holds.
  mutating func value() throws(Failure) -> PickleValue {
    while true {
      let opcode = try byte()
      if opcode == UInt8(ascii: ".") { return try pop() }
      if try constant(opcode) { continue }
      if try collection(opcode) { continue }
      if try memory(opcode) { continue }
      if try object(opcode) { continue }
      let code = String(opcode, radix: 16)
      throw Failure(
        .unsupported,
        "\(file): the pickle has the opcode 0x\(code) at byte \(position - 1), which no dictionary of tensors needs")
    }
  }

  func invalid(_ reason: String) -> Failure {
    Failure(.invalidFile, "\(file): the pickle at byte \(position) \(reason)")
  }

  // MARK: Opcodes

  /// None, truth values, numbers, texts.
  private mutating func constant(_ opcode: UInt8) throws(Failure) -> Bool {
    switch opcode {
    case UInt8(ascii: "N"): try push(.none)
    case 0x88: try push(.bool(true))
    case 0x89: try push(.bool(false))
    case UInt8(ascii: "J"): try push(.integer(Int(Int32(truncatingIfNeeded: try integer(4)))))
    case UInt8(ascii: "K"): try push(.integer(try integer(1)))
    case UInt8(ascii: "M"): try push(.integer(try integer(2)))
    case 0x8A: try push(long(try text(1)))
    case 0x8B: try push(long(try text(4)))
    case UInt8(ascii: "G"):
      let bits = try take(8)
      let word = bytes.loadUnaligned(fromByteOffset: bits.first, as: UInt64.self)
      try push(.number(Double(bitPattern: UInt64(bigEndian: word))))
    case 0x8C, UInt8(ascii: "U"): try push(.text(try text(1)))
    case UInt8(ascii: "X"), UInt8(ascii: "T"): try push(.text(try text(4)))
    case 0x8D: try push(.text(try text(8)))
    case UInt8(ascii: "C"): try push(.bytes(try text(1)))
    case UInt8(ascii: "B"): try push(.bytes(try text(4)))
    case 0x8E, 0x96: try push(.bytes(try text(8)))
    default: return false
    }
    return true
  }

  /// Tuples, lists, sets and dictionaries.
  private mutating func collection(_ opcode: UInt8) throws(Failure) -> Bool {
    switch opcode {
    case UInt8(ascii: "("): try marks.append(stack.count)
    case UInt8(ascii: ")"): try push(try container(.tuple))
    case UInt8(ascii: "]"): try push(try container(.list))
    case UInt8(ascii: "}"): try push(try container(.dictionary))
    case 0x8F: try push(try container(.set))
    case 0x85...0x87: try gather(.tuple, from: stack.count - Int(opcode - 0x84))
    case UInt8(ascii: "t"): try gather(.tuple, from: try mark())
    case UInt8(ascii: "l"): try gather(.list, from: try mark())
    case UInt8(ascii: "d"): try gather(.dictionary, from: try mark())
    case 0x91: try gather(.set, from: try mark())
    case UInt8(ascii: "a"): try extend(from: stack.count - 1)
    case UInt8(ascii: "s"): try extend(from: stack.count - 2)
    case UInt8(ascii: "e"), UInt8(ascii: "u"), 0x90: try extend(from: try mark())
    default: return false
    }
    return true
  }

  /// The stack, the memo and the frame of the format.
  private mutating func memory(_ opcode: UInt8) throws(Failure) -> Bool {
    switch opcode {
    case 0x80:
      let version = try byte()
      guard (2...5).contains(version) else {
        throw Failure(.unsupported, "\(file): the pickle is of protocol \(version); known are 2 to 5")
      }
    case 0x95: _ = try take(8)  // the length of a frame, which readers of streams want to know
    case UInt8(ascii: "0"): _ = try pop()
    case UInt8(ascii: "1"): stack.removeAll(from: try mark())
    case UInt8(ascii: "2"):
      let top = try pop()
      try push(top)
      try push(top)
    case UInt8(ascii: "h"): try recall(try integer(1))
    case UInt8(ascii: "j"): try recall(try integer(4))
    case UInt8(ascii: "q"): try remember(try integer(1))
    case UInt8(ascii: "r"): try remember(try integer(4))
    case 0x94: try remember(memo.count)
    default: return false
    }
    return true
  }

  /// Names, and what is made by calling them.
  private mutating func object(_ opcode: UInt8) throws(Failure) -> Bool {
    switch opcode {
    case UInt8(ascii: "c"):
      let module = try line()
      try push(.global(try global(module, try line())))
    case 0x93:
      let (name, module) = (try pop(), try pop())
      guard case .text(let name) = name, case .text(let module) = module else {
        throw invalid("names something by \(module.kind) and \(name.kind)")
      }
      try push(.global(try global(module, name)))
    case UInt8(ascii: "R"), 0x81:
      let (arguments, callable) = (try pop(), try pop())
      try push(try call(callable, arguments))
    case UInt8(ascii: "b"):
      let (_, target) = (try pop(), try pop())  // attributes that state dicts have, such as _metadata
      guard case .container = target else { throw invalid("sets attributes of \(target.kind)") }
      try push(target)
    case UInt8(ascii: "Q"): try push(try storage(try pop()))
    default: return false
    }
    return true
  }

  private func global(_ module: PickleText, _ name: PickleText) throws(Failure) -> PickleGlobal {
    let (module, name) = (string(module), string(name))
    guard let global = PickleGlobal(module: module, name: name) else {
      throw Failure(
        .unsupported,
        "\(file): the pickle names \(module).\(name), which is no part of a dictionary of tensors and is not loaded; "
          + "save model.state_dict() alone")
    }
    return global
  }

  // MARK: Stack and memo

  private mutating func push(_ value: PickleValue) throws(Failure) { try stack.append(value) }

  private mutating func pop() throws(Failure) -> PickleValue {
    // What stands before a mark is out of reach until the mark is gone.
    guard stack.count > (marks.count > 0 ? marks[marks.count - 1] : 0) else {
      throw invalid("takes a value that is not there")
    }
    let value = stack[stack.count - 1]
    stack.removeAll(from: stack.count - 1)
    return value
  }

  /// Removes the last mark and tells where in the stack it stood.
  private mutating func mark() throws(Failure) -> Int {
    guard marks.count > 0 else { throw invalid("takes a mark that is not there") }
    let place = marks[marks.count - 1]
    marks.removeAll(from: marks.count - 1)
    return place
  }

  private mutating func recall(_ index: Int) throws(Failure) {
    guard index < memo.count else { throw invalid("asks for \(index) of its memo, which has \(memo.count) values") }
    try push(memo[index])
  }

  private mutating func remember(_ index: Int) throws(Failure) {
    // Each value of the memo has taken at least a byte to put there.
    guard stack.count > 0, index <= position - first else { throw invalid("puts into its memo at \(index)") }
    while memo.count <= index { try memo.append(.none) }
    memo[index] = stack[stack.count - 1]
  }

  // MARK: Containers

  private mutating func container(_ kind: PickleContainer.Kind) throws(Failure) -> PickleValue {
    try containers.append(PickleContainer(kind: kind))
    return .container(containers.count - 1)
  }

  /// Makes a container of the stack's values from `place` on.
  private mutating func gather(_ kind: PickleContainer.Kind, from place: Int) throws(Failure) {
    let floor = marks.count > 0 ? marks[marks.count - 1] : 0
    guard place >= floor, place <= stack.count else { throw invalid("takes values that are not there") }
    let target = try container(kind)
    guard case .container(let index) = target else { return }
    try move(from: place, to: index)
    try push(target)
  }

  /// Adds the stack's values from `place` on to the container before them.
  private mutating func extend(from place: Int) throws(Failure) {
    let floor = marks.count > 0 ? marks[marks.count - 1] : 0
    guard place - 1 >= floor, place <= stack.count, case .container(let index) = stack[place - 1],
      containers[index].kind != .tuple
    else { throw invalid("adds to something that is no list and no dictionary") }
    try move(from: place, to: index)
  }

  private mutating func move(from place: Int, to index: Int) throws(Failure) {
    var container = containers[index]
    let step = container.kind == .dictionary ? 2 : 1
    guard (stack.count - place).isMultiple(of: step) else { throw invalid("has a key without a value") }
    for next in stride(from: place, to: stack.count, by: step) {
      try items.append(PickleContainer.Item(key: stack[next], value: stack[next + step - 1], next: -1))
      if container.count > 0 { items[container.last].next = items.count - 1 } else { container.first = items.count - 1 }
      container.last = items.count - 1
      container.count += 1
    }
    containers[index] = container
    stack.removeAll(from: place)
  }

  // MARK: Bytes

  private mutating func take(_ count: Int) throws(Failure) -> PickleText {
    guard count <= bytes.count - position else { throw invalid("is truncated") }
    guard position - first + count <= Unpickler.maximalBytes else {
      throw invalid("has more than \(Unpickler.maximalBytes) bytes")
    }
    position += count
    return PickleText(first: position - count, count: count)
  }

  private mutating func byte() throws(Failure) -> UInt8 { bytes[try take(1).first] }

  /// A little-endian integer without sign, of at most 8 bytes.
  private mutating func integer(_ count: Int) throws(Failure) -> Int {
    let place = try take(count)
    var value: UInt64 = 0
    for byte in bytes[place.first..<place.first + count].reversed() { value = value << 8 | UInt64(byte) }
    guard let result = Int(exactly: value) else { throw invalid("has a length of \(value)") }
    return result
  }

  /// Bytes behind their number, which has `width` bytes.
  private mutating func text(_ width: Int) throws(Failure) -> PickleText { try take(try integer(width)) }

  /// Bytes up to a line feed.
  private mutating func line() throws(Failure) -> PickleText {
    let start = position
    while try byte() != UInt8(ascii: "\n") {}
    return PickleText(first: start, count: position - 1 - start)
  }

  private func long(_ text: PickleText) -> PickleValue {
    guard text.count <= 8 else { return .large(text) }
    guard text.count > 0 else { return .integer(0) }
    let digits = bytes[text.first..<text.first + text.count]
    var value = Int(Int8(bitPattern: digits.last!))
    for byte in digits.dropLast().reversed() { value = value << 8 | Int(byte) }
    return .integer(value)
  }

  func string(_ text: PickleText) -> String {
    String(decoding: bytes[text.first..<text.first + text.count], as: UTF8.self)
  }
}
