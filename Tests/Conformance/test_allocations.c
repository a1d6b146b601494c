/* The token loop asks the system for no memory: after its first steps a greedy loop allocates nothing and frees
 * nothing, whatever the batch, the threads and the arithmetic, across the borders of the cache's pages, and with a
 * select in every step. And where a call asks for memory in proportion to a count and gets none, it fails, and the
 * sequences go on as if it had not been made. */
#define _GNU_SOURCE
#include "check.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* The program's own allocator, which counts and then asks glibc's: names that a program defines come before those of
 * the C library, for libattend.so and what it needs too. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

static atomic_size_t allocations, frees;
/* Allocations of at least `refused_size` bytes are counted, and the one of this number from 0 on, and all after it, get
 * nothing. */
static atomic_size_t refused_size = SIZE_MAX, refused_from, large_allocations;

static bool is_refused(size_t size) {
    atomic_fetch_add(&allocations, 1);
    return size >= atomic_load(&refused_size) && atomic_fetch_add(&large_allocations, 1) >= atomic_load(&refused_from);
}

void *malloc(size_t size) { return is_refused(size) ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return is_refused(count * size) ? NULL : __libc_calloc(count, size); }
void *realloc(void *memory, size_t size) { return is_refused(size) ? NULL : __libc_realloc(memory, size); }
void *aligned_alloc(size_t alignment, size_t size) {
    return is_refused(size) ? NULL : __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size) { return aligned_alloc(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
    void *made = aligned_alloc(alignment, size);
    if (!made) return ENOMEM;
    *memory = made;
    return 0;
}

void free(void *memory) {
    if (memory) atomic_fetch_add(&frees, 1);
    __libc_free(memory);
}

/* WARM_UP steps, then MEASURED, together within the 64 positions of the models; pages hold 32. */
enum { BATCH = 16, WARM_UP = 4, MEASURED = 44, LONGEST = 5 };

typedef struct loop {
    attend_session *session;
    size_t count, vocabulary;
    int32_t tokens[BATCH];
    bool selects;
} loop;

/** One step of a greedy loop that never ends: the best token of each sequence follows, whatever it is. */
static bool step(loop *loop) {
    static const size_t parents[BATCH] = { 0, 2, 1, 3, 3, 5, 6, 7, 8, 9, 15, 11, 12, 13, 14, 10 };
    attend_tensor logits;
    if (loop->selects && !CHECK_SUCCESS(attend_session_select(loop->session, parents, loop->count))) return false;
    if (!CHECK_SUCCESS(attend_decode_step(loop->session, loop->tokens, loop->count, &logits))) return false;
    for (size_t i = 0; i < loop->count; i++) {
        const float *row = (const float *)logits.data + i * loop->vocabulary;
        int32_t best = 0;
        for (int32_t id = 1; id < (int32_t)loop->vocabulary; id++) best = row[id] > row[best] ? id : best;
        loop->tokens[i] = best;
    }
    return true;
}

/** Runs the loop of a session on a fresh batch of ragged sequences, and checks what it asks for once it is warm. */
static void check_loop(const char *name, const attend_model *model, attend_session *session, size_t count,
                       bool selects) {
    int32_t ids[BATCH * LONGEST];
    size_t lengths[BATCH], total = 0;
    attend_model_info info = ATTEND_MODEL_INFO_INIT;
    CHECK_SUCCESS(attend_model_get_info(model, &info));
    loop loop = { session, count, info.vocabulary_size, { 0 }, selects };
    for (size_t i = 0; i < count; i++) {
        lengths[i] = 1 + i % LONGEST;
        loop.tokens[i] = info.decoder_start_token < 0 ? 3 : info.decoder_start_token;
        for (size_t j = 0; j < lengths[i]; j++, total++) ids[total] = (int32_t)(3 + total % 60);
    }
    attend_batch batch = make_batch(ids, lengths, count);
    if (!CHECK_SUCCESS(attend_encode(session, &batch))) return;
    for (int i = 0; i < WARM_UP; i++) step(&loop);
    size_t allocated = atomic_load(&allocations), freed = atomic_load(&frees);
    for (int i = 0; i < MEASURED; i++) step(&loop);
    allocated = atomic_load(&allocations) - allocated, freed = atomic_load(&frees) - freed;
    if (!CHECK(allocated == 0 && freed == 0)) {
        checks_say("%s, %zu sequences%s: %zu allocations and %zu frees in %d steps\n", name, count,
                   selects ? " with a select in each step" : "", allocated, freed, (int)MEASURED);
    }
}

static void check_model(const char *path, attend_compute_type compute) {
    attend_model_options options = ATTEND_MODEL_OPTIONS_INIT;
    options.compute = compute;
    options.threads = 2;
    attend_model *model = NULL;
    size_t before = atomic_load(&allocations);
    if (!CHECK_SUCCESS(attend_model_create(path, &options, &model))) return;
    CHECK(atomic_load(&allocations) >
          before + 10); /* the library's calls are counted, or the zeros below would say nothing */
    for (uint32_t threads = 1; threads <= 2; threads++) {
        attend_session_options session_options = ATTEND_SESSION_OPTIONS_INIT;
        session_options.threads = threads;
        for (int run = 0; run < 4; run++) {
            attend_session *session = NULL;
            /* with one thread as the model computes, with two each type of keys and values in one of the runs */
            if (threads == 2) session_options.key_value_type = (attend_key_value_type)(ATTEND_KEY_VALUE_FLOAT32 + run);
            if (!CHECK_SUCCESS(attend_session_create(model, &session_options, &session))) continue;
            check_loop(path, model, session, run % 2 ? BATCH : 1, run >= 2);
            attend_session_free(session);
        }
    }
    size_t freed = atomic_load(&frees);
    attend_model_free(model);
    CHECK(atomic_load(&frees) > freed);
}

/* Sequences that make every list of a session larger than SMALL, which is more than the runtime's own objects take. */
enum { MANY = 3000, SMALL = 1024 };

static int32_t many_tokens[MANY];
static size_t many_lengths[MANY], many_parents[MANY];

static attend_error *select_many(attend_session *session) { return attend_session_select(session, many_parents, MANY); }

static attend_error *add_many(attend_session *session) {
    attend_batch batch = make_batch(many_tokens, many_lengths, MANY);
    return attend_session_add(session, &batch);
}

static attend_text *many_saved;

static attend_error *restore_many(attend_session *session) {
    size_t size;
    const char *bytes = attend_text_bytes(many_saved, &size);
    return attend_session_restore(session, bytes, size);
}

/** Saves MANY sequences, which share the pages of two. */
static void save_many(const attend_model *model) {
    const int32_t ids[] = { 7, 8, 9 };
    const size_t lengths[] = { 2, 1 };
    attend_batch batch = make_batch(ids, lengths, 2);
    attend_session *session = new_session(model);
    CHECK_SUCCESS(attend_encode(session, &batch));
    CHECK_SUCCESS(select_many(session));
    CHECK_SUCCESS(attend_session_save(session, NULL, 0, &many_saved));
    attend_session_free(session);
}

/** Gives the two live sequences a token each; the logits of the first. */
static void two_steps(attend_session *session, float *row, size_t vocabulary) {
    const int32_t tokens[] = { 5, 6 };
    attend_tensor logits;
    if (!CHECK_SUCCESS(attend_decode_step(session, tokens, 2, &logits))) return;
    for (size_t i = 0; i < vocabulary; i++) row[i] = ((const float *)logits.data)[i];
}

/** Refuses the first large allocation of a call, then the second and all after it, and so on until the call succeeds.
 * After each failure two sequences are as they were. */
static void check_refusals(const char *name, const attend_model *model, attend_error *(*call)(attend_session *)) {
    enum { VOCABULARY = 200 };
    attend_model_info info = ATTEND_MODEL_INFO_INIT;
    CHECK_SUCCESS(attend_model_get_info(model, &info));
    const int32_t ids[] = { 7, 8, 9 };
    const size_t lengths[] = { 2, 1 };
    attend_batch batch = make_batch(ids, lengths, 2);
    size_t refusals = 0;
    attend_session *first = new_session(model); /* what the runtime makes once is there afterwards */
    CHECK_SUCCESS(attend_encode(first, &batch));
    CHECK_SUCCESS(call(first));
    attend_session_free(first);
    for (bool succeeded = false; !succeeded && refusals < 200; refusals++) {
        float expected[VOCABULARY], got[VOCABULARY] = { 0 };
        size_t count = 0, length = 0;
        attend_session *session = new_session(model), *twin = new_session(model);
        CHECK_SUCCESS(attend_encode(session, &batch));
        CHECK_SUCCESS(attend_encode(twin, &batch));
        two_steps(session, got, info.vocabulary_size);
        two_steps(twin, expected, info.vocabulary_size);
        atomic_store(&large_allocations, 0);
        atomic_store(&refused_from, refusals);
        atomic_store(&refused_size, SMALL);
        attend_error *error = call(session);
        atomic_store(&refused_size, SIZE_MAX);
        succeeded = !error;
        if (error) CHECK_ERROR(error, ATTEND_ERROR_OUT_OF_MEMORY, "bytes for");
        CHECK_SUCCESS(attend_session_count(session, &count));
        CHECK_SUCCESS(attend_session_length(session, 0, &length));
        if (error) CHECK(count == 2 && length == (info.kind == ATTEND_KIND_DECODER ? 3 : 1));
        else CHECK(count >= MANY);
        if (!error) {
            size_t bytes = 0;
            CHECK_SUCCESS(attend_session_memory(session, &bytes));
            CHECK(bytes > MANY * 5 * sizeof(size_t)); /* the lists are counted */
            const size_t first[] = { 0, 1 };
            CHECK_SUCCESS(attend_session_select(session, first, 2));
        }
        two_steps(session, got, info.vocabulary_size);
        two_steps(twin, expected, info.vocabulary_size);
        bool same = true;
        for (size_t i = 0; i < info.vocabulary_size; i++) same &= got[i] == expected[i];
        CHECK(same);
        attend_session_free(session);
        attend_session_free(twin);
    }
    if (!CHECK(refusals > 3 && refusals < 200)) checks_say("%s: %zu refusals\n", name, refusals);
}

/** Submits a long source and waits: what becomes of it is as `expected`, which is filled where it is empty, or an
 * error, with false. */
static bool schedule(attend_scheduler *scheduler, const attend_request_options *options, char *expected) {
    int32_t ids[50];
    for (size_t i = 0; i < 50; i++) ids[i] = 3 + (int32_t)(i * 7 % 30);
    attend_request *request = NULL;
    attend_generation *generation = NULL;
    attend_error *error = attend_scheduler_submit(scheduler, ids, 50, options, &request);
    if (!error) error = attend_request_wait(request, -1, &generation);
    atomic_store(&refused_size, SIZE_MAX);
    bool succeeded = !error;
    if (error) {
        CHECK_ERROR(error, ATTEND_ERROR_OUT_OF_MEMORY, "bytes for");
    } else {
        attend_hypothesis found = ATTEND_HYPOTHESIS_INIT;
        CHECK_SUCCESS(attend_generation_get_hypothesis(generation, 0, 0, &found));
        CHECK(!expected[0] || strcmp(found.text, expected) == 0);
        if (!expected[0]) memcpy(expected, found.text, found.text_length + 1);
    }
    attend_generation_free(generation);
    attend_request_free(request);
    return succeeded;
}

/** Refuses large allocations to a scheduler, from the first, the second, ... on: a request fails, or comes out as it
 * should, and the next one does. */
static void scheduler_refusals(void) {
    attend_model *model = load_default_model();
    char expected[2][400] = { "", "" };
    for (int beams = 0; beams < 2; beams++) {
        attend_generation_options generation = ATTEND_GENERATION_OPTIONS_INIT;
        attend_request_options options = ATTEND_REQUEST_OPTIONS_INIT;
        generation.num_beams = beams ? 4 : 1;
        options.generation = &generation;
        size_t refusals = 0, failures = 0;
        for (bool succeeded = false; !succeeded && refusals < 400; refusals++) {
            attend_scheduler *scheduler = NULL;
            CHECK_SUCCESS(attend_scheduler_create(model, NULL, NULL, &scheduler));
            if (!expected[beams][0]) { /* what the runtime makes once is there afterwards */
                CHECK(schedule(scheduler, &options, expected[beams]));
                attend_scheduler_free(scheduler);
                CHECK_SUCCESS(attend_scheduler_create(model, NULL, NULL, &scheduler));
            }
            atomic_store(&large_allocations, 0);
            atomic_store(&refused_from, refusals);
            atomic_store(&refused_size, SMALL);
            succeeded = schedule(scheduler, &options, expected[beams]);
            failures += !succeeded;
            CHECK(schedule(scheduler, &options, expected[beams]));
            attend_scheduler_free(scheduler);
        }
        if (!CHECK(failures > 3 && refusals < 400)) checks_say("%zu refusals, %zu failures\n", refusals, failures);
    }
    attend_model_free(model);
}

static void refusals(void) {
    for (size_t i = 0; i < MANY; i++)
        many_tokens[i] = 3 + (int32_t)(i % 60), many_lengths[i] = 1, many_parents[i] = i % 2;
    const char *const models[] = { DEFAULT_MODEL, "Tests/Fixtures/conformance/gpt2" };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        attend_model *model = NULL;
        if (!CHECK_SUCCESS(attend_model_create(models[i], NULL, &model))) continue;
        check_refusals("select", model, select_many);
        check_refusals("add", model, add_many);
        save_many(model);
        check_refusals("restore", model, restore_many);
        attend_text_free(many_saved);
        attend_model_free(model);
    }
}

/* MARK: Generation */

/** The allocations and frees before each step of a request, as its first sequence sees them. */
typedef struct steps {
    size_t count, allocations[64], frees[64];
} steps;

static bool count_step(float *scores, size_t vocabulary, const int32_t *ids, size_t count, void *context) {
    steps *steps = context;
    (void)scores, (void)vocabulary, (void)ids;
    if (count > steps->count && count < 64) {
        steps->count = count;
        steps->allocations[count] = atomic_load(&allocations), steps->frees[count] = atomic_load(&frees);
    }
    return true;
}

/** Sixty tokens for each request, of which the first few steps may make what the later ones use again. */
static void check_generation(const char *path, const char *config, size_t count) {
    attend_model *model = NULL;
    int32_t ids[BATCH * 2];
    size_t lengths[BATCH];
    if (!CHECK_SUCCESS(attend_model_create(path, NULL, &model))) return;
    for (size_t i = 0; i < BATCH; i++) lengths[i] = 2, ids[2 * i] = (int32_t)(5 + i), ids[2 * i + 1] = 7;
    attend_batch batch = make_batch(ids, lengths, count);
    attend_session_options session_options = ATTEND_SESSION_OPTIONS_INIT;
    session_options.threads = 1;
    attend_session *session = NULL;
    CHECK_SUCCESS(attend_session_create(model, &session_options, &session));
    attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
    options.config = config;
    for (int run = 0; run < 2; run++) { /* the first is the session's warming up */
        steps steps = { .count = 0 };
        attend_generation *generation = NULL;
        options.on_logits = count_step, options.on_logits_context = &steps;
        CHECK_SUCCESS(attend_generate(session, &batch, &options, &generation));
        attend_generation_free(generation);
        size_t first = 2 + WARM_UP, last = steps.count;
        if (run == 0 || !CHECK(last >= 50)) continue;
        size_t made = steps.allocations[last] - steps.allocations[first],
               freed = steps.frees[last] - steps.frees[first];
        if (!CHECK(made == 0 && freed == 0)) {
            checks_say("%s, %zu requests, %s: %zu allocations and %zu frees in %zu steps\n", path, count, config, made,
                       freed, last - first);
        }
    }
    attend_session_free(session);
    attend_model_free(model);
}

static void generation(void) {
    const char *const models[] = { DEFAULT_MODEL, "Tests/Fixtures/conformance/gpt2" };
    const char *const configs[] = {
        "{\"min_new_tokens\": 60, \"max_new_tokens\": 60}",
        "{\"min_new_tokens\": 60, \"max_new_tokens\": 60, \"num_beams\": 4, \"num_return_sequences\": 4}",
        "{\"min_new_tokens\": 60, \"max_new_tokens\": 60, \"do_sample\": true, \"top_k\": 20, \"top_p\": 0.9}",
        "{\"min_new_tokens\": 60, \"max_new_tokens\": 60, \"repetition_penalty\": 1.2, \"no_repeat_ngram_size\": 3}",
        "{\"max_new_tokens\": 60, \"forced_eos_token_id\": -1, \"regex\": \"[A-Z0-9 ]{300,400}\"}",
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        for (size_t j = 0; j < sizeof configs / sizeof *configs; j++) {
            if (i == 1 && j == 4) continue; /* no tokenizer: no language */
            check_generation(models[i], configs[j], 1);
            check_generation(models[i], configs[j], BATCH);
        }
    }
}

int main(void) {
    checks_begin();
    generation();
    refusals();
    scheduler_refusals();
    const attend_compute_type computes[] = { ATTEND_COMPUTE_FLOAT32, ATTEND_COMPUTE_BFLOAT16, ATTEND_COMPUTE_INT8,
                                             ATTEND_COMPUTE_INT4 };
    const char *const models[] = { DEFAULT_MODEL, "Tests/Fixtures/conformance/m2m_100",
                                   "Tests/Fixtures/conformance/gpt2", "Tests/Fixtures/conformance/gpt_neo",
                                   "Tests/Fixtures/conformance/qwen2_moe" };
    for (size_t i = 0; i < sizeof computes / sizeof *computes; i++) {
        for (size_t j = 0; j < sizeof models / sizeof *models; j++) check_model(models[j], computes[i]);
    }
    return checks_end();
}
