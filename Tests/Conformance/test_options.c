/* Structs that begin with their size: absurd sizes and fields of a newer version are refused, zeros of a newer version
 * are not. */
#include "check.h"
#include "folder.h"

#include <stdlib.h>
#include <string.h>

static attend_model *model;
static attend_session *session;
static const attend_tokenizer *tokenizer;
static attend_tokenizer *chatting; /* the same with a chat template */

/* Calls that take a struct of options at `options`. */
static attend_error *create_model(void *options) {
    attend_model *made = NULL;
    attend_error *error = attend_model_create(DEFAULT_MODEL, options, &made);
    attend_model_free(made);
    return error;
}

static attend_error *create_session(void *options) {
    attend_session *made = NULL;
    attend_error *error = attend_session_create(model, options, &made);
    attend_session_free(made);
    return error;
}

static attend_error *tokenize(void *options) {
    attend_encoding *made = NULL;
    attend_error *error = attend_tokenizer_encode(tokenizer, "cat", 3, options, &made);
    attend_encoding_free(made);
    return error;
}

static attend_error *detokenize(void *options) {
    const int32_t id = 8;
    attend_text *made = NULL;
    attend_error *error = attend_tokenizer_decode(tokenizer, &id, 1, options, &made);
    attend_text_free(made);
    return error;
}

static bool ignore(const char *bytes, size_t length, void *context) { return bytes && length > 0 && !context; }

static attend_error *stream(void *options) {
    attend_detokenizer *made = NULL;
    attend_error *error = attend_detokenizer_create(tokenizer, options, ignore, NULL, &made);
    attend_detokenizer_free(made);
    return error;
}

static attend_error *chat(void *options) {
    attend_text *made = NULL;
    attend_error *error = attend_tokenizer_chat(chatting, "[]", 2, options, &made);
    attend_text_free(made);
    return error;
}

static attend_error *encode(void *batch) { return attend_encode(session, batch); }
static attend_error *get_info(void *info) { return attend_model_get_info(model, info); }
static attend_error *get_tensor(void *info) { return attend_model_tensor(model, 0, info); }

/** All that may be wrong with the size of a struct. `known` is its size in this header, and `start` a good one. */
static void check_sizes(attend_error *(*call)(void *), const void *start, size_t known, bool is_input) {
    enum { MORE = 64 };
    unsigned char *larger = calloc(1, known + MORE);
    memcpy(larger, start, known);
    size_t *size = (size_t *)(void *)larger;
    CHECK_SUCCESS(call(larger));

    const size_t absurd[] = { 0, 1, 8, known - 1, SIZE_MAX, SIZE_MAX / 2 };
    for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++) {
        *size = absurd[i];
        CHECK_ERROR(call(larger), ATTEND_ERROR_INVALID_ARGUMENT, "struct_size");
    }
    *size = known + MORE;
    CHECK_SUCCESS(call(larger));
    CHECK(*size == known + MORE);
    memset(larger + known, 0xA5, MORE);
    if (is_input) {
        CHECK_ERROR(call(larger), ATTEND_ERROR_INVALID_ARGUMENT, "struct_size");
    } else { /* an output: what this version does not know stays as it is */
        CHECK_SUCCESS(call(larger));
        for (size_t i = 0; i < MORE; i++) CHECK(larger[known + i] == 0xA5);
    }
    free(larger);
}

static void sizes(void) {
    const int32_t token = 5;
    const size_t length = 1;
    attend_model_options model_options = ATTEND_MODEL_OPTIONS_INIT;
    attend_session_options session_options = ATTEND_SESSION_OPTIONS_INIT;
    attend_tokenize_options tokenize_options = ATTEND_TOKENIZE_OPTIONS_INIT;
    attend_detokenize_options detokenize_options = ATTEND_DETOKENIZE_OPTIONS_INIT;
    attend_chat_options chat_options = ATTEND_CHAT_OPTIONS_INIT;
    attend_batch batch = make_batch(&token, &length, 1);
    attend_model_info info = ATTEND_MODEL_INFO_INIT;
    attend_tensor_info tensor = ATTEND_TENSOR_INFO_INIT;
    check_sizes(create_model, &model_options, sizeof model_options, true);
    check_sizes(create_session, &session_options, sizeof session_options, true);
    check_sizes(tokenize, &tokenize_options, sizeof tokenize_options, true);
    check_sizes(detokenize, &detokenize_options, sizeof detokenize_options, true);
    check_sizes(stream, &detokenize_options, sizeof detokenize_options, true);
    check_sizes(chat, &chat_options, sizeof chat_options, true);
    check_sizes(encode, &batch, sizeof batch, true);
    check_sizes(get_info, &info, sizeof info, false);
    check_sizes(get_tensor, &tensor, sizeof tensor, false);
}

static void values(void) {
    attend_model_options options = ATTEND_MODEL_OPTIONS_INIT;
    options.compute = (attend_compute_type)99;
    CHECK_ERROR(create_model(&options), ATTEND_ERROR_INVALID_ARGUMENT, "99");
    options.compute = ATTEND_COMPUTE_FLOAT32;
    options.kernels = "abacus";
    CHECK_ERROR(create_model(&options), ATTEND_ERROR_UNSUPPORTED, "abacus");
    options.kernels = NULL;
    options.threads = UINT32_MAX;
    CHECK_ERROR(create_model(&options), ATTEND_ERROR_INVALID_ARGUMENT, "threads");

    attend_model_info info = ATTEND_MODEL_INFO_INIT;
    CHECK_SUCCESS(attend_model_get_info(model, &info));
    attend_session_options more = ATTEND_SESSION_OPTIONS_INIT;
    more.threads = info.threads + 1;
    CHECK_ERROR(create_session(&more), ATTEND_ERROR_INVALID_ARGUMENT, "threads");
    more.threads = info.threads;
    CHECK_SUCCESS(create_session(&more));
    CHECK(info.kind == ATTEND_KIND_ENCODER_DECODER && info.compute == ATTEND_COMPUTE_FLOAT32 && info.threads >= 1);
    CHECK(info.vocabulary_size == 101 && info.hidden_size == 128 && info.encoder_layers == 4 &&
          info.decoder_layers == 4);
    CHECK(info.encoder_positions == 64 && info.decoder_positions == 64);
    CHECK(info.decoder_start_token == 1 && info.begin_token == -1 && info.end_token == 0 && info.pad_token == 1);
    CHECK(info.forced_begin_token == -1 && info.forced_end_token == 0);
}

static void version(void) {
    CHECK(attend_version_number() == ATTEND_VERSION_NUMBER);
    char text[32] = "";
    const int parts[] = { ATTEND_VERSION_MAJOR, ATTEND_VERSION_MINOR, ATTEND_VERSION_PATCH };
    for (size_t i = 0; i < 3; i++) {
        char part[2] = { (char)('0' + parts[i]), 0 };
        strcat(strcat(text, i ? "." : ""), part);
    }
    CHECK(strcmp(attend_version_string(), text) == 0);
}

int main(void) {
    checks_begin();
    model = load_default_model();
    session = new_session(model);
    CHECK_SUCCESS(attend_model_tokenizer(model, &tokenizer));
    folder place = folder_make();
    folder_write_text(&place, "chat_template.jinja", "{{ messages | length }}");
    CHECK_SUCCESS(attend_tokenizer_create(place.path, &chatting));
    version();
    sizes();
    values();
    attend_tokenizer_free(chatting);
    folder_remove(&place);
    attend_session_free(session);
    attend_model_free(model);
    return checks_end();
}
