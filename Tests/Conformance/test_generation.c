/* Generation from ids and texts: what is handed over, what a callback hears and decides, what is refused, and that what
 * is finished is kept. */
#include "check.h"
#include "folder.h"

#include <math.h>
#include <string.h>

/* hello, cat, transformer, one after another, and what is made of them. */
static const int32_t tokens[] = { 13, 10, 17, 17, 20, 0, 8, 6, 25, 0, 25, 23, 6, 19, 24, 11, 20, 23, 18, 10, 23, 0 };
static const size_t lengths[] = { 6, 4, 12 };
static const char *const words[] = { "hello", "cat", "transformer" };
static const size_t word_lengths[] = { 5, 3, 11 };
static const char *const spoken[] = { "HH EH1 L OW0", "K AE1 T", "T R AE0 N S F AO1 R M ER0" };
enum { REQUESTS = 3, START = 1, END = 0 };

static attend_model *model;
static attend_session *session;

static attend_generation_options with(const char *config) {
    attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
    options.config = config;
    return options;
}

static attend_error *generate(const attend_generation_options *options, attend_generation **generation) {
    attend_batch batch = make_batch(tokens, lengths, REQUESTS);
    return attend_generate(session, &batch, options, generation);
}

static attend_hypothesis get(const attend_generation *generation, size_t request, size_t index) {
    attend_hypothesis found = ATTEND_HYPOTHESIS_INIT;
    CHECK_SUCCESS(attend_generation_get_hypothesis(generation, request, index, &found));
    return found;
}

/** The session is free and reads what it is given, whatever was before. */
static void check_usable(void) {
    attend_generation *generation = NULL;
    size_t count = 9;
    CHECK_SUCCESS(attend_session_count(session, &count));
    CHECK(count == 0);
    if (!CHECK_SUCCESS(attend_generate_texts(session, words, word_lengths, REQUESTS, NULL, &generation))) return;
    for (size_t i = 0; i < REQUESTS; i++) CHECK(strcmp(get(generation, i, 0).text, spoken[i]) == 0);
    attend_generation_free(generation);
}

static void check_refused(const char *config, attend_error_code code, const char *part) {
    attend_generation_options options = with(config);
    attend_generation *generation = UNTOUCHED;
    CHECK_ERROR(generate(&options, &generation), code, part);
    CHECK(generation == NULL || generation == UNTOUCHED);
}

/* MARK: Results */

static void check_plain(const attend_generation *generation) {
    CHECK(attend_generation_count(generation) == REQUESTS);
    for (size_t i = 0; i < REQUESTS; i++) {
        CHECK(attend_generation_hypothesis_count(generation, i) == 1);
        attend_hypothesis found = get(generation, i, 0);
        CHECK(found.prompt_count == 1 && found.ids[0] == START && found.ids[found.count - 1] == END);
        CHECK(strcmp(found.text, spoken[i]) == 0 && found.text_length == strlen(spoken[i]));
        CHECK(isnan(found.score) && isnan(found.log_probabilities[0]) && found.finish_reason == ATTEND_FINISH_END);
        CHECK(!found.alternatives && found.alternative_count == 0 && !found.attention && found.attention_count == 0);
    }
    CHECK(attend_generation_hypothesis_count(generation, REQUESTS) == 0);
    CHECK(attend_generation_hypothesis_count(generation, SIZE_MAX) == 0);
}

static void ids_and_texts(void) {
    attend_generation *of_ids = NULL, *of_texts = NULL;
    attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
    if (CHECK_SUCCESS(generate(NULL, &of_ids))) check_plain(of_ids);
    attend_generation_free(of_ids);
    if (CHECK_SUCCESS(generate(&options, &of_ids))) check_plain(of_ids);
    if (CHECK_SUCCESS(attend_generate_texts(session, words, word_lengths, REQUESTS, &options, &of_texts)))
        check_plain(of_texts);
    attend_generation_free(of_ids);
    attend_generation_free(of_texts);
    attend_generation_free(NULL);
}

static void beams_with_all_they_tell(void) {
    attend_generation_options options = with("{\"beam_rules\": \"ctranslate2\", \"return_attention\": true}");
    attend_generation *generation = NULL;
    options.num_beams = 4, options.num_return_sequences = 3, options.max_new_tokens = 20;
    if (!CHECK_SUCCESS(generate(&options, &generation))) return;
    for (size_t request = 0; request < REQUESTS; request++) {
        CHECK(attend_generation_hypothesis_count(generation, request) == 3);
        CHECK(strcmp(get(generation, request, 0).text, spoken[request]) == 0);
        double last = 0;
        for (size_t i = 0; i < 3; i++) {
            attend_hypothesis found = get(generation, request, i);
            size_t count = found.count - found.prompt_count;
            double sum = 0;
            for (size_t j = 0; j < count; j++) sum += found.log_probabilities[j];
            size_t scored = count - (found.finish_reason == ATTEND_FINISH_END); /* its rules leave the end token out */
            CHECK(found.score <= last && fabs(found.score - sum / (double)scored) < 1e-4);
            last = found.score;
            if (!CHECK(found.attention && found.attention_count == count * lengths[request])) continue;
            for (size_t j = 0; j < count; j++) {
                double row = 0;
                for (size_t k = 0; k < lengths[request]; k++) row += found.attention[j * lengths[request] + k];
                CHECK(fabs(row - 1) < 1e-4);
            }
        }
    }
    attend_generation_free(generation);
}

static void alternatives(void) {
    attend_generation_options options = with("{\"top_logprobs\": 4}");
    attend_generation *generation = NULL;
    if (!CHECK_SUCCESS(generate(&options, &generation))) return;
    attend_hypothesis found = get(generation, 0, 0);
    CHECK(found.alternative_count == 4 && found.alternatives);
    for (size_t i = 0; found.alternatives && i < found.count - found.prompt_count; i++) {
        const attend_token_alternative *place = found.alternatives + 4 * i;
        CHECK(place[0].token == found.ids[found.prompt_count + i]);
        CHECK(fabsf(place[0].log_probability - found.log_probabilities[i]) < 1e-5F);
        for (int j = 1; j < 4; j++) CHECK(place[j].log_probability <= place[j - 1].log_probability);
    }
    attend_generation_free(generation);
}

/** The fields of the struct win over `config`, and count each as one. */
static void fields(void) {
    const char *const stops[] = { "nothing", "EH1" };
    attend_generation_options options = with("{\"max_new_tokens\": 9, \"num_beams\": 3, \"stop_strings\": [\"HH\"]}");
    attend_generation *generation = NULL;
    options.max_new_tokens = 3, options.num_beams = 1, options.stop_strings = stops, options.stop_string_count = 2;
    if (!CHECK_SUCCESS(generate(&options, &generation))) return;
    attend_hypothesis found = get(generation, 0, 0);
    CHECK(strcmp(found.text, "HH EH1") == 0 && found.finish_reason == ATTEND_FINISH_STOP && isnan(found.score));
    found = get(generation, 2, 0); /* the checkpoint forces an end token at the limit */
    CHECK(strcmp(found.text, "T R") == 0 && found.count == 4 && found.finish_reason == ATTEND_FINISH_END);
    attend_generation_free(generation);
}

/** A template asks for the answer, and what it writes is the source. */
static void conversations(void) {
    folder place = folder_make();
    folder_write_text(&place, "chat_template.jinja",
                      "{{ messages[0].content }}{% if add_generation_prompt %}</s>{% endif %}");
    attend_model *chatting = NULL;
    attend_generation *generation = NULL;
    if (CHECK_SUCCESS(attend_model_create(place.path, NULL, &chatting))) {
        attend_session *its = new_session(chatting);
        const char *const hello = "[{\"role\": \"user\", \"content\": \"hello\"}]";
        if (CHECK_SUCCESS(attend_generate_chat(its, hello, strlen(hello), NULL, NULL, &generation)))
            CHECK(attend_generation_count(generation) == 1 && strcmp(get(generation, 0, 0).text, spoken[0]) == 0);
        attend_generation_free(generation);
        CHECK_ERROR(attend_generate_chat(its, "[", 1, NULL, NULL, &generation), ATTEND_ERROR_INVALID_ARGUMENT,
                    "messages");
        CHECK_ERROR(attend_generate_chat(its, NULL, 1, NULL, NULL, &generation), ATTEND_ERROR_INVALID_ARGUMENT,
                    "messages");
        attend_session_free(its);
    }
    attend_model_free(chatting);
    folder_remove(&place);
}

/** What was generated lives by itself, when session and model are gone; each of them may go first. */
static void order_of_freeing(void) {
    attend_model *own = load_default_model();
    attend_session *its = new_session(own);
    attend_generation *generation = NULL;
    attend_batch batch = make_batch(tokens, lengths, REQUESTS);
    CHECK_SUCCESS(attend_generate(its, &batch, NULL, &generation));
    attend_model_free(own);
    CHECK(strcmp(get(generation, 0, 0).text, spoken[0]) == 0);
    attend_session_free(its);
    check_plain(generation);
    attend_generation_free(generation);
}

/* MARK: Callbacks */

typedef struct heard {
    attend_verdict verdict; /* given at the token of number `at` of request 0, counted from 1 */
    size_t at, calls, counts[REQUESTS], reasons[REQUESTS];
    char text[REQUESTS][64];
} heard;

static attend_verdict hear(const attend_token_event *event, void *context) {
    heard *heard = context;
    heard->calls++;
    if (!CHECK(event->struct_size == sizeof *event && event->request < REQUESTS && event->sequence == 0))
        return ATTEND_VERDICT_END_ALL;
    size_t request = event->request;
    strncat(heard->text[request], event->text_length ? event->text : "", event->text_length);
    CHECK(isnan(event->log_probability) && event->alternative_count == 0);
    heard->counts[request]++;
    heard->reasons[request] = event->finish_reason;
    return request == 0 && heard->counts[0] == heard->at ? heard->verdict : ATTEND_VERDICT_GO_ON;
}

static void tokens_are_heard(void) {
    heard heard = { .verdict = ATTEND_VERDICT_GO_ON };
    attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
    attend_generation *generation = NULL;
    options.on_token = hear, options.on_token_context = &heard;
    if (!CHECK_SUCCESS(generate(&options, &generation))) return;
    check_plain(generation);
    for (size_t i = 0; i < REQUESTS; i++) {
        CHECK(strcmp(heard.text[i], spoken[i]) == 0 && heard.reasons[i] == ATTEND_FINISH_END);
        CHECK(heard.counts[i] == get(generation, i, 0).count - 1);
    }
    attend_generation_free(generation);
}

/** Each verdict at each token: what it ends, and that the rest goes on. */
static void verdicts(void) {
    const attend_verdict kinds[] = { ATTEND_VERDICT_END_SEQUENCE, ATTEND_VERDICT_END_REQUEST, ATTEND_VERDICT_END_ALL };
    for (size_t kind = 0; kind < 3; kind++) {
        for (size_t at = 1; at <= 4; at++) {
            heard heard = { .verdict = kinds[kind], .at = at };
            attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
            attend_generation *generation = NULL;
            bool ends_all = kinds[kind] == ATTEND_VERDICT_END_ALL;
            options.on_token = hear, options.on_token_context = &heard;
            if (ends_all) CHECK_ERROR(generate(&options, &generation), ATTEND_ERROR_CANCELLED, "");
            else CHECK_SUCCESS(generate(&options, &generation));
            CHECK(heard.counts[0] == at);
            if (!CHECK(generation != NULL)) continue;
            CHECK(attend_generation_count(generation) == REQUESTS);
            for (size_t i = 0; i < REQUESTS; i++) {
                bool is_cut = i == 0 || ends_all;
                if (!CHECK(attend_generation_hypothesis_count(generation, i) == 1)) continue;
                attend_hypothesis found = get(generation, i, 0);
                CHECK(strncmp(found.text, spoken[i], found.text_length) == 0);
                if (i == 0) CHECK(found.count == 1 + at);
                if (!is_cut) CHECK(strcmp(found.text, spoken[i]) == 0 && found.finish_reason == ATTEND_FINISH_END);
                else if (i == 0 || found.finish_reason != ATTEND_FINISH_END)
                    CHECK(found.finish_reason == ATTEND_FINISH_CANCELLED);
            }
            attend_generation_free(generation);
        }
        check_usable();
    }
}

/** What was finished before the cancel is whole afterwards. */
static attend_verdict cancel_late(const attend_token_event *event, void *context) {
    (void)context;
    if (event->request == 2 && event->text_length && memchr(event->text, 'M', event->text_length))
        attend_session_cancel(session);
    return ATTEND_VERDICT_GO_ON;
}

static void finished_is_kept(void) {
    attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
    attend_generation *generation = NULL;
    options.on_token = cancel_late;
    CHECK_ERROR(generate(&options, &generation), ATTEND_ERROR_CANCELLED, "");
    if (CHECK(generation != NULL)) {
        for (size_t i = 0; i < 2; i++) {
            attend_hypothesis found = get(generation, i, 0);
            CHECK(strcmp(found.text, spoken[i]) == 0 && found.finish_reason == ATTEND_FINISH_END);
        }
        attend_hypothesis found = get(generation, 2, 0);
        CHECK(found.finish_reason == ATTEND_FINISH_CANCELLED && strncmp(found.text, spoken[2], found.text_length) == 0);
        CHECK(found.count > 8);
    }
    attend_generation_free(generation);
    check_usable();
}

static bool only_b(float *scores, size_t vocabulary, const int32_t *ids, size_t count, void *context) {
    size_t *limit = context;
    if (count == 0 || ids[0] != START || count > *limit) return false;
    for (size_t i = 0; i < vocabulary; i++) scores[i] = i == (count == 3 ? END : 50) ? scores[i] : -INFINITY;
    return true;
}

static void logits_are_changed(void) {
    size_t limit = 3;
    attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
    options.on_logits = only_b, options.on_logits_context = &limit;
    for (uint32_t beams = 1; beams <= 3; beams += 2) {
        attend_generation *generation = NULL;
        options.num_beams = beams, limit = 3;
        if (!CHECK_SUCCESS(generate(&options, &generation))) continue;
        for (size_t i = 0; i < REQUESTS; i++) CHECK(strcmp(get(generation, i, 0).text, "B B") == 0);
        attend_generation_free(generation);
        limit = 1;
        CHECK_ERROR(generate(&options, &generation), ATTEND_ERROR_CANCELLED, "callback");
        attend_generation_free(generation);
        check_usable();
    }
}

/* MARK: Refusals */

static void null_arguments(void) {
    attend_batch batch = make_batch(tokens, lengths, REQUESTS), empty = make_batch(tokens, lengths, 0);
    attend_generation *none = UNTOUCHED;
    const attend_error_code bad = ATTEND_ERROR_INVALID_ARGUMENT;
    CHECK_ERROR(attend_generate(NULL, &batch, NULL, &none), bad, "session");
    CHECK_ERROR(attend_generate(session, NULL, NULL, &none), bad, "batch");
    CHECK_ERROR(attend_generate(session, &empty, NULL, &none), bad, "count");
    CHECK_ERROR(attend_generate(session, &batch, NULL, NULL), bad, "generation");
    CHECK_ERROR(attend_generate_texts(NULL, words, word_lengths, 3, NULL, &none), bad, "session");
    CHECK_ERROR(attend_generate_texts(session, NULL, word_lengths, 3, NULL, &none), bad, "texts");
    CHECK_ERROR(attend_generate_texts(session, words, NULL, 3, NULL, &none), bad, "lengths");
    CHECK_ERROR(attend_generate_texts(session, words, word_lengths, 0, NULL, &none), bad, "count");
    CHECK_ERROR(attend_generate_texts(session, words, word_lengths, SIZE_MAX, NULL, &none), bad, "count");
    CHECK_ERROR(attend_generate_chat(NULL, "[]", 2, NULL, NULL, &none), bad, "session");
    CHECK_ERROR(attend_generate_chat(session, "[]", 2, NULL, NULL, &none), ATTEND_ERROR_NOT_FOUND, "chat template");
    CHECK(none == NULL || none == UNTOUCHED);

    attend_generation *generation = NULL;
    attend_hypothesis found = ATTEND_HYPOTHESIS_INIT, unsized = { 0 };
    if (!CHECK_SUCCESS(generate(NULL, &generation))) return;
    CHECK_ERROR(attend_generation_get_hypothesis(NULL, 0, 0, &found), bad, "generation");
    CHECK_ERROR(attend_generation_get_hypothesis(generation, 0, 0, NULL), bad, "hypothesis");
    CHECK_ERROR(attend_generation_get_hypothesis(generation, 0, 0, &unsized), bad, "struct_size");
    CHECK_ERROR(attend_generation_get_hypothesis(generation, 3, 0, &found), bad, "request is 3");
    CHECK_ERROR(attend_generation_get_hypothesis(generation, 0, 1, &found), bad, "index is 1");
    CHECK_ERROR(attend_generation_get_hypothesis(generation, SIZE_MAX, SIZE_MAX, &found), bad, "18446744073709551615");
    attend_generation_free(generation);
}

static void struct_sizes(void) {
    attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
    attend_generation *generation = NULL;
    options.struct_size = 0;
    CHECK_ERROR(generate(&options, &generation), ATTEND_ERROR_INVALID_ARGUMENT, "struct_size");
    struct {
        attend_generation_options known;
        char later[16]; /* of a newer header: nothing but zeros is understood */
    } larger = { .known = ATTEND_GENERATION_OPTIONS_INIT };
    larger.known.struct_size = sizeof larger;
    if (CHECK_SUCCESS(generate(&larger.known, &generation))) check_plain(generation);
    attend_generation_free(generation);
    larger.later[3] = 1;
    CHECK_ERROR(generate(&larger.known, &generation), ATTEND_ERROR_INVALID_ARGUMENT, "");
}

static void bad_options(void) {
    const attend_error_code bad = ATTEND_ERROR_INVALID_ARGUMENT;
    check_refused("", bad, "config");
    check_refused("[]", bad, "config");
    check_refused("{\"no_such_option\": 1}", bad, "no_such_option");
    check_refused("{\"max_new_tokens\": 2147483648000000000000}", bad, "max_new_tokens");
    check_refused("{\"num_beams\": 1000000000}", bad, "num_beams");
    check_refused("{\"do_sample\": true, \"seed\": 1.5}", bad, "seed");
    check_refused("{\"json_schema\": {\"type\": \"string\"}, \"regex\": \"a\"}", bad, "regex");
    attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
    attend_generation *generation = NULL;
    options.num_beams = UINT32_MAX;
    CHECK_ERROR(generate(&options, &generation), bad, "num_beams");
    options.num_beams = 0, options.num_return_sequences = UINT32_MAX;
    CHECK_ERROR(generate(&options, &generation), bad, "num_return_sequences");
    const char *const stops[] = { "a", NULL };
    options = with(NULL), options.stop_strings = stops, options.stop_string_count = 2;
    CHECK_ERROR(generate(&options, &generation), bad, "stop_strings[1]");
    heard heard = { .at = 0 };
    options = with(NULL), options.num_beams = 2, options.on_token = hear, options.on_token_context = &heard;
    CHECK_ERROR(generate(&options, &generation), bad, "num_beams");
    CHECK(generation == NULL && heard.calls == 0);
    check_usable();
}

static void encoders_do_not_write(void) {
    attend_model *encoder = NULL;
    attend_generation *generation = NULL;
    if (!CHECK_SUCCESS(attend_model_create("Tests/Fixtures/conformance/bert", NULL, &encoder))) return;
    attend_session *its = new_session(encoder);
    attend_batch batch = make_batch(tokens, lengths, 1);
    CHECK_ERROR(attend_generate(its, &batch, NULL, &generation), ATTEND_ERROR_UNSUPPORTED, "bert");
    CHECK(generation == NULL);
    attend_session_free(its);
    attend_model_free(encoder);
}

int main(void) {
    checks_begin();
    model = load_default_model();
    session = new_session(model);
    ids_and_texts();
    beams_with_all_they_tell();
    alternatives();
    fields();
    conversations();
    order_of_freeing();
    tokens_are_heard();
    verdicts();
    finished_is_kept();
    logits_are_changed();
    null_arguments();
    struct_sizes();
    bad_options();
    encoders_do_not_write();
    attend_session_free(session);
    attend_model_free(model);
    return checks_end();
}
