/* Folders that are not there, and configurations that say nonsense: an error that names the file, the key and what is
 * wrong. */
#include "check.h"
#include "folder.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static folder place;
static bytes config;
static const char *current = "as it was", *what = ""; /* how config.json was spoiled, for the report */

static void refused(const char *path, attend_error_code code, const char *part) {
    attend_model *model = UNTOUCHED;
    bool right = CHECK_ERROR(attend_model_create(path, NULL, &model), code, part);
    right = CHECK(model == UNTOUCHED) && right;
    if (!right) checks_say("with config.json \"%.60s...\", %s\n", current, what);
}

/** Loads with a spoiled config.json, and mends it. */
static void with_config(const char *text, attend_error_code code, const char *part) {
    current = text;
    folder_write_text(&place, "config.json", text);
    refused(place.path, code, part);
    folder_write(&place, "config.json", config.data, config.count);
    current = "as it was";
}

static void changed(const char *from, const char *to, attend_error_code code, const char *part) {
    char *text = replaced(config.data, from, to);
    what = to;
    with_config(text, code, part);
    what = "";
    free(text);
}

static void missing(void) {
    refused("/nowhere/at/all", ATTEND_ERROR_NOT_FOUND, "/nowhere/at/all");
    refused("", ATTEND_ERROR_NOT_FOUND, "");
    folder empty = folder_make_empty();
    refused(empty.path, ATTEND_ERROR_NOT_FOUND, "config.json");
    folder_write(&empty, "config.json", config.data, config.count);
    refused(empty.path, ATTEND_ERROR_NOT_FOUND, "model.safetensors");
    refused(folder_path(&empty, "config.json"), ATTEND_ERROR_NOT_FOUND, "model.safetensors");
    folder_remove(&empty);
}

static void broken(void) {
    const char *const wrong[] = { "",
                                  "{",
                                  "{\"model_type\": \"marian\"",
                                  "nul",
                                  "[]",
                                  "7",
                                  "\"marian\"",
                                  "{\"model_type\": }",
                                  "{'model_type': 'marian'}",
                                  "\xff\xfe{}" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        with_config(wrong[i], ATTEND_ERROR_INVALID_FILE, "config.json");
    char *deep = malloc(1000001);
    memset(deep, '[', 1000000);
    deep[1000000] = 0;
    with_config(deep, ATTEND_ERROR_INVALID_FILE, "config.json");
    free(deep);
    folder_write_text(&place, "generation_config.json", "{\"eos_token_id\": ");
    refused(place.path, ATTEND_ERROR_INVALID_FILE, "generation_config.json");
    folder_write_text(&place, "generation_config.json", "{\"eos_token_id\": \"zero\"}");
    refused(place.path, ATTEND_ERROR_INVALID_FILE, "eos_token_id");
    folder_delete(&place, "generation_config.json");
}

/** A folder and a pipe under the names of files are refused, and nothing waits for the pipe. */
static void not_files(void) {
    folder_delete(&place, "config.json");
    mkdir(folder_path(&place, "config.json"), 0700);
    refused(place.path, ATTEND_ERROR_IO, "config.json");
    folder_delete(&place, "config.json");
    mkfifo(folder_path(&place, "config.json"), 0600);
    refused(place.path, ATTEND_ERROR_IO, "config.json");
    folder_delete(&place, "config.json");
    folder_write(&place, "config.json", config.data, config.count);
}

static void families(void) {
    const char *const known[] = { "mamba-7", "marian", "bart", "mbart", "pegasus", "m2m_100" };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        changed("\"model_type\": \"marian\"", "\"model_type\": \"mamba-7\"", ATTEND_ERROR_UNSUPPORTED, known[i]);
    }
    changed("\"model_type\": \"marian\",", "", ATTEND_ERROR_INVALID_FILE, "model_type");
    changed("\"model_type\": \"marian\"", "\"model_type\": 7", ATTEND_ERROR_INVALID_FILE, "model_type");
    changed("\"activation_function\": \"relu\"", "\"activation_function\": \"sine\"", ATTEND_ERROR_UNSUPPORTED, "sine");
}

static void numbers(void) {
    const char *const keys[] = { "\"d_model\": 128", "\"encoder_layers\": 4", "\"decoder_attention_heads\": 4",
                                 "\"encoder_ffn_dim\": 512", "\"vocab_size\": 101" };
    const char *const wrong[] = { "0",
                                  "-1",
                                  "3",
                                  "1.5",
                                  "1e300",
                                  "\"4\"",
                                  "[]",
                                  "2147483648",
                                  "4611686018427387904",
                                  "9223372036854775807",
                                  "18446744073709551616" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char key[64], to[200];
        size_t length = (size_t)(strchr(keys[i], ' ') - keys[i]);
        memcpy(key, keys[i], length);
        key[length] = 0;
        for (size_t j = 0; j < sizeof wrong / sizeof *wrong; j++) {
            strcat(strcat(strcpy(to, key), " "), wrong[j]);
            /* The key itself is named, or the tensor or file that the number does not fit. */
            changed(keys[i], to, ATTEND_ERROR_INVALID_FILE, place.path);
        }
    }
    changed("\"max_position_embeddings\": 64", "\"max_position_embeddings\": 0", ATTEND_ERROR_INVALID_FILE,
            "max_position_embeddings");
    changed("\"max_position_embeddings\": 64", "\"max_position_embeddings\": -7", ATTEND_ERROR_INVALID_FILE,
            "max_position_embeddings");
}

static void tokenizers(void) {
    const char *const wrong[] = { "{", "{}", "[]", "{\"model\": {\"type\": \"Abacus\"}}" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        folder_write_text(&place, "tokenizer.json", wrong[i]);
        attend_tokenizer *tokenizer = UNTOUCHED;
        attend_error *error = attend_tokenizer_create(place.path, &tokenizer);
        CHECK(error && tokenizer == UNTOUCHED &&
              strstr(attend_error_message(error), i == 3 ? "Abacus" : "tokenizer.json"));
        CHECK(error && attend_error_get_code(error) == (i == 3 ? ATTEND_ERROR_UNSUPPORTED : ATTEND_ERROR_INVALID_FILE));
        /* The model loads all the same, and says why it has no tokenizer. */
        attend_model *model = NULL;
        CHECK_SUCCESS(attend_model_create(place.path, NULL, &model));
        const attend_tokenizer *borrowed = UNTOUCHED;
        attend_error *same = attend_model_tokenizer(model, &borrowed);
        CHECK(same && borrowed == UNTOUCHED && error && attend_error_get_code(same) == attend_error_get_code(error));
        attend_error_free(same);
        attend_error_free(error);
        attend_model_free(model);
    }
    folder_delete(&place, "tokenizer.json");
    attend_tokenizer *tokenizer = UNTOUCHED;
    CHECK_ERROR(attend_tokenizer_create(place.path, &tokenizer), ATTEND_ERROR_NOT_FOUND, "tokenizer.json");
    attend_model *model = NULL;
    CHECK_SUCCESS(attend_model_create(place.path, NULL, &model));
    const attend_tokenizer *borrowed = UNTOUCHED;
    CHECK_ERROR(attend_model_tokenizer(model, &borrowed), ATTEND_ERROR_NOT_FOUND, "tokenizer.json");
    attend_model_free(model);
}

int main(void) {
    checks_begin();
    place = folder_make();
    config = file_read(DEFAULT_MODEL "/config.json");
    missing();
    broken();
    not_files();
    families();
    numbers();
    tokenizers();
    free(config.data);
    folder_remove(&place);
    return checks_end();
}
