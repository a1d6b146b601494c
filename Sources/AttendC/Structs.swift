import AttendBase
import CAttend

/// A struct of the header that begins with its own size, so that later versions can append to it.
protocol SizedStruct {
  /// All fields 0: the defaults.
  init()
  /// Its size in the first version that was shipped: no caller's is smaller.
  static var firstSize: Int { get }
}

extension attend_model_options: SizedStruct { static var firstSize: Int { 80 } }
extension attend_tokenize_options: SizedStruct { static var firstSize: Int { 72 } }
extension attend_tokenizer_info: SizedStruct { static var firstSize: Int { 56 } }
extension attend_detokenize_options: SizedStruct { static var firstSize: Int { 16 } }
extension attend_chat_options: SizedStruct { static var firstSize: Int { 48 } }
extension attend_session_options: SizedStruct { static var firstSize: Int { 64 } }
extension attend_prefix_cache_stats: SizedStruct { static var firstSize: Int { 40 } }
extension attend_batch: SizedStruct { static var firstSize: Int { 80 } }
extension attend_input: SizedStruct { static var firstSize: Int { 104 } }
extension attend_embed_options: SizedStruct { static var firstSize: Int { 24 } }
extension attend_generation_options: SizedStruct { static var firstSize: Int { 88 } }
extension attend_scheduler_options: SizedStruct { static var firstSize: Int { 48 } }
extension attend_request_options: SizedStruct { static var firstSize: Int { 40 } }
extension attend_scheduler_stats: SizedStruct { static var firstSize: Int { 112 } }
extension attend_hypothesis: SizedStruct { static var firstSize: Int { 104 } }
extension attend_score_options: SizedStruct { static var firstSize: Int { 32 } }
extension attend_text_score: SizedStruct { static var firstSize: Int { 72 } }
extension attend_segment: SizedStruct { static var firstSize: Int { 144 } }
extension attend_transcribe_options: SizedStruct { static var firstSize: Int { 32 } }
extension attend_draw_options: SizedStruct { static var firstSize: Int { 80 } }
extension attend_classify_options: SizedStruct { static var firstSize: Int { 32 } }
extension attend_class: SizedStruct { static var firstSize: Int { 48 } }
extension attend_search_index_options: SizedStruct { static var firstSize: Int { 32 } }
extension attend_translate_options: SizedStruct { static var firstSize: Int { 32 } }
extension attend_summarize_options: SizedStruct { static var firstSize: Int { 24 } }
extension attend_rewrite_options: SizedStruct { static var firstSize: Int { 24 } }
extension attend_entity_options: SizedStruct { static var firstSize: Int { 56 } }
extension attend_entity: SizedStruct { static var firstSize: Int { 72 } }
extension attend_answer_options: SizedStruct { static var firstSize: Int { 48 } }
extension attend_answer_span: SizedStruct { static var firstSize: Int { 48 } }
extension attend_fill_options: SizedStruct { static var firstSize: Int { 40 } }
extension attend_filling: SizedStruct { static var firstSize: Int { 56 } }
extension attend_zero_shot_options: SizedStruct { static var firstSize: Int { 32 } }
extension attend_model_info: SizedStruct { static var firstSize: Int { 232 } }
extension attend_tensor_info: SizedStruct { static var firstSize: Int { 40 } }
extension attend_context_options: SizedStruct { static var firstSize: Int { 32 } }
extension attend_attention_options: SizedStruct { static var firstSize: Int { 104 } }
extension attend_multi_head_weights: SizedStruct { static var firstSize: Int { 80 } }
extension attend_scored_attention_options: SizedStruct { static var firstSize: Int { 104 } }
extension attend_rotary_options: SizedStruct { static var firstSize: Int { 120 } }
extension attend_norm: SizedStruct { static var firstSize: Int { 40 } }
extension attend_feed_forward_weights: SizedStruct { static var firstSize: Int { 64 } }
extension attend_layer_weights: SizedStruct { static var firstSize: Int { 64 } }

/// A struct as the caller's version of the header knows it; what that version lacks, and all of it where the pointer is
/// nil, is 0.
///
/// A larger struct than this library knows is read as far as it is known, and refused if anything beyond is set:
/// ignoring a wish would be a wrong answer.
func copy<Struct: SizedStruct & BitwiseCopyable>(
  _ pointer: UnsafePointer<Struct>?, _ name: String
) throws(Failure) -> Struct {
  var result = Struct()
  guard let pointer else { return result }
  let size = try structSize(pointer, name)
  let bytes = UnsafeRawBufferPointer(start: pointer, count: size)
  let known = MemoryLayout<Struct>.size
  if size > known, bytes[known...].contains(where: { $0 != 0 }) {
    throw Failure(
      .invalidArgument,
      "\(name).struct_size is \(size): a field is set that came after version \(version) of this library, which knows "
        + "\(known) bytes"
    )
  }
  withUnsafeMutableBytes(of: &result) { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes.prefix(known))) }
  return result
}

/// The opposite: fills a struct of the caller's as far as his version of it goes, leaving his struct_size.
func fill<Struct: SizedStruct & BitwiseCopyable>(
  _ pointer: UnsafeMutablePointer<Struct>, with value: Struct, _ name: String
) throws(Failure) {
  let size = min(try structSize(UnsafePointer(pointer), name), MemoryLayout<Struct>.size)
  let start = MemoryLayout<Int>.size
  withUnsafeBytes(of: value) {
    UnsafeMutableRawPointer(pointer).advanced(by: start).copyMemory(
      from: $0.baseAddress! + start, byteCount: size - start)
  }
}

/// No struct of this header will be larger, so that a size beyond it is memory that was never set.
private let largestStruct = 4096

private func structSize<Struct: SizedStruct & BitwiseCopyable>(
  _ pointer: UnsafePointer<Struct>, _ name: String
) throws(Failure) -> Int {
  let size = UnsafeRawPointer(pointer).load(as: Int.self)
  guard size >= Struct.firstSize, size <= largestStruct else {
    throw Failure(
      .invalidArgument,
      "\(name).struct_size is \(UInt(bitPattern: size)), which no version of the library has used: set it to "
        + "sizeof(\(Struct.self))"
    )
  }
  return size
}
