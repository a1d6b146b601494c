/* What the sweep does with a case: everything that a host would do with such a file. */
#ifndef ACTIONS_H
#define ACTIONS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct sweep_case {
    const char *action; /* model, load, use, write, hear, see, tokenizer, chat, shrink, fork */
    const char *path;   /* a folder or a file */
    const char *extra;  /* of chat: a file with the conversation */
    size_t fail, least; /* the allocation that fails, counted from 1, of those of at least `least` bytes; 0: none */
    bool failed;        /* an error came back */
    char message[400];  /* its words, or of a counted case the number of allocations */
} sweep_case;

/** Runs the action of a case, and fills `failed` and `message`. */
void action_run(sweep_case *one);

/** Begins or ends the counting, and the failing, of allocations; child.c is the allocator. */
void allocations_watch(bool on);
size_t allocations_seen(void);

#endif
