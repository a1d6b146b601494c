import CAttend

/// A failure that the user is told of.
struct Trouble: Error, CustomStringConvertible {
  var description: String
  /// The library's code, where the library failed.
  var code: attend_error_code?

  init(_ description: String, code: attend_error_code? = nil) {
    self.description = description
    self.code = code
  }

  var isCancelled: Bool { code == ATTEND_ERROR_CANCELLED }
  /// Whether another input may succeed: not so where memory has run out, or where the model cannot do what is asked.
  var concernsInput: Bool {
    switch code {
    case ATTEND_ERROR_CANCELLED, ATTEND_ERROR_OUT_OF_MEMORY, ATTEND_ERROR_INTERNAL, ATTEND_ERROR_UNSUPPORTED: false
    default: true
    }
  }
}

/// Turns what a call of the library returned into a thrown error, and frees it.
func attempt(_ error: OpaquePointer?) throws(Trouble) {
  guard let error else { return }
  defer { attend_error_free(error) }
  throw Trouble(String(cString: attend_error_message(error)), code: attend_error_get_code(error))
}

/// A struct of the header that begins with its own size, and where zero means the default.
protocol SizedStruct {
  init()
  var struct_size: Int { get set }
}

extension SizedStruct {
  /// What the header's `..._INIT` makes.
  static var initial: Self {
    var value = Self()
    value.struct_size = MemoryLayout<Self>.stride
    return value
  }
}

extension attend_model_options: SizedStruct {}
extension attend_model_info: SizedStruct {}
extension attend_session_options: SizedStruct {}
extension attend_tensor_info: SizedStruct {}
extension attend_tokenize_options: SizedStruct {}
extension attend_tokenizer_info: SizedStruct {}
extension attend_detokenize_options: SizedStruct {}
extension attend_chat_options: SizedStruct {}
extension attend_batch: SizedStruct {}
extension attend_input: SizedStruct {}
extension attend_generation_options: SizedStruct {}
extension attend_hypothesis: SizedStruct {}
extension attend_translate_options: SizedStruct {}
extension attend_summarize_options: SizedStruct {}
extension attend_classify_options: SizedStruct {}
extension attend_zero_shot_options: SizedStruct {}
extension attend_class: SizedStruct {}
extension attend_entity_options: SizedStruct {}
extension attend_entity: SizedStruct {}
extension attend_answer_options: SizedStruct {}
extension attend_answer_span: SizedStruct {}
extension attend_fill_options: SizedStruct {}
extension attend_filling: SizedStruct {}
extension attend_embed_options: SizedStruct {}
extension attend_search_index_options: SizedStruct {}
extension attend_transcribe_options: SizedStruct {}
extension attend_segment: SizedStruct {}
extension attend_draw_options: SizedStruct {}
extension attend_scheduler_options: SizedStruct {}
extension attend_scheduler_stats: SizedStruct {}
extension attend_request_options: SizedStruct {}
