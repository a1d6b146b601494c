/* Live sequences that come, wait and lose their ends: attend_session_add, lengths of 0, attend_session_truncate, and
 * the logits that attend_decode is asked for. All with the bits of sequences that were alone. */
#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 40, VOCABULARY = 120, STEPS = 6 };

typedef struct subject {
    attend_model *model;
    attend_session *session, *other;
    attend_model_info info;
} subject;

static const size_t lengths[] = { 7, 33, 1, 12 };
static int32_t texts[4][LONGEST];

static attend_error *read_texts(attend_session *session, size_t first, size_t count, bool adds) {
    int32_t tokens[4 * LONGEST];
    size_t total = 0;
    for (size_t i = first; i < first + count; i++) {
        memcpy(tokens + total, texts[i], lengths[i] * sizeof *tokens);
        total += lengths[i];
    }
    attend_batch batch = make_batch(tokens, lengths + first, count);
    return adds ? attend_session_add(session, &batch) : attend_encode(session, &batch);
}

static int32_t token_of(size_t sequence, size_t step) { return (int32_t)(3 + (sequence * 17 + step * 5) % 60); }

/** Gives sequence `sequence` of the texts its token of a step, alone, and keeps the logits. */
static void step_alone(subject *subject, size_t sequence, size_t steps, float *logits) {
    attend_tensor view;
    CHECK_SUCCESS(read_texts(subject->other, sequence, 1, false));
    for (size_t step = 0; step < steps; step++) {
        int32_t token = token_of(sequence, step);
        CHECK_SUCCESS(attend_decode_step(subject->other, &token, 1, &view));
    }
    memcpy(logits, view.data, subject->info.vocabulary_size * sizeof *logits);
}

static bool same(subject *subject, const attend_tensor *view, size_t row, const float *logits) {
    size_t bytes = subject->info.vocabulary_size * sizeof *logits;
    return memcmp((const char *)view->data + row * bytes, logits, bytes) == 0;
}

static size_t length_of(const attend_session *session, size_t index) {
    size_t length = SIZE_MAX;
    CHECK_SUCCESS(attend_session_length(session, index, &length));
    return length;
}

/** Two sequences begin, two join after some steps: each goes on as if it were alone. */
static void adding(subject *subject) {
    float alone[VOCABULARY];
    int32_t tokens[4];
    attend_tensor view;
    const size_t parents[] = { 3, 0 };
    size_t count = 0;
    CHECK_SUCCESS(read_texts(subject->session, 0, 2, false));
    for (size_t step = 0; step < 2; step++) {
        for (size_t i = 0; i < 2; i++) tokens[i] = token_of(i, step);
        CHECK_SUCCESS(attend_decode_step(subject->session, tokens, 2, &view));
    }
    CHECK_SUCCESS(read_texts(subject->session, 2, 2, true));
    CHECK_SUCCESS(attend_session_count(subject->session, &count));
    CHECK(count == 4);
    CHECK_SUCCESS(attend_session_hidden_states(subject->session, &view));
    CHECK(view.shape[0] == lengths[2] + lengths[3]);
    if (subject->info.kind == ATTEND_KIND_DECODER) { /* what may follow the prompts that were added */
        CHECK_SUCCESS(attend_session_logits(subject->session, &view));
        CHECK(view.shape[0] == 2);
    }
    for (size_t i = 0; i < 4; i++) tokens[i] = token_of(i, i < 2 ? 2 : 0);
    CHECK_SUCCESS(attend_decode_step(subject->session, tokens, 4, &view));
    for (size_t i = 0; i < 4; i++) {
        step_alone(subject, i, i < 2 ? 3 : 1, alone);
        CHECK(same(subject, &view, i, alone));
    }
    CHECK_SUCCESS(attend_session_select(subject->session, parents, 2));
    tokens[0] = token_of(3, 1), tokens[1] = token_of(0, 3);
    CHECK_SUCCESS(attend_decode_step(subject->session, tokens, 2, &view));
    step_alone(subject, 3, 2, alone);
    CHECK(same(subject, &view, 0, alone));
    step_alone(subject, 0, 4, alone);
    CHECK(same(subject, &view, 1, alone));
    /* What cannot be added changes nothing. */
    const int32_t outside = 1 << 20;
    const size_t one = 1;
    attend_batch wrong = make_batch(&outside, &one, 1);
    CHECK_ERROR(attend_session_add(subject->session, &wrong), ATTEND_ERROR_INVALID_ARGUMENT, "vocabulary");
    attend_session_cancel(subject->session);
    CHECK_ERROR(read_texts(subject->session, 0, 1, true), ATTEND_ERROR_CANCELLED, "request");
    CHECK_SUCCESS(attend_session_count(subject->session, &count));
    CHECK(count == 2);
    tokens[0] = token_of(3, 2), tokens[1] = token_of(0, 4);
    CHECK_SUCCESS(attend_decode_step(subject->session, tokens, 2, &view));
    step_alone(subject, 3, 3, alone);
    CHECK(same(subject, &view, 0, alone));
}

/** Sequences take turns: one reads three tokens while the other waits. */
static void waiting(subject *subject) {
    float alone[VOCABULARY];
    attend_tensor view = { UNTOUCHED, ATTEND_TYPE_INT8, 0, { 0 } };
    const size_t first[] = { 3, 0 }, second[] = { 0, 3 }, none[] = { 0, 0 };
    int32_t tokens[3];
    CHECK_SUCCESS(read_texts(subject->session, 0, 2, false));
    size_t before = length_of(subject->session, 0), waits = length_of(subject->session, 1);
    for (size_t step = 0; step < 3; step++) tokens[step] = token_of(0, step);
    attend_batch batch = make_batch(tokens, first, 2);
    batch.logits = ATTEND_LOGITS_LAST;
    CHECK_SUCCESS(attend_decode(subject->session, &batch, &view));
    CHECK(view.shape[0] == 2 && view.shape[1] == subject->info.vocabulary_size);
    step_alone(subject, 0, 3, alone);
    CHECK(same(subject, &view, 0, alone));
    CHECK(isnan(((const float *)view.data)[subject->info.vocabulary_size]));
    CHECK(length_of(subject->session, 0) == before + 3 && length_of(subject->session, 1) == waits);

    for (size_t step = 0; step < 3; step++) tokens[step] = token_of(1, step);
    batch = make_batch(tokens, second, 2);
    CHECK_SUCCESS(attend_decode(subject->session, &batch, &view));
    CHECK(view.shape[0] == 3);
    step_alone(subject, 1, 3, alone);
    CHECK(same(subject, &view, 2, alone));

    batch = make_batch(tokens, none, 2);
    CHECK_ERROR(attend_decode(subject->session, &batch, &view), ATTEND_ERROR_INVALID_ARGUMENT, "0");
    CHECK_ERROR(attend_encode(subject->session, &batch), ATTEND_ERROR_INVALID_ARGUMENT, "0");
    batch = make_batch(tokens, second, 2);
    batch.logits = ATTEND_LOGITS_NONE, view.data = UNTOUCHED;
    CHECK_SUCCESS(attend_decode(subject->session, &batch, &view));
    CHECK(view.data == UNTOUCHED && length_of(subject->session, 1) == waits + 6);
    batch.logits = (attend_logits_kind)9;
    CHECK_ERROR(attend_decode(subject->session, &batch, &view), ATTEND_ERROR_INVALID_ARGUMENT, "9");
    CHECK(length_of(subject->session, 1) == waits + 6);
}

/** Reads too much, forgets it, and goes on as if it had never been read; its twin keeps what both had read. */
static void cutting(subject *subject) {
    float alone[VOCABULARY];
    attend_tensor view;
    const size_t twins[] = { 0, 0 };
    int32_t tokens[2 * STEPS];
    const size_t sizes[] = { STEPS, STEPS };
    CHECK_SUCCESS(read_texts(subject->session, 1, 1, false));
    CHECK_SUCCESS(attend_session_select(subject->session, twins, 2));
    size_t read = length_of(subject->session, 0);
    for (size_t i = 0; i < 2 * STEPS; i++) tokens[i] = i < STEPS ? 3 + (int32_t)i : token_of(1, i - STEPS);
    attend_batch batch = make_batch(tokens, sizes, 2);
    CHECK_SUCCESS(attend_decode(subject->session, &batch, NULL));
    CHECK_ERROR(attend_session_truncate(subject->session, 2, 0), ATTEND_ERROR_INVALID_ARGUMENT, "index is 2");
    CHECK_ERROR(attend_session_truncate(subject->session, 0, read + STEPS + 1), ATTEND_ERROR_INVALID_ARGUMENT, "read");
    CHECK_ERROR(attend_session_truncate(subject->session, 0, SIZE_MAX), ATTEND_ERROR_INVALID_ARGUMENT, "read");
    CHECK_SUCCESS(attend_session_truncate(subject->session, 0, read));
    CHECK_ERROR(attend_session_hidden_states(subject->session, &view), ATTEND_ERROR_INVALID_STATE, "hidden states");
    CHECK(length_of(subject->session, 0) == read && length_of(subject->session, 1) == read + STEPS);
    for (size_t i = 0; i < STEPS; i++) tokens[i] = token_of(1, i);
    const size_t alone_sizes[] = { STEPS, 0 };
    batch = make_batch(tokens, alone_sizes, 2);
    CHECK_SUCCESS(attend_decode(subject->session, &batch, &view));
    step_alone(subject, 1, STEPS, alone);
    CHECK(same(subject, &view, STEPS - 1, alone));
    tokens[0] = tokens[1] = token_of(1, STEPS);
    CHECK_SUCCESS(attend_decode_step(subject->session, tokens, 2, &view));
    step_alone(subject, 1, STEPS + 1, alone);
    CHECK(same(subject, &view, 0, alone) && same(subject, &view, 1, alone));
}

static void check_model(const char *path) {
    subject subject = { NULL, NULL, NULL, ATTEND_MODEL_INFO_INIT };
    if (!CHECK_SUCCESS(attend_model_create(path, NULL, &subject.model))) return;
    CHECK_SUCCESS(attend_model_get_info(subject.model, &subject.info));
    subject.session = new_session(subject.model), subject.other = new_session(subject.model);
    int failed = checks_failed();
    CHECK(subject.info.vocabulary_size <= VOCABULARY);
    CHECK_ERROR(attend_session_truncate(subject.session, 0, 0), ATTEND_ERROR_INVALID_STATE, "encode");
    adding(&subject);
    waiting(&subject);
    cutting(&subject);
    if (checks_failed() > failed) checks_say("in %s\n", path);
    attend_session_free(subject.session);
    attend_session_free(subject.other);
    attend_model_free(subject.model);
}

/** Positions that are computed go on beyond those that are stated where the session is allowed to. */
static void beyond_positions(void) {
    attend_model *model;
    if (!CHECK_SUCCESS(attend_model_create("Tests/Fixtures/conformance/llama", NULL, &model))) return;
    attend_model_info info = ATTEND_MODEL_INFO_INIT;
    CHECK_SUCCESS(attend_model_get_info(model, &info));
    size_t stated = info.decoder_positions;
    if (!CHECK(stated < 100000)) return;
    attend_session_options options = ATTEND_SESSION_OPTIONS_INIT;
    int32_t *tokens = calloc(stated + 1, sizeof *tokens);
    for (size_t i = 0; i <= stated; i++) tokens[i] = (int32_t)(3 + i % 60);
    size_t more = stated + 1;
    for (int allowed = 0; allowed < 2; allowed++) {
        attend_session *session;
        options.beyond_positions = allowed;
        if (!CHECK_SUCCESS(attend_session_create(model, &options, &session))) continue;
        attend_batch whole = make_batch(tokens, &stated, 1), longer = make_batch(tokens, &more, 1);
        if (allowed) CHECK_SUCCESS(attend_encode(session, &longer));
        else CHECK_ERROR(attend_encode(session, &longer), ATTEND_ERROR_INVALID_ARGUMENT, "configuration");
        CHECK_SUCCESS(attend_encode(session, &whole));
        if (allowed) CHECK_SUCCESS(attend_decode_step(session, tokens, 1, NULL));
        else CHECK_ERROR(attend_decode_step(session, tokens, 1, NULL), ATTEND_ERROR_INVALID_STATE, "configuration");
        CHECK(length_of(session, 0) == stated + (size_t)allowed);
        attend_session_free(session);
    }
    free(tokens);
    attend_model_free(model);
}

int main(void) {
    checks_begin();
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < LONGEST; j++) texts[i][j] = (int32_t)(3 + (i * 31 + j * j) % 60);
    }
    const char *const models[] = { DEFAULT_MODEL,
                                   "Tests/Fixtures/conformance/t5",
                                   "Tests/Fixtures/conformance/gpt2",
                                   "Tests/Fixtures/conformance/llama",
                                   "Tests/Fixtures/conformance/gemma2",
                                   "Tests/Fixtures/conformance/qwen2_moe" };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) check_model(models[i]);
    beyond_positions();
    return checks_end();
}
