import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendKernelInterface
import AttendLayers

extension Builder {
  /// The first layer of `stack`.
  func input(_ stack: StackBlueprint) throws(Failure) -> InputLayer {
    switch stack.input {
    case .tokens(let embedding): .tokens(try tokens(embedding, stack))
    case .states(let embedding): .states(StateInput(embedding))
    case .patches(let patches): .patches(try self.patches(patches, stack.width))
    case .tiles(let tiles): .tiles(try self.tiles(tiles, stack.width))
    case .sound(let sound): .sound(try self.sound(sound, stack.width))
    case .pyramid(let pyramid): .pyramid(try self.pyramid(pyramid))
    }
  }

  // MARK: Embeddings

  /// The head that makes the embedding of what a stack of `width` read.
  func embedding(_ head: EmbeddingHeadBlueprint, width: Int) throws(Failure) -> SentenceHead {
    let mode: Pooling.Mode =
      switch head.pooling {
      case .firstToken: .firstToken
      case .endToken, .lastToken: .lastToken
      case .attention(let pooling): .attention(try attentionPooling(pooling, width))
      }
    var steps: [SentenceHead.Step] = []
    if let norm = try norm(head.norm, width) { steps.append(.norm(norm)) }
    if let projection = head.projection {
      steps.append(.dense(try packer.linear([projection], prefix: ""), .fused(.none), .none))
    }
    if head.toUnitLength { steps.append(.unitLength) }
    return SentenceHead(Pooling([mode]), steps: steps, width: width)
  }

  /// The query's product is made here, once for all sequences.
  private func attentionPooling(
    _ pooling: AttentionPoolingBlueprint, _ width: Int
  ) throws(Failure) -> AttentionPooling {
    let (query, key, value) = pooling.input.inThirds()
    let pass = Pass(engine: packer.engine, workspace: Workspace())
    let probe = try packer.rows(prefix + pooling.query, count: 1, width: width)
    let vector = try AlignedBuffer(width, of: Float.self, for: "the query of a pooling")
    let product = try packer.withoutCounting { () throws(Failure) in
      try packer.linear([query], prefix: prefix, compute: .float32)
    }
    let y = Matrix(vector.pointer(), rows: 1, columns: width)
    try product.apply(Matrix(probe.pointer(), rows: 1, columns: width), into: y, pass)
    packer.engine.scale(y, by: 1 / Float(width / pooling.heads).squareRoot())
    withExtendedLifetime(probe) {}
    return AttentionPooling(
      heads: pooling.heads, query: vector, keyValue: try linear([key, value], refinesLast: true),
      output: try linear([pooling.output]), norm: try norm(pooling.norm, width),
      network: try feedForward(pooling.network))
  }

  // MARK: Tokens

  private func tokens(_ embedding: EmbeddingBlueprint, _ stack: StackBlueprint) throws(Failure) -> TokenEmbedding {
    let tableWidth = embedding.projection?.inputs ?? stack.inputWidth
    let width = embedding.projects == .tokens ? stack.width : tableWidth  // of positions and types
    return TokenEmbedding(
      tokens: try tokenTable(stack, tableWidth),
      additional: try embedding.additional.map { (additional) throws(Failure) in
        try packer.storedTable(prefix + additional.name, rows: additional.count, columns: tableWidth)
      }, width: tableWidth, scale: embedding.scale,
      positions: try positions(embedding.positions, width),
      types: try embedding.types.map { (types) throws(Failure) in
        TypeTable(
          table: try packer.table(prefix + types.name, rows: types.count, width: width), width: width,
          count: types.count)
      }, norm: try norm(embedding.norm, embedding.projects == .norm ? tableWidth : stack.width),
      projection: try embedding.projection.map { (projection) throws(Failure) in try linear([projection]) },
      projects: embedding.projects)
  }

  /// The token table: the head's own weights where the two are one and nothing is lost by packing; else the table in
  /// the mapped file, of which only the rows that are asked for come into memory.
  private func tokenTable(_ stack: StackBlueprint, _ width: Int) throws(Failure) -> TokenTable {
    let name = table(of: stack), rows = stack.vocabulary - (stack.embedding?.additional?.count ?? 0)
    if case .tied = output.output, name == output.table, packer.compute == .float32 {
      return .packed(try packer.packed(name, rows: rows, columns: width))
    }
    return try packer.storedTable(name, rows: rows, columns: width)
  }

  private func positions(_ positions: PositionBlueprint, _ width: Int) throws(Failure) -> PositionTable? {
    switch positions {
    case .none: return nil
    case .learned(let name, let count, let offset, let padding):
      let table = try packer.table(prefix + name, rows: count + offset, width: width)
      return PositionTable(
        table: table, width: width, first: offset, positions: count, padding: padding.map { Int32($0) })
    case .sinusoidal(let name, let count, let offset, let endsAtLongest, let interleaved, let padding):
      if let name, packer.tensors.has(prefix + name) {
        return try self.positions(.learned(name: name, count: count, offset: offset, padding: padding), width)
      }
      guard width.isMultiple(of: 2) else {
        throw Failure(
          .unsupported, "sinusoidal positions need an even width, and this \(blueprint.family) model has \(width)")
      }
      let table = try Sinusoids.table(
        positions: offset..<offset + count, width: width, endsAtLongest: endsAtLongest, interleaved: interleaved)
      return PositionTable(table: table, width: width, first: 0, positions: count, padding: padding.map { Int32($0) })
    }
  }

  // MARK: Patches

  private func patches(_ patches: PatchBlueprint, _ width: Int) throws(Failure) -> PatchEmbedding {
    let (classes, registers) = (patches.classTokens.count, patches.registers?.count ?? 0)
    let places = try patches.positions.map { (places) throws(Failure) in
      try packer.rows(
        prefix + places.name, count: classes + places.rows * places.columns, width: width)
    }
    let leading = try self.leading(patches, places, width)
    let grid = try patches.positions.map { (stated) throws(Failure) -> GridPositions in
      let count = stated.rows * stated.columns
      let table = try AlignedBuffer(count * width, of: Float.self, for: "tensor \(stated.name)")
      if let places {
        table.pointer(to: Float.self).update(
          from: places.pointer(to: Float.self) + classes * width, count: count * width)
      }
      return GridPositions(
        table: table, rows: stated.rows, columns: stated.columns, width: width, interpolates: patches.interpolates,
        filter: patches.filter)
    }
    withExtendedLifetime(places) {}
    return PatchEmbedding(
      projection: try linear([patches.projection]), channels: patches.channels, patchHeight: patches.patchHeight,
      patchWidth: patches.patchWidth, steps: patches.steps ?? (patches.patchHeight, patches.patchWidth),
      spectrogram: patches.spectrogram, leading: leading, leadingCount: classes + registers, positions: grid,
      norm: try norm(patches.norm, width), anySize: patches.anySize, turnsAroundCentre: patches.turnsAroundCentre)
  }

  /// Class tokens with the vectors of their places, then registers, `[leading, width]`.
  private func leading(
    _ patches: PatchBlueprint, _ places: AlignedBuffer?, _ width: Int
  ) throws(Failure) -> AlignedBuffer? {
    let count = patches.classTokens.count + (patches.registers?.count ?? 0)
    guard count > 0 else { return nil }
    let leading = try AlignedBuffer(count * width, of: Float.self, for: "the vectors before those of patches")
    var next: UnsafeMutablePointer<Float> = leading.pointer()
    for (index, name) in patches.classTokens.enumerated() {
      let token = try packer.rows(prefix + name, count: 1, width: width)
      let place = places.map { $0.pointer(to: Float.self) + index * width }
      for component in 0..<width {
        next[component] = token.pointer(to: Float.self)[component] + (place?[component] ?? 0)
      }
      withExtendedLifetime((token, places)) {}
      next += width
    }
    if let registers = patches.registers {
      let table = try packer.rows(prefix + registers.name, count: registers.count, width: width)
      next.update(from: table.pointer(to: Float.self), count: registers.count * width)
      withExtendedLifetime(table) {}
    }
    return leading
  }
}

extension StateInput {
  /// The input of a stage whose tokens an earlier one embeds.
  fileprivate init(_ embedding: EmbeddingBlueprint) {
    switch embedding.positions {
    case .none: self.init(positions: nil, padding: nil)
    case .learned(_, let count, _, let padding), .sinusoidal(_, let count, _, _, _, let padding):
      self.init(positions: count, padding: padding.map { Int32($0) })
    }
  }
}
