import CAttend

/// `POST /tokenize`: the ids and tokens of a text.
func tokenize(_ request: Request, _ reply: Reply, _ server: Server) throws {
  var fields = try jsonFields(request)
  let host = try server.models.named(try fields.string("model"))
  let special = try fields.bool("add_special_tokens") ?? true
  guard let text = try fields.string("content") ?? fields.string("prompt") else {
    throw APIError.invalid("content is missing.", "content", code: "missing_parameter")
  }
  fields.ignore("prompt")
  try fields.finish()
  let tokenizer = try host.tokenizer()
  let ids = try encodedIds(tokenizer, text, special: special)
  let names = ids.map { id in
    var length = 0
    return Value.string(utf8(attend_tokenizer_token(tokenizer, id, &length), length))
  }
  reply.send(
    .object([
      Field("tokens", .list(ids.map { .integer(Int($0)) })), Field("token_strings", .list(names)),
      Field("count", .integer(ids.count)), Field("max_model_len", .integer(host.positions)),
    ]))
}

/// `POST /detokenize`: the text of ids.
func detokenize(_ request: Request, _ reply: Reply, _ server: Server) throws {
  var fields = try jsonFields(request)
  let host = try server.models.named(try fields.string("model"))
  guard let value = fields.take("tokens"), let ids = value.ids ?? (value.items?.isEmpty == true ? [] : nil) else {
    throw APIError.invalid("tokens is missing, or no list of ids.", "tokens", code: "missing_parameter")
  }
  try fields.finish()
  let text = try decodedText(try host.tokenizer(), ids)
  reply.send(.object([Field("content", .string(text)), Field("prompt", .string(text))]))
}
