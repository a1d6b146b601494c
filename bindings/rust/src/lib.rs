//! Run transformer checkpoints inside your program: a safe wrapper over `attend.h`.
//!
//! A [`Model`] is immutable and shared by threads; a [`Session`] is used by one thread at a time, which `&mut self`
//! says. What fails is an [`Error`] with the library's code and sentence. No panic crosses C: one in a callback stops
//! the call, and goes on from there.

mod header;

use header::*;
use std::any::Any;
use std::ffi::{c_char, c_void, CStr, CString};
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::ptr::{null, null_mut};
use std::sync::Arc;

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    InvalidArgument,
    OutOfMemory,
    NotFound,
    Io,
    InvalidFile,
    Unsupported,
    InvalidState,
    Busy,
    Cancelled,
    /// A defect of the library, or a code that is newer than this wrapper.
    Internal,
}

/// What went wrong: a sentence that names the file, tensor or argument and the numbers.
#[derive(Clone, Debug)]
pub struct Error {
    pub code: ErrorCode,
    pub message: String,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

pub type Result<T> = std::result::Result<T, Error>;

/// The error that a call of the header returned, which is freed.
fn check(failure: *mut attend_error) -> Result<()> {
    if failure.is_null() {
        return Ok(());
    }
    // SAFETY: a call that fails gives an error that is the caller's.
    unsafe {
        let code = match attend_error_get_code(failure) {
            10 => ErrorCode::InvalidArgument,
            20 => ErrorCode::OutOfMemory,
            30 => ErrorCode::NotFound,
            40 => ErrorCode::Io,
            50 => ErrorCode::InvalidFile,
            60 => ErrorCode::Unsupported,
            70 => ErrorCode::InvalidState,
            80 => ErrorCode::Busy,
            90 => ErrorCode::Cancelled,
            _ => ErrorCode::Internal,
        };
        let message = CStr::from_ptr(attend_error_message(failure)).to_string_lossy().into_owned();
        attend_error_free(failure);
        Err(Error { code, message })
    }
}

/// A text that C reads to its NUL.
fn c_text(text: &str, name: &str) -> Result<CString> {
    CString::new(text)
        .map_err(|_| Error { code: ErrorCode::InvalidArgument, message: format!("{name} holds a NUL") })
}

/// The bytes of a text of the library's.
///
/// # Safety
/// `bytes` are `length` bytes, or NULL.
unsafe fn owned_text(bytes: *const c_char, length: usize) -> String {
    if bytes.is_null() {
        return String::new();
    }
    String::from_utf8_lossy(std::slice::from_raw_parts(bytes.cast(), length)).into_owned()
}

/// The version of the library that is running.
pub fn version() -> &'static str {
    // SAFETY: the text is static and ASCII.
    unsafe { CStr::from_ptr(attend_version_string()).to_str().unwrap_or("") }
}

struct ModelHandle(*mut attend_model);

// SAFETY: a model is const in the header's sense: any number of threads may use it.
unsafe impl Send for ModelHandle {}
unsafe impl Sync for ModelHandle {}

impl Drop for ModelHandle {
    fn drop(&mut self) {
        // SAFETY: the handle is this one's.
        unsafe { attend_model_free(self.0) }
    }
}

/// A loaded checkpoint: weights, configuration, tokenizer. Clones share it.
#[derive(Clone)]
pub struct Model(Arc<ModelHandle>);

impl Model {
    /// Loads the checkpoint at `path` with a thread for each processor.
    pub fn open(path: &str) -> Result<Model> {
        Model::open_with(path, 0)
    }

    /// The same with so many threads.
    pub fn open_with(path: &str, threads: u32) -> Result<Model> {
        let path = c_text(path, "the path")?;
        let options = attend_model_options {
            struct_size: std::mem::size_of::<attend_model_options>(),
            compute: 0,
            threads,
            kernels: null(),
            progress: None,
            progress_context: null_mut(),
            copy_weights: false,
            pin_threads: false,
            weights: 0,
            memory_budget: 0,
            weights_directory: null(),
            first_layer: 0,
            end_layer: 0,
        };
        let mut model = null_mut();
        // SAFETY: all that is pointed to lives until the call returns.
        check(unsafe { attend_model_create(path.as_ptr(), &options, &mut model) })?;
        Ok(Model(Arc::new(ModelHandle(model))))
    }

    /// The family, as config.json's model_type spells it.
    pub fn family(&self) -> String {
        // SAFETY: the text lives as long as the model.
        unsafe { CStr::from_ptr(attend_model_family(self.0 .0)).to_string_lossy().into_owned() }
    }

    fn tokenizer(&self) -> Result<*const attend_tokenizer> {
        let mut tokenizer = null();
        // SAFETY: the tokenizer is borrowed from the model.
        check(unsafe { attend_model_tokenizer(self.0 .0, &mut tokenizer) })?;
        Ok(tokenizer)
    }

    /// A text as ids, with the special tokens of the model's template.
    pub fn tokenize(&self, text: &str) -> Result<Vec<i32>> {
        let mut encoding = null_mut();
        // SAFETY: the ids are copied before the encoding that lends them is freed.
        unsafe {
            check(attend_tokenizer_encode(
                self.tokenizer()?, text.as_ptr().cast(), text.len(), null(), &mut encoding,
            ))?;
            let mut count = 0;
            let ids = attend_encoding_ids(encoding, &mut count);
            let copied = std::slice::from_raw_parts(ids, count).to_vec();
            attend_encoding_free(encoding);
            Ok(copied)
        }
    }

    /// Ids as text, special tokens left out.
    pub fn detokenize(&self, ids: &[i32]) -> Result<String> {
        let mut text = null_mut();
        // SAFETY: as above.
        unsafe {
            check(attend_tokenizer_decode(self.tokenizer()?, ids.as_ptr(), ids.len(), null(), &mut text))?;
            let mut length = 0;
            let bytes = attend_text_bytes(text, &mut length);
            let copied = owned_text(bytes, length);
            attend_text_free(text);
            Ok(copied)
        }
    }

    /// A session, which keeps the model.
    pub fn session(&self) -> Result<Session> {
        let mut handle = null_mut();
        // SAFETY: the session is the caller's.
        check(unsafe { attend_session_create(self.0 .0, null(), &mut handle) })?;
        Ok(Session { handle, _model: self.clone() })
    }
}

/// A sequence that was generated.
#[derive(Clone, Debug)]
pub struct Hypothesis {
    pub text: String,
    /// The tokens of it.
    pub ids: Vec<i32>,
    /// NaN: nothing is ranked.
    pub score: f64,
}

/// Numbers in rows: `values` is `[rows, width]`.
#[derive(Clone, Debug)]
pub struct Rows {
    pub values: Vec<f32>,
    pub width: usize,
}

impl Rows {
    /// A copy of what a session lends until its next call.
    unsafe fn copy(tensor: &attend_tensor) -> Rows {
        let shape = &tensor.shape[..tensor.rank];
        let count = shape.iter().product();
        let values = std::slice::from_raw_parts(tensor.data.cast(), count).to_vec();
        Rows { values, width: *shape.last().unwrap_or(&0) }
    }

    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.width..(index + 1) * self.width]
    }
}

/// The live sequences of one caller: one thread at a time.
pub struct Session {
    handle: *mut attend_session,
    _model: Model,
}

// SAFETY: a session may go from one thread to another; `&mut self` keeps two from using it.
unsafe impl Send for Session {}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: the handle is this one's, and nobody else uses it.
        unsafe { attend_session_free(self.handle) }
    }
}

/// Hears pieces of text; false ends the call with [`ErrorCode::Cancelled`].
type Listener<'a> = &'a mut dyn FnMut(&str) -> bool;

/// A listener, and the panic that it left.
struct Listening<'a> {
    listener: Listener<'a>,
    panic: Option<Box<dyn Any + Send>>,
}

unsafe extern "C" fn hear(event: *const attend_token_event, context: *mut c_void) -> u32 {
    const GO_ON: u32 = 0;
    const END_ALL: u32 = 3;
    let listening = &mut *context.cast::<Listening>();
    let piece = owned_text((*event).text, (*event).text_length);
    match catch_unwind(AssertUnwindSafe(|| (listening.listener)(&piece))) {
        Ok(true) => GO_ON,
        Ok(false) => END_ALL,
        Err(panic) => {
            listening.panic = Some(panic);
            END_ALL
        }
    }
}

impl Session {
    /// The hidden states of a sequence of ids, a row for each token.
    pub fn encode(&mut self, ids: &[i32]) -> Result<Rows> {
        let lengths = [ids.len()];
        let batch = attend_batch {
            struct_size: std::mem::size_of::<attend_batch>(),
            tokens: ids.as_ptr(),
            lengths: lengths.as_ptr(),
            count: 1,
            token_types: null(),
            logits: 0,
            inputs: null(),
            input_count: 0,
            seen_pictures: null(),
            states: null(),
        };
        // SAFETY: the tensor is copied before another call.
        unsafe {
            check(attend_encode(self.handle, &batch))?;
            let mut states = std::mem::zeroed();
            check(attend_session_hidden_states(self.handle, &mut states))?;
            Ok(Rows::copy(&states))
        }
    }

    /// A vector for each text.
    pub fn embed(&mut self, texts: &[&str]) -> Result<Rows> {
        let (starts, lengths) = addresses(texts);
        // SAFETY: as above.
        unsafe {
            let mut found = std::mem::zeroed();
            check(attend_embed(
                self.handle, starts.as_ptr(), lengths.as_ptr(), texts.len(), null(), &mut found,
            ))?;
            Ok(Rows::copy(&found))
        }
    }

    /// Generates for each text, the best sequence first; `config` is a JSON object of options (docs/generation.md).
    pub fn generate(&mut self, texts: &[&str], config: &str) -> Result<Vec<Vec<Hypothesis>>> {
        self.call(texts, config, None)
    }

    /// Generates for one text, and hands over the pieces as they are certain.
    pub fn stream(
        &mut self, text: &str, config: &str, mut listener: impl FnMut(&str) -> bool,
    ) -> Result<Vec<Hypothesis>> {
        let mut listening = Listening { listener: &mut listener, panic: None };
        let found = self.call(&[text], config, Some(&mut listening));
        if let Some(panic) = listening.panic {
            resume_unwind(panic);
        }
        Ok(found?.remove(0))
    }

    fn call(
        &mut self, texts: &[&str], config: &str, listening: Option<&mut Listening>,
    ) -> Result<Vec<Vec<Hypothesis>>> {
        let config = c_text(config, "the configuration")?;
        let (starts, lengths) = addresses(texts);
        // SAFETY: zeros mean the default of every option.
        let mut options: attend_generation_options = unsafe { std::mem::zeroed() };
        options.struct_size = std::mem::size_of::<attend_generation_options>();
        options.config = config.as_ptr();
        if let Some(listening) = listening {
            options.on_token = Some(hear);
            options.on_token_context = (listening as *mut Listening).cast();
        }
        let mut generation = null_mut();
        // SAFETY: all that is pointed to lives until the call returns; what was generated is copied and freed.
        unsafe {
            let done = check(attend_generate_texts(
                self.handle, starts.as_ptr(), lengths.as_ptr(), texts.len(), &options, &mut generation,
            ));
            let found = done.and_then(|()| hypotheses(generation));
            attend_generation_free(generation);
            found
        }
    }
}

/// Texts as the header takes them, borrowed.
fn addresses(texts: &[&str]) -> (Vec<*const c_char>, Vec<usize>) {
    (texts.iter().map(|text| text.as_ptr().cast()).collect(), texts.iter().map(|text| text.len()).collect())
}

/// What was generated, copied.
unsafe fn hypotheses(generation: *const attend_generation) -> Result<Vec<Vec<Hypothesis>>> {
    let mut answers = Vec::new();
    for request in 0..attend_generation_count(generation) {
        let mut found = Vec::new();
        for index in 0..attend_generation_hypothesis_count(generation, request) {
            let mut raw: attend_hypothesis = std::mem::zeroed();
            raw.struct_size = std::mem::size_of::<attend_hypothesis>();
            check(attend_generation_get_hypothesis(generation, request, index, &mut raw))?;
            let ids = std::slice::from_raw_parts(raw.ids, raw.count)[raw.prompt_count..].to_vec();
            found.push(Hypothesis { text: owned_text(raw.text, raw.text_length), ids, score: raw.score });
        }
        answers.push(found);
    }
    Ok(answers)
}
