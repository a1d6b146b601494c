/* Nothing is left of calls that failed or whose results were freed: no memory, no open file, no mapping, no thread. */
#define _GNU_SOURCE
#include "check.h"
#include "safetensors.h"

#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct usage {
    size_t heap, resident, files, maps, threads;
} usage;

static size_t entries(const char *path) {
    size_t count = 0;
    DIR *directory = opendir(path);
    while (directory && readdir(directory)) count++;
    if (directory) closedir(directory);
    return count;
}

static size_t lines(const char *path) {
    size_t count = 0;
    FILE *file = fopen(path, "r");
    for (int c; file && (c = getc(file)) != EOF;) count += c == '\n';
    if (file) fclose(file);
    return count;
}

static usage measure(void) {
    struct mallinfo2 heap = mallinfo2();
    usage usage = { heap.uordblks + heap.hblkhd, 0, entries("/proc/self/fd"), lines("/proc/self/maps"),
                    entries("/proc/self/task") };
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*u %zu", &usage.resident) != 1) usage.resident = 0;
    if (file) fclose(file);
    usage.resident *= (size_t)sysconf(_SC_PAGESIZE);
    return usage;
}

/** Runs something often, after it ran as often before, for what is allocated once. (The allocator's caches for threads
 * are switched off by the environment of this test: what lies in them counts as in use.) */
static void check_leaks(const char *name, void (*run)(void), int times) {
    for (int i = 0; i < times; i++) run();
    usage before = measure();
    for (int i = 0; i < times; i++) run();
    usage after = measure();
    /* At most a byte a time on the heap; the resident size is the system's affair, and may wobble. */
    bool clean = after.heap < before.heap + (size_t)times && after.resident < before.resident + (8 << 20) &&
                 after.files == before.files && after.maps < before.maps + 20 && after.threads == before.threads;
    if (!CHECK(clean)) {
        checks_say("%s, %d times: heap %zu to %zu, resident %zu to %zu, files %zu to %zu, maps %zu to %zu, threads %zu "
                   "to %zu\n",
                   name, times, before.heap, after.heap, before.resident, after.resident, before.files, after.files,
                   before.maps, after.maps, before.threads, after.threads);
    }
}

static folder place;

static void fails(const char *path) {
    attend_model *model = UNTOUCHED;
    attend_error *error = attend_model_create(path, NULL, &model);
    if (!error || model != UNTOUCHED) CHECK(!"it did not fail");
    attend_error_free(error);
}

static void missing_folder(void) { fails("/nowhere"); }
static void spoiled_folder(void) { fails(place.path); }

static bool stop_late(double fraction, void *context) {
    (void)context;
    return fraction < 0.7;
}

static void cancelled(void) {
    attend_model *model = NULL;
    attend_model_options options = ATTEND_MODEL_OPTIONS_INIT;
    options.progress = stop_late;
    attend_error *error = attend_model_create(DEFAULT_MODEL, &options, &model);
    if (!error) CHECK(!"it was not cancelled");
    attend_error_free(error);
}

static attend_model *model;

static void use_session(void) {
    const int32_t tokens[] = { 13, 10, 17, 17, 20, 0, 8, 6, 25, 0 }, start[] = { 1, 1 }, outside[] = { 1, 101 };
    const size_t lengths[] = { 6, 4 }, parents[] = { 1, 1, 0 };
    attend_session *session = NULL;
    attend_error *error = attend_session_create(model, NULL, &session);
    attend_batch batch = make_batch(tokens, lengths, 2);
    if (!error) error = attend_encode(session, &batch);
    if (!error) error = attend_decode_step(session, start, 2, NULL);
    attend_error *refused = attend_decode_step(session, outside, 2, NULL);
    if (!refused) CHECK(!"it was not refused");
    attend_error_free(refused);
    if (!error) error = attend_session_select(session, parents, 3);
    if (error) CHECK(!"a session failed");
    attend_error_free(error);
    attend_session_free(session);
}

/** Results, one that a callback cut short, and a refusal of each kind. */
static attend_verdict end_all(const attend_token_event *event, void *context) {
    (void)context;
    return event->request == 1 ? ATTEND_VERDICT_END_ALL : ATTEND_VERDICT_GO_ON;
}

static void use_generation(void) {
    const char *const texts[] = { "hello", "cat" };
    const size_t lengths[] = { 5, 3 };
    const char *const configs[] = { "{\"num_beams\": 3, \"output_scores\": true}",
                                    "{\"regex\": \"[A-Z0-9 ]*\"}",
                                    "{\"do_sample\": true, \"top_k\": 5}",
                                    "{}",
                                    "{\"regex\": \"(\"}",
                                    "{\"none\": 1}" };
    attend_session *session = NULL;
    attend_error *error = attend_session_create(model, NULL, &session);
    if (error) CHECK(!"a session failed");
    for (size_t i = 0; !error && i < 6; i++) {
        attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
        attend_generation *generation = NULL;
        options.config = configs[i], options.on_token = i == 3 ? end_all : NULL;
        attend_error *failed = attend_generate_texts(session, texts, lengths, 2, &options, &generation);
        if ((i < 3) != (failed == NULL) || (i < 4) != (generation != NULL)) CHECK(!"a request failed, or did not");
        attend_error_free(failed);
        attend_generation_free(generation);
    }
    attend_error_free(error);
    attend_session_free(session);
}

/** Scores, a call that was cancelled, and a refusal. */
static void use_scores(void) {
    const char *const texts[] = { "hello", "cat" };
    const size_t lengths[] = { 5, 3 };
    attend_session *session = NULL;
    attend_error *error = attend_session_create(model, NULL, &session);
    if (error) CHECK(!"a session failed");
    for (size_t i = 0; !error && i < 3; i++) {
        attend_score_options options = ATTEND_SCORE_OPTIONS_INIT;
        attend_scores *scores = NULL;
        if (i == 1) attend_session_cancel(session);
        options.top_logprobs = i == 2 ? 1000 : 3;
        attend_error *failed = attend_score_texts(session, texts, lengths, texts, lengths, 2, &options, &scores);
        if ((i == 0) != (failed == NULL)) CHECK(!"a call failed, or did not");
        attend_error_free(failed);
        attend_scores_free(scores);
    }
    attend_error_free(error);
    attend_session_free(session);
}

static void use_tokenizer(void) {
    const attend_tokenizer *tokenizer = NULL;
    attend_encoding *encoding = NULL;
    attend_text *text = NULL;
    size_t count = 0;
    attend_error *error = attend_model_tokenizer(model, &tokenizer);
    if (!error) error = attend_tokenizer_encode(tokenizer, "transformer", 11, NULL, &encoding);
    if (!error) {
        const int32_t *ids = attend_encoding_ids(encoding, &count);
        error = attend_tokenizer_decode(tokenizer, ids, count, NULL, &text);
    }
    if (error) CHECK(!"the tokenizer failed");
    attend_error_free(error);
    attend_text_free(text);
    attend_encoding_free(encoding);
}

/** Pairs and batches, with windows that were asked for and windows that were not, and a batch that fails. */
static void use_pairs(void) {
    const char *const texts[] = { "transformer", "attention", "pairs" };
    const size_t lengths[] = { 11, 9, 5 }, bad[] = { 11, 9, SIZE_MAX };
    attend_tokenize_options options = ATTEND_TOKENIZE_OPTIONS_INIT;
    options.max_length = 6;
    const attend_tokenizer *tokenizer = NULL;
    attend_encoding *batch[3] = { NULL, NULL, NULL };
    attend_error *error = attend_model_tokenizer(model, &tokenizer);
    if (!error) error = attend_tokenizer_encode_batch(tokenizer, texts, lengths, texts, lengths, 3, &options, batch);
    if (error || !attend_encoding_overflow(batch[1], 2) || !attend_encoding_overflow(batch[1], 0))
        CHECK(!"the batch failed");
    attend_error_free(error);
    for (size_t i = 0; i < 3; i++) attend_encoding_free(batch[i]);
    error = attend_tokenizer_encode_batch(tokenizer, texts, bad, NULL, NULL, 3, &options, batch);
    if (!error) CHECK(!"a length was not refused");
    attend_error_free(error);
}

static bool ignore(const char *bytes, size_t length, void *context) { return bytes && length > 0 && !context; }

static void use_stream(void) {
    attend_detokenizer *stream = NULL;
    const attend_tokenizer *tokenizer = NULL;
    attend_error *error = attend_model_tokenizer(model, &tokenizer);
    if (!error) error = attend_detokenizer_create(tokenizer, NULL, ignore, NULL, &stream);
    for (int32_t id = 5; !error && id < 25; id++) error = attend_detokenizer_add(stream, id);
    if (error) CHECK(!"the stream failed");
    attend_error_free(error);
    attend_detokenizer_free(stream); /* with text that was held back */
}

static attend_tokenizer *chatting;

static void use_chat(void) {
    const char *const conversations[] = { "[{\"content\": \"hello\"}]", "[{\"content\": \"\"}]", "[{" };
    for (size_t i = 0; i < 3; i++) { /* a text, a refusal of the template's, and one of the parser's */
        attend_text *text = NULL;
        attend_error *error = attend_tokenizer_chat(chatting, conversations[i], strlen(conversations[i]), NULL, &text);
        if ((i == 0) != (error == NULL)) CHECK(!"the template failed, or did not");
        attend_error_free(error);
        attend_text_free(text);
    }
}

static void load_whole(void) { attend_model_free(load_default_model()); }

int main(void) {
    checks_begin();
    check_leaks("a missing folder", missing_folder, 1000);

    place = folder_make();
    folder_write_text(&place, "config.json", "{\"model_type\": \"mamba-7\"}");
    check_leaks("an unknown family", spoiled_folder, 1000);
    folder_remove(&place);

    place = folder_make();
    safetensors good = safetensors_read(DEFAULT_MODEL "/model.safetensors");
    char *header = replaced(good.header, "\"model.shared.weight\"", "\"model.shared.heights\"");
    safetensors_write(&place, "model.safetensors", strlen(header), header, good.data, good.data_count);
    check_leaks("a missing tensor", spoiled_folder, 200);
    header[20] = 'x';
    safetensors_write(&place, "model.safetensors", strlen(header) + 1000000000, header, good.data, good.data_count);
    check_leaks("a header beyond the file", spoiled_folder, 1000);
    free(header);
    safetensors_free(&good);
    folder_remove(&place);

    check_leaks("a cancelled loading", cancelled, 100);
    check_leaks("a loaded model", load_whole, 100);
    model = load_default_model();
    check_leaks("a session", use_session, 300);
    check_leaks("generation", use_generation, 100);
    check_leaks("scores", use_scores, 300);
    check_leaks("a tokenizer", use_tokenizer, 3000);
    check_leaks("pairs of texts", use_pairs, 1000);
    check_leaks("a stream", use_stream, 3000);
    attend_model_free(model);

    place = folder_make();
    folder_write_text(&place, "chat_template.jinja", "{{ messages[0].content or raise_exception('nothing is said') }}");
    CHECK_SUCCESS(attend_tokenizer_create(place.path, &chatting));
    check_leaks("a conversation", use_chat, 1000);
    attend_tokenizer_free(chatting);
    folder_remove(&place);
    return checks_end();
}
