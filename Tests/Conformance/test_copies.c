/* copy_weights: what happens to the file of weights after loading reaches no model. */
#define _POSIX_C_SOURCE 200809L /* truncate */
#include "check.h"
#include "folder.h"

#include <string.h>
#include <unistd.h>

#define FILE_NAME "model.safetensors"

static attend_model *load(const char *path, attend_compute_type compute, bool copies) {
    attend_model_options options = ATTEND_MODEL_OPTIONS_INIT;
    options.compute = compute;
    options.copy_weights = copies;
    attend_model *model = NULL;
    CHECK_SUCCESS(attend_model_create(path, &options, &model));
    return model;
}

/** The logits of the first step behind a source of all ids that the test can be sure of. */
static void logits(const attend_model *model, float *result, size_t count) {
    attend_session *session = new_session(model);
    int32_t source[16];
    for (int32_t i = 0; i < 16; i++) source[i] = 3 + i;
    size_t length = 16;
    attend_batch batch = make_batch(source, &length, 1);
    CHECK_SUCCESS(attend_encode(session, &batch));
    attend_model_info info = ATTEND_MODEL_INFO_INIT;
    CHECK_SUCCESS(attend_model_get_info(model, &info));
    attend_tensor tensor = { NULL, ATTEND_TYPE_FLOAT32, 0, { 0 } };
    const int32_t start = info.decoder_start_token;
    CHECK_SUCCESS(attend_decode_step(session, &start, 1, &tensor));
    CHECK(count <= info.vocabulary_size);
    memcpy(result, tensor.data, count * sizeof *result);
    attend_session_free(session);
}

static void shortened(attend_compute_type compute) {
    float before[64], after[64];
    folder place = folder_make();
    attend_model *mapped = load(DEFAULT_MODEL, compute, false), *copied = load(place.path, compute, true);
    CHECK(truncate(folder_path(&place, FILE_NAME), 100) == 0);
    logits(mapped, before, 64);
    logits(copied, after, 64);
    CHECK(memcmp(before, after, sizeof before) == 0);
    folder_write_text(&place, FILE_NAME, "something else");
    logits(copied, after, 64);
    CHECK(memcmp(before, after, sizeof before) == 0);
    attend_model_free(copied);
    attend_model_free(mapped);
    folder_remove(&place);
}

int main(void) {
    checks_begin();
    shortened(ATTEND_COMPUTE_FLOAT32);
    shortened(ATTEND_COMPUTE_INT8);
    return checks_end();
}
