/* SPDX-License-Identifier: Apache-2.0
 * Spells words: English spelling in, phonemes out, many words at a time.
 *
 * usage: spell [-m MODEL FOLDER] [-b WORDS AT A TIME] [WORD ...]      without words: one from each line of the standard
 * input Words and phonemes go to the standard output, a tab between them; words per second go to the standard error. */
#define _POSIX_C_SOURCE 200809L
#include "greedy.h"

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

/** What is spelled with, and room for one batch. */
typedef struct speller {
    attend_model *model;
    const attend_tokenizer *tokenizer;
    attend_session *session;
    size_t limit;     /* the longest target */
    int32_t *sources; /* the letters of all words of a batch, end to end */
    size_t *lengths;  /* [batch] how many letters */
    int32_t *targets; /* [batch, limit] */
    size_t *written;  /* [batch] how long each target is */
} speller;

static void print_word(const speller *speller, const char *word, const int32_t *ids, size_t count) {
    size_t end_count;
    const int32_t *ends = attend_model_end_tokens(speller->model, &end_count);
    printf("%s\t", word);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count && end_count > 0 && ids[i] == ends[0]) break;
        const char *token = attend_tokenizer_token(speller->tokenizer, ids[i], NULL);
        printf("%s%s", i ? " " : "", token ? token : "?");
    }
    printf("\n");
}

/** Tokenizes, decodes and prints `count` words. */
static void spell(speller *speller, char **words, size_t count) {
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        attend_encoding *letters;
        check(attend_tokenizer_encode(speller->tokenizer, words[i], strlen(words[i]), NULL, &letters));
        const int32_t *ids = attend_encoding_ids(letters, &speller->lengths[i]);
        speller->sources = memory(speller->sources, total + speller->lengths[i] + 1, sizeof *ids);
        memcpy(speller->sources + total, ids, speller->lengths[i] * sizeof *ids);
        total += speller->lengths[i];
        attend_encoding_free(letters);
    }
    attend_batch batch = ATTEND_BATCH_INIT;
    batch.tokens = speller->sources;
    batch.lengths = speller->lengths;
    batch.count = count;
    check(greedy_decode(speller->model, speller->session, &batch, speller->limit, speller->targets, speller->written));
    for (size_t i = 0; i < count; i++)
        print_word(speller, words[i], speller->targets + i * speller->limit, speller->written[i]);
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

/** Loads the model and makes room for batches of `at_a_time` words. */
static speller start(const char *path, size_t at_a_time) {
    attend_model *model;
    attend_model_info info = ATTEND_MODEL_INFO_INIT;
    speller speller = { 0 };
    check(attend_model_create(path, NULL, &model));
    check(attend_model_get_info(model, &info));
    check(attend_model_tokenizer(model, &speller.tokenizer));
    check(attend_session_create(model, NULL, &speller.session));
    speller.model = model;
    speller.limit = greedy_limit(&info, LONGEST_TARGET);
    speller.lengths = memory(NULL, at_a_time, sizeof(size_t));
    speller.written = memory(NULL, at_a_time, sizeof(size_t));
    speller.targets = memory(NULL, at_a_time * speller.limit, sizeof(int32_t));
    return speller;
}

static void end(speller *speller) {
    free(speller->sources);
    free(speller->lengths);
    free(speller->written);
    free(speller->targets);
    attend_session_free(speller->session);
    attend_model_free(speller->model);
}

int main(int argc, char **argv) {
    const char *path = "models/g2p-en";
    size_t at_a_time = 256, count = 0;
    for (int option; (option = getopt(argc, argv, "m:b:")) != -1;) {
        if (option == 'm') path = optarg;
        else if (option == 'b' && atoi(optarg) > 0) at_a_time = (size_t)atoi(optarg);
        else return fprintf(stderr, "usage: %s [-m MODEL FOLDER] [-b WORDS AT A TIME] [WORD ...]\n", argv[0]), 2;
    }
    char **read = optind < argc ? NULL : read_words(&count);
    char **words = read ? read : argv + optind;
    if (optind < argc) count = (size_t)(argc - optind);

    speller speller = start(path, at_a_time);
    double began = seconds();
    for (size_t i = 0; i < count; i += at_a_time)
        spell(&speller, words + i, count - i < at_a_time ? count - i : at_a_time);
    double took = seconds() - began;
    fflush(stdout);
    fprintf(stderr, "%zu words in %.3f s, %.0f words per second, %s\n", count, took, (double)count / took,
            attend_model_kernels(speller.model));

    end(&speller);
    for (size_t i = 0; read && i < count; i++) free(read[i]);
    free(read);
    return 0;
}
