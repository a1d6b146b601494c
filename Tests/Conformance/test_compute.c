/* The types of the arithmetic: each is accepted by name, reported, takes less memory than the one before, and computes
 * what float32 computes but for rounding. */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TYPES = 4, SEQUENCES = 3, STEPS = 6, MOST_LOGITS = SEQUENCES * 101 };
static const attend_compute_type types[TYPES] = { ATTEND_COMPUTE_FLOAT32, ATTEND_COMPUTE_BFLOAT16, ATTEND_COMPUTE_INT8,
                                                  ATTEND_COMPUTE_INT4 };
/* As parts of the largest logit of float32: twice what was measured on these two checkpoints, 0.0095 for bfloat16,
 * 0.030 for int8 and 0.29 for int4. */
static const float tolerance[TYPES] = { 0, 0.02f, 0.06f, 0.6f };

static attend_model *load(const char *path, attend_compute_type compute, const char *kernels, attend_error **error) {
    attend_model_options options = ATTEND_MODEL_OPTIONS_INIT;
    options.compute = compute;
    options.kernels = kernels;
    attend_model *model = NULL;
    *error = attend_model_create(path, &options, &model);
    return model;
}

static attend_model_info info_of(const attend_model *model) {
    attend_model_info info = ATTEND_MODEL_INFO_INIT;
    CHECK_SUCCESS(attend_model_get_info(model, &info));
    return info;
}

/** Reads three sequences and gives them STEPS tokens, the same for all types; the logits of the last step are copied to
 * `logits`. */
static size_t run(const attend_model *model, float *logits) {
    const int32_t tokens[] = { 13, 10, 17, 17, 20, 3, 8, 6, 25, 3, 22 };
    const size_t lengths[SEQUENCES] = { 6, 4, 1 };
    attend_session *session = new_session(model);
    attend_batch batch = make_batch(tokens, lengths, SEQUENCES);
    attend_tensor view;
    size_t count = 0;
    CHECK_SUCCESS(attend_encode(session, &batch));
    for (int32_t step = 0; step < STEPS; step++) {
        const int32_t given[SEQUENCES] = { 1 + 7 * step, 1 + 5 * step, 1 + 3 * step };
        if (!CHECK_SUCCESS(attend_decode_step(session, given, SEQUENCES, &view))) continue;
        count = view.shape[0] * view.shape[1];
        if (CHECK(view.type == ATTEND_TYPE_FLOAT32 && count <= MOST_LOGITS))
            memcpy(logits, view.data, count * sizeof *logits);
        for (size_t i = 0; i < count; i++) CHECK(isfinite(logits[i]));
    }
    attend_session_free(session);
    return count;
}

/** One type of one checkpoint on one set of kernels, against `reference`; returns the memory of the weights, or 0 where
 * the machine has no such kernels. */
static size_t check_type(const char *path, int type, const char *kernels, const float *reference, float *logits) {
    attend_error *error;
    attend_model *model = load(path, types[type], kernels, &error);
    if (error && attend_error_get_code(error) == ATTEND_ERROR_UNSUPPORTED &&
        strstr(attend_error_message(error), kernels)) {
        attend_error_free(error);
        return 0;
    }
    if (!CHECK_SUCCESS(error)) return 0;
    attend_model_info info = info_of(model);
    CHECK(info.compute == types[type] && info.weight_bytes > 0);
    size_t count = run(model, logits);
    float largest = 0, difference = 0;
    for (size_t i = 0; reference && i < count; i++) {
        largest = fmaxf(largest, fabsf(reference[i]));
        difference = fmaxf(difference, fabsf(reference[i] - logits[i]));
    }
    CHECK(difference <= tolerance[type] * largest);
    CHECK(type == 0 || difference > 0); /* it does compute in another type */
    checks_say("%s, compute %d, %s: %zu bytes of weights, differs by %g of %g\n", path, (int)types[type], kernels,
               info.weight_bytes, difference, largest);
    attend_model_free(model);
    return info.weight_bytes;
}

static void every_type(const char *path, const char *kernels) {
    static float reference[MOST_LOGITS], logits[MOST_LOGITS];
    size_t before = check_type(path, 0, kernels, NULL, reference);
    if (before == 0) return;
    for (int type = 1; type < TYPES; type++) {
        size_t bytes = check_type(path, type, kernels, reference, logits);
        CHECK(bytes > 0 && bytes < before);
        before = bytes;
    }
}

/** The default is float32, to the bit; numbers that name no type are refused. */
static void default_and_unknown(void) {
    static float expected[MOST_LOGITS], logits[MOST_LOGITS];
    attend_error *error;
    attend_model *model = load(DEFAULT_MODEL, ATTEND_COMPUTE_DEFAULT, NULL, &error), *float32 = NULL;
    if (!CHECK_SUCCESS(error)) return;
    float32 = load(DEFAULT_MODEL, ATTEND_COMPUTE_FLOAT32, NULL, &error);
    if (!CHECK_SUCCESS(error)) return;
    CHECK(info_of(model).compute == ATTEND_COMPUTE_FLOAT32);
    size_t count = run(float32, expected);
    CHECK(run(model, logits) == count && memcmp(logits, expected, count * sizeof *logits) == 0);
    attend_model_free(float32);
    attend_model_free(model);

    const int unknown[] = { 5, 99, -1, INT32_MAX };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        model = load(DEFAULT_MODEL, (attend_compute_type)unknown[i], NULL, &error);
        CHECK_ERROR(error, ATTEND_ERROR_INVALID_ARGUMENT, "compute");
        CHECK(model == NULL);
    }
}

int main(void) {
    checks_begin();
    const char *const kernels[] = { "amx", "avx512", "avx2", "portable" };
    for (size_t i = 0; i < 4; i++) {
        every_type(DEFAULT_MODEL, kernels[i]);
        every_type("Tests/Fixtures/conformance/gpt2", kernels[i]);
    }
    default_and_unknown();
    return checks_end();
}
