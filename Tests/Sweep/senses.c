/* What the sweep does with models that hear and see: transcriptions, streams, classes, similarities, descriptions. */
#include "senses.h"

#include <attend.h>
#include <stdint.h>
#include <stdlib.h>

enum { SAMPLES = 16000, SIDE = 32 };

/** A sound that goes up and stops, and a picture of noise. */
static attend_input sound(void) {
    static int16_t samples[SAMPLES];
    unsigned seed = 7;
    for (int i = 0; i < SAMPLES; i++) {
        seed = seed * 1664525 + 1013904223;
        samples[i] = (int16_t)(i / 3000 % 2 ? (int)(seed >> 18) - 8192 : 0);
    }
    attend_input input = ATTEND_INPUT_INIT;
    input.kind = ATTEND_INPUT_SAMPLES;
    input.data = samples, input.type = ATTEND_TYPE_INT16;
    input.rank = 1, input.shape[0] = SAMPLES, input.sample_rate = 16000;
    return input;
}

static attend_input picture(void) {
    static uint8_t pixels[SIDE * SIDE * 3];
    for (int i = 0; i < SIDE * SIDE * 3; i++) pixels[i] = (uint8_t)(i * 37 % 251);
    attend_input input = ATTEND_INPUT_INIT;
    input.kind = ATTEND_INPUT_PIXELS;
    input.data = pixels, input.type = ATTEND_TYPE_UINT8;
    input.rank = 3, input.shape[0] = input.shape[1] = SIDE, input.shape[2] = 3;
    return input;
}

/** Each option only where the model knows it: otherwise the call is refused. */
static const char *const configs[] = {
    "{\"max_new_tokens\": 5}",
    "{\"return_timestamps\": \"char\", \"chunk_length_s\": 0.4, \"pause_s\": 0.02}",
    "{\"beam_width\": 6, \"hotwords\": [\"AB\"], \"chunk_length_s\": 0.4}",
};

static void transcribe(attend_session *session, const char *config) {
    const attend_input input = sound();
    attend_transcribe_options options = ATTEND_TRANSCRIBE_OPTIONS_INIT;
    attend_transcription *found = NULL;
    options.config = config;
    attend_error_free(attend_transcribe(session, &input, 1, &options, &found));
    if (found) {
        for (int format = ATTEND_FORMAT_SRT; format <= ATTEND_FORMAT_JSON; format++) {
            attend_text *text = NULL;
            attend_error_free(
                attend_transcription_format(found, 0, (attend_transcription_format_kind)format, true, &text));
            attend_text_free(text);
        }
    }
    attend_transcription_free(found);
}

static void listen(attend_session *session, const char *config) {
    attend_transcribe_options options = ATTEND_TRANSCRIBE_OPTIONS_INIT;
    attend_stream *stream = NULL;
    options.config = config;
    attend_error_free(attend_stream_create(session, 16000, &options, &stream));
    if (!stream) return;
    attend_input piece = sound();
    piece.shape[0] = SAMPLES / 4;
    for (int i = 0; i < 4; i++) {
        attend_transcription *settled = NULL;
        attend_error_free(attend_stream_feed(stream, &piece, &settled));
        attend_transcription_free(settled);
        piece.data = (const int16_t *)piece.data + SAMPLES / 4;
    }
    attend_transcription *rest = NULL;
    attend_error_free(attend_stream_finish(stream, &rest));
    attend_transcription_free(rest);
    attend_stream_free(stream);
}

static void classify(attend_session *session, const attend_input *input) {
    attend_classification *found = NULL;
    attend_error_free(attend_classify(session, input, 1, NULL, &found));
    attend_classification_free(found);
}

void hear(const attend_model *model) {
    attend_session *session = NULL;
    attend_error_free(attend_session_create(model, NULL, &session));
    if (!session) return;
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        transcribe(session, configs[i]);
        listen(session, configs[i]);
    }
    attend_input input = sound();
    input.shape[0] = SAMPLES / 8;
    classify(session, &input);
    attend_session_free(session);
}

/** The embedding of a picture beside that of a text. */
static void compare(const attend_model *model, attend_session *session) {
    const attend_input input = picture();
    attend_batch batch = ATTEND_BATCH_INIT;
    batch.inputs = &input, batch.count = 1;
    attend_tensor seen;
    attend_error *error = attend_encode(session, &batch);
    if (!error) error = attend_session_pooled(session, &seen);
    if (!error) {
        const size_t size = seen.shape[seen.rank - 1];
        float *vectors = malloc(2 * size * sizeof *vectors), logits[2], probabilities[2];
        if (vectors) {
            for (size_t i = 0; i < size; i++) vectors[i] = ((const float *)seen.data)[i];
            for (size_t i = 0; i < size; i++) vectors[size + i] = (float)(i % 3) - 1;
            error = attend_similarity(model, vectors, 1, vectors, 2, logits, probabilities);
        }
        free(vectors);
    }
    attend_error_free(error);
}

void see(const attend_model *model) {
    attend_session *session = NULL;
    attend_error_free(attend_session_create(model, NULL, &session));
    if (!session) return;
    const attend_input input = picture();
    compare(model, session);
    classify(session, &input);
    attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
    attend_generation *found = NULL;
    options.max_new_tokens = 4;
    attend_error_free(attend_describe(session, &input, 1, NULL, &options, &found));
    attend_generation_free(found);
    attend_session_free(session);
}
