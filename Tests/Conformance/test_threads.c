/* Two threads on one session: one of them hears BUSY, and nothing breaks; threads that only look do not disturb each
 * other. Sessions of one model, the tokenizer and the model itself: side by side. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COUNT = 512, LENGTH = 64, THREADS = 4 };

static int32_t tokens[COUNT * LENGTH];
static size_t lengths[COUNT];
static attend_model *model;
static attend_session *shared;
static atomic_int busy, done;

/** Encodes a large batch on the shared session, again and again, until somebody heard BUSY. */
static void *collide(void *context) {
    (void)context;
    attend_batch batch = make_batch(tokens, lengths, COUNT);
    for (int i = 0; i < 200 && atomic_load(&busy) < 10; i++) {
        attend_error *error = attend_encode(shared, &batch);
        if (error && attend_error_get_code(error) == ATTEND_ERROR_BUSY && strlen(attend_error_message(error)) > 10)
            atomic_fetch_add(&busy, 1);
        else if (!error) atomic_fetch_add(&done, 1);
        attend_error_free(error);
    }
    return NULL;
}

static void one_session_two_threads(void) {
    pthread_t threads[2];
    shared = new_session(model);
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, collide, NULL);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    CHECK(atomic_load(&busy) > 0 && atomic_load(&done) > 0);
    size_t count = 0; /* the session is whole */
    CHECK_SUCCESS(attend_session_count(shared, &count));
    CHECK(count == COUNT);
    CHECK_SUCCESS(attend_decode_step(shared, tokens, COUNT, NULL));
    attend_session_free(shared);
}

static atomic_int looks, looks_refused, looks_failed, looking_done;

/** Asks a getter of the shared session, and counts how it answers. The answers themselves must be those of COUNT
 * sequences. */
static void look(int which) {
    size_t number = 0;
    attend_tensor states = { NULL, ATTEND_TYPE_INT8, 0, { 0 } };
    attend_error *error = which == 0   ? attend_session_count(shared, &number)
                          : which == 1 ? attend_session_length(shared, COUNT - 1, &number)
                          : which == 2 ? attend_session_memory(shared, &number)
                                       : attend_session_hidden_states(shared, &states);
    bool right = which == 0   ? number == COUNT
                 : which == 1 ? number <= 64
                 : which == 2 ? number > 0
                              : states.rank == 2 && states.shape[0] >= COUNT;
    if (error && attend_error_get_code(error) == ATTEND_ERROR_BUSY) atomic_fetch_add(&looks_refused, 1);
    else atomic_fetch_add(!error && right ? &looks : &looks_failed, 1);
    attend_error_free(error);
}

static void *look_often(void *context) {
    (void)context;
    for (int i = 0; i < 40000; i++) look(i % 4);
    return NULL;
}

static void *look_until_done(void *context) {
    (void)context;
    const struct timespec pause = { 0, 100000 }; /* without it the session would never be free to compute */
    for (int i = 0; !atomic_load(&looking_done); i++) {
        look(i % 4);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

/** Getters of one session in many threads at once: none hears BUSY. */
static void many_who_look(void) {
    pthread_t threads[THREADS];
    attend_batch batch = make_batch(tokens, lengths, COUNT);
    shared = new_session(model);
    CHECK_SUCCESS(attend_encode(shared, &batch));
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, look_often, NULL);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    CHECK(atomic_load(&looks) == 40000 * THREADS && atomic_load(&looks_refused) == 0 &&
          atomic_load(&looks_failed) == 0);
    attend_session_free(shared);
}

/** Getters while another thread computes: each gives the truth or is BUSY, and so does the thread that computes. */
static void look_while_computing(void) {
    pthread_t threads[2];
    attend_batch batch = make_batch(tokens, lengths, COUNT);
    int steps = 0;
    shared = new_session(model);
    CHECK_SUCCESS(attend_encode(shared, &batch));
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, look_until_done, NULL);
    for (int i = 0; i < 100000 && (steps < 60 || atomic_load(&looks_refused) == 0); i++) {
        attend_error *error =
            steps % 30 == 29 ? attend_encode(shared, &batch) : attend_decode_step(shared, tokens, COUNT, NULL);
        if (!error) steps++;
        else if (attend_error_get_code(error) != ATTEND_ERROR_BUSY) CHECK(!"a step failed otherwise than by BUSY");
        attend_error_free(error);
    }
    atomic_store(&looking_done, 1);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    CHECK(steps >= 60 && atomic_load(&looks_refused) > 0 && atomic_load(&looks_failed) == 0);
    attend_session_free(shared);
}

static float expected[THREADS][101];
static atomic_int wrong;

/** One step for one source; false where a call failed. */
static bool step(attend_session *session, size_t index, float *logits) {
    const int32_t start = 1;
    attend_tensor view;
    attend_batch batch = make_batch(tokens + index * LENGTH, lengths + index, 1);
    attend_error *error = attend_encode(session, &batch);
    if (!error) error = attend_decode_step(session, &start, 1, &view);
    if (!error) memcpy(logits, view.data, 101 * sizeof *logits);
    attend_error_free(error);
    return !error;
}

static void *work(void *context) {
    size_t index = *(size_t *)context;
    float logits[101];
    attend_session *session = NULL;
    const attend_tokenizer *tokenizer = NULL;
    attend_error *error = attend_session_create(model, NULL, &session);
    if (!error) error = attend_model_tokenizer(model, &tokenizer);
    if (error) {
        atomic_fetch_add(&wrong, 1);
        attend_error_free(error);
        return NULL;
    }
    for (int i = 0; i < 100; i++) {
        if (!step(session, index, logits) || memcmp(logits, expected[index], sizeof logits) != 0)
            atomic_fetch_add(&wrong, 1);
        attend_encoding *encoding = NULL;
        error = attend_tokenizer_encode(tokenizer, "hello", 5, NULL, &encoding);
        size_t count = 0;
        if (error || attend_encoding_ids(encoding, &count)[0] != 13 || count != 6) atomic_fetch_add(&wrong, 1);
        attend_error_free(error);
        attend_encoding_free(encoding);
    }
    attend_session_free(session);
    return NULL;
}

static void many_sessions(void) {
    pthread_t threads[THREADS];
    size_t indices[THREADS];
    attend_session *session = new_session(model);
    for (size_t i = 0; i < THREADS; i++) CHECK(step(session, i, expected[i]));
    attend_session_free(session);
    for (size_t i = 0; i < THREADS; i++) {
        indices[i] = i;
        pthread_create(&threads[i], NULL, work, &indices[i]);
    }
    for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    CHECK(atomic_load(&wrong) == 0);
}

int main(void) {
    checks_begin();
    for (size_t i = 0; i < COUNT * LENGTH; i++) tokens[i] = (int32_t)(i * 7 % 101);
    for (size_t i = 0; i < COUNT; i++) lengths[i] = LENGTH;
    model = load_default_model();
    one_session_two_threads();
    many_who_look();
    look_while_computing();
    many_sessions();
    attend_model_free(model);
    return checks_end();
}
