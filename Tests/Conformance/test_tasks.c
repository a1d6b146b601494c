/* Tasks on texts, texts made of texts, and search over vectors, through the header: what results are, who owns them,
 * what is refused. That results are those of transformers is compared by the tests in Swift and Python, from
 * Tests/Fixtures/tasks. */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIXTURES "Tests/Fixtures/tasks/"

typedef struct subject {
    attend_model *model;
    attend_session *session;
} subject;

static subject begin(const char *path) {
    subject subject = { NULL, NULL };
    CHECK_SUCCESS(attend_model_create(path, NULL, &subject.model));
    subject.session = new_session(subject.model);
    return subject;
}

static void end(subject subject) {
    attend_session_free(subject.session);
    attend_model_free(subject.model);
}

static const char *const texts[] = { "Ada Lovelace wrote the first program in London", "", "Paris slept under rain" };
static size_t lengths[] = { 46, 0, 22 };

static void entities(void) {
    subject subject = begin(FIXTURES "tokens");
    attend_entity_options options = ATTEND_ENTITY_OPTIONS_INIT;
    const char *none[1];
    options.ignored_labels = none;
    attend_entities *found = NULL;
    for (int aggregation = 0; aggregation <= 4; aggregation++) {
        options.aggregation = (attend_aggregation)aggregation;
        CHECK_SUCCESS(attend_find_entities(subject.session, texts, lengths, 3, &options, &found));
        CHECK(attend_entities_count(found) == 3 && attend_entities_entity_count(found, 1) == 0);
        CHECK(attend_entities_entity_count(found, 3) == 0 && attend_entities_entity_count(found, SIZE_MAX) == 0);
        size_t count = attend_entities_entity_count(found, 0);
        int32_t last = 0;
        CHECK(count > 0);
        for (size_t i = 0; i < count; i++) {
            attend_entity entity = ATTEND_ENTITY_INIT;
            CHECK_SUCCESS(attend_entities_get(found, 0, i, &entity));
            CHECK(entity.offsets.byte_start >= last && entity.offsets.byte_end > entity.offsets.byte_start);
            CHECK(entity.offsets.byte_end == entity.offsets.scalar_end && (entity.token == -1) == (aggregation > 0));
            CHECK(strlen(entity.label) == entity.label_length && strlen(entity.word) == entity.word_length);
            CHECK(entity.score > 0 && entity.score <= 1);
            last = entity.offsets.byte_end;
        }
        attend_entity entity = ATTEND_ENTITY_INIT;
        CHECK_ERROR(attend_entities_get(found, 0, count, &entity), ATTEND_ERROR_INVALID_ARGUMENT, "entities");
        CHECK_ERROR(attend_entities_get(found, 3, 0, &entity), ATTEND_ERROR_INVALID_ARGUMENT, "there were 3");
        CHECK_ERROR(attend_entities_get(found, 0, 0, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "entity");
        attend_entities_free(found);
    }
    found = UNTOUCHED;
    options.aggregation = (attend_aggregation)5;
    CHECK_ERROR(attend_find_entities(subject.session, texts, lengths, 3, &options, &found),
                ATTEND_ERROR_INVALID_ARGUMENT, "aggregation is 5");
    options.aggregation = ATTEND_AGGREGATION_NONE;
    options.windows = true;
    CHECK_ERROR(attend_find_entities(subject.session, texts, lengths, 3, &options, &found),
                ATTEND_ERROR_INVALID_ARGUMENT, "without an aggregation");
    options.windows = false;
    options.ignored_labels = NULL;
    options.ignored_label_count = 2;
    CHECK_ERROR(attend_find_entities(subject.session, texts, lengths, 3, &options, &found),
                ATTEND_ERROR_INVALID_ARGUMENT, "ignored_labels");
    CHECK_ERROR(attend_find_entities(subject.session, texts, lengths, 0, NULL, &found), ATTEND_ERROR_INVALID_ARGUMENT,
                "count is 0");
    CHECK_ERROR(attend_find_entities(subject.session, NULL, lengths, 3, NULL, &found), ATTEND_ERROR_INVALID_ARGUMENT,
                "texts");
    CHECK_ERROR(attend_find_entities(NULL, texts, lengths, 3, NULL, &found), ATTEND_ERROR_INVALID_ARGUMENT, "session");
    CHECK_ERROR(attend_answer(subject.session, texts, lengths, texts, lengths, 1, NULL, (attend_answers **)&found),
                ATTEND_ERROR_UNSUPPORTED, "answers to questions");
    CHECK(found == UNTOUCHED);
    end(subject);
}

static void answers(void) {
    subject subject = begin(FIXTURES "answers");
    attend_answer_options options = ATTEND_ANSWER_OPTIONS_INIT;
    options.top_k = 5;
    options.allow_no_answer = true;
    const char *questions[] = { "Who wrote?", "Where?" };
    size_t question_lengths[] = { 10, 6 };
    const char *contexts[] = { texts[0], texts[2] };
    size_t context_lengths[] = { lengths[0], lengths[2] };
    attend_answers *found = NULL;
    CHECK_SUCCESS(
        attend_answer(subject.session, questions, question_lengths, contexts, context_lengths, 2, &options, &found));
    CHECK(attend_answers_count(found) == 2 && attend_answers_span_count(found, 2) == 0);
    for (size_t question = 0; question < 2; question++) {
        size_t count = attend_answers_span_count(found, question), nothing = 0;
        double last = 2;
        CHECK(count == 5);
        for (size_t rank = 0; rank < count; rank++) {
            attend_answer_span span = ATTEND_ANSWER_SPAN_INIT;
            CHECK_SUCCESS(attend_answers_get(found, question, rank, &span));
            CHECK(span.score <= last && span.score >= 0 && strlen(span.text) == span.text_length);
            size_t start = (size_t)span.offsets.byte_start, length = (size_t)span.offsets.byte_end - start;
            CHECK(length == span.text_length && memcmp(span.text, contexts[question] + start, length) == 0);
            nothing += length == 0;
            last = span.score;
        }
        CHECK(nothing <= 1);
    }
    attend_answer_span span = ATTEND_ANSWER_SPAN_INIT;
    CHECK_ERROR(attend_answers_get(found, 0, 5, &span), ATTEND_ERROR_INVALID_ARGUMENT, "5 answers");
    attend_answers_free(found);
    options.stride = 100;
    options.max_length = 50;
    CHECK_ERROR(
        attend_answer(subject.session, questions, question_lengths, contexts, context_lengths, 2, &options, &found),
        ATTEND_ERROR_INVALID_ARGUMENT, "stride is 100");
    CHECK_ERROR(attend_answer(subject.session, questions, NULL, contexts, context_lengths, 2, NULL, &found),
                ATTEND_ERROR_INVALID_ARGUMENT, "question_lengths");
    end(subject);
}

static void fillings(void) {
    subject subject = begin(FIXTURES "masked");
    const char *masked[] = { "ada wrote the [MASK] program", "[MASK] slept under [MASK]" };
    size_t sizes[] = { 28, 25 };
    attend_fill_options options = ATTEND_FILL_OPTIONS_INIT;
    attend_fillings *found = NULL;
    CHECK_SUCCESS(attend_fill(subject.session, masked, sizes, 2, &options, &found));
    CHECK(attend_fillings_count(found) == 2 && attend_fillings_mask_count(found, 0) == 1);
    CHECK(attend_fillings_mask_count(found, 1) == 2 && attend_fillings_mask_count(found, 2) == 0);
    CHECK(attend_fillings_filling_count(found, 1, 1) == 5 && attend_fillings_filling_count(found, 1, 2) == 0);
    attend_filling filling = ATTEND_FILLING_INIT;
    CHECK_SUCCESS(attend_fillings_get(found, 1, 1, 4, &filling));
    CHECK(strlen(filling.word) == filling.word_length && strlen(filling.text) == filling.text_length);
    CHECK(strstr(filling.text, "[MASK]") && strstr(filling.text, "slept under"));
    CHECK_SUCCESS(attend_fillings_get(found, 0, 0, 0, &filling));
    CHECK(strstr(filling.text, "ada wrote the") && !strstr(filling.text, "[MASK]") && !strstr(filling.text, "[CLS]"));
    CHECK_ERROR(attend_fillings_get(found, 0, 1, 0, &filling), ATTEND_ERROR_INVALID_ARGUMENT, "mask is 1");
    attend_fillings_free(found);
    const char *targets[] = { "rain", "paris", "rain" };
    options.targets = targets;
    options.target_count = 3;
    CHECK_SUCCESS(attend_fill(subject.session, masked, sizes, 1, &options, &found));
    CHECK(attend_fillings_filling_count(found, 0, 0) == 2);
    attend_fillings_free(found);
    targets[1] = "";
    CHECK_ERROR(attend_fill(subject.session, masked, sizes, 1, &options, &found), ATTEND_ERROR_INVALID_ARGUMENT,
                "target \"\"");
    CHECK_ERROR(attend_fill(subject.session, texts, lengths, 1, NULL, &found), ATTEND_ERROR_INVALID_ARGUMENT,
                "text 0 has no mask token, [MASK]");
    end(subject);
}

static void labels_of_the_caller(void) {
    subject subject = begin(FIXTURES "entailment");
    const char *labels[] = { "weather", "travel", "engines" };
    size_t label_lengths[] = { 7, 6, 7 };
    attend_classification *found = NULL;
    attend_zero_shot_options options = ATTEND_ZERO_SHOT_OPTIONS_INIT;
    CHECK_SUCCESS(
        attend_classify_zero_shot(subject.session, texts, lengths, 3, labels, label_lengths, 3, &options, &found));
    CHECK(attend_classification_count(found) == 3 && attend_classification_class_count(found, 2) == 3);
    double sum = 0;
    for (size_t rank = 0; rank < 3; rank++) {
        attend_class entry = ATTEND_CLASS_INIT;
        CHECK_SUCCESS(attend_classification_get(found, 0, rank, &entry));
        CHECK(entry.number < 3 && strcmp(entry.label, labels[entry.number]) == 0);
        sum += entry.score;
    }
    CHECK(fabs(sum - 1) < 1e-9);
    attend_classification_free(found);
    options.hypothesis_template = "no place";
    CHECK_ERROR(
        attend_classify_zero_shot(subject.session, texts, lengths, 3, labels, label_lengths, 3, &options, &found),
        ATTEND_ERROR_INVALID_ARGUMENT, "no {} for the label");
    CHECK_ERROR(attend_classify_zero_shot(subject.session, texts, lengths, 3, labels, label_lengths, 0, NULL, &found),
                ATTEND_ERROR_INVALID_ARGUMENT, "label_count is 0");
    end(subject);
    subject = begin(FIXTURES "topics");
    CHECK_ERROR(attend_classify_zero_shot(subject.session, texts, lengths, 3, labels, label_lengths, 3, NULL, &found),
                ATTEND_ERROR_UNSUPPORTED, "sport, art, science, war");
    end(subject);
}

/** The activation of a cross-encoder, which its config.json names. */
static void cross_encoders(void) {
    subject subject = begin(FIXTURES "rank");
    attend_classify_options options = ATTEND_CLASSIFY_OPTIONS_INIT;
    options.function = ATTEND_CLASS_CROSS_ENCODER;
    attend_classification *found = NULL;
    attend_class entry = ATTEND_CLASS_INIT;
    const char *pairs[] = { texts[2] };
    CHECK_SUCCESS(attend_classify_texts(subject.session, texts, lengths, pairs, lengths + 2, 1, &options, &found));
    CHECK_SUCCESS(attend_classification_get(found, 0, 0, &entry));
    CHECK(entry.score == entry.logit);
    attend_classification_free(found);
    options.function = (attend_class_function)5;
    CHECK_ERROR(attend_classify_texts(subject.session, texts, lengths, pairs, lengths + 2, 1, &options, &found),
                ATTEND_ERROR_INVALID_ARGUMENT, "function is 5");
    end(subject);
}

static void check_text(attend_generation *found, size_t request, const char *wanted) {
    attend_hypothesis hypothesis = ATTEND_HYPOTHESIS_INIT;
    CHECK_SUCCESS(attend_generation_get_hypothesis(found, request, 0, &hypothesis));
    CHECK(strcmp(hypothesis.text, wanted) == 0);
}

static void texts_of_texts(void) {
    subject subject = begin(DEFAULT_MODEL);
    const char *words[] = { "hello", "world" };
    size_t sizes[] = { 5, 5 };
    attend_generation *found = NULL;
    CHECK_SUCCESS(attend_translate(subject.session, words, sizes, 2, NULL, NULL, &found));
    check_text(found, 0, "HH EH1 L OW0");
    check_text(found, 1, "W ER1 L D");
    attend_generation_free(found);
    attend_summarize_options how = ATTEND_SUMMARIZE_OPTIONS_INIT;
    how.by_parts = true;
    how.max_length = 50;
    CHECK_SUCCESS(attend_summarize(subject.session, words, sizes, 2, &how, NULL, &found));
    check_text(found, 1, "W ER1 L D");
    attend_generation_free(found);
    attend_rewrite_options task = ATTEND_REWRITE_OPTIONS_INIT;
    CHECK_SUCCESS(attend_rewrite(subject.session, words, sizes, 1, &task, NULL, &found));
    check_text(found, 0, "HH EH1 L OW0");
    attend_generation_free(found);
    task.task = "poem";
    CHECK_ERROR(attend_rewrite(subject.session, words, sizes, 1, &task, NULL, &found), ATTEND_ERROR_INVALID_ARGUMENT,
                "no task 'poem'");
    CHECK(found == NULL);
    attend_translate_options languages = ATTEND_TRANSLATE_OPTIONS_INIT;
    languages.tgt_lang = "fr";
    CHECK_ERROR(attend_translate(subject.session, words, sizes, 1, &languages, NULL, &found),
                ATTEND_ERROR_INVALID_ARGUMENT, "language 'fr'; it has none of any language");
    end(subject);
    subject = begin(FIXTURES "masked");
    CHECK_ERROR(attend_translate(subject.session, words, sizes, 1, NULL, NULL, &found), ATTEND_ERROR_UNSUPPORTED,
                "no encoder-decoder");
    end(subject);
}

enum { WIDTH = 16, COUNT = 20000, QUERIES = 3, MOST = 4 };

static void vectors(void) {
    float *numbers = malloc(COUNT * WIDTH * sizeof *numbers);
    if (!CHECK(numbers)) return;
    uint32_t state = 1;
    for (size_t i = 0; i < COUNT * WIDTH; i++) {
        state = state * 1664525u + 1013904223u;
        numbers[i] = (float)(state >> 8) / (1 << 23) - 1;
    }
    attend_search_index *index = NULL;
    CHECK_SUCCESS(attend_search_index_create(WIDTH, NULL, &index));
    CHECK(attend_search_index_count(index) == 0 && attend_search_index_width(index) == WIDTH);
    CHECK_SUCCESS(attend_search_index_add(index, numbers, COUNT));
    CHECK(attend_search_index_count(index) == COUNT && attend_search_index_bytes(index) >= COUNT * WIDTH);
    CHECK(attend_search_index_type(index) == ATTEND_COMPUTE_FLOAT32);
    int64_t found[QUERIES * MOST];
    float scores[QUERIES * MOST];
    CHECK_SUCCESS(attend_search_index_search(index, numbers, QUERIES, MOST, found, scores));
    for (size_t query = 0; query < QUERIES; query++) {
        double best[MOST] = { -1e9, -1e9, -1e9, -1e9 };
        for (size_t row = 0; row < COUNT; row++) {
            double score = 0;
            for (size_t i = 0; i < WIDTH; i++) score += (double)numbers[query * WIDTH + i] * numbers[row * WIDTH + i];
            for (size_t rank = 0; rank < MOST; rank++)
                if (score > best[rank]) {
                    memmove(best + rank + 1, best + rank, (MOST - rank - 1) * sizeof *best);
                    best[rank] = score;
                    break;
                }
        }
        for (size_t rank = 0; rank < MOST; rank++) CHECK(fabs(best[rank] - scores[query * MOST + rank]) < 1e-6);
    }
    CHECK_ERROR(attend_search_index_search(index, numbers, 1, 0, found, scores), ATTEND_ERROR_INVALID_ARGUMENT,
                "top_k is 0");
    numbers[5] = NAN;
    CHECK_ERROR(attend_search_index_add(index, numbers, 1), ATTEND_ERROR_INVALID_ARGUMENT, "number 5 of vector 0");
    CHECK_ERROR(attend_search_index_save(index, "none/index"), ATTEND_ERROR_NOT_FOUND, "folder");
    attend_search_index *opened = UNTOUCHED;
    CHECK_ERROR(attend_search_index_open("none/index", NULL, &opened), ATTEND_ERROR_NOT_FOUND, "none/index");
    CHECK_ERROR(attend_search_index_open("README.md", NULL, &opened), ATTEND_ERROR_INVALID_FILE, "no saved index");
    CHECK_ERROR(attend_search_index_create(0, NULL, &opened), ATTEND_ERROR_INVALID_ARGUMENT, "width is 0");
    attend_search_index_options options = ATTEND_SEARCH_INDEX_OPTIONS_INIT;
    options.type = ATTEND_COMPUTE_INT4;
    CHECK_ERROR(attend_search_index_create(4, &options, &opened), ATTEND_ERROR_UNSUPPORTED, "type is 4");
    CHECK(opened == UNTOUCHED);
    attend_search_index_free(index);
    attend_search_index_free(NULL);
    free(numbers);
}

int main(void) {
    checks_begin();
    entities();
    answers();
    fillings();
    labels_of_the_caller();
    cross_encoders();
    texts_of_texts();
    vectors();
    return checks_end();
}
