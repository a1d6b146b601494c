/* Sessions: what a batch may hold, what state they are in, and that a refused call leaves them as they were. */
#include "check.h"

#include <string.h>

static const int32_t hello[] = { 13, 10, 17, 17, 20, 0 }, cat[] = { 8, 6, 25, 0 };
static const int32_t both[] = { 13, 10, 17, 17, 20, 0, 8, 6, 25, 0 };
static const size_t lengths[] = { 6, 4 };

static size_t count_of(const attend_session *session) {
    size_t count = SIZE_MAX;
    CHECK_SUCCESS(attend_session_count(session, &count));
    return count;
}

static size_t length_of(const attend_session *session, size_t index) {
    size_t length = SIZE_MAX;
    CHECK_SUCCESS(attend_session_length(session, index, &length));
    return length;
}

static attend_error *encode(attend_session *session, const int32_t *tokens, const size_t *lengths, size_t count) {
    attend_batch batch = make_batch(tokens, lengths, count);
    return attend_encode(session, &batch);
}

static attend_error *decode(attend_session *session, const int32_t *tokens, const size_t *lengths, size_t count) {
    attend_batch batch = make_batch(tokens, lengths, count);
    attend_tensor logits;
    return attend_decode(session, &batch, &logits);
}

static void before_encoding(attend_session *session) {
    attend_tensor view = { UNTOUCHED, (attend_element_type)0, 0, { 0 } };
    const size_t parent = 0;
    CHECK(count_of(session) == 0);
    CHECK_ERROR(attend_decode_step(session, hello, 1, &view), ATTEND_ERROR_INVALID_STATE, "encode");
    CHECK_ERROR(decode(session, hello, lengths, 1), ATTEND_ERROR_INVALID_STATE, "encode");
    CHECK_ERROR(attend_session_select(session, &parent, 1), ATTEND_ERROR_INVALID_STATE, "encode");
    CHECK_ERROR(attend_session_select(session, NULL, 0), ATTEND_ERROR_INVALID_STATE, "encode");
    CHECK_ERROR(attend_session_hidden_states(session, &view), ATTEND_ERROR_INVALID_STATE, "hidden states");
    CHECK(view.data == UNTOUCHED);
}

static void wrong_batches(attend_session *session) {
    static int32_t long_source[65];
    static size_t endless[2] = { SIZE_MAX, SIZE_MAX }, wraps[3] = { SIZE_MAX, 2, 6 }, huge[1] = { SIZE_MAX / 4 };
    const size_t empty[] = { 6, 0 }, longest[] = { 65 }, one[] = { 1 };
    int32_t token;
    CHECK_ERROR(encode(session, both, lengths, 0), ATTEND_ERROR_INVALID_ARGUMENT, "");
    CHECK_ERROR(encode(session, both, empty, 2), ATTEND_ERROR_INVALID_ARGUMENT, "1");
    CHECK_ERROR(encode(session, long_source, longest, 1), ATTEND_ERROR_INVALID_ARGUMENT, "65");
    CHECK_ERROR(encode(session, both, endless, 2), ATTEND_ERROR_INVALID_ARGUMENT, "");
    CHECK_ERROR(encode(session, both, wraps, 3), ATTEND_ERROR_INVALID_ARGUMENT, "");
    CHECK_ERROR(encode(session, both, huge, 1), ATTEND_ERROR_INVALID_ARGUMENT, "");
    CHECK_ERROR(encode(session, both, lengths, SIZE_MAX), ATTEND_ERROR_INVALID_ARGUMENT, "");
    const int32_t outside[] = { 101, -1, INT32_MAX, INT32_MIN };
    const char *const named[] = { "101", "-1", "2147483647", "-2147483648" };
    for (size_t i = 0; i < 4; i++) {
        token = outside[i];
        CHECK_ERROR(encode(session, &token, one, 1), ATTEND_ERROR_INVALID_ARGUMENT, named[i]);
    }
    attend_batch typed = make_batch(both, lengths, 2);
    typed.token_types = both;
    CHECK_ERROR(attend_encode(session, &typed), ATTEND_ERROR_INVALID_ARGUMENT, "token_types");
    long_source[63] = 0;
    const size_t full[] = { 64 };
    CHECK_SUCCESS(encode(session, long_source, full, 1));
}

static void wrong_steps(attend_session *session) {
    const int32_t start[] = { 1, 1, 1 }, outside[] = { 1, 101 }, below[] = { -1, 1 };
    const size_t empty[] = { 1, 0 }, nothing[] = { 0, 0 }, ones[] = { 1, 1, 1 }, endless[] = { SIZE_MAX, 3 };
    attend_tensor logits;
    CHECK_SUCCESS(encode(session, both, lengths, 2));
    CHECK_SUCCESS(attend_decode_step(session, start, 2, &logits));
    for (int repeat = 0; repeat < 2; repeat++) {
        CHECK_ERROR(attend_decode_step(session, start, 1, &logits), ATTEND_ERROR_INVALID_ARGUMENT, "2");
        CHECK_ERROR(attend_decode_step(session, start, 3, &logits), ATTEND_ERROR_INVALID_ARGUMENT, "3");
        CHECK_ERROR(attend_decode_step(session, start, SIZE_MAX, &logits), ATTEND_ERROR_INVALID_ARGUMENT, "");
        CHECK_ERROR(attend_decode_step(session, outside, 2, &logits), ATTEND_ERROR_INVALID_ARGUMENT, "101");
        CHECK_ERROR(attend_decode_step(session, below, 2, &logits), ATTEND_ERROR_INVALID_ARGUMENT, "-1");
        CHECK_ERROR(decode(session, start, ones, 3), ATTEND_ERROR_INVALID_ARGUMENT, "3");
        CHECK_ERROR(decode(session, start, nothing, 2), ATTEND_ERROR_INVALID_ARGUMENT, "0");
        CHECK_ERROR(decode(session, start, endless, 2), ATTEND_ERROR_INVALID_ARGUMENT, "");
        CHECK_ERROR(encode(session, both, empty, 2), ATTEND_ERROR_INVALID_ARGUMENT, "");
        CHECK(count_of(session) == 2 && length_of(session, 0) == 1 && length_of(session, 1) == 1);
    }
}

/** What a step computes after a refused call is what it computes without one. */
static void refused_calls_change_nothing(attend_session *session) {
    const int32_t start[] = { 1, 1 }, next[] = { 65, 73 }, outside[] = { 1, 101 };
    const size_t dead[] = { 0, 2 };
    attend_tensor logits;
    float expected[2][101];
    for (int refused = 0; refused < 2; refused++) {
        CHECK_SUCCESS(encode(session, both, lengths, 2));
        CHECK_SUCCESS(attend_decode_step(session, start, 2, &logits));
        if (refused) {
            CHECK_ERROR(attend_decode_step(session, outside, 2, &logits), ATTEND_ERROR_INVALID_ARGUMENT, "101");
            CHECK_ERROR(attend_session_select(session, dead, 2), ATTEND_ERROR_INVALID_ARGUMENT, "2");
            CHECK_ERROR(encode(session, outside, lengths, 1), ATTEND_ERROR_INVALID_ARGUMENT, "101");
        }
        CHECK_SUCCESS(attend_decode_step(session, next, 2, &logits));
        CHECK(logits.type == ATTEND_TYPE_FLOAT32 && logits.rank == 2 && logits.shape[0] == 2 &&
              logits.shape[1] == 101 && logits.shape[2] == 0);
        if (!refused) memcpy(expected, logits.data, sizeof expected);
        CHECK(memcmp(expected, logits.data, sizeof expected) == 0);
    }
}

static void positions(attend_session *session) {
    const int32_t token = 5, three[] = { 5, 5, 5 };
    const size_t one = 1, length = 3;
    CHECK_SUCCESS(encode(session, cat, &lengths[1], 1));
    for (int i = 0; i < 62; i++) CHECK_SUCCESS(attend_decode_step(session, &token, 1, NULL));
    CHECK_ERROR(decode(session, three, &length, 1), ATTEND_ERROR_INVALID_STATE, "64");
    CHECK_SUCCESS(decode(session, three, &one, 1));
    CHECK_SUCCESS(attend_decode_step(session, &token, 1, NULL));
    CHECK_ERROR(attend_decode_step(session, &token, 1, NULL), ATTEND_ERROR_INVALID_STATE, "64");
    CHECK(length_of(session, 0) == 64);
}

static void selecting(attend_session *session) {
    const size_t swap[] = { 1, 0 }, dead[] = { 0, 2 }, wrong[] = { SIZE_MAX }, copies[] = { 1, 1, 1, 0, 1 },
                 last[] = { 3 };
    const int32_t start[] = { 1, 1, 1, 1, 1 };
    attend_tensor view;
    CHECK_SUCCESS(encode(session, both, lengths, 2));
    CHECK_ERROR(attend_session_select(session, dead, 2), ATTEND_ERROR_INVALID_ARGUMENT, "2");
    CHECK_ERROR(attend_session_select(session, wrong, 1), ATTEND_ERROR_INVALID_ARGUMENT, "");
    CHECK(count_of(session) == 2);
    CHECK_SUCCESS(attend_session_select(session, swap, 2));
    CHECK_ERROR(attend_session_hidden_states(session, &view), ATTEND_ERROR_INVALID_STATE, "hidden states");
    CHECK_SUCCESS(attend_session_select(session, copies, 5));
    CHECK(count_of(session) == 5);
    CHECK_SUCCESS(attend_decode_step(session, start, 5, &view));
    const float *logits = view.data;
    CHECK(memcmp(logits, logits + 101, 101 * sizeof *logits) == 0 &&
          memcmp(logits, logits + 3 * 101, 101 * sizeof *logits) != 0);
    CHECK_SUCCESS(attend_session_select(session, last, 1));
    CHECK(count_of(session) == 1 && length_of(session, 0) == 1);
    CHECK_SUCCESS(attend_session_select(session, NULL, 0));
    CHECK(count_of(session) == 0);
    CHECK_ERROR(attend_decode_step(session, start, 0, &view), ATTEND_ERROR_INVALID_STATE, "");
    CHECK_ERROR(attend_session_select(session, last, 1), ATTEND_ERROR_INVALID_ARGUMENT, "");
    CHECK_SUCCESS(encode(session, hello, lengths, 1));
    CHECK(count_of(session) == 1);
}

static void hidden_states_and_memory(attend_session *session) {
    const int32_t start[] = { 1, 1 }, some[] = { 5, 6, 7 };
    const size_t lengths_of_some[] = { 2, 1 };
    attend_tensor states;
    size_t bytes = 0;
    CHECK_SUCCESS(encode(session, both, lengths, 2));
    CHECK_SUCCESS(attend_session_hidden_states(session, &states));
    CHECK(states.type == ATTEND_TYPE_FLOAT32 && states.rank == 2 && states.shape[0] == 10 && states.shape[1] == 128);
    CHECK_SUCCESS(attend_decode_step(session, start, 2, NULL));
    CHECK_SUCCESS(attend_session_hidden_states(session, &states));
    CHECK(states.shape[0] == 2 && states.shape[1] == 128);
    CHECK_SUCCESS(decode(session, some, lengths_of_some, 2));
    CHECK_SUCCESS(attend_session_hidden_states(session, &states));
    CHECK(states.shape[0] == 3 && length_of(session, 0) == 3 && length_of(session, 1) == 2);
    /* What follows a source is told by the steps of the decoder, and there is no pooler. */
    CHECK_SUCCESS(encode(session, both, lengths, 2));
    states.data = UNTOUCHED;
    CHECK_ERROR(attend_session_logits(session, &states), ATTEND_ERROR_UNSUPPORTED, "decoder");
    CHECK_ERROR(attend_session_pooled(session, &states), ATTEND_ERROR_UNSUPPORTED, "");
    CHECK(states.data == UNTOUCHED);
    CHECK_SUCCESS(attend_session_memory(session, &bytes));
    CHECK(bytes > 10000 && bytes < 100000000);
}

int main(void) {
    checks_begin();
    attend_model *model = load_default_model();
    attend_session *session = new_session(model);
    attend_model_free(model); /* the session keeps it */
    before_encoding(session);
    wrong_batches(session);
    wrong_steps(session);
    refused_calls_change_nothing(session);
    positions(session);
    selecting(session);
    hidden_states_and_memory(session);
    attend_session_free(session);
    return checks_end();
}
