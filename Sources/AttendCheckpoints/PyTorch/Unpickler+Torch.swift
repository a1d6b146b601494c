// What the names in a pickle of tensors mean.
import AttendBase

extension Unpickler {
  /// The result of a call.
  mutating func call(_ callable: PickleValue, _ arguments: PickleValue) throws(Failure) -> PickleValue {
    guard case .global(let global) = callable else { throw invalid("calls \(callable.kind)") }
    let arguments = try values(arguments, "the arguments of a call")
    switch global {
    case .orderedDictionary:
      // With arguments it would be a list of pairs, which pickles of dictionaries do not have since protocol 2.
      guard arguments.isEmpty else { throw invalid("makes an OrderedDict of \(arguments.count) arguments") }
      try containers.append(PickleContainer(kind: .dictionary))
      return .container(containers.count - 1)
    case .size:
      guard arguments.count == 1, case .container = arguments[0] else { throw invalid("makes a Size of no tuple") }
      return arguments[0]
    case .rebuildTensor(let typeAt): return try tensor(arguments, typeAt: typeAt)
    case .rebuildParameter:
      guard let first = arguments.first, case .tensor = first else { throw invalid("makes a parameter of no tensor") }
      return first
    case .storage, .type: throw invalid("calls a type")
    }
  }

  /// `_rebuild_tensor(storage, offset, size, stride, ...)`.
  private mutating func tensor(_ arguments: [PickleValue], typeAt: Int?) throws(Failure) -> PickleValue {
    guard arguments.count >= 4, case .storage(let storage) = arguments[0], case .integer(let offset) = arguments[1],
      case .container(let shape) = arguments[2], case .container(let strides) = arguments[3]
    else { throw invalid("makes a tensor of no storage, offset, size and stride") }
    var type = storages[storage].type
    if let typeAt {
      guard arguments.count > typeAt, case .global(.type(let stated)) = arguments[typeAt] else {
        throw invalid("makes a tensor of no type")
      }
      type = stated
    }
    // Requirements of gradients, hooks and metadata, in which bits may stand that turn what is stored.
    for argument in arguments.dropFirst(4) {
      for bit in ["neg", "conj"] where try flag(bit, of: argument) == true {
        throw Failure(
          .unsupported,
          "\(file): a tensor of storage \(string(storages[storage].key)) is a view with torch's \(bit) bit; save a "
            + "copy of it (resolve_\(bit)())")
      }
    }
    try tensors.append(PickleTensor(storage: storage, type: type, offset: offset, shape: shape, strides: strides))
    return .tensor(tensors.count - 1)
  }

  /// The storage of a persistent id: `('storage', class, key, location, elements)`, and in files of old the view of
  /// another storage.
  mutating func storage(_ id: PickleValue) throws(Failure) -> PickleValue {
    let parts = try values(id, "a persistent id")
    guard parts.count >= 5, case .text(let word) = parts[0], string(word) == "storage",
      case .global(.storage(let type)) = parts[1], case .text(let key) = parts[2], case .integer = parts[4]
    else { throw invalid("has a persistent id that is no storage") }
    var offset = 0
    if parts.count > 5, case .container = parts[5] {
      let view = try values(parts[5], "a view")
      guard view.count == 3, case .integer(let first) = view[1] else { throw invalid("has a view that is none") }
      offset = first
    }
    try storages.append(PickleStorage(type: type ?? .uint8, key: key, offset: offset))
    return .storage(storages.count - 1)
  }

  /// The items of a tuple or list that is short.
  func values(_ value: PickleValue, _ what: String) throws(Failure) -> [PickleValue] {
    guard case .container(let index) = value, containers[index].kind != .dictionary, containers[index].count <= 64
    else {
      throw invalid("has something else than a short tuple as \(what)")
    }
    var result: [PickleValue] = []
    try forEach(containers[index]) { result.append($0.value) }
    return result
  }

  /// The truth value that a dictionary has under a key.
  func flag(_ key: String, of value: PickleValue) throws(Failure) -> Bool? {
    guard case .container(let index) = value, containers[index].kind == .dictionary else { return nil }
    var result: Bool?
    try forEach(containers[index]) { item in
      if case .text(let text) = item.key, string(text) == key, case .bool(let flag) = item.value { result = flag }
    }
    return result
  }

  /// The texts of a list.
  func texts(_ value: PickleValue) throws(Failure) -> GrowingList<PickleText> {
    guard case .container(let index) = value, containers[index].kind == .list else {
      throw invalid("has no list of the storages' keys")
    }
    var texts = GrowingList<PickleText>(for: "the storages of a pickle")
    try forEach(containers[index]) { item throws(Failure) in
      if case .text(let text) = item.value { try texts.append(text) }
    }
    return texts
  }

  func forEach(
    _ container: PickleContainer, _ body: (PickleContainer.Item) throws(Failure) -> Void
  ) throws(Failure) {
    var next = container.first
    for _ in 0..<container.count {
      try body(items[next])
      next = items[next].next
    }
  }
}

// MARK: - State dicts

/// A tensor of a state dict: a view of a storage.
struct TorchTensor {
  let name: String
  let type: TorchType
  /// The storage, by its key, and its bytes, where the file holds them.
  let storage: String
  let bytes: UnsafeRawBufferPointer?
  let offset: Int
  let shape: [Int]
  let strides: [Int]
}

extension Unpickler {
  /// The keys under which trainers put a state dict among other things.
  private static let wrappers = ["state_dict", "model_state_dict", "model", "module"]

  private struct Found {
    let name: PickleText
    let tensor: Int
  }

  /// The tensors of a state dict, or of the one that `value` holds under a usual key, with the bytes that `storage`
  /// gives for the key of a storage. Of a name that comes twice the last counts. Throws `invalidFile` where there is
  /// none.
  func stateDict(
    _ value: PickleValue, _ storage: (PickleText) throws(Failure) -> UnsafeRawBufferPointer?
  ) throws(Failure) -> FixedArray<TorchTensor> {
    var value = value
    for _ in 0..<3 {  // no deeper than anybody wraps
      guard case .container(let index) = value, containers[index].kind == .dictionary else { break }
      let inner = try wrapped(in: containers[index])
      if let inner, try holdsTensors(inner) {
        value = inner
        continue
      }
      let found = try tensors(of: containers[index])
      if !found.isEmpty { return try described(found, storage) }
      guard let inner else { break }
      value = inner
    }
    throw Failure(.invalidFile, "\(file): the pickle holds no dictionary of tensors")
  }

  /// Whether a dictionary, or the one in it under a usual key, holds tensors: beside it a trainer may keep others, such
  /// as a count of steps.
  private func holdsTensors(_ value: PickleValue) throws(Failure) -> Bool {
    guard case .container(let index) = value, containers[index].kind == .dictionary else { return false }
    let (own, inner) = (try tensors(of: containers[index]).isEmpty, try wrapped(in: containers[index]))
    return !own || inner != nil
  }

  /// The tensors of a dictionary in the order of their names.
  private func tensors(of dictionary: PickleContainer) throws(Failure) -> GrowingList<Found> {
    var found = GrowingList<Found>(for: "the tensors of a pickle")
    try forEach(dictionary) { item throws(Failure) in
      guard case .text(let name) = item.key, case .tensor(let tensor) = item.value else { return }
      try found.append(Found(name: name, tensor: tensor))
    }
    let bytes = bytes
    try found.sort { bytes.precedes($0.name, $1.name) }
    var kept = 0
    for index in 0..<found.count {
      if kept > 0, !bytes.precedes(found[kept - 1].name, found[index].name) { kept -= 1 }
      found[kept] = found[index]
      kept += 1
    }
    found.removeAll(from: kept)
    return found
  }

  /// The value of the first of the usual keys that a dictionary has.
  private func wrapped(in dictionary: PickleContainer) throws(Failure) -> PickleValue? {
    for wrapper in Unpickler.wrappers {
      var found: PickleValue?
      try forEach(dictionary) { item in
        guard case .text(let name) = item.key, case .container = item.value else { return }
        if bytes.text(name).elementsEqual(wrapper.utf8) { found = item.value }
      }
      if let found { return found }
    }
    return nil
  }

  private func described(
    _ found: borrowing GrowingList<Found>, _ storage: (PickleText) throws(Failure) -> UnsafeRawBufferPointer?
  ) throws(Failure) -> FixedArray<TorchTensor> {
    // What was saved from torch.nn.DataParallel has this before all names.
    let wrapper = "module."
    let elements = found.elements
    let strips = elements.allSatisfy { bytes.text($0.name).starts(with: wrapper.utf8) }
    return try FixedArray(elements.count, for: "the tensors of \(file)") { (index) throws(Failure) in
      let tensor = tensors[elements[index].tensor], own = storages[tensor.storage]
      let name = String(decoding: bytes.text(elements[index].name), as: UTF8.self)
      let (offset, overflow) = tensor.offset.addingReportingOverflow(own.offset)
      let (shape, strides) = (try naturals(tensor.shape), try naturals(tensor.strides))
      guard let shape, let strides, shape.count == strides.count, !overflow, tensor.offset >= 0, own.offset >= 0
      else { throw Failure(.invalidFile, "\(file): tensor \(name) has no sound size, stride and offset") }
      return TorchTensor(
        name: strips ? String(name.dropFirst(wrapper.utf8.count)) : name, type: tensor.type,
        storage: string(own.key), bytes: try storage(own.key), offset: offset, shape: shape, strides: strides)
    }
  }

  /// The integers of a short tuple; nil where one is negative or none.
  private func naturals(_ index: Int) throws(Failure) -> [Int]? {
    var result: [Int] = []
    for value in try values(.container(index), "a size") {
      guard case .integer(let number) = value, number >= 0 else { return nil }
      result.append(number)
    }
    return result
  }
}
