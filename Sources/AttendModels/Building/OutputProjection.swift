import AttendBase

/// The last product of a head: where the checkpoint has its weights, found once for all who ask.
struct OutputProjection {
  /// As the checkpoint has it: never `ownOrTied`.
  let output: HeadBlueprint.Output
  /// The tensor of weights of its own that it may have. Where the head is tied, it is a copy of the token table, or the
  /// only place of it.
  let ownWeights: String?
  /// The tensor of the token table of the stack that it stands behind.
  let table: String

  init(_ head: HeadBlueprint?, behind stack: StackBlueprint, prefix: String, _ packer: Packer) {
    guard case .ownOrTied(let linear) = head?.output else {
      (output, ownWeights) = (head?.output ?? .none, nil)
      table = OutputProjection.table(of: stack, prefix: prefix, ownWeights: nil, packer)
      return
    }
    let own = linear.weightName()
    let table = OutputProjection.table(of: stack, prefix: prefix, ownWeights: own, packer)
    (ownWeights, self.table) = (own, table)
    if packer.tensors.has(linear.kernelName()) {
      output = .linear(linear)
      return
    }
    if packer.tensors.has(own), table != own, !packer.tensors.areEqual(own, table) {
      output = .linear(linear)
      return
    }
    switch linear.bias {
    case .none: output = .tied(bias: nil)
    case .own: output = .tied(bias: linear.biasName())
    case .optional(let name): output = .tied(bias: name)
    }
  }

  /// The tensor of a stack's token table. Where a checkpoint holds a tied table only as the weights of its head, it is
  /// that.
  static func table(
    of stack: StackBlueprint, prefix: String, ownWeights: String?, _ packer: Packer
  ) -> String {
    guard let embedding = stack.embedding else { return "" }
    let name = prefix + packer.tensors.first(of: embedding.tokens) { prefix + $0 }
    guard !packer.tensors.has(name), let ownWeights, packer.tensors.has(ownWeights) else { return name }
    return ownWeights
  }
}
