/* A model does not survive a fork: the child hears an error, may free what it inherited, and makes its own model. The
 * parent goes on. So it is at any moment of a fork, whatever other threads of the parent are at. */
#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static const int32_t hello[] = { 13, 10, 17, 17, 20, 0 };
static const size_t length = 6;

/** The likeliest first phoneme of "hello", or -1. */
static int first_phoneme(attend_session *session) {
    const int32_t start = 1;
    attend_tensor logits;
    attend_batch batch = make_batch(hello, &length, 1);
    attend_error *error = attend_encode(session, &batch);
    if (!error) error = attend_decode_step(session, &start, 1, &logits);
    if (error) {
        attend_error_free(error);
        return -1;
    }
    int best = 0;
    const float *scores = logits.data;
    for (int i = 1; i < 101; i++) best = scores[i] > scores[best] ? i : best;
    return best;
}

static bool is_invalid_state(attend_error *error) {
    bool right = error && attend_error_get_code(error) == ATTEND_ERROR_INVALID_STATE;
    attend_error_free(error);
    return right;
}

/** What the child does; its exit status, 0 for right, else what went wrong. */
static int child(attend_model *model, attend_session *session) {
    const int32_t start = 1;
    attend_batch batch = make_batch(hello, &length, 1);
    attend_session *another = NULL;
    if (!is_invalid_state(attend_encode(session, &batch))) return 1;
    if (!is_invalid_state(attend_decode_step(session, &start, 1, NULL))) return 2;
    if (!is_invalid_state(attend_session_create(model, NULL, &another))) return 3;
    attend_session_free(session);
    attend_model_free(model);
    attend_model *own = NULL;
    attend_error *error = attend_model_create(DEFAULT_MODEL, NULL, &own);
    if (!error) error = attend_session_create(own, NULL, &another);
    if (error) return 4;
    if (first_phoneme(another) != 65) return 5;
    attend_session_free(another);
    attend_model_free(own);
    return 0;
}

/** Forks, and checks what `run` says in the child: 0 for right. */
static bool right_in_child(int (*run)(attend_model *, attend_session *), attend_model *model, attend_session *session) {
    pid_t process = fork();
    if (process == 0) {
        alarm(60); /* a child that waits for a thread that it does not have */
        _exit(run(model, session));
    }
    int status = -1;
    waitpid(process, &status, 0);
    bool right = CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    if (!right) checks_say("the child ended with status %d\n", status);
    return right;
}

enum { COUNT = 64, LENGTH = 32, FORKS = 24, COMPUTERS = 2 };

static int32_t tokens[COUNT * LENGTH];
static size_t lengths[COUNT];
static atomic_int stop, passes, wrong;

/** Encodes a batch that is worth the pool's threads, until told to stop. */
static void *compute(void *context) {
    attend_batch batch = make_batch(tokens, lengths, COUNT);
    while (!atomic_load(&stop)) {
        attend_error *error = attend_encode(context, &batch);
        atomic_fetch_add(error ? &wrong : &passes, 1);
        attend_error_free(error);
    }
    return NULL;
}

static void drop_line(attend_log_level level, const char *line, void *context) {
    (void)level, (void)line, (void)context;
}

/** A child of a parent that computes: its own model computes on threads, and lines of the log may be asked for. */
static int child_of_busy_parent(attend_model *model, attend_session *session) {
    (void)model, (void)session;
    attend_model *own = NULL;
    attend_session *another = NULL;
    attend_log_set(drop_line, NULL);
    attend_error *error = attend_model_create(DEFAULT_MODEL, NULL, &own);
    if (!error) error = attend_session_create(own, NULL, &another);
    if (error) return 6;
    attend_batch batch = make_batch(tokens, lengths, COUNT);
    for (int i = 0; i < 3; i++)
        if (attend_encode(another, &batch)) return 7;
    if (first_phoneme(another) != 65) return 8;
    attend_session_free(another);
    attend_model_free(own);
    return 0;
}

/** Loads models until told to stop, so that lines of the log are on their way. */
static void *load(void *context) {
    (void)context;
    while (!atomic_load(&stop)) {
        attend_model *model = NULL;
        attend_error *error = attend_model_create(DEFAULT_MODEL, NULL, &model);
        if (error) atomic_fetch_add(&wrong, 1);
        attend_error_free(error);
        attend_model_free(model);
    }
    return NULL;
}

/** Forks while other threads compute and load. */
static void fork_while_others_compute(attend_model *model) {
    pthread_t threads[COMPUTERS + 1];
    attend_session *sessions[COMPUTERS];
    for (int i = 0; i < COUNT * LENGTH; i++) tokens[i] = i * 7 % 101;
    for (int i = 0; i < COUNT; i++) lengths[i] = LENGTH;
    attend_log_set(drop_line, NULL);
    for (int i = 0; i < COMPUTERS; i++) {
        sessions[i] = new_session(model);
        pthread_create(&threads[i], NULL, compute, sessions[i]);
    }
    pthread_create(&threads[COMPUTERS], NULL, load, NULL);
    while (atomic_load(&passes) < 4 && !atomic_load(&wrong)) usleep(1000);
    for (int i = 0; i < FORKS; i++) {
        usleep(500 * (i % 5)); /* another moment each time */
        if (!right_in_child(child_of_busy_parent, model, NULL)) break;
    }
    int before = atomic_load(&passes); /* the parent's threads go on */
    while (atomic_load(&passes) < before + 4 && !atomic_load(&wrong)) usleep(1000);
    atomic_store(&stop, 1);
    for (int i = 0; i <= COMPUTERS; i++) pthread_join(threads[i], NULL);
    CHECK(atomic_load(&wrong) == 0);
    for (int i = 0; i < COMPUTERS; i++) attend_session_free(sessions[i]);
    attend_log_set(NULL, NULL);
}

int main(void) {
    checks_begin();
    attend_model *model = load_default_model();
    attend_session *session = new_session(model);
    CHECK(first_phoneme(session) == 65);
    for (int i = 0; i < 3; i++) {
        right_in_child(child, model, session);
        CHECK(first_phoneme(session) == 65);
    }
    fork_while_others_compute(model);
    CHECK(first_phoneme(session) == 65);
    attend_session_free(session);
    attend_model_free(model);
    return checks_end();
}
