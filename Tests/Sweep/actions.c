#define _GNU_SOURCE
#include "actions.h"
#include "senses.h"

#include <attend.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/** Takes an error: the first one is the case's answer. True if there was none. */
static bool well(sweep_case *one, attend_error *error) {
    if (!error) return true;
    if (!one->failed) snprintf(one->message, sizeof one->message, "%s", attend_error_message(error));
    one->failed = true;
    attend_error_free(error);
    return false;
}

/** The bytes of a file, ended by NUL, or NULL. */
static char *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    char *text = malloc(1 << 24);
    *length = text ? fread(text, 1, (1 << 24) - 1, file) : 0;
    fclose(file);
    if (text) text[*length] = 0;
    return text;
}

/* MARK: Texts */

/** Tokenizes a few texts, one of them long, and turns the ids back into text. */
static void tokenize(sweep_case *one, const attend_tokenizer *tokenizer) {
    static char lengthy[1 << 16];
    for (size_t i = 0; i < sizeof lengthy; i++) lengthy[i] = "ab 12\xc3\xa9. "[i % 9];
    const char *const texts[] = { "",
                                  "Hello, world! 12345 it's",
                                  "\xff\xfe broken \xc3",
                                  "  \t\n x\r\n",
                                  "\xe4\xb8\xad\xe6\x96\x87 \xf0\x9f\x98\x80\xf0\x9f\x91\xa9",
                                  lengthy };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t length = texts[i] == lengthy ? sizeof lengthy : strlen(texts[i]);
        attend_encoding *encoding = NULL;
        if (!well(one, attend_tokenizer_encode(tokenizer, texts[i], length, NULL, &encoding))) continue;
        size_t count;
        const int32_t *ids = attend_encoding_ids(encoding, &count);
        attend_text *text = NULL;
        if (well(one, attend_tokenizer_decode(tokenizer, ids, count, NULL, &text))) attend_text_free(text);
        attend_encoding_free(encoding);
    }
    for (int32_t id = -1; id < 40; id++) (void)attend_tokenizer_token(tokenizer, id, NULL);
}

static void run_tokenizer(sweep_case *one) {
    attend_tokenizer *tokenizer = NULL;
    if (!well(one, attend_tokenizer_create(one->path, &tokenizer))) return;
    tokenize(one, tokenizer);
    attend_tokenizer_free(tokenizer);
}

static void run_chat(sweep_case *one) {
    size_t length = 0;
    char *messages = read_file(one->extra, &length);
    attend_tokenizer *tokenizer = NULL;
    if (messages && well(one, attend_tokenizer_create(one->path, &tokenizer))) {
        attend_chat_options options = ATTEND_CHAT_OPTIONS_INIT;
        options.generation_prompt = true;
        attend_text *text = NULL;
        if (well(one, attend_tokenizer_chat(tokenizer, messages, length, &options, &text))) attend_text_free(text);
        attend_tokenizer_free(tokenizer);
    }
    free(messages);
}

/* MARK: Models */

/** Everything that a session can do with some ids. */
static void use(sweep_case *one, const attend_model *model) {
    attend_session *session = NULL;
    if (!well(one, attend_session_create(model, NULL, &session))) return;
    const int32_t tokens[] = { 3, 4, 5, 6, 7 };
    const size_t lengths[] = { 3, 2 }, parents[] = { 1, 0, 1 };
    attend_batch batch = ATTEND_BATCH_INIT;
    batch.tokens = tokens, batch.lengths = lengths, batch.count = 2;
    attend_tensor tensor;
    if (well(one, attend_encode(session, &batch))) {
        attend_error_free(attend_session_logits(session, &tensor)); /* many have no head, no pooler, no steps */
        attend_error_free(attend_session_pooled(session, &tensor));
        attend_error_free(attend_session_select(session, parents, 3));
        attend_error_free(attend_decode_step(session, tokens, 3, &tensor));
        attend_error_free(attend_decode(session, &batch, &tensor));
    }
    const char *const texts[] = { "one", "another text" };
    const size_t sizes[] = { 3, 12 };
    attend_error_free(attend_embed(session, texts, sizes, 2, NULL, &tensor));
    attend_session_free(session);
}

/** Answers of each kind of search, and scores. Without a head or a tokenizer they are refusals. */
static void write_texts(sweep_case *one, const attend_model *model) {
    const char *const configs[] = {
        "{\"max_new_tokens\": 9, \"output_scores\": true, \"top_logprobs\": 2}",
        "{\"max_new_tokens\": 9, \"do_sample\": true, \"top_k\": 9, \"top_p\": 0.9, \"num_return_sequences\": 2}",
        "{\"max_new_tokens\": 9, \"num_beams\": 3, \"num_return_sequences\": 2, \"no_repeat_ngram_size\": 2}",
        "{\"max_new_tokens\": 9, \"regex\": \"[A-Z ]+\", \"stop_strings\": [\"A B\"]}",
    };
    const int32_t tokens[] = { 3, 4, 5, 6, 7 };
    const size_t lengths[] = { 3, 2 };
    attend_batch batch = ATTEND_BATCH_INIT;
    batch.tokens = tokens, batch.lengths = lengths, batch.count = 2;
    attend_session *session = NULL;
    if (!well(one, attend_session_create(model, NULL, &session))) return;
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
        attend_generation *generation = NULL;
        options.config = configs[i];
        attend_error_free(attend_generate(session, &batch, &options, &generation));
        attend_generation_free(generation);
    }
    attend_score_options options = ATTEND_SCORE_OPTIONS_INIT;
    options.top_logprobs = 2;
    for (int with_contexts = 0; with_contexts < 2; with_contexts++) {
        attend_scores *scores = NULL;
        attend_error_free(attend_score(session, with_contexts ? &batch : NULL, &batch, &options, &scores));
        attend_scores_free(scores);
    }
    attend_session_free(session);
}

static attend_model *load(sweep_case *one, bool copy) {
    attend_model_options options = ATTEND_MODEL_OPTIONS_INIT;
    options.threads = 1;
    options.copy_weights = copy;
    attend_model *model = NULL;
    well(one, attend_model_create(one->path, &options, &model));
    return model;
}

static void run_model(sweep_case *one) {
    attend_model *model = load(one, false);
    if (!model) return;
    const attend_tokenizer *tokenizer;
    attend_error *error = attend_model_tokenizer(model, &tokenizer);
    if (error) attend_error_free(error);
    else tokenize(one, tokenizer);
    use(one, model);
    attend_model_free(model);
}

/** Loads once so that what is made once is there, then again under the eyes of the allocator. */
static void run_load(sweep_case *one) {
    attend_model_free(load(one, false));
    if (one->failed) return;
    allocations_watch(true);
    attend_model *model = load(one, false);
    allocations_watch(false);
    attend_model_free(model);
    if (!one->failed) snprintf(one->message, sizeof one->message, "%zu", allocations_seen());
}

/** The same for what is done with a loaded model. */
static void run_use(sweep_case *one) {
    attend_model *model = load(one, false);
    if (!model) return;
    allocations_watch(true);
    run_model(one);
    allocations_watch(false);
    attend_model_free(model);
    if (!one->failed) snprintf(one->message, sizeof one->message, "%zu", allocations_seen());
}

/** The same for what a loaded model writes. */
static void run_write(sweep_case *one) {
    attend_model *model = load(one, false);
    if (!model) return;
    write_texts(one, model);
    allocations_watch(true);
    write_texts(one, model);
    allocations_watch(false);
    write_texts(one, model); /* it does so still, and without an error */
    attend_model_free(model);
    if (!one->failed) snprintf(one->message, sizeof one->message, "%zu", allocations_seen());
}

/** The same for what a loaded model hears or sees. */
static void run_sense(sweep_case *one, void (*sense)(const attend_model *)) {
    attend_model *model = load(one, false);
    if (!model) return;
    sense(model);
    allocations_watch(true);
    sense(model);
    allocations_watch(false);
    sense(model);
    attend_model_free(model);
    if (!one->failed) snprintf(one->message, sizeof one->message, "%zu", allocations_seen());
}

static void run_hear(sweep_case *one) { run_sense(one, hear); }
static void run_see(sweep_case *one) { run_sense(one, see); }

/** The weights shrink to nothing behind the back of a model that has its own copy. */
static void run_shrink(sweep_case *one) {
    attend_model *model = load(one, true);
    if (!model) return;
    if (truncate(one->extra, 0)) one->failed = true;
    use(one, model);
    attend_model_free(model);
}

/* MARK: Forks */

typedef struct loop {
    const attend_model *model;
    atomic_bool ends;
} loop;

/** Enough work for every thread of the pool. */
static bool work(const attend_model *model) {
    enum { COUNT = 64, LENGTH = 24 };
    static int32_t tokens[COUNT * LENGTH];
    static size_t lengths[COUNT];
    attend_batch batch = ATTEND_BATCH_INIT;
    batch.tokens = tokens, batch.lengths = lengths, batch.count = COUNT;
    for (size_t i = 0; i < COUNT * LENGTH; i++) tokens[i] = 3 + (int32_t)(i % 20);
    for (size_t i = 0; i < COUNT; i++) lengths[i] = LENGTH;
    attend_session *session = NULL;
    attend_error *error = attend_session_create(model, NULL, &session);
    if (!error) error = attend_encode(session, &batch);
    attend_session_free(session);
    bool fine = !error;
    attend_error_free(error);
    return fine;
}

static void *compute(void *context) {
    loop *loop = context;
    while (!atomic_load(&loop->ends)) work(loop->model);
    return NULL;
}

/** Forks while another thread computes; each child makes a model of its own and computes with it. */
static void run_fork(sweep_case *one) {
    attend_model *model = NULL;
    attend_model_options options = ATTEND_MODEL_OPTIONS_INIT;
    options.threads = 2;
    if (!well(one, attend_model_create(one->path, &options, &model))) return;
    loop loop = { model, false };
    pthread_t thread;
    if (pthread_create(&thread, NULL, compute, &loop)) return;
    for (int i = 0; i < 8; i++) {
        usleep(3000);
        pid_t child = fork();
        if (child == 0) {
            alarm(10);
            attend_model *own = NULL;
            attend_error *error = attend_model_create(one->path, &options, &own);
            _exit(error || !work(own));
        }
        int status = 0;
        waitpid(child, &status, 0);
        if (!status) continue;
        one->failed = true;
        snprintf(one->message, sizeof one->message, "the child of fork %d ended with status %d", i, status);
        if (WIFSIGNALED(status)) abort();
    }
    atomic_store(&loop.ends, true);
    pthread_join(thread, NULL);
    attend_model_free(model);
}

void action_run(sweep_case *one) {
    static const struct {
        const char *name;
        void (*run)(sweep_case *);
    } actions[] = { { "model", run_model }, { "load", run_load },
                    { "use", run_use },     { "hear", run_hear },
                    { "see", run_see },     { "write", run_write },
                    { "chat", run_chat },   { "tokenizer", run_tokenizer },
                    { "fork", run_fork },   { "shrink", run_shrink } };
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(one->action, actions[i].name)) continue;
        actions[i].run(one);
        return;
    }
    one->failed = true;
    snprintf(one->message, sizeof one->message, "there is no action %s", one->action);
}
