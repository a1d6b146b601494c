/* SPDX-License-Identifier: Apache-2.0
 * Spells words: English spelling in, phonemes out.
 *
 * usage: spell [-m MODEL FOLDER] [-o OPTIONS] [WORD ...]      without words: one from each line of the standard input
 * OPTIONS are those of docs/generation.md as JSON, '{"num_beams": 4}' for example. Words and phonemes go to the
 * standard output, a tab between them; words per second go to the standard error. */
#define _POSIX_C_SOURCE 200809L
#include <attend.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/** In tokens; what the default model's figures were measured with. */
enum { LONGEST_TARGET = 40 };

/** An error of the library ends the program, for it is an example. */
static void check(attend_error *error) {
    if (!error) return;
    fprintf(stderr, "spell: %s\n", attend_error_message(error));
    exit(1);
}

static void *memory(void *old, size_t count, size_t size) {
    void *memory = realloc(old, count * size);
    if (!memory) {
        fprintf(stderr, "spell: out of memory\n");
        exit(1);
    }
    return memory;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/** The words of the standard input, one a line. */
static char **read_words(size_t *count) {
    char **words = NULL, *line = NULL;
    size_t room = 0;
    *count = 0;
    while (getline(&line, &room, stdin) > 0) {
        line[strcspn(line, "\r\n")] = 0;
        if (!*line) continue;
        words = memory(words, *count + 1, sizeof *words);
        words[(*count)++] = line;
        line = NULL;
    }
    free(line);
    return words;
}

/** Spells all words in one call, which runs them side by side. */
static attend_generation *spell(attend_session *session, char **words, size_t count, const char *options) {
    size_t *lengths = memory(NULL, count, sizeof *lengths);
    for (size_t i = 0; i < count; i++) lengths[i] = strlen(words[i]);
    attend_generation_options generation_options = ATTEND_GENERATION_OPTIONS_INIT;
    generation_options.config = options;
    generation_options.max_new_tokens = LONGEST_TARGET;
    attend_generation *found;
    check(attend_generate_texts(session, (const char *const *)words, lengths, count, &generation_options, &found));
    free(lengths);
    return found;
}

int main(int argc, char **argv) {
    const char *path = "models/g2p-en", *options = NULL;
    for (int option; (option = getopt(argc, argv, "m:o:")) != -1;) {
        if (option == 'm') path = optarg;
        else if (option == 'o') options = optarg;
        else return fprintf(stderr, "usage: %s [-m MODEL FOLDER] [-o OPTIONS] [WORD ...]\n", argv[0]), 2;
    }
    size_t count = (size_t)(argc - optind);
    char **read = count ? NULL : read_words(&count);
    char **words = read ? read : argv + optind;
    attend_model *model;
    attend_session *session;
    check(attend_model_create(path, NULL, &model));
    check(attend_session_create(model, NULL, &session));

    double began = seconds();
    attend_generation *found = count ? spell(session, words, count, options) : NULL;
    double took = seconds() - began;
    for (size_t i = 0; i < count; i++) {
        attend_hypothesis best = ATTEND_HYPOTHESIS_INIT;
        check(attend_generation_get_hypothesis(found, i, 0, &best));
        printf("%s\t%s\n", words[i], best.text);
    }
    fflush(stdout);
    fprintf(stderr, "%zu words in %.3f s, %.0f words per second, %s\n", count, took, (double)count / took,
            attend_model_kernels(model));

    attend_generation_free(found);
    attend_session_free(session);
    attend_model_free(model);
    for (size_t i = 0; read && i < count; i++) free(read[i]);
    free(read);
    return 0;
}
