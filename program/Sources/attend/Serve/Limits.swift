import ArgumentParser

/// The bounds of a server.
struct Limits: ParsableArguments, Sendable {
  @Option(help: "The most bytes of a request's body.") var maxBody = 32 << 20
  @Option(help: "The most bytes of a request's headers.") var maxHeaders = 32 << 10
  @Option(help: "The most connections.") var maxConnections = 512
  @Option(help: "Requests to a model that run or wait; more are answered with 429.") var maxRequests = 256
  @Option(help: "The most tokens of an answer; as many as a chat that says no number may have.") var maxTokens = 4096
  @Option(help: "Seconds that a request may take, until 504.") var requestTimeout = 600.0
  @Option(
    help: "Seconds that a connection may be idle, a request may take to arrive, or an answer may wait to be read.")
  var idleTimeout = 75.0
  @Option(help: "Seconds that running requests have to finish when the server is asked to end.") var grace = 30.0

  func validate() throws {
    for (name, value) in [
      ("max-body", maxBody), ("max-headers", maxHeaders), ("max-connections", maxConnections),
      ("max-requests", maxRequests), ("max-tokens", maxTokens),
    ] where value < 1 || value > 1 << 30 {
      throw ValidationError("--\(name) is \(value); it is from 1 to \(1 << 30).")
    }
    for (name, value) in [("request-timeout", requestTimeout), ("idle-timeout", idleTimeout), ("grace", grace)]
    where !(value > 0 && value <= 1e6) {
      throw ValidationError("--\(name) is \(value); it is above 0 and at most 1,000,000.")
    }
  }

  var bodyBytes: Int { maxBody }
  var idle: Double { idleTimeout }
  var request: Double { requestTimeout }
}
