import NIOCore
import NIOHTTP1

/// Who may ask: keys, and the pages of other origins.
struct Access: Sendable {
  /// The keys of which a request has to show one; none: all requests are answered.
  var keys: [[UInt8]]
  /// The origins whose pages may ask, "*" for all; empty: none.
  var origins: [String]

  func refusal(of head: HTTPRequestHead) -> APIError? {
    // A page of another origin could ask a server on the loopback device in the name of whoever looks at it.
    if let origin = head.headers.first(name: "origin"), !allows(origin) {
      return APIError(
        status: 403, message: "Pages of \(origin) may not ask this server (--cors).", code: "origin_not_allowed")
    }
    if head.method == .OPTIONS || keys.isEmpty || head.uri.prefix(while: { $0 != "?" }) == "/health" { return nil }
    let shown = head.headers.first(name: "authorization") ?? ""
    let isBearer = shown.prefix(7).lowercased() == "bearer "
    guard isBearer, knows(Array(shown.dropFirst(7).utf8)) else {
      return APIError(
        status: 401,
        message: isBearer ? "The API key is wrong." : "There is no API key: send \"Authorization: Bearer KEY\".",
        code: "invalid_api_key")
    }
    return nil
  }

  private func allows(_ origin: String) -> Bool { origins.contains("*") || origins.contains(origin) }

  /// Whether a key is one of the server's, in a time that tells nothing of how much of one is right.
  private func knows(_ shown: [UInt8]) -> Bool {
    var found: UInt8 = 0
    for key in keys {
      var difference: UInt8 = key.count == shown.count ? 0 : 1
      for index in shown.indices { difference |= shown[index] ^ key[index % key.count] }
      found |= difference == 0 ? 1 : 0
    }
    return found != 0
  }

  /// The headers of every answer.
  func headers(for head: HTTPRequestHead) -> HTTPHeaders {
    var headers = HTTPHeaders()
    guard let origin = head.headers.first(name: "origin"), allows(origin) else { return headers }
    headers.add(name: "access-control-allow-origin", value: origins.contains("*") ? "*" : origin)
    headers.add(name: "vary", value: "origin")
    if head.method == .OPTIONS {
      headers.add(name: "access-control-allow-methods", value: "GET, POST")
      headers.add(name: "access-control-allow-headers", value: "authorization, content-type")
      headers.add(name: "access-control-max-age", value: "3600")
    }
    return headers
  }
}
