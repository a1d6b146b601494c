/* The smallest test library: checks that say where they failed, and a silence that says what the library printed. */
#ifndef CHECK_H
#define CHECK_H

#include <attend.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** From here to checks_end nothing may be written to the standard output or the standard error. */
void checks_begin(void);

/** The exit status of the program: 0 if all checks passed and nothing was printed. */
int checks_end(void);

/** How many checks have failed so far. */
int checks_failed(void);

/** Says something to whoever runs the tests, past the silence. */
__attribute__((format(printf, 1, 2))) void checks_say(const char *format, ...);

#define CHECK(condition)              check_condition((condition), #condition, __FILE__, __LINE__)
/** The call returns NULL. */
#define CHECK_SUCCESS(call)           check_success((call), #call, __FILE__, __LINE__)
/** The call returns an error of this code, whose message holds `part`. */
#define CHECK_ERROR(call, code, part) check_error((call), (code), (part), #call, __FILE__, __LINE__)

bool check_condition(bool holds, const char *text, const char *file, int line);
bool check_success(attend_error *error, const char *text, const char *file, int line);
bool check_error(attend_error *error, attend_error_code code, const char *part, const char *text, const char *file,
                 int line);

/** The default model, which all tests use. */
#define DEFAULT_MODEL "models/g2p-en"
attend_model *load_default_model(void);
attend_session *new_session(const attend_model *model);

/** A batch of `count` sequences end to end. */
attend_batch make_batch(const int32_t *tokens, const size_t *lengths, size_t count);

/** An address that no call returns: an output still holds it if the call left the output alone. */
extern char untouched[];
#define UNTOUCHED ((void *)untouched)

#endif
