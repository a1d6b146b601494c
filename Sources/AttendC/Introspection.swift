import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendGeneration
import AttendLayers
import AttendModels
import CAttend

@_cdecl("attend_model_get_info") @implementation public func attend_model_get_info(
  _ model: OpaquePointer!, _ info: UnsafeMutablePointer<attend_model_info>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let model = try object(model, as: ModelObject.self, "model").model
    try fill(try require(info, "info"), with: attend_model_info(model.info), "info")
  }
}

extension attend_model_info {
  fileprivate init(_ info: ModelInfo) {
    func token(_ id: Int?) -> Int32 { id.map { Int32($0) } ?? -1 }
    /// SIZE_MAX stands for no limit; a size_t crosses to Swift as an Int of the same bits.
    func limit(_ positions: Int?) -> Int { positions ?? -1 }
    self.init()
    kind = attend_model_kind(rawValue: info.kind.rawValue)
    compute = attend_compute_type(rawValue: info.compute.rawValue)
    threads = UInt32(info.threads)
    vocabulary_size = info.last.vocabulary
    hidden_size = info.last.width
    encoder_layers = info.encoder.layers
    decoder_layers = info.decoder.layers
    encoder_positions = limit(info.encoder.positions)
    decoder_positions = limit(info.decoder.positions)
    parameters = info.parameters
    weight_bytes = info.weightBytes
    encoder_vocabulary_size = info.encoder.vocabulary
    encoder_hidden_size = info.encoder.width
    decoder_vocabulary_size = info.decoder.vocabulary
    decoder_hidden_size = info.decoder.width
    label_count = info.labels.count
    token_type_count = info.first.tokenTypes
    embedding_size = info.embeddingWidth
    first_layer = info.stage?.first ?? 0
    whole_layers = info.stage?.count ?? info.decoder.layers
    if let mapped = info.mapped {
      (mapped_bytes, mapped_resident_bytes) = (mapped.bytes, mapped.residentBytes)
      mapped_read_bytes = UInt64(mapped.readBytes)
      (mapped_wait_seconds, mapped_product_seconds) = (mapped.waitSeconds, mapped.productSeconds)
    }
    decoder_start_token = token(info.generation.decoderStart)
    begin_token = token(info.generation.begin)
    end_token = token(info.generation.end.first)
    pad_token = token(info.generation.pad)
    unknown_token = token(info.generation.unknown)
    forced_begin_token = token(info.generation.forcedBegin)
    forced_end_token = token(info.generation.forcedEnd)
  }
}

@_cdecl("attend_model_family") @implementation public func attend_model_family(
  _ model: OpaquePointer!
) -> UnsafePointer<CChar>! { borrow(model, as: ModelObject.self).family.characters }

@_cdecl("attend_model_label") @implementation public func attend_model_label(
  _ model: OpaquePointer!, _ index: Int, _ length: UnsafeMutablePointer<Int>!
) -> UnsafePointer<CChar>! {
  let label = borrow(model, as: ModelObject.self).model.blueprint.labels[index]
  store(label?.count ?? 0, length)
  return UnsafeRawPointer(label?.baseAddress)?.assumingMemoryBound(to: CChar.self)
}

@_cdecl("attend_model_kernels") @implementation public func attend_model_kernels(
  _ model: OpaquePointer!
) -> UnsafePointer<CChar>! { borrow(model, as: ModelObject.self).kernels.characters }

@_cdecl("attend_model_end_tokens") @implementation public func attend_model_end_tokens(
  _ model: OpaquePointer!, _ count: UnsafeMutablePointer<Int>!
) -> UnsafePointer<Int32>! {
  let model = borrow(model, as: ModelObject.self)
  store(model.endTokenCount, count)
  return UnsafePointer(model.endTokens.pointer(to: Int32.self))
}

@_cdecl("attend_model_config") @implementation public func attend_model_config(
  _ model: OpaquePointer!, _ length: UnsafeMutablePointer<Int>!
) -> UnsafePointer<CChar>! { text(borrow(model, as: ModelObject.self).model.configText, length) }

@_cdecl("attend_model_generation_config") @implementation public func attend_model_generation_config(
  _ model: OpaquePointer!, _ length: UnsafeMutablePointer<Int>!
) -> UnsafePointer<CChar>! { text(borrow(model, as: ModelObject.self).model.generationText, length) }

/// A file's text, which a NUL follows; NULL where there is no file.
private func text(_ file: LoadedFile?, _ length: UnsafeMutablePointer<Int>?) -> UnsafePointer<CChar>? {
  store(file?.bytes.count ?? 0, length)
  return file?.bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
}

@_cdecl("attend_model_tensor_count") @implementation public func attend_model_tensor_count(
  _ model: OpaquePointer!
) -> Int { borrow(model, as: ModelObject.self).tensors.count }

@_cdecl("attend_model_tensor") @implementation public func attend_model_tensor(
  _ model: OpaquePointer!, _ index: Int, _ info: UnsafeMutablePointer<attend_tensor_info>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let tensors = try object(model, as: ModelObject.self, "model").tensors
    let info = try require(info, "info")
    guard index >= 0, index < tensors.count else {
      throw Failure(.invalidArgument, "index is \(UInt(bitPattern: index)); the model has \(tensors.count) tensors")
    }
    try fill(info, with: tensors.info(index), "info")
  }
}

@_cdecl("attend_session_record_attentions") @implementation public func attend_session_record_attentions(
  _ session: OpaquePointer!, _ on: Bool
) -> OpaquePointer! { using(session) { (session) throws(Failure) in session.recordAttentions(on) } }

@_cdecl("attend_session_attentions") @implementation public func attend_session_attentions(
  _ session: OpaquePointer!, _ kind: attend_attention_kind, _ layer: Int, _ sequence: Int,
  _ map: UnsafeMutablePointer<attend_tensor>!
) -> OpaquePointer! {
  lookingAt(session) { (session) throws(Failure) in
    let target = try require(map, "map")
    guard let known = AttentionRecorder.Kind(rawValue: kind.rawValue) else {
      throw Failure(.invalidArgument, "kind is \(kind.rawValue), which is no attend_attention_kind")
    }
    target.pointee = attend_tensor(try session.attention(known, layer: layer, sequence: sequence))
  }
}

extension attend_tensor {
  fileprivate init(_ map: AttentionMap) {
    self.init()
    data = UnsafeRawPointer(map.base)
    type = ATTEND_TYPE_FLOAT32
    rank = map.windows > 0 ? 4 : 3
    shape =
      map.windows > 0 ? (map.windows, map.heads, map.queries, map.keys) : (map.heads, map.queries, map.keys, 0)
  }
}

@_cdecl("attend_session_memory") @implementation public func attend_session_memory(
  _ session: OpaquePointer!, _ bytes: UnsafeMutablePointer<Int>!
) -> OpaquePointer! {
  lookingAt(session) { (session) throws(Failure) in try require(bytes, "bytes").pointee = session.bytes }
}
