/* Cancelling: from another thread and from a progress callback; what a cancelled call leaves, and that the session
 * works afterwards. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"
#include "folder.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TEXTS = 400000, COUNT = 512, LENGTH = 40 };

static const char *texts[TEXTS];
static size_t text_lengths[TEXTS];
static int32_t tokens[COUNT * LENGTH];
static size_t lengths[COUNT];

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

typedef struct delayed {
    attend_session *session;
    int milliseconds;
    double when;
} delayed;

static void *cancel_later(void *context) {
    delayed *delayed = context;
    nanosleep(&(struct timespec){ 0, delayed->milliseconds * 1000000L }, NULL);
    delayed->when = now();
    attend_session_cancel(delayed->session);
    return NULL;
}

static size_t live(const attend_session *session) {
    size_t count = SIZE_MAX;
    CHECK_SUCCESS(attend_session_count(session, &count));
    return count;
}

/** Embeds many texts: most of the time goes into reading them. */
static attend_error *embed(attend_session *session) {
    attend_tensor vectors;
    return attend_embed(session, texts, text_lengths, TEXTS, NULL, &vectors);
}

/** Computes until it is cancelled. */
static attend_error *encode(attend_session *session) {
    attend_batch batch = make_batch(tokens, lengths, COUNT);
    attend_error *error;
    while (!(error = attend_encode(session, &batch))) continue;
    return error;
}

/** A call that another thread cancels ends within a tenth of a second. A busy machine may wake a thread late: of three
 * tries the best one counts. */
static void another_thread_ends(attend_error *(*call)(attend_session *), attend_session *session, int milliseconds) {
    double best = 1e9;
    for (int attempt = 0; attempt < 3 && best >= 0.1; attempt++) {
        delayed delayed = { session, milliseconds, 0 };
        pthread_t thread;
        pthread_create(&thread, NULL, cancel_later, &delayed);
        attend_error *error = call(session);
        double end = now();
        pthread_join(thread, NULL);
        CHECK_ERROR(error, ATTEND_ERROR_CANCELLED, "cancelled");
        CHECK(live(session) == 0);
        best = end - delayed.when < best ? end - delayed.when : best;
    }
    CHECK(best < 0.1);
}

static void works_afterwards(attend_session *session) {
    attend_tensor vectors;
    CHECK_SUCCESS(attend_embed(session, texts, text_lengths, 2, NULL, &vectors));
    CHECK(vectors.shape[0] == 2);
}

/** A request that finds no call under way ends the next one, and that one alone. */
static void the_next_call_ends(attend_session *session) {
    const int32_t start[] = { 1, 1 }, next[] = { 5, 6 };
    float expected[2 * 101];
    attend_tensor logits;
    attend_batch batch = make_batch(tokens, lengths, 2);
    CHECK_SUCCESS(attend_encode(session, &batch));
    CHECK_SUCCESS(attend_decode_step(session, start, 2, NULL));
    CHECK_SUCCESS(attend_decode_step(session, next, 2, &logits));
    memcpy(expected, logits.data, sizeof expected);

    CHECK_SUCCESS(attend_encode(session, &batch));
    CHECK_SUCCESS(attend_decode_step(session, start, 2, NULL));
    attend_session_cancel(session);
    CHECK_ERROR(attend_decode_step(session, next, 2, &logits), ATTEND_ERROR_CANCELLED, "request");
    size_t length = 0;
    CHECK_SUCCESS(attend_session_length(session, 0, &length));
    CHECK(live(session) == 2 && length == 1);
    CHECK_SUCCESS(attend_decode_step(session, next, 2, &logits));
    CHECK(memcmp(expected, logits.data, sizeof expected) == 0);

    attend_session_cancel(session);
    attend_session_cancel(session);
    CHECK_ERROR(attend_encode(session, &batch), ATTEND_ERROR_CANCELLED, "request");
    CHECK(live(session) == 0);
    CHECK_SUCCESS(attend_encode(session, &batch));
    attend_session_cancel(NULL);
}

typedef struct listener {
    int calls, most;
    double last;
    bool rises;
    pthread_t thread;
} listener;

static bool listen(double fraction, void *context) {
    listener *listener = context;
    if (fraction < listener->last || fraction > 1 || !pthread_equal(listener->thread, pthread_self()))
        listener->rises = false;
    listener->last = fraction;
    return ++listener->calls < listener->most;
}

static void progress(const attend_model *model) {
    listener listener = { 0, 1 << 30, 0, true, pthread_self() };
    attend_session_options options = ATTEND_SESSION_OPTIONS_INIT;
    options.progress = listen, options.progress_context = &listener;
    attend_session *session;
    attend_batch batch = make_batch(tokens, lengths, COUNT);
    if (!CHECK_SUCCESS(attend_session_create(model, &options, &session))) return;
    double start = now();
    CHECK_SUCCESS(attend_encode(session, &batch));
    double seconds = now() - start;
    CHECK(listener.rises && listener.calls <= seconds / 0.02 && (seconds < 0.2 || listener.calls > 0));
    CHECK(live(session) == COUNT);

    listener.calls = 0, listener.most = 1, listener.last = 0;
    bool was_asked = false; /* a machine that is quick enough reports nothing */
    for (int i = 0; i < 5 && !was_asked; i++) {
        attend_error *error = attend_encode(session, &batch);
        was_asked = listener.calls > 0;
        if (was_asked) CHECK_ERROR(error, ATTEND_ERROR_CANCELLED, "progress callback");
        else CHECK(error == NULL);
    }
    if (was_asked) CHECK(live(session) == 0);
    listener.most = 1 << 30, listener.last = 0;
    CHECK_SUCCESS(attend_encode(session, &batch));
    CHECK(live(session) == COUNT);
    attend_session_free(session);
}

int main(void) {
    checks_begin();
    for (size_t i = 0; i < TEXTS; i++) texts[i] = "w7 w9 w30 w50 w50 w3", text_lengths[i] = strlen(texts[i]);
    for (size_t i = 0; i < COUNT * LENGTH; i++) tokens[i] = (int32_t)(3 + i % 60);
    for (size_t i = 0; i < COUNT; i++) lengths[i] = LENGTH;
    folder words = folder_make_words();
    attend_model *model;
    if (CHECK_SUCCESS(attend_model_create(words.path, NULL, &model))) {
        attend_session *session = new_session(model);
        another_thread_ends(embed, session, 5);
        works_afterwards(session);
        another_thread_ends(encode, session, 100);
        works_afterwards(session);
        attend_session_free(session);
        attend_model_free(model);
    }
    folder_remove(&words);
    model = load_default_model();
    attend_session *session = new_session(model);
    the_next_call_ends(session);
    progress(model);
    attend_session_free(session);
    attend_model_free(model);
    return checks_end();
}
