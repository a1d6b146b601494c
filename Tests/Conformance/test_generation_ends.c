/* Generation that ends before its time, at every step of every search: a cancel, a callback that fails or wants no
 * more. What was finished is kept, what was begun says why it ended, and the session goes on. */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const words[] = { "hello", "cat", "transformer" };
static const size_t lengths[] = { 5, 3, 11 };
static const char *const spoken[] = { "HH EH1 L OW0", "K AE1 T", "T R AE0 N S F AO1 R M ER0" };
enum { REQUESTS = 3, MOST_STEPS = 200 };

static const char *const searches[] = {
    "{}",
    "{\"do_sample\": true, \"seed\": 5, \"top_k\": 20, \"num_return_sequences\": 2}",
    "{\"num_beams\": 4, \"num_return_sequences\": 3}",
    "{\"num_beams\": 4, \"num_beam_groups\": 2, \"diversity_penalty\": 0.5}",
    "{\"regex\": \"[A-Z0-2 ]{3,20}\"}",
    "{\"num_beams\": 2, \"regex\": \"[A-Z0-2 ]{3,20}\"}",
};
enum { SEARCHES = sizeof searches / sizeof *searches };

static attend_session *session;

static attend_error *generate(const attend_generation_options *options, attend_generation **generation) {
    return attend_generate_texts(session, words, lengths, REQUESTS, options, generation);
}

/** The session is free and reads what it is given, whatever was before. */
static void check_usable(void) {
    attend_generation *generation = NULL;
    size_t count = 9;
    CHECK_SUCCESS(attend_session_count(session, &count));
    CHECK(count == 0);
    if (!CHECK_SUCCESS(generate(NULL, &generation))) return;
    for (size_t i = 0; i < REQUESTS; i++) {
        attend_hypothesis found = ATTEND_HYPOTHESIS_INIT;
        CHECK_SUCCESS(attend_generation_get_hypothesis(generation, i, 0, &found));
        CHECK(strcmp(found.text, spoken[i]) == 0);
    }
    attend_generation_free(generation);
}

/** What is kept of a request equals what a whole run made, as far as it says that it was finished. */
static void check_kept(const attend_generation *cut, const attend_generation *whole) {
    CHECK(attend_generation_count(cut) == REQUESTS);
    for (size_t request = 0; request < REQUESTS; request++) {
        size_t count = attend_generation_hypothesis_count(cut, request);
        CHECK(count <= attend_generation_hypothesis_count(whole, request));
        bool is_finished = count > 0;
        for (size_t i = 0; i < count; i++) {
            attend_hypothesis found = ATTEND_HYPOTHESIS_INIT;
            CHECK_SUCCESS(attend_generation_get_hypothesis(cut, request, i, &found));
            is_finished &= found.finish_reason != ATTEND_FINISH_CANCELLED;
            CHECK(found.count >= found.prompt_count && found.text && strlen(found.text) == found.text_length);
        }
        if (!is_finished || count < attend_generation_hypothesis_count(whole, request)) continue;
        for (size_t i = 0; i < count; i++) {
            attend_hypothesis one = ATTEND_HYPOTHESIS_INIT, other = ATTEND_HYPOTHESIS_INIT;
            CHECK_SUCCESS(attend_generation_get_hypothesis(cut, request, i, &one));
            CHECK_SUCCESS(attend_generation_get_hypothesis(whole, request, i, &other));
            CHECK(one.count == other.count && memcmp(one.ids, other.ids, one.count * sizeof *one.ids) == 0);
        }
    }
}

/** Counts down the calls of a callback. */
typedef struct countdown {
    size_t left;
    bool fails; /* at the last call: or else the session is cancelled */
} countdown;

static bool count_logits(float *scores, size_t vocabulary, const int32_t *ids, size_t count, void *context) {
    countdown *countdown = context;
    (void)scores, (void)vocabulary, (void)ids, (void)count;
    if (countdown->left == 0 || --countdown->left > 0) return true;
    if (!countdown->fails) attend_session_cancel(session);
    return !countdown->fails;
}

/** Ends a call at the first look at logits, then at the second, until it is whole. */
static void ends_at_every_step(const char *config, bool fails) {
    attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
    attend_generation *whole = NULL;
    options.config = config;
    if (!CHECK_SUCCESS(generate(&options, &whole))) return;
    size_t step = 1;
    for (bool ended = true; ended && step < MOST_STEPS; step++) {
        countdown countdown = { .left = step, .fails = fails };
        attend_generation *cut = NULL;
        options.on_logits = count_logits, options.on_logits_context = &countdown;
        attend_error *error = generate(&options, &cut);
        ended = countdown.left == 0;
        if (ended && error) CHECK_ERROR(error, ATTEND_ERROR_CANCELLED, fails ? "logits callback" : "on request");
        else if (!ended) CHECK_SUCCESS(error);
        if (CHECK(cut != NULL)) check_kept(cut, whole);
        attend_generation_free(cut);
    }
    if (!CHECK(step > 8 && step < MOST_STEPS)) checks_say("%s: %zu steps\n", config, step);
    attend_generation_free(whole);
    check_usable();
}

/** The tokens of a call until it is ended, one after another. */
typedef struct listener {
    size_t left, heard;
} listener;

static attend_verdict hear(const attend_token_event *event, void *context) {
    listener *listener = context;
    listener->heard++;
    CHECK(event->request < REQUESTS && event->token >= 0);
    return listener->left > 0 && --listener->left == 0 ? ATTEND_VERDICT_END_ALL : ATTEND_VERDICT_GO_ON;
}

static void verdicts_at_every_token(const char *config) {
    attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
    attend_generation *whole = NULL;
    listener all = { 0, 0 };
    options.config = config, options.on_token = hear, options.on_token_context = &all;
    if (!CHECK_SUCCESS(generate(&options, &whole))) return;
    CHECK(all.heard > 10);
    for (size_t at = 1; at <= all.heard; at++) {
        listener listener = { at, 0 };
        attend_generation *cut = NULL;
        options.on_token_context = &listener;
        attend_error *error = generate(&options, &cut);
        if (at < all.heard) CHECK_ERROR(error, ATTEND_ERROR_CANCELLED, "token callback");
        else attend_error_free(error); /* nothing was left to end */
        if (CHECK(cut != NULL)) check_kept(cut, whole);
        attend_generation_free(cut);
    }
    attend_generation_free(whole);
    check_usable();
}

int main(void) {
    checks_begin();
    attend_model *model = load_default_model();
    session = new_session(model);
    for (size_t i = 0; i < SEARCHES; i++) {
        ends_at_every_step(searches[i], false);
        ends_at_every_step(searches[i], true);
    }
    verdicts_at_every_token(searches[0]);
    verdicts_at_every_token(searches[1]);
    verdicts_at_every_token(searches[4]);
    attend_session_free(session);
    attend_model_free(model);
    return checks_end();
}
