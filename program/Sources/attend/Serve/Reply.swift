import NIOCore
import NIOHTTP1
import Synchronization

/// The answer to a request: whole, or as server-sent events. Any thread may use it; what comes after its end, or after
/// the client has left, goes nowhere.
final class Reply: Sendable {
  private enum Phase {
    case waiting, streaming, ended
  }

  /// Asked when the client has left or the time is over.
  let cancellation = Cancellation()
  private let channel: any Channel
  private let headers: HTTPHeaders
  private let phase = Mutex(Phase.waiting)
  private let keepsAlive: @Sendable () -> Bool
  private let isDone: @Sendable (_ status: Int) -> Void

  /// `headers` are those of every answer; `isDone` hears the status once; 499: the client left before.
  init(
    _ channel: any Channel, headers: HTTPHeaders, keepsAlive: @escaping @Sendable () -> Bool,
    isDone: @escaping @Sendable (_ status: Int) -> Void
  ) {
    (self.channel, self.headers, self.keepsAlive, self.isDone) = (channel, headers, keepsAlive, isDone)
  }

  var isEnded: Bool { phase.withLock { $0 == .ended } }

  func send(_ value: Value) { send(200, "application/json", value.json + "\n") }

  func send(_ status: Int, _ type: String, _ text: String, retryAfter: Int? = nil) {
    let isFirst = phase.withLock { phase in
      guard phase == .waiting else { return false }
      phase = .ended
      return true
    }
    guard isFirst else { return }
    let body = ByteBuffer(string: text)
    var head = head(status, type)
    head.headers.add(name: "content-length", value: "\(body.readableBytes)")
    if let retryAfter { head.headers.add(name: "retry-after", value: "\(retryAfter)") }
    let (channel, closes) = (channel, !head.isKeepAlive)
    channel.eventLoop.execute { [head] in
      channel.write(HTTPServerResponsePart.head(head), promise: nil)
      channel.write(HTTPServerResponsePart.body(.byteBuffer(body)), promise: nil)
      Reply.end(channel, closes: closes)
    }
    isDone(status)
  }

  /// An error in place of the answer; where that has begun, as its last event.
  func fail(_ error: APIError) {
    if phase.withLock({ $0 == .streaming }) {
      event(error.body.json)
      return end(status: error.status, mark: "")
    }
    send(error.status, "application/json", error.body.json + "\n", retryAfter: error.retryAfter)
  }

  /// An event, whose data is a line of JSON; the first one begins the answer.
  func event(_ json: String) {
    phase.withLock { phase in
      guard phase != .ended else { return }
      let begins = phase == .waiting
      phase = .streaming
      let part = HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(string: "data: \(json)\n\n")))
      let (channel, head) = (channel, begins ? head(200, "text/event-stream; charset=utf-8") : nil)
      channel.eventLoop.execute {
        if let head { channel.write(HTTPServerResponsePart.head(head), promise: nil) }
        channel.writeAndFlush(part, promise: nil)
      }
    }
  }

  /// Ends an answer of events.
  func endEvents() { end(status: 200, mark: "data: [DONE]\n\n") }

  private func end(status: Int, mark: String) {
    let isFirst = phase.withLock { phase in
      guard phase == .streaming else { return false }
      phase = .ended
      return true
    }
    guard isFirst else { return }
    let (channel, closes) = (channel, status != 200 || !keepsAlive())
    channel.eventLoop.execute {
      if !mark.isEmpty {
        channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(string: mark))), promise: nil)
      }
      Reply.end(channel, closes: closes)
    }
    isDone(status)
  }

  /// The client has left.
  func leave() {
    let isFirst = phase.withLock { phase in
      defer { phase = .ended }
      return phase != .ended
    }
    guard isFirst else { return }
    isDone(499)
    cancellation.ask()
  }

  /// The client waits no longer, and is told why.
  func giveUp(_ error: APIError) {
    fail(error)
    cancellation.ask()
  }

  private func head(_ status: Int, _ type: String) -> HTTPResponseHead {
    var head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: headers)
    head.headers.add(name: "content-type", value: type)
    if !keepsAlive() { head.headers.add(name: "connection", value: "close") }
    return head
  }

  private static func end(_ channel: any Channel, closes: Bool) {
    let written = channel.writeAndFlush(HTTPServerResponsePart.end(nil))
    if closes { written.whenComplete { _ in channel.close(promise: nil) } }
  }
}
