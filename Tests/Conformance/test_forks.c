/* A model does not survive a fork: the child hears an error, may free what it inherited, and makes its own model. The
 * parent goes on. */
#define _GNU_SOURCE
#include "check.h"

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

int main(void) {
    checks_begin();
    attend_model *model = load_default_model();
    attend_session *session = new_session(model);
    CHECK(first_phoneme(session) == 65);
    for (int i = 0; i < 3; i++) {
        pid_t process = fork();
        if (process == 0) {
            alarm(60); /* a child that waits for a thread that it does not have */
            _exit(child(model, session));
        }
        int status = -1;
        waitpid(process, &status, 0);
        if (!CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0))
            checks_say("the child ended with status %d\n", status);
        CHECK(first_phoneme(session) == 65);
    }
    attend_session_free(session);
    attend_model_free(model);
    return checks_end();
}
