// What the names in a pickle of tensors mean.
import AttendBase

extension Unpickler {
  /// What a call gives.
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
    try tensors.append(PickleTensor(storage: storage, type: type, offset: offset, shape: shape, strides: strides))
    return .tensor(tensors.count - 1)
  }

  /// What a persistent id stands for: `('storage', class, key, location, elements)`, and in files of old the view of
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
    forEach(containers[index]) { result.append($0.value) }
    return result
  }

  /// The truth value that a dictionary has under a key.
  func flag(_ key: String, of value: PickleValue) -> Bool? {
    guard case .container(let index) = value, containers[index].kind == .dictionary else { return nil }
    var result: Bool?
    forEach(containers[index]) { item in
      if case .text(let text) = item.key, string(text) == key, case .bool(let flag) = item.value { result = flag }
    }
    return result
  }

  /// The texts of a list.
  func texts(_ value: PickleValue) throws(Failure) -> [String] {
    guard case .container(let index) = value, containers[index].kind == .list else {
      throw invalid("has no list of the storages' keys")
    }
    var texts: [String] = []
    forEach(containers[index]) { if case .text(let text) = $0.value { texts.append(string(text)) } }
    return texts
  }

  func forEach(_ container: PickleContainer, _ body: (PickleContainer.Item) -> Void) {
    var next = container.first
    for _ in 0..<container.count {
      body(items[next])
      next = items[next].next
    }
  }
}

// MARK: - State dicts

/// A tensor of a state dict: a view of a storage.
struct TorchTensor {
  let name: String
  let type: TorchType
  /// The storage, by its key, and the type that it was written with.
  let storage: String
  let offset: Int
  let shape: [Int]
  let strides: [Int]
}

extension Unpickler {
  /// The keys under which trainers put a state dict among other things.
  private static let wrappers = ["state_dict", "model_state_dict", "model", "module"]

  /// The tensors of a state dict, or of the one that `value` holds under a usual key. Of a name that comes twice the
  /// last counts. Throws `invalidFile` where there is none.
  func stateDict(_ value: PickleValue) throws(Failure) -> [TorchTensor] {
    var value = value
    for _ in 0..<3 {  // no deeper than anybody wraps
      guard case .container(let index) = value, containers[index].kind == .dictionary else { break }
      var found: [String: PickleTensor] = [:]
      var nested: [String: PickleValue] = [:]
      forEach(containers[index]) { item in
        guard case .text(let key) = item.key else { return }
        if case .tensor(let tensor) = item.value { found[string(key)] = tensors[tensor] }
        if case .container = item.value { nested[string(key)] = item.value }
      }
      if !found.isEmpty { return try described(found) }
      guard let inner = Unpickler.wrappers.lazy.compactMap({ nested[$0] }).first else { break }
      value = inner
    }
    throw Failure(.invalidFile, "\(file): the pickle holds no dictionary of tensors")
  }

  private func described(_ found: [String: PickleTensor]) throws(Failure) -> [TorchTensor] {
    // What was saved from torch.nn.DataParallel has this before all names.
    let wrapper = "module."
    let strips = found.keys.allSatisfy { $0.hasPrefix(wrapper) }
    var result: [TorchTensor] = []
    for (name, tensor) in found {
      let storage = storages[tensor.storage]
      let (offset, overflow) = tensor.offset.addingReportingOverflow(storage.offset)
      let (shape, strides) = (try naturals(tensor.shape), try naturals(tensor.strides))
      guard let shape, let strides, shape.count == strides.count, !overflow, tensor.offset >= 0, storage.offset >= 0
      else { throw Failure(.invalidFile, "\(file): tensor \(name) has no sound size, stride and offset") }
      result.append(
        TorchTensor(
          name: strips ? String(name.dropFirst(wrapper.utf8.count)) : name, type: tensor.type,
          storage: string(storage.key), offset: offset, shape: shape, strides: strides))
    }
    return result
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
