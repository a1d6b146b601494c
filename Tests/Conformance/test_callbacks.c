/* Progress rises to one and can stop the loading; the log hears lines, and none after it is switched off. */
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

typedef struct progress {
    double last, stop_at;
    int calls, ones;
    bool rises;
    pthread_t thread;
} progress;

static bool hear(double fraction, void *context) {
    progress *progress = context;
    if (fraction < progress->last || fraction < 0 || fraction > 1 || !pthread_equal(progress->thread, pthread_self()))
        progress->rises = false;
    progress->last = fraction;
    progress->calls++;
    if (fraction == 1) progress->ones++;
    return fraction < progress->stop_at;
}

static attend_error *load(progress *progress, attend_model **model) {
    attend_model_options options = ATTEND_MODEL_OPTIONS_INIT;
    options.progress = hear;
    options.progress_context = progress;
    progress->rises = true;
    progress->thread = pthread_self();
    return attend_model_create(DEFAULT_MODEL, &options, model);
}

static void progress_rises(void) {
    progress progress = { .stop_at = 2 };
    attend_model *model = NULL;
    CHECK_SUCCESS(load(&progress, &model));
    CHECK(progress.rises && progress.last == 1 && progress.ones == 1 && progress.calls >= 3);
    attend_model_free(model);
}

static void progress_stops(void) {
    const double moments[] = { 0, 0.3, 0.9, 1 };
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        progress progress = { .stop_at = moments[i] };
        attend_model *model = UNTOUCHED;
        CHECK_ERROR(load(&progress, &model), ATTEND_ERROR_CANCELLED, "");
        CHECK(model == UNTOUCHED && progress.rises && progress.last >= moments[i] &&
              (moments[i] > 0 || progress.calls == 1));
    }
    progress failed = { .stop_at = 2 };
    attend_model *model = UNTOUCHED;
    attend_model_options options = ATTEND_MODEL_OPTIONS_INIT;
    options.progress = hear;
    options.progress_context = &failed;
    CHECK_ERROR(attend_model_create("/nowhere", &options, &model), ATTEND_ERROR_NOT_FOUND, "/nowhere");
    CHECK(failed.ones == 0);
}

/* Letters of the language of DEFAULT_MODEL; a second of reading. */
enum { LETTERS = 8 << 20 };

static char *long_text(void) {
    char *text = malloc(LETTERS);
    for (size_t i = 0; i < LETTERS; i++) text[i] = "hello world "[i % 12];
    return text;
}

static attend_error *read_texts(const attend_model *model, progress *progress, const char *text, size_t count,
                                attend_encoding **encodings) {
    const attend_tokenizer *tokenizer = NULL;
    CHECK_SUCCESS(attend_model_tokenizer(model, &tokenizer));
    attend_tokenize_options options = ATTEND_TOKENIZE_OPTIONS_INIT;
    options.progress = hear;
    options.progress_context = progress;
    progress->rises = true;
    progress->thread = pthread_self();
    if (count == 1) return attend_tokenizer_encode(tokenizer, text, LETTERS, &options, encodings);
    const char *texts[] = { text, text, text };
    const size_t lengths[] = { LETTERS, LETTERS, LETTERS };
    return attend_tokenizer_encode_batch(tokenizer, texts, lengths, NULL, NULL, count, &options, encodings);
}

static void reading_is_heard_and_stopped(void) {
    attend_model *model = load_default_model();
    char *text = long_text();
    for (size_t count = 1; count <= 3; count += 2) {
        attend_encoding *encodings[3] = { UNTOUCHED, UNTOUCHED, UNTOUCHED };
        progress stopped = { .stop_at = 0 };
        CHECK_ERROR(read_texts(model, &stopped, text, count, encodings), ATTEND_ERROR_CANCELLED, "");
        CHECK(stopped.calls == 1 && stopped.rises && encodings[0] == UNTOUCHED && encodings[2] == UNTOUCHED);
        progress heard = { .stop_at = 2 };
        CHECK_SUCCESS(read_texts(model, &heard, text, count, encodings));
        CHECK(heard.calls >= 3 && heard.rises);
        /* One of several texts may be this thread's last when others are far behind; a single one is heard to its end.
         */
        CHECK(count > 1 || heard.last > 0.5);
        for (size_t i = 0; i < count; i++) attend_encoding_free(encodings[i]);
    }
    free(text);
    attend_model_free(model);
}

static int lines[4];
static bool well_formed = true;

static void log_line(attend_log_level level, const char *message, void *context) {
    if (context != lines || !message || !*message || strchr(message, '\n')) well_formed = false;
    if (level == ATTEND_LOG_DEBUG || level == ATTEND_LOG_INFO || level == ATTEND_LOG_WARNING) lines[level / 10]++;
    else well_formed = false;
}

static void log_hears(void) {
    attend_log_set(log_line, lines);
    attend_model_free(load_default_model());
    attend_log_set(NULL, NULL);
    CHECK(lines[2] >= 1 && well_formed);
    int before = lines[1] + lines[2] + lines[3];
    attend_model_free(load_default_model());
    CHECK(lines[1] + lines[2] + lines[3] == before);
}

static void *load_often(void *context) {
    for (int i = 0; i < 20; i++) {
        attend_model *model = NULL;
        attend_error *error = attend_model_create(DEFAULT_MODEL, NULL, &model);
        if (error) *(bool *)context = true;
        attend_error_free(error);
        attend_model_free(model);
    }
    return NULL;
}

static void count_line(attend_log_level level, const char *message, void *context) {
    (void)level;
    (void)message;
    ++*(volatile int *)context;
}

/** The receiver changes while another thread logs; after the call returns its context is not touched any more. */
static void log_changes_hands(void) {
    bool failed = false;
    pthread_t thread;
    pthread_create(&thread, NULL, load_often, &failed);
    for (int i = 0; i < 200; i++) {
        int count = 0;
        attend_log_set(count_line, &count);
        sched_yield();
        attend_log_set(NULL, NULL);
        int after = count;
        sched_yield();
        if (count != after) failed = true;
    }
    pthread_join(thread, NULL);
    CHECK(!failed);
}

int main(void) {
    checks_begin();
    progress_rises();
    progress_stops();
    reading_is_heard_and_stopped();
    log_hears();
    log_changes_hands();
    return checks_end();
}
