/* Two threads on one session: one of them hears BUSY, and nothing breaks. Sessions of one model, the tokenizer and the model itself: side by side. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

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
        if (error && attend_error_get_code(error) == ATTEND_ERROR_BUSY && strlen(attend_error_message(error)) > 10) atomic_fetch_add(&busy, 1);
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
        if (!step(session, index, logits) || memcmp(logits, expected[index], sizeof logits) != 0) atomic_fetch_add(&wrong, 1);
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
    many_sessions();
    attend_model_free(model);
    return checks_end();
}
