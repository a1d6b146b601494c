/* Two texts in one sequence, truncation and its windows, batches of texts, the numbers of a tokenizer. The tokenizer
 * reads words: w3 is 3, and [CLS] and [SEP], which are 1 and 2, stand around texts as BERT has them. */
#include "check.h"
#include "folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static folder place;
static attend_tokenizer *tokenizer;

static attend_tokenize_options options_of(size_t max_length, attend_truncation truncation, attend_side side,
                                          size_t stride) {
    attend_tokenize_options options = ATTEND_TOKENIZE_OPTIONS_INIT;
    options.max_length = max_length;
    options.truncation = truncation;
    options.truncation_side = side;
    options.stride = stride;
    return options;
}

static attend_encoding *encode(const char *text, const char *pair, const attend_tokenize_options *options) {
    attend_encoding *encoding = NULL;
    if (pair)
        CHECK_SUCCESS(
            attend_tokenizer_encode_pair(tokenizer, text, strlen(text), pair, strlen(pair), options, &encoding));
    else CHECK_SUCCESS(attend_tokenizer_encode(tokenizer, text, strlen(text), options, &encoding));
    return encoding;
}

/** The ids of an encoding as text: "1 3 2". */
static const char *spelled(const attend_encoding *encoding) {
    static char text[500];
    size_t count = 0;
    const int32_t *ids = encoding ? attend_encoding_ids(encoding, &count) : NULL;
    *text = 0;
    for (size_t i = 0; i < count && i < 80; i++) sprintf(text + strlen(text), "%s%d", i ? " " : "", (int)ids[i]);
    return text;
}

static void check_ids(const attend_encoding *encoding, const char *wanted) {
    if (!CHECK(strcmp(spelled(encoding), wanted) == 0)) checks_say("expected %s, got %s\n", wanted, spelled(encoding));
}

static void two_texts(void) {
    const int32_t types[] = { 0, 0, 0, 0, 1, 1 }, sequences[] = { -1, 0, 0, -1, 1, -1 };
    const uint8_t special[] = { 1, 0, 0, 1, 0, 1 };
    const attend_token_offsets offsets[] = { { 0, 0, 0, 0 }, { 0, 2, 0, 2 }, { 4, 6, 3, 5 },
                                             { 0, 0, 0, 0 }, { 1, 3, 1, 3 }, { 0, 0, 0, 0 } };
    attend_encoding *encoding = encode("w3\xc2\xa0w4", " w5", NULL);
    check_ids(encoding, "1 3 4 2 5 2");
    CHECK(memcmp(attend_encoding_token_types(encoding), types, sizeof types) == 0);
    CHECK(memcmp(attend_encoding_sequence_ids(encoding), sequences, sizeof sequences) == 0);
    CHECK(memcmp(attend_encoding_special(encoding), special, sizeof special) == 0);
    CHECK(memcmp(attend_encoding_offsets(encoding), offsets, sizeof offsets) == 0);
    CHECK(attend_encoding_overflow_count(encoding) == 0 && !attend_encoding_overflow(encoding, 0));
    attend_encoding_free(encoding);
    attend_tokenize_options plain = ATTEND_TOKENIZE_OPTIONS_INIT;
    plain.no_special_tokens = true;
    encoding = encode("w3 w4", "", &plain);
    check_ids(encoding, "3 4");
    attend_encoding_free(encoding);
}

/** The encoding and then its windows must be those of `wanted`, which ends with NULL. */
static void check_windows(const char *text, const char *pair, attend_tokenize_options options,
                          const char *const *wanted) {
    attend_encoding *encoding = encode(text, pair, &options);
    if (!encoding) return;
    check_ids(encoding, wanted[0]);
    size_t count = 0;
    while (wanted[count + 1]) count++;
    CHECK(attend_encoding_overflow_count(encoding) == count);
    for (size_t i = count; i-- > 0;) { /* in any order */
        const attend_encoding *window = attend_encoding_overflow(encoding, i);
        check_ids(window, wanted[i + 1]);
        CHECK(window == attend_encoding_overflow(encoding, i) && attend_encoding_overflow_count(window) == 0);
    }
    CHECK(!attend_encoding_overflow(encoding, count) && !attend_encoding_overflow(encoding, SIZE_MAX));
    attend_encoding_free(encoding);
}

#define CUT(text, pair, max_length, truncation, side, stride, ...)                                  \
    check_windows(text, pair, options_of(max_length, ATTEND_TRUNCATION_##truncation, side, stride), \
                  (const char *const[]){ __VA_ARGS__, NULL })

static void windows(void) {
    const char *five = "w3 w4 w5 w6 w7", *two = "w8 w9";
    CUT(five, NULL, 7, LONGEST_FIRST, ATTEND_SIDE_DEFAULT, 0, "1 3 4 5 6 7 2");
    CUT(five, NULL, 5, LONGEST_FIRST, ATTEND_SIDE_DEFAULT, 0, "1 3 4 5 2", "1 6 7 2");
    CUT(five, NULL, 5, ONLY_FIRST, ATTEND_SIDE_RIGHT, 2, "1 3 4 5 2", "1 4 5 6 2", "1 5 6 7 2");
    CUT(five, NULL, 5, LONGEST_FIRST, ATTEND_SIDE_LEFT, 1, "1 5 6 7 2", "1 3 4 5 2");
    CUT(five, NULL, 2, LONGEST_FIRST, ATTEND_SIDE_LEFT, 0, "1 2", "1 3 4 5 6 7 2");
    CUT(five, two, 8, LONGEST_FIRST, ATTEND_SIDE_DEFAULT, 0, "1 3 4 5 2 8 9 2", "1 6 7 2 8 9 2");
    CUT(two, five, 8, ONLY_SECOND, ATTEND_SIDE_RIGHT, 1, "1 8 9 2 3 4 5 2", "1 8 9 2 5 6 7 2");
    CUT(two, five, 6, LONGEST_FIRST, ATTEND_SIDE_RIGHT, 0, "1 8 2 3 4 2", "1 9 2 3 4 2", "1 9 2 5 6 2", "1 9 2 7 2",
        "1 8 2 5 6 2", "1 8 2 7 2");
}

static void check_refused(const char *text, const char *pair, attend_tokenize_options options, const char *part) {
    attend_encoding *encoding = UNTOUCHED;
    CHECK_ERROR(
        pair ? attend_tokenizer_encode_pair(tokenizer, text, strlen(text), pair, strlen(pair), &options, &encoding)
             : attend_tokenizer_encode(tokenizer, text, strlen(text), &options, &encoding),
        ATTEND_ERROR_INVALID_ARGUMENT, part);
    CHECK(encoding == UNTOUCHED);
}

static void no_way_to_cut(void) {
    const char *five = "w3 w4 w5 w6 w7", *two = "w8 w9";
    check_refused(five, NULL, options_of(6, ATTEND_TRUNCATION_NONE, 0, 0), "5 tokens");
    check_refused(five, two, options_of(9, ATTEND_TRUNCATION_NONE, 0, 0), "5 and 2");
    check_refused(five, NULL, options_of(6, ATTEND_TRUNCATION_ONLY_SECOND, 0, 0), "no second text");
    check_refused(five, two, options_of(7, ATTEND_TRUNCATION_ONLY_SECOND, 0, 0), "second alone is too short");
    check_refused(five, two, options_of(2, ATTEND_TRUNCATION_LONGEST_FIRST, 0, 0), "max_length is 2");
    check_refused(five, NULL, options_of(5, ATTEND_TRUNCATION_LONGEST_FIRST, 0, 3), "stride is 3");
    check_refused("", NULL, options_of(5, ATTEND_TRUNCATION_LONGEST_FIRST, 0, 4), "stride is 4");
    check_refused("", NULL, options_of(5, (attend_truncation)4, 0, 0), "truncation is 4");
    check_refused("", NULL, options_of(5, 0, (attend_side)3, 0), "truncation_side is 3");
    check_refused("", NULL, options_of(SIZE_MAX, 0, 0, 0), "max_length");
    attend_tokenize_options threads = ATTEND_TOKENIZE_OPTIONS_INIT;
    threads.threads = 1000000;
    check_refused("", NULL, threads, "threads is 1000000");
}

enum { COUNT = 500 };

static void check_batch(const char *const *texts, const size_t *lengths, const char *const *pairs,
                        const size_t *pair_lengths, uint32_t threads) {
    attend_encoding *batch[COUNT], *single;
    attend_tokenize_options options = options_of(9, ATTEND_TRUNCATION_LONGEST_FIRST, 0, 1);
    options.threads = threads;
    if (!CHECK_SUCCESS(
            attend_tokenizer_encode_batch(tokenizer, texts, lengths, pairs, pair_lengths, COUNT, &options, batch)))
        return;
    for (size_t i = 0; i < COUNT; i++) {
        single = encode(texts[i], pairs ? pairs[i] : NULL, &options);
        check_ids(batch[i], spelled(single));
        CHECK(attend_encoding_overflow_count(batch[i]) == attend_encoding_overflow_count(single));
        attend_encoding_free(single);
        attend_encoding_free(batch[i]);
    }
}

static void batches(void) {
    char words[COUNT][64];
    const char *texts[COUNT], *pairs[COUNT];
    size_t lengths[COUNT], pair_lengths[COUNT];
    for (int i = 0; i < COUNT; i++) {
        *words[i] = 0;
        for (int j = 0; j < i % 11; j++) sprintf(words[i] + strlen(words[i]), "w%d ", 3 + (i + j) % 90);
        texts[i] = words[i];
        lengths[i] = pair_lengths[COUNT - 1 - i] = strlen(words[i]);
        pairs[COUNT - 1 - i] = words[i];
    }
    for (uint32_t threads = 0; threads <= 4; threads++) {
        check_batch(texts, lengths, NULL, NULL, threads);
        check_batch(texts, lengths, pairs, pair_lengths, threads);
    }
    attend_encoding *batch[COUNT] = { UNTOUCHED };
    attend_tokenize_options tight = options_of(11, ATTEND_TRUNCATION_NONE, 0, 0);
    CHECK_ERROR(attend_tokenizer_encode_batch(tokenizer, texts, lengths, NULL, NULL, COUNT, &tight, batch),
                ATTEND_ERROR_INVALID_ARGUMENT, "text 10: ");
    texts[3] = NULL;
    CHECK_ERROR(attend_tokenizer_encode_batch(tokenizer, texts, lengths, NULL, NULL, COUNT, NULL, batch),
                ATTEND_ERROR_INVALID_ARGUMENT, "text 3: ");
    lengths[3] = SIZE_MAX;
    CHECK_ERROR(attend_tokenizer_encode_batch(tokenizer, texts, lengths, NULL, NULL, COUNT, NULL, batch),
                ATTEND_ERROR_INVALID_ARGUMENT, "text 3: ");
    CHECK_ERROR(attend_tokenizer_encode_batch(tokenizer, NULL, lengths, NULL, NULL, 1, NULL, batch),
                ATTEND_ERROR_INVALID_ARGUMENT, "texts");
    CHECK_ERROR(attend_tokenizer_encode_batch(tokenizer, texts, lengths, pairs, NULL, 1, NULL, batch),
                ATTEND_ERROR_INVALID_ARGUMENT, "pair_lengths");
    CHECK_ERROR(attend_tokenizer_encode_batch(tokenizer, texts, lengths, NULL, NULL, 1, NULL, NULL),
                ATTEND_ERROR_INVALID_ARGUMENT, "encodings");
    CHECK_SUCCESS(attend_tokenizer_encode_batch(tokenizer, NULL, NULL, NULL, NULL, 0, NULL, NULL));
    CHECK(batch[0] == UNTOUCHED);
}

/** The numbers of a tokenizer whose folder has these files beside it (NULL: not). */
static attend_tokenizer_info info_of(const char *config, const char *map) {
    attend_tokenizer *other = NULL;
    attend_tokenizer_info info = ATTEND_TOKENIZER_INFO_INIT;
    if (config) folder_write_text(&place, "tokenizer_config.json", config);
    if (map) folder_write_text(&place, "special_tokens_map.json", map);
    CHECK_SUCCESS(attend_tokenizer_create(place.path, &other));
    CHECK_SUCCESS(attend_tokenizer_get_info(other, &info));
    attend_tokenizer_free(other);
    if (config) folder_delete(&place, "tokenizer_config.json");
    if (map) folder_delete(&place, "special_tokens_map.json");
    return info;
}

static void numbers(void) {
    attend_tokenizer_info info = info_of(NULL, NULL); /* of the class that config.json's model_type stands for */
    CHECK(info.size == 99 && info.model_max_length == SIZE_MAX && info.truncation_side == ATTEND_SIDE_RIGHT);
    CHECK(info.class_token == 1 && info.separator_token == 2 && info.begin_token == -1 && info.mask_token == -1);
    info = info_of("{\"model_max_length\": 512, \"truncation_side\": \"left\", \"cls_token\": \"w7\", \"mask_token\": "
                   "{\"content\": \"w8\"}, \"pad_token\": null, \"bos_token\": \"w5\", \"eos_token\": \"nowhere\"}",
                   "{\"bos_token\": {\"content\": \"w6\"}}");
    CHECK(info.model_max_length == 512 && info.truncation_side == ATTEND_SIDE_LEFT && info.class_token == 7);
    CHECK(info.mask_token == 8 && info.pad_token == -1 && info.begin_token == 6 && info.end_token == -1);
    info = info_of("{\"bos_token\": \"w5\", \"added_tokens_decoder\": {}, \"model_max_length\": 1e30}",
                   "{\"bos_token\": \"w6\"}");
    CHECK(info.begin_token == 5 && info.model_max_length == SIZE_MAX);
    folder_write_text(&place, "tokenizer_config.json", "{\"bos_token\": ");
    attend_tokenizer *other = NULL;
    CHECK_SUCCESS(attend_tokenizer_create(place.path, &other)); /* what these files say is not needed for more */
    CHECK_ERROR(attend_tokenizer_get_info(other, &info), ATTEND_ERROR_INVALID_FILE, "tokenizer_config.json");
    attend_tokenizer_free(other);
    folder_delete(&place, "tokenizer_config.json");
    CHECK_ERROR(attend_tokenizer_get_info(NULL, &info), ATTEND_ERROR_INVALID_ARGUMENT, "tokenizer");
    CHECK_ERROR(attend_tokenizer_get_info(tokenizer, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "info");
    info.struct_size = 8;
    CHECK_ERROR(attend_tokenizer_get_info(tokenizer, &info), ATTEND_ERROR_INVALID_ARGUMENT, "struct_size");
}

int main(void) {
    checks_begin();
    place = folder_make_words();
    if (!CHECK_SUCCESS(attend_tokenizer_create(place.path, &tokenizer))) return checks_end();
    two_texts();
    windows();
    no_way_to_cut();
    batches();
    numbers();
    attend_tokenizer_free(tokenizer);
    folder_remove(&place);
    return checks_end();
}
