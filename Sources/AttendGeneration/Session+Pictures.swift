import AttendBase
import AttendDispatch
import AttendLayers
import AttendModels

/// The states that a decoder reads in the place of tokens, of several pictures.
struct SeenPictures {
  /// `[sum of counts, width]`
  let states: Matrix
  /// The states of each picture.
  let counts: UnsafeMutablePointer<Int>
  /// The rows and columns in which they lie.
  let grids: UnsafeBufferPointer<PatchGrid>
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
    let before = try pass.workspace.take(arrays.count, of: PatchGrid.self)
    let after = try pass.workspace.take(arrays.count, of: PatchGrid.self)
    let none = PatchGrid(rows: 0, columns: 0)
    var sum = 0
    for (index, array) in arrays.enumerated() {
      let grid = tower.input.grid(of: array)
      let shape = try connector.shape(of: batch.lengths[index], grid)
      (before + index).initialize(to: grid ?? none)
      (after + index).initialize(to: shape.grid ?? none)
      counts[index] = shape.count
      sum += shape.count
    }
    let seen = try pass.workspace.matrix(batch.tokenCount, tower.width)
    try readText(batch, tower, into: seen)
    let states = try pass.workspace.matrix(sum, connector.width)
    try connector.apply(seen, lengths: batch.lengths, grids: before, into: states, pass)
    return SeenPictures(
      states: states, counts: counts, grids: UnsafeBufferPointer(start: after, count: arrays.count))
  }

  /// Runs the encoder over a batch of sources: texts with pictures in them or beside them, or either alone.
  func readSource(_ batch: Batch, _ encoder: Stack, into x: Matrix) throws(Failure) {
    guard let pictures = batch.pictures else {
      try model.refusePlaces(in: batch.tokens(from: 0, count: batch.tokenCount))
      return try readText(batch, encoder, into: x)
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
        try spliceList.append(Splice(row: row, count: 1, states: UnsafePointer(seen.states[spliceList.count])))
      }
      try readText(batch, encoder, splices: UnsafeBufferPointer(spliceList.elements), into: x)
    }
  }

  /// Reads the pictures of sequences from `first` on, whose texts stand in `texts`, and puts their states in the place
  /// of the texts' placeholders: each text takes as many whole pictures as it has room for.
  func attach(
    _ arrays: UnsafeBufferPointer<FeatureArray>, to texts: Batch, from first: Int
  ) throws(Failure) {
    guard let placeholder = model.blueprint.placeholder else {
      throw Failure(.internalError, "pictures without a placeholder")
    }
    try pass.scoped { () throws(Failure) in
      let seen = try see(arrays)
      var (token, picture, row) = (0, 0, 0)
      for sequence in 0..<texts.count {
        let text = texts.tokens(from: token, count: texts.lengths[sequence])
        token += text.count
        let room = model.places(in: text)
        guard room > 0 else { continue }
        let firstPicture = picture
        var rows = 0
        while picture < arrays.count, rows + seen.counts[picture] <= room {
          rows += seen.counts[picture]
          picture += 1
        }
        do throws(Failure) {
          let own = try PictureStates(seen.states.rows(row, rows), in: text, placeholder: placeholder)
          if let reading = model.blueprint.readingBothWays { try own.join(reading) }
          if model.decoder?.rotaries.readCoordinates == true {
            try own.place(UnsafeBufferPointer(rebasing: seen.grids[firstPicture..<picture]))
          }
          sequences.attach(own, to: first + sequence)
        } catch { throw Failure(error.code, "sequence \(sequence): \(error.message)") }
        row += rows
      }
      guard picture == arrays.count else {
        throw Failure(
          .invalidArgument, "the batch holds \(arrays.count) pictures, and its texts have places for \(picture)")
      }
    }
  }
}
