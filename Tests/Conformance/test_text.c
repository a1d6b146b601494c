/* Text around the model: where tokens stand in a text, text that is given out while it is made, conversations. The
 * tokenizer is the test's own: a token for each byte, so that characters come in pieces, and a first token from a
 * template. */
#include "check.h"
#include "folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static folder place;
static attend_tokenizer *tokenizer;

/* The template reads the roles, a special token and variables, and refuses a role. */
#define TEMPLATE                                                                                                      \
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'ghost' %}{{ raise_exception('ghosts must not speak') " \
    "}}{% endif %}"                                                                                                   \
    "[{{ m['role'] }}] {{ m['content'] | trim }};{% endfor %}{% if add_generation_prompt %}[{{ name }}]{% endif %}"

/** A byte-level tokenizer without merges, in which each text begins with "!" of type 1. */
static void write_tokenizer(void) {
    char *json = malloc(20000), *end = json;
    if (!json) abort();
    end += sprintf(end,
                   "{\"version\": \"1.0\", \"added_tokens\": [{\"id\": 33, \"content\": \"!\", \"special\": true, "
                   "\"single_word\": false, \"lstrip\": false,"
                   " \"rstrip\": false, \"normalized\": false}], \"normalizer\": null, \"pre_tokenizer\": {\"type\": "
                   "\"ByteLevel\", \"add_prefix_space\": false,"
                   " \"trim_offsets\": false, \"use_regex\": true}, \"post_processor\": {\"type\": "
                   "\"TemplateProcessing\", \"single\": ["
                   "{\"SpecialToken\": {\"id\": \"!\", \"type_id\": 1}}, {\"Sequence\": {\"id\": \"A\", \"type_id\": "
                   "0}}], \"pair\": ["
                   "{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}, {\"Sequence\": {\"id\": \"B\", \"type_id\": 1}}],"
                   " \"special_tokens\": {\"!\": {\"id\": \"!\", \"ids\": [33], \"tokens\": [\"!\"]}}}, \"decoder\": "
                   "{\"type\": \"ByteLevel\"},"
                   " \"model\": {\"type\": \"BPE\", \"merges\": [], \"vocab\": {");
    int others = 0;
    for (int byte = 0; byte < 256;
         byte++) { /* GPT-2's letters for bytes: the visible ones stand for themselves, the others come after 255 */
        bool visible = (byte >= 33 && byte < 127) || (byte >= 161 && byte < 173) || byte >= 174;
        end += sprintf(end, "%s\"\\u%04x\": %d", byte ? ", " : "", visible ? byte : 256 + others++, byte);
    }
    sprintf(end, "}}}");
    place = folder_make_empty();
    folder_write_text(&place, "tokenizer.json", json);
    folder_write_text(
        &place, "tokenizer_config.json",
        "{\"bos_token\": {\"content\": \"<s>\"}, \"chat_template\": [{\"name\": \"default\", \"template\": \"" TEMPLATE
        "\"}, {\"name\": \"loud\", \"template\": \"{{ messages[0]['content'] | upper }}\"}]}");
    free(json);
}

/* MARK: Where tokens stand */

static void check_encoding(const char *text, size_t length, bool no_special_tokens, const attend_token_offsets *offsets,
                           size_t count) {
    attend_tokenize_options options = ATTEND_TOKENIZE_OPTIONS_INIT;
    options.no_special_tokens = no_special_tokens;
    attend_encoding *encoding = NULL;
    if (!CHECK_SUCCESS(attend_tokenizer_encode(tokenizer, text, length, &options, &encoding))) return;
    size_t found = 99, added = no_special_tokens ? 0 : 1;
    const int32_t *ids = attend_encoding_ids(encoding, &found);
    const attend_token_offsets *places = attend_encoding_offsets(encoding);
    const uint8_t *special = attend_encoding_special(encoding);
    const int32_t *types = attend_encoding_token_types(encoding);
    if (CHECK(found == count + added && places && special && types)) {
        if (added)
            CHECK(ids[0] == 33 && special[0] == 1 && types[0] == 1 && places[0].byte_end == 0 &&
                  places[0].scalar_end == 0);
        for (size_t i = 0; i < count; i++) {
            CHECK(ids[i + added] == (unsigned char)text[i] && special[i + added] == 0 && types[i + added] == 0);
            CHECK(memcmp(&places[i + added], &offsets[i], sizeof *offsets) == 0);
        }
        CHECK(places == attend_encoding_offsets(encoding) && special == attend_encoding_special(encoding) &&
              types == attend_encoding_token_types(encoding));
    }
    attend_encoding_free(encoding);
}

static void encodings(void) {
    const attend_token_offsets offsets[] = { { 0, 1, 0, 1 }, { 1, 3, 1, 2 }, { 1, 3, 1, 2 },
                                             { 3, 6, 2, 3 }, { 3, 6, 2, 3 }, { 3, 6, 2, 3 } };
    const attend_token_offsets with_nul[] = { { 0, 1, 0, 1 }, { 1, 2, 1, 2 }, { 2, 3, 2, 3 } };
    for (int i = 0; i < 2; i++) {
        check_encoding("n\xc3\xa9\xe2\x82\xac", 6, i, offsets, 6);
        check_encoding("a\0b", 3, i, with_nul, 3);
        check_encoding(NULL, 0, i, NULL, 0);
    }
    /* Of a text without ids the getters' pointers are not read, and may be anything; the call itself is allowed. */
    attend_encoding *empty = NULL;
    attend_tokenize_options options = ATTEND_TOKENIZE_OPTIONS_INIT;
    options.no_special_tokens = true;
    CHECK_SUCCESS(attend_tokenizer_encode(tokenizer, "", 0, &options, &empty));
    attend_encoding_offsets(empty), attend_encoding_special(empty), attend_encoding_token_types(empty);
    attend_encoding_free(empty);
    /* A tokenizer that has one way to split splits targets in it too. */
    attend_encoding *target = NULL;
    options.are_targets = true;
    if (CHECK_SUCCESS(attend_tokenizer_encode(tokenizer, "ab", 2, &options, &target))) {
        size_t count = 0;
        const int32_t *ids = attend_encoding_ids(target, &count);
        CHECK(count == 2 && ids[0] == 'a' && ids[1] == 'b');
    }
    attend_encoding_free(target);
}

/* MARK: Streams */

typedef struct heard {
    char text[256], last[64];
    size_t length, last_length;
    int calls, calls_before_stop; /* the callback refuses once it was called so often; 0: never */
} heard;

static bool hear(const char *bytes, size_t length, void *context) {
    heard *heard = context;
    heard->calls++;
    if (!CHECK(length > 0 && length < sizeof heard->last && heard->length + length < sizeof heard->text)) return false;
    memcpy(heard->text + heard->length, bytes, length);
    memcpy(heard->last, bytes, length);
    heard->length += length, heard->last_length = length;
    return heard->calls != heard->calls_before_stop;
}

static attend_detokenizer *new_stream(heard *heard) {
    attend_detokenizer *stream = NULL;
    memset(heard, 0, sizeof *heard);
    if (!CHECK_SUCCESS(attend_detokenizer_create(tokenizer, NULL, hear, heard, &stream))) exit(checks_end());
    return stream;
}

/** Adds the bytes of a text, which must not be refused. */
static void add(attend_detokenizer *stream, const char *text) {
    for (; *text; text++) CHECK_SUCCESS(attend_detokenizer_add(stream, (unsigned char)*text));
}

static bool heard_is(const heard *heard, const char *text) {
    return heard->length == strlen(text) && memcmp(heard->text, text, heard->length) == 0;
}

/** Characters of one to four bytes come whole, each as soon as its last byte is there; a space waits for what follows,
 * for some tokenizers take it back. */
static void whole_characters(void) {
    const char *const text = "G\xc3\xbc\xe4\xb8\x96 \xf0\x9f\x91\xa9.";
    heard heard;
    attend_detokenizer *stream = new_stream(&heard);
    for (int times = 0; times < 2; times++) { /* after finish a new text begins */
        memset(&heard, 0, sizeof heard);
        for (const char *byte = text; *byte; byte++) {
            int calls = heard.calls;
            CHECK_SUCCESS(attend_detokenizer_add(stream, (unsigned char)*byte));
            bool is_certain = ((unsigned char)byte[1] & 0xc0) != 0x80 && *byte != ' ';
            CHECK(heard.calls == calls + is_certain);
            if (is_certain)
                CHECK(((unsigned char)heard.last[0] & 0xc0) != 0x80 && heard.length == (size_t)(byte + 1 - text));
        }
        CHECK_SUCCESS(attend_detokenizer_finish(stream));
        CHECK(heard_is(&heard, text));
    }
    attend_detokenizer_free(stream);
}

/** What finish gives out of a torn character, and the stream as a whole, is what attend_tokenizer_decode makes of the
 * same ids. */
static void same_as_decode(void) {
    const int32_t ids[] = { 'a', 0xe2, 0x82, 'b', 0xff, 33, 'c', 0xf0, 0x9f };
    heard heard;
    attend_detokenizer *stream = NULL;
    for (int keep = 0; keep < 2; keep++) {
        attend_detokenize_options options = ATTEND_DETOKENIZE_OPTIONS_INIT;
        options.keep_special_tokens = keep;
        memset(&heard, 0, sizeof heard);
        CHECK_SUCCESS(attend_detokenizer_create(tokenizer, &options, hear, &heard, &stream));
        for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) CHECK_SUCCESS(attend_detokenizer_add(stream, ids[i]));
        CHECK_SUCCESS(attend_detokenizer_finish(stream));
        attend_text *text = NULL;
        CHECK_SUCCESS(attend_tokenizer_decode(tokenizer, ids, sizeof ids / sizeof *ids, &options, &text));
        CHECK(heard_is(&heard, attend_text_bytes(text, NULL)) && (strchr(heard.text, '!') != NULL) == keep);
        attend_text_free(text);
        attend_detokenizer_free(stream);
    }
}

static void stopping(void) {
    heard heard;
    attend_detokenizer *stream = new_stream(&heard);
    heard.calls_before_stop = 2;
    add(stream, "a");
    CHECK_ERROR(attend_detokenizer_add(stream, 'b'), ATTEND_ERROR_CANCELLED, "callback");
    CHECK(heard_is(&heard, "ab"));
    heard.calls_before_stop = 0;
    add(stream, "c"); /* the stream lives, and says nothing twice */
    CHECK(heard_is(&heard, "abc"));
    CHECK_SUCCESS(attend_detokenizer_add(stream, 0xe2));
    heard.calls_before_stop = heard.calls + 1;
    CHECK_ERROR(attend_detokenizer_finish(stream), ATTEND_ERROR_CANCELLED, "callback");
    attend_detokenizer_free(stream);
}

static void unknown_ids(void) {
    const int32_t unknown[] = { 256, -1, INT32_MAX, INT32_MIN };
    heard heard;
    attend_detokenizer *stream = new_stream(&heard);
    CHECK_SUCCESS(attend_detokenizer_add(stream, 0xc3));
    for (size_t i = 0; i < 4; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", (int)unknown[i]);
        CHECK_ERROR(attend_detokenizer_add(stream, unknown[i]), ATTEND_ERROR_INVALID_ARGUMENT, number);
    }
    CHECK(heard.calls == 0);
    CHECK_SUCCESS(attend_detokenizer_add(stream, 0xa9)); /* they were not taken: the character is whole */
    CHECK_SUCCESS(attend_detokenizer_finish(stream));
    CHECK(heard_is(&heard, "\xc3\xa9"));
    attend_detokenizer_free(stream);
}

static void streams_arguments(void) {
    heard heard;
    attend_detokenizer *stream = UNTOUCHED;
    CHECK_ERROR(attend_detokenizer_create(NULL, NULL, hear, &heard, &stream), ATTEND_ERROR_INVALID_ARGUMENT,
                "tokenizer");
    CHECK_ERROR(attend_detokenizer_create(tokenizer, NULL, NULL, &heard, &stream), ATTEND_ERROR_INVALID_ARGUMENT,
                "callback");
    CHECK_ERROR(attend_detokenizer_create(tokenizer, NULL, hear, &heard, NULL), ATTEND_ERROR_INVALID_ARGUMENT,
                "detokenizer");
    CHECK(stream == UNTOUCHED);
    CHECK_ERROR(attend_detokenizer_add(NULL, 65), ATTEND_ERROR_INVALID_ARGUMENT, "detokenizer");
    CHECK_ERROR(attend_detokenizer_finish(NULL), ATTEND_ERROR_INVALID_ARGUMENT, "detokenizer");
    attend_detokenizer_free(NULL);
    stream = new_stream(&heard); /* nothing was added, nothing is said */
    CHECK_SUCCESS(attend_detokenizer_finish(stream));
    CHECK_SUCCESS(attend_detokenizer_finish(stream));
    CHECK(heard.calls == 0);
    attend_detokenizer_free(stream);
}

/** A stream goes on when the tokenizer it came from is freed. */
static void a_stream_alone(void) {
    heard heard = { .calls = 0 };
    attend_tokenizer *own = NULL;
    attend_detokenizer *stream = NULL;
    CHECK_SUCCESS(attend_tokenizer_create(place.path, &own));
    CHECK_SUCCESS(attend_detokenizer_create(own, NULL, hear, &heard, &stream));
    attend_tokenizer_free(own);
    add(stream, "alone");
    CHECK(heard_is(&heard, "alone"));
    attend_detokenizer_free(stream);
}

/* MARK: Conversations */

#define HELLO "[{\"role\": \"user\", \"content\": \" h\xc3\xa9llo \"}, {\"role\": \"bot\", \"content\": \"hi\"}]"

static attend_chat_options chat_options(bool generation_prompt, const char *variables, const char *template_name) {
    attend_chat_options options = ATTEND_CHAT_OPTIONS_INIT;
    options.generation_prompt = generation_prompt;
    options.variables = variables;
    options.template_name = template_name;
    return options;
}

static void check_chat(const char *messages, const attend_chat_options *options, const char *wanted) {
    attend_text *text = NULL;
    if (!CHECK_SUCCESS(attend_tokenizer_chat(tokenizer, messages, strlen(messages), options, &text))) return;
    size_t length = 99;
    const char *got = attend_text_bytes(text, &length);
    if (!CHECK(strcmp(got, wanted) == 0 && length == strlen(wanted))) checks_say("expected %s, got %s\n", wanted, got);
    attend_text_free(text);
}

static void check_refused(const char *messages, const attend_chat_options *options, attend_error_code code,
                          const char *part) {
    attend_text *text = UNTOUCHED;
    CHECK_ERROR(attend_tokenizer_chat(tokenizer, messages, messages ? strlen(messages) : 1, options, &text), code,
                part);
    CHECK(text == UNTOUCHED);
}

static void conversations(void) {
    attend_chat_options prompt = chat_options(true, "{\"name\": \"me\"}", NULL),
                        loud = chat_options(false, NULL, "loud"), missing = chat_options(false, NULL, "quiet");
    check_chat(HELLO, NULL, "<s>[user] h\xc3\xa9llo;[bot] hi;");
    check_chat(HELLO, &prompt, "<s>[user] h\xc3\xa9llo;[bot] hi;[me]");
    check_chat("[]", NULL, "<s>");
    check_chat("[{\"content\": \"quiet\"}]", &loud, "QUIET");
    check_refused(HELLO, &missing, ATTEND_ERROR_NOT_FOUND, "quiet");
    check_refused("[{\"role\": \"ghost\", \"content\": \"\"}]", NULL, ATTEND_ERROR_INVALID_ARGUMENT,
                  "ghosts must not speak");
}

static void broken_conversations(void) {
    check_refused(NULL, NULL, ATTEND_ERROR_INVALID_ARGUMENT, "messages");
    const char *const broken[] = { "", "[", "[{\"role\": }]", "[] []", "[{\"role\": \"\xff\"}]", "nothing" };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        check_refused(broken[i], NULL, ATTEND_ERROR_INVALID_ARGUMENT, "messages");
    const char *const no_lists[] = { "{}", "3", "null", "\"[]\"" };
    for (size_t i = 0; i < sizeof no_lists / sizeof *no_lists; i++)
        check_refused(no_lists[i], NULL, ATTEND_ERROR_INVALID_ARGUMENT, "list");
    const char *const no_objects[] = { "", "{", "[1]", "3", "null" };
    for (size_t i = 0; i < sizeof no_objects / sizeof *no_objects; i++) {
        attend_chat_options options = chat_options(false, no_objects[i], NULL);
        check_refused("[]", &options, ATTEND_ERROR_INVALID_ARGUMENT, "variables");
    }
    attend_text *text = UNTOUCHED;
    CHECK_ERROR(attend_tokenizer_chat(NULL, "[]", 2, NULL, &text), ATTEND_ERROR_INVALID_ARGUMENT, "tokenizer");
    CHECK_ERROR(attend_tokenizer_chat(tokenizer, "[]", SIZE_MAX, NULL, &text), ATTEND_ERROR_INVALID_ARGUMENT, "length");
    CHECK_ERROR(attend_tokenizer_chat(tokenizer, "[]", 2, NULL, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "text");
    CHECK(text == UNTOUCHED);
}

/** Chat templates are read with their tokenizer. */
static void read_again(void) {
    attend_tokenizer_free(tokenizer);
    tokenizer = NULL;
    CHECK_SUCCESS(attend_tokenizer_create(place.path, &tokenizer));
}

static void rewrite(const char *name, const char *text) {
    folder_write_text(&place, name, text);
    read_again();
}

/** chat_template.jinja comes before tokenizer_config.json; what it asks for may be wrong, unknown or absent. */
static void templates(void) {
    folder_write_text(&place, "chat_template.jinja", "later");
    check_chat("[]", NULL, "<s>");
    rewrite("chat_template.jinja", "{% include 'other' %}");
    check_refused("[]", NULL, ATTEND_ERROR_UNSUPPORTED, "include");
    rewrite("chat_template.jinja", "{% if %}");
    check_refused("[]", NULL, ATTEND_ERROR_INVALID_FILE, "chat_template.jinja");
    rewrite("chat_template.jinja", "{% for i in range(99999) %}{% for i in range(99999) %}{% endfor %}{% endfor %}");
    check_refused("[]", NULL, ATTEND_ERROR_INVALID_FILE, "budget");
    rewrite("chat_template.jinja", "{{ messages | length }} of {{ eos_token is defined }}");
    check_chat(HELLO, NULL, "2 of False");
    folder_delete(&place, "chat_template.jinja");
    rewrite("tokenizer_config.json", "{\"bos_token\": \"<s>\"}");
    check_refused("[]", NULL, ATTEND_ERROR_NOT_FOUND, "chat template");
    folder_delete(&place, "tokenizer_config.json");
    read_again();
    check_refused("[]", NULL, ATTEND_ERROR_NOT_FOUND, "chat template");
}

/** Ids are those of the written text, without the special tokens that the tokenizer would add. */
static void encoded_conversations(void) {
    attend_text *text = NULL;
    attend_encoding *chat = NULL, *written = NULL;
    if (!CHECK_SUCCESS(attend_tokenizer_chat(tokenizer, HELLO, strlen(HELLO), NULL, &text))) return;
    attend_tokenize_options options = ATTEND_TOKENIZE_OPTIONS_INIT;
    options.no_special_tokens = true;
    size_t length = 0, count = 0, wanted = 1;
    const char *bytes = attend_text_bytes(text, &length);
    CHECK_SUCCESS(attend_tokenizer_encode(tokenizer, bytes, length, &options, &written));
    if (CHECK_SUCCESS(attend_tokenizer_encode_chat(tokenizer, HELLO, strlen(HELLO), NULL, &chat))) {
        const int32_t *ids = attend_encoding_ids(chat, &count), *expected = attend_encoding_ids(written, &wanted);
        CHECK(count > 0 && count == wanted && memcmp(ids, expected, count * sizeof *ids) == 0);
    }
    attend_encoding *none = UNTOUCHED;
    CHECK_ERROR(attend_tokenizer_encode_chat(tokenizer, "3", 1, NULL, &none), ATTEND_ERROR_INVALID_ARGUMENT, "list");
    CHECK_ERROR(attend_tokenizer_encode_chat(tokenizer, "[]", 2, NULL, NULL), ATTEND_ERROR_INVALID_ARGUMENT,
                "encoding");
    CHECK(none == UNTOUCHED);
    attend_encoding_free(chat);
    attend_encoding_free(written);
    attend_text_free(text);
}

int main(void) {
    checks_begin();
    write_tokenizer();
    if (!CHECK_SUCCESS(attend_tokenizer_create(place.path, &tokenizer))) return checks_end();
    encodings();
    whole_characters();
    same_as_decode();
    stopping();
    unknown_ids();
    streams_arguments();
    a_stream_alone();
    conversations();
    broken_conversations();
    encoded_conversations();
    templates();
    attend_tokenizer_free(tokenizer);
    folder_remove(&place);
    return checks_end();
}
