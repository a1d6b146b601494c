/* In float32 a sequence's result is the same to the bit, whatever stands beside it in the batch, however many threads
 * compute, however the target is cut into calls, and whether AVX2 or AVX-512 ran. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

enum { SOURCES = 37, LONGEST = 64, TARGET = 20, VOCABULARY = 101 };

static int32_t sources[SOURCES][LONGEST], targets[SOURCES][TARGET];
static size_t lengths[SOURCES];
static float expected[SOURCES][TARGET][VOCABULARY];

/** Sequences of all lengths from 1 to the model's positions, of ids that repeat from run to run. */
static void make_sources(void) {
    uint32_t seed = 1;
    for (size_t i = 0; i < SOURCES; i++) {
        lengths[i] = i + 1 == SOURCES ? LONGEST : 1 + i * 13 % LONGEST;
        for (size_t j = 0; j < LONGEST; j++)
            sources[i][j] = (int32_t)((seed = seed * 1664525 + 1013904223) >> 16) % VOCABULARY;
        for (size_t j = 0; j < TARGET; j++)
            targets[i][j] = (int32_t)((seed = seed * 1664525 + 1013904223) >> 16) % VOCABULARY;
    }
}

/** Encodes sources from `first` on. */
static void encode(attend_session *session, size_t first, size_t count) {
    static int32_t tokens[SOURCES * LONGEST];
    size_t total = 0;
    for (size_t i = first; i < first + count; i++) {
        memcpy(tokens + total, sources[i], lengths[i] * sizeof *tokens);
        total += lengths[i];
    }
    attend_batch batch = make_batch(tokens, lengths + first, count);
    CHECK_SUCCESS(attend_encode(session, &batch));
}

/** Reads the targets of `count` sequences from `first` on, `at_once` tokens a call, into `logits`. */
static void decode(attend_session *session, size_t first, size_t count, size_t at_once,
                   float logits[][TARGET][VOCABULARY]) {
    int32_t tokens[SOURCES * TARGET];
    size_t sizes[SOURCES];
    for (size_t at = 0; at < TARGET; at += at_once) {
        size_t now = TARGET - at < at_once ? TARGET - at : at_once;
        for (size_t i = 0; i < count; i++) {
            memcpy(tokens + i * now, &targets[first + i][at], now * sizeof *tokens);
            sizes[i] = now;
        }
        attend_tensor view = { NULL, ATTEND_TYPE_FLOAT32, 0, { 0 } };
        attend_batch batch = make_batch(tokens, sizes, count);
        if (at_once == 1) CHECK_SUCCESS(attend_decode_step(session, tokens, count, &view));
        else CHECK_SUCCESS(attend_decode(session, &batch, &view));
        if (!CHECK(view.rank == 2 && view.shape[0] == count * now && view.shape[1] == VOCABULARY)) exit(checks_end());
        for (size_t i = 0; i < count; i++)
            memcpy(logits[i][at], (const float *)view.data + i * now * VOCABULARY, now * sizeof logits[i][at]);
    }
}

static void same_as_expected(size_t first, size_t count, float logits[][TARGET][VOCABULARY]) {
    CHECK(memcmp(logits, expected[first], count * sizeof *expected) == 0);
}

static void check_all_ways(attend_session *session) {
    static float logits[SOURCES][TARGET][VOCABULARY];
    const size_t at_once[] = { 1, 2, 7, TARGET };
    for (size_t way = 0; way < sizeof at_once / sizeof *at_once; way++) {
        encode(session, 0, SOURCES);
        decode(session, 0, SOURCES, at_once[way], logits);
        same_as_expected(0, SOURCES, logits);
    }
    for (size_t i = 0; i < SOURCES; i++) { /* alone, and beside its neighbours */
        encode(session, i, 1);
        decode(session, i, 1, 1 + i % TARGET, logits);
        same_as_expected(i, 1, logits);
        if (i % 4 != 0) continue;
        size_t count = SOURCES - i < 5 ? SOURCES - i : 5;
        encode(session, i, count);
        decode(session, i, count, 1, logits);
        same_as_expected(i, count, logits);
    }
}

int main(void) {
    checks_begin();
    make_sources();
    const char *const kernels[] = { "amx", "avx512", "avx2" };
    bool have_expected = false;
    for (size_t i = 0; i < 3; i++) {
        for (uint32_t threads = 1; threads <= 3; threads += 2) {
            attend_model_options options = ATTEND_MODEL_OPTIONS_INIT;
            options.kernels = kernels[i];
            options.threads = threads;
            attend_model *model = NULL;
            attend_error *error = attend_model_create(DEFAULT_MODEL, &options, &model);
            if (error && attend_error_get_code(error) == ATTEND_ERROR_UNSUPPORTED) { /* this CPU does not have them */
                checks_say("skipped: %s\n", attend_error_message(error));
                attend_error_free(error);
                continue;
            }
            CHECK_SUCCESS(error);
            attend_session *session = new_session(model);
            if (!have_expected) {
                encode(session, 0, SOURCES);
                decode(session, 0, SOURCES, TARGET, expected);
                have_expected = true;
            }
            check_all_ways(session);
            attend_session_free(session);
            attend_model_free(model);
        }
    }
    return checks_end();
}
