// Names that tensors had in earlier versions of PyTorch and transformers, which still stand in many checkpoints.
import AttendBase

/// The translation of old names into those of today, the same for every family: what `from_pretrained` of transformers,
/// today's or an earlier one, renames whatever the model is. Prefixes, which depend on the family, are the blueprint's.
enum OldNames {
  /// Old endings of names with those that replaced them. BERT's first checkpoints come from TensorFlow, whose norms
  /// have a gamma and a beta, which transformers 4 renamed whatever the norm is called; both formats of weight
  /// normalization are brought to the one of today.
  private static let endings = [
    (".gamma", ".weight"), (".beta", ".bias"),
    (".weight_g", WeightNormalization.magnitude), (".weight_v", WeightNormalization.direction),
  ]

  /// The name of today for an old one; nil for any other.
  static func current(_ name: String) -> String? {
    for (old, new) in endings where name.hasSuffix(old) { return name.dropLast(old.utf8.count) + new }
    return nil
  }

  /// Whether all names are of today and no weight is normalised, as in nearly every checkpoint.
  static func areAbsent(from table: TensorTable) -> Bool {
    for tensor in table.tensors where current(tensor.name) != nil || WeightNormalization.concerns(tensor.name) {
      return false
    }
    return true
  }

  /// A tensor under the name of today. An old name whose successor `exists` too stays as it is.
  static func translate(_ tensor: StoredTensor, _ exists: (String) -> Bool) -> StoredTensor {
    guard let name = current(tensor.name), !exists(name) else { return tensor }
    return tensor.renamed(name)
  }
}

/// Weights that are stored as a magnitude and a direction, g and v (Salimans and Kingma 2016, arXiv:1602.07868), as
/// `torch.nn.utils.parametrizations.weight_norm` names them: w = v * (g / |v|).
enum WeightNormalization {
  static let magnitude = ".parametrizations.weight.original0"
  static let direction = ".parametrizations.weight.original1"

  /// Whether a tensor of this name is one of such a pair.
  static func concerns(_ name: String) -> Bool { name.hasSuffix(magnitude) || name.hasSuffix(direction) }

  /// The stand-in of a tensor: of such a pair the weights for its magnitude, in float32, and nothing for its direction;
  /// any other tensor itself.
  static func multiplied(
    _ tensor: StoredTensor, _ find: (String) -> StoredTensor?
  ) throws(Failure) -> StoredTensor? {
    if tensor.name.hasSuffix(direction) {
      let stem = tensor.name.dropLast(direction.utf8.count)
      return find(stem + magnitude) == nil ? tensor : nil
    }
    guard tensor.name.hasSuffix(magnitude) else { return tensor }
    let stem = tensor.name.dropLast(magnitude.utf8.count)
    guard let direction = find(stem + direction) else { return tensor }
    return try product(tensor, direction, name: "\(stem).weight")
  }

  /// v * (g / |v|), where the norms run over all dimensions but the one that g has.
  private static func product(
    _ magnitude: StoredTensor, _ direction: StoredTensor, name: String
  ) throws(Failure) -> StoredTensor {
    guard direction.count > 0 else { return direction.renamed(name) }
    let kept = magnitude.shape.firstIndex { $0 != 1 }
    let shape = TensorShape(direction.shape.indices.lazy.map { $0 == kept ? direction.shape[$0] : 1 })
    guard magnitude.shape == shape || magnitude.shape.isEmpty else {
      throw Failure(
        .invalidFile,
        "\(magnitude.file): tensor \(magnitude.name) has the shape \(magnitude.shape), which does not fit the shape "
          + "\(direction.shape) of \(direction.name)")
    }
    let (scales, numbers) = (try magnitude.floats(), try direction.floats())
    let (g, v): (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>) = (scales.pointer(), numbers.pointer())
    let inner = direction.shape[((kept ?? -1) + 1)...].reduce(1, *)  // numbers from one index that is kept to the next
    let indices = magnitude.count
    for index in 0..<indices {
      // With one magnitude for all, `inner` is all that there is.
      let starts = stride(from: index * inner, to: direction.count, by: indices * inner)
      var squares = 0.0
      for start in starts { for place in start..<start + inner { squares += Double(v[place]) * Double(v[place]) } }
      let scale = g[index] / Float(squares.squareRoot())
      for start in starts { for place in start..<start + inner { v[place] *= scale } }
    }
    withExtendedLifetime(scales) {}
    return StoredTensor(
      name: name, type: .float32, shape: direction.shape,
      bytes: UnsafeRawBufferPointer(start: numbers.base, count: direction.count * MemoryLayout<Float>.size),
      file: direction.file, owner: numbers)
  }
}
