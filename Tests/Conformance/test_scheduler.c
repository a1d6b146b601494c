/* A scheduler: what becomes of a request is what attend_generate makes of it, whoever submits it, whatever runs beside
 * it, and whatever is cancelled, fails or is freed in the middle. */
#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *const words[] = { "hello", "world", "some", "other", "tree", "language", "transformer", "water" };
enum { WORDS = sizeof words / sizeof *words, THREADS = 8, ROUNDS = 24 };

static attend_model *model;
static char expected[WORDS][2][200]; /* greedy search, three beams */

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/** The text of the first hypothesis, "" where there is none. */
static const char *text_of(const attend_generation *generation, attend_finish_reason *reason) {
    attend_hypothesis found = ATTEND_HYPOTHESIS_INIT;
    if (!attend_generation_hypothesis_count(generation, 0)) return "";
    if (!CHECK_SUCCESS(attend_generation_get_hypothesis(generation, 0, 0, &found))) return "";
    if (reason) *reason = found.finish_reason;
    return found.text;
}

static void generate_alone(void) {
    attend_session *session = new_session(model);
    for (int word = 0; word < WORDS; word++) {
        for (int beams = 0; beams < 2; beams++) {
            attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
            options.num_beams = beams ? 3 : 1;
            size_t length = strlen(words[word]);
            attend_generation *generation = NULL;
            CHECK_SUCCESS(attend_generate_texts(session, &words[word], &length, 1, &options, &generation));
            snprintf(expected[word][beams], sizeof expected[word][beams], "%s", text_of(generation, NULL));
            attend_generation_free(generation);
        }
    }
    CHECK(strcmp(expected[0][0], "HH EH1 L OW0") == 0);
    attend_session_free(session);
}

static attend_scheduler *new_scheduler(size_t rows, size_t bytes) {
    attend_scheduler_options options = ATTEND_SCHEDULER_OPTIONS_INIT;
    options.max_rows = rows;
    options.max_cache_bytes = bytes;
    attend_scheduler *scheduler = NULL;
    CHECK_SUCCESS(attend_scheduler_create(model, NULL, &options, &scheduler));
    return scheduler;
}

/** Submits a word; `options` may be NULL. */
static attend_request *submit(attend_scheduler *scheduler, int word, const attend_request_options *options) {
    attend_request *request = NULL;
    CHECK_SUCCESS(attend_scheduler_submit_text(scheduler, words[word], strlen(words[word]), options, &request));
    return request;
}

/** Waits for a request, and checks what it is. */
static bool is_right(attend_request *request, int word, int beams) {
    attend_generation *generation = NULL;
    if (!CHECK_SUCCESS(attend_request_wait(request, -1, &generation))) return false;
    bool right = strcmp(text_of(generation, NULL), expected[word][beams]) == 0;
    attend_generation_free(generation);
    return right;
}

static attend_scheduler_stats stats_of(attend_scheduler *scheduler) {
    attend_scheduler_stats stats = ATTEND_SCHEDULER_STATS_INIT;
    CHECK_SUCCESS(attend_scheduler_get_stats(scheduler, &stats));
    return stats;
}

/* Threads */

typedef struct thread {
    attend_scheduler *scheduler;
    int seed, wrong, cancelled;
} thread;

/** Submits, cancels, polls, waits and frees, in an order of its own. */
static void *use_scheduler(void *context) {
    thread *own = context;
    unsigned random = (unsigned)own->seed;
    for (int round = 0; round < ROUNDS; round++) {
        int word = (int)(rand_r(&random) % WORDS), beams = (int)(rand_r(&random) % 2);
        attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
        attend_request_options wish = ATTEND_REQUEST_OPTIONS_INIT;
        options.num_beams = beams ? 3 : 1;
        wish.generation = &options;
        wish.priority = (int32_t)(rand_r(&random) % 5) - 2;
        attend_request *request = submit(own->scheduler, word, &wish);
        attend_generation *generation = NULL;
        switch (rand_r(&random) % 4) {
        case 0:
            usleep(rand_r(&random) % 2000);
            attend_request_cancel(request);
            own->cancelled++;
            CHECK_SUCCESS(attend_request_wait(request, -1, &generation));
            CHECK(generation != NULL);
            break;
        case 1:
            break; /* it is freed as it is */
        case 2:
            CHECK_SUCCESS(attend_request_wait(request, 0, &generation)); /* fall through */
        default:
            own->wrong += !is_right(request, word, beams);
        }
        attend_generation_free(generation);
        attend_request_free(request);
    }
    return NULL;
}

static void threads_share_a_scheduler(size_t rows, size_t bytes) {
    attend_scheduler *scheduler = new_scheduler(rows, bytes);
    pthread_t handles[THREADS];
    thread threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        threads[i] = (thread){ scheduler, i + 1, 0, 0 };
        pthread_create(&handles[i], NULL, use_scheduler, &threads[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(handles[i], NULL);
        CHECK(threads[i].wrong == 0 && threads[i].cancelled > 0);
    }
    attend_scheduler_stats stats = stats_of(scheduler);
    CHECK(stats.submitted == THREADS * ROUNDS && stats.failed == 0);
    CHECK(stats.finished + stats.running + stats.waiting == stats.submitted);
    CHECK(stats.rows <= stats.steps * rows && stats.step_seconds > 0);
    CHECK(stats.longest_queue_seconds >= stats.mean_queue_seconds);
    attend_scheduler_free(scheduler);
}

/* Callbacks */

typedef struct listener {
    attend_scheduler *scheduler;
    attend_request *request; /* its own, once it is known */
    attend_request *other;   /* what it submitted */
    atomic_int heard, done;
    int stop_at, cancel_at, free_at, wait_at;
    attend_verdict verdict;
    char text[200];
} listener;

static attend_verdict hear(const attend_token_event *event, void *context) {
    listener *own = context;
    int heard = atomic_fetch_add(&own->heard, 1) + 1;
    CHECK(event->request == 0 && event->sequence == 0 && !atomic_load(&own->done));
    strncat(own->text, event->text, event->text_length);
    if (heard == own->wait_at) {
        attend_generation *generation = NULL;
        CHECK_ERROR(attend_request_wait(own->request, -1, &generation), ATTEND_ERROR_INVALID_STATE, "callback");
        own->other = submit(own->scheduler, 1, NULL);
    }
    if (heard == own->cancel_at) attend_request_cancel(own->request);
    if (heard == own->free_at) attend_request_free(own->request);
    return heard == own->stop_at ? own->verdict : ATTEND_VERDICT_GO_ON;
}

static void finish(void *context) { atomic_fetch_add(&((listener *)context)->done, 1); }

static void wait_until(atomic_int *number) {
    for (double end = now() + 10; !atomic_load(number) && now() < end;) usleep(200);
    CHECK(atomic_load(number) == 1);
}

/** Submits a word that a listener hears. */
static attend_request *submit_heard(attend_scheduler *scheduler, int word, listener *own) {
    attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
    attend_request_options wish = ATTEND_REQUEST_OPTIONS_INIT;
    options.on_token = hear;
    options.on_token_context = own;
    wish.generation = &options;
    wish.on_done = finish;
    wish.on_done_context = own;
    own->scheduler = scheduler;
    return submit(scheduler, word, &wish);
}

/** What becomes of a request that a listener hears to its end. */
static attend_generation *heard_to_its_end(attend_request *request, listener *own) {
    attend_generation *generation = NULL;
    CHECK_SUCCESS(attend_request_wait(request, -1, &generation));
    wait_until(&own->done);
    attend_request_free(request);
    return generation;
}

static void callbacks_hear_and_end(void) {
    attend_scheduler *scheduler = new_scheduler(4, 0);
    attend_finish_reason reason = 0;
    listener whole = { 0 };
    attend_generation *generation = heard_to_its_end(submit_heard(scheduler, 0, &whole), &whole);
    CHECK(strcmp(whole.text, "HH EH1 L OW0") == 0 && strcmp(text_of(generation, NULL), whole.text) == 0);
    int tokens = atomic_load(&whole.heard);
    attend_generation_free(generation);
    for (int stop = 1; stop < tokens; stop++) {
        for (attend_verdict verdict = ATTEND_VERDICT_END_SEQUENCE; verdict <= ATTEND_VERDICT_END_ALL; verdict++) {
            listener own = { .stop_at = stop, .verdict = verdict };
            generation = heard_to_its_end(submit_heard(scheduler, 0, &own), &own);
            const char *text = text_of(generation, &reason);
            CHECK(reason == ATTEND_FINISH_CANCELLED && atomic_load(&own.heard) == stop);
            CHECK(strncmp(text, whole.text, strlen(text)) == 0);
            attend_generation_free(generation);
        }
    }
    attend_scheduler_free(scheduler);
}

/** A scheduler whose thread is held up by a callback, so that the test knows what a request is before it begins. */
typedef struct gate {
    pthread_mutex_t mutex;
    atomic_int closed;
} gate;

static attend_verdict pass_gate(const attend_token_event *event, void *context) {
    (void)event;
    gate *own = context;
    atomic_store(&own->closed, 1);
    pthread_mutex_lock(&own->mutex);
    pthread_mutex_unlock(&own->mutex);
    return ATTEND_VERDICT_END_REQUEST;
}

/** Runs "hello" with a listener that uses its own request while the step is under way. */
static void run_behind_gate(listener *own) {
    attend_scheduler *scheduler = own->scheduler = new_scheduler(4, 0);
    gate gate = { PTHREAD_MUTEX_INITIALIZER, 0 };
    pthread_mutex_lock(&gate.mutex);
    attend_generation_options slow = ATTEND_GENERATION_OPTIONS_INIT;
    attend_request_options wish = ATTEND_REQUEST_OPTIONS_INIT;
    slow.on_token = pass_gate;
    slow.on_token_context = &gate;
    wish.generation = &slow;
    attend_request *holder = submit(scheduler, 2, &wish);
    wait_until(&gate.closed);
    own->request = submit_heard(scheduler, 0, own);
    pthread_mutex_unlock(&gate.mutex);
    if (!own->free_at) attend_generation_free(heard_to_its_end(own->request, own));
    if (own->other) CHECK(is_right(own->other, 1, 0));
    attend_request *last = submit(scheduler, 5, NULL);
    CHECK(is_right(last, 5, 0));
    attend_request *const used[] = { own->other, holder, last };
    for (int i = 0; i < 3; i++) attend_request_free(used[i]);
    if (own->cancel_at) CHECK(atomic_load(&own->heard) == own->cancel_at);
    if (own->free_at) CHECK(atomic_load(&own->heard) == own->free_at && atomic_load(&own->done) == 0);
    attend_scheduler_free(scheduler);
}

static void callbacks_use_the_scheduler(void) {
    for (int token = 1; token <= 5; token++) {
        listener cancels = { .cancel_at = token }, frees = { .free_at = token }, waits = { .wait_at = token };
        run_behind_gate(&cancels);
        run_behind_gate(&frees);
        run_behind_gate(&waits);
        CHECK(waits.other != NULL);
    }
}

static bool refuse(float *scores, size_t vocabulary, const int32_t *ids, size_t count, void *context) {
    (void)scores, (void)vocabulary, (void)ids;
    return count != *(const size_t *)context;
}

static void a_callback_that_fails_fails_its_request(void) {
    attend_scheduler *scheduler = new_scheduler(4, 0);
    for (size_t count = 1; count < 5; count++) {
        attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
        attend_request_options wish = ATTEND_REQUEST_OPTIONS_INIT;
        options.on_logits = refuse;
        options.on_logits_context = &count;
        wish.generation = &options;
        attend_request *good = submit(scheduler, 4, NULL), *bad = submit(scheduler, 4, &wish);
        attend_generation *generation = UNTOUCHED;
        CHECK_ERROR(attend_request_wait(bad, -1, &generation), ATTEND_ERROR_CANCELLED, "logits callback");
        CHECK_ERROR(attend_request_wait(bad, 0, &generation), ATTEND_ERROR_CANCELLED, "logits callback");
        CHECK(generation == UNTOUCHED && is_right(good, 4, 0));
        attend_request_free(good);
        attend_request_free(bad);
    }
    CHECK(stats_of(scheduler).failed == 4);
    attend_scheduler_free(scheduler);
}

/* Ends */

static void it_is_freed_at_any_moment(void) {
    for (int round = 0; round < 40; round++) {
        attend_scheduler *scheduler = new_scheduler(3, 0);
        attend_request *requests[20];
        listener listeners[20] = { 0 };
        for (int i = 0; i < 20; i++) requests[i] = submit_heard(scheduler, i % WORDS, &listeners[i]);
        usleep((useconds_t)(round * 300));
        attend_scheduler_free(scheduler);
        for (int i = 0; i < 20; i++) {
            attend_finish_reason reason = 0;
            attend_generation *generation = NULL;
            CHECK(atomic_load(&listeners[i].done) == 1); /* nothing comes after the call */
            if (!CHECK_SUCCESS(attend_request_wait(requests[i], 0, &generation))) continue;
            const char *text = text_of(generation, &reason);
            CHECK(reason == ATTEND_FINISH_CANCELLED || strcmp(text, expected[i % WORDS][0]) == 0);
            CHECK(strncmp(text, expected[i % WORDS][0], strlen(text)) == 0);
            attend_generation_free(generation);
            attend_request_free(requests[i]);
        }
    }
}

static void a_fork_leaves_it_to_the_parent(void) {
    attend_scheduler *scheduler = new_scheduler(4, 0);
    attend_request *request = submit(scheduler, 6, NULL);
    pid_t process = fork();
    if (process == 0) {
        attend_request *other = NULL;
        attend_generation *generation = NULL;
        attend_scheduler_stats stats = ATTEND_SCHEDULER_STATS_INIT;
        attend_error *errors[] = { attend_scheduler_submit_text(scheduler, "hello", 5, NULL, &other),
                                   attend_request_wait(request, -1, &generation),
                                   attend_scheduler_get_stats(scheduler, &stats) };
        int wrong = 0;
        for (int i = 0; i < 3; i++)
            wrong += !errors[i] || attend_error_get_code(errors[i]) != ATTEND_ERROR_INVALID_STATE;
        attend_request_cancel(request);
        attend_request_free(request);
        attend_scheduler_free(scheduler);
        _exit(wrong);
    }
    int status = -1;
    CHECK(waitpid(process, &status, 0) == process && status == 0);
    CHECK(is_right(request, 6, 0));
    attend_request_free(request);
    attend_scheduler_free(scheduler);
}

/* Arguments */

static void arguments_are_checked(void) {
    attend_scheduler_options options = ATTEND_SCHEDULER_OPTIONS_INIT;
    attend_session_options session = ATTEND_SESSION_OPTIONS_INIT;
    attend_scheduler *scheduler = UNTOUCHED;
    const attend_error_code invalid = ATTEND_ERROR_INVALID_ARGUMENT;
    options.priority_seconds = -1;
    CHECK_ERROR(attend_scheduler_create(model, NULL, &options, &scheduler), invalid, "priority_seconds");
    options.priority_seconds = 0, options.max_rows = SIZE_MAX;
    CHECK_ERROR(attend_scheduler_create(model, NULL, &options, &scheduler), invalid, "max_rows");
    session.threads = 5000;
    CHECK_ERROR(attend_scheduler_create(model, &session, NULL, &scheduler), invalid, "threads");
    CHECK(scheduler == UNTOUCHED);

    scheduler = new_scheduler(2, 0);
    attend_request *request = UNTOUCHED;
    attend_generation_options generation = ATTEND_GENERATION_OPTIONS_INIT;
    attend_request_options wish = ATTEND_REQUEST_OPTIONS_INIT;
    wish.generation = &generation;
    generation.num_beams = 3;
    CHECK_ERROR(attend_scheduler_submit_text(scheduler, "some", 4, &wish, &request), invalid, "max_rows is 2");
    generation.num_beams = 1;
    generation.config = "{\"nonesuch\": 1}";
    CHECK_ERROR(attend_scheduler_submit_text(scheduler, "some", 4, &wish, &request), invalid, "nonesuch");
    generation.config = NULL;
    wish.priority = 40000;
    CHECK_ERROR(attend_scheduler_submit_text(scheduler, "some", 4, &wish, &request), invalid, "priority is 40000");
    const int32_t ids[] = { 5, 101 };
    CHECK_ERROR(attend_scheduler_submit(scheduler, ids, 2, NULL, &request), invalid, "101");
    CHECK_ERROR(attend_scheduler_submit(scheduler, ids, 0, NULL, &request), invalid, "count is 0");
    CHECK_ERROR(attend_scheduler_submit_chat(scheduler, "[]", 2, NULL, NULL, &request), ATTEND_ERROR_NOT_FOUND, "");
    CHECK(request == UNTOUCHED);
    attend_scheduler_free(scheduler);
}

int main(void) {
    checks_begin();
    model = load_default_model();
    generate_alone();
    arguments_are_checked();
    threads_share_a_scheduler(6, 0);
    threads_share_a_scheduler(16, 3 << 20);
    callbacks_hear_and_end();
    callbacks_use_the_scheduler();
    a_callback_that_fails_fails_its_request();
    it_is_freed_at_any_moment();
    a_fork_leaves_it_to_the_parent();
    attend_model_free(model);
    return checks_end();
}
