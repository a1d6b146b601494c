import AttendBase

/// The step behind the model: special tokens around one text or two, offsets without white space.
struct PostProcessor: Sendable {
  /// Each takes white space off the offsets of tokens that begin or end with it, but for one space in front of the
  /// first token of a window, which the tokenizer added itself if the value is true.
  var trims: [Bool] = []
  /// nil: the texts alone, one behind the other.
  var template: Template?

  /// The layout of an encoding of one text or two. Throws `unsupported` where the file has none for two.
  func layout(isPair: Bool, _ addSpecialTokens: Bool, source: String) throws(Failure) -> [Template.Item] {
    guard let template else { return isPair ? Template.plain.pair! : Template.plain.single }
    guard isPair else { return template.items(template.single, addSpecialTokens) }
    guard let pair = template.pair else {
      throw Failure(.unsupported, "\(source): its template has no place for a second text")
    }
    return template.items(pair, addSpecialTokens)
  }

  /// The number of tokens that the template adds.
  func addedCount(isPair: Bool) -> Int {
    let items = isPair ? template?.pair : template?.single
    return items?.count { if case .token = $0 { true } else { false } } ?? 0
  }
}

/// The places of special tokens around the texts of an encoding.
struct Template: Sendable {
  /// A token, or the place of a text.
  enum Item: Sendable {
    case token(id: Int32, type: Int32)
    /// Text 0 or 1. `windowType` is the type in the windows that truncation cuts off: Hugging Face's tokenizers give
    /// them the number of the text, whatever type the template states.
    case sequence(Int, type: Int32, windowType: Int32)
  }

  let single: [Item]
  /// nil: there is none for two texts.
  let pair: [Item]?
  /// The special tokens come with type 0 for all windows, as RobertaProcessing has it.
  var retypesWindows = false

  /// One text, or one behind the other.
  static let plain = Template(
    single: [.sequence(0, type: 0, windowType: 0)],
    pair: [.sequence(0, type: 0, windowType: 0), .sequence(1, type: 1, windowType: 1)])

  /// A template whose windows have the numbers of their texts for types.
  init(single: [Item], pair: [Item]?) { (self.single, self.pair) = (single, pair) }

  /// `[CLS] a [SEP]` and `[CLS] a [SEP] b [SEP]`, in which the second text and what follows it have type 1.
  static func bert(first: Int32, last: Int32) -> Template {
    let single: [Item] = [.token(id: first, type: 0), .text(0, type: 0), .token(id: last, type: 0)]
    return Template(single: single, pair: single + [.text(1, type: 1), .token(id: last, type: 1)])
  }

  /// `<s> a </s>` and `<s> a </s></s> b </s>`, all of type 0.
  static func roberta(first: Int32, last: Int32) -> Template {
    let end = Item.token(id: last, type: 0)
    let single: [Item] = [.token(id: first, type: 0), .text(0, type: 0), end]
    var template = Template(single: single, pair: single + [end, .text(1, type: 0), end])
    template.retypesWindows = true
    return template
  }

  /// Each text between `begin` and `end`, as far as they are given; the second, with its tokens, has type `secondType`.
  static func each(begin: Int32? = nil, end: Int32? = nil, secondType: Int32) -> Template {
    func framed(_ text: Int, _ type: Int32) -> [Item] {
      (begin.map { [.token(id: $0, type: type)] } ?? []) + [.text(text, type: type)]
        + (end.map { [.token(id: $0, type: type)] } ?? [])
    }
    return Template(single: framed(0, 0), pair: framed(0, 0) + framed(1, secondType))
  }

  /// The items of one of the two layouts, with the special tokens or without.
  fileprivate func items(_ items: [Item], _ addSpecialTokens: Bool) -> [Item] {
    items.compactMap { item in
      switch item {
      case .token: addSpecialTokens ? item : nil
      case .sequence(let text, let type, _) where retypesWindows && addSpecialTokens:
        .sequence(text, type: type, windowType: type)
      case .sequence: item
      }
    }
  }
}

extension Template.Item {
  /// The place of a text whose windows have its number for a type.
  static func text(_ text: Int, type: Int32) -> Template.Item {
    .sequence(text, type: type, windowType: Int32(truncatingIfNeeded: text))
  }
}
