import AttendBase

// The algebra of sets of values.

extension SchemaSets {
  /// The pairs that have something in common.
  private func meet<Part>(
    _ one: [Part], _ other: [Part], _ both: (Part, Part) throws(Failure) -> Part?
  ) throws(Failure) -> [Part] where Part: Hashable {
    if one.isEmpty || other.isEmpty { return [] }
    if one.count == 1, other.count == 1 { return try both(one[0], other[0]).map { [$0] } ?? [] }
    var (result, seen): ([Part], Set<Part>) = ([], [])
    for first in one {
      for second in other {
        guard let part = try both(first, second) else { continue }
        if seen.insert(part).inserted { result.append(part) }
      }
    }
    return result
  }

  func meet(_ one: ValueSet, _ other: ValueSet) throws(Failure) -> ValueSet {
    ValueSet(
      constants: one.constants.intersection(other.constants),
      numbers: try meet(one.numbers, other.numbers) { (a, b) throws(Failure) in try a.meeting(b) },
      strings: try meet(one.strings, other.strings) { (a, b) throws(Failure) in try meet(a, b) },
      arrays: try meet(one.arrays, other.arrays) { (a, b) throws(Failure) in try meet(a, b) },
      objects: try meet(one.objects, other.objects) { (a, b) throws(Failure) in try meet(a, b) })
  }

  private func join<Part: Hashable>(_ one: [Part], _ other: [Part]) -> [Part] {
    one.isEmpty ? other : other.isEmpty ? one : one + other.filter { !one.contains($0) }
  }

  func join(_ one: ValueSet, _ other: ValueSet) -> ValueSet {
    var result = ValueSet(
      constants: one.constants.union(other.constants), numbers: join(one.numbers, other.numbers),
      strings: join(one.strings, other.strings), arrays: join(one.arrays, other.arrays),
      objects: join(one.objects, other.objects))
    if result.numbers.contains(where: { $0.isAll }) { result.numbers = [.all] }
    if result.strings.contains(where: { $0.isAll }) { result.strings = [.all] }
    let lists = result.strings.compactMap(\.finite)
    if lists.count > 1 {
      var (texts, seen): ([[UInt8]], Set<[UInt8]>) = ([], [])
      for text in lists.joined() where seen.insert(text).inserted { texts.append(text) }
      result.strings = result.strings.filter { $0.finite == nil } + [StringRange(finite: texts)]
    }
    return result
  }

  func complement(_ set: ValueSet) throws(Failure) -> ValueSet {
    var result = ValueSet.all
    result.constants = ValueSet.Constants.all.subtracting(set.constants)
    for range in set.numbers { result.numbers = try subtract(result.numbers, range) }
    for range in set.strings { result.strings = try subtract(result.strings, range) }
    for shape in set.arrays { result.arrays = try subtract(result.arrays, shape) }
    for shape in set.objects { result.objects = try subtract(result.objects, shape) }
    return result
  }

  /// What is in the one and not in the other.
  func subtract(_ one: ValueSet, _ other: ValueSet) throws(Failure) -> ValueSet {
    var result = one
    result.constants.subtract(other.constants)
    for range in other.numbers { result.numbers = try subtract(result.numbers, range) }
    for range in other.strings { result.strings = try subtract(result.strings, range) }
    for shape in other.arrays { result.arrays = try subtract(result.arrays, shape) }
    for shape in other.objects { result.objects = try subtract(result.objects, shape) }
    return result
  }

  private func subtract(_ ranges: [NumberRange], _ other: NumberRange) throws(Failure) -> [NumberRange] {
    var result: [NumberRange] = []
    for range in ranges {
      guard let common = try range.meeting(other), try !common.isEmpty() else {
        result.append(range)
        continue
      }
      for piece in other.complement {
        if let rest = try range.meeting(piece), try !rest.isEmpty() { result.append(rest) }
      }
    }
    return result
  }

  private func subtract(_ ranges: [StringRange], _ other: StringRange) throws(Failure) -> [StringRange] {
    var result: [StringRange] = []
    for range in ranges {
      guard let common = try meet(range, other), try !isEmpty(common) else {
        result.append(range)
        continue
      }
      for piece in complement(other) {
        if let rest = try meet(range, piece), try !isEmpty(rest) { result.append(rest) }
      }
    }
    return result
  }

  /// What is in one of `shapes` and not in `other`.
  private func subtract<Shape>(
    _ shapes: [Shape], _ other: Shape, meet: (Shape, Shape) throws(Failure) -> Shape?,
    complement: (Shape) throws(Failure) -> [Shape]
  ) throws(Failure) -> [Shape] {
    var result: [Shape] = []
    for shape in shapes {
      guard try meet(shape, other) != nil else {
        result.append(shape)
        continue
      }
      for piece in try complement(other) { if let rest = try meet(shape, piece) { result.append(rest) } }
    }
    return result
  }

  private func subtract(_ shapes: [ArrayShape], _ other: ArrayShape) throws(Failure) -> [ArrayShape] {
    try subtract(shapes, other, meet: meet, complement: complement)
  }

  private func subtract(_ shapes: [ObjectShape], _ other: ObjectShape) throws(Failure) -> [ObjectShape] {
    try subtract(shapes, other, meet: meet, complement: complement)
  }
}
