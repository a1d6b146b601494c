/* A decoder in two stages, attend_model_options.first_layer and end_layer: by hand, attend_batch.states from one to the
 * other, and through attend_session_options.stage, with the bits of the whole model. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS = 8, TEXTS = 2 };

static const size_t lengths[TEXTS] = { 5, 3 };
static const int32_t tokens[] = { 3, 14, 15, 9, 26, 5, 35, 8 };

/** What the stage before a session's keeps. */
typedef struct before {
    attend_session *session;
    size_t width;
    bool fails;
    int calls;
} before;

static attend_model *stage_of(const char *path, size_t first, size_t end) {
    attend_model_options options = ATTEND_MODEL_OPTIONS_INIT;
    options.first_layer = first;
    options.end_layer = end;
    attend_model *model = NULL;
    CHECK_SUCCESS(attend_model_create(path, &options, &model));
    return model;
}

/** A batch of what a session made last. */
static attend_batch states_of(attend_session *session, const size_t *of, size_t count) {
    attend_batch batch = ATTEND_BATCH_INIT;
    attend_tensor states;
    CHECK_SUCCESS(attend_session_hidden_states(session, &states));
    batch.states = states.data;
    batch.lengths = of;
    batch.count = count;
    return batch;
}

/** By hand: a prompt, then steps. */
static void hand_over(attend_session *whole, attend_session *first, attend_session *second, size_t vocabulary) {
    static const size_t ones[TEXTS] = { 1, 1 };
    attend_batch prompts = make_batch(tokens, lengths, TEXTS);
    attend_tensor logits, expected;
    CHECK_SUCCESS(attend_encode(whole, &prompts));
    CHECK_SUCCESS(attend_encode(first, &prompts));
    attend_batch states = states_of(first, lengths, TEXTS);
    CHECK_SUCCESS(attend_encode(second, &states));
    CHECK_SUCCESS(attend_session_logits(second, &logits));
    CHECK_SUCCESS(attend_session_logits(whole, &expected));
    CHECK(logits.shape[0] == TEXTS && memcmp(logits.data, expected.data, TEXTS * vocabulary * sizeof(float)) == 0);
    for (int32_t step = 0; step < STEPS; step++) {
        const int32_t next[TEXTS] = { 7 + step, 40 - step };
        CHECK_SUCCESS(attend_decode_step(whole, next, TEXTS, &expected));
        CHECK_SUCCESS(attend_decode_step(first, next, TEXTS, NULL));
        states = states_of(first, ones, TEXTS);
        CHECK_SUCCESS(attend_decode(second, &states, &logits));
        CHECK(memcmp(logits.data, expected.data, TEXTS * vocabulary * sizeof(float)) == 0);
    }
}

static bool compute(const attend_stage_step *step, void *context) {
    before *stage = context;
    size_t live = 0, total = 0;
    stage->calls++;
    CHECK(step->struct_size == sizeof *step && step->count > 0);
    size_t *parents = calloc(step->count, sizeof *parents);
    CHECK_SUCCESS(attend_session_count(stage->session, &live));
    for (size_t i = 0; i < step->count; i++) {
        parents[i] = step->parents[i];
        total += step->lengths[i];
        if (parents[i] != SIZE_MAX) continue;
        size_t found = 0;
        CHECK_SUCCESS(attend_session_add_prompt(stage->session, tokens, 1, &found));
        parents[i] = live++;
        CHECK(found == 0 && step->positions[i] == 0);
    }
    CHECK_SUCCESS(attend_session_select(stage->session, parents, step->count));
    free(parents);
    for (size_t i = 0; i < step->count; i++) {
        size_t length = 0;
        CHECK_SUCCESS(attend_session_length(stage->session, i, &length));
        if (length > step->positions[i]) CHECK_SUCCESS(attend_session_truncate(stage->session, i, step->positions[i]));
    }
    attend_batch batch = make_batch(step->tokens, step->lengths, step->count);
    batch.logits = ATTEND_LOGITS_NONE;
    CHECK_SUCCESS(attend_decode(stage->session, &batch, NULL));
    attend_tensor states;
    CHECK_SUCCESS(attend_session_hidden_states(stage->session, &states));
    CHECK(states.shape[0] == total && states.shape[1] == stage->width);
    memcpy(step->states, states.data, total * stage->width * sizeof(float));
    return !stage->fails;
}

static attend_error *generate(attend_session *session, attend_generation **generation) {
    attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
    options.config = "{\"max_new_tokens\": 12, \"num_beams\": 3, \"num_return_sequences\": 3, \"eos_token_id\": null}";
    attend_batch prompts = make_batch(tokens, lengths, TEXTS);
    return attend_generate(session, &prompts, &options, generation);
}

/** Beams, which copy and drop sequences, through the callback. */
static void call_back(const attend_model *second, attend_session *whole, attend_session *first, size_t width) {
    before stage = { first, width, false, 0 };
    attend_session_options options = ATTEND_SESSION_OPTIONS_INIT;
    options.stage = compute;
    options.stage_context = &stage;
    attend_session *session;
    if (!CHECK_SUCCESS(attend_session_create(second, &options, &session))) return;
    attend_generation *expected, *found;
    if (CHECK_SUCCESS(generate(whole, &expected)) && CHECK_SUCCESS(generate(session, &found))) {
        for (size_t request = 0; request < TEXTS; request++) {
            for (size_t index = 0; index < 3; index++) {
                attend_hypothesis one = ATTEND_HYPOTHESIS_INIT, other = ATTEND_HYPOTHESIS_INIT;
                CHECK_SUCCESS(attend_generation_get_hypothesis(expected, request, index, &one));
                CHECK_SUCCESS(attend_generation_get_hypothesis(found, request, index, &other));
                CHECK(one.count == other.count);
                CHECK(memcmp(one.ids, other.ids, one.count * sizeof *one.ids) == 0);
                CHECK(one.score == other.score);
            }
        }
        CHECK(stage.calls >= 12);
        attend_generation_free(expected);
        attend_generation_free(found);
    }
    /* A stage that gives up leaves the session as it was, though it has read the token itself. */
    attend_batch prompts = make_batch(tokens, lengths, TEXTS);
    const int32_t next[TEXTS] = { 7, 8 };
    attend_tensor logits, reference;
    CHECK_SUCCESS(attend_encode(session, &prompts));
    CHECK_SUCCESS(attend_encode(whole, &prompts));
    stage.fails = true;
    CHECK_ERROR(attend_decode_step(session, next, TEXTS, &logits), ATTEND_ERROR_CANCELLED, "options.stage");
    stage.fails = false;
    CHECK_SUCCESS(attend_decode_step(session, next, TEXTS, &logits));
    CHECK_SUCCESS(attend_decode_step(whole, next, TEXTS, &reference));
    CHECK(memcmp(logits.data, reference.data, logits.shape[0] * logits.shape[1] * sizeof(float)) == 0);
    attend_session_free(session);
}

/** What is no stage, and what a stage does not do. */
static void refusals(const char *path, const attend_model *whole, const attend_model *second, size_t layers) {
    const size_t wrong[][2] = { { 0, layers + 1 }, { 1, 1 }, { 2, 1 }, { 1, SIZE_MAX }, { SIZE_MAX, 0 } };
    attend_model_options options = ATTEND_MODEL_OPTIONS_INIT;
    attend_model *model = UNTOUCHED;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        options.first_layer = wrong[i][0], options.end_layer = wrong[i][1];
        CHECK_ERROR(attend_model_create(path, &options, &model), ATTEND_ERROR_INVALID_ARGUMENT, "layers is [");
    }
    options.first_layer = 0, options.end_layer = 1;
    CHECK_ERROR(attend_model_create(DEFAULT_MODEL, &options, &model), ATTEND_ERROR_UNSUPPORTED, "cannot be divided");
    CHECK(model == UNTOUCHED);
    attend_session *session = new_session(second), *other = UNTOUCHED;
    attend_batch batch = make_batch(tokens, lengths, TEXTS);
    CHECK_ERROR(attend_encode(session, &batch), ATTEND_ERROR_INVALID_ARGUMENT, "states of an earlier stage");
    const float states[] = { 0 };
    batch.states = states;
    CHECK_ERROR(attend_encode(session, &batch), ATTEND_ERROR_INVALID_ARGUMENT, "batch.states");
    attend_generation *generation = UNTOUCHED;
    batch.tokens = NULL;
    CHECK_ERROR(attend_generate(session, &batch, NULL, &generation), ATTEND_ERROR_INVALID_ARGUMENT, "batch.states");
    attend_session_free(session);
    session = new_session(whole);
    CHECK_ERROR(attend_encode(session, &batch), ATTEND_ERROR_INVALID_ARGUMENT, "batch.states");
    attend_session_free(session);
    attend_session_options with = ATTEND_SESSION_OPTIONS_INIT;
    with.stage = compute;
    CHECK_ERROR(attend_session_create(whole, &with, &other), ATTEND_ERROR_INVALID_ARGUMENT, "options.stage");
    with.prefix_cache_bytes = 1 << 20;
    CHECK_ERROR(attend_session_create(second, &with, &other), ATTEND_ERROR_UNSUPPORTED, "prefix_cache_bytes");
    CHECK(other == UNTOUCHED);
}

static void check_model(const char *path) {
    attend_model *whole = NULL;
    attend_model_info info = ATTEND_MODEL_INFO_INIT, part = ATTEND_MODEL_INFO_INIT;
    if (!CHECK_SUCCESS(attend_model_create(path, NULL, &whole))) return;
    CHECK_SUCCESS(attend_model_get_info(whole, &info));
    CHECK(info.first_layer == 0 && info.whole_layers == info.decoder_layers && info.decoder_layers > 1);
    attend_model *first = stage_of(path, 0, 1), *second = stage_of(path, 1, info.decoder_layers);
    CHECK_SUCCESS(attend_model_get_info(second, &part));
    CHECK(part.first_layer == 1 && part.decoder_layers == info.decoder_layers - 1);
    CHECK(part.whole_layers == info.whole_layers && part.parameters < info.parameters);
    attend_session *sessions[] = { new_session(whole), new_session(first), new_session(second) };
    hand_over(sessions[0], sessions[1], sessions[2], info.vocabulary_size);
    call_back(second, sessions[0], sessions[1], info.hidden_size);
    refusals(path, whole, second, info.decoder_layers);
    for (size_t i = 0; i < 3; i++) attend_session_free(sessions[i]);
    attend_model_free(whole);
    attend_model_free(first);
    attend_model_free(second);
}

int main(void) {
    checks_begin();
    const char *const models[] = { "Tests/Fixtures/conformance/llama", "Tests/Fixtures/conformance/gpt2",
                                   "Tests/Fixtures/conformance/gemma2", "Tests/Fixtures/conformance/qwen2_moe" };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) check_model(models[i]);
    return checks_end();
}
