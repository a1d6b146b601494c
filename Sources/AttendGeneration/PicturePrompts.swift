import AttendBase
import AttendLayers
import AttendModels
import AttendTokenizers

// Prompts with pictures as the processors of transformers write them, to the id: what they put around the places of a
// picture is text, which is tokenized together with the text beside it.

extension UnsafeBufferPointer<FeatureArray> {
  /// The arrays of the picture whose first array is `first`.
  func picture(at first: Int) -> Range<Int> {
    first..<Swift.min(count, first + Swift.max(1, self[first].tile.count - self[first].tile.index))
  }

  /// The number of pictures.
  package var pictureCount: Int {
    var (pictures, next) = (0, 0)
    while next < count {
      next = picture(at: next).upperBound
      pictures += 1
    }
    return pictures
  }
}

extension Model {
  /// The id that stands for a picture in a text to which its places are yet to be written, if that is not the
  /// placeholder.
  var marker: Int32? { if case .enclosed(let begin, _) = blueprint.markup { begin } else { nil } }

  /// The prompt of a decoder in which each picture has as many placeholders as it becomes states, and around them what
  /// the model's processor writes: as it is where it has as many already.
  ///
  /// Throws `invalidArgument` where it has neither these nor one place for each picture.
  package func expanded(
    _ prompt: UnsafeBufferPointer<Int32>, for input: MediaInput
  ) throws(Failure) -> GrowingList<Int32> {
    let placeholder = try picturePlaceholder(), places = places(in: prompt)
    try refuseVideos(in: prompt)
    if case .fenced(let fence) = blueprint.markup, places != input.length || blueprint.sight != nil {
      return try fenced(prompt, for: input, fence)
    }
    var writer = PromptWriter(placeholder: placeholder)
    try writer.reserve(prompt.count + input.states)
    if places == input.states {
      for token in prompt { try writer.keep(token) }
      return try writer.finished()
    }
    if let markup = blueprint.markup, !markup.isOfIds { writer.tokenizer = try markupTokenizer(markup) }
    var pictures = PictureQueue(input)
    if places == 0, let marker, prompt.contains(marker) {
      for token in prompt {
        if token == marker, let picture = pictures.next() {
          try write(picture, to: &writer)
        } else {
          if token == marker { pictures.missing += 1 }
          try writer.copy(token)
        }
      }
    } else if blueprint.markup?.isLeading == true {
      try writeLeading(prompt, &pictures, to: &writer)
    } else {
      for token in prompt {
        guard token == placeholder else {
          try writer.copy(token)
          continue
        }
        guard let picture = pictures.next() else {
          pictures.missing += 1
          continue
        }
        if marker == nil { try write(picture, to: &writer) } else { try writer.places(picture.states) }
      }
    }
    guard pictures.missing == 0, pictures.isEmpty else {
      throw Failure(
        .invalidArgument,
        "the text has \(pictures.asked) places for pictures (id \(marker ?? placeholder)), and \(pictures.count) "
          + "pictures are given")
    }
    return try writer.finished()
  }

  /// The prompt with a token on both sides of each picture and between its tiles. Where the prompt has it already, it
  /// is not written again.
  private func fenced(
    _ prompt: UnsafeBufferPointer<Int32>, for input: MediaInput, _ fence: Int32
  ) throws(Failure) -> GrowingList<Int32> {
    let placeholder = try picturePlaceholder()
    var writer = PromptWriter(placeholder: placeholder), pictures = PictureQueue(input)
    var last: Int32?
    for token in prompt {
      guard token == placeholder else {
        if token != fence || last != fence { try writer.keep(token) }
        last = token
        continue
      }
      guard let picture = pictures.next() else {
        pictures.missing += 1
        continue
      }
      if last != fence { try writer.keep(fence) }
      for tile in picture.tiles {
        try writer.places(tile)
        try writer.keep(fence)
      }
      last = fence
    }
    guard pictures.missing == 0, pictures.isEmpty else {
      throw Failure(
        .invalidArgument,
        "the text has \(pictures.asked) places for pictures (id \(placeholder)), and \(pictures.count) pictures are "
          + "given")
    }
    return try writer.finished()
  }

  /// Throws where the folder has none, which the text around pictures needs.
  private func markupTokenizer(_ markup: PictureMarkup) throws(Failure) -> Tokenizer? {
    if let tokenizer = try? tokenizer.get() { return tokenizer }
    if case .tasks = markup { return nil }
    throw Failure(
      .notFound,
      "the prompt has places for pictures around which \(blueprint.family) models read text, and no tokenizer was "
        + "found that makes tokens of it; a prompt with one placeholder for each state is read without")
  }

  // MARK: What stands around pictures

  /// What the processor writes for one picture.
  private func write(_ picture: PictureQueue.Picture, to writer: inout PromptWriter) throws(Failure) {
    switch blueprint.markup {
    case nil, .leading, .fenced, .tasks: try writer.places(picture.states)
    case .enclosed(let begin, let end):
      func one(_ index: Int) throws(Failure) {
        try writer.write("\n\n")
        try writer.copy(begin)
        try writer.places(picture.tiles[index])
        try writer.copy(end)
        try writer.write("\n\n")
      }
      guard picture.tiles.count > 1 else { return try one(0) }
      // Its crops follow a picture.
      try writer.write("Here is the original image ")
      try one(0)
      try writer.write(" and here are some crops to help you see better ")
      for index in 1..<picture.tiles.count {
        if index > 1 { try writer.write(" ") }
        try one(index)
      }
    case .tiled:
      let (fake, grid) = ("<fake_token_around_image>", picture.grid)
      for (index, states) in picture.tiles.enumerated() {
        if index < grid.count {
          try writer.write("\(fake)<row_\(index / grid.columns + 1)_col_\(index % grid.columns + 1)>")
          try writer.places(states)
          if (index + 1) % grid.columns == 0 { try writer.write("\n") }
        } else {
          try writer.write("\(grid.count > 0 ? "\n" : "")\(fake)<global-img>")
          try writer.places(states)
          try writer.write(fake)
        }
      }
    }
  }

  /// All pictures, then the token that begins a text, and the text as the markup has it.
  private func writeLeading(
    _ prompt: UnsafeBufferPointer<Int32>, _ pictures: inout PictureQueue, to writer: inout PromptWriter
  ) throws(Failure) {
    let begin = try writer.tokenizer?.info.get().begin
    let last = prompt.lastIndex(of: writer.placeholder)
    if last == nil { while let picture = pictures.next() { try writer.places(picture.states) } }
    if case .tasks = blueprint.markup, let tokenizer = writer.tokenizer,
      let question = try FlorenceTask.question(of: prompt, places: writer.placeholder, tokenizer)
    {
      while let picture = pictures.next() { try writer.places(picture.states) }
      if let begin { try writer.copy(begin) }
      try writer.write(question)
      if let end = try tokenizer.info.get().end { try writer.copy(end) }
      return
    }
    let beginsBehind = if case .leading = blueprint.markup { true } else { false }
    func writeBegin() throws(Failure) { if beginsBehind, let begin { try writer.copy(begin) } }
    if last == nil { try writeBegin() }
    for (position, token) in prompt.enumerated() {
      // The tokenizer has written the token that begins a text where the processor has it written later.
      if beginsBehind, position == 0, token == begin { continue }
      if token == writer.placeholder {
        if let picture = pictures.next() { try writer.places(picture.states) } else { pictures.missing += 1 }
      } else {
        try writer.copy(token)
      }
      if position == last { try writeBegin() }
    }
    if beginsBehind { try writer.write("\n") }
  }
}

extension PictureMarkup {
  /// Whether pictures stand before the text.
  var isLeading: Bool {
    switch self {
    case .leading, .tasks: true
    case .enclosed, .tiled, .fenced: false
    }
  }
}

/// The pictures of a request one after another, with the number of states that each becomes; what it gives is valid as
/// long as it.
private struct PictureQueue {
  struct Picture {
    /// States of each tile.
    let tiles: UnsafeBufferPointer<Int>
    let grid: PatchGrid

    var states: Int { tiles.reduce(0, +) }
  }

  /// Places for which there was no picture.
  var missing = 0
  private let input: MediaInput
  private var nextArray = 0

  init(_ input: MediaInput) { self.input = input }

  private var arrays: UnsafeBufferPointer<FeatureArray> { input.arrays.withUnsafeBufferPointer { $0 } }
  var isEmpty: Bool { nextArray == arrays.count }
  var count: Int { arrays.pictureCount }
  /// Places that the text has.
  var asked: Int { UnsafeBufferPointer(rebasing: arrays[..<nextArray]).pictureCount + missing }

  mutating func next() -> Picture? {
    guard !isEmpty else { return nil }
    let own = arrays.picture(at: nextArray)
    defer { nextArray = own.upperBound }
    let lengths = input.lengths.withUnsafeBufferPointer { $0 }
    return Picture(tiles: UnsafeBufferPointer(rebasing: lengths[own]), grid: arrays[nextArray].tile.grid)
  }
}

/// A prompt under way, to which text is added beside tokens that are there: between two special tokens text and tokens
/// become one text, which is tokenized anew. Tokens that their own text would not become stay as they are, and the text
/// beside them is tokenized by itself.
private struct PromptWriter: ~Copyable {
  let placeholder: Int32
  /// nil: no text is written.
  var tokenizer: Tokenizer?
  private var result = GrowingList<Int32>(for: PromptWriter.purpose)
  /// Behind the last special token: tokens that no text was written behind yet; before these, text and the tokens it
  /// became piece by piece.
  private var run = GrowingList<Int32>(for: PromptWriter.purpose)
  private var text = GrowingList<UInt8>(for: PromptWriter.purpose)
  private var pieces = GrowingList<Int32>(for: PromptWriter.purpose)
  private var hasText = false
  private var isExact = true

  private static let purpose = "a prompt with pictures"

  init(placeholder: Int32) { self.placeholder = placeholder }

  mutating func reserve(_ count: Int) throws(Failure) { try result.reserve(count) }

  /// Adds a token as it is.
  mutating func keep(_ token: Int32) throws(Failure) { try result.append(token) }

  /// Adds a token of the prompt, or a special one.
  mutating func copy(_ token: Int32) throws(Failure) {
    guard let tokenizer, token != placeholder, !tokenizer.isSpecial(token) else {
      try close()
      return try result.append(token)
    }
    try run.append(token)
  }

  /// Adds the places of so many states.
  mutating func places(_ count: Int) throws(Failure) {
    try close()
    for _ in 0..<count { try result.append(placeholder) }
  }

  /// Adds text.
  mutating func write(_ string: String) throws(Failure) {
    try readRun()
    hasText = true
    try Array(string.utf8).withUnsafeBufferPointer { (bytes) throws(Failure) in
      for byte in bytes { try text.append(byte) }
      for id in try ids(of: UnsafeRawBufferPointer(bytes)) { try pieces.append(id) }
    }
  }

  /// The prompt.
  consuming func finished() throws(Failure) -> GrowingList<Int32> {
    try close()
    return result
  }

  /// Adds what stands behind the last special token.
  private mutating func close() throws(Failure) {
    if hasText {
      try readRun()
      if isExact {
        for id in try ids(of: UnsafeRawBufferPointer(text.elements)) { try result.append(id) }
      } else {
        for id in pieces.elements { try result.append(id) }
      }
    } else {
      for id in run.elements { try result.append(id) }
    }
    run.removeAll()
    text.removeAll()
    pieces.removeAll()
    (hasText, isExact) = (false, true)
  }

  /// Takes the tokens that stand alone as text.
  private mutating func readRun() throws(Failure) {
    guard run.count > 0, let tokenizer else { return }
    let first = text.count
    for id in run.elements {
      try pieces.append(id)
      if isExact {
        do throws(Failure) { try tokenizer.appendBytes(of: id, to: &text) } catch {
          guard error.code == .unsupported else { throw error }
          isExact = false
        }
      }
    }
    if isExact {
      let own = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(text.elements)[first...])
      isExact = try ids(of: own).elementsEqual(run.elements)
    }
    run.removeAll()
  }

  /// The tokens of a text behind the last special token, if there is one.
  private func ids(of bytes: UnsafeRawBufferPointer) throws(Failure) -> Slice<EncodingColumn<Int32>> {
    guard let tokenizer else { throw Failure(.internalError, "text for a prompt without a tokenizer") }
    var options = TokenizeOptions()
    options.addSpecialTokens = false
    if result.count > 0, let before = tokenizer.token(result[result.count - 1]) {
      var joined = GrowingList<UInt8>(for: PromptWriter.purpose)
      try joined.append(contentsOf: before.bindMemory(to: UInt8.self))
      try joined.append(contentsOf: bytes.bindMemory(to: UInt8.self))
      let encoding = try tokenizer.encode(UnsafeRawBufferPointer(joined.elements), options)
      if encoding.ids.first == result[result.count - 1] { return encoding.ids.dropFirst() }
    }
    return try tokenizer.encode(bytes, options).ids[...]
  }
}
