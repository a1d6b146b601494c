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
    try fill(try require(info, "info"), smallest: 120, with: attend_model_info(model), "info")
  }
}

extension attend_model_info {
  fileprivate init(_ model: Model) {
    func token(_ id: Int?) -> Int32 { id.map { Int32($0) } ?? -1 }
    /// SIZE_MAX stands for no limit; a size_t crosses to Swift as an Int of the same bits.
    func limit(_ positions: Int?) -> Int { positions ?? -1 }
    self.init()
    kind = attend_model_kind(rawValue: model.blueprint.kind.rawValue)
    compute = attend_compute_type(rawValue: model.compute.rawValue)
    threads = UInt32(model.engine.threads)
    vocabulary_size = model.vocabulary
    hidden_size = model.width
    encoder_layers = model.encoder?.layers.count ?? 0
    decoder_layers = model.decoder?.layers.count ?? 0
    encoder_positions = limit(model.encoder.map { $0.statedPositions } ?? 0)
    decoder_positions = limit(model.decoder.map { $0.statedPositions } ?? 0)
    parameters = model.parameters
    weight_bytes = model.weightBytes
    decoder_start_token = token(model.generation.decoderStart)
    begin_token = token(model.generation.begin)
    end_token = token(model.generation.end.first)
    pad_token = token(model.generation.pad)
    unknown_token = token(model.generation.unknown)
    forced_begin_token = token(model.generation.forcedBegin)
    forced_end_token = token(model.generation.forcedEnd)
  }
}

@_cdecl("attend_model_family") @implementation public func attend_model_family(
  _ model: OpaquePointer!
) -> UnsafePointer<CChar>! { borrow(model, as: ModelObject.self).family.characters }

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
    guard tensors.indices.contains(index) else {
      throw Failure(.invalidArgument, "index is \(UInt(bitPattern: index)); the model has \(tensors.count) tensors")
    }
    let tensor = tensors[index]
    var value = attend_tensor_info()
    value.name = tensor.name.characters
    value.type = attend_element_type(rawValue: tensor.type.rawValue)
    value.rank = tensor.rank
    value.shape = UnsafePointer(tensor.shape.pointer(to: Int.self))
    try fill(info, smallest: 40, with: value, "info")
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
    rank = 3
    shape = (map.heads, map.queries, map.keys, 0)
  }
}

@_cdecl("attend_session_memory") @implementation public func attend_session_memory(
  _ session: OpaquePointer!, _ bytes: UnsafeMutablePointer<Int>!
) -> OpaquePointer! {
  lookingAt(session) { (session) throws(Failure) in try require(bytes, "bytes").pointee = session.bytes }
}
