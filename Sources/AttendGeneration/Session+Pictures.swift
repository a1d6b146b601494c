import AttendBase
import AttendDispatch
import AttendKernelInterface
import AttendLayers
import AttendModels

/// The states that a decoder reads in the place of tokens, of several pictures.
struct SeenPictures {
  /// `[sum of counts, width]`
  let states: Matrix
  /// The states of each picture.
  let counts: UnsafeMutablePointer<Int>
  /// How many of them, at the end, stand for nothing in their picture.
  let unused: UnsafeMutablePointer<Int>
  /// The rows and columns in which they lie.
  let grids: UnsafeBufferPointer<PatchGrid>
}

extension SeenPictures {
  /// Moves the states of some pictures, which lie from row `first` on, so that those which stand for nothing come
  /// behind all others.
  fileprivate func putUnusedLast(_ pictures: Range<Int>, from first: Int, _ pass: Pass) throws(Failure) {
    let rows = pictures.reduce(0) { $0 + counts[$1] }
    guard pictures.count > 1, pictures.contains(where: { unused[$0] > 0 }) else { return }
    try pass.scoped { () throws(Failure) in
      let own = states.rows(first, rows), copy = try pass.workspace.matrix(rows, states.columns)
      for row in 0..<rows { copy[row].update(from: own[row], count: own.columns) }
      var (from, used) = (0, 0)
      var last = pictures.reduce(0) { $0 + counts[$1] - unused[$1] }
      for picture in pictures {
        for row in 0..<counts[picture] {
          let isUsed = row < counts[picture] - unused[picture]
          own[isUsed ? used : last].update(from: copy[from + row], count: own.columns)
          if isUsed { used += 1 } else { last += 1 }
        }
        from += counts[picture]
      }
    }
  }
}

extension Session {
  /// Whether pictures stand in the place of tokens of a live sequence.
  func hasPictures(_ sequence: Int) -> Bool {
    sequences.pictures.indices.contains(sequence) && sequences.pictures[sequence] != nil
  }

  /// The states that the decoder reads in the place of tokens, of all arrays, in scratch memory.
  func see(_ arrays: UnsafeBufferPointer<FeatureArray>) throws(Failure) -> SeenPictures {
    guard let (tower, connector) = model.eyes else {
      throw Failure(
        .unsupported, "this checkpoint is of a \(model.blueprint.family) model, which reads no pictures beside tokens")
    }
    let batch = try self.batch(arrays)
    let counts = try pass.workspace.take(arrays.count, of: Int.self)
    let unused = try pass.workspace.take(arrays.count, of: Int.self)
    let before = try pass.workspace.take(arrays.count, of: PatchGrid.self)
    let after = try pass.workspace.take(arrays.count, of: PatchGrid.self)
    let none = PatchGrid(rows: 0, columns: 0)
    var sum = 0
    for (index, array) in arrays.enumerated() {
      let grid = tower.input.grid(of: array)
      let shape = try connector.shape(of: batch.lengths[index], grid, array.tile)
      (before + index).initialize(to: grid ?? none)
      (after + index).initialize(to: shape.grid ?? none)
      (counts[index], unused[index]) = (shape.count, tower.input.unused(of: array))
      sum += shape.count
    }
    let seen = try pass.workspace.matrix(batch.tokenCount, tower.outputWidth)
    try readText(batch, tower, into: seen)
    let states = try pass.workspace.matrix(sum, connector.width)
    try connector.apply(
      seen, lengths: batch.lengths, grids: before, tile: { arrays[$0].tile }, into: states, pass)
    return SeenPictures(
      states: states, counts: counts, unused: unused, grids: UnsafeBufferPointer(start: after, count: arrays.count))
  }

  /// Runs the encoder over a batch of sources: texts with pictures in them or beside them, or either alone.
  func readSource(
    _ batch: Batch, _ encoder: Stack, finals: Matrix? = nil, into x: Matrix
  ) throws(Failure) {
    guard let pictures = batch.pictures else {
      try model.refusePlaces(in: batch.tokens(from: 0, count: batch.tokenCount))
      return try readText(batch, encoder, finals: finals, into: x)
    }
    try pass.scoped { () throws(Failure) in
      if let layout = encoder.crossKeyValueLayout, let tower = model.arrayReader {
        let seen = try self.batch(pictures), source = KeyValueCache(layout: layout)
        let states = try pass.workspace.matrix(seen.tokenCount, tower.width)
        try readText(seen, tower, into: states)
        try source.add(seen.count)
        try source.grow(seen.lengths, on: pass.engine)
        try encoder.projectSource(states, into: try source.writing(seen.lengths), pass)
        source.advance(seen.lengths)
        defer { withExtendedLifetime(source) {} }
        return try readText(batch, encoder, source: try source.reading(batch.lengths), into: x)
      }
      let seen = try see(pictures), text = batch.tokens(from: 0, count: batch.tokenCount)
      let places = model.places(in: text), placeholder = try model.picturePlaceholder()
      guard places == seen.states.rows else {
        throw Failure(
          .invalidArgument,
          "the texts have \(places) tokens of the id \(placeholder), which stand for pictures; the pictures become "
            + "\(seen.states.rows)")
      }
      spliceList.removeAll()
      for (row, token) in text.enumerated() where token == placeholder {
        try spliceList.append(
          Splice(row: row, states: UnsafePointer(seen.states[spliceList.count]), numbers: seen.states.columns))
      }
      try readText(batch, encoder, splices: UnsafeBufferPointer(spliceList.elements), into: x)
    }
  }

  /// Reads the pictures of sequences from `first` on, whose texts stand in `texts`, and puts their states in the place
  /// of the texts' placeholders, or where cross-attention looks at them: each text takes as many whole pictures as it
  /// has room for.
  func attach(
    _ arrays: UnsafeBufferPointer<FeatureArray>, to texts: Batch, from first: Int
  ) throws(Failure) {
    guard let placeholder = model.blueprint.placeholder else {
      throw Failure(.internalError, "pictures without a placeholder")
    }
    try pass.scoped { () throws(Failure) in
      let seen = try see(arrays), sight = model.blueprint.sight
      let keys = try pass.workspace.take(texts.count, of: Int.self)  // states of each sequence
      var (token, picture, row) = (0, 0, 0)
      for sequence in 0..<texts.count {
        let text = texts.tokens(from: token, count: texts.lengths[sequence])
        token += text.count
        try model.refuseVideos(in: text)
        let firstPicture = picture
        let stated = try statedSight(of: texts, sequence, token - text.count..<token)
        var (room, rows) = (stated.map { PictureSight.pictures($0) } ?? model.places(in: text), 0)
        keys[sequence] = 0
        guard room > 0 else { continue }
        while picture < arrays.count, sight == nil ? seen.counts[picture] <= room : room > 0 {
          room -= sight == nil ? seen.counts[picture] : 1
          rows += seen.counts[picture]
          picture += 1
        }
        keys[sequence] = rows
        do throws(Failure) {
          let own =
            if let sight {
              try PictureStates(
                (firstPicture..<picture).lazy.map { seen.counts[$0] - seen.unused[$0] }, seen: sight, in: text,
                placeholder: placeholder, stated: stated)
            } else { try PictureStates(seen.states.rows(row, rows), in: text, placeholder: placeholder) }
          guard sight == nil || room == 0 else { try refuse(picture - firstPicture, of: picture - firstPicture + room) }
          if let reading = model.blueprint.readingBothWays { try own.join(reading) }
          if model.decoder?.rotaries.readCoordinates == true {
            try own.place(UnsafeBufferPointer(rebasing: seen.grids[firstPicture..<picture]))
          }
          if sight != nil { try seen.putUnusedLast(firstPicture..<picture, from: row, pass) }
          sequences.attach(own, to: first + sequence)
        } catch { throw Failure(error.code, "sequence \(sequence): \(error.message)") }
        row += rows
      }
      guard picture == arrays.count else {
        throw Failure(
          .invalidArgument, "the batch holds \(arrays.count) pictures, and its texts have places for \(picture)")
      }
      if sight != nil { try projectSource(SequenceLengths(keys, count: texts.count), seen.states, from: first) }
    }
  }

  /// The pictures that the tokens of a sequence see, where the caller says so. Throws `invalidArgument` for what makes
  /// no sense, and `unsupported` for a model whose layers look at none.
  private func statedSight(
    of texts: Batch, _ sequence: Int, _ tokens: Range<Int>
  ) throws(Failure) -> UnsafeBufferPointer<Int32>? {
    guard let seen = texts.seenPictures else { return nil }
    guard model.blueprint.sight != nil else {
      throw Failure(
        .unsupported,
        "seen_pictures is set, and no layer of a \(model.blueprint.family) model looks at pictures: they stand in the "
          + "place of tokens")
    }
    for token in tokens where seen[2 * token] < 0 || seen[2 * token + 1] < seen[2 * token] {
      throw Failure(
        .invalidArgument,
        "seen_pictures of token \(token - tokens.lowerBound) of sequence \(sequence) are \(seen[2 * token]) to "
          + "\(seen[2 * token + 1])")
    }
    return UnsafeBufferPointer(start: seen + 2 * tokens.lowerBound, count: 2 * tokens.count)
  }

  /// Throws for a text with places for more pictures than there are.
  private func refuse(_ pictures: Int, of places: Int) throws(Failure) -> Never {
    throw Failure(
      .invalidArgument, "the text has places for \(places) pictures, and \(pictures) are given")
  }

  /// The keys and values of sources or pictures, as the tokens of a batch that the sequences from `first` on read next
  /// look at them; nil where no layer does. Valid until the next call.
  func sourceKeyValues(_ lengths: SequenceLengths, from first: Int = 0) throws(Failure) -> KeyValues? {
    guard let cache = sequences.crossCache else { return nil }
    let whole = try cache.reading(lengths, from: first)
    guard model.blueprint.sight != nil else { return whole }
    let own = try pass.workspace.take(lengths.count, of: AttentionSequence.self)
    spanList.removeAll()
    try spanList.reserve(lengths.sum)
    for (index, sequence) in whole.sequences.enumerated() {
      (own + index).initialize(to: sequence)
      guard hasPictures(first + index), let pictures = sequences.pictures[first + index] else { continue }
      (own + index).pointee.spans = UnsafePointer(spanList.storage + spanList.count)
      try pictures.append(spansFrom: length(first + index), count: sequence.count, to: &spanList)
    }
    return KeyValues(sequences: UnsafeBufferPointer(start: own, count: lengths.count), layout: whole.layout)
  }
}

extension PictureSight {
  /// The number of pictures that tokens see as a caller says, `[tokens][2]`.
  fileprivate static func pictures(_ stated: UnsafeBufferPointer<Int32>) -> Int { Int(stated.max() ?? 0) }
}
