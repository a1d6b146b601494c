/* Scores of ids and texts: what is handed over, how choices are compared, what is refused, and that what is scored is
 * kept. */
#include "check.h"

#include <math.h>
#include <string.h>

/* hello three times and cat, one after another, and what is made of them; the second and the third are wrong. */
static const int32_t sources[] = { 13, 10, 17, 17, 20, 0, 13, 10, 17, 17, 20, 0, 13, 10, 17, 17, 20, 0, 8, 6, 25, 0 };
static const size_t source_lengths[] = { 6, 6, 6, 4 };
static const int32_t targets[] = { 65, 55, 74, 78, 0, 65, 55, 74, 0, 74, 0, 72, 40, 94, 0 };
static const size_t target_lengths[] = { 5, 4, 2, 4 };
enum { COUNT = 4 };

static attend_model *model;
static attend_session *session;

static attend_error *score(const attend_score_options *options, attend_scores **scores) {
    attend_batch contexts = make_batch(sources, source_lengths, COUNT);
    attend_batch texts = make_batch(targets, target_lengths, COUNT);
    return attend_score(session, &contexts, &texts, options, scores);
}

static attend_text_score get(const attend_scores *scores, size_t index) {
    attend_text_score found = ATTEND_TEXT_SCORE_INIT;
    CHECK_SUCCESS(attend_scores_get(scores, index, &found));
    return found;
}

/** The session is free and reads what it is given, whatever was before. */
static void check_usable(void) {
    attend_scores *scores = NULL;
    size_t count = 9;
    CHECK_SUCCESS(attend_session_count(session, &count));
    CHECK(count == 0);
    if (CHECK_SUCCESS(score(NULL, &scores))) CHECK(fabs(get(scores, 0).sum + 0.409) < 2e-3);
    attend_scores_free(scores);
}

static void targets_of_sources(void) {
    attend_scores *scores = NULL;
    attend_score_options options = ATTEND_SCORE_OPTIONS_INIT;
    options.top_logprobs = 3;
    if (!CHECK_SUCCESS(score(&options, &scores))) return;
    CHECK(attend_scores_count(scores) == COUNT);
    size_t first = 0;
    for (size_t i = 0; i < COUNT; i++) {
        attend_text_score found = get(scores, i);
        double sum = 0;
        if (!CHECK(found.count == target_lengths[i] && found.alternative_count == 3)) continue;
        CHECK(memcmp(found.ids, targets + first, found.count * sizeof *targets) == 0);
        for (size_t j = 0; j < found.count; j++) {
            const attend_token_alternative *place = found.alternatives + 3 * j;
            sum += found.log_probabilities[j];
            CHECK(place[0].log_probability >= place[1].log_probability);
            CHECK(found.log_probabilities[j] <= place[0].log_probability);
            if (found.is_greedy) CHECK(place[0].token == found.ids[j]);
        }
        CHECK(fabs(sum - found.sum) < 1e-12 && fabs(found.perplexity - exp(-sum / (double)found.count)) < 1e-9);
        first += found.count;
    }
    CHECK(get(scores, 0).is_greedy && !get(scores, 1).is_greedy && !get(scores, 2).is_greedy);
    attend_scores_free(scores);
    attend_scores_free(NULL);
}

static void choices(void) {
    attend_scores *scores = NULL;
    double found[COUNT] = { 0 };
    if (!CHECK_SUCCESS(score(NULL, &scores))) return;
    for (int kind = ATTEND_SCORE_SUM; kind <= ATTEND_SCORE_MEAN; kind++) {
        CHECK_SUCCESS(attend_scores_probabilities(scores, 0, 3, (attend_score_normalization)kind, found));
        CHECK(fabs(found[0] + found[1] + found[2] - 1) < 1e-12 && found[3] == 0);
        CHECK(found[0] > found[1] && found[0] > found[2]);
        double values[2];
        for (size_t i = 0; i < 2; i++) {
            attend_text_score each = get(scores, i);
            values[i] = kind == ATTEND_SCORE_MEAN ? each.sum / (double)each.count : each.sum;
        }
        CHECK(fabs(found[1] / found[0] / exp(values[1] - values[0]) - 1) < 1e-9);
    }
    CHECK_SUCCESS(attend_scores_probabilities(scores, 3, 1, ATTEND_SCORE_SUM, found));
    CHECK(found[0] == 1);
    const attend_error_code bad = ATTEND_ERROR_INVALID_ARGUMENT;
    CHECK_ERROR(attend_scores_probabilities(scores, 3, 2, ATTEND_SCORE_SUM, found), bad, "there are 4");
    CHECK_ERROR(attend_scores_probabilities(scores, 0, 0, ATTEND_SCORE_SUM, found), bad, "0 texts");
    CHECK_ERROR(attend_scores_probabilities(scores, 1, SIZE_MAX, ATTEND_SCORE_SUM, found), bad, "18446744073709551615");
    CHECK_ERROR(attend_scores_probabilities(scores, SIZE_MAX, 1, ATTEND_SCORE_SUM, found), bad, "there are 4");
    CHECK_ERROR(attend_scores_probabilities(scores, 0, 1, (attend_score_normalization)2, found), bad, "normalization");
    CHECK_ERROR(attend_scores_probabilities(scores, 0, 1, ATTEND_SCORE_SUM, NULL), bad, "probabilities");
    CHECK_ERROR(attend_scores_probabilities(NULL, 0, 1, ATTEND_SCORE_SUM, found), bad, "scores");
    attend_scores_free(scores);
}

/** Texts are as the tokenizer reads them, whatever runs beside them. */
static void texts(void) {
    const char *const words[] = { "hello", "cat" }, *const others[] = { "abc", "xyz" };
    const size_t word_lengths[] = { 5, 3 }, other_lengths[] = { 3, 3 };
    const attend_tokenizer *tokenizer = NULL;
    attend_scores *together = NULL, *alone = NULL;
    CHECK_SUCCESS(attend_model_tokenizer(model, &tokenizer));
    CHECK_SUCCESS(attend_score_texts(session, words, word_lengths, others, other_lengths, 2, NULL, &together));
    for (size_t i = 0; together && i < 2; i++) {
        attend_encoding *source = NULL, *target = NULL;
        size_t source_count = 0, target_count = 0;
        CHECK_SUCCESS(attend_tokenizer_encode(tokenizer, words[i], word_lengths[i], NULL, &source));
        CHECK_SUCCESS(attend_tokenizer_encode(tokenizer, others[i], other_lengths[i], NULL, &target));
        const int32_t *source_ids = attend_encoding_ids(source, &source_count);
        const int32_t *target_ids = attend_encoding_ids(target, &target_count);
        attend_batch context = make_batch(source_ids, &source_count, 1),
                     text = make_batch(target_ids, &target_count, 1);
        if (CHECK_SUCCESS(attend_score(session, &context, &text, NULL, &alone))) {
            attend_text_score one = get(alone, 0), other = get(together, i);
            CHECK(one.count == target_count && one.count == other.count && one.sum == other.sum);
            CHECK(memcmp(one.log_probabilities, other.log_probabilities, one.count * sizeof(float)) == 0);
        }
        attend_scores_free(alone);
        attend_encoding_free(source);
        attend_encoding_free(target);
    }
    attend_scores_free(together);
}

/** Texts of a decoder by themselves, behind contexts, and in windows. */
static void decoders(void) {
    const int32_t ids[] = { 5, 9, 13, 17, 21, 25, 5, 9, 13 };
    const size_t lengths[] = { 6, 3 }, parts[] = { 2, 4 };
    attend_model *decoder = NULL;
    attend_scores *plain = NULL, *behind = NULL, *windows = NULL;
    if (!CHECK_SUCCESS(attend_model_create("Tests/Fixtures/conformance/gpt2", NULL, &decoder))) return;
    attend_session *its = new_session(decoder);
    attend_batch whole = make_batch(ids, lengths, 2), context = make_batch(ids, parts, 1);
    attend_batch rest = make_batch(ids + 2, parts + 1, 1);
    CHECK_SUCCESS(attend_score(its, NULL, &whole, NULL, &plain));
    CHECK_SUCCESS(attend_score(its, &context, &rest, NULL, &behind));
    if (plain && behind) {
        CHECK(get(plain, 0).count == 5 && get(plain, 1).count == 2 && get(behind, 0).count == 4);
        const float *one = get(plain, 0).log_probabilities + 1, *other = get(behind, 0).log_probabilities;
        CHECK(memcmp(one, other, 4 * sizeof(float)) == 0);
        CHECK(memcmp(get(plain, 0).log_probabilities, get(plain, 1).log_probabilities, 2 * sizeof(float)) == 0);
    }
    attend_score_options options = ATTEND_SCORE_OPTIONS_INIT;
    options.window = 4;
    CHECK_ERROR(attend_score(its, NULL, &whole, &options, &windows), ATTEND_ERROR_INVALID_ARGUMENT, "stride");
    CHECK(windows == NULL);
    options.stride = 2;
    if (CHECK_SUCCESS(attend_score(its, NULL, &whole, &options, &windows)) && plain) {
        CHECK(get(windows, 0).count == 5);
        CHECK(memcmp(get(windows, 0).log_probabilities, get(plain, 0).log_probabilities, 3 * sizeof(float)) == 0);
        CHECK(get(windows, 0).log_probabilities[4] != get(plain, 0).log_probabilities[4]);
    }
    attend_scores_free(plain);
    attend_scores_free(behind);
    attend_scores_free(windows);
    attend_session_free(its);
    attend_model_free(decoder);
}

static void bad_arguments(void) {
    const attend_error_code bad = ATTEND_ERROR_INVALID_ARGUMENT;
    attend_batch contexts = make_batch(sources, source_lengths, COUNT), texts = make_batch(targets, target_lengths, 2);
    attend_score_options options = ATTEND_SCORE_OPTIONS_INIT, unsized = { 0 };
    attend_scores *scores = NULL;
    const char *const words[] = { "a", NULL };
    const size_t lengths[] = { 1, 1 };
    CHECK_ERROR(attend_score(NULL, &contexts, &texts, NULL, &scores), bad, "session");
    CHECK_ERROR(attend_score(session, &contexts, NULL, NULL, &scores), bad, "texts");
    CHECK_ERROR(attend_score(session, &contexts, &texts, NULL, NULL), bad, "scores");
    CHECK_ERROR(attend_score(session, NULL, &texts, NULL, &scores), bad, "contexts");
    CHECK_ERROR(attend_score(session, &contexts, &texts, NULL, &scores), bad, "contexts has 4 sequences for 2");
    CHECK_ERROR(attend_score(session, &contexts, &contexts, &unsized, &scores), bad, "struct_size");
    CHECK_ERROR(attend_score_texts(session, NULL, NULL, words, lengths, 1, NULL, &scores), bad, "contexts");
    CHECK_ERROR(attend_score_texts(session, words, lengths, words, lengths, 2, NULL, &scores), bad,
                "text 1: it is NULL");
    CHECK_ERROR(attend_score_texts(session, words, NULL, words, lengths, 1, NULL, &scores), bad, "context_lengths");
    CHECK_ERROR(attend_score_texts(session, words, lengths, words, lengths, 0, NULL, &scores), bad, "count");
    options.top_logprobs = 102;
    CHECK_ERROR(score(&options, &scores), bad, "top_logprobs is 102");
    options.top_logprobs = 0, options.stride = 1;
    CHECK_ERROR(score(&options, &scores), bad, "encoder-decoder");
    CHECK(scores == NULL);
    if (!CHECK_SUCCESS(score(NULL, &scores))) return;
    attend_text_score found = ATTEND_TEXT_SCORE_INIT, small = { 0 };
    CHECK_ERROR(attend_scores_get(scores, COUNT, &found), bad, "there are 4");
    CHECK_ERROR(attend_scores_get(scores, SIZE_MAX, &found), bad, "there are 4");
    CHECK_ERROR(attend_scores_get(scores, 0, NULL), bad, "score");
    CHECK_ERROR(attend_scores_get(scores, 0, &small), bad, "struct_size");
    CHECK_ERROR(attend_scores_get(NULL, 0, &found), bad, "scores");
    attend_scores_free(scores);
    check_usable();
}

/** What a cancelled call has not scored is not told. */
static void cancelled(void) {
    attend_scores *scores = NULL;
    attend_text_score found = ATTEND_TEXT_SCORE_INIT;
    double probability = 0;
    attend_session_cancel(session);
    CHECK_ERROR(score(NULL, &scores), ATTEND_ERROR_CANCELLED, "cancelled");
    if (CHECK(scores != NULL)) {
        CHECK(attend_scores_count(scores) == COUNT);
        CHECK_ERROR(attend_scores_get(scores, 0, &found), ATTEND_ERROR_INVALID_STATE, "text 0");
        CHECK_ERROR(attend_scores_probabilities(scores, 0, 1, ATTEND_SCORE_SUM, &probability),
                    ATTEND_ERROR_INVALID_STATE, "text 0");
    }
    attend_scores_free(scores);
    check_usable();
}

int main(void) {
    checks_begin();
    model = load_default_model();
    session = new_session(model);
    targets_of_sources();
    choices();
    texts();
    decoders();
    bad_arguments();
    cancelled();
    attend_session_free(session);
    attend_model_free(model);
    return checks_end();
}
