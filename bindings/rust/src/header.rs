//! The part of attend.h that this wrapper calls, declared by hand. Structs begin with their own size, so that one
//! that is shorter than the library's is understood.

#![allow(non_camel_case_types)]

use std::ffi::{c_char, c_void};

macro_rules! handles {
    ($($name:ident)*) => { $(#[repr(C)] pub struct $name { _private: [u8; 0] })* };
}
handles!(attend_error attend_model attend_tokenizer attend_encoding attend_text attend_session attend_generation);

#[repr(C)]
pub struct attend_model_options {
    pub struct_size: usize,
    pub compute: u32,
    pub threads: u32,
    pub kernels: *const c_char,
    pub progress: Option<unsafe extern "C" fn(f64, *mut c_void) -> bool>,
    pub progress_context: *mut c_void,
    pub copy_weights: bool,
    pub pin_threads: bool,
    pub weights: u32,
    pub memory_budget: usize,
    pub weights_directory: *const c_char,
    pub first_layer: usize,
    pub end_layer: usize,
}

#[repr(C)]
pub struct attend_tensor {
    pub data: *const c_void,
    pub element_type: u32,
    pub rank: usize,
    pub shape: [usize; 4],
}

#[repr(C)]
pub struct attend_batch {
    pub struct_size: usize,
    pub tokens: *const i32,
    pub lengths: *const usize,
    pub count: usize,
    pub token_types: *const i32,
    pub logits: u32,
    pub inputs: *const c_void,
    pub input_count: usize,
    pub seen_pictures: *const i32,
    pub states: *const f32,
}

#[repr(C)]
pub struct attend_token_event {
    pub struct_size: usize,
    pub request: usize,
    pub sequence: usize,
    pub token: i32,
    pub log_probability: f32,
    pub text: *const c_char,
    pub text_length: usize,
    pub alternatives: *const c_void,
    pub alternative_count: usize,
    pub finish_reason: u32,
}

#[repr(C)]
pub struct attend_generation_options {
    pub struct_size: usize,
    pub config: *const c_char,
    pub max_new_tokens: u32,
    pub num_beams: u32,
    pub num_return_sequences: u32,
    pub stop_strings: *const *const c_char,
    pub stop_string_count: usize,
    pub on_token: Option<unsafe extern "C" fn(*const attend_token_event, *mut c_void) -> u32>,
    pub on_token_context: *mut c_void,
    pub on_logits: Option<unsafe extern "C" fn(*mut f32, usize, *const i32, usize, *mut c_void) -> bool>,
    pub on_logits_context: *mut c_void,
    pub assistant: *const attend_model,
}

#[repr(C)]
pub struct attend_hypothesis {
    pub struct_size: usize,
    pub ids: *const i32,
    pub count: usize,
    pub prompt_count: usize,
    pub text: *const c_char,
    pub text_length: usize,
    pub score: f64,
    pub log_probabilities: *const f32,
    pub alternatives: *const c_void,
    pub alternative_count: usize,
    pub attention: *const f32,
    pub attention_count: usize,
    pub finish_reason: u32,
}

extern "C" {
    pub fn attend_version_string() -> *const c_char;
    pub fn attend_error_get_code(error: *const attend_error) -> u32;
    pub fn attend_error_message(error: *const attend_error) -> *const c_char;
    pub fn attend_error_free(error: *mut attend_error);

    pub fn attend_model_create(
        path: *const c_char, options: *const attend_model_options, model: *mut *mut attend_model,
    ) -> *mut attend_error;
    pub fn attend_model_free(model: *mut attend_model);
    pub fn attend_model_family(model: *const attend_model) -> *const c_char;
    pub fn attend_model_tokenizer(
        model: *const attend_model, tokenizer: *mut *const attend_tokenizer,
    ) -> *mut attend_error;
    pub fn attend_tokenizer_encode(
        tokenizer: *const attend_tokenizer, text: *const c_char, length: usize, options: *const c_void,
        encoding: *mut *mut attend_encoding,
    ) -> *mut attend_error;
    pub fn attend_encoding_ids(encoding: *const attend_encoding, count: *mut usize) -> *const i32;
    pub fn attend_encoding_free(encoding: *mut attend_encoding);
    pub fn attend_tokenizer_decode(
        tokenizer: *const attend_tokenizer, ids: *const i32, count: usize, options: *const c_void,
        text: *mut *mut attend_text,
    ) -> *mut attend_error;
    pub fn attend_text_bytes(text: *const attend_text, length: *mut usize) -> *const c_char;
    pub fn attend_text_free(text: *mut attend_text);

    pub fn attend_session_create(
        model: *const attend_model, options: *const c_void, session: *mut *mut attend_session,
    ) -> *mut attend_error;
    pub fn attend_session_free(session: *mut attend_session);
    pub fn attend_encode(session: *mut attend_session, batch: *const attend_batch) -> *mut attend_error;
    pub fn attend_session_hidden_states(
        session: *const attend_session, states: *mut attend_tensor,
    ) -> *mut attend_error;
    pub fn attend_embed(
        session: *mut attend_session, texts: *const *const c_char, lengths: *const usize, count: usize,
        options: *const c_void, embeddings: *mut attend_tensor,
    ) -> *mut attend_error;

    pub fn attend_generate_texts(
        session: *mut attend_session, texts: *const *const c_char, lengths: *const usize, count: usize,
        options: *const attend_generation_options, generation: *mut *mut attend_generation,
    ) -> *mut attend_error;
    pub fn attend_generation_count(generation: *const attend_generation) -> usize;
    pub fn attend_generation_hypothesis_count(generation: *const attend_generation, request: usize) -> usize;
    pub fn attend_generation_get_hypothesis(
        generation: *const attend_generation, request: usize, index: usize, hypothesis: *mut attend_hypothesis,
    ) -> *mut attend_error;
    pub fn attend_generation_free(generation: *mut attend_generation);
}
