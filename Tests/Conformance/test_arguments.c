/* NULL where a pointer is required is an error that names the argument, for each function that can fail; outputs stay
 * untouched. */
#include "check.h"

static void creating(void) {
    attend_model *model = UNTOUCHED;
    CHECK_ERROR(attend_model_create(NULL, NULL, &model), ATTEND_ERROR_INVALID_ARGUMENT, "path");
    CHECK(model == UNTOUCHED);
    CHECK_ERROR(attend_model_create(DEFAULT_MODEL, NULL, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "model");

    attend_tokenizer *tokenizer = UNTOUCHED;
    CHECK_ERROR(attend_tokenizer_create(NULL, &tokenizer), ATTEND_ERROR_INVALID_ARGUMENT, "path");
    CHECK(tokenizer == UNTOUCHED);
    CHECK_ERROR(attend_tokenizer_create(DEFAULT_MODEL, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "tokenizer");

    attend_session *session = UNTOUCHED;
    CHECK_ERROR(attend_session_create(NULL, NULL, &session), ATTEND_ERROR_INVALID_ARGUMENT, "model");
    CHECK(session == UNTOUCHED);
}

static void freeing(void) {
    attend_error_free(NULL);
    attend_model_free(NULL);
    attend_tokenizer_free(NULL);
    attend_encoding_free(NULL);
    attend_text_free(NULL);
    attend_session_free(NULL);
    attend_scheduler_free(NULL);
    attend_request_cancel(NULL);
    attend_request_free(NULL);
}

static void scheduling(const attend_model *model) {
    const attend_error_code invalid = ATTEND_ERROR_INVALID_ARGUMENT;
    const int32_t id = 13;
    attend_scheduler *scheduler = UNTOUCHED;
    CHECK_ERROR(attend_scheduler_create(NULL, NULL, NULL, &scheduler), invalid, "model");
    CHECK(scheduler == UNTOUCHED);
    CHECK_ERROR(attend_scheduler_create(model, NULL, NULL, NULL), invalid, "scheduler");
    if (!CHECK_SUCCESS(attend_scheduler_create(model, NULL, NULL, &scheduler))) return;

    attend_request *request = UNTOUCHED;
    CHECK_ERROR(attend_scheduler_submit(NULL, &id, 1, NULL, &request), invalid, "scheduler");
    CHECK_ERROR(attend_scheduler_submit(scheduler, NULL, 1, NULL, &request), invalid, "ids");
    CHECK_ERROR(attend_scheduler_submit(scheduler, &id, 1, NULL, NULL), invalid, "request");
    CHECK_ERROR(attend_scheduler_submit_text(scheduler, NULL, 1, NULL, &request), invalid, "text");
    CHECK(request == UNTOUCHED);
    CHECK_ERROR(attend_scheduler_get_stats(scheduler, NULL), invalid, "stats");
    if (!CHECK_SUCCESS(attend_scheduler_submit(scheduler, &id, 1, NULL, &request))) return;
    attend_generation *generation = UNTOUCHED;
    CHECK_ERROR(attend_request_wait(NULL, -1, &generation), invalid, "request");
    CHECK(generation == UNTOUCHED);
    CHECK_ERROR(attend_request_wait(request, -1, NULL), invalid, "generation");
    attend_request_free(request);
    attend_scheduler_free(scheduler);
}

static void tokenizing(const attend_model *model) {
    const attend_tokenizer *tokenizer = UNTOUCHED;
    CHECK_ERROR(attend_model_tokenizer(NULL, &tokenizer), ATTEND_ERROR_INVALID_ARGUMENT, "model");
    CHECK(tokenizer == UNTOUCHED);
    CHECK_ERROR(attend_model_tokenizer(model, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "tokenizer");
    if (!CHECK_SUCCESS(attend_model_tokenizer(model, &tokenizer))) return;

    attend_encoding *encoding = UNTOUCHED;
    CHECK_ERROR(attend_tokenizer_encode(NULL, "a", 1, NULL, &encoding), ATTEND_ERROR_INVALID_ARGUMENT, "tokenizer");
    CHECK_ERROR(attend_tokenizer_encode(tokenizer, NULL, 1, NULL, &encoding), ATTEND_ERROR_INVALID_ARGUMENT, "text");
    CHECK(encoding == UNTOUCHED);
    CHECK_ERROR(attend_tokenizer_encode(tokenizer, "a", 1, NULL, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "encoding");

    attend_text *text = UNTOUCHED;
    const int32_t id = 13;
    CHECK_ERROR(attend_tokenizer_decode(NULL, &id, 1, NULL, &text), ATTEND_ERROR_INVALID_ARGUMENT, "tokenizer");
    CHECK_ERROR(attend_tokenizer_decode(tokenizer, NULL, 1, NULL, &text), ATTEND_ERROR_INVALID_ARGUMENT, "ids");
    CHECK(text == UNTOUCHED);
    CHECK_ERROR(attend_tokenizer_decode(tokenizer, &id, 1, NULL, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "text");
}

static void asking(const attend_model *model) {
    attend_model_info info = ATTEND_MODEL_INFO_INIT;
    CHECK_ERROR(attend_model_get_info(NULL, &info), ATTEND_ERROR_INVALID_ARGUMENT, "model");
    CHECK(info.vocabulary_size == 0);
    CHECK_ERROR(attend_model_get_info(model, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "info");

    attend_tensor_info tensor = ATTEND_TENSOR_INFO_INIT;
    CHECK_ERROR(attend_model_tensor(NULL, 0, &tensor), ATTEND_ERROR_INVALID_ARGUMENT, "model");
    CHECK_ERROR(attend_model_tensor(model, 0, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "info");
    CHECK_ERROR(attend_model_tensor(model, attend_model_tensor_count(model), &tensor), ATTEND_ERROR_INVALID_ARGUMENT,
                "index");
    CHECK_ERROR(attend_model_tensor(model, SIZE_MAX, &tensor), ATTEND_ERROR_INVALID_ARGUMENT, "index");
    CHECK(tensor.name == NULL);

    CHECK_ERROR(attend_session_create(model, NULL, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "session");
}

static void working(attend_session *session) {
    const int32_t token = 5;
    const size_t length = 1, none = 0;
    attend_batch batch = make_batch(&token, &length, 1), without_tokens = make_batch(NULL, &length, 1),
                 without_lengths = make_batch(&token, NULL, 1);
    attend_tensor tensor = { UNTOUCHED, ATTEND_TYPE_INT8, 9, { 9, 9, 9, 9 } };
    size_t size = 77;

    CHECK_ERROR(attend_encode(NULL, &batch), ATTEND_ERROR_INVALID_ARGUMENT, "session");
    CHECK_ERROR(attend_encode(session, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "batch");
    CHECK_ERROR(attend_encode(session, &without_tokens), ATTEND_ERROR_INVALID_ARGUMENT, "tokens");
    CHECK_ERROR(attend_encode(session, &without_lengths), ATTEND_ERROR_INVALID_ARGUMENT, "lengths");
    CHECK_SUCCESS(attend_encode(session, &batch));

    CHECK_ERROR(attend_decode_step(NULL, &token, 1, &tensor), ATTEND_ERROR_INVALID_ARGUMENT, "session");
    CHECK_ERROR(attend_decode_step(session, NULL, 1, &tensor), ATTEND_ERROR_INVALID_ARGUMENT, "tokens");
    CHECK_ERROR(attend_decode(NULL, &batch, &tensor), ATTEND_ERROR_INVALID_ARGUMENT, "session");
    CHECK_ERROR(attend_decode(session, NULL, &tensor), ATTEND_ERROR_INVALID_ARGUMENT, "batch");
    CHECK_ERROR(attend_decode(session, &without_tokens, &tensor), ATTEND_ERROR_INVALID_ARGUMENT, "tokens");
    CHECK_ERROR(attend_decode(session, &without_lengths, &tensor), ATTEND_ERROR_INVALID_ARGUMENT, "lengths");
    CHECK_ERROR(attend_session_select(NULL, &none, 1), ATTEND_ERROR_INVALID_ARGUMENT, "session");
    CHECK_ERROR(attend_session_select(session, NULL, 1), ATTEND_ERROR_INVALID_ARGUMENT, "parents");
    CHECK_ERROR(attend_session_hidden_states(NULL, &tensor), ATTEND_ERROR_INVALID_ARGUMENT, "session");
    CHECK_ERROR(attend_session_hidden_states(session, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "states");
    CHECK_ERROR(attend_session_logits(NULL, &tensor), ATTEND_ERROR_INVALID_ARGUMENT, "session");
    CHECK_ERROR(attend_session_logits(session, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "logits");
    CHECK_ERROR(attend_session_pooled(NULL, &tensor), ATTEND_ERROR_INVALID_ARGUMENT, "session");
    CHECK_ERROR(attend_session_pooled(session, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "pooled");
    CHECK(tensor.data == UNTOUCHED && tensor.rank == 9 && tensor.shape[3] == 9);

    CHECK_ERROR(attend_session_count(NULL, &size), ATTEND_ERROR_INVALID_ARGUMENT, "session");
    CHECK_ERROR(attend_session_count(session, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "count");
    CHECK_ERROR(attend_session_length(NULL, 0, &size), ATTEND_ERROR_INVALID_ARGUMENT, "session");
    CHECK_ERROR(attend_session_length(session, 0, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "length");
    CHECK_ERROR(attend_session_length(session, 1, &size), ATTEND_ERROR_INVALID_ARGUMENT, "index");
    CHECK_ERROR(attend_session_length(session, SIZE_MAX, &size), ATTEND_ERROR_INVALID_ARGUMENT, "index");
    CHECK_ERROR(attend_session_memory(NULL, &size), ATTEND_ERROR_INVALID_ARGUMENT, "session");
    CHECK_ERROR(attend_session_memory(session, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "bytes");
    CHECK(size == 77);

    /* What may be NULL. */
    CHECK_SUCCESS(attend_decode_step(session, &token, 1, NULL));
    CHECK_SUCCESS(attend_decode(session, &batch, NULL));
    CHECK_SUCCESS(attend_session_select(session, NULL, 0));
}

int main(void) {
    checks_begin();
    attend_model *model = load_default_model();
    attend_session *session = new_session(model);
    creating();
    freeing();
    scheduling(model);
    tokenizing(model);
    asking(model);
    working(session);
    attend_session_free(session);
    attend_model_free(model);
    return checks_end();
}
