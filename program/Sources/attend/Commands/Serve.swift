import ArgumentParser
import NIOCore
import Synchronization

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Answer requests of OpenAI's API over HTTP.",
    discussion: """
      Chats and texts, embeddings, rankings, transcriptions; requests run side by side, and what one is answered does \
      not depend on the others. It listens on the loopback device unless --host says otherwise. Ctrl-C and SIGTERM let \
      running requests finish. docs/serve.md tells all endpoints.

      EXAMPLES
        attend serve -m Qwen3-0.6B
        attend serve -m chat=Qwen3-0.6B -m all-MiniLM-L6-v2 -m whisper-small --port 8000
        attend serve -m Qwen3-0.6B --host 0.0.0.0 --api-key-file keys.txt --compute int8
      """)

  @Option(
    name: [.customShort("m"), .customLong("model")],
    help: ArgumentHelp(
      "The folder of a checkpoint, with the name it is asked for by where that is not the folder's. May be repeated; "
        + "without it the environment variable ATTEND_MODEL.", valueName: "path or name=path"),
    completion: .directory)
  var models: [String] = []
  @OptionGroup var loading: LoadOptions
  @Option(help: "The address to listen on.") var host = "127.0.0.1"
  @Option(help: "The port; 0: any that is free, which is told.") var port = 8080
  @Option(
    help: """
      A key that requests have to show. May be repeated. Other users see command lines: the environment variable \
      ATTEND_API_KEY and --api-key-file are better.
      """)
  var apiKey: [String] = []
  @Option(help: "A file with a key in each line.", completion: .file()) var apiKeyFile: String?
  @Option(help: "An origin whose pages may ask, or *. May be repeated.") var cors: [String] = []
  @OptionGroup(title: "Limits") var limits: Limits
  @Option(help: "The most sequences that a model writes at once.") var maxRows = 64
  @Option(help: "The most bytes of a model's keys and values; 0: no bound.") var maxCacheBytes = 0
  @Option(help: "Bytes for beginnings of prompts that are kept for prompts that begin alike; 0: none are.")
  var prefixCacheBytes = 256 << 20
  @Flag(help: "Draw a seed for each request that has none; otherwise equal requests have equal answers.")
  var randomSeed = false
  @Flag(name: .shortAndLong, help: "Tell nothing but errors.") var quiet = false

  func validate() throws {
    guard (0...65535).contains(port) else { throw ValidationError("--port is \(port); it is from 0 to 65535.") }
    guard (1...4096).contains(maxRows) else { throw ValidationError("--max-rows is \(maxRows); it is from 1 to 4096.") }
    guard maxCacheBytes >= 0, prefixCacheBytes >= 0 else { throw ValidationError("Bytes are 0 or more.") }
  }

  func run() throws {
    let keys = try readKeys()
    let hosts = try load()
    let server = Server(limits, Access(keys: keys, origins: cors), Models(hosts), Metrics())
    let stopped = AsyncEnd()
    interrupt.end(by: { stopped.reach() })
    let (listening, port) = try server.start(host: host, port: port)
    let isLocal = host == "localhost" || host == "::1" || host.hasPrefix("127.")
    if !isLocal && keys.isEmpty { tell("anybody who reaches \(host) may ask: there is no --api-key") }
    let name = host.contains(":") ? "[\(host)]" : host
    tell("serving \(hosts.map(\.id).joined(separator: ", ")) on http://\(name):\(port)")
    stopped.wait()
    tell("ending; a second signal ends at once")
    server.stop(listening)
  }

  private func tell(_ text: String) { if !quiet { Terminal.note(Colour.faint.paint("attend: \(text)", on: 2)) } }

  private func readKeys() throws -> [[UInt8]] {
    var keys = apiKey
    if let key = environment("ATTEND_API_KEY") { keys.append(key) }
    if let apiKeyFile {
      let lines = String(decoding: try readFile(apiKeyFile), as: UTF8.self).split(whereSeparator: \.isNewline)
      let read = lines.map { String($0).trimmed }.filter { !$0.isEmpty }
      guard !read.isEmpty else { throw Trouble("\(apiKeyFile): there is no key in it") }
      keys += read
    }
    guard !keys.contains("") else { throw Trouble("a key is empty") }
    return keys.map { Array($0.utf8) }
  }

  private func load() throws -> [Host] {
    var hosts: [Host] = []
    let batching = BatchOptions(
      rows: maxRows, cacheBytes: maxCacheBytes, prefixBytes: prefixCacheBytes, drawsSeeds: randomSeed)
    for named in models.isEmpty ? [try ModelOptions.folder(nil)] : models {
      let parts = named.split(separator: "=", maxSplits: 1)
      let path = parts.count == 2 ? String(parts[1]) : named
      let name = parts.count == 2 ? String(parts[0]) : path.split(separator: "/").last.map(String.init) ?? path
      guard !hosts.contains(where: { $0.id == name }) else {
        throw Trouble("two models are named \"\(name)\": name one with --model NAME=PATH")
      }
      hosts.append(try Host(name, try loading.load(path, quiet: quiet), batching))
    }
    return hosts
  }
}

/// The moment at which a signal asks for the end.
private final class AsyncEnd: Sendable {
  private let isReached = Mutex(false)
  func reach() { isReached.withLock { $0 = true } }
  func wait() { while !isReached.withLock({ $0 }) { pause(0.02) } }
}
