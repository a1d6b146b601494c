/* What a family computes, against transformers: encoder states, logits, greedy ids, in ragged batches.
 * usage: conformance CASE KERNELS        exit status 77: this machine does not have the kernels */
#include "check.h"
#include "expected.h"
#include "greedy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEW_TOKENS = 12, SKIPPED = 77 }; /* the expected greedy ids were made with 12 new tokens */
static const float tolerance = 1e-4f;

static void check_states(attend_session *session, const sequences *sources) {
    entry entry;
    const float *wanted = expected_tensor("encoder_last_hidden_state", "F32", &entry);
    attend_tensor states;
    CHECK_SUCCESS(attend_session_hidden_states(session, &states));
    float worst = 0;
    const float *row = states.data;
    size_t width = entry.shape[2];
    if (!CHECK(states.shape[1] == width)) return;
    for (size_t i = 0; i < sources->count; i++) {
        worst = fmaxf(worst, largest_difference(row, wanted + i * sources->width * width, sources->lengths[i] * width));
        row += sources->lengths[i] * width;
    }
    CHECK(row == (const float *)states.data + states.shape[0] * width);
    if (!CHECK(worst <= tolerance)) checks_say("encoder states differ by %g\n", worst);
    else checks_say("encoder states within %.2g\n", worst);
}

static void check_logits(attend_session *session) {
    entry entry;
    const int32_t *ids = expected_tensor("decoder_input_ids", "I32", &entry);
    size_t count = entry.shape[0], length = entry.shape[1], lengths[16];
    for (size_t i = 0; i < count; i++) lengths[i] = length;
    attend_batch batch = make_batch(ids, lengths, count);
    attend_tensor logits;
    CHECK_SUCCESS(attend_decode(session, &batch, &logits));
    const float *wanted = expected_tensor("logits", "F32", &entry);
    if (!CHECK(logits.shape[0] == count * length && logits.shape[1] == entry.shape[2])) return;
    float worst = largest_difference(logits.data, wanted, count * length * entry.shape[2]);
    if (!CHECK(worst <= tolerance)) checks_say("logits differ by %g\n", worst);
    else checks_say("logits within %.2g\n", worst);
}

static void check_greedy(const attend_model *model, attend_session *session, const attend_batch *batch) {
    attend_model_info info = ATTEND_MODEL_INFO_INIT;
    CHECK_SUCCESS(attend_model_get_info(model, &info));
    int32_t ids[16 * NEW_TOKENS];
    size_t lengths[16];
    CHECK_SUCCESS(greedy_decode(model, session, batch, NEW_TOKENS, ids, lengths));
    for (size_t i = 0; i < batch->count; i++) {
        char name[32];
        entry entry;
        snprintf(name, sizeof name, "greedy_ids.%zu", i);
        const int32_t *wanted = expected_tensor(name, "I32", &entry);
        CHECK(wanted[0] == info.decoder_start_token);
        CHECK(lengths[i] + 1 == entry.shape[0] && memcmp(ids + i * NEW_TOKENS, wanted + 1, lengths[i] * sizeof *ids) == 0);
    }
}

int main(int argc, char **argv) {
    checks_begin();
    if (argc != 3) return checks_say("usage: conformance CASE KERNELS\n"), 2;
    expected_open(argv[1]);

    attend_model_options options = ATTEND_MODEL_OPTIONS_INIT;
    options.kernels = argv[2];
    attend_model *model = NULL;
    attend_error *error = attend_model_create(argv[1], &options, &model);
    if (error && attend_error_get_code(error) == ATTEND_ERROR_UNSUPPORTED && strstr(attend_error_message(error), argv[2])) {
        checks_say("skipped: %s\n", attend_error_message(error));
        return SKIPPED;
    }
    if (!CHECK_SUCCESS(error)) return checks_end();
    CHECK(strcmp(attend_model_kernels(model), argv[2]) == 0);
    attend_session *session = new_session(model);
    sequences sources = expected_sequences();
    attend_batch batch = make_batch(sources.tokens, sources.lengths, sources.count);
    CHECK_SUCCESS(attend_encode(session, &batch));
    check_states(session, &sources);
    check_logits(session);
    check_greedy(model, session, &batch);
    attend_session_free(session);
    attend_model_free(model);
    expected_close();
    return checks_end();
}
