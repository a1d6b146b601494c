import ArgumentParser
import CAttend
import Glibc

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tell what is in a checkpoint, what it would need, and whether it can run.",
    discussion: """
      The exit code is 0 if the checkpoint can run here, else 1, and the reason is told.

      EXAMPLES
        attend inspect -m models/g2p-en
        attend inspect -m Qwen3-0.6B --tensors
        attend inspect -m models/g2p-en --format json
      """)

  /// The forms of the result.
  enum Form: String, CaseIterable, ExpressibleByArgument {
    case text, json
  }

  @OptionGroup var model: ModelOptions
  @Flag(help: "List the tensors.") var tensors = false
  @Option(name: .shortAndLong, help: "The form of the result.") var format: Form = .text

  func run() throws {
    let folder = try model.folder()
    var facts = [Field("folder", .string(folder))]
    let stored = CheckpointFiles(folder)
    facts.append(Field("files", .object(stored.files.map { Field($0.name, .integer($0.bytes)) })))
    let free = availableMemory()
    if let free { facts.append(Field("available_memory", .integer(free))) }
    do {
      // No more than 4 bytes are stored of a weight, so that there are a quarter as many weights at least.
      let least = Double(stored.weightBytes) * model.loading.compute.bytesPerWeight / 4
      if let free, least > Double(free) {
        throw Trouble("it needs \(size(least)) at least, and \(size(Double(free))) of memory are free")
      }
      let model = try model.load(quiet: format == .json)
      facts += [Field("runs", .bool(true))] + describe(model)
    } catch let trouble as Trouble {
      facts += [Field("runs", .bool(false)), Field("reason", .string("\(trouble)"))]
    }
    let all = Value.object(facts)
    Terminal.write(format == .json ? all.json + "\n" : lines(facts))
    if case .bool(false)? = all["runs"] { throw ExitCode(1) }
  }

  private func describe(_ model: Model) -> [Field] {
    let info = model.info
    let kinds = [
      ATTEND_KIND_ENCODER: "encoder", ATTEND_KIND_DECODER: "decoder", ATTEND_KIND_ENCODER_DECODER: "encoder-decoder",
    ]
    var facts = [
      Field("family", .string(model.family)), Field("kind", .string(kinds[info.kind] ?? "unknown")),
      Field("kernels", .string(String(cString: attend_model_kernels(model.handle)))),
      Field("threads", .integer(Int(info.threads))), Field("parameters", .integer(info.parameters)),
      Field("weight_bytes", .integer(info.weight_bytes)), Field("weight_bytes_by_type", .object(needs(info))),
    ]
    for (name, layers, width, positions, vocabulary) in [
      (
        "encoder", info.encoder_layers, info.encoder_hidden_size, info.encoder_positions,
        info.encoder_vocabulary_size
      ),
      (
        "decoder", info.decoder_layers, info.decoder_hidden_size, info.decoder_positions,
        info.decoder_vocabulary_size
      ),
    ] where layers > 0 {
      facts.append(
        Field(
          name,
          .object([
            Field("layers", .integer(layers)), Field("hidden_size", .integer(width)),
            Field("positions", positions == Int(bitPattern: UInt.max) ? .null : .integer(positions)),
            Field("vocabulary", .integer(vocabulary)),
          ])))
    }
    if info.embedding_size > 0 { facts.append(Field("embedding_size", .integer(info.embedding_size))) }
    if info.label_count > 0 { facts.append(Field("labels", .list(labels(model)))) }
    facts.append(tokenizer(model))
    facts.append(Field("tensors", tensors ? .object(shapes(model)) : .integer(attend_model_tensor_count(model.handle))))
    return facts
  }

  /// The memory of the weights by type, from their number.
  private func needs(_ info: attend_model_info) -> [Field] {
    ComputeType.allCases.map { type in
      Field(type.rawValue, .integer(Int(Double(info.parameters) * type.bytesPerWeight)))
    }
  }

  private func labels(_ model: Model) -> [Value] {
    (0..<model.info.label_count).map { index in
      var length = 0
      let name = attend_model_label(model.handle, index, &length)
      return name == nil ? .null : .string(utf8(name, length))
    }
  }

  private func tokenizer(_ model: Model) -> Field {
    do {
      let tokenizer = try model.tokenizer()
      return Field(
        "tokenizer",
        .object([
          Field("size", .integer(attend_tokenizer_size(tokenizer))),
          Field("chat_template", .bool(model.hasChatTemplate)),
        ]))
    } catch {
      return Field("tokenizer", .string("none: \(error)"))
    }
  }

  private func shapes(_ model: Model) -> [Field] {
    (0..<attend_model_tensor_count(model.handle)).compactMap { index in
      var tensor = attend_tensor_info.initial
      guard (try? attempt(attend_model_tensor(model.handle, index, &tensor))) != nil else { return nil }
      let shape = (0..<tensor.rank).map { "\(tensor.shape[$0])" }.joined(separator: " x ")
      return Field(String(cString: tensor.name), .string("\(elementName(tensor.type)) [\(shape)]"))
    }
  }

  private func elementName(_ type: attend_element_type) -> String {
    let names = [
      ATTEND_TYPE_FLOAT32: "float32", ATTEND_TYPE_FLOAT16: "float16", ATTEND_TYPE_BFLOAT16: "bfloat16",
      ATTEND_TYPE_FLOAT64: "float64", ATTEND_TYPE_INT8: "int8", ATTEND_TYPE_INT16: "int16", ATTEND_TYPE_INT32: "int32",
      ATTEND_TYPE_INT64: "int64", ATTEND_TYPE_UINT8: "uint8", ATTEND_TYPE_UINT16: "uint16",
      ATTEND_TYPE_UINT32: "uint32", ATTEND_TYPE_UINT64: "uint64", ATTEND_TYPE_BOOL: "bool",
    ]
    return names[type] ?? "type \(type.rawValue)"
  }

  /// The facts as lines; objects are indented.
  private func lines(_ facts: [Field], indent: String = "", sizes: Bool = false) -> String {
    facts.map { fact in
      let name = indent + Colour.bold.paint(fact.name)
      let isSize = sizes || ["bytes", "memory", "files"].contains { fact.name.contains($0) }
      switch fact.value {
      case .object(let members): return "\(name)\n" + lines(members, indent: indent + "  ", sizes: isSize)
      case .list(let values): return "\(name): \(values.map(\.plain).joined(separator: ", "))\n"
      case .integer(let number) where isSize: return "\(name): \(size(Double(number)))\n"
      default: return "\(name): \(fact.value.plain)\n"
      }
    }.joined()
  }
}

/// The files of a checkpoint's folder.
struct CheckpointFiles {
  private(set) var files: [(name: String, bytes: Int)] = []

  init(_ folder: String) {
    guard let entries = opendir(folder) else { return }
    defer { closedir(entries) }
    while let entry = readdir(entries) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      var status = stat()
      guard stat("\(folder)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
      files.append((name, Int(status.st_size)))
    }
    files.sort { $0.name < $1.name }
  }

  /// The bytes of files that hold weights; a folder often has them in one format alone, else the smallest counts.
  var weightBytes: Int {
    ["safetensors", "bin", "msgpack", "pt"].map { kind in
      files.filter { pathExtension($0.name) == kind }.reduce(0) { $0 + $1.bytes }
    }.filter { $0 > 0 }.min() ?? 0
  }
}

/// The memory that programs may still take, as Linux estimates it.
func availableMemory() -> Int? {
  guard let bytes = try? readFile("/proc/meminfo") else { return nil }
  for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.hasPrefix("MemAvailable:") {
    return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
  }
  return nil
}
