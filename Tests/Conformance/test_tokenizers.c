/* Text to ids and back: lengths, NUL, bytes that are not UTF-8, special tokens, unknown ids, names. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

static const attend_tokenizer *tokenizer;

static void check_ids(const char *text, size_t length, bool no_special_tokens, const int32_t *ids, size_t count) {
    attend_tokenize_options options = ATTEND_TOKENIZE_OPTIONS_INIT;
    options.no_special_tokens = no_special_tokens;
    attend_encoding *encoding = NULL;
    if (!CHECK_SUCCESS(attend_tokenizer_encode(tokenizer, text, length, &options, &encoding))) return;
    size_t found = 99;
    const int32_t *got = attend_encoding_ids(encoding, &found);
    CHECK(found == count && memcmp(got, ids, count * sizeof *ids) == 0);
    attend_encoding_free(encoding);
}

static void check_text(const int32_t *ids, size_t count, bool keep_special_tokens, const char *contains, bool does) {
    attend_detokenize_options options = ATTEND_DETOKENIZE_OPTIONS_INIT;
    options.keep_special_tokens = keep_special_tokens;
    attend_text *text = NULL;
    if (!CHECK_SUCCESS(attend_tokenizer_decode(tokenizer, ids, count, &options, &text))) return;
    size_t length = 99;
    const char *got = attend_text_bytes(text, &length);
    CHECK(strlen(got) == length && got == attend_text_bytes(text, NULL) && (strstr(got, contains) != NULL) == does);
    attend_text_free(text);
}

static void encoding(void) {
    const int32_t hello[] = { 13, 10, 17, 17, 20, 0 }, with_nul[] = { 13, 2, 13, 0 }, end[] = { 0 };
    check_ids("hello", 5, false, hello, 6);
    check_ids("HELLO", 5, false, hello, 6);
    check_ids("hello", 5, true, hello, 5);
    check_ids("hello world", 5, true, hello, 5);
    check_ids("h\0h", 3, false, with_nul, 4);
    check_ids("h\xffh", 3, false, with_nul, 4);
    check_ids("h\xc3", 2, false, (const int32_t[]){ 13, 2, 0 }, 3);
    check_ids("", 0, false, end, 1);
    check_ids(NULL, 0, false, end, 1);
    check_ids(NULL, 0, true, end, 0);
    attend_encoding *encoding = UNTOUCHED;
    CHECK_ERROR(attend_tokenizer_encode(tokenizer, "a", SIZE_MAX, NULL, &encoding), ATTEND_ERROR_INVALID_ARGUMENT,
                "length");
    CHECK(encoding == UNTOUCHED);
}

static void decoding(void) {
    const int32_t ids[] = { 13, 10, 0 }, unknown[] = { 13, 101 }, negative[] = { -1 };
    check_text(ids, 3, false, "</s>", false);
    check_text(ids, 3, true, "</s>", true);
    check_text(NULL, 0, false, "h", false);
    attend_text *text = UNTOUCHED;
    CHECK_ERROR(attend_tokenizer_decode(tokenizer, unknown, 2, NULL, &text), ATTEND_ERROR_INVALID_ARGUMENT, "101");
    CHECK_ERROR(attend_tokenizer_decode(tokenizer, negative, 1, NULL, &text), ATTEND_ERROR_INVALID_ARGUMENT, "-1");
    CHECK_ERROR(attend_tokenizer_decode(tokenizer, ids, SIZE_MAX, NULL, &text), ATTEND_ERROR_INVALID_ARGUMENT, "count");
    CHECK(text == UNTOUCHED);
}

static void names(void) {
    CHECK(attend_tokenizer_size(tokenizer) == 101);
    for (int32_t id = 0; id < 101; id++) {
        size_t length = 0;
        const char *token = attend_tokenizer_token(tokenizer, id, &length);
        CHECK(token && length > 0 && strlen(token) == length && token == attend_tokenizer_token(tokenizer, id, NULL));
        if (token) CHECK(attend_tokenizer_id(tokenizer, token, length) == id);
    }
    const int32_t none[] = { -1, 101, INT32_MAX, INT32_MIN };
    for (size_t i = 0; i < 4; i++) CHECK(attend_tokenizer_token(tokenizer, none[i], NULL) == NULL);
    CHECK(attend_tokenizer_id(tokenizer, "HH", 2) == 65 && attend_tokenizer_id(tokenizer, "HHH", 2) == 65);
    CHECK(attend_tokenizer_id(tokenizer, "HH", 1) == -1 && attend_tokenizer_id(tokenizer, "", 0) == -1 &&
          attend_tokenizer_id(tokenizer, "h\0", 2) == -1);
}

static void long_text(void) {
    size_t length = 1000000, count = 0;
    char *text = malloc(length);
    memset(text, 'h', length);
    attend_encoding *encoding = NULL;
    CHECK_SUCCESS(attend_tokenizer_encode(tokenizer, text, length, NULL, &encoding));
    const int32_t *ids = attend_encoding_ids(encoding, &count);
    CHECK(count == length + 1 && ids[length - 1] == 13 && ids[length] == 0);
    attend_encoding_free(encoding);
    free(text);
}

int main(void) {
    checks_begin();
    attend_tokenizer *own = NULL;
    CHECK_SUCCESS(attend_tokenizer_create(DEFAULT_MODEL "/tokenizer.json", &own));
    attend_model *model = load_default_model();
    CHECK_SUCCESS(attend_model_tokenizer(model, &tokenizer));
    for (int i = 0; i < 2; i++) { /* the model's, and one of its own */
        encoding();
        decoding();
        names();
        long_text();
        tokenizer = own;
    }
    attend_model_free(model);
    encoding();
    attend_tokenizer_free(own);
    return checks_end();
}
