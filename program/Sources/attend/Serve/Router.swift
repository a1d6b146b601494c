import NIOHTTP1

/// What a path is answered by.
private typealias Endpoint = @Sendable (Request, Reply, Server) throws -> Void

private let endpoints: [String: (method: HTTPMethod, answer: Endpoint)] = [
  "/v1/chat/completions": (.POST, chatCompletion),
  "/v1/completions": (.POST, completion),
  "/v1/embeddings": (.POST, embeddings),
  "/v1/rerank": (.POST, rerank),
  "/rerank": (.POST, rerank),
  "/v1/audio/transcriptions": (.POST, { try transcription($0, $1, $2, translates: false) }),
  "/v1/audio/translations": (.POST, { try transcription($0, $1, $2, translates: true) }),
  "/v1/models": (.GET, { _, reply, server in reply.send(server.models.list) }),
  "/tokenize": (.POST, tokenize),
  "/detokenize": (.POST, detokenize),
  "/health": (.GET, { _, reply, _ in reply.send(.object([Field("status", .string("ok"))])) }),
  "/metrics": (
    .GET, { _, reply, server in reply.send(200, "text/plain; version=0.0.4; charset=utf-8", server.report) }
  ),
]

/// A path as it is counted: names of models and unknown paths are no labels of their own.
func countedPath(_ path: String) -> String {
  if endpoints[path] != nil { return path }
  return path.hasPrefix("/v1/models/") ? "/v1/models/{model}" : "other"
}

/// Hands a request to what answers its path.
func route(_ request: Request, _ reply: Reply, _ server: Server) throws {
  if request.method == .OPTIONS { return reply.send(204, "text/plain", "") }
  if request.path.hasPrefix("/v1/models/") {
    guard request.method == .GET else { throw wrongMethod(request, .GET) }
    let name = String(request.path.dropFirst("/v1/models/".count))
    return reply.send(try server.models.named(name, "model").card)
  }
  guard let endpoint = endpoints[request.path] else {
    throw APIError(status: 404, message: "There is no \(request.path).", code: "unknown_url")
  }
  guard request.method == endpoint.method else { throw wrongMethod(request, endpoint.method) }
  try endpoint.answer(request, reply, server)
}

private func wrongMethod(_ request: Request, _ wanted: HTTPMethod) -> APIError {
  APIError(
    status: 405, message: "\(request.path) takes \(wanted.rawValue), not \(request.method.rawValue).",
    code: "method_not_allowed")
}
