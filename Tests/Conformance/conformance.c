/* What families compute, against transformers, in ragged batches: hidden states, pooled vectors, logits, greedy ids,
 * whatever of them a case has. usage: conformance KERNELS CASE...        A case of a family that the library does not
 * know is passed over; exit status 77: this machine does not have the kernels */
#include "check.h"
#include "expected.h"
#include "greedy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEW_TOKENS = 12, SKIPPED = 77 }; /* the expected greedy ids were made with 12 new tokens */
static const float tolerance = 1e-4f;

typedef struct subject {
    attend_model *model;
    attend_model_info info;
    attend_session *session;
    sequences sources;
    attend_batch batch; /* the sources, which stay where they are */
} subject;

/** Fails if `got` is further than the tolerance from `wanted`, and says by how much. */
static void check_close(const char *what, const float *got, const float *wanted, size_t count) {
    float worst = largest_difference(got, wanted, count);
    if (!CHECK(worst <= tolerance)) checks_say("%s differ by %g\n", what, worst);
}

/** A row for each token of the sources, of which `columns` numbers from `first` on count, against the rows of a padded
 * tensor. */
static void check_tokens(const subject *subject, const attend_tensor *got, const char *name, size_t first,
                         size_t columns) {
    entry entry;
    const float *wanted = expected_tensor(name, "F32", &entry);
    const sequences *sources = &subject->sources;
    if (!CHECK(entry.rank == 2 ? columns == 1 : entry.shape[2] == columns) || !CHECK(first + columns <= got->shape[1]))
        return;
    const float *row = (const float *)got->data + first;
    for (size_t i = 0; i < sources->count; i++) {
        for (size_t place = 0; place < sources->lengths[i]; place++, row += got->shape[1]) {
            check_close(name, row, wanted + (i * sources->width + place) * columns, columns);
        }
    }
    CHECK(row == (const float *)got->data + first + got->shape[0] * got->shape[1]);
}

/** A tensor that has the shape of the expected one. */
static void check_whole(const attend_tensor *got, const char *name) {
    entry entry;
    const float *wanted = expected_tensor(name, "F32", &entry);
    size_t columns = entry.shape[entry.rank - 1], rows = 1;
    for (size_t i = 0; i + 1 < entry.rank; i++) rows *= entry.shape[i];
    if (CHECK(got->rank == 2 && got->shape[0] == rows && got->shape[1] == columns))
        check_close(name, got->data, wanted, rows * columns);
}

static void check_states(const subject *subject, const char *name) {
    attend_tensor states;
    if (!expected_has(name)) return;
    CHECK_SUCCESS(attend_session_hidden_states(subject->session, &states));
    check_tokens(subject, &states, name, 0, subject->info.hidden_size);
}

static void check_greedy(const subject *subject) {
    int32_t ids[16 * NEW_TOKENS];
    size_t lengths[16];
    if (!expected_has("greedy_ids.0")) return;
    CHECK_SUCCESS(greedy_decode(subject->model, subject->session, &subject->batch, NEW_TOKENS, ids, lengths));
    size_t start =
        subject->info.kind == ATTEND_KIND_ENCODER_DECODER ? 1 : 0; /* what was generated begins with the start token */
    for (size_t i = 0; i < subject->sources.count; i++) {
        char name[32];
        entry entry;
        snprintf(name, sizeof name, "greedy_ids.%zu", i);
        const int32_t *wanted = expected_tensor(name, "I32", &entry);
        CHECK(start == 0 || wanted[0] == subject->info.decoder_start_token);
        CHECK(lengths[i] + start == entry.shape[0] &&
              memcmp(ids + i * NEW_TOKENS, wanted + start, lengths[i] * sizeof *ids) == 0);
    }
}

static void check_encoder(const subject *subject) {
    attend_tensor tensor;
    CHECK_SUCCESS(attend_encode(subject->session, &subject->batch));
    check_states(subject, "last_hidden_state");
    if (expected_has("pooler_output")) {
        CHECK_SUCCESS(attend_session_pooled(subject->session, &tensor));
        check_whole(&tensor, "pooler_output");
    }
    bool answers = expected_has("start_logits");
    if (!answers && !expected_has("logits")) return;
    CHECK_SUCCESS(attend_session_logits(subject->session, &tensor));
    entry entry;
    if (answers) {
        check_tokens(subject, &tensor, "start_logits", 0, 1);
        check_tokens(subject, &tensor, "end_logits", 1, 1);
    } else if (expected_tensor("logits", "F32", &entry), entry.rank == 2) {
        check_whole(&tensor, "logits");
    } else {
        check_tokens(subject, &tensor, "logits", 0, tensor.shape[1]);
    }
}

static void check_encoder_decoder(const subject *subject) {
    entry entry;
    attend_tensor logits;
    size_t lengths[16];
    CHECK_SUCCESS(attend_encode(subject->session, &subject->batch));
    check_states(subject, "encoder_last_hidden_state");
    const int32_t *ids = expected_tensor("decoder_input_ids", "I32", &entry);
    if (!CHECK(entry.shape[0] <= 16)) return;
    for (size_t i = 0; i < entry.shape[0]; i++) lengths[i] = entry.shape[1];
    attend_batch batch = make_batch(ids, lengths, entry.shape[0]);
    CHECK_SUCCESS(attend_decode(subject->session, &batch, &logits));
    check_whole(&logits, "logits");
    check_greedy(subject);
}

/** The first token of each text is the prompt and the others follow it, so that every position has its logits. */
static void check_decoder(const subject *subject) {
    const sequences *sources = &subject->sources;
    int32_t firsts[16], others[16 * 64];
    size_t ones[16], rests[16], from = 0, to = 0;
    for (size_t i = 0; i < sources->count; i++) {
        ones[i] = 1, rests[i] = sources->lengths[i] - 1;
        firsts[i] = sources->tokens[from];
        memcpy(others + to, sources->tokens + from + 1, rests[i] * sizeof *others);
        from += sources->lengths[i], to += rests[i];
    }
    entry entry;
    attend_tensor logits;
    const float *wanted = expected_tensor("logits", "F32", &entry);
    size_t width = entry.shape[2];
    attend_batch prompts = make_batch(firsts, ones, sources->count), batch = make_batch(others, rests, sources->count);
    CHECK_SUCCESS(attend_encode(subject->session, &prompts));
    CHECK_SUCCESS(attend_session_logits(subject->session, &logits));
    if (!CHECK(logits.shape[0] == sources->count && logits.shape[1] == width)) return;
    for (size_t i = 0; i < sources->count; i++) {
        check_close("logits of prompts", (const float *)logits.data + i * width, wanted + i * sources->width * width,
                    width);
    }
    CHECK_SUCCESS(attend_decode(subject->session, &batch, &logits));
    if (!CHECK(logits.shape[0] == to && logits.shape[1] == width)) return;
    const float *row = logits.data;
    for (size_t i = 0; i < sources->count; row += rests[i++] * width) {
        check_close("logits", row, wanted + (i * sources->width + 1) * width, rests[i] * width);
    }
    check_greedy(subject);
}

enum outcome { CHECKED, UNKNOWN_FAMILY, NO_KERNELS };

/** Whether `error` says that something is not supported, in a message with `words`. */
static bool is_unsupported(attend_error *error, const char *words) {
    return error && attend_error_get_code(error) == ATTEND_ERROR_UNSUPPORTED &&
           strstr(attend_error_message(error), words);
}

static enum outcome check_case(const char *folder, const char *kernels) {
    attend_model_options options = ATTEND_MODEL_OPTIONS_INIT;
    options.kernels = kernels;
    subject subject = { .info = ATTEND_MODEL_INFO_INIT };
    attend_error *error = attend_model_create(folder, &options, &subject.model);
    if (is_unsupported(error, " is not known; known are ")) {
        attend_error_free(error);
        return UNKNOWN_FAMILY;
    }
    if (is_unsupported(error, kernels)) {
        checks_say("skipped: %s\n", attend_error_message(error));
        attend_error_free(error);
        return NO_KERNELS;
    }
    if (!CHECK_SUCCESS(error)) return CHECKED;
    CHECK(strcmp(attend_model_kernels(subject.model), kernels) == 0);
    CHECK_SUCCESS(attend_model_get_info(subject.model, &subject.info));
    subject.session = new_session(subject.model);
    expected_open(folder);
    subject.sources = expected_sequences();
    subject.batch = make_batch(subject.sources.tokens, subject.sources.lengths, subject.sources.count);
    if (expected_has("token_type_ids")) subject.batch.token_types = subject.sources.types;
    switch (subject.info.kind) {
    case ATTEND_KIND_ENCODER:
        check_encoder(&subject);
        break;
    case ATTEND_KIND_DECODER:
        check_decoder(&subject);
        break;
    default:
        check_encoder_decoder(&subject);
        break;
    }
    expected_close();
    attend_session_free(subject.session);
    attend_model_free(subject.model);
    return CHECKED;
}

int main(int argc, char **argv) {
    checks_begin();
    if (argc < 3) return checks_say("usage: conformance KERNELS CASE...\n"), 2;
    int checked = 0;
    for (int i = 2; i < argc; i++) {
        int before = checks_failed();
        enum outcome outcome = check_case(argv[i], argv[1]);
        if (outcome == NO_KERNELS) return SKIPPED;
        if (checks_failed() > before) checks_say("in %s with %s\n", argv[i], argv[1]);
        checked += outcome == CHECKED;
    }
    CHECK(checked > (argc - 2) / 2); /* few are of families that this library does not have */
    return checks_end();
}
