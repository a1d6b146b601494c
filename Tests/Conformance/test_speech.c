/* Speech and classes: what is written down of samples, in a call and in pieces, what a call leaves that is ended at any
 * of its callbacks, the formats of a transcription, and the arguments of these calls. */
#include "check.h"
#include "folder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = 16000, SAMPLES = RATE * 2 };

static float samples[SAMPLES];
static folder place;

static const char front_end[] = "{\"feature_extractor_type\": \"Wav2Vec2FeatureExtractor\", \"sampling_rate\": 16000}";

/** A model with CTC, whose symbols are the letters. */
static attend_model *load(void) {
    /* the random weights give two symbols often: these are a blank, and what ends words */
    char vocabulary[1024] = "{\"<pad>\": 18, \"|\": 19, \"<s>\": 28, \"</s>\": 29, \"<unk>\": 30, \"'\": 31";
    attend_model *model = NULL;
    place = folder_make_case("wav2vec2-ctc", front_end);
    for (int i = 0; i < 26; i++) {
        const size_t length = strlen(vocabulary);
        snprintf(vocabulary + length, sizeof vocabulary - length, ", \"%c\": %d", 'A' + i, i < 18 ? i : i + 2);
    }
    strcat(vocabulary, "}");
    folder_write_text(&place, "vocab.json", vocabulary);
    folder_write_text(&place, "tokenizer_config.json", "{\"word_delimiter_token\": \"|\"}");
    CHECK_SUCCESS(attend_model_create(place.path, NULL, &model));
    return model;
}

static attend_input sound(const float *from, size_t count) {
    attend_input input = ATTEND_INPUT_INIT;
    input.kind = ATTEND_INPUT_SAMPLES;
    input.data = from;
    input.type = ATTEND_TYPE_FLOAT32;
    input.rank = 1;
    input.shape[0] = count;
    input.sample_rate = RATE;
    return input;
}

static const char config[] = "{\"return_timestamps\": \"char\", \"chunk_length_s\": 0.5, \"pause_s\": 0.005}";

/** A callback that ends the call at its turn `last`, and notes the texts that it heard. */
typedef struct listener {
    size_t heard, last;
    char text[4096];
} listener;

static bool listen(const attend_segment *segment, void *context) {
    listener *listener = context;
    const size_t length = strlen(listener->text);
    CHECK(segment->struct_size == sizeof *segment && segment->text && segment->word_count > 0);
    CHECK(segment->character_count >= segment->count && segment->times && segment->start < segment->end);
    snprintf(listener->text + length, sizeof listener->text - length, "%.*s/", (int)segment->text_length,
             segment->text);
    return ++listener->heard < listener->last;
}

static attend_transcribe_options options_for(listener *listener) {
    attend_transcribe_options options = ATTEND_TRANSCRIBE_OPTIONS_INIT;
    options.config = config;
    options.on_segment = listen, options.on_segment_context = listener;
    return options;
}

/** Each end that a callback makes leaves the segments before it, and a session that works. */
static void ends_at_every_callback(attend_session *session) {
    static listener all, some;
    const attend_input input = sound(samples, SAMPLES);
    attend_transcription *whole = NULL, *part = NULL;
    memset(&all, 0, sizeof all), all.last = SIZE_MAX;
    attend_transcribe_options options = options_for(&all);
    if (!CHECK_SUCCESS(attend_transcribe(session, &input, 1, &options, &whole))) return;
    const size_t count = attend_transcription_segment_count(whole, 0);
    CHECK(count > 3 && all.heard == count && attend_transcription_count(whole) == 1);
    for (size_t last = 1; last <= count; last++) {
        memset(&some, 0, sizeof some), some.last = last;
        options = options_for(&some);
        CHECK_ERROR(attend_transcribe(session, &input, 1, &options, &part), ATTEND_ERROR_CANCELLED, "segment callback");
        CHECK(part && attend_transcription_segment_count(part, 0) == last);
        CHECK(strncmp(some.text, all.text, strlen(some.text)) == 0);
        size_t live = 1;
        CHECK_SUCCESS(attend_session_count(session, &live));
        CHECK(live == 0);
        attend_transcription_free(part);
    }
    memset(&some, 0, sizeof some), some.last = SIZE_MAX;
    options = options_for(&some);
    CHECK_SUCCESS(attend_transcribe(session, &input, 1, &options, &part));
    CHECK(strcmp(some.text, all.text) == 0);
    attend_transcription_free(part);
    attend_transcription_free(whole);
}

typedef struct patience {
    int calls, most;
} patience;

static bool goes_on(double fraction, void *context) {
    patience *patience = context;
    CHECK(fraction >= 0 && fraction <= 1);
    return ++patience->calls < patience->most;
}

/** Each end that a progress callback makes leaves a beginning of what there is to say, and a session that works. */
static void ends_at_every_report(const attend_model *model) {
    enum { MINUTE = RATE * 60 };
    static float minute[MINUTE];
    for (size_t i = 0; i < MINUTE; i++) minute[i] = samples[i % SAMPLES];
    const attend_input input = sound(minute, MINUTE);
    patience patience = { 0, 1 << 30 };
    attend_session_options session_options = ATTEND_SESSION_OPTIONS_INIT;
    session_options.progress = goes_on, session_options.progress_context = &patience;
    attend_session *session = NULL;
    attend_transcribe_options options = ATTEND_TRANSCRIBE_OPTIONS_INIT;
    options.config = config;
    attend_transcription *whole = NULL;
    if (!CHECK_SUCCESS(attend_session_create(model, &session_options, &session))) return;
    if (!CHECK_SUCCESS(attend_transcribe(session, &input, 1, &options, &whole))) return;
    const size_t count = attend_transcription_segment_count(whole, 0);
    size_t length;
    const char *text = attend_transcription_text(whole, 0, &length);
    const int reports = patience.calls; /* a machine that is quick enough makes none */
    for (int most = 1; most <= reports && most <= 12; most++) {
        attend_transcription *part = NULL;
        patience.calls = 0, patience.most = most;
        attend_error *error = attend_transcribe(session, &input, 1, &options, &part);
        if (patience.calls >= most) CHECK_ERROR(error, ATTEND_ERROR_CANCELLED, "progress callback");
        else CHECK(error == NULL);
        size_t heard;
        const char *beginning = attend_transcription_text(part, 0, &heard);
        CHECK(attend_transcription_segment_count(part, 0) <= count && heard <= length);
        CHECK(memcmp(beginning, text, heard) == 0);
        attend_transcription_free(part);
    }
    attend_transcription_free(whole);
    attend_session_free(session);
}

/** Pieces of any size give the segments of the whole. */
static void pieces(attend_session *session) {
    static listener all, some;
    const attend_input input = sound(samples, SAMPLES);
    memset(&all, 0, sizeof all), all.last = SIZE_MAX;
    attend_transcribe_options options = options_for(&all);
    attend_transcription *whole = NULL;
    if (!CHECK_SUCCESS(attend_transcribe(session, &input, 1, &options, &whole))) return;
    attend_transcription_free(whole);
    const size_t sizes[] = { 160, 3001, SAMPLES };
    for (size_t i = 0; i < 3; i++) {
        attend_stream *stream = NULL;
        memset(&some, 0, sizeof some), some.last = SIZE_MAX;
        options = options_for(&some);
        if (!CHECK_SUCCESS(attend_stream_create(session, RATE, &options, &stream))) continue;
        size_t told = 0;
        attend_transcription *settled = NULL;
        for (size_t first = 0; first < SAMPLES; first += sizes[i]) {
            const size_t rest = SAMPLES - first;
            const attend_input piece = sound(samples + first, rest < sizes[i] ? rest : sizes[i]);
            CHECK_SUCCESS(attend_stream_feed(stream, &piece, &settled));
            told += attend_transcription_segment_count(settled, 0);
            attend_transcription_free(settled);
        }
        CHECK_SUCCESS(attend_stream_finish(stream, &settled));
        told += attend_transcription_segment_count(settled, 0);
        attend_transcription_free(settled);
        CHECK(told == all.heard && strcmp(some.text, all.text) == 0);
        CHECK_ERROR(attend_stream_finish(stream, NULL), ATTEND_ERROR_INVALID_STATE, "over");
        attend_stream_free(stream);
    }
}

/** A stream that a callback ends hands over what was settled, and is over. */
static void a_stream_ends(attend_session *session) {
    static listener some;
    memset(&some, 0, sizeof some), some.last = 2;
    attend_transcribe_options options = options_for(&some);
    attend_stream *stream = NULL;
    attend_transcription *settled = NULL;
    if (!CHECK_SUCCESS(attend_stream_create(session, RATE, &options, &stream))) return;
    const attend_input input = sound(samples, SAMPLES), other = ATTEND_INPUT_INIT;
    CHECK_ERROR(attend_stream_feed(stream, &other, &settled), ATTEND_ERROR_INVALID_ARGUMENT, "kind");
    attend_input wrong = input;
    wrong.sample_rate = RATE / 2;
    CHECK_ERROR(attend_stream_feed(stream, &wrong, &settled), ATTEND_ERROR_INVALID_ARGUMENT, "8000");
    CHECK(settled == NULL);
    CHECK_ERROR(attend_stream_feed(stream, &input, &settled), ATTEND_ERROR_CANCELLED, "segment callback");
    CHECK(settled && attend_transcription_segment_count(settled, 0) == 2);
    attend_transcription_free(settled);
    CHECK_ERROR(attend_stream_feed(stream, &input, &settled), ATTEND_ERROR_INVALID_STATE, "over");
    attend_stream_free(stream);
    attend_stream_free(NULL);
    CHECK_ERROR(attend_stream_create(session, 0, NULL, &stream), ATTEND_ERROR_INVALID_ARGUMENT, "rate");
    CHECK_ERROR(attend_stream_create(session, RATE, NULL, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "stream");
    CHECK_ERROR(attend_stream_feed(NULL, &input, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "stream");
}

static void formats(attend_session *session) {
    const attend_input input = sound(samples, SAMPLES);
    attend_transcribe_options options = ATTEND_TRANSCRIBE_OPTIONS_INIT;
    attend_transcription *found = NULL;
    options.config = config;
    if (!CHECK_SUCCESS(attend_transcribe(session, &input, 1, &options, &found))) return;
    static const char *const beginnings[] = { "1\n00:00:0", "WEBVTT\n\n00:0", "{\"segments\": [{\"id\": 0, " };
    for (int format = ATTEND_FORMAT_SRT; format <= ATTEND_FORMAT_JSON; format++) {
        attend_text *text = NULL;
        const attend_transcription_format_kind kind = (attend_transcription_format_kind)format;
        if (!CHECK_SUCCESS(attend_transcription_format(found, 0, kind, false, &text))) continue;
        size_t length;
        const char *written = attend_text_bytes(text, &length);
        CHECK(strlen(written) == length && strncmp(written, beginnings[format - 1], 8) == 0);
        attend_text_free(text);
    }
    attend_text *text = UNTOUCHED;
    CHECK_ERROR(attend_transcription_format(found, 1, ATTEND_FORMAT_SRT, false, &text), ATTEND_ERROR_INVALID_ARGUMENT,
                "recording");
    CHECK_ERROR(attend_transcription_format(found, 0, (attend_transcription_format_kind)9, false, &text),
                ATTEND_ERROR_INVALID_ARGUMENT, "format is 9");
    CHECK_ERROR(attend_transcription_format(NULL, 0, ATTEND_FORMAT_SRT, false, &text), ATTEND_ERROR_INVALID_ARGUMENT,
                "transcription");
    CHECK_ERROR(attend_transcription_format(found, 0, ATTEND_FORMAT_SRT, false, NULL), ATTEND_ERROR_INVALID_ARGUMENT,
                "text");
    CHECK(text == UNTOUCHED);
    attend_transcription_free(found);
}

/** The classes of a sound are ranked, and the softmax of their logits. */
static void classes(void) {
    place = folder_make_case("sound-wav2vec2-classes", front_end);
    attend_model *model = NULL;
    if (!CHECK_SUCCESS(attend_model_create(place.path, NULL, &model))) return;
    attend_session *session = new_session(model);
    const attend_input inputs[] = { sound(samples, 4000), sound(samples + 4000, 3000) };
    attend_classify_options options = ATTEND_CLASSIFY_OPTIONS_INIT;
    attend_classification *found = NULL;
    if (CHECK_SUCCESS(attend_classify(session, inputs, 2, &options, &found))) {
        CHECK(attend_classification_count(found) == 2 && attend_classification_class_count(found, 0) == 5);
        CHECK(attend_classification_class_count(found, 2) == 0);
        for (size_t input = 0; input < 2; input++) {
            attend_class best = ATTEND_CLASS_INIT;
            double sum = 0, weights = 0, last = INFINITY;
            CHECK_SUCCESS(attend_classification_get(found, input, 0, &best));
            for (size_t rank = 0; rank < 5; rank++) {
                attend_class entry = ATTEND_CLASS_INIT;
                char label[16];
                CHECK_SUCCESS(attend_classification_get(found, input, rank, &entry));
                snprintf(label, sizeof label, "LABEL_%zu", entry.number);
                CHECK(strcmp(entry.label, label) == 0 && entry.label_length == strlen(label));
                CHECK(entry.score <= last);
                last = entry.score, sum += entry.score, weights += exp((double)entry.logit - best.logit);
            }
            CHECK(fabs(sum - 1) < 1e-9 && fabs(best.score - 1 / weights) < 1e-9);
        }
        attend_class entry = ATTEND_CLASS_INIT;
        CHECK_ERROR(attend_classification_get(found, 0, 5, &entry), ATTEND_ERROR_INVALID_ARGUMENT, "rank is 5");
        CHECK_ERROR(attend_classification_get(found, 2, 0, &entry), ATTEND_ERROR_INVALID_ARGUMENT, "input is 2");
        attend_classification_free(found);
    }
    options.top_k = 2;
    CHECK_SUCCESS(attend_classify(session, inputs, 1, &options, &found));
    CHECK(attend_classification_class_count(found, 0) == 2);
    attend_classification_free(found);
    attend_classification_free(NULL);
    options.function = (attend_class_function)7;
    CHECK_ERROR(attend_classify(session, inputs, 1, &options, &found), ATTEND_ERROR_INVALID_ARGUMENT, "function is 7");
    CHECK_ERROR(attend_classify(session, inputs, 0, NULL, &found), ATTEND_ERROR_INVALID_ARGUMENT, "count");
    CHECK_ERROR(attend_classify(session, NULL, 1, NULL, &found), ATTEND_ERROR_INVALID_ARGUMENT, "inputs");
    attend_transcription *transcription = NULL;
    CHECK_ERROR(attend_transcribe(session, inputs, 1, NULL, &transcription), ATTEND_ERROR_UNSUPPORTED,
                "does not transcribe");
    attend_generation *generation = NULL;
    CHECK_ERROR(attend_describe(session, inputs, 1, NULL, NULL, &generation), ATTEND_ERROR_UNSUPPORTED,
                "describes no pictures");
    attend_session_free(session);
    attend_model_free(model);
    folder_remove(&place);
}

int main(void) {
    checks_begin();
    unsigned seed = 3;
    for (size_t i = 0; i < SAMPLES; i++) {
        seed = seed * 1664525 + 1013904223;
        const double time = (double)i / RATE, noise = (double)(seed >> 16) / 65536 - 0.5;
        samples[i] = (float)(0.4 * sin(2000 * time * (1 + time)) * (sin(9 * time) > 0) + 0.02 * noise);
    }
    attend_model *model = load();
    attend_session *session = new_session(model);
    ends_at_every_callback(session);
    ends_at_every_report(model);
    pieces(session);
    a_stream_ends(session);
    formats(session);
    attend_session_free(session);
    attend_model_free(model);
    folder_remove(&place);
    classes();
    return checks_end();
}
