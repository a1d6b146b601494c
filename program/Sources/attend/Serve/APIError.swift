import CAttend

/// A failure as OpenAI's API tells it.
struct APIError: Error {
  var status: Int
  var message: String
  var type = "invalid_request_error"
  /// The field of the request that is to blame.
  var param: String?
  var code: String?
  /// Seconds after which it may be tried again.
  var retryAfter: Int?

  /// A request that is wrong.
  static func invalid(_ message: String, _ param: String? = nil, code: String? = nil) -> APIError {
    APIError(status: 400, message: message, param: param, code: code)
  }

  /// A text that the model has no positions for.
  static func tooLong(_ message: String, _ param: String) -> APIError {
    .invalid(message, param, code: "context_length_exceeded")
  }

  static let shuttingDown = APIError(
    status: 503, message: "The server is shutting down.", type: "server_error", code: "shutting_down", retryAfter: 5)

  static func timedOut(_ seconds: Double) -> APIError {
    APIError(
      status: 504, message: "The request took longer than \(fixed(seconds, 0)) s.", type: "timeout", code: "timeout")
  }

  /// What the library, or a file, had to say about a request.
  init(_ trouble: Trouble, _ param: String? = nil) {
    let blamed: Bool
    switch trouble.code {
    case ATTEND_ERROR_OUT_OF_MEMORY:
      self.init(
        status: 503, message: "\(trouble)", type: "server_error", code: "out_of_memory", retryAfter: 1)
      return
    case ATTEND_ERROR_CANCELLED:
      self.init(status: 503, message: "\(trouble)", type: "server_error", code: "cancelled", retryAfter: 1)
      return
    case ATTEND_ERROR_INTERNAL, ATTEND_ERROR_IO, ATTEND_ERROR_BUSY: blamed = false
    default: blamed = true
    }
    self.init(
      status: blamed ? 400 : 500, message: "\(trouble)", type: blamed ? "invalid_request_error" : "server_error",
      param: param, code: trouble.code == ATTEND_ERROR_UNSUPPORTED ? "unsupported" : nil)
  }

  init(
    status: Int, message: String, type: String = "invalid_request_error", param: String? = nil, code: String? = nil,
    retryAfter: Int? = nil
  ) {
    (self.status, self.message, self.type) = (status, message, type)
    (self.param, self.code, self.retryAfter) = (param, code, retryAfter)
  }

  /// Any error as the API tells it.
  static func from(_ error: any Error) -> APIError {
    switch error {
    case let error as APIError: error
    case let trouble as Trouble: APIError(trouble)
    default: APIError(status: 500, message: "\(error)", type: "server_error")
    }
  }

  var body: Value {
    .object([
      Field(
        "error",
        .object([
          Field("message", .string(message)), Field("type", .string(type)),
          Field("param", param.map { .string($0) } ?? .null), Field("code", code.map { .string($0) } ?? .null),
        ]))
    ])
  }
}
