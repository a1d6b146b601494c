/* Inputs that are no tokens: arrays, files, pixels and samples become the same states, a batch the bits of each by
 * itself, and what is wrong with one is named. */
#include "check.h"
#include "folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 32, COUNT = 3 * SIDE * SIDE };

static folder place;

/** A model of a place of its own, see folder_make_case. */
static attend_model *load(const char *name, const char *preprocessor) {
    place = folder_make_case(name, preprocessor);
    attend_model *model = NULL;
    CHECK_SUCCESS(attend_model_create(place.path, NULL, &model));
    return model;
}

static attend_batch batch_of(const attend_input *inputs, size_t count) {
    attend_batch batch = ATTEND_BATCH_INIT;
    batch.inputs = inputs;
    batch.count = count;
    return batch;
}

/** The states of one input, `count` numbers of them. Borrowed from the session. */
static const float *states(attend_session *session, attend_input input, size_t count) {
    attend_batch batch = batch_of(&input, 1);
    attend_tensor found = { 0 };
    if (!CHECK_SUCCESS(attend_encode(session, &batch))) return NULL;
    CHECK_SUCCESS(attend_session_hidden_states(session, &found));
    return CHECK(found.shape[0] * found.shape[1] == count) ? found.data : NULL;
}

static void put(uint8_t *place, size_t value, size_t count) {
    for (size_t i = 0; i < count; i++) place[i] = (uint8_t)(value >> 8 * i);
}

/** A bitmap of 24 bits: rows from below, blue first, each of a multiple of four bytes. */
static size_t bitmap(const uint8_t *pixels, uint8_t *file) {
    memset(file, 0, 54);
    memcpy(file, "BM", 2);
    put(file + 2, 54 + COUNT, 4), put(file + 10, 54, 4), put(file + 14, 40, 4);
    put(file + 18, SIDE, 4), put(file + 22, SIDE, 4), put(file + 26, 1, 2), put(file + 28, 24, 2);
    for (size_t row = 0; row < SIDE; row++)
        for (size_t column = 0; column < SIDE; column++)
            for (size_t channel = 0; channel < 3; channel++)
                file[54 + ((SIDE - 1 - row) * SIDE + column) * 3 + channel] =
                    pixels[(row * SIDE + column) * 3 + 2 - channel];
    return 54 + COUNT;
}

static attend_input pixels_of(const void *pixels, attend_element_type type, size_t channels) {
    attend_input input = ATTEND_INPUT_INIT;
    input.kind = ATTEND_INPUT_PIXELS;
    input.data = pixels;
    input.type = type;
    input.rank = 3;
    input.shape[0] = input.shape[1] = SIDE;
    input.shape[2] = channels;
    return input;
}

static void pictures(void) {
    static uint8_t pixels[COUNT], planes[COUNT], file[54 + COUNT];
    static float features[COUNT], wanted[17 * 32];
    unsigned seed = 1;
    for (size_t i = 0; i < COUNT; i++) pixels[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
    for (size_t i = 0; i < COUNT; i++) {
        planes[i % 3 * SIDE * SIDE + i / 3] = pixels[i];
        features[i % 3 * SIDE * SIDE + i / 3] = ((float)(pixels[i] * (1.0 / 255)) - 0.5f) / 0.5f;
    }
    attend_model *model = load("vit", "{\"image_processor_type\": \"ViTImageProcessor\", \"size\": 32}");
    attend_session *session = new_session(model);

    attend_input given = ATTEND_INPUT_INIT;
    given.kind = ATTEND_INPUT_FEATURES;
    given.data = features;
    given.rank = 3;
    given.shape[0] = 3, given.shape[1] = given.shape[2] = SIDE;
    const float *found = states(session, given, 17 * 32);
    if (found) memcpy(wanted, found, sizeof wanted);

    attend_input forms[4];
    forms[0] = pixels_of(pixels, ATTEND_TYPE_UINT8, 3);
    forms[1] = pixels_of(planes, ATTEND_TYPE_UINT8, 3);
    forms[1].strides[0] = SIDE, forms[1].strides[1] = 1, forms[1].strides[2] = SIDE * SIDE;
    forms[2] = (attend_input)ATTEND_INPUT_INIT;
    forms[2].kind = ATTEND_INPUT_BYTES;
    forms[2].data = file;
    forms[2].size = bitmap(pixels, file);
    folder_write(&place, "picture", file, forms[2].size);
    char path[200];
    snprintf(path, sizeof path, "%s", folder_path(&place, "picture"));
    forms[3] = (attend_input)ATTEND_INPUT_INIT;
    forms[3].kind = ATTEND_INPUT_FILE;
    forms[3].data = path;
    for (size_t i = 0; i < 4; i++) {
        found = states(session, forms[i], 17 * 32);
        if (found && !CHECK(memcmp(found, wanted, sizeof wanted) == 0)) checks_say("form %zu\n", i);
    }

    /* All of them at once, one beside an array. */
    attend_input all[5] = { forms[0], given, forms[1], forms[2], forms[3] };
    attend_batch batch = batch_of(all, 5);
    attend_tensor tensor;
    size_t length = 0;
    CHECK_SUCCESS(attend_encode(session, &batch));
    CHECK_SUCCESS(attend_session_hidden_states(session, &tensor));
    for (size_t i = 0; i < 5; i++) {
        CHECK(memcmp((const float *)tensor.data + i * 17 * 32, wanted, sizeof wanted) == 0);
        CHECK_SUCCESS(attend_session_encoded_length(session, i, &length));
        CHECK(length == 17);
    }
    CHECK_ERROR(attend_session_encoded_length(session, 5, &length), ATTEND_ERROR_INVALID_ARGUMENT, "index is 5");

    /* What is wrong is named, and leaves the session as it was. */
    struct {
        attend_input input;
        attend_error_code code;
        const char *part;
    } wrong[9];
    for (size_t i = 0; i < 9; i++) wrong[i].input = forms[0], wrong[i].code = ATTEND_ERROR_INVALID_ARGUMENT;
    wrong[0].input.kind = (attend_input_kind)77, wrong[0].part = "kind is 77";
    wrong[1].input.data = NULL, wrong[1].part = "data is NULL";
    wrong[2].input.rank = 2, wrong[2].part = "rank is 2";
    wrong[3].input.shape[1] = 0, wrong[3].part = "shape[1] is 0";
    wrong[4].input.shape[0] = (size_t)1 << 40, wrong[4].part = "pixels";
    wrong[5].input.type = ATTEND_TYPE_INT64, wrong[5].part = "type is 13";
    wrong[6].input = forms[2], wrong[6].input.size = 60, wrong[6].code = ATTEND_ERROR_INVALID_FILE;
    wrong[6].part = "inputs[0]";
    wrong[7].input.struct_size = 8, wrong[7].part = "struct_size is 8";
    wrong[8].input.kind = ATTEND_INPUT_SAMPLES, wrong[8].part = "is a sound";
    for (size_t i = 0; i < 9; i++) {
        batch = batch_of(&wrong[i].input, 1);
        CHECK_ERROR(attend_encode(session, &batch), wrong[i].code, wrong[i].part);
    }
    batch = batch_of(forms, 0);
    CHECK_ERROR(attend_encode(session, &batch), ATTEND_ERROR_INVALID_ARGUMENT, "count is 0");
    batch = batch_of(forms, 2);
    batch.lengths = &length;
    CHECK_ERROR(attend_encode(session, &batch), ATTEND_ERROR_INVALID_ARGUMENT, "lengths");
    CHECK_SUCCESS(attend_session_encoded_length(session, 4, &length));
    CHECK(length == 17);
    attend_session_free(session);
    attend_model_free(model);
    folder_remove(&place);
}

static void sounds(void) {
    static int16_t samples[1600];
    static uint8_t file[44 + sizeof samples];
    static float wanted[79 * 32];
    unsigned seed = 2;
    for (size_t i = 0; i < 1600; i++) samples[i] = (int16_t)((seed = seed * 1664525 + 1013904223) >> 16);
    attend_model *model =
        load("wav2vec2-ctc", "{\"feature_extractor_type\": \"Wav2Vec2FeatureExtractor\", \"sampling_rate\": 16000}");
    attend_session *session = new_session(model);
    attend_input input = ATTEND_INPUT_INIT;
    input.kind = ATTEND_INPUT_SAMPLES;
    input.data = samples;
    input.type = ATTEND_TYPE_INT16;
    input.rank = 1;
    input.shape[0] = 1600;
    input.sample_rate = 16000;
    const float *found = states(session, input, 79 * 32);
    if (found) memcpy(wanted, found, sizeof wanted);

    memset(file, 0, 44);
    memcpy(file, "RIFF", 4), put(file + 4, 36 + sizeof samples, 4), memcpy(file + 8, "WAVEfmt ", 8);
    put(file + 16, 16, 4), put(file + 20, 1, 2), put(file + 22, 1, 2), put(file + 24, 16000, 4);
    put(file + 28, 32000, 4), put(file + 32, 2, 2), put(file + 34, 16, 2);
    memcpy(file + 36, "data", 4), put(file + 40, sizeof samples, 4);
    memcpy(file + 44, samples, sizeof samples);
    attend_input wave = ATTEND_INPUT_INIT;
    wave.kind = ATTEND_INPUT_BYTES;
    wave.data = file;
    wave.size = sizeof file;
    found = states(session, wave, 79 * 32);
    if (found) CHECK(memcmp(found, wanted, sizeof wanted) == 0);

    input.sample_rate = 0;
    attend_batch batch = batch_of(&input, 1);
    CHECK_ERROR(attend_encode(session, &batch), ATTEND_ERROR_INVALID_ARGUMENT, "rate");
    input = pixels_of(samples, ATTEND_TYPE_UINT8, 1);
    CHECK_ERROR(attend_encode(session, &batch), ATTEND_ERROR_INVALID_ARGUMENT, "is a picture");
    attend_session_free(session);
    attend_model_free(model);
    folder_remove(&place);
}

/** A model of tokens reads no inputs, and one of inputs no tokens. */
static void strangers(void) {
    static const float numbers[3 * 8 * 8];
    attend_model *model = load_default_model();
    attend_session *session = new_session(model);
    attend_input input = ATTEND_INPUT_INIT;
    input.kind = ATTEND_INPUT_FEATURES;
    input.data = numbers;
    input.rank = 3;
    input.shape[0] = 3, input.shape[1] = input.shape[2] = 8;
    attend_batch batch = batch_of(&input, 1);
    CHECK_ERROR(attend_encode(session, &batch), ATTEND_ERROR_UNSUPPORTED, "reads tokens");
    const int32_t tokens[] = { 5, 6 };
    const size_t length = 2;
    batch = make_batch(tokens, &length, 1);
    batch.inputs = &input;
    batch.input_count = 1;
    CHECK_ERROR(attend_encode(session, &batch), ATTEND_ERROR_UNSUPPORTED, "no pictures");
    attend_session_free(session);
    attend_model_free(model);
    model = load("vit", NULL);
    session = new_session(model);
    batch = make_batch(tokens, &length, 1);
    CHECK_ERROR(attend_encode(session, &batch), ATTEND_ERROR_INVALID_ARGUMENT, "this model reads pictures");
    attend_session_free(session);
    attend_model_free(model);
    folder_remove(&place);
}

int main(void) {
    checks_begin();
    pictures();
    sounds();
    strangers();
    return checks_end();
}
