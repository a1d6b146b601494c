/* Spoiled safetensors files: an error that names the file, the tensor and what is wrong, and no model. */
#include "check.h"
#include "safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "model.safetensors"
#define LAST      "model.shared.weight" /* stands last in the file */
#define SECOND    "model.decoder.layers.0.encoder_attn.k_proj.bias"

static folder place;
static safetensors good;

static void refused(attend_error_code code, const char *part) {
    attend_model *model = UNTOUCHED;
    CHECK_ERROR(attend_model_create(place.path, NULL, &model), code, part);
    CHECK(model == UNTOUCHED);
}

/** Writes the file with another header and the same data, as far as `count` goes; the message must name the file and
 * `part`. */
static void spoiled(const char *header, size_t count, attend_error_code code, const char *part) {
    safetensors_write(&place, FILE_NAME, strlen(header), header, good.data, count);
    refused(code, FILE_NAME);
    refused(code, part);
}

/** The same, with one place of the header changed. */
static void changed(const char *from, const char *to, attend_error_code code, const char *part) {
    char *header = replaced(good.header, from, to);
    spoiled(header, good.data_count, code, part);
    free(header);
}

static void unharmed(void) {
    attend_model *model = NULL;
    safetensors_write(&place, FILE_NAME, strlen(good.header), good.header, good.data, good.data_count);
    CHECK_SUCCESS(attend_model_create(place.path, NULL, &model));
    attend_model_free(model);
}

static void lengths(void) {
    folder_write(&place, FILE_NAME, "", 0);
    refused(ATTEND_ERROR_INVALID_FILE, FILE_NAME);
    folder_write(&place, FILE_NAME, "\3\0\0\0\0\0\0", 7);
    refused(ATTEND_ERROR_INVALID_FILE, FILE_NAME);
    const uint64_t beyond[] = { 0,
                                1,
                                strlen(good.header) - 1,
                                good.file.count - 7,
                                good.file.count,
                                UINT64_C(1) << 40,
                                (UINT64_C(1) << 63) - 1,
                                UINT64_C(1) << 63,
                                UINT64_MAX - 7,
                                UINT64_MAX };
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        safetensors_write(&place, FILE_NAME, beyond[i], good.header, good.data, good.data_count);
        refused(ATTEND_ERROR_INVALID_FILE, FILE_NAME);
    }
}

static void headers(void) {
    const char *const wrong[] = { "{",
                                  "[]",
                                  "nonsense",
                                  "{}",
                                  "\"text\"",
                                  "{\"" LAST "\":7}",
                                  "{\"" LAST "\":{}}",
                                  "{\"" LAST "\":{\"dtype\":\"F16\",\"shape\":[101,128]}}" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        spoiled(wrong[i], good.data_count, ATTEND_ERROR_INVALID_FILE, FILE_NAME);
    char *deep = malloc(200001);
    memset(deep, '[', 200000);
    deep[200000] = 0;
    spoiled(deep, good.data_count, ATTEND_ERROR_INVALID_FILE, FILE_NAME);
    free(deep);
}

static void missing_and_extra(void) {
    entry last;
    CHECK(safetensors_find(&good, LAST, &last) && last.end == good.data_count);
    char text[200], more[400];
    snprintf(text, sizeof text, ",%.*s", (int)last.text_length, last.text);
    char *header = replaced(good.header, text, "");
    safetensors_write(&place, FILE_NAME, strlen(header), header, good.data, last.begin);
    refused(ATTEND_ERROR_INVALID_FILE, place.path);
    refused(ATTEND_ERROR_INVALID_FILE, LAST);
    free(header);

    snprintf(more, sizeof more, "%s,\"surplus.weight\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[%zu,%zu]}",
             text, last.end, last.end + 4);
    header = replaced(good.header, text, more);
    char *data = malloc(good.data_count + 4);
    memcpy(data, good.data, good.data_count);
    memset(data + good.data_count, 0, 4);
    safetensors_write(&place, FILE_NAME, strlen(header), header, data, good.data_count + 4);
    refused(ATTEND_ERROR_INVALID_FILE, "surplus.weight");
    free(data);
    free(header);

    snprintf(more, sizeof more, "%s%s", text, text);
    header = replaced(good.header, text, more);
    spoiled(header, good.data_count, ATTEND_ERROR_INVALID_FILE, LAST);
    free(header);
}

static void shapes(void) {
    const char *const wrong[] = { "[128,101]",
                                  "[101,127]",
                                  "[101]",
                                  "[12928]",
                                  "[101,128,1]",
                                  "[0,128]",
                                  "[-101,-128]",
                                  "[101.5,128]",
                                  "[\"101\",128]",
                                  "[]",
                                  "{}",
                                  "101",
                                  "[4294967296,4294967296,4294967296]",
                                  "[9223372036854775807,2]",
                                  "[18446744073709551615,128]",
                                  "[1e300,128]" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char to[200];
        snprintf(to, sizeof to, "\"" LAST "\":{\"dtype\":\"F16\",\"shape\":%s", wrong[i]);
        changed("\"" LAST "\":{\"dtype\":\"F16\",\"shape\":[101,128]", to, ATTEND_ERROR_INVALID_FILE, LAST);
    }
}

static void offsets(void) {
    const char *const wrong[] = { "[200,456]",
                                  "[203,459]",
                                  "[458,202]",
                                  "[202]",
                                  "[202,458,500]",
                                  "[]",
                                  "{}",
                                  "[-2,254]",
                                  "[202.5,458.5]",
                                  "[\"202\",\"458\"]",
                                  "[202,459]",
                                  "[202,457]",
                                  "[3728842,3729098]",
                                  "[9223372036854775552,9223372036854775808]",
                                  "[18446744073709551360,18446744073709551616]",
                                  "[0,1e300]" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char to[200];
        snprintf(to, sizeof to, "\"shape\":[128],\"data_offsets\":%s", wrong[i]);
        changed("\"shape\":[128],\"data_offsets\":[202,458]", to, ATTEND_ERROR_INVALID_FILE, SECOND);
    }
}

static void types(void) {
    changed("\"" LAST "\":{\"dtype\":\"F16\"", "\"" LAST "\":{\"dtype\":\"F7\"", ATTEND_ERROR_UNSUPPORTED, LAST);
    changed("\"" LAST "\":{\"dtype\":\"F16\"", "\"" LAST "\":{\"dtype\":7", ATTEND_ERROR_INVALID_FILE, LAST);
    changed("\"" LAST "\":{\"dtype\":\"F16\"", "\"" LAST "\":{\"dtype\":\"F32\"", ATTEND_ERROR_INVALID_FILE, LAST);
    changed("\"" LAST "\":{\"dtype\":\"F16\"", "\"" LAST "\":{\"dtype\":\"I16\"", ATTEND_ERROR_UNSUPPORTED, LAST);
}

static void truncated(void) {
    const size_t less[] = { 1, 2, 100, good.data_count - 1, good.data_count };
    for (size_t i = 0; i < sizeof less / sizeof *less; i++)
        spoiled(good.header, good.data_count - less[i], ATTEND_ERROR_INVALID_FILE, FILE_NAME);
}

/** An index that puts every tensor of the good file into one shard, and adds `more`. */
static void write_index(const char *shard, const char *more) {
    char *index = malloc(strlen(good.header) + 64 + 300 * strlen(shard) + strlen(more)), *to = index;
    to += sprintf(to, "{\"metadata\":{},\"weight_map\":{");
    for (const char *at = good.header; (at = strstr(at, "\":{\"dtype\""));) {
        const char *name = at;
        while (name[-1] != '"') name--;
        to += sprintf(to, "%s\"%.*s\":\"%s\"", to[-1] == '{' ? "" : ",", (int)(at - name), name, shard);
        at++;
    }
    sprintf(to, "%s}}", more);
    folder_write_text(&place, FILE_NAME ".index.json", index);
    free(index);
}

static void shards(void) {
    folder_delete(&place, FILE_NAME);
    write_index("model-00001-of-00001.safetensors", "");
    refused(ATTEND_ERROR_NOT_FOUND, "model-00001-of-00001.safetensors");
    safetensors_write(&place, "model-00001-of-00001.safetensors", strlen(good.header), good.header, good.data,
                      good.data_count);
    attend_model *model = NULL;
    CHECK_SUCCESS(attend_model_create(place.path, NULL, &model));
    attend_model_free(model);

    safetensors_write(&place, "model-00001-of-00001.safetensors", strlen(good.header), good.header, good.data,
                      good.data_count - 2);
    refused(ATTEND_ERROR_INVALID_FILE, "model-00001-of-00001.safetensors");
    const char *const outside[] = { "../model.safetensors", "/etc/passwd", "", "a/../../b.safetensors" };
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        write_index(outside[i], "");
        refused(ATTEND_ERROR_INVALID_FILE, FILE_NAME ".index.json");
    }
    const char *const wrong[] = {
        "{", "[]", "{}", "{\"weight_map\":[]}", "{\"weight_map\":{\"a\":1}}", "{\"weight_map\":{}}"
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        folder_write_text(&place, FILE_NAME ".index.json", wrong[i]);
        refused(ATTEND_ERROR_INVALID_FILE, FILE_NAME ".index.json");
    }
    write_index("model-00001-of-00001.safetensors", ",\"not.in.the.shard\":\"model-00001-of-00001.safetensors\"");
    safetensors_write(&place, "model-00001-of-00001.safetensors", strlen(good.header), good.header, good.data,
                      good.data_count);
    refused(ATTEND_ERROR_INVALID_FILE, "not.in.the.shard");
}

static void memory_refused(const attend_file *files, size_t count, attend_error_code code, const char *part) {
    attend_model *model = UNTOUCHED;
    CHECK_ERROR(attend_model_create_from_files(files, count, NULL, &model), code, part);
    CHECK(model == UNTOUCHED);
}

/** The default model from memory, as it lies there and copied. */
static void memory(void) {
    bytes config = file_read(DEFAULT_MODEL "/config.json"), tokens = file_read(DEFAULT_MODEL "/tokenizer.json");
    attend_file files[] = { { "config.json", config.data, config.count },
                            { FILE_NAME, good.file.data, good.file.count },
                            { "tokenizer.json", tokens.data, tokens.count } };
    attend_model *model = NULL, *other = NULL;
    CHECK_SUCCESS(attend_model_create(DEFAULT_MODEL, NULL, &other));
    attend_model_info wanted = ATTEND_MODEL_INFO_INIT;
    CHECK_SUCCESS(attend_model_get_info(other, &wanted));
    for (int copies = 0; copies < 2; copies++) {
        attend_model_options options = ATTEND_MODEL_OPTIONS_INIT;
        options.copy_weights = copies;
        CHECK_SUCCESS(attend_model_create_from_files(files, 3, &options, &model));
        attend_model_info info = ATTEND_MODEL_INFO_INIT;
        CHECK_SUCCESS(attend_model_get_info(model, &info));
        CHECK(info.parameters == wanted.parameters);
        const attend_tokenizer *tokenizer = NULL;
        CHECK_SUCCESS(attend_model_tokenizer(model, &tokenizer));
        attend_model_free(model);
    }
    attend_tokenizer *tokenizer = NULL;
    CHECK_SUCCESS(attend_tokenizer_create_from_files(files + 2, 1, &tokenizer));
    attend_tokenizer_free(tokenizer);

    memory_refused(files, 0, ATTEND_ERROR_INVALID_ARGUMENT, "count is 0");
    memory_refused(NULL, 1, ATTEND_ERROR_INVALID_ARGUMENT, "files");
    memory_refused(files, 1, ATTEND_ERROR_NOT_FOUND, "(memory)");
    memory_refused(files + 1, 1, ATTEND_ERROR_NOT_FOUND, "config.json");
    attend_file bad[] = { files[0], files[1] };
    bad[1].size -= 1;
    memory_refused(bad, 2, ATTEND_ERROR_INVALID_FILE, "(memory)/" FILE_NAME);
    bad[1] = (attend_file){ FILE_NAME, NULL, 1 };
    memory_refused(bad, 2, ATTEND_ERROR_INVALID_ARGUMENT, "files[1].data");
    bad[1].name = NULL;
    memory_refused(bad, 2, ATTEND_ERROR_INVALID_ARGUMENT, "files[1].name");
    bad[1].size = SIZE_MAX;
    bad[1].name = FILE_NAME;
    memory_refused(bad, 2, ATTEND_ERROR_INVALID_ARGUMENT, "files[1].size");
    bad[1] = (attend_file){ "../" FILE_NAME, files[1].data, files[1].size };
    memory_refused(bad, 2, ATTEND_ERROR_INVALID_ARGUMENT, "../" FILE_NAME);
    bad[1] = files[0];
    memory_refused(bad, 2, ATTEND_ERROR_INVALID_ARGUMENT, "two files");
    attend_model_free(other);
    free(config.data);
    free(tokens.data);
}

int main(void) {
    checks_begin();
    place = folder_make();
    good = safetensors_read(DEFAULT_MODEL "/" FILE_NAME);
    unharmed();
    lengths();
    headers();
    missing_and_extra();
    shapes();
    offsets();
    types();
    truncated();
    shards();
    memory();
    safetensors_free(&good);
    folder_remove(&place);
    return checks_end();
}
