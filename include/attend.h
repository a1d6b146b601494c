/* SPDX-License-Identifier: Apache-2.0
 *
 * attend.h - run transformer checkpoints inside your program.
 *
 * The whole library in four verbs (bindings/c/hello.c is this, complete):
 *
 *     attend_model   *model;   attend_model_create("models/g2p-en", NULL, &model);
 *     attend_session *session; attend_session_create(model, NULL, &session);
 *     attend_encode(session, &batch);                            read the source, or the prompt
 *     attend_decode_step(session, tokens, count, &logits);       one step for every live sequence
 *     attend_session_free(session); attend_model_free(model);
 *
 * This file is the specification: what is not in it is not part of the library.
 *
 * Contents, in the order in which a program meets them
 *   Version, Errors, Runtime        who is running, what went wrong, log and kernels
 *   Models                          a checkpoint folder becomes a model
 *   Tokenizers                      text to ids and back, streams, conversations
 *   Sessions, Encode and decode     ids to hidden states and logits, step by step
 *   Generation                      from a prompt or a source to an answer
 *   Many requests                   submitted from any thread, batched as they come
 *   Scores                          how probable a text is, and which of several
 *   Speech                          sounds to texts with times, while somebody speaks too
 *   Pictures from texts             drawn token by token, painted, ranked
 *   Classes                         texts, pictures and sounds to labels with scores
 *   Tasks on texts                  entities, answers, masked words, labels of the caller's
 *   Embeddings                      texts to vectors
 *   Vectors                         which of many are nearest
 *   Introspection                   what a model is, attention maps, memory
 *   Functions                       the pieces of a Transformer on arrays of the caller's
 * "since" names the version that a declaration came with; without it, 0.1.
 *
 * Rules that hold everywhere
 *   Errors     A function that can fail returns `attend_error *`: NULL is success. On failure its outputs are
 *              untouched, and the caller frees the error. The library never prints, exits or aborts.
 *   Ownership  `_create` (and every output documented as owned) gives ownership, `_free` takes it back; `_free` accepts
 *              NULL. A getter's result is borrowed: it lives as long as the object it came from, or as long as its
 *              comment says. The order of freeing does not matter: a session keeps its model alive.
 *   Threads    A `const` handle may be used from many threads at once, any other by one thread at a time. A model is
 *              const, a session is not; sessions of one model run side by side. Using a session while another thread
 *              computes with it is detected and is ATTEND_ERROR_BUSY, of its getters too.
 *   Strings    UTF-8. Text that goes in has a byte length and may hold NUL; names that come out end with NUL.
 *   Options    A struct of options begins with its own size, has an initializer macro, and zero means the default.
 *              Later versions append fields and never change one, nor put one into padding.
 *   Forks      A model does not survive fork(): the child gets ATTEND_ERROR_INVALID_STATE and makes its own model. It
 *              may fork while other threads compute, but not while one loads a tokenizer or model for the first time.
 *   Memory     Whatever depends on a file, a text or a count comes from allocations that may fail, and their failure is
 *              ATTEND_ERROR_OUT_OF_MEMORY. Handles and names are small pieces (below 1 KB) from the language runtime; a
 *              system that cannot give even those ends the process.
 *   Bits       The result for a sequence depends on its own tokens alone: not on the rest of the batch, the number of
 *              threads, nor the way a text is cut into calls, nor whether AVX2 or AVX-512 ran (attend_compute_type).
 *              The "portable" kernels compute with OpenBLAS and are outside this promise. Where config.json scales
 *              rotary positions by "dynamic" or "longrope", texts longer than those of the training depend, by that
 *              definition, on the length that a call reaches, and so on the way they are cut into calls.
 */
#ifndef ATTEND_H
#define ATTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#define ATTEND_MUST_CHECK __attribute__((warn_unused_result))
#else
#define ATTEND_MUST_CHECK
#endif

/* ------------------------------------------------------------------------------------------------------------------
 * Version
 * ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup version Version
 * Who is running.
 * @{ */

#define ATTEND_VERSION_MAJOR 0
#define ATTEND_VERSION_MINOR 2
#define ATTEND_VERSION_PATCH 0
/** major * 10000 + minor * 100 + patch */
#define ATTEND_VERSION_NUMBER (ATTEND_VERSION_MAJOR * 10000 + ATTEND_VERSION_MINOR * 100 + ATTEND_VERSION_PATCH)

/** The version of the library that is running, as ATTEND_VERSION_NUMBER spells it. Bindings compare the two at load. */
int32_t attend_version_number(void);

/** The same as text, "0.2.0". Static. */
const char *attend_version_string(void);

/** @} */

/* ------------------------------------------------------------------------------------------------------------------
 * Errors
 * ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup errors Errors
 * What went wrong, and of which kind it is.
 * @{ */

/** Why a call failed. The numbers are part of the ABI; new ones may appear between them. */
typedef enum attend_error_code {
    /** an argument is NULL, out of range, or from a newer version of this header */
    ATTEND_ERROR_INVALID_ARGUMENT = 10,
    ATTEND_ERROR_OUT_OF_MEMORY = 20,    /**< an allocation failed; the message says how much was asked for */
    ATTEND_ERROR_NOT_FOUND = 30,        /**< a file or folder does not exist */
    ATTEND_ERROR_IO = 40,               /**< a file exists and could not be opened, read or mapped */
    /** a file is not what it should be: broken JSON, a missing or misshaped tensor, ... */
    ATTEND_ERROR_INVALID_FILE = 50,
    ATTEND_ERROR_UNSUPPORTED = 60,      /**< a valid request for something that this version does not implement */
    /** the call does not fit now: a step before encoding, a step past the last position, ... */
    ATTEND_ERROR_INVALID_STATE = 70,
    ATTEND_ERROR_BUSY = 80,             /**< the session is being used by another thread at this moment */
    ATTEND_ERROR_CANCELLED = 90,        /**< a callback asked to stop */
    ATTEND_ERROR_INTERNAL = 100         /**< a defect of this library: please report the message */
} attend_error_code;

/** What went wrong. Owned by the caller that received it. */
typedef struct attend_error attend_error;

/** The kind of the error; never fails. `error` must not be NULL. */
attend_error_code attend_error_get_code(const attend_error *error);

/**
 * One sentence that names the file, tensor or argument and the numbers. Borrowed from `error`, which must not be NULL.
 */
const char *attend_error_message(const attend_error *error);

/** Frees an error; NULL is allowed. */
void attend_error_free(attend_error *error);

/** @} */

/* ------------------------------------------------------------------------------------------------------------------
 * Runtime
 * ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup runtime Runtime
 * The log and the kernels, of the whole process.
 * @{ */

/** How much a log line matters. */
typedef enum attend_log_level {
    ATTEND_LOG_DEBUG = 10,   /**< what was chosen and how long it took */
    ATTEND_LOG_INFO = 20,    /**< a model was loaded */
    ATTEND_LOG_WARNING = 30  /**< something in a file was passed over */
} attend_log_level;

/**
 * Receives one line of log: UTF-8, ended by NUL, without a line break, valid during the call. Any thread may call it.
 */
typedef void (*attend_log_callback)(attend_log_level level, const char *message, void *context);

/**
 * Sets the receiver of log lines for the whole process; NULL, as at the start, switches logging off. It replaces
 * callback and context together. A line being delivered by another thread at that moment may still reach the old
 * receiver; the call returns when no such delivery is under way, so `context` may be freed after it. The callback must
 * not call this function.
 */
void attend_log_set(attend_log_callback callback, void *context);

/**
 * The name of the kernels that models use by default on this CPU: "amx", "avx512", "avx2" or "portable". Static. The
 * environment variable ATTEND_KERNELS, read once, overrides the choice (for tests): a name that is unknown or that this
 * CPU cannot run makes attend_model_create fail with ATTEND_ERROR_UNSUPPORTED, and is returned here as it was written.
 */
const char *attend_kernels_name(void);

/** @} */

/* ------------------------------------------------------------------------------------------------------------------
 * Models
 * ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup models Models
 * A checkpoint folder becomes a model.
 * @{ */

/** A loaded checkpoint: weights, configuration, tokenizer. Immutable, shared by any number of sessions and threads. */
typedef struct attend_model attend_model;

/**
 * The type that weights are kept in and matrix products are computed in. In all but float32 the products of attention
 * are those of bfloat16, and keys and values are kept in it; everything else, the routers of mixtures of experts too,
 * is computed in float32. In 8 and 4 bits weights and inputs are rotated by Hadamard matrices of up to 128 rows before
 * they are rounded. In layers of fewer than 512 inputs int8 keeps the weights of attention's values in twice 8 bits.
 * Bits: each type gives the same on every CPU with AVX2 or AVX-512. bfloat16 is summed as `vdpbf16ps` does, with
 * subnormal numbers as zeros, also where there is no such instruction; int8 and int4 sum exactly in integers; int4 adds
 * the scaled sums of its groups in float32, in the same order everywhere.
 */
typedef enum attend_compute_type {
    ATTEND_COMPUTE_DEFAULT = 0,  /**< float32, whatever the type of the stored weights */
    ATTEND_COMPUTE_FLOAT32 = 1,
    ATTEND_COMPUTE_BFLOAT16 = 2, /**< weights and inputs rounded to bfloat16, sums in float32: half the memory */
    /** rotated weights in 8 bits with a scale for each output, rotated inputs in 8 bits with a scale for each token: a
        quarter */
    ATTEND_COMPUTE_INT8 = 3,
    /** rotated weights in 4 bits with a scale for each 32 inputs of an output, inputs as for int8: a sixth */
    ATTEND_COMPUTE_INT4 = 4
} attend_compute_type;

/**
 * Hears how far a long call is: `fraction` rises from 0 to 1. Called on the thread that made the call. Returning false
 * stops the call with ATTEND_ERROR_CANCELLED. Of attend_model_create 1 is reported once, last.
 */
typedef bool (*attend_progress_callback)(double fraction, void *context);

/** Where the weights of a model lie as the kernels read them; since 0.2. */
typedef enum attend_weight_placement {
    ATTEND_WEIGHTS_RESIDENT = 0, /**< in memory, all of them */
    /** in a file, of which so much is in memory as memory_budget allows; see attend_model_create */
    ATTEND_WEIGHTS_MAPPED = 1,
    ATTEND_WEIGHTS_AUTO = 2      /**< mapped where they would take more than memory_budget, otherwise in memory */
} attend_weight_placement;

/** How to load a model. Start from ATTEND_MODEL_OPTIONS_INIT. */
typedef struct attend_model_options {
    size_t struct_size;                /**< sizeof(attend_model_options) */
    attend_compute_type compute;            /**< the type of the arithmetic */
    /** threads that a call may use, the caller's included; 0: one for each core available to the process, of those that
        are fast where a CPU has cores of two kinds, as far as the CPU quota of its control group reaches. Calls that
        run at once share the processors: none waits for threads that have none. */
    uint32_t threads;
    const char *kernels;               /**< "amx", "avx512", "avx2", "portable", or NULL: attend_kernels_name() */
    attend_progress_callback progress; /**< or NULL */
    void *progress_context;            /**< given to `progress` as it is */
    /** true: weights are read into memory, not mapped; see below (since 0.2) */
    bool copy_weights;
    /** true: threads that the library makes stay on a processor each, those of a call on neighbouring ones, fast cores
        first; the caller's own thread stays as it is (since 0.2) */
    bool pin_threads;
    attend_weight_placement weights;   /**< since 0.2 */
    /** since 0.2: the most bytes that mapped weights take in memory; 0: nine tenths of what is available when the model
        is loaded, to the system and in the control group of the process */
    size_t memory_budget;
    /** since 0.2: the directory, on a disk, of the file of mapped weights, or NULL: that of TMPDIR, /var/tmp or /tmp */
    const char *weights_directory;
    /** since 0.2: the layers [first_layer, end_layer) of a decoder are loaded, and no other weights: a stage of a
        pipeline; both 0: all; see below */
    size_t first_layer;
    size_t end_layer;
} attend_model_options;

#define ATTEND_MODEL_OPTIONS_INIT \
    { sizeof(attend_model_options), ATTEND_COMPUTE_DEFAULT, 0, NULL, NULL, NULL, false, false, \
      ATTEND_WEIGHTS_RESIDENT, 0, NULL, 0, 0 }

/**
 * Loads the checkpoint folder at `path`, in the layout of Hugging Face: config.json, model.safetensors,
 * pytorch_model.bin or flax_model.msgpack (or shards of one of them, with an index.json such as
 * model.safetensors.index.json), and where present generation_config.json and tokenizer.json; a folder of CTranslate2,
 * with model.bin and its vocabularies; a file in GGUF, one of several parts, or a folder with one such model and no
 * other weights; or a folder of min-dalle with encoder.pt and decoder.pt. docs/formats.md has all formats. A path to
 * one of the files means that file's folder, and where it holds weights, these weights. float32, float16, bfloat16 and
 * float64 weights, and the blocks of GGUF, are laid out for the kernels. `options` may be NULL. `*model` is owned by
 * the caller.
 *
 * Files of weights are mapped, and a model may read its token table in the file as long as it lives. A file that is
 * shortened or written over in that time ends the process with SIGBUS, or changes results; one that is deleted, or
 * replaced by renaming another over it, as downloads do, is harmless. `copy_weights` reads the files into memory
 * instead: while the model loads that takes their size besides, afterwards that of the token table at most, and nothing
 * that happens to the files can reach the model.
 *
 * A decoder may be cut into stages, each with some of its layers, for models that are too large for one machine. The
 * stage with layer 0 reads tokens, any other reads attend_batch.states, which are attend_session_hidden_states of the
 * stage before; the last one has the final norm and the head. Keys and values, attend_session_select and all else that
 * a session does are as of a whole model, each stage by itself, and so are the bits. Where a layer needs more than the
 * states of the one before it (an encoder, cross-attention, pictures, recurrent networks, folders of
 * sentence-transformers) first_layer and end_layer are UNSUPPORTED, with the reason. docs/cluster.md has an example.
 *
 * Mapped weights are for models that memory cannot hold. They are written to a file without a name when the model is
 * loaded, as large as attend_model_info.weight_bytes, and a thread reads ahead what the next products need: layer after
 * layer, and of a mixture the experts that the router has chosen. Those that are used again last are dropped first.
 * Results are those of weights in memory, bit for bit. attend_model_get_info tells how long products waited. Matrices
 * below a page, caches and scratch memory are in memory besides, and one matrix at a time may exceed the budget.
 *
 * Errors: NOT_FOUND (the folder or a file in it), IO (a disk without room for mapped weights too), INVALID_FILE (names
 * the file, the tensor and the numbers), UNSUPPORTED (a weights_directory that is in memory; an unknown model_type,
 * with the list of known ones; a configuration key whose meaning is not implemented; kernels that this CPU cannot run),
 * INVALID_ARGUMENT, OUT_OF_MEMORY, CANCELLED. A folder without a usable tokenizer still loads: attend_model_tokenizer
 * then says why there is none.
 */
ATTEND_MUST_CHECK attend_error *attend_model_create(
    const char *path, const attend_model_options *options, attend_model **model);

/** A file that the program has in memory; since 0.2. */
typedef struct attend_file {
    const char *name;  /**< as in the folder that it would be in: "config.json", "1_Pooling/config.json" */
    const void *data;
    size_t size;       /**< bytes of `data` */
} attend_file;

/**
 * The same from files in memory, which a program may keep in an archive or encrypted; nothing touches the disk; since
 * 0.2. `files` are `count` files as they would stand in a folder. The table itself may go when the call returns; the
 * bytes that it points to must stay as they are until the model and all that was made from it are freed, unless
 * `options` asks for copy_weights, which copies them. Messages call the folder "(memory)".
 *
 * Errors: those of attend_model_create; INVALID_ARGUMENT also for a name that is empty, leads out of the folder, or
 * comes twice.
 */
ATTEND_MUST_CHECK attend_error *attend_model_create_from_files(
    const attend_file *files, size_t count, const attend_model_options *options, attend_model **model);

/** Gives the caller's hold on a model back; sessions made from it stay valid. NULL is allowed. */
void attend_model_free(attend_model *model);

/** @} */

/* ------------------------------------------------------------------------------------------------------------------
 * Tokenizers
 * ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup tokenizers Tokenizers
 * Text to ids and back, streams, conversations.
 * @{ */

/** Turns text into token ids and back. Immutable: any number of threads may use it at once. */
typedef struct attend_tokenizer attend_tokenizer;

/** The result of tokenizing one text. Owned by the caller that received it. */
typedef struct attend_encoding attend_encoding;

/** A text of any length that may hold NUL. Owned by the caller that received it. */
typedef struct attend_text attend_text;

/** Which text loses tokens where there are more than max_length; since 0.2. */
typedef enum attend_truncation {
    /** the longer one of two, until both are as long as each other; then both */
    ATTEND_TRUNCATION_LONGEST_FIRST = 0,
    ATTEND_TRUNCATION_ONLY_FIRST = 1,
    ATTEND_TRUNCATION_ONLY_SECOND = 2,
    ATTEND_TRUNCATION_NONE = 3 /**< neither: too many tokens are an error that tells the numbers */
} attend_truncation;

/** An end of a text; since 0.2. */
typedef enum attend_side {
    ATTEND_SIDE_DEFAULT = 0, /**< as the tokenizer's files say, otherwise the right one */
    ATTEND_SIDE_RIGHT = 1,
    ATTEND_SIDE_LEFT = 2
} attend_side;

/** How to turn text into ids. Start from ATTEND_TOKENIZE_OPTIONS_INIT. */
typedef struct attend_tokenize_options {
    size_t struct_size;      /**< sizeof(attend_tokenize_options) */
    bool no_special_tokens;  /**< true: leave out what the checkpoint's template adds (end of sentence, [CLS], ...) */
    size_t max_length;       /**< the most tokens of an encoding, the template's included; 0: no limit; since 0.2 */
    attend_truncation truncation; /**< since 0.2 */
    attend_side truncation_side;  /**< the end at which a text loses tokens; since 0.2 */
    size_t stride;           /**< how many tokens a window shares with the one before it; since 0.2 */
    /** threads of attend_tokenizer_encode_batch, the caller's included; 0: one for each processor; since 0.2 */
    uint32_t threads;
    /** since 0.2: hears how far the call is, at most every 20 ms, so that a short one is never reported; or NULL */
    attend_progress_callback progress;
    void *progress_context;  /**< since 0.2: given to `progress` as it is */
    /** since 0.2: the texts are what an encoder-decoder writes, which some tokenizers (Marian) split in another way
        than what it reads; without a file that says how, the call is ATTEND_ERROR_NOT_FOUND */
    bool are_targets;
} attend_tokenize_options;

#define ATTEND_TOKENIZE_OPTIONS_INIT \
    { sizeof(attend_tokenize_options), false, 0, ATTEND_TRUNCATION_LONGEST_FIRST, ATTEND_SIDE_DEFAULT, 0, 0, NULL, \
      NULL, false }

/** How to turn ids into text. Start from ATTEND_DETOKENIZE_OPTIONS_INIT. */
typedef struct attend_detokenize_options {
    size_t struct_size;       /**< sizeof(attend_detokenize_options) */
    bool keep_special_tokens; /**< true: special tokens appear in the text; by default they are skipped */
} attend_detokenize_options;

#define ATTEND_DETOKENIZE_OPTIONS_INIT { sizeof(attend_detokenize_options), false }

/**
 * Loads a tokenizer without a model: `path` is a checkpoint folder, or one of these files in it. In a folder the first
 * that is there counts: tokenizer.json; SentencePiece models (source.spm with vocab.json as Marian has them,
 * spiece.model, tokenizer.model, ...); vocab.json with merges.txt; vocab.txt; tiktoken files. Truncation and padding in
 * a file are left aside: they are the caller's business. Errors: NOT_FOUND, IO, INVALID_FILE, UNSUPPORTED (names the
 * component that is not implemented), INVALID_ARGUMENT.
 */
ATTEND_MUST_CHECK attend_error *attend_tokenizer_create(const char *path, attend_tokenizer **tokenizer);

/**
 * The same from files in memory, as they would stand in a folder; since 0.2. They are copied. Errors: those of
 * attend_tokenizer_create; INVALID_ARGUMENT also for a name that is empty, leads out of the folder, or comes twice.
 */
ATTEND_MUST_CHECK attend_error *attend_tokenizer_create_from_files(
    const attend_file *files, size_t count, attend_tokenizer **tokenizer);

/** Frees a tokenizer from attend_tokenizer_create (never one from attend_model_tokenizer); NULL is allowed. */
void attend_tokenizer_free(attend_tokenizer *tokenizer);

/**
 * The tokenizer in a model's folder, borrowed from the model.
 * Errors: NOT_FOUND when the folder holds none, or the error that loading it gave.
 */
ATTEND_MUST_CHECK attend_error *attend_model_tokenizer(const attend_model *model, const attend_tokenizer **tokenizer);

/**
 * The numbers of a tokenizer; since 0.2. Set struct_size (ATTEND_TOKENIZER_INFO_INIT) before asking. They are those of
 * tokenizer_config.json and special_tokens_map.json, or what transformers takes for the tokenizer class where these are
 * silent; without such files special tokens are known by their usual names. A token that there is none of is -1.
 */
typedef struct attend_tokenizer_info {
    size_t struct_size;      /**< sizeof(attend_tokenizer_info) */
    size_t size;             /**< attend_tokenizer_size */
    size_t model_max_length; /**< the most tokens that the model was made for; SIZE_MAX: no limit is stated */
    int32_t begin_token;     /**< bos_token */
    int32_t end_token;       /**< eos_token */
    int32_t unknown_token;   /**< unk_token */
    int32_t separator_token; /**< sep_token */
    int32_t pad_token;
    int32_t class_token;     /**< cls_token */
    int32_t mask_token;
    attend_side truncation_side; /**< what ATTEND_SIDE_DEFAULT means: right or left */
} attend_tokenizer_info;

#define ATTEND_TOKENIZER_INFO_INIT \
    { sizeof(attend_tokenizer_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, ATTEND_SIDE_DEFAULT }

/**
 * Fills `*info` up to its struct_size; since 0.2. Errors: INVALID_ARGUMENT; INVALID_FILE and IO where the files that
 * say it cannot be read.
 */
ATTEND_MUST_CHECK attend_error *attend_tokenizer_get_info(const attend_tokenizer *tokenizer,
                                                          attend_tokenizer_info *info);

/** One more than the largest id that the tokenizer knows. `tokenizer` must not be NULL. */
size_t attend_tokenizer_size(const attend_tokenizer *tokenizer);

/**
 * Tokenizes `length` bytes of UTF-8 at `text`. Bytes that are not UTF-8 count as U+FFFD. `options` may be NULL.
 * `*encoding` is owned by the caller. Where the text has more tokens than options->max_length it is cut into windows:
 * the first is `*encoding`, the others are its overflow. Errors: INVALID_ARGUMENT (also where max_length, truncation
 * and stride leave no way to cut); INVALID_FILE when the text needs an unknown token that the file does not name;
 * CANCELLED; OUT_OF_MEMORY.
 */
ATTEND_MUST_CHECK attend_error *attend_tokenizer_encode(
    const attend_tokenizer *tokenizer, const char *text, size_t length, const attend_tokenize_options *options,
    attend_encoding **encoding);

/**
 * Tokenizes two texts into one sequence, as the tokenizer's template puts them together, `[CLS] text [SEP] pair [SEP]`
 * with token types for example: for cross-encoders, entailment, question answering; since 0.2. Errors as of
 * attend_tokenizer_encode, and UNSUPPORTED where the template has no place for a second text.
 */
ATTEND_MUST_CHECK attend_error *attend_tokenizer_encode_pair(
    const attend_tokenizer *tokenizer, const char *text, size_t length, const char *pair, size_t pair_length,
    const attend_tokenize_options *options, attend_encoding **encoding);

/**
 * Tokenizes `count` texts on all threads, text i being `lengths[i]` bytes at `texts[i]`, with a second text
 * `pairs[i]` of `pair_lengths[i]` bytes each where `pairs` is not NULL; since 0.2. `encodings[i]`, for i below `count`,
 * are each owned by the caller, and the same as those of attend_tokenizer_encode or attend_tokenizer_encode_pair. On
 * failure no encoding is given, and the message names the first text that failed. Errors as of those functions.
 */
ATTEND_MUST_CHECK attend_error *attend_tokenizer_encode_batch(
    const attend_tokenizer *tokenizer, const char *const *texts, const size_t *lengths, const char *const *pairs,
    const size_t *pair_lengths, size_t count, const attend_tokenize_options *options, attend_encoding **encodings);

/**
 * The ids of an encoding and, through `count`, how many there are. Borrowed from `encoding`. Neither pointer may be
 * NULL.
 */
const int32_t *attend_encoding_ids(const attend_encoding *encoding, size_t *count);

/**
 * Where a token stands in its source text, of two in its own: from start up to, not including, end, counted in bytes
 * and in Unicode scalars. Both 0 for tokens that a template added.
 */
typedef struct attend_token_offsets {
    int32_t byte_start;
    int32_t byte_end;
    int32_t scalar_start;
    int32_t scalar_end;
} attend_token_offsets;

/**
 * The offsets of the tokens of an encoding, as many as it has ids. Borrowed from `encoding`, which must not be NULL.
 */
const attend_token_offsets *attend_encoding_offsets(const attend_encoding *encoding);

/**
 * For each token of an encoding, 1 if the template added it, otherwise 0. Borrowed from `encoding`, which must not be
 * NULL.
 */
const uint8_t *attend_encoding_special(const attend_encoding *encoding);

/**
 * The token types of an encoding, as attend_batch.token_types takes them. Borrowed from `encoding`, which must not be
 * NULL.
 */
const int32_t *attend_encoding_token_types(const attend_encoding *encoding);

/**
 * For each token of an encoding, 0 if it comes from the first text, 1 from the second, -1 if the template added it;
 * since 0.2. Borrowed from `encoding`, which must not be NULL.
 */
const int32_t *attend_encoding_sequence_ids(const attend_encoding *encoding);

/**
 * How many more windows truncation cut the texts into, besides the one that `encoding` is; since 0.2. Where both of two
 * texts are cut, each window of one is there with each of the other. `encoding` must not be NULL.
 */
size_t attend_encoding_overflow_count(const attend_encoding *encoding);

/**
 * Window `index` of those, itself without overflow; since 0.2. Borrowed from `encoding`, which must not be NULL. It is
 * made when it is first asked for: NULL if there is no memory for it, or no window of that index.
 */
const attend_encoding *attend_encoding_overflow(const attend_encoding *encoding, size_t index);

/** Frees an encoding, its windows included; NULL is allowed. Never one from attend_encoding_overflow. */
void attend_encoding_free(attend_encoding *encoding);

/**
 * Turns `count` ids into text. `options` may be NULL. `*text` is owned by the caller.
 * Errors: INVALID_ARGUMENT (an id that the tokenizer does not know, by position and value).
 */
ATTEND_MUST_CHECK attend_error *attend_tokenizer_decode(
    const attend_tokenizer *tokenizer, const int32_t *ids, size_t count, const attend_detokenize_options *options,
    attend_text **text);

/** The bytes of a text, followed by a NUL that `length` does not count. Borrowed from `text`. `length` may be NULL. */
const char *attend_text_bytes(const attend_text *text, size_t *length);

/** Frees a text; NULL is allowed. */
void attend_text_free(attend_text *text);

/**
 * Receives a piece of text: whole characters of UTF-8, not ended by NUL, valid during the call. Returning false stops
 * with ATTEND_ERROR_CANCELLED.
 */
typedef bool (*attend_text_callback)(const char *bytes, size_t length, void *context);

/** Turns ids into text one at a time, for showing text while it is made. One thread at a time. */
typedef struct attend_detokenizer attend_detokenizer;

/**
 * Makes a detokenizer; it keeps its tokenizer alive. `callback` gets the text as soon as it is certain, never a part of
 * a character, on the thread that calls attend_detokenizer_add. `options` may be NULL. `*detokenizer` is owned by the
 * caller. Errors: INVALID_ARGUMENT.
 */
ATTEND_MUST_CHECK attend_error *attend_detokenizer_create(
    const attend_tokenizer *tokenizer, const attend_detokenize_options *options, attend_text_callback callback,
    void *context, attend_detokenizer **detokenizer);

/** Takes one more id. Errors: INVALID_ARGUMENT (an id that the tokenizer does not know; it is not taken), CANCELLED. */
ATTEND_MUST_CHECK attend_error *attend_detokenizer_add(attend_detokenizer *detokenizer, int32_t id);

/**
 * Gives out what was held back; the detokenizer then begins a new text. All pieces together are what
 * attend_tokenizer_decode makes of all ids. Errors: CANCELLED.
 */
ATTEND_MUST_CHECK attend_error *attend_detokenizer_finish(attend_detokenizer *detokenizer);

/** Frees a detokenizer; NULL is allowed. */
void attend_detokenizer_free(attend_detokenizer *detokenizer);

struct attend_input;

/** How to write a conversation as text. Start from ATTEND_CHAT_OPTIONS_INIT. */
typedef struct attend_chat_options {
    size_t struct_size;       /**< sizeof(attend_chat_options) */
    bool generation_prompt;   /**< true: end with what makes the model answer (`add_generation_prompt`) */
    /** a JSON object whose members the template sees too ("tools", ...), ended by NUL, or NULL */
    const char *variables;
    /** which of several templates, ended by NUL; NULL: the default one, or "tool_use" where there are tools */
    const char *template_name;
    /** since 0.2: the pictures of the conversation, in the order of their places in it, for attend_generate_chat; no
        other function reads them; or NULL */
    const struct attend_input *inputs;
    size_t input_count;       /**< since 0.2: how many */
} attend_chat_options;

#define ATTEND_CHAT_OPTIONS_INIT { sizeof(attend_chat_options), false, NULL, NULL, NULL, 0 }

/**
 * Writes a conversation as the text that the model was trained on, by the chat template that was read with the
 * tokenizer: chat_template.jinja beside it, or `chat_template` in tokenizer_config.json, or by name one of
 * additional_chat_templates. `messages` is a JSON list of objects with "role" and "content", `length` bytes; members
 * that are null count as absent, and "reasoning_content", "thinking" and "reasoning" stand for each other. Tokenize the
 * result with no_special_tokens, for the template writes them itself, or call attend_tokenizer_encode_chat. `options`
 * may be NULL. `*text` is owned by the caller.
 *
 * Templates are Jinja 3.1 in the sandbox that Hugging Face transformers renders them in. Errors: NOT_FOUND (there is no
 * such template), INVALID_ARGUMENT (not JSON; or the template refuses the conversation, in its own words, or has no use
 * for what it finds there), INVALID_FILE (the template is wrong, or needs more steps, bytes or depth than the budget of
 * one rendering, which grows with the conversation), UNSUPPORTED (names what of Jinja is left out: whatever reads other
 * files).
 */
ATTEND_MUST_CHECK attend_error *attend_tokenizer_chat(
    const attend_tokenizer *tokenizer, const char *messages, size_t length, const attend_chat_options *options,
    attend_text **text);

/**
 * Encodes a conversation: the ids of the text that attend_tokenizer_chat writes, whose special tokens are those of the
 * template alone. `*encoding` is owned by the caller. Errors: as attend_tokenizer_chat, and as attend_tokenizer_encode.
 * Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_tokenizer_encode_chat(
    const attend_tokenizer *tokenizer, const char *messages, size_t length, const attend_chat_options *options,
    attend_encoding **encoding);

/**
 * The token with an id, as the file spells it, or NULL if there is none. Borrowed from `tokenizer`. `length` may be
 * NULL.
 */
const char *attend_tokenizer_token(const attend_tokenizer *tokenizer, int32_t id, size_t *length);

/** The id of a token spelled as in the file, or -1. */
int32_t attend_tokenizer_id(const attend_tokenizer *tokenizer, const char *token, size_t length);

/** @} */

/* ------------------------------------------------------------------------------------------------------------------
 * Sessions
 * ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup sessions Sessions
 * The live sequences of one caller.
 * @{ */

/** The mutable half: the live sequences, their caches, scratch memory. One thread at a time. */
typedef struct attend_session attend_session;

/** In which type a session keeps keys and values; since 0.2. */
typedef enum attend_key_value_type {
    ATTEND_KEY_VALUE_DEFAULT = 0,   /**< float32 where the model computes in float32, otherwise bfloat16 */
    ATTEND_KEY_VALUE_FLOAT32 = 1,
    ATTEND_KEY_VALUE_BFLOAT16 = 2,
    ATTEND_KEY_VALUE_INT8 = 3,      /**< 8 bits, and a scale for each position and head; rotated before rounding */
    ATTEND_KEY_VALUE_INT4 = 4       /**< 4 bits, likewise */
} attend_key_value_type;

/** What the stages before a session's are to compute; borrowed for the call. Since 0.2. */
typedef struct attend_stage_step {
    size_t struct_size;      /**< sizeof(attend_stage_step) of the library */
    size_t count;            /**< live sequences */
    /** [count] the number, in the call before of this session, of the sequence that each is, or was copied from;
        SIZE_MAX: it is new. What no entry names has been dropped */
    const size_t *parents;
    /** [count] how many tokens have been read of each; what a stage has read beyond, in a call that failed behind it,
        is to be cut (attend_session_truncate) */
    const size_t *positions;
    const size_t *lengths;   /**< [count] how many tokens each is given, perhaps 0 */
    const int32_t *tokens;   /**< [sum of lengths] */
    float *states;           /**< [sum of lengths][hidden_size], to be filled: the hidden states behind the layer before
                                  the session's first */
} attend_stage_step;

/**
 * Computes a step. Called on the thread that called the session, which it must not use. Returning false ends the call
 * with ATTEND_ERROR_CANCELLED. Since 0.2.
 */
typedef bool (*attend_stage_callback)(const attend_stage_step *step, void *context);

/** How to make a session. Start from ATTEND_SESSION_OPTIONS_INIT. */
typedef struct attend_session_options {
    size_t struct_size;                /**< sizeof(attend_session_options) */
    /** threads that a call of this session may use; 0: as the model; more than the model's is an error */
    uint32_t threads;
    /** since 0.2: allow sequences longer than the positions that config.json states, where positions are computed
        (rotary, ALiBi, relative) and not looked up in a table; without it such a call is an error */
    bool beyond_positions;
    /** since 0.2: hears how far attend_encode, attend_session_add, attend_decode, attend_decode_step, attend_embed,
        attend_session_logits and attend_session_pooled are, at most every 20 ms, so that a short call is never
        reported; or NULL. It must not use the session, but may call attend_session_cancel. */
    attend_progress_callback progress;
    void *progress_context;            /**< since 0.2: given to `progress` as it is */
    /** since 0.2: the most bytes that beginnings of prompts may take, which attend_session_keep_prefix keeps for
        attend_session_add_prompt; 0: none are kept */
    size_t prefix_cache_bytes;
    attend_key_value_type key_value_type; /**< since 0.2 */
    bool pin_threads;                  /**< since 0.2: as of the model, whose threads may be pinned anyway */
    /** since 0.2: of a model whose first layer is not layer 0: computes what the stages before it make of tokens, so
        that all that generates and scores takes this stage for the whole model; or NULL: tokens are an error, and the
        caller gives attend_batch.states */
    attend_stage_callback stage;
    void *stage_context;               /**< since 0.2: given to `stage` as it is */
} attend_session_options;

#define ATTEND_SESSION_OPTIONS_INIT \
    { sizeof(attend_session_options), 0, false, NULL, NULL, 0, ATTEND_KEY_VALUE_DEFAULT, false, NULL, NULL }

/**
 * Makes a session; it keeps the model alive. `options` may be NULL. `*session` is owned by the caller. Errors:
 * INVALID_ARGUMENT, UNSUPPORTED (prefix_cache_bytes without a decoder that reads prompts, or beside `stage`;
 * key_value_type in an encoder), OUT_OF_MEMORY, INVALID_STATE (after a fork).
 */
ATTEND_MUST_CHECK attend_error *attend_session_create(
    const attend_model *model, const attend_session_options *options, attend_session **session);

/** Frees a session and what it borrowed out; NULL is allowed. No other thread may be using it. */
void attend_session_free(attend_session *session);

/**
 * Ends the call that computes on this session, or where none does its next one, with ATTEND_ERROR_CANCELLED; that uses
 * the request up. From any thread, also while another one computes, and from a progress callback. Long calls look
 * every few milliseconds. After an attend_encode or attend_embed that was cancelled no sequence is live; any other call
 * leaves the live sequences as they were. NULL is allowed. Since 0.2.
 */
void attend_session_cancel(attend_session *session);

/**
 * How many sequences are live: those of the last attend_encode, and of attend_session_add after it, less those that
 * attend_session_select dropped. Errors: INVALID_ARGUMENT, BUSY.
 */
ATTEND_MUST_CHECK attend_error *attend_session_count(const attend_session *session, size_t *count);

/**
 * How many rows of attend_session_hidden_states belong to sequence `index` of the last attend_encode (or of the last
 * attend_session_add): its tokens, or what a picture or a sound became; of a picture that is read in tiles each is a
 * sequence. Errors: INVALID_ARGUMENT, INVALID_STATE (the last call that computed was another one), BUSY. Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_session_encoded_length(
    const attend_session *session, size_t index, size_t *length);

/** How many tokens the decoder has read of live sequence `index`. Errors: INVALID_ARGUMENT, BUSY. */
ATTEND_MUST_CHECK attend_error *attend_session_length(const attend_session *session, size_t index, size_t *length);

/** @} */

/* ------------------------------------------------------------------------------------------------------------------
 * Encode and decode
 * ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup encode_and_decode Encode and decode
 * Ids to hidden states and logits, step by step.
 * @{ */

/** The type of the elements of a tensor. */
typedef enum attend_element_type {
    ATTEND_TYPE_FLOAT32 = 1,
    ATTEND_TYPE_FLOAT16 = 2,
    ATTEND_TYPE_BFLOAT16 = 3,
    ATTEND_TYPE_FLOAT64 = 4,
    ATTEND_TYPE_INT8 = 10,
    ATTEND_TYPE_INT16 = 11,
    ATTEND_TYPE_INT32 = 12,
    ATTEND_TYPE_INT64 = 13,
    ATTEND_TYPE_UINT8 = 20,
    ATTEND_TYPE_UINT16 = 21,
    ATTEND_TYPE_UINT32 = 22,
    ATTEND_TYPE_UINT64 = 23,
    ATTEND_TYPE_BOOL = 30
} attend_element_type;

/**
 * A view of an array, row after row, the last dimension contiguous. Borrowed: valid until the next call that computes
 * on its session. Looked at later, as long as the session lives, it holds numbers of another call, or a mixture.
 */
typedef struct attend_tensor {
    const void *data;
    attend_element_type type;
    size_t rank;     /**< how many entries of `shape` count; the others are 0 */
    size_t shape[4];
} attend_tensor;

/** The tokens of attend_decode whose logits are computed. Since 0.2. */
typedef enum attend_logits_kind {
    ATTEND_LOGITS_DEFAULT = 0,  /**< all */
    ATTEND_LOGITS_NONE = 1,     /**< none: the tokens are read, and `logits` is left alone */
    ATTEND_LOGITS_LAST = 2,     /**< the last of each sequence */
    ATTEND_LOGITS_ALL = 3       /**< every one */
} attend_logits_kind;

/** What an attend_input is. Since 0.2. */
typedef enum attend_input_kind {
    /** An array as the model's first layer reads it, float32, without gaps: the pixel values of a picture,
        {channels, height, width}, after all preprocessing; a spectrogram, {bins, frames}; the samples of a sound,
        {samples} */
    ATTEND_INPUT_FEATURES = 1,
    /** The bytes of a file, told by the first of them. A picture: PNG, JPEG, WebP, BMP or GIF (its first picture),
        turned as its EXIF orientation says and composed over white. A sound: WAV, and whatever libsndfile reads (FLAC,
        MP3, Ogg, ...); channels become their mean, and the rate that of the model. Both are prepared as
        preprocessor_config.json of the model's folder says. libpng, libjpeg-turbo, libwebp and libsndfile are opened
        when they are needed; where one is missing, the error names its package */
    ATTEND_INPUT_BYTES = 2,
    /** The same, of the file at a path */
    ATTEND_INPUT_FILE = 3,
    /** Pixels of the caller's, {height, width, channels} with 1 (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGBA) channels:
        uint8, or float32 from 0 to 1; `strides` say where they lie. Prepared like a file */
    ATTEND_INPUT_PIXELS = 4,
    /** Samples of the caller's, {frames} or {frames, channels}, int16 or float32 from -1 to 1, without gaps, of which
        `sample_rate` make a second. Prepared like a file */
    ATTEND_INPUT_SAMPLES = 5
} attend_input_kind;

/** One input that is no tokens; borrowed for the call. Start from ATTEND_INPUT_INIT. Since 0.2. */
typedef struct attend_input {
    size_t struct_size;          /**< sizeof(attend_input) */
    attend_input_kind kind;      /**< must be set */
    const void *data;            /**< the numbers, the file's bytes, or its path in UTF-8, ended by NUL */
    size_t size;                 /**< BYTES: how many */
    attend_element_type type;    /**< FEATURES, PIXELS, SAMPLES: of the numbers */
    size_t rank;                 /**< FEATURES, PIXELS, SAMPLES: how many entries of `shape` count */
    size_t shape[3];
    /** PIXELS: bytes from one to the next of each dimension, of any sign; all 0: there are no gaps */
    ptrdiff_t strides[3];
    uint32_t sample_rate;        /**< SAMPLES */
    /** BYTES, FILE: whether a JPEG of which the processor first makes a picture half as large or smaller is decoded at
        the smallest scale, in eighths, that is large enough, as Pillow's `draft` does: much faster, and not the pixels
        that the whole picture gives (docs/pictures.md) */
    bool draft;
} attend_input;

#define ATTEND_INPUT_INIT \
    { sizeof(attend_input), (attend_input_kind)0, NULL, 0, ATTEND_TYPE_FLOAT32, 0, {0, 0, 0}, {0, 0, 0}, 0, false }

/** Several sequences, end to end, of any lengths. There is no padding: leave it out. Start from ATTEND_BATCH_INIT. */
typedef struct attend_batch {
    size_t struct_size;          /**< sizeof(attend_batch) */
    const int32_t *tokens;       /**< [sum of lengths] ids */
    const size_t *lengths;       /**< [count] each at least 1; in attend_decode they may be 0, but not all */
    size_t count;                /**< how many sequences, at least 1 */
    const int32_t *token_types;  /**< [sum of lengths] segments, for models that have them, or NULL */
    attend_logits_kind logits;   /**< since 0.2: what attend_decode computes; no other function reads it */
    /** since 0.2: pictures or sounds, for models that read them, or NULL. Without `tokens` and `lengths`, which are
        then NULL, each is one sequence. With them, of a decoder that sees, they are the pictures that placeholders
        among the tokens stand for, in order */
    const attend_input *inputs;
    size_t input_count;          /**< since 0.2: how many inputs; 0: `count`, without tokens */
    /** since 0.2: of a model whose layers look at pictures (Idefics, Llama 3.2 Vision), in attend_encode and
        attend_session_add: [sum of lengths][2], for each token the pictures of its sequence that it sees, from the one
        numbered first to the one before the other; twice the same: none. A sequence then has as many pictures as the
        largest of its numbers, whatever placeholders there are. NULL: what the text says */
    const int32_t *seen_pictures;
    /** since 0.2: of a model whose first layer is not layer 0, in attend_encode, attend_session_add and attend_decode:
        [sum of lengths][hidden_size], what the stage before made of the tokens; `tokens` is then NULL */
    const float *states;
} attend_batch;

#define ATTEND_BATCH_INIT { sizeof(attend_batch), NULL, NULL, 0, NULL, ATTEND_LOGITS_DEFAULT, NULL, 0, NULL, NULL }

/**
 * Reads a batch: texts (encoder), sources (encoder-decoder) or prompts (decoder). Whatever the session held before is
 * dropped, and the sequences of the batch become the live ones, in order. Of an encoder-decoder the decoder has read
 * nothing yet; keys and values for cross-attention are computed here, once. Of a decoder each prompt has been read;
 * attend_session_logits tells what may follow. Errors: INVALID_ARGUMENT (NULL, an empty batch or sequence, an id
 * outside the vocabulary or a token type that the model does not have, more tokens than the model has positions, or
 * states unless attend_session_options.beyond_positions is set; sequence and position are named), BUSY, INVALID_STATE
 * (after a fork): these leave the session as it was. After OUT_OF_MEMORY and CANCELLED no sequence is live.
 */
ATTEND_MUST_CHECK attend_error *attend_encode(attend_session *session, const attend_batch *batch);

/**
 * Reads a batch as attend_encode does, and keeps the live sequences: those of the batch come after them. Where nothing
 * is live, it is attend_encode. What is asked of the last attend_encode (logits, pooled vectors, hidden states,
 * attention maps) is then about the added sequences alone. Errors as of attend_encode; each of them leaves the live
 * sequences as they were. Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_session_add(attend_session *session, const attend_batch *batch);

/**
 * Gives each live sequence one token and computes what may follow it: `tokens[i]` goes to live sequence i, and `count`
 * must be their number. The first token of an encoder-decoder is attend_model_info.decoder_start_token. `*logits`
 * becomes a borrowed float32 view, [count, vocabulary], unnormalised. `logits` may be NULL: the step is made all the
 * same. Errors, each of which leaves the live sequences as they were: INVALID_STATE (nothing was encoded, no sequence
 * is live, a sequence has used the last position that the model has, or states unless
 * attend_session_options.beyond_positions is set), INVALID_ARGUMENT, UNSUPPORTED (the model is an encoder: it has no
 * steps), BUSY, OUT_OF_MEMORY, CANCELLED.
 */
ATTEND_MUST_CHECK attend_error *attend_decode_step(
    attend_session *session, const int32_t *tokens, size_t count, attend_tensor *logits);

/**
 * Gives each live sequence several tokens at once, batch->lengths[i] of them to live sequence i, 0 where it is to wait:
 * the same results, to the bit, as one step after another. `*logits` becomes a borrowed float32 view,
 * [sum of lengths, vocabulary]; with ATTEND_LOGITS_LAST in `batch` it is [count, vocabulary], NaN for a sequence that
 * waits, and with ATTEND_LOGITS_NONE it is left alone. `logits` may be NULL: none are computed. A decoder whose
 * checkpoint has no head for the next token decodes without logits all the same: attend_session_hidden_states are what
 * it gives. For scoring, forced prefixes, prompts that are continued, speculation. Errors as of attend_decode_step.
 */
ATTEND_MUST_CHECK attend_error *attend_decode(
    attend_session *session, const attend_batch *batch, attend_tensor *logits);

/**
 * Makes live sequence `parents[i]` of before the new live sequence i, for i below `count`. This one call drops finished
 * sequences, repeats one for a beam, and reorders; nothing is computed and next to nothing is copied. `count` may be 0,
 * and may exceed the number of live sequences. `parents` may be NULL if `count` is 0. Errors, each of which leaves the
 * session as it was: INVALID_ARGUMENT (a parent that is not live), INVALID_STATE (nothing was encoded), BUSY,
 * OUT_OF_MEMORY.
 */
ATTEND_MUST_CHECK attend_error *attend_session_select(attend_session *session, const size_t *parents, size_t count);

/**
 * Forgets what live sequence `index` has read beyond its first `length` tokens: what follows has the same bits as if it
 * had never read them. For speculation, and for asking again; an encoder-decoder that is cut to 0 begins to write anew
 * from the source that it has read. What the last call read can always be cut; before that, layers with a window may
 * have given back what would be looked at. Errors, each of which leaves the session as it was: INVALID_ARGUMENT (no
 * such sequence, one that has read fewer tokens), INVALID_STATE (nothing was encoded, no sequence is live, a window has
 * passed), BUSY. Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_session_truncate(attend_session *session, size_t index, size_t length);

/**
 * What the checkpoint's head makes of the last attend_encode, computed by this call: a borrowed float32 view,
 * unnormalised.
 *   a decoder                     [sequences, vocabulary]: what may follow each prompt
 *   masked language model         [tokens, vocabulary]
 *   token classification          [tokens, labels]
 *   question answering            [tokens, 2]: start and end
 *   sequence classification       [sequences, labels]
 * An encoder-decoder with one of the last three heads (bart-large-mnli) reads each text once more with its decoder,
 * shifted by one token, and forgets it again; the classes of a sequence are told at the last of its end tokens, and one
 * without any is INVALID_ARGUMENT. Where attention maps are recorded, this leaves those of the decoder and across.
 * Errors: UNSUPPORTED (the checkpoint has no such head), INVALID_STATE (the last call that computed was no
 * attend_encode or attend_session_add), INVALID_ARGUMENT, BUSY, OUT_OF_MEMORY, CANCELLED.
 */
ATTEND_MUST_CHECK attend_error *attend_session_logits(attend_session *session, attend_tensor *logits);

/**
 * What the checkpoint's pooler makes of each sequence of the last attend_encode, computed by this call: a borrowed
 * float32 view, [sequences, hidden size]. In a folder of sentence-transformers (modules.json) it is instead what the
 * modules behind the transformer make of it, [sequences, width of the embedding]: poolings one after another, Dense,
 * LayerNorm, Normalize. Errors as of attend_session_logits.
 */
ATTEND_MUST_CHECK attend_error *attend_session_pooled(attend_session *session, attend_tensor *pooled);

/**
 * The hidden states that the last attend_encode, attend_session_add, attend_decode_step or attend_decode computed,
 * after the last layer and its norm: a borrowed float32 view, [tokens of that call, hidden size], the width being that
 * of the stack that computed: the encoder's after attend_encode where there is one. Errors: INVALID_STATE before the
 * first such call, after one that failed, and after attend_session_select and attend_session_truncate,
 * INVALID_ARGUMENT, BUSY.
 */
ATTEND_MUST_CHECK attend_error *attend_session_hidden_states(const attend_session *session, attend_tensor *states);

/** @} */

/* ------------------------------------------------------------------------------------------------------------------
 * Caches
 * ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup caches Caches
 * What was read is kept: prefixes, saved sessions.
 * @{ */

/**
 * Adds a sequence behind the live ones that begins with the longest kept beginning of a prompt, and sets `*found` to
 * how many of the `count` tokens it has read thereby: always fewer than all, and 0 where none is kept. attend_decode is
 * to be given the others, in as many calls as one likes. Results have the same bits as those of a prompt that is read
 * whole. Errors, each of which leaves the live sequences as they were: INVALID_ARGUMENT, UNSUPPORTED (the model is no
 * decoder), BUSY, OUT_OF_MEMORY, INVALID_STATE (after a fork). Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_session_add_prompt(
    attend_session *session, const int32_t *tokens, size_t count, size_t *found);

/**
 * Keeps the beginning of live sequence `index`, for prompts that begin alike: `tokens` are the first `count` tokens
 * that it has read, which is not checked. They are kept in pages of 32 tokens, a last page with fewer where at least 8
 * of them are new, and shared to the token by all who begin with them; beyond attend_session_options.prefix_cache_bytes
 * those go that were used longest ago. Nothing is kept of a text longer than positions allow that change with its
 * length ("dynamic", "longrope"), nor in a session without that option. Errors: INVALID_ARGUMENT (no such sequence, one
 * that has read fewer tokens), INVALID_STATE (nothing was encoded, no sequence is live), BUSY, OUT_OF_MEMORY. Since
 * 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_session_keep_prefix(
    attend_session *session, size_t index, const int32_t *tokens, size_t count);

/** The use that was made of kept beginnings. Start from ATTEND_PREFIX_CACHE_STATS_INIT. Since 0.2. */
typedef struct attend_prefix_cache_stats {
    size_t struct_size;  /**< sizeof(attend_prefix_cache_stats) */
    size_t lookups;      /**< calls of attend_session_add_prompt */
    size_t hits;         /**< those that found some of their prompt */
    size_t tokens;       /**< tokens that were found */
    size_t bytes;        /**< of what is kept at this moment; live sequences may share it */
} attend_prefix_cache_stats;

#define ATTEND_PREFIX_CACHE_STATS_INIT { sizeof(attend_prefix_cache_stats), 0, 0, 0, 0 }

/** Fills `*stats`, with zeros in a session that keeps none. Errors: INVALID_ARGUMENT, BUSY. Since 0.2. */
ATTEND_MUST_CHECK attend_error *attend_session_prefix_cache_stats(
    const attend_session *session, attend_prefix_cache_stats *stats);

/** Forgets all kept beginnings; sequences that begin with them stay. Errors: INVALID_ARGUMENT, BUSY. Since 0.2. */
ATTEND_MUST_CHECK attend_error *attend_session_prefix_cache_clear(attend_session *session);

/**
 * Writes the live sequences `indices[i]`, for i below `count`, in that order: what the decoder has read of each, and of
 * an encoder-decoder the source. `indices` may be NULL: then all, and `count` must be 0. `*bytes` is owned by the
 * caller and holds a checksum and what tells the model. Errors: INVALID_ARGUMENT, UNSUPPORTED (the model is an
 * encoder), INVALID_STATE (no sequence is live), BUSY, OUT_OF_MEMORY. Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_session_save(
    attend_session *session, const size_t *indices, size_t count, attend_text **bytes);

/**
 * The same to a file, which gets its name when it is whole and then takes the place of what had it. Errors besides:
 * NOT_FOUND (the folder), IO. Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_session_save_file(
    attend_session *session, const size_t *indices, size_t count, const char *path);

/**
 * Adds sequences that were saved behind the live ones: they go on with the same bits, in whatever process and session,
 * if it is of the same checkpoint, type of computing and type of keys and values. Errors, each of which leaves the live
 * sequences as they were: INVALID_ARGUMENT (it was saved of another model), INVALID_FILE (cut, damaged, or no saved
 * session), BUSY, OUT_OF_MEMORY, INVALID_STATE (after a fork). Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_session_restore(attend_session *session, const char *bytes, size_t length);

/** The same from a file. Errors besides: NOT_FOUND, IO. Since 0.2. */
ATTEND_MUST_CHECK attend_error *attend_session_restore_file(attend_session *session, const char *path);

/** @} */

/* ------------------------------------------------------------------------------------------------------------------
 * Generation
 * ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup generation Generation
 * From a prompt or a source to an answer.
 * @{ */

/** What was generated of one or several requests. Immutable; any thread may read it. Since 0.2. */
typedef struct attend_generation attend_generation;

/** Why a sequence has ended; since 0.2. New reasons may appear between them. */
typedef enum attend_finish_reason {
    ATTEND_FINISH_END = 10,       /**< an end token was chosen; it is the last of the ids */
    ATTEND_FINISH_LENGTH = 20,    /**< max_new_tokens, max_length or the last position of the model */
    ATTEND_FINISH_STOP = 30,      /**< a stop string is complete; the token that completed it is the last of the ids */
    ATTEND_FINISH_GRAMMAR = 40,   /**< the text is all that the grammar allows */
    ATTEND_FINISH_TIME = 50,      /**< max_time is used up */
    ATTEND_FINISH_CANCELLED = 60  /**< a callback or attend_session_cancel wanted no more */
} attend_finish_reason;

/** A token that might have stood at a place; since 0.2. */
typedef struct attend_token_alternative {
    int32_t token;
    float log_probability;
} attend_token_alternative;

/** A token as it is chosen. Valid during the call that hands it over. Since 0.2. */
typedef struct attend_token_event {
    size_t struct_size;                        /**< sizeof(attend_token_event) of the library */
    size_t request;                            /**< the place of the request in its batch */
    size_t sequence;                           /**< the sample of the request, below num_return_sequences */
    int32_t token;
    float log_probability;                     /**< NaN unless output_scores or top_logprobs asks for it */
    const char *text;                          /**< the text that is certain by now: whole characters, often none */
    size_t text_length;                        /**< bytes of `text`; without a tokenizer 0 */
    const attend_token_alternative *alternatives; /**< the most probable tokens of this place */
    size_t alternative_count;                  /**< top_logprobs */
    uint32_t finish_reason;                    /**< of the last token an attend_finish_reason, otherwise 0 */
} attend_token_event;

/** What a token callback wants; since 0.2. */
typedef enum attend_verdict {
    ATTEND_VERDICT_GO_ON = 0,
    ATTEND_VERDICT_END_SEQUENCE = 1, /**< no more of this sequence */
    ATTEND_VERDICT_END_REQUEST = 2,  /**< no more of this request */
    ATTEND_VERDICT_END_ALL = 3       /**< no more of the call, as attend_session_cancel does */
} attend_verdict;

/**
 * Hears the tokens of greedy search and sampling in their order, on the thread of the call; since 0.2. It must not use
 * the session.
 */
typedef attend_verdict (*attend_token_callback)(const attend_token_event *event, void *context);

/**
 * Changes the logits of one sequence before a token is chosen, in the place of the user's own processors; since 0.2.
 * `scores` are `[vocabulary]`: logits, in beam search log-probabilities. `ids` are the prompt, or start and prefix, and
 * what was generated. Any thread of the session may call it, several at once. False fails the request.
 */
typedef bool (*attend_logits_callback)(
    float *scores, size_t vocabulary, const int32_t *ids, size_t count, void *context);

/** How to generate; since 0.2. Start from ATTEND_GENERATION_OPTIONS_INIT: all is then as the checkpoint says. */
typedef struct attend_generation_options {
    size_t struct_size;                  /**< sizeof(attend_generation_options) */
    /** Options by name: a JSON object, as `{"num_beams": 4, "length_penalty": 0.6}`. Names and meanings are those of
        transformers' GenerationConfig, and more, all in docs/generation.md; what is not there is as the checkpoint's
        generation_config.json says, or else as the table there. NULL: none. An option that there is none of is
        INVALID_ARGUMENT. */
    const char *config;
    uint32_t max_new_tokens;             /**< 0: as `config` says; this and the others below win over `config` */
    uint32_t num_beams;                  /**< 0: as `config` says */
    uint32_t num_return_sequences;       /**< 0: as `config` says */
    const char *const *stop_strings;     /**< strings that end a sequence, UTF-8, ended by NUL; or NULL */
    size_t stop_string_count;
    attend_token_callback on_token;      /**< or NULL */
    void *on_token_context;              /**< given to `on_token` as it is */
    attend_logits_callback on_logits;    /**< or NULL */
    void *on_logits_context;             /**< given to `on_logits` as it is */
    /** a smaller model with the same vocabulary and of the same kind, which drafts what greedy search and sampling then
        confirm or drop (assisted generation): the result is that without it, to the bit; or NULL */
    const attend_model *assistant;
} attend_generation_options;

#define ATTEND_GENERATION_OPTIONS_INIT \
    { sizeof(attend_generation_options), NULL, 0, 0, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL }

/**
 * Generates for every sequence of a batch of ids: prompts of a decoder, sources of an encoder-decoder. All live
 * sequences of the session are dropped, before and after. Requests run side by side as far as there is room and leave
 * when they are finished; what is generated for one depends on it alone. Since 0.2.
 *
 * `*generation` is owned by the caller, also where the call fails after some requests have finished: it then holds what
 * there is, otherwise NULL. `options` may be NULL. Errors: INVALID_ARGUMENT (an option, by name; ids as in
 * attend_encode), UNSUPPORTED (the model generates nothing; names what of a grammar is not implemented), CANCELLED,
 * OUT_OF_MEMORY, INVALID_STATE (no token may follow), BUSY.
 */
ATTEND_MUST_CHECK attend_error *attend_generate(
    attend_session *session, const attend_batch *batch, const attend_generation_options *options,
    attend_generation **generation);

/**
 * The same for texts, which the model's tokenizer turns into ids with the special tokens of its template: `count`
 * texts with their lengths in bytes. Errors: as of attend_generate, and of attend_tokenizer_encode. Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_generate_texts(
    attend_session *session, const char *const *texts, const size_t *lengths, size_t count,
    const attend_generation_options *options, attend_generation **generation);

/**
 * The same for a conversation, `messages` being JSON as in attend_tokenizer_chat, whose template asks for the answer
 * (generation_prompt is set). `chat` may be NULL. The functions that the model may call are given as the option `tools`
 * of options->config, which the template gets, with `tool_choice` as OpenAI has it; attend_generation_message reads the
 * calls. Errors: as of attend_generate, and of attend_tokenizer_encode_chat. Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_generate_chat(
    attend_session *session, const char *messages, size_t length, const attend_chat_options *chat,
    const attend_generation_options *options, attend_generation **generation);

/**
 * Describes `count` pictures, each in a text of its own. An encoder-decoder (BLIP, TrOCR, Donut, captions by ViT and
 * GPT-2) writes what it makes of them, its decoder going on from `prompt`, ended by NUL, where there is one. A decoder
 * that sees (LLaVA, Qwen2-VL, ...) answers to `prompt`, by default "Describe this picture.", in its chat template; a
 * prompt that holds the token of pictures is taken as it is. PaliGemma's is "caption en". `options` may be NULL.
 * Errors: as of attend_generate; UNSUPPORTED (the model describes no pictures; a decoder without a chat template and a
 * prompt without a place). Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_describe(
    attend_session *session, const attend_input *pictures, size_t count, const char *prompt,
    const attend_generation_options *options, attend_generation **generation);

/** How to translate; since 0.2. Start from ATTEND_TRANSLATE_OPTIONS_INIT. */
typedef struct attend_translate_options {
    size_t struct_size;    /**< sizeof(attend_translate_options) */
    /** the language of the texts, ended by NUL: "fr_XX" (mBART), "fra_Latn" (NLLB), "fr" (M2M100, and T5, whose
        config.json has a prefix for each pair), or "fr" and "fra" too where no other language of the model begins so;
        NULL: as the tokenizer writes sources */
    const char *src_lang;
    const char *tgt_lang;  /**< the language to translate into, likewise, also as Marian names targets; NULL: as the
                                checkpoint says */
    size_t max_length;     /**< longer texts are cut to as many tokens; 0: one that the model cannot read is an error */
} attend_translate_options;

#define ATTEND_TRANSLATE_OPTIONS_INIT { sizeof(attend_translate_options), NULL, NULL, 0 }

/**
 * Translates texts, by an encoder-decoder. `how` and `options` may be NULL; what config.json says of the task
 * (task_specific_params) holds where `options` are silent. Errors: as of attend_generate_texts; INVALID_ARGUMENT for a
 * language that the model does not know, with the names that are nearest. Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_translate(
    attend_session *session, const char *const *texts, const size_t *lengths, size_t count,
    const attend_translate_options *how, const attend_generation_options *options, attend_generation **generation);

/** How to summarize; since 0.2. Start from ATTEND_SUMMARIZE_OPTIONS_INIT. */
typedef struct attend_summarize_options {
    size_t struct_size;  /**< sizeof(attend_summarize_options) */
    /** longer texts are cut to as many tokens, or to parts of as many; 0: one that the model cannot read is an error,
        or parts are as long as the model reads and its tokenizer states */
    size_t max_length;
    /** true: longer texts are cut into parts, behind sentences; the summaries of the parts, one behind another, are
        summarized in their place, in parts again while they are too long */
    bool by_parts;
} attend_summarize_options;

#define ATTEND_SUMMARIZE_OPTIONS_INIT { sizeof(attend_summarize_options), 0, false }

/**
 * Summarizes texts, by an encoder-decoder, as its config.json says of "summarization". `how` and `options` may be NULL.
 * Callbacks hear of the last summary of a text alone. Errors: as of attend_generate_texts; INVALID_STATE where the
 * summaries of parts are no shorter than the parts. Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_summarize(
    attend_session *session, const char *const *texts, const size_t *lengths, size_t count,
    const attend_summarize_options *how, const attend_generation_options *options, attend_generation **generation);

/** How to rewrite; since 0.2. Start from ATTEND_REWRITE_OPTIONS_INIT. */
typedef struct attend_rewrite_options {
    size_t struct_size;  /**< sizeof(attend_rewrite_options) */
    /** a task by its name in config.json's task_specific_params, ended by NUL, whose prefix stands before each text and
        whose parameters hold where the options are silent; NULL: none */
    const char *task;
    size_t max_length;   /**< longer texts are cut to as many tokens; 0: one that the model cannot read is an error */
} attend_rewrite_options;

#define ATTEND_REWRITE_OPTIONS_INIT { sizeof(attend_rewrite_options), NULL, 0 }

/**
 * Makes texts of texts, by an encoder-decoder. `how` and `options` may be NULL. Errors: as of attend_generate_texts;
 * INVALID_ARGUMENT for a task that config.json does not name, with those that it does. Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_rewrite(
    attend_session *session, const char *const *texts, const size_t *lengths, size_t count,
    const attend_rewrite_options *how, const attend_generation_options *options, attend_generation **generation);

/** A sequence that was generated. Set struct_size (ATTEND_HYPOTHESIS_INIT) before asking. Since 0.2. */
typedef struct attend_hypothesis {
    size_t struct_size;             /**< sizeof(attend_hypothesis) */
    const int32_t *ids;             /**< `[count]`: the prompt, or start token and prefix, then what was generated */
    size_t count;
    size_t prompt_count;            /**< how many of `ids` were not generated */
    const char *text;               /**< what was generated as text, special tokens left out, ended by NUL; NULL without
                                         a tokenizer */
    size_t text_length;
    double score;                   /**< sum of log-probabilities / length^length_penalty; NaN: nothing is ranked */
    const float *log_probabilities; /**< `[count - prompt_count]`, in nats, after the processors and before sampling's
                                         own steps; NaN where they were not asked for */
    const attend_token_alternative *alternatives; /**< `[count - prompt_count, alternative_count]`; or NULL */
    size_t alternative_count;
    /** `[count - 1, source]` with return_attention: a row for each token behind the start, of a forced prefix too; or
        NULL */
    const float *attention;
    size_t attention_count;         /**< all numbers of `attention` */
    attend_finish_reason finish_reason;
} attend_hypothesis;

#define ATTEND_HYPOTHESIS_INIT \
    { sizeof(attend_hypothesis), NULL, 0, 0, NULL, 0, 0, NULL, NULL, 0, NULL, 0, (attend_finish_reason)0 }

/** How many requests there were. `generation` must not be NULL. */
size_t attend_generation_count(const attend_generation *generation);

/** How many sequences were generated for a request, the best first; 0 for one that there is none of. */
size_t attend_generation_hypothesis_count(const attend_generation *generation, size_t request);

/** One of them, borrowed from `generation`. Errors: INVALID_ARGUMENT. */
ATTEND_MUST_CHECK attend_error *attend_generation_get_hypothesis(
    const attend_generation *generation, size_t request, size_t index, attend_hypothesis *hypothesis);

/**
 * A hypothesis as a message of a conversation, to be put behind the others: a JSON object with `role` "assistant",
 * `content` (the text around calls, or null), and where the model called functions
 * `tool_calls`: `[{"type": "function", "function": {"name": ..., "arguments": {...}}}]`. What looks like a call and
 * cannot be read is told in `problems`. The calls are read as the option `tool_format` of the call said, or else as the
 * model's chat template writes them, or else by their marks (docs/generation.md). `*message` is owned by the caller.
 * Errors: INVALID_ARGUMENT, NOT_FOUND (the model has no tokenizer), OUT_OF_MEMORY. Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_generation_message(
    const attend_generation *generation, size_t request, size_t index, attend_text **message);

/** Frees what was generated; NULL is allowed. */
void attend_generation_free(attend_generation *generation);

/** @} */

/* ------------------------------------------------------------------------------------------------------------------
 * Many requests
 * ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup many_requests Many requests
 * Submitted from any thread, batched as they come.
 * @{ */

/**
 * A scheduler: requests to one model, submitted at any time from any thread, are generated side by side (continuous
 * batching). They join the batch and leave it between two steps, and what is generated for one is, to the bit, what
 * attend_generate gives for it. A thread of the scheduler's own makes the steps, on the threads of the model. Any
 * number of threads may use a scheduler. Since 0.2.
 */
typedef struct attend_scheduler attend_scheduler;

/** A request that was submitted. Any number of threads may use it. Since 0.2. */
typedef struct attend_request attend_request;

/** How requests share a model; since 0.2. Start from ATTEND_SCHEDULER_OPTIONS_INIT. */
typedef struct attend_scheduler_options {
    size_t struct_size;            /**< sizeof(attend_scheduler_options) */
    size_t max_rows;               /**< sequences that a step reads, beams and samples counted; 0: 64 */
    size_t max_cache_bytes;        /**< of keys and values of those that run; 0: no bound */
    size_t prompt_tokens_per_step; /**< tokens of prompts that a step reads beside those that write; 0: 512 */
    double priority_seconds;       /**< the waiting that a unit of priority is worth; 0: 1, at most 1000 */
    /** a request joins only when there is memory for all that it may come to. Otherwise it joins with room for a part,
        and where memory runs out the least urgent one is put aside: its keys and values are dropped and computed again
        later, with the same result */
    bool never_put_aside;
} attend_scheduler_options;

#define ATTEND_SCHEDULER_OPTIONS_INIT { sizeof(attend_scheduler_options), 0, 0, 0, 0, false }

/**
 * Makes a scheduler with a session of its own, whose options `session` are (threads, positions, types of keys and
 * values); `progress` must not be set in them. With `prefix_cache_bytes` prompts that begin alike share what was read
 * of them: while one is read, the others wait for it. Both kinds of options may be NULL. Errors: INVALID_ARGUMENT,
 * OUT_OF_MEMORY, INVALID_STATE (after a fork), as of attend_session_create. Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_scheduler_create(
    const attend_model *model, const attend_session_options *session, const attend_scheduler_options *options,
    attend_scheduler **scheduler);

/**
 * Frees a scheduler; NULL is allowed. Requests that are not finished are cancelled, within a step too, as
 * attend_request_cancel does, and no callback comes after this call. Their handles stay valid and are freed as others.
 * No other thread may be using the scheduler itself. Called in a callback it does not wait: the rest is done when that
 * returns. In the child of a fork it only gives the handle back. Since 0.2.
 */
void attend_scheduler_free(attend_scheduler *scheduler);

/** Hears that a request is finished; since 0.2. */
typedef void (*attend_done_callback)(void *context);

/** What is asked for by a request; since 0.2. Start from ATTEND_REQUEST_OPTIONS_INIT. */
typedef struct attend_request_options {
    size_t struct_size;                          /**< sizeof(attend_request_options) */
    /** how to generate, or NULL. `on_token` comes on the scheduler's thread, `on_logits` on any; `request` of an event
        is 0. ATTEND_VERDICT_END_ALL ends the request. max_time counts from the submission on */
    const attend_generation_options *generation;
    attend_done_callback on_done;                /**< called once, after all others of the request; or NULL */
    void *on_done_context;                       /**< given to `on_done` as it is */
    /** the higher, the sooner, from -32768 to 32767: a request of priority p runs before one of priority 0 that was
        submitted less than p times priority_seconds earlier, give or take one priority_seconds: of those that come
        together the ones that may write more begin first. So everything has its turn */
    int32_t priority;
} attend_request_options;

#define ATTEND_REQUEST_OPTIONS_INIT { sizeof(attend_request_options), NULL, NULL, NULL, 0 }

/**
 * Submits the `count` ids of a prompt, or of an encoder-decoder of a source; they are copied. It returns at once. The
 * callbacks may use the scheduler and other requests, but not wait, and all that runs waits while one of them does
 * something long; on_token and on_done may free their own request. `*request` is owned by the caller; `options` may be
 * NULL. Errors: INVALID_ARGUMENT (as of attend_generate; a request that needs more rows or bytes than there may be),
 * UNSUPPORTED, OUT_OF_MEMORY, INVALID_STATE (after a fork). Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_scheduler_submit(
    attend_scheduler *scheduler, const int32_t *ids, size_t count, const attend_request_options *options,
    attend_request **request);

/** The same for a text, as attend_generate_texts takes it. Since 0.2. */
ATTEND_MUST_CHECK attend_error *attend_scheduler_submit_text(
    attend_scheduler *scheduler, const char *text, size_t length, const attend_request_options *options,
    attend_request **request);

/** The same for a conversation, as attend_generate_chat takes it. Since 0.2. */
ATTEND_MUST_CHECK attend_error *attend_scheduler_submit_chat(
    attend_scheduler *scheduler, const char *messages, size_t length, const attend_chat_options *chat,
    const attend_request_options *options, attend_request **request);

/**
 * Waits until a request is finished, at most so many seconds; 0: does not wait; below 0: as long as it takes.
 * `*generation` becomes what was generated, of one request, owned by the caller, or NULL where it is not finished. What
 * was cancelled or had no more time is finished with what there was by then, which its hypotheses tell. May be called
 * again, with the same result. Errors: what the request failed of (INVALID_STATE: no token may follow; CANCELLED:
 * `on_logits` returned false; OUT_OF_MEMORY), INVALID_STATE too after a fork and in a callback that would wait for
 * itself, INVALID_ARGUMENT. Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_request_wait(
    attend_request *request, double seconds, attend_generation **generation);

/**
 * Ends a request as soon as it can be: at once where it waits for its turn, behind the step under way where it runs.
 * One that is finished stays as it is. NULL is allowed. Since 0.2.
 */
void attend_request_cancel(attend_request *request);

/**
 * Frees a request; NULL is allowed. One that is not finished is cancelled. When this returns, none of its callbacks is
 * under way (but the one that calls this) and none comes after. `on_logits` must not call it. Since 0.2.
 */
void attend_request_free(attend_request *request);

/** What a scheduler has done so far. Start from ATTEND_SCHEDULER_STATS_INIT. Since 0.2. */
typedef struct attend_scheduler_stats {
    size_t struct_size;           /**< sizeof(attend_scheduler_stats) */
    size_t submitted;             /**< requests */
    size_t finished;              /**< those with a result, what was cancelled among them */
    size_t failed;                /**< those with an error */
    size_t waiting;               /**< at this moment */
    size_t running;               /**< at this moment, in the batch */
    size_t put_aside;             /**< how often a request was put aside */
    size_t steps;
    size_t rows;                  /**< sequences of all steps; by the steps, how full they were */
    size_t prompt_tokens;         /**< tokens of prompts that were read, again after requests were put aside */
    size_t tokens;                /**< other tokens that were read, drafts among them */
    double step_seconds;          /**< time of all steps */
    double mean_queue_seconds;    /**< from the submission until a request joined the batch */
    double longest_queue_seconds;
} attend_scheduler_stats;

#define ATTEND_SCHEDULER_STATS_INIT { sizeof(attend_scheduler_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** Fills `*stats`. Errors: INVALID_ARGUMENT, INVALID_STATE (after a fork). Since 0.2. */
ATTEND_MUST_CHECK attend_error *attend_scheduler_get_stats(
    attend_scheduler *scheduler, attend_scheduler_stats *stats);

/** @} */

/* ------------------------------------------------------------------------------------------------------------------
 * Scores
 * ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup scores Scores
 * How probable a text is, and which of several.
 * @{ */

/** Log-probabilities of the tokens of one or several texts. Immutable; any thread may read it. Since 0.2. */
typedef struct attend_scores attend_scores;

/** How to score; since 0.2. Start from ATTEND_SCORE_OPTIONS_INIT. */
typedef struct attend_score_options {
    size_t struct_size;   /**< sizeof(attend_score_options) */
    size_t window;        /**< tokens of a decoder's text that are read at once; 0: as many as it has positions */
    /** tokens from the beginning of a window to that of the next, where a text is longer than one, below `window`: each
        token is scored in the first window that holds it; 0: such a text is an error */
    size_t stride;
    size_t top_logprobs;  /**< how many of the most probable tokens are told for each place */
} attend_score_options;

#define ATTEND_SCORE_OPTIONS_INIT { sizeof(attend_score_options), 0, 0, 0 }

/**
 * Scores every sequence of `texts`. With a decoder that is the log-probability of each of its tokens behind the
 * sequence of `contexts` of the same place; `contexts` may be NULL, and its sequences may be empty, though not all:
 * then the first token of the text, which follows on nothing, is not scored. With an encoder-decoder `contexts` are the
 * sources, and `texts` what it makes of them, without the start token; all their tokens are scored.
 *
 * What neighbours begin with alike, contexts or sources, is computed once; where the session has a cache of prefixes
 * (`prefix_cache_bytes`), contexts are kept in it and found there. Logits are never held for more than some places.
 * What is told of a text depends on it and its context alone, to the bit. All live sequences of the session are
 * dropped, before and after. Since 0.2.
 *
 * `*scores` is owned by the caller, also where the call is cancelled or memory runs out while texts are scored: it then
 * holds what was scored by then; after any other error it is NULL. `options` may be NULL. Errors: INVALID_ARGUMENT (ids
 * as in attend_encode, a text that is too long for the window or the model, options that do not fit it), UNSUPPORTED
 * (the model does not tell the next token), CANCELLED, OUT_OF_MEMORY, BUSY, INVALID_STATE (after a fork).
 */
ATTEND_MUST_CHECK attend_error *attend_score(
    attend_session *session, const attend_batch *contexts, const attend_batch *texts,
    const attend_score_options *options, attend_scores **scores);

/**
 * The same for texts, which the model's tokenizer turns into ids with the special tokens of its template: `count` texts
 * with their lengths in bytes, and as many contexts, or NULL for both. A decoder's context and text are read as one
 * text; a token that reaches over the end of the context is scored. Those of an encoder-decoder are read with
 * `are_targets`. Errors: as of attend_score, and of attend_tokenizer_encode. Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_score_texts(
    attend_session *session, const char *const *contexts, const size_t *context_lengths, const char *const *texts,
    const size_t *lengths, size_t count, const attend_score_options *options, attend_scores **scores);

/** What is known of a text. Set struct_size (ATTEND_TEXT_SCORE_INIT) before asking. Since 0.2. */
typedef struct attend_text_score {
    size_t struct_size;             /**< sizeof(attend_text_score) */
    const int32_t *ids;             /**< `[count]`: the tokens that were scored */
    size_t count;
    const float *log_probabilities; /**< `[count]`, in nats */
    double sum;                     /**< of the log-probabilities */
    double perplexity;              /**< exp(-sum / count); NaN where nothing was scored */
    bool is_greedy;                 /**< whether each token was the most probable one */
    const attend_token_alternative *alternatives; /**< `[count, alternative_count]`, the best first; or NULL */
    size_t alternative_count;       /**< top_logprobs */
} attend_text_score;

#define ATTEND_TEXT_SCORE_INIT { sizeof(attend_text_score), NULL, 0, NULL, 0, 0, false, NULL, 0 }

/** How many texts there were. `scores` must not be NULL. */
size_t attend_scores_count(const attend_scores *scores);

/**
 * The score of a text, borrowed from `scores`. Errors: INVALID_ARGUMENT, INVALID_STATE (the call ended before it was
 * scored).
 */
ATTEND_MUST_CHECK attend_error *attend_scores_get(
    const attend_scores *scores, size_t index, attend_text_score *score);

/** By what texts are compared; since 0.2. */
typedef enum attend_score_normalization {
    ATTEND_SCORE_SUM = 0,   /**< the sum of log-probabilities: how probable the whole text is */
    ATTEND_SCORE_MEAN = 1   /**< their mean, which does not prefer short texts */
} attend_score_normalization;

/**
 * Compares `count` texts from `first` on, the answers that a question leaves to choose from: `probabilities`, `[count]`
 * of the caller's, become the softmax over their sums or means. Errors: INVALID_ARGUMENT, INVALID_STATE (the call ended
 * before they were scored). Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_scores_probabilities(
    const attend_scores *scores, size_t first, size_t count, attend_score_normalization normalization,
    double *probabilities);

/** Frees scores; NULL is allowed. */
void attend_scores_free(attend_scores *scores);

/** @} */

/* ------------------------------------------------------------------------------------------------------------------
 * Speech
 * ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup speech Speech
 * Sounds to texts with times, while somebody speaks too.
 * @{ */

/** A word or a character. A Whisper's words have the spaces before them and the punctuation around them, those of a
    model with CTC no spaces. Since 0.2. */
typedef struct attend_word {
    double start;                /**< seconds */
    double end;
    const char *text;            /**< UTF-8, without a NUL */
    size_t text_length;
} attend_word;

/** A part of what is said. Set struct_size (ATTEND_SEGMENT_INIT) before asking. Since 0.2. */
typedef struct attend_segment {
    size_t struct_size;          /**< sizeof(attend_segment) */
    size_t recording;            /**< the place of its recording among those of the call */
    double start;                /**< seconds from the beginning of the recording */
    double end;
    /** `[count]`: a Whisper's tokens, timestamps among them, without an end token; the symbols of a model with CTC
        or of a transducer; what is said of CTC below holds for a transducer, too */
    const int32_t *ids;
    size_t count;
    /** `[count]`, seconds, with return_token_timestamps or words, and of a model with CTC always; or NULL */
    const double *times;
    const char *text;            /**< UTF-8, without a NUL; NULL where the model has no tokenizer */
    size_t text_length;
    const attend_word *words;    /**< `[word_count]`, with return_timestamps "word" or "char"; or NULL */
    size_t word_count;
    /** of a Whisper's window of 30 s that it is a part of: where it begins, in seconds; the temperature; the mean of
        the tokens' log-probabilities; NaN without its threshold: how far the text compresses, and how probable silence
        is. With CTC the log-probability of a search is that of the text, divided by its frames, and otherwise NaN */
    double window_start;
    double temperature;
    double log_probability;
    double compression_ratio;
    double no_speech_probability;
    /** `[character_count]`, of a model with CTC and return_timestamps "char"; or NULL */
    const attend_word *characters;
    size_t character_count;
} attend_segment;

#define ATTEND_SEGMENT_INIT \
    { sizeof(attend_segment), 0, 0, 0, NULL, 0, NULL, NULL, 0, NULL, 0, 0, 0, 0, 0, 0, NULL, 0 }

/** Hears of a segment as soon as it is certain, on the thread of the call, whose session it must not use; it is
    borrowed until it returns. False ends the call. Since 0.2. */
typedef bool (*attend_segment_callback)(const attend_segment *segment, void *context);

/** How to transcribe. Start from ATTEND_TRANSCRIBE_OPTIONS_INIT. Since 0.2. */
typedef struct attend_transcribe_options {
    size_t struct_size;          /**< sizeof(attend_transcribe_options) */
    /** an object of JSON, ended by NUL, whose keys are options, all in docs/generation.md. Of a Whisper those of
        WhisperForConditionalGeneration.generate of transformers (language, task, return_timestamps, temperature, ...)
        and of generation; what is not there is as the checkpoint's generation_config.json says. Of a model with CTC
        those of transformers' pipelines and of pyctcdecode (chunk_length_s, beam_width, language_model, ...). NULL:
        none */
    const char *config;
    attend_segment_callback on_segment;  /**< or NULL */
    void *on_segment_context;            /**< given to `on_segment` as it is */
} attend_transcribe_options;

#define ATTEND_TRANSCRIBE_OPTIONS_INIT { sizeof(attend_transcribe_options), NULL, NULL, NULL }

/** What is said in recordings. Immutable; any thread may read it. Since 0.2. */
typedef struct attend_transcription attend_transcription;

/**
 * Writes down what is said in `count` recordings. The memory is that of windows, however long a recording is; those of
 * several recordings are heard side by side. With
 * - a Whisper, in windows of 30 s, each of which begins where the one before was understood to its end. Where a
 *   recording is longer than a window, timestamps are written, and `return_timestamps` may not be false;
 * - an encoder with CTC (wav2vec2, HuBERT, WavLM, data2vec, UniSpeech, wav2vec2-BERT, Parakeet), in windows that
 *   overlap; a segment ends behind a pause;
 * - a transducer (Parakeet TDT and RNN-T), likewise; what it writes goes on from window to window;
 * - a Moonshine, in windows that end at quiet places, each of which is a segment.
 *
 * All live sequences of the session are dropped, before and after. The session's progress is the share of the
 * recordings that is heard. `sounds` are inputs of the kinds ATTEND_INPUT_FILE, ATTEND_INPUT_BYTES and
 * ATTEND_INPUT_SAMPLES. Since 0.2.
 *
 * `*transcription` is owned by the caller, also where the call is cancelled or fails in the middle: it then holds the
 * segments that there were by then; after an error of the arguments it is NULL. `options` may be NULL. Errors:
 * INVALID_ARGUMENT (an option, by name; samples that are no numbers), NOT_FOUND, IO, INVALID_FILE (no sound),
 * UNSUPPORTED (the model does not transcribe; a library that is not installed is named), CANCELLED, OUT_OF_MEMORY,
 * BUSY, INVALID_STATE (after a fork).
 */
ATTEND_MUST_CHECK attend_error *attend_transcribe(
    attend_session *session, const attend_input *sounds, size_t count, const attend_transcribe_options *options,
    attend_transcription **transcription);

/**
 * Tells which languages are spoken in the first 30 s of recordings: `*transcription` has them, and no segments. Errors:
 * as of attend_transcribe; UNSUPPORTED (the model knows one language). Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_detect_languages(
    attend_session *session, const attend_input *sounds, size_t count, attend_transcription **transcription);

/** How many recordings there are. `transcription` must not be NULL. */
size_t attend_transcription_count(const attend_transcription *transcription);

/** How many segments a recording has; 0 where there is no such recording. */
size_t attend_transcription_segment_count(const attend_transcription *transcription, size_t recording);

/** Fills `*segment`, whose addresses are borrowed from `transcription`. Errors: INVALID_ARGUMENT. */
ATTEND_MUST_CHECK attend_error *attend_transcription_get_segment(
    const attend_transcription *transcription, size_t recording, size_t index, attend_segment *segment);

/** The code of the language of a recording, "en", borrowed and ended by NUL; NULL where the model names none. */
const char *attend_transcription_language(const attend_transcription *transcription, size_t recording);

/** The text of all segments of a recording, borrowed and ended by NUL; NULL where the model has no tokenizer. */
const char *attend_transcription_text(
    const attend_transcription *transcription, size_t recording, size_t *length);

/** What somebody says while he says it: fed with pieces of samples, it gives the segments that are settled. It keeps
    its session alive, which may be used otherwise between two calls. One thread at a time. Since 0.2. */
typedef struct attend_stream attend_stream;

/**
 * Makes a stream of samples of which `sample_rate` make a second. `options`, which may be NULL, are those of
 * attend_transcribe; `*stream` is owned by the caller. With
 * - a Whisper, what is not settled is decoded again with every second that is heard (`step_s`); the segments on which
 *   two results in a row agree are settled, if they end a step before what is heard, and those of a full window are;
 * - an encoder with CTC, a transducer or a Moonshine, segments are those that attend_transcribe would give for the
 *   whole recording with the same windows, which by default are shorter here: `chunk_length_s` 6, of a Moonshine 10.
 *
 * Segments do not depend on the sizes of the pieces; memory is that of a window. Errors: as of attend_transcribe.
 * Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_stream_create(
    attend_session *session, uint32_t sample_rate, const attend_transcribe_options *options, attend_stream **stream);

/**
 * Hears a piece, an input of the kind ATTEND_INPUT_SAMPLES, whose sample_rate is the stream's. `*settled` becomes a
 * transcription of one recording with the segments that this settles, perhaps none, owned by the caller, also where the
 * call is cancelled or fails; its text goes on from that of the calls before. NULL: `on_segment` hears of them alone.
 * All live sequences of the session are dropped, before and after. Errors: INVALID_ARGUMENT, CANCELLED, OUT_OF_MEMORY:
 * after any of these but that of an argument the stream is over; INVALID_STATE (it is over, or after a fork), BUSY.
 * Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_stream_feed(
    attend_stream *stream, const attend_input *samples, attend_transcription **settled);

/** Ends the stream and gives what was not settled; else as attend_stream_feed. Since 0.2. */
ATTEND_MUST_CHECK attend_error *attend_stream_finish(attend_stream *stream, attend_transcription **settled);

/** Frees a stream; NULL is allowed. */
void attend_stream_free(attend_stream *stream);

/** What a transcription is written as; since 0.2. */
typedef enum attend_transcription_format_kind {
    ATTEND_FORMAT_SRT = 1,  /**< SubRip */
    ATTEND_FORMAT_VTT = 2,  /**< WebVTT */
    /** an object with `segments` (`id`, `start`, `end`, `text` and, where there are any, `words` of `word`, `start` and
        `end`, and `characters` of `char`, `start` and `end`), `text`, and `language` where it is known */
    ATTEND_FORMAT_JSON = 3
} attend_transcription_format_kind;

/**
 * Writes a recording's segments as subtitles or JSON; `word_cues`: each word is a cue of the subtitles, where a segment
 * has words. `*text` is owned by the caller. Errors: INVALID_ARGUMENT, UNSUPPORTED (there are no texts, as the model
 * has no tokenizer), OUT_OF_MEMORY. Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_transcription_format(
    const attend_transcription *transcription, size_t recording, attend_transcription_format_kind format,
    bool word_cues, attend_text **text);

/** Frees a transcription; NULL is allowed. */
void attend_transcription_free(attend_transcription *transcription);

/** @} */

/* ------------------------------------------------------------------------------------------------------------------
 * Pictures from texts
 * ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup pictures_from_texts Pictures from texts
 * Drawn token by token, painted, ranked.
 * @{ */

/** How to draw. Start from ATTEND_DRAW_OPTIONS_INIT. Since 0.2. */
typedef struct attend_draw_options {
    size_t struct_size;       /**< sizeof(attend_draw_options) */
    uint64_t seed;            /**< of the random numbers */
    size_t candidates;        /**< the pictures that are drawn of the text; 0: 1 */
    double temperature;       /**< the divisor of the logits; 0: 1 */
    size_t top_k;             /**< the tokens that are drawn from, the most probable ones; 0: all */
    double top_p;             /**< the share of the probability that these hold; 0: all of it */
    /** how far what is drawn is led away from what would be drawn of no text (classifier-free guidance, in dalle-mini
        super-conditioning): u + scale * (c - u); 1: not at all; 0: as the model's own program has it, 10 for DALL-E
        mini in Flax, 16 for min-dalle, 5 for Janus */
    double condition_scale;
    const attend_model *clip; /**< a model that compares pictures with texts, which ranks the candidates; or NULL */
    /** the folder of the VQGAN that paints, ended by NUL; NULL: the model's own, or else `vqgan` or
        `vqgan_imagenet_f16_16384` in the model's folder or beside it. It is kept for the next call */
    const char *painter;
    bool greedy;              /**< the most probable token each time, in place of a random one */
} attend_draw_options;

#define ATTEND_DRAW_OPTIONS_INIT { sizeof(attend_draw_options), 0, 0, 0, 0, 0, 0, NULL, NULL, false }

/** Pictures that were drawn of a text. Immutable; any thread may read it. Since 0.2. */
typedef struct attend_drawing attend_drawing;

/**
 * Draws `candidates` pictures of a text, with a DALL-E mini or mega, of Flax or of min-dalle, or with a Janus. The text
 * is prepared as the model's own program does: DALL-E mini's normaliser (words behind # are not split), lower case
 * (min-dalle), the checkpoint's chat template (Janus). The same request gives the same bits. All live sequences of the
 * session are dropped, before and after. The session's progress is the share of the call that is done. Since 0.2.
 *
 * `*drawing` is owned by the caller. `options` may be NULL. Errors: INVALID_ARGUMENT (an option, by name), NOT_FOUND
 * (no VQGAN), IO, INVALID_FILE, UNSUPPORTED (the model draws no pictures, or `clip` compares none), CANCELLED,
 * OUT_OF_MEMORY, BUSY, INVALID_STATE (after a fork).
 */
ATTEND_MUST_CHECK attend_error *attend_draw(
    attend_session *session, const char *text, size_t length, const attend_draw_options *options,
    attend_drawing **drawing);

/** How many pictures there are; with `clip` the best comes first. `drawing` must not be NULL. */
size_t attend_drawing_count(const attend_drawing *drawing);

/** The pixels of a picture, borrowed from `drawing`: uint8, {height, width, 3}, red, green and blue. Errors:
    INVALID_ARGUMENT. */
ATTEND_MUST_CHECK attend_error *attend_drawing_pixels(
    const attend_drawing *drawing, size_t index, attend_tensor *pixels);

/** The tokens that a picture was painted from, borrowed, `[*count]`; NULL where there is no such picture. */
const int32_t *attend_drawing_tokens(const attend_drawing *drawing, size_t index, size_t *count);

/** How well a picture matches the text: the logit that `clip` gives the two; NaN where nothing ranked it. */
double attend_drawing_score(const attend_drawing *drawing, size_t index);

/** Writes a picture as a PNG, which comes to be all at once. Errors: INVALID_ARGUMENT, NOT_FOUND (the folder), IO,
    UNSUPPORTED (libpng is not installed; its package is named). */
ATTEND_MUST_CHECK attend_error *attend_drawing_save(const attend_drawing *drawing, size_t index, const char *path);

/** Frees a drawing; NULL is allowed. */
void attend_drawing_free(attend_drawing *drawing);

/** @} */

/* ------------------------------------------------------------------------------------------------------------------
 * Classes
 * ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup classes Classes
 * Texts, pictures and sounds to labels with scores.
 * @{ */

/** How the logits of classes become scores; since 0.2. */
typedef enum attend_class_function {
    /** as transformers' pipelines: none where config.json's problem_type is "regression", a sigmoid where it is
        "multi_label_classification" or where a text or a picture has one class alone, else a softmax */
    ATTEND_CLASS_DEFAULT = 0,
    ATTEND_CLASS_SOFTMAX = 1,  /**< classes compete: the scores of all sum to 1 */
    ATTEND_CLASS_SIGMOID = 2,  /**< each is judged by itself */
    ATTEND_CLASS_NONE = 3,     /**< scores are the logits */
    /** as sentence-transformers' CrossEncoder: the activation that config.json names, else a sigmoid of one class, and
        the logits of several */
    ATTEND_CLASS_CROSS_ENCODER = 4
} attend_class_function;

/** How to classify; since 0.2. Start from ATTEND_CLASSIFY_OPTIONS_INIT. */
typedef struct attend_classify_options {
    size_t struct_size;              /**< sizeof(attend_classify_options) */
    size_t top_k;                    /**< how many classes are told of each input, the best ones; 0: all */
    attend_class_function function;
    /** of attend_classify_texts: the most tokens of a text or a pair, special ones included; longer ones are cut as
        attend_tokenize_options.truncation says by default. 0: one that the model cannot read is an error */
    size_t max_length;
} attend_classify_options;

#define ATTEND_CLASSIFY_OPTIONS_INIT { sizeof(attend_classify_options), 0, ATTEND_CLASS_DEFAULT, 0 }

/** The classes of inputs. Immutable; any thread may read it. Since 0.2. */
typedef struct attend_classification attend_classification;

/**
 * Classifies `count` pictures or sounds, by a model with a head for it. All live sequences of the session are dropped,
 * before and after. `options` may be NULL. `*classification` is owned by the caller. Errors: INVALID_ARGUMENT,
 * NOT_FOUND, IO, INVALID_FILE (no picture, no sound), UNSUPPORTED (the model has no such head, or reads no such
 * inputs), CANCELLED, OUT_OF_MEMORY, BUSY, INVALID_STATE (after a fork). Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_classify(
    attend_session *session, const attend_input *inputs, size_t count, const attend_classify_options *options,
    attend_classification **classification);

/**
 * The same of texts, text i being `lengths[i]` bytes at `texts[i]`, with a second text `pairs[i]` of `pair_lengths[i]`
 * bytes each where `pairs` is not NULL (entailment, rerankers). They are tokenized with special tokens. Errors: as of
 * attend_classify, and of attend_tokenizer_encode_batch. Since 0.2.
 */
ATTEND_MUST_CHECK attend_error *attend_classify_texts(
    attend_session *session, const char *const *texts, const size_t *lengths, const char *const *pairs,
    const size_t *pair_lengths, size_t count, const attend_classify_options *options,
    attend_classification **classification);

/** A class of an input. Set struct_size (ATTEND_CLASS_INIT) before asking. Since 0.2. */
typedef struct attend_class {
    size_t struct_size;  /**< sizeof(attend_class) */
    size_t number;       /**< the place of its logit */
    /** as config.json's id2label names it, ended by NUL; "LABEL_0" and so on where it has no name */
    const char *label;
    size_t label_length;
    double score;
    float logit;
} attend_class;

#define ATTEND_CLASS_INIT { sizeof(attend_class), 0, NULL, 0, 0, 0 }

/** How many inputs there were. `classification` must not be NULL. */
size_t attend_classification_count(const attend_classification *classification);

/** How many classes are told of an input; 0 where there is no such input. `classification` must not be NULL. */
size_t attend_classification_class_count(const attend_classification *classification, size_t input);

/**
 * Fills `*entry` with the class of an input that has place `rank`, from 0, the best, on; of equal scores the lower
 * number is first. Its label is borrowed from `classification`. Errors: INVALID_ARGUMENT.
 */
ATTEND_MUST_CHECK attend_error *attend_classification_get(
    const attend_classification *classification, size_t input, size_t rank, attend_class *entry);

/** Frees a classification; NULL is allowed. */
void attend_classification_free(attend_classification *classification);

/** @} */

/* ------------------------------------------------------------------------------------------------------------------
 * Tasks on texts
 * ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup tasks_on_texts Tasks on texts
 * Entities, answers, masked words, labels of the caller's.
 *
 * What transformers' pipelines of these names do, to the label, the span and the order; all since 0.2, all explained in
 * docs/tasks.md. Texts are `count` texts, text i being `lengths[i]` bytes of UTF-8 at `texts[i]`. All live sequences of
 * the session are dropped, before and after. Options may be NULL. Results are owned by the caller and immutable: any
 * thread may read them; texts in them are borrowed, and end with NUL. A text that the model cannot read is an error
 * that names it, unless the options allow to cut it.
 *
 * Errors: INVALID_ARGUMENT, UNSUPPORTED (the checkpoint has no head for the task, which is named with the class that it
 * was saved as), what attend_model_tokenizer and attend_tokenizer_encode_batch return, CANCELLED, OUT_OF_MEMORY, BUSY,
 * INVALID_STATE (after a fork).
 * @{ */

/** How tokens become entities, as aggregation_strategy of transformers' pipeline has it. */
typedef enum attend_aggregation {
    ATTEND_AGGREGATION_NONE = 0,    /**< each token by itself */
    /** neighbours of one class are an entity; a class written "B-..." begins another */
    ATTEND_AGGREGATION_SIMPLE = 1,
    ATTEND_AGGREGATION_FIRST = 2,   /**< the same of words, whose class is that of their first token */
    ATTEND_AGGREGATION_AVERAGE = 3, /**< the same, by the mean of their tokens' scores */
    ATTEND_AGGREGATION_MAX = 4      /**< the same, by the token with the highest score */
} attend_aggregation;

/** How to find entities. Start from ATTEND_ENTITY_OPTIONS_INIT. */
typedef struct attend_entity_options {
    size_t struct_size;                /**< sizeof(attend_entity_options) */
    attend_aggregation aggregation;
    /** classes whose entities are left out, ended by NUL; NULL: "O" alone */
    const char *const *ignored_labels;
    size_t ignored_label_count;        /**< 0 beside an array: none is left out */
    /** the most tokens that are read at once, special ones included: longer texts are cut, or read in windows; 0: one
        that the model cannot read is an error, or with windows as many as the model reads */
    size_t max_length;
    /** true: longer texts are read in windows; of entities that overlap the longer one stays, or the one with the
        higher score. Only with an aggregation */
    bool windows;
    size_t stride;                     /**< tokens that a window shares with the one before it */
} attend_entity_options;

#define ATTEND_ENTITY_OPTIONS_INIT \
    { sizeof(attend_entity_options), ATTEND_AGGREGATION_NONE, NULL, 0, 0, false, 0 }

/** The entities of texts. */
typedef struct attend_entities attend_entities;

/** Finds entities, by a model with a head for classes of tokens (...ForTokenClassification). */
ATTEND_MUST_CHECK attend_error *attend_find_entities(
    attend_session *session, const char *const *texts, const size_t *lengths, size_t count,
    const attend_entity_options *options, attend_entities **entities);

/** A token, or some neighbours, with a class. Set struct_size (ATTEND_ENTITY_INIT) before asking. */
typedef struct attend_entity {
    size_t struct_size;           /**< sizeof(attend_entity) */
    const char *label;            /**< as id2label names it; aggregated, what stands behind its first hyphen */
    size_t label_length;
    double score;                 /**< aggregated, the mean of the tokens' or words' scores */
    const char *word;             /**< the tokens, as the tokenizer's decoder puts them together */
    size_t word_length;
    int64_t token;                /**< the place of the token in its sequence; -1: aggregated */
    attend_token_offsets offsets; /**< in the text, from the first token's start to the last one's end */
} attend_entity;

#define ATTEND_ENTITY_INIT { sizeof(attend_entity), NULL, 0, 0, NULL, 0, 0, { 0, 0, 0, 0 } }

/** How many texts there were. `entities` must not be NULL. */
size_t attend_entities_count(const attend_entities *entities);

/** How many entities a text has; 0 where there is no such text. `entities` must not be NULL. */
size_t attend_entities_entity_count(const attend_entities *entities, size_t text);

/** Fills `*entity` with entity `index` of a text, in their order. Errors: INVALID_ARGUMENT. */
ATTEND_MUST_CHECK attend_error *attend_entities_get(
    const attend_entities *entities, size_t text, size_t index, attend_entity *entity);

/** Frees entities; NULL is allowed. */
void attend_entities_free(attend_entities *entities);

/** How to answer questions about texts. Start from ATTEND_ANSWER_OPTIONS_INIT. */
typedef struct attend_answer_options {
    size_t struct_size;        /**< sizeof(attend_answer_options) */
    size_t top_k;              /**< how many answers are given, the best ones; 0: one */
    size_t max_answer_length;  /**< tokens of an answer at most; 0: 15 */
    /** tokens of question and text that are read at once, special ones included: longer texts are read in windows; 0:
        384, or as many as the model reads */
    size_t max_length;
    size_t stride;             /**< tokens of the text that windows share; 0: 128, or half of max_length */
    bool allow_no_answer;      /**< true: that the text holds no answer is an answer too, an empty one */
    /** true: answers begin and end between tokens, not between words: for languages that write no spaces */
    bool within_words;
} attend_answer_options;

#define ATTEND_ANSWER_OPTIONS_INIT { sizeof(attend_answer_options), 0, 0, 0, 0, false, false }

/** The answers to questions. */
typedef struct attend_answers attend_answers;

/**
 * Answers `count` questions, each by stretches of a text of its own, by a model with a head for it
 * (...ForQuestionAnswering). Of windows of a text the best answers of all are given, and answers that read alike are
 * one, with the sum of their scores. A question that leaves no room for the text is an error.
 */
ATTEND_MUST_CHECK attend_error *attend_answer(
    attend_session *session, const char *const *questions, const size_t *question_lengths, const char *const *texts,
    const size_t *lengths, size_t count, const attend_answer_options *options, attend_answers **answers);

/** A stretch of a text that answers a question. Set struct_size (ATTEND_ANSWER_SPAN_INIT) before asking. */
typedef struct attend_answer_span {
    size_t struct_size;           /**< sizeof(attend_answer_span) */
    const char *text;             /**< the stretch; empty: the text holds no answer */
    size_t text_length;
    double score;                 /**< the probability of its start times that of its end */
    attend_token_offsets offsets; /**< in the text */
} attend_answer_span;

#define ATTEND_ANSWER_SPAN_INIT { sizeof(attend_answer_span), NULL, 0, 0, { 0, 0, 0, 0 } }

/** How many questions there were. `answers` must not be NULL. */
size_t attend_answers_count(const attend_answers *answers);

/** How many answers a question has, at most top_k; 0 where there is no such question. `answers` must not be NULL. */
size_t attend_answers_span_count(const attend_answers *answers, size_t question);

/**
 * Fills `*span` with the answer to a question that has place `rank`, from 0, the best, on. Errors: INVALID_ARGUMENT.
 */
ATTEND_MUST_CHECK attend_error *attend_answers_get(
    const attend_answers *answers, size_t question, size_t rank, attend_answer_span *span);

/** Frees answers; NULL is allowed. */
void attend_answers_free(attend_answers *answers);

/** How to fill masked places. Start from ATTEND_FILL_OPTIONS_INIT. */
typedef struct attend_fill_options {
    size_t struct_size;          /**< sizeof(attend_fill_options) */
    size_t top_k;                /**< how many tokens are told of each place, the best ones; 0: five */
    /** texts, ended by NUL, whose tokens alone may fill places: the one spelled so, else the first one that the text
        becomes; NULL: all tokens. Scores are shares of the whole vocabulary all the same */
    const char *const *targets;
    size_t target_count;
    size_t max_length;           /**< longer texts are cut to as many tokens; 0: they are an error */
} attend_fill_options;

#define ATTEND_FILL_OPTIONS_INIT { sizeof(attend_fill_options), 0, NULL, 0, 0 }

/** The fillings of masked places. */
typedef struct attend_fillings attend_fillings;

/**
 * Fills the places of texts where the tokenizer's mask token stands, by a model with a head for masked words
 * (...ForMaskedLM). Errors besides: INVALID_ARGUMENT for a text without such a place, and for a target that is no
 * token.
 */
ATTEND_MUST_CHECK attend_error *attend_fill(
    attend_session *session, const char *const *texts, const size_t *lengths, size_t count,
    const attend_fill_options *options, attend_fillings **fillings);

/** A token for a masked place. Set struct_size (ATTEND_FILLING_INIT) before asking. */
typedef struct attend_filling {
    size_t struct_size;  /**< sizeof(attend_filling) */
    int32_t token;
    double score;        /**< its share of the vocabulary, by softmax */
    const char *word;    /**< the token as text */
    size_t word_length;
    /** the whole text with the token in its place; where there are several places, with special tokens */
    const char *text;
    size_t text_length;
} attend_filling;

#define ATTEND_FILLING_INIT { sizeof(attend_filling), 0, 0, NULL, 0, NULL, 0 }

/** How many texts there were. `fillings` must not be NULL. */
size_t attend_fillings_count(const attend_fillings *fillings);

/** How many masked places a text has; 0 where there is no such text. `fillings` must not be NULL. */
size_t attend_fillings_mask_count(const attend_fillings *fillings, size_t text);

/** How many tokens are told of a masked place; 0 where there is none. `fillings` must not be NULL. */
size_t attend_fillings_filling_count(const attend_fillings *fillings, size_t text, size_t mask);

/** Fills `*filling` with the token that has place `rank`, from 0, the best, on. Errors: INVALID_ARGUMENT. */
ATTEND_MUST_CHECK attend_error *attend_fillings_get(
    const attend_fillings *fillings, size_t text, size_t mask, size_t rank, attend_filling *filling);

/** Frees fillings; NULL is allowed. */
void attend_fillings_free(attend_fillings *fillings);

/** How to classify by labels of the caller's. Start from ATTEND_ZERO_SHOT_OPTIONS_INIT. */
typedef struct attend_zero_shot_options {
    size_t struct_size;              /**< sizeof(attend_zero_shot_options) */
    /** the hypothesis about a label, ended by NUL, with `{}` in its place; NULL: "This example is {}." */
    const char *hypothesis_template;
    bool multi_label;                /**< true: each label is judged by itself, not against the others */
    /** the most tokens of a text with a hypothesis: the text loses its end; 0: longer ones are an error */
    size_t max_length;
} attend_zero_shot_options;

#define ATTEND_ZERO_SHOT_OPTIONS_INIT { sizeof(attend_zero_shot_options), NULL, false, 0 }

/**
 * Classifies texts by `label_count` labels of the caller's, label i being `label_lengths[i]` bytes at `labels[i]`: a
 * model of entailment judges the hypothesis about each. Its class of entailment is the one whose name in config.json
 * begins so. The classes of the result are the labels; a logit is that of entailment. Errors besides: UNSUPPORTED where
 * no class is entailment, with the names that there are.
 */
ATTEND_MUST_CHECK attend_error *attend_classify_zero_shot(
    attend_session *session, const char *const *texts, const size_t *lengths, size_t count, const char *const *labels,
    const size_t *label_lengths, size_t label_count, const attend_zero_shot_options *options,
    attend_classification **classification);

/** @} */

/* ------------------------------------------------------------------------------------------------------------------
 * Embeddings
 * ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup embeddings Embeddings
 * Texts to vectors.
 * @{ */

/** How to embed. Start from ATTEND_EMBED_OPTIONS_INIT. At most one of the two prompts may be set. */
typedef struct attend_embed_options {
    size_t struct_size;       /**< sizeof(attend_embed_options) */
    /** a text, ended by NUL; "": nothing, whatever the folder says; NULL: as prompt_name says */
    const char *prompt;
    /** a name in the `prompts` of config_sentence_transformers.json, ended by NUL; NULL: its default_prompt_name, where
        it has one */
    const char *prompt_name;
    /** how many numbers of each vector are kept, the first ones; 0: as many as the folder says (truncate_dim), where it
        does not all of them; more than there are: all of them; since 0.2 */
    size_t truncate_dim;
} attend_embed_options;

#define ATTEND_EMBED_OPTIONS_INIT { sizeof(attend_embed_options), NULL, NULL, 0 }

/**
 * A vector for each of `count` texts, text i being `lengths[i]` bytes of UTF-8 at `texts[i]`. `*embeddings` becomes a
 * borrowed float32 view, [count, width]. The texts are tokenized by the model's tokenizer, with special tokens, and cut
 * as sentence-transformers cuts them: to max_seq_length, or where that is not given to the tokenizer's
 * model_max_length, and to the model's positions; the special tokens stay. They run in parts, so that any number of
 * texts may be given at once. Whatever the session held before is dropped, and no sequence is live afterwards.
 * `options` may be NULL.
 *
 * A folder of sentence-transformers (modules.json) gives the embeddings that it was made for, normalised if it says so.
 * From any other checkpoint of an encoder or a decoder comes what sentence-transformers makes of it: the mean of the
 * hidden states of all tokens, special ones included, or for a causal language model (`architectures`: ...ForCausalLM)
 * the hidden state of the last token; not normalised. attend_session_pooled gives the same vectors for a batch of one's
 * own, in a folder of sentence-transformers.
 *
 * Where the folder says that the prompt is left out of the pooling (include_prompt), its tokens count for attention
 * alone.
 *
 * Errors: INVALID_ARGUMENT (NULL, no text, both or an unknown prompt; a text that becomes no token, or an id or
 * sequence that attend_encode would refuse; the text is named), what attend_model_tokenizer returns where there is no
 * usable tokenizer, UNSUPPORTED (an encoder-decoder), INVALID_FILE, BUSY, INVALID_STATE (after a fork): these leave the
 * session as it was. After OUT_OF_MEMORY and CANCELLED no sequence is live.
 */
ATTEND_MUST_CHECK attend_error *attend_embed(
    attend_session *session, const char *const *texts, const size_t *lengths, size_t count,
    const attend_embed_options *options, attend_tensor *embeddings);

/**
 * How well pictures and texts match, of a model with a tower for each (CLIP, SigLIP); since 0.2. `pictures`,
 * [picture_count, width], are embeddings as attend_session_pooled gives them of an encoded batch of pictures, `texts`,
 * [text_count, width], those of attend_embed; width is attend_model_info.embedding_size. Fills `logits` and
 * `probabilities`, [picture_count, text_count] each: where texts compete for a picture, as in CLIP, the probabilities
 * of a picture sum to 1; where each pair is judged by itself, as in SigLIP, each is between 0 and 1.
 *
 * Errors: INVALID_ARGUMENT (NULL, a count of 0), UNSUPPORTED (a model that compares none).
 */
ATTEND_MUST_CHECK attend_error *attend_similarity(
    const attend_model *model, const float *pictures, size_t picture_count, const float *texts, size_t text_count,
    float *logits, float *probabilities);

/** @} */

/* ------------------------------------------------------------------------------------------------------------------
 * Vectors
 * ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup vectors Vectors
 * Which of many vectors have the largest products with a query: semantic search over what attend_embed gives. All since
 * 0.2. The search is exact. All vectors are read in 8 bits, in which bounds of every product are known; those that may
 * be among the best are then computed from the vectors themselves, in double precision, so that results do not depend
 * on threads, kernels or what else was asked at once.
 * @{ */

/** Vectors that can be looked for. Searching is const: any number of threads at once. */
typedef struct attend_search_index attend_search_index;

/** How to make an index. Start from ATTEND_SEARCH_INDEX_OPTIONS_INIT. */
typedef struct attend_search_index_options {
    size_t struct_size;          /**< sizeof(attend_search_index_options) */
    /** ATTEND_COMPUTE_FLOAT32, the default: scores are products with the vectors as they were given, 5 bytes a number;
        ATTEND_COMPUTE_INT8: with what 8 bits leave of them, 1 byte a number */
    attend_compute_type type;
    uint32_t threads;            /**< of a search, the caller's included; 0: one for each processor */
    const char *kernels;         /**< as in attend_model_options */
    bool normalize;              /**< true: vectors and queries are brought to length 1, and scores are cosines */
} attend_search_index_options;

#define ATTEND_SEARCH_INDEX_OPTIONS_INIT \
    { sizeof(attend_search_index_options), ATTEND_COMPUTE_DEFAULT, 0, NULL, false }

/**
 * Makes an index without vectors, of `width` numbers each, at most 65,536. `options` may be NULL. `*index` is owned by
 * the caller. Errors: INVALID_ARGUMENT, UNSUPPORTED (other types, kernels), OUT_OF_MEMORY.
 */
ATTEND_MUST_CHECK attend_error *attend_search_index_create(
    size_t width, const attend_search_index_options *options, attend_search_index **index);

/**
 * Opens an index that attend_search_index_save wrote, whose type and `normalize` are those of the file; `options` say
 * the rest. Vectors in float32 stay in the file, which is mapped: it must not be changed as long as the index lives.
 * Errors: NOT_FOUND, IO, INVALID_FILE, INVALID_ARGUMENT, UNSUPPORTED, OUT_OF_MEMORY.
 */
ATTEND_MUST_CHECK attend_error *attend_search_index_open(
    const char *path, const attend_search_index_options *options, attend_search_index **index);

/**
 * Adds `count` vectors, float32, [count, width], which get the next numbers, from 0 on. Nobody may search meanwhile.
 * Errors: INVALID_ARGUMENT (a number that is not finite or, without `normalize`, a vector whose largest number is not
 * between 2^-100 and 2^100 in size: no vector is added), OUT_OF_MEMORY (the first ones may have been added;
 * attend_search_index_count tells).
 */
ATTEND_MUST_CHECK attend_error *attend_search_index_add(
    attend_search_index *index, const float *vectors, size_t count);

/**
 * Finds for each of `count` queries, [count, width], the `top_k` vectors with the largest products, the best first and
 * of equals the one with the lower number. Fills `numbers` and `scores`, [count, top_k] each; where there are fewer
 * vectors the rest is -1 and minus infinity. Errors: INVALID_ARGUMENT, OUT_OF_MEMORY.
 */
ATTEND_MUST_CHECK attend_error *attend_search_index_search(
    const attend_search_index *index, const float *queries, size_t count, size_t top_k, int64_t *numbers,
    float *scores);

/** How many vectors there are. `index` must not be NULL. */
size_t attend_search_index_count(const attend_search_index *index);

/** How many numbers a vector has. `index` must not be NULL. */
size_t attend_search_index_width(const attend_search_index *index);

/** What scores are products with: ATTEND_COMPUTE_FLOAT32 or ATTEND_COMPUTE_INT8. `index` must not be NULL. */
attend_compute_type attend_search_index_type(const attend_search_index *index);

/** The bytes that the vectors take, in memory or in the file. `index` must not be NULL. */
size_t attend_search_index_bytes(const attend_search_index *index);

/** Saves an index in a file, which comes to be all at once. Errors: INVALID_ARGUMENT, NOT_FOUND (the folder), IO. */
ATTEND_MUST_CHECK attend_error *attend_search_index_save(const attend_search_index *index, const char *path);

/** Frees an index; NULL is allowed. */
void attend_search_index_free(attend_search_index *index);

/** @} */

/* ------------------------------------------------------------------------------------------------------------------
 * Introspection
 * ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup introspection Introspection
 * What a model is, attention maps, memory.
 * @{ */

/** How a model is built. */
typedef enum attend_model_kind {
    ATTEND_KIND_ENCODER = 1,
    ATTEND_KIND_DECODER = 2,
    ATTEND_KIND_ENCODER_DECODER = 3
} attend_model_kind;

/**
 * The numbers of a model. Set struct_size (ATTEND_MODEL_INFO_INIT) before asking. A token that the model does not have
 * is -1.
 */
typedef struct attend_model_info {
    size_t struct_size;           /**< sizeof(attend_model_info) */
    attend_model_kind kind;
    attend_compute_type compute;       /**< what the matrix products are computed in */
    uint32_t threads;             /**< how many threads a call may use */
    size_t vocabulary_size;       /**< the decoder's, the width of its logits, else the encoder's: ids run from 0 to
                                       this less 1 */
    size_t hidden_size;           /**< the width of the decoder's hidden states, else of the encoder's */
    size_t encoder_layers;        /**< 0 where there is no encoder */
    size_t decoder_layers;        /**< 0 where there is no decoder */
    size_t encoder_positions;     /**< the longest source that config.json speaks of; SIZE_MAX: it states none */
    size_t decoder_positions;     /**< the longest target, or text of a decoder, likewise */
    size_t parameters;            /**< elements of all weights, each counted once */
    /** memory that the weights take as the kernels read them; token tables that are read in the mapped file are not
        counted */
    size_t weight_bytes;
    int32_t decoder_start_token;  /**< the first token to give to the decoder */
    int32_t begin_token;          /**< bos_token_id */
    int32_t end_token;            /**< eos_token_id, the first where there are several */
    int32_t pad_token;            /**< pad_token_id */
    int32_t unknown_token;        /**< unk_token_id */
    int32_t forced_begin_token;   /**< the token that must follow the start token */
    int32_t forced_end_token;     /**< the token that must stand at the maximal length */
    /** since 0.2: ids of sources, or of an encoder's texts, and the width of its states; 0 where there is no encoder */
    size_t encoder_vocabulary_size;
    size_t encoder_hidden_size;
    /** since 0.2: ids of targets, or of a decoder's texts, and the width of its states; 0 where there is no decoder */
    size_t decoder_vocabulary_size;
    size_t decoder_hidden_size;
    size_t label_count;           /**< since 0.2: classes that have a name, see attend_model_label */
    /** since 0.2: what attend_batch.token_types may be, from 0 to this less 1; 0: the model takes none */
    size_t token_type_count;
    size_t embedding_size;        /**< since 0.2: the width of what attend_embed gives; 0: the model makes none */
    size_t first_layer;           /**< since 0.2: the number of its first decoder layer in the checkpoint */
    size_t whole_layers;          /**< since 0.2: decoder layers of the checkpoint, decoder_layers of them are loaded */
    /** since 0.2: of mapped weights (attend_weight_placement) the bytes in the file, those of them that are in memory
        at this moment, and those that were read since the model was loaded; 0: none are mapped */
    size_t mapped_bytes;
    size_t mapped_resident_bytes;
    uint64_t mapped_read_bytes;
    /** since 0.2: seconds that products with mapped weights waited until these were in memory, and that they took
        altogether: the first by the second is the share of time that waits for the disk */
    double mapped_wait_seconds;
    double mapped_product_seconds;
} attend_model_info;

#define ATTEND_MODEL_INFO_INIT \
    { sizeof(attend_model_info), (attend_model_kind)0, ATTEND_COMPUTE_DEFAULT, \
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** Fills `*info` up to its struct_size. Errors: INVALID_ARGUMENT. */
ATTEND_MUST_CHECK attend_error *attend_model_get_info(const attend_model *model, attend_model_info *info);

/** The family, as config.json's model_type spells it: "marian". Borrowed from the model, which must not be NULL. */
const char *attend_model_family(const attend_model *model);

/**
 * The name of class `index` of a classifier, as config.json's id2label has it, and where a classifier has no id2label
 * "LABEL_0" and so on; NULL where that class has no name. Ends with NUL; its length goes to `*length`, which may be
 * NULL. Borrowed from the model, which must not be NULL. Since 0.2.
 */
const char *attend_model_label(const attend_model *model, size_t index, size_t *length);

/** The kernels that the model runs on: "amx", "avx512", "avx2" or "portable". Static. `model` must not be NULL. */
const char *attend_model_kernels(const attend_model *model);

/** All end-of-sequence tokens. Borrowed from the model. Neither pointer may be NULL. */
const int32_t *attend_model_end_tokens(const attend_model *model, size_t *count);

/** config.json as it stands in the folder. Borrowed from the model. `length` may be NULL. */
const char *attend_model_config(const attend_model *model, size_t *length);

/**
 * generation_config.json as it stands in the folder, or NULL where there is none. Borrowed from the model. `length` may
 * be NULL.
 */
const char *attend_model_generation_config(const attend_model *model, size_t *length);

/** A tensor of the checkpoint, as the file stores it. All pointers are borrowed from the model. */
typedef struct attend_tensor_info {
    size_t struct_size;   /**< sizeof(attend_tensor_info) */
    const char *name;
    attend_element_type type;
    size_t rank;
    const size_t *shape;  /**< [rank] */
} attend_tensor_info;

#define ATTEND_TENSOR_INFO_INIT { sizeof(attend_tensor_info), NULL, (attend_element_type)0, 0, NULL }

/** How many tensors the checkpoint holds. `model` must not be NULL. */
size_t attend_model_tensor_count(const attend_model *model);

/** Describes tensor `index`, in the order of their names. Errors: INVALID_ARGUMENT. */
ATTEND_MUST_CHECK attend_error *attend_model_tensor(const attend_model *model, size_t index, attend_tensor_info *info);

/** Whose queries look at whose keys in an attention map. */
typedef enum attend_attention_kind {
    ATTEND_ATTENTION_ENCODER = 1,  /**< an encoder's tokens at each other */
    ATTEND_ATTENTION_DECODER = 2,  /**< a decoder's tokens at those before them and at themselves */
    ATTEND_ATTENTION_CROSS = 3,    /**< the tokens of an encoder-decoder's decoder at the source */
    ATTEND_ATTENTION_VISION = 4    /**< the patches of a picture at each other, in a tower beside a stack of tokens */
} attend_attention_kind;

/**
 * Switches on, or off again, that calls keep their attention maps. It is off at the start and then costs nothing; on, a
 * call keeps heads x queries x keys numbers for each layer and sequence. The maps of calls before are forgotten.
 * Errors: INVALID_ARGUMENT, BUSY, INVALID_STATE (after a fork).
 */
ATTEND_MUST_CHECK attend_error *attend_session_record_attentions(attend_session *session, bool on);

/**
 * The attention map of sequence `sequence` in layer `layer` that the last attend_encode, attend_decode_step or
 * attend_decode computed: a borrowed float32 view, [heads, queries, keys]. Queries are the tokens of that call; keys
 * are those of the encoder's text or source, or all that the decoder has read of the sequence. Each row holds the
 * probabilities of a query, 0 where it does not look, and sums to 1, or to less in a model with sinks. attend_encode of
 * an encoder-decoder leaves maps of its encoder, its decode calls those of the decoder and across; a decoder's calls
 * all leave maps of the decoder. A call that reads pictures beside tokens leaves those of their tower besides, sequence
 * by sequence those of the pictures in their order. A layer that attends within windows (Swin, DaViT of Florence-2)
 * leaves [windows, heads, queries, keys], window by window from the top left, states row by row; where windows are
 * shifted, the picture is turned by the shift first; what fills windows up at the right and the bottom is there too. A
 * layer that attends between channels (DaViT) leaves [groups, channels, channels]. Errors: INVALID_STATE (maps were not
 * recorded, that call left none of this kind, or attend_session_select came after it), INVALID_ARGUMENT, BUSY.
 */
ATTEND_MUST_CHECK attend_error *attend_session_attentions(
    const attend_session *session, attend_attention_kind kind, size_t layer, size_t sequence, attend_tensor *map);

/**
 * The bytes that a session holds at this moment: caches with their lists, outputs, attention maps and scratch. Errors:
 * INVALID_ARGUMENT, BUSY.
 */
ATTEND_MUST_CHECK attend_error *attend_session_memory(const attend_session *session, size_t *bytes);

/** @} */

/* ------------------------------------------------------------------------------------------------------------------
 * Functions
 * ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup functions Functions
 * The pieces of a Transformer on arrays of the caller's; all since 0.2. No model and no session: inputs and outputs are
 * the caller's memory, scratch memory comes from a context that is used again, the kernels are those of the models.
 *
 * Shapes are written [..., heads, queries, width], `...` being any dimensions before, also none. Inputs are float32,
 * bfloat16 or float16, outputs float32 or bfloat16; all is computed in float32. Arrays whose rows lie at equal
 * distances are read and written where they are, others are copied on the way. An output may overlap an input other
 * than weights: it is then written last. After a failure outputs are untouched, or where memory ran out in the middle,
 * unfinished.
 *
 * Errors: INVALID_ARGUMENT (the message names the argument and both shapes, or the numbers), OUT_OF_MEMORY, BUSY,
 * INVALID_STATE (after a fork).
 *
 * Accuracy, against the same formula in exact arithmetic: a product of n inputs is off by n 2^-24 times the sum of its
 * terms' sizes at most; exp by 1.2 ulp, erf and tanh by 6 ulp, sigmoid by 3 ulp of float32; norms and softmax by 2^-20
 * of the largest number of their row; attention, multi-head attention and layers by 1e-5 of the largest number of the
 * result, where inputs are of the size of normally distributed ones and sums run over 4,096 numbers at most (tested in
 * 1,000 random cases against PyTorch in float64). Results in bfloat16 are rounded once, at the end.
 *
 * Bits: a row, or for attention a query with its keys, gives the same bits whatever stands beside it, on any number of
 * threads, with AVX2 and AVX-512. Sequences of a ragged batch (`key_lengths`) give those that each gives alone.
 * @{ */

/** Dimensions of an array at most. */
#define ATTEND_MAX_RANK 8

/** Numbers in the caller's memory, which is only written where an array is an output. */
typedef struct attend_array {
    void *data;               /**< the element whose indices are all 0 */
    attend_element_type type;
    uint32_t rank;            /**< at most ATTEND_MAX_RANK */
    int64_t shape[8];
    /** elements from an index to the next; may be negative, and 0 in an input, which then repeats */
    int64_t strides[8];
} attend_array;

/**
 * Describes an array whose elements lie row after row without gaps. `shape` holds `rank` numbers; rank must not be
 * beyond ATTEND_MAX_RANK.
 */
void attend_array_init(
    attend_array *array, void *data, attend_element_type type, size_t rank, const int64_t *shape);

/** The means of calls: threads, kernels and scratch memory, which stays for the next call. One thread at a time. */
typedef struct attend_context attend_context;

/** Start from ATTEND_CONTEXT_OPTIONS_INIT. */
typedef struct attend_context_options {
    size_t struct_size;   /**< sizeof(attend_context_options) */
    uint32_t threads;     /**< that a call may use, the caller's included; 0: one for each processor */
    const char *kernels;  /**< "amx", "avx512", "avx2", "portable", or NULL: attend_kernels_name() */
    bool pin_threads;     /**< as in attend_model_options */
} attend_context_options;

#define ATTEND_CONTEXT_OPTIONS_INIT { sizeof(attend_context_options), 0, NULL, false }

/**
 * Creates a context; `options` may be NULL. `*context` is owned. Errors: INVALID_ARGUMENT, UNSUPPORTED, OUT_OF_MEMORY.
 */
ATTEND_MUST_CHECK attend_error *attend_context_create(
    const attend_context_options *options, attend_context **context);

/** Frees a context; NULL is allowed. */
void attend_context_free(attend_context *context);

/** What attention does to its scores, and what it leaves behind. Start from ATTEND_ATTENTION_OPTIONS_INIT. */
typedef struct attend_attention_options {
    size_t struct_size;            /**< sizeof(attend_attention_options) */
    float scale;                   /**< factor of scores; 0: 1 / sqrt(width of queries) */
    float soft_cap;                /**< above 0: a score s becomes cap * tanh(s / cap), before `mask` */
    bool causal;                   /**< hides the keys behind a query's own position */
    /** of the first query, among the keys; 0 aligns the first query with the first key, as PyTorch's is_causal does,
        keys - queries the last with the last. What is said of positions starts from it. */
    int64_t query_position;
    /** 0: no limit. With `causal` the last `window` keys are seen, a query's own included, otherwise window / 2 to
        either side */
    size_t window;
    /** [..., heads, queries, keys], or what repeats to it as in PyTorch: bool, where false hides a key, or numbers that
        are added to scaled scores. NaN makes its row NaN. A query that sees no key gets zeros. */
    const attend_array *mask;
    /** int32 or int64, as many as there are sequences (the product of the dimensions before heads): of each only so
        many keys are seen */
    const attend_array *key_lengths;
    /** [heads]: a score gains slope * (key - query), see attend_alibi_slopes (Press et al. 2021, arXiv:2108.12409) */
    const attend_array *slopes;
    /** [heads, 2 r + 1]: a score gains the number at clamp(key - query, -r, r) + r, see attend_relative_bias */
    const attend_array *distance_bias;
    /** [heads]: one more logit in each denominator, without a value (Xiao et al. 2023, arXiv:2309.17453) */
    const attend_array *sinks;
    /** [2 r + 1, width]: the key at clamp(key - query, -r, r) + r is added to a key (Shaw et al. 2018,
        arXiv:1803.02155, equation 4) */
    const attend_array *relative_keys;
    /** [2 r + 1, value width]: the same for values, equation 3 */
    const attend_array *relative_values;
    /** an output, [..., heads, queries, keys]: the probabilities */
    const attend_array *weights;
} attend_attention_options;

#define ATTEND_ATTENTION_OPTIONS_INIT \
    { sizeof(attend_attention_options), 0, 0, false, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL }

/**
 * softmax(scale q kᵀ + ...) v (Vaswani et al. 2017, arXiv:1706.03762, equation 1). query [..., heads, queries, width],
 * key [..., key heads, keys, width], value [..., key heads, keys, value width], output [..., heads, queries, value
 * width]; arrays of rank 2 have one head. Key heads divide heads: each serves as many neighbouring heads (Ainslie et
 * al. 2023, arXiv:2305.13245). `options` may be NULL.
 */
ATTEND_MUST_CHECK attend_error *attend_scaled_dot_product_attention(
    attend_context *context, const attend_array *query, const attend_array *key, const attend_array *value,
    const attend_attention_options *options, const attend_array *output);

/**
 * The projections of multi-head attention, by the names of torch.nn.MultiheadAttention. Start from
 * ATTEND_MULTI_HEAD_WEIGHTS_INIT.
 */
typedef struct attend_multi_head_weights {
    size_t struct_size;                    /**< sizeof(attend_multi_head_weights) */
    /** [width + 2 key width, input width]: queries, keys and values one below the other; or NULL and the next three */
    const attend_array *in_proj_weight;
    const attend_array *in_proj_bias;      /**< [width + 2 key width], or NULL; also beside the next three */
    const attend_array *query_weight;      /**< [width, query input width] */
    const attend_array *key_weight;        /**< [key width, key input width] */
    const attend_array *value_weight;      /**< [key width, value input width] */
    const attend_array *out_proj_weight;   /**< [output width, width] */
    const attend_array *out_proj_bias;     /**< [output width], or NULL */
    size_t heads;                          /**< of queries; divides width */
    size_t key_heads;                      /**< key width / (width / heads); 0: as many as heads */
} attend_multi_head_weights;

#define ATTEND_MULTI_HEAD_WEIGHTS_INIT \
    { sizeof(attend_multi_head_weights), NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0 }

/**
 * Multi-head attention (section 3.2.2 of the paper) with its projections: query [..., queries, input width], key and
 * value [..., keys, input width], output [..., queries, output width]. `options` may be NULL; its mask and weights are
 * [..., heads, queries, keys].
 */
ATTEND_MUST_CHECK attend_error *attend_multi_head_attention(
    attend_context *context, const attend_array *query, const attend_array *key, const attend_array *value,
    const attend_multi_head_weights *weights, const attend_attention_options *options, const attend_array *output);

/** How a query and a key are compared. */
typedef enum attend_score_kind {
    ATTEND_SCORE_DOT = 0,      /**< qᵀ k (Luong et al. 2015, arXiv:1508.04025, equation 8) */
    ATTEND_SCORE_GENERAL = 1,  /**< qᵀ W k, the same */
    ATTEND_SCORE_CONCAT = 2,   /**< vᵀ tanh(W [q; k]), the same */
    ATTEND_SCORE_ADDITIVE = 3  /**< vᵀ tanh(W q + U k + b) (Bahdanau et al. 2014, arXiv:1409.0473, appendix A.1.2) */
} attend_score_kind;

/** Which keys a query looks at (Luong et al. 2015, section 3.2). */
typedef enum attend_locality {
    ATTEND_LOCALITY_GLOBAL = 0,     /**< at all */
    ATTEND_LOCALITY_MONOTONIC = 1,  /**< local-m: at those around its own position */
    ATTEND_LOCALITY_PREDICTIVE = 2  /**< local-p: at those around a position that it predicts, under a Gaussian */
} attend_locality;

/** The attention of recurrent networks. Start from ATTEND_SCORED_ATTENTION_OPTIONS_INIT. */
typedef struct attend_scored_attention_options {
    size_t struct_size;               /**< sizeof(attend_scored_attention_options) */
    attend_score_kind score;
    attend_locality locality;
    /** W: general [query width, key width], concat [units, query width + key width], additive [units, query width] */
    const attend_array *weight;
    const attend_array *key_weight;   /**< U, of additive scores: [units, key width] */
    const attend_array *bias;         /**< b, of additive scores: [units], or NULL */
    const attend_array *vector;       /**< v, of concat and additive scores: [units] */
    size_t half_window;               /**< D of local attention: positions in [p - D, p + D] are seen */
    int64_t query_position;           /**< local-m: the position p of the first query */
    const attend_array *place_weight; /**< local-p: W_p, [place units, query width]; p = keys σ(v_pᵀ tanh(W_p q)) */
    const attend_array *place_vector; /**< local-p: v_p, [place units] */
    const attend_array *mask;         /**< as that of attend_attention_options, for [..., queries, keys] */
    const attend_array *key_lengths;  /**< as that of attend_attention_options */
    const attend_array *weights;      /**< an output, [..., queries, keys]: the alignment, or NULL */
} attend_scored_attention_options;

#define ATTEND_SCORED_ATTENTION_OPTIONS_INIT \
    { sizeof(attend_scored_attention_options), ATTEND_SCORE_DOT, ATTEND_LOCALITY_GLOBAL, NULL, NULL, NULL, NULL, 0, 0, \
      NULL, NULL, NULL, NULL, NULL }

/**
 * Attention with any of the scores, without a factor: query [..., queries, query width], key [..., keys, key width],
 * value [..., keys, value width], output [..., queries, value width].
 */
ATTEND_MUST_CHECK attend_error *attend_scored_attention(
    attend_context *context, const attend_array *query, const attend_array *key, const attend_array *value,
    const attend_scored_attention_options *options, const attend_array *output);

/** The layout of sinusoidal positions, as in docs/transformer.md. */
typedef enum attend_sinusoid_layout {
    ATTEND_SINUSOID_INTERLEAVED = 0,  /**< component 2i is sin(p / 10000^(2i / width)), 2i + 1 its cosine */
    ATTEND_SINUSOID_HALVES = 1,       /**< the same numbers, all sines first */
    ATTEND_SINUSOID_TENSOR2TENSOR = 2 /**< all sines first, the last wavelength 10000 * 2π exactly */
} attend_sinusoid_layout;

/** The positions from `first` on of section 3.5 of the paper: output [positions, width], width even. */
ATTEND_MUST_CHECK attend_error *attend_sinusoidal_positions(
    attend_context *context, attend_sinusoid_layout layout, int64_t first, const attend_array *output);

/** The ways to rotary positions beyond those of the training, by the names of Hugging Face's rope_type. */
typedef enum attend_rope_type {
    ATTEND_ROPE_DEFAULT = 0,
    ATTEND_ROPE_LINEAR = 1,       /**< factor */
    ATTEND_ROPE_DYNAMIC = 2,      /**< factor, trained_positions, length */
    ATTEND_ROPE_LLAMA3 = 3,       /**< factor, low_frequency_factor, high_frequency_factor, trained_positions */
    ATTEND_ROPE_YARN = 4,         /**< factor, trained_positions, beta_fast, beta_slow, attention_factor */
    ATTEND_ROPE_LONGROPE = 5,     /**< factor, trained_positions, both lists of factors, length, attention_factor */
    ATTEND_ROPE_PROPORTIONAL = 6  /**< factor, rotated_share */
} attend_rope_type;

/** How far a position turns which components. Start from ATTEND_ROTARY_OPTIONS_INIT. */
typedef struct attend_rotary_options {
    size_t struct_size;           /**< sizeof(attend_rotary_options) */
    attend_rope_type type;
    bool interleaved;             /**< pairs are components 2i and 2i + 1 (GPT-J), otherwise i and i + dimensions / 2 */
    size_t dimensions;            /**< components that turn, the first ones: even, at most 65,536; 0: all */
    double theta;                 /**< 0: 10000 */
    double factor;                /**< 0: 1; of longrope the quotient of longest and trained text */
    double low_frequency_factor;  /**< 0: 1 */
    double high_frequency_factor; /**< 0: 4 */
    double beta_fast;             /**< 0: 32 */
    double beta_slow;             /**< 0: 1 */
    double attention_factor;      /**< on sines and cosines; 0: what the papers conclude from `factor` */
    double rotated_share;         /**< 0: 1 */
    size_t trained_positions;
    size_t length;                /**< of the text, where that changes the angles; 0: one more than the last position */
    const attend_array *short_factors; /**< float32, [dimensions / 2], at most 120 */
    const attend_array *long_factors;  /**< the same for texts longer than trained_positions */
} attend_rotary_options;

#define ATTEND_ROTARY_OPTIONS_INIT \
    { sizeof(attend_rotary_options), ATTEND_ROPE_DEFAULT, false, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL }

/**
 * Rotary positions (Su et al. 2021, arXiv:2104.09864, equation 34): x and output [..., positions, width]. `positions`,
 * int32 or int64, repeats to the dimensions of x but its last, as a mask does; NULL: they are 0, 1, 2, ... along the
 * last but one. `options` may be NULL.
 */
ATTEND_MUST_CHECK attend_error *attend_rotary_embedding(
    attend_context *context, const attend_array *x, const attend_array *positions,
    const attend_rotary_options *options, const attend_array *output);

/** The slopes of linear biases for as many heads as output, [heads], has (Press et al. 2021, section 3). */
ATTEND_MUST_CHECK attend_error *attend_alibi_slopes(attend_context *context, const attend_array *output);

/**
 * The buckets of T5's relative positions (Raffel et al. 2019, arXiv:1910.10683, section 2.1): relative, int32, any
 * shape, holds key - query; output, int32, has its shape. There are `buckets` of them, half for each direction if
 * `bidirectional`; distances from `max_distance` on share the last.
 */
ATTEND_MUST_CHECK attend_error *attend_relative_buckets(
    attend_context *context, const attend_array *relative, size_t buckets, size_t max_distance, bool bidirectional,
    const attend_array *output);

/**
 * T5's table of biases, [buckets, heads], as attend_attention_options.distance_bias has them: output [heads,
 * 2 max_distance + 1].
 */
ATTEND_MUST_CHECK attend_error *attend_relative_bias(
    attend_context *context, const attend_array *table, size_t max_distance, bool bidirectional,
    const attend_array *output);

/** The kinds of norms. */
typedef enum attend_norm_kind {
    ATTEND_NORM_LAYER = 0,  /**< to mean 0 and variance 1 (Ba et al. 2016, arXiv:1607.06450) */
    ATTEND_NORM_RMS = 1     /**< to a mean square of 1 (Zhang and Sennrich 2019, arXiv:1910.07467) */
} attend_norm_kind;

/** A norm over the last dimension. Start from ATTEND_NORM_INIT. */
typedef struct attend_norm {
    size_t struct_size;         /**< sizeof(attend_norm) */
    attend_norm_kind kind;
    float epsilon;              /**< 0: 1e-5, of RMS norms 2^-23, as PyTorch has it */
    float weight_offset;        /**< added to every weight of RMS norms: 1 in Gemma */
    const attend_array *weight; /**< [width], or NULL: 1 */
    const attend_array *bias;   /**< [width], or NULL: 0; layer norms only */
} attend_norm;

#define ATTEND_NORM_INIT { sizeof(attend_norm), ATTEND_NORM_LAYER, 0, 0, NULL, NULL }

/** output = norm(x), both [..., width]. `norm` may be NULL: a layer norm without weights. */
ATTEND_MUST_CHECK attend_error *attend_normalize(
    attend_context *context, const attend_array *x, const attend_norm *norm, const attend_array *output);

/**
 * A residual connection with the norm behind it: sum = x + y and output = norm(sum), all [..., width]. Post-norm (the
 * paper) goes on with output, pre-norm (Xiong et al. 2020, arXiv:2002.04745) reads output in its next sub-layer and
 * adds to sum. `sum` may be NULL.
 */
ATTEND_MUST_CHECK attend_error *attend_add_norm(
    attend_context *context, const attend_array *x, const attend_array *y, const attend_norm *norm,
    const attend_array *sum, const attend_array *output);

/** Functions of one number. */
typedef enum attend_activation {
    ATTEND_ACTIVATION_NONE = 0,
    ATTEND_ACTIVATION_RELU = 1,        /**< max(x, 0) */
    ATTEND_ACTIVATION_GELU = 2,        /**< x Φ(x) (Hendrycks and Gimpel 2016, arXiv:1606.08415) */
    ATTEND_ACTIVATION_GELU_TANH = 3,   /**< the same paper's approximation by tanh */
    ATTEND_ACTIVATION_QUICK_GELU = 4,  /**< x σ(1.702 x) */
    ATTEND_ACTIVATION_SILU = 5,        /**< x σ(x) */
    ATTEND_ACTIVATION_TANH = 6,
    ATTEND_ACTIVATION_SIGMOID = 7,
    ATTEND_ACTIVATION_RELU_SQUARED = 8 /**< max(x, 0)² */
} attend_activation;

/** output = activation(x), of one shape. */
ATTEND_MUST_CHECK attend_error *attend_activate(
    attend_context *context, const attend_array *x, attend_activation activation, const attend_array *output);

/** Softmax over the last dimension, [..., width]; zeros where every number of a row is minus infinity. */
ATTEND_MUST_CHECK attend_error *attend_softmax(
    attend_context *context, const attend_array *x, const attend_array *output);

/** The logarithm of softmax over the last dimension, [..., width]. */
ATTEND_MUST_CHECK attend_error *attend_log_softmax(
    attend_context *context, const attend_array *x, const attend_array *output);

/** output = x Wᵀ + bias: x [..., inputs], weight [outputs, inputs], bias [outputs] or NULL, output [..., outputs]. */
ATTEND_MUST_CHECK attend_error *attend_linear(
    attend_context *context, const attend_array *x, const attend_array *weight, const attend_array *bias,
    const attend_array *output);

/** The weights of a feed-forward network. Start from ATTEND_FEED_FORWARD_WEIGHTS_INIT. */
typedef struct attend_feed_forward_weights {
    size_t struct_size;           /**< sizeof(attend_feed_forward_weights) */
    attend_activation activation;
    const attend_array *weight1;  /**< [units, width] */
    const attend_array *bias1;    /**< [units], or NULL */
    /** [units, width]: V of activation(x W) * (x V) (Shazeer 2020, arXiv:2002.05202); NULL: not gated */
    const attend_array *gated_weight;
    const attend_array *gated_bias; /**< [units], or NULL; there where bias1 is */
    const attend_array *weight2;  /**< [width, units] */
    const attend_array *bias2;    /**< [width], or NULL */
} attend_feed_forward_weights;

#define ATTEND_FEED_FORWARD_WEIGHTS_INIT \
    { sizeof(attend_feed_forward_weights), ATTEND_ACTIVATION_RELU, NULL, NULL, NULL, NULL, NULL, NULL }

/** output = activation(x W1ᵀ + b1) W2ᵀ + b2 (section 3.3 of the paper), x and output [..., width]; or gated. */
ATTEND_MUST_CHECK attend_error *attend_feed_forward(
    attend_context *context, const attend_array *x, const attend_feed_forward_weights *weights,
    const attend_array *output);

/**
 * output = scale * table[ids] + positions (section 3.4 of the paper): ids, int32 or int64, [..., tokens], table
 * [vocabulary, width], output [..., tokens, width]; positions [at least tokens, width], row i for token i of each
 * sequence, or NULL. Learned positions are rows of such a table.
 */
ATTEND_MUST_CHECK attend_error *attend_embedding(
    attend_context *context, const attend_array *ids, const attend_array *table, float scale,
    const attend_array *positions, const attend_array *output);

/** A layer of the paper's encoder or decoder (figure 1). Start from ATTEND_LAYER_WEIGHTS_INIT. */
typedef struct attend_layer_weights {
    size_t struct_size;                               /**< sizeof(attend_layer_weights) */
    const attend_multi_head_weights *self_attention;
    const attend_multi_head_weights *cross_attention; /**< of decoders, or NULL */
    const attend_feed_forward_weights *feed_forward;
    const attend_norm *self_attention_norm;
    const attend_norm *cross_attention_norm;          /**< there where cross_attention is */
    const attend_norm *feed_forward_norm;
    bool norm_first;                                  /**< norms before the sub-layers, not behind their sums */
} attend_layer_weights;

#define ATTEND_LAYER_WEIGHTS_INIT { sizeof(attend_layer_weights), NULL, NULL, NULL, NULL, NULL, NULL, false }

/** An encoder's layer: x and output [..., tokens, width]. `options`, of its self-attention, may be NULL. */
ATTEND_MUST_CHECK attend_error *attend_encoder_layer(
    attend_context *context, const attend_array *x, const attend_layer_weights *weights,
    const attend_attention_options *options, const attend_array *output);

/**
 * A decoder's layer: x and output [..., tokens, width], memory [..., source tokens, width]. `options` are those of its
 * self-attention, of which `causal` is the caller's to set, `cross_options` those of the attention to memory. Both may
 * be NULL.
 */
ATTEND_MUST_CHECK attend_error *attend_decoder_layer(
    attend_context *context, const attend_array *x, const attend_array *memory, const attend_layer_weights *weights,
    const attend_attention_options *options, const attend_attention_options *cross_options,
    const attend_array *output);

/** @} */

#ifdef __cplusplus
}
#endif

/* The layouts above are frozen: a program compiled against this header runs with every later library of this major
 * version. */
#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L && UINTPTR_MAX == 0xffffffffffffffff
_Static_assert(sizeof(attend_model_options) == 80 && offsetof(attend_model_options, end_layer) == 72,
               "attend_model_options");
_Static_assert(sizeof(attend_tokenize_options) == 72 && offsetof(attend_tokenize_options, are_targets) == 64,
               "attend_tokenize_options");
_Static_assert(sizeof(attend_tokenizer_info) == 56 && offsetof(attend_tokenizer_info, truncation_side) == 52,
               "attend_tokenizer_info");
_Static_assert(sizeof(attend_detokenize_options) == 16, "attend_detokenize_options");
_Static_assert(sizeof(attend_token_offsets) == 16, "attend_token_offsets");
_Static_assert(sizeof(attend_chat_options) == 48 && offsetof(attend_chat_options, inputs) == 32,
               "attend_chat_options");
_Static_assert(sizeof(attend_session_options) == 64 && offsetof(attend_session_options, stage_context) == 56,
               "attend_session_options");
_Static_assert(sizeof(attend_stage_step) == 56 && offsetof(attend_stage_step, states) == 48, "attend_stage_step");
_Static_assert(sizeof(attend_prefix_cache_stats) == 40, "attend_prefix_cache_stats");
_Static_assert(sizeof(attend_tensor) == 56 && offsetof(attend_tensor, shape) == 24, "attend_tensor");
_Static_assert(sizeof(attend_input) == 104 && offsetof(attend_input, draft) == 100, "attend_input");
_Static_assert(sizeof(attend_batch) == 80 && offsetof(attend_batch, states) == 72, "attend_batch");
_Static_assert(sizeof(attend_generation_options) == 88 && offsetof(attend_generation_options, assistant) == 80,
               "attend_generation_options");
_Static_assert(sizeof(attend_word) == 32 && offsetof(attend_word, text_length) == 24, "attend_word");
_Static_assert(sizeof(attend_segment) == 144 && offsetof(attend_segment, character_count) == 136,
               "attend_segment");
_Static_assert(sizeof(attend_transcribe_options) == 32 && offsetof(attend_transcribe_options, on_segment_context) == 24,
               "attend_transcribe_options");
_Static_assert(sizeof(attend_draw_options) == 80 && offsetof(attend_draw_options, greedy) == 72, "attend_draw_options");
_Static_assert(sizeof(attend_classify_options) == 32 && offsetof(attend_classify_options, max_length) == 24,
               "attend_classify_options");
_Static_assert(sizeof(attend_class) == 48 && offsetof(attend_class, logit) == 40, "attend_class");
_Static_assert(sizeof(attend_search_index_options) == 32 && offsetof(attend_search_index_options, normalize) == 24,
               "attend_search_index_options");
_Static_assert(sizeof(attend_translate_options) == 32 && offsetof(attend_translate_options, max_length) == 24,
               "attend_translate_options");
_Static_assert(sizeof(attend_summarize_options) == 24 && offsetof(attend_summarize_options, by_parts) == 16,
               "attend_summarize_options");
_Static_assert(sizeof(attend_rewrite_options) == 24 && offsetof(attend_rewrite_options, max_length) == 16,
               "attend_rewrite_options");
_Static_assert(sizeof(attend_entity_options) == 56 && offsetof(attend_entity_options, stride) == 48,
               "attend_entity_options");
_Static_assert(sizeof(attend_entity) == 72 && offsetof(attend_entity, offsets) == 56, "attend_entity");
_Static_assert(sizeof(attend_answer_options) == 48 && offsetof(attend_answer_options, within_words) == 41,
               "attend_answer_options");
_Static_assert(sizeof(attend_answer_span) == 48 && offsetof(attend_answer_span, offsets) == 32, "attend_answer_span");
_Static_assert(sizeof(attend_fill_options) == 40 && offsetof(attend_fill_options, max_length) == 32,
               "attend_fill_options");
_Static_assert(sizeof(attend_filling) == 56 && offsetof(attend_filling, text_length) == 48, "attend_filling");
_Static_assert(sizeof(attend_zero_shot_options) == 32 && offsetof(attend_zero_shot_options, max_length) == 24,
               "attend_zero_shot_options");
_Static_assert(sizeof(attend_embed_options) == 32 && offsetof(attend_embed_options, truncate_dim) == 24,
               "attend_embed_options");
_Static_assert(sizeof(attend_model_info) == 232 && offsetof(attend_model_info, mapped_product_seconds) == 224,
               "attend_model_info");
_Static_assert(sizeof(attend_tensor_info) == 40 && offsetof(attend_tensor_info, shape) == 32, "attend_tensor_info");
_Static_assert(sizeof(attend_array) == 144 && offsetof(attend_array, strides) == 80, "attend_array");
_Static_assert(sizeof(attend_context_options) == 32 && offsetof(attend_context_options, pin_threads) == 24,
               "attend_context_options");
_Static_assert(sizeof(attend_attention_options) == 104 && offsetof(attend_attention_options, weights) == 96,
               "attend_attention_options");
_Static_assert(sizeof(attend_multi_head_weights) == 80 && offsetof(attend_multi_head_weights, key_heads) == 72,
               "attend_multi_head_weights");
_Static_assert(sizeof(attend_scored_attention_options) == 104 &&
                   offsetof(attend_scored_attention_options, weights) == 96,
               "attend_scored_attention_options");
_Static_assert(sizeof(attend_rotary_options) == 120 && offsetof(attend_rotary_options, long_factors) == 112,
               "attend_rotary_options");
_Static_assert(sizeof(attend_norm) == 40 && offsetof(attend_norm, bias) == 32, "attend_norm");
_Static_assert(sizeof(attend_feed_forward_weights) == 64 && offsetof(attend_feed_forward_weights, bias2) == 56,
               "attend_feed_forward_weights");
_Static_assert(sizeof(attend_layer_weights) == 64 && offsetof(attend_layer_weights, norm_first) == 56,
               "attend_layer_weights");
#endif

#endif /* ATTEND_H */
