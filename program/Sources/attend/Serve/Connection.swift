import NIOCore
import NIOHTTP1

/// A request as it came.
struct Request: Sendable {
  var method: HTTPMethod
  var path: String
  var type: String
  var body: [UInt8]
}

/// One client's connection: puts requests together within bounds, and watches the time. The handlers in front of it
/// see to it that a request comes when the one before is answered.
final class Connection: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  /// Seconds that a connection is heard out after an answer that ends it, so that the answer arrives.
  private static let linger = TimeAmount.seconds(1)

  private let server: Server
  private var head: HTTPRequestHead?
  private var body: [UInt8] = []
  /// Why the request whose body is coming will not be answered.
  private var refusal: APIError?
  /// Whether whatever comes is thrown away: the connection is about to end.
  private var isDeaf = false
  private var reply: Reply?
  private var timer: Scheduled<Void>?
  private var stall: Scheduled<Void>?

  init(_ server: Server) { self.server = server }

  func channelActive(context: ChannelHandlerContext) {
    server.connected(context.channel)
    wait(context, seconds: server.limits.idle)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    timer?.cancel()
    stall?.cancel()
    reply?.leave()
    reply = nil
    server.disconnected(context.channel)
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isDeaf else { return }
    switch unwrapInboundIn(data) {
    case .head(let head): begin(context, head)
    case .body(var part): collect(context, &part)
    case .end: complete(context)
    }
  }

  private func begin(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
    (self.head, body) = (head, [])
    refusal = server.refusal(of: head)
    wait(context, seconds: server.limits.idle)
    if let length = head.headers.first(name: "content-length").flatMap({ Int($0) }), length > server.limits.bodyBytes {
      return refuse(context, tooLarge(length))
    }
    if head.headers.first(name: "expect")?.lowercased() == "100-continue" && refusal == nil {
      context.writeAndFlush(
        wrapOutboundOut(.head(HTTPResponseHead(version: head.version, status: .continue))), promise: nil)
    }
  }

  private func collect(_ context: ChannelHandlerContext, _ part: inout ByteBuffer) {
    guard refusal == nil else { return }
    guard body.count + part.readableBytes <= server.limits.bodyBytes else { return refuse(context, tooLarge(nil)) }
    body += part.readableBytesView
  }

  private func tooLarge(_ length: Int?) -> APIError {
    let told = length.map { "\($0) bytes" } ?? "more"
    return APIError(
      status: 413, message: "The body has \(told); the server takes \(server.limits.bodyBytes) bytes.",
      code: "request_too_large")
  }

  private func complete(_ context: ChannelHandlerContext) {
    guard let head else { return }
    timer?.cancel()
    self.head = nil
    let reply = makeReply(context, head)
    if let refusal { return reply.fail(refusal) }
    let path = String(head.uri.prefix { $0 != "?" })
    let type = head.headers.first(name: "content-type") ?? ""
    let seconds = server.limits.request
    timer = context.eventLoop.scheduleTask(in: .milliseconds(Int64(seconds * 1000))) {
      reply.giveUp(.timedOut(seconds))
    }
    server.answer(Request(method: head.method, path: path, type: type, body: body), reply)
    body = []
  }

  private func makeReply(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) -> Reply {
    let (server, isKeptAlive, deaf) = (server, head.isKeepAlive, isDeaf)
    let (path, begin) = (String(head.uri.prefix { $0 != "?" }), now())
    let reply = Reply(
      context.channel, headers: server.headers(for: head),
      keepsAlive: { isKeptAlive && !deaf && !server.isClosing },
      isDone: { server.metrics.answered(path, status: $0, seconds: now() - begin) })
    self.reply = reply
    server.began(reply, on: context.channel)
    return reply
  }

  /// Answers before the body is there, and closes when the answer has had time to arrive.
  private func refuse(_ context: ChannelHandlerContext, _ error: APIError) {
    guard let head else { return }
    isDeaf = true
    let channel = context.channel
    timer?.cancel()
    timer = context.eventLoop.scheduleTask(in: Connection.linger) { channel.close(promise: nil) }
    let (body, headers) = (ByteBuffer(string: error.body.json + "\n"), server.headers(for: head))
    var answer = HTTPResponseHead(
      version: .http1_1, status: HTTPResponseStatus(statusCode: error.status), headers: headers)
    answer.headers.add(name: "content-type", value: "application/json")
    answer.headers.add(name: "content-length", value: "\(body.readableBytes)")
    answer.headers.add(name: "connection", value: "close")
    context.write(wrapOutboundOut(.head(answer)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    server.metrics.answered(String(head.uri.prefix { $0 != "?" }), status: error.status, seconds: 0)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if case .end = unwrapOutboundIn(data) {
      reply = nil
      server.ended(on: context.channel)
      wait(context, seconds: server.limits.idle)
    }
    context.write(data, promise: promise)
  }

  /// A client that does not read what was written is left, as one that does not write is.
  func channelWritabilityChanged(context: ChannelHandlerContext) {
    let channel = context.channel
    stall?.cancel()
    stall = nil
    if !channel.isWritable {
      stall = context.eventLoop.scheduleTask(in: .milliseconds(Int64(server.limits.idle * 1000))) {
        channel.close(promise: nil)
      }
    }
    context.fireChannelWritabilityChanged()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard let error = error as? HTTPParserError, reply == nil, !isDeaf else {
      context.close(promise: nil)
      return
    }
    let isHeader = error == .headerOverflow
    if head == nil { head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/") }
    refuse(
      context,
      APIError(
        status: isHeader ? 431 : 400, message: isHeader ? "The headers are too long." : "This is no HTTP: \(error)."))
  }

  /// Ends the connection unless something comes: silently between two requests, with 408 in the middle of one.
  private func wait(_ context: ChannelHandlerContext, seconds: Double) {
    timer?.cancel()
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    timer = context.eventLoop.scheduleTask(in: .milliseconds(Int64(seconds * 1000))) {
      let (connection, context) = bound.value
      guard connection.head != nil else { return context.close(promise: nil) }
      connection.refuse(
        context,
        APIError(
          status: 408, message: "The request did not come whole within \(fixed(seconds, 0)) s.", type: "timeout",
          code: "request_timeout"))
    }
  }
}
