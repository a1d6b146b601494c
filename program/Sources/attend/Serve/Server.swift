import CAttend
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// The server: connections, requests under way, models.
final class Server: Sendable {
  let limits: Limits
  let models: Models
  let metrics: Metrics
  private let access: Access
  /// Threads that read requests and write answers, beside those that compute.
  let pool = NIOThreadPool(numberOfThreads: 2)
  private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

  private struct State {
    var channels: [ObjectIdentifier: any Channel] = [:]
    var replies: [ObjectIdentifier: Reply] = [:]
    var isClosing = false
  }
  private let state = Mutex(State())

  init(_ limits: Limits, _ access: Access, _ models: Models, _ metrics: Metrics) {
    (self.limits, self.access, self.models, self.metrics) = (limits, access, models, metrics)
  }

  var isClosing: Bool { state.withLock { $0.isClosing } }
  var connectionCount: Int { state.withLock { $0.channels.count } }

  /// Listens, and gives the address; port 0 is one that is free.
  func start(host: String, port: Int) throws -> (listening: any Channel, port: Int) {
    pool.start()
    var limit = NIOHTTPDecoderLimitConfiguration()
    limit.maxHeaderListSize = limits.maxHeaders
    limit.maxHeaderFieldSize = limits.maxHeaders
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 256)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { [limit] channel in
        channel.eventLoop.makeCompletedFuture {
          let handlers = channel.pipeline.syncOperations
          try handlers.addHandler(HTTPResponseEncoder())
          try handlers.addHandler(ByteToMessageHandler(HTTPRequestDecoder(limitConfiguration: limit)))
          try handlers.addHandler(HTTPServerPipelineHandler())
          try handlers.addHandler(Connection(self))
        }
      }
    do {
      let channel = try bootstrap.bind(host: host, port: port).wait()
      return (channel, channel.localAddress?.port ?? port)
    } catch {
      throw Trouble("\(host):\(port): \(error)")
    }
  }

  /// Finishes what runs, for as long as there is, and leaves.
  func stop(_ listening: any Channel) {
    state.withLock { $0.isClosing = true }
    try? listening.close().wait()
    let idle = state.withLock { state in state.channels.filter { state.replies[$0.key] == nil }.map(\.value) }
    for channel in idle { channel.close(promise: nil) }
    let end = now() + limits.grace
    while now() < end, !state.withLock({ $0.channels.isEmpty }) { pause(0.01) }
    for reply in state.withLock({ Array($0.replies.values) }) { reply.giveUp(.shuttingDown) }
    let last = now() + 2
    while now() < last, !state.withLock({ $0.channels.isEmpty }) { pause(0.01) }
    try? pool.syncShutdownGracefully()
    models.close()
    try? group.syncShutdownGracefully()
  }

  // MARK: Connections

  func connected(_ channel: any Channel) {
    let isTooMany = state.withLock { state in
      state.channels[ObjectIdentifier(channel)] = channel
      return state.channels.count > limits.maxConnections
    }
    guard isTooMany else { return }
    metrics.rejected("connections")
    channel.close(promise: nil)
  }

  func disconnected(_ channel: any Channel) {
    state.withLock { state in
      state.channels[ObjectIdentifier(channel)] = nil
      state.replies[ObjectIdentifier(channel)] = nil
    }
  }

  func began(_ reply: Reply, on channel: any Channel) {
    state.withLock { $0.replies[ObjectIdentifier(channel)] = reply }
  }

  func ended(on channel: any Channel) {
    state.withLock { $0.replies[ObjectIdentifier(channel)] = nil }
  }

  // MARK: Requests

  /// Why a request is not answered, as its head tells; nil: it is.
  func refusal(of head: HTTPRequestHead) -> APIError? {
    access.refusal(of: head)
  }

  func headers(for head: HTTPRequestHead) -> HTTPHeaders { access.headers(for: head) }

  /// Answers a request, on a thread of the pool.
  func answer(_ request: Request, _ reply: Reply) {
    guard !isClosing else { return reply.fail(.shuttingDown) }
    pool.submit { state in
      guard case .active = state else { return reply.fail(.shuttingDown) }
      do {
        try route(request, reply, self)
      } catch {
        reply.fail(.from(error))
      }
    }
  }
}
