#define _GNU_SOURCE
#include "check.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char untouched[1];
static atomic_int passed, failed; /* checks may be made by several threads */
static FILE *report;              /* the standard error of before the silence */
static FILE *captured;            /* what was printed since */

void checks_begin(void) {
    report = fdopen(dup(STDERR_FILENO), "w");
    captured = tmpfile();
    if (!report || !captured) abort();
    setvbuf(report, NULL, _IOLBF, 0);
    dup2(fileno(captured), STDOUT_FILENO);
    dup2(fileno(captured), STDERR_FILENO);
}

int checks_end(void) {
    fflush(NULL);
    struct stat printed;
    if (fstat(fileno(captured), &printed) != 0 || printed.st_size != 0) {
        char text[1000] = "";
        if (pread(fileno(captured), text, sizeof text - 1, 0) < 0) text[0] = 0;
        fprintf(report, "FAILED: the library printed %lld bytes: %s\n", (long long)printed.st_size, text);
        failed++;
    }
    fprintf(report, "%d checks passed, %d failed\n", passed, failed);
    return failed ? 1 : 0;
}

int checks_failed(void) { return failed; }

void checks_say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(report, format, arguments);
    va_end(arguments);
}

bool check_condition(bool holds, const char *text, const char *file, int line) {
    if (holds) {
        passed++;
    } else {
        failed++;
        checks_say("FAILED %s:%d: %s\n", file, line, text);
    }
    return holds;
}

bool check_success(attend_error *error, const char *text, const char *file, int line) {
    if (error) checks_say("error %d: %s\n", (int)attend_error_get_code(error), attend_error_message(error));
    bool holds = check_condition(!error, text, file, line);
    attend_error_free(error);
    return holds;
}

bool check_error(attend_error *error, attend_error_code code, const char *part, const char *text, const char *file,
                 int line) {
    if (!error) return check_condition(false, text, file, line);
    const char *message = attend_error_message(error);
    bool right =
        attend_error_get_code(error) == code && strstr(message, part) && strlen(message) > 10 && !strchr(message, '\n');
    if (!right)
        checks_say("expected error %d with \"%s\", got %d: %s\n", (int)code, part, (int)attend_error_get_code(error),
                   message);
    check_condition(right, text, file, line);
    attend_error_free(error);
    return right;
}

attend_model *load_default_model(void) {
    attend_model *model = NULL;
    if (!CHECK_SUCCESS(attend_model_create(DEFAULT_MODEL, NULL, &model))) exit(checks_end());
    return model;
}

attend_session *new_session(const attend_model *model) {
    attend_session *session = NULL;
    if (!CHECK_SUCCESS(attend_session_create(model, NULL, &session))) exit(checks_end());
    return session;
}

attend_batch make_batch(const int32_t *tokens, const size_t *lengths, size_t count) {
    attend_batch batch = ATTEND_BATCH_INIT;
    batch.tokens = tokens;
    batch.lengths = lengths;
    batch.count = count;
    return batch;
}
