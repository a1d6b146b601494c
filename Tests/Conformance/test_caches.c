/* Beginnings of prompts that are kept, sessions that are saved and go on in another process, keys and values in fewer
 * bits. */
#define _DEFAULT_SOURCE /* mkdtemp, readlink */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define LLAMA   "Tests/Fixtures/conformance/llama"
#define LONGEST 120

static int32_t text[LONGEST], other[LONGEST];
static char program[4096];

/** A session that may read long texts. */
static attend_session *make(const attend_model *model, size_t prefix_cache_bytes, attend_key_value_type type) {
    attend_session_options options = ATTEND_SESSION_OPTIONS_INIT;
    options.beyond_positions = true;
    options.prefix_cache_bytes = prefix_cache_bytes;
    options.key_value_type = type;
    attend_session *session = NULL;
    CHECK_SUCCESS(attend_session_create(model, &options, &session));
    return session;
}

/** Reads a prompt behind the live sequences; how much of it was found, and a copy of the logits of its last token. */
static size_t read_prompt(attend_session *session, const int32_t *tokens, size_t count, float *logits, size_t width) {
    size_t found = 0, before = 0;
    CHECK_SUCCESS(attend_session_count(session, &before));
    CHECK_SUCCESS(attend_session_add_prompt(session, tokens, count, &found));
    if (!CHECK(found < count)) return found;
    size_t *lengths = calloc(before + 1, sizeof *lengths);
    lengths[before] = count - found;
    attend_batch batch = make_batch(tokens + found, lengths, before + 1);
    batch.logits = ATTEND_LOGITS_LAST;
    attend_tensor view;
    if (CHECK_SUCCESS(attend_decode(session, &batch, &view)) && CHECK(view.shape[1] == width)) {
        memcpy(logits, (const float *)view.data + before * width, width * sizeof *logits);
    }
    free(lengths);
    return found;
}

static void prefixes(const attend_model *model, size_t width) {
    attend_session *session = make(model, 1 << 20, ATTEND_KEY_VALUE_DEFAULT);
    attend_session *plain = make(model, 0, ATTEND_KEY_VALUE_DEFAULT);
    float *mine = calloc(width, sizeof *mine), *expected = calloc(width, sizeof *expected);
    CHECK(read_prompt(session, text, 100, mine, width) == 0);
    CHECK_SUCCESS(attend_session_keep_prefix(session, 0, text, 100));
    size_t alike = 0;
    while (alike < 100 && text[alike] == other[alike]) alike++;
    CHECK(alike > 64 && read_prompt(session, other, 110, mine, width) == alike);
    CHECK(read_prompt(plain, other, 110, expected, width) == 0);
    CHECK(memcmp(mine, expected, width * sizeof *mine) == 0);

    attend_prefix_cache_stats stats = ATTEND_PREFIX_CACHE_STATS_INIT;
    CHECK_SUCCESS(attend_session_prefix_cache_stats(session, &stats));
    CHECK(stats.lookups == 2 && stats.hits == 1 && stats.tokens == alike && stats.bytes > 0);
    CHECK_SUCCESS(attend_session_prefix_cache_clear(session));
    CHECK_SUCCESS(attend_session_prefix_cache_stats(session, &stats));
    CHECK(stats.bytes == 0);
    CHECK(read_prompt(session, other, 110, mine, width) == 0);
    CHECK_SUCCESS(attend_session_prefix_cache_stats(plain, &stats));
    CHECK(stats.lookups == 0);

    size_t found = 7;
    CHECK_ERROR(attend_session_keep_prefix(session, 0, text, 101), ATTEND_ERROR_INVALID_ARGUMENT, "101");
    CHECK_ERROR(attend_session_keep_prefix(session, 9, text, 1), ATTEND_ERROR_INVALID_ARGUMENT, "index is 9");
    CHECK_ERROR(attend_session_keep_prefix(session, 0, NULL, 1), ATTEND_ERROR_INVALID_ARGUMENT, "tokens");
    CHECK_ERROR(attend_session_add_prompt(session, text, SIZE_MAX, &found), ATTEND_ERROR_INVALID_ARGUMENT, "count");
    CHECK_ERROR(attend_session_add_prompt(session, text, 1, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "found");
    CHECK(found == 7);
    free(mine);
    free(expected);
    attend_session_free(session);
    attend_session_free(plain);
}

/** What another process does: it restores a session from a file and writes the logits of a step to a second one. */
static int restored(const char *model_path, const char *path, const char *result) {
    attend_model *model;
    attend_session *session;
    attend_tensor logits;
    const int32_t tokens[] = { 5, 6 };
    if (attend_model_create(model_path, NULL, &model) || attend_session_create(model, NULL, &session)) return 1;
    if (attend_session_restore_file(session, path) || attend_decode_step(session, tokens, 2, &logits)) return 2;
    FILE *file = fopen(result, "wb");
    if (!file) return 3;
    size_t count = logits.shape[0] * logits.shape[1];
    bool whole = fwrite(logits.data, sizeof(float), count, file) == count;
    return fclose(file) == 0 && whole ? 0 : 4;
}

static void elsewhere(const char *model_path) {
    char folder[] = "/tmp/attend-XXXXXX", path[64], result[64];
    if (!CHECK(mkdtemp(folder) != NULL)) return;
    snprintf(path, sizeof path, "%s/kept", folder);
    snprintf(result, sizeof result, "%s/logits", folder);
    attend_model *model;
    attend_session *session;
    if (!CHECK_SUCCESS(attend_model_create(model_path, NULL, &model))) return;
    if (!CHECK_SUCCESS(attend_session_create(model, NULL, &session))) return;
    const size_t lengths[] = { 6, 4 };
    const int32_t first[] = { 1, 1 }, second[] = { 5, 6 };
    attend_batch batch = make_batch(text, lengths, 2);
    CHECK_SUCCESS(attend_encode(session, &batch));
    CHECK_SUCCESS(attend_decode_step(session, first, 2, NULL));
    CHECK_SUCCESS(attend_session_save_file(session, NULL, 0, path));
    attend_tensor logits;
    CHECK_SUCCESS(attend_decode_step(session, second, 2, &logits));

    pid_t child = fork();
    if (child == 0) {
        execl(program, program, model_path, path, result, (char *)NULL);
        _exit(99);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    size_t count = logits.shape[0] * logits.shape[1];
    float *theirs = calloc(count, sizeof *theirs);
    FILE *file = fopen(result, "rb");
    if (CHECK(file != NULL)) {
        CHECK(fread(theirs, sizeof *theirs, count, file) == count);
        fclose(file);
    }
    CHECK(memcmp(theirs, logits.data, count * sizeof *theirs) == 0);
    free(theirs);
    unlink(path);
    unlink(result);
    CHECK(rmdir(folder) == 0);
    attend_session_free(session);
    attend_model_free(model);
}

static void saving(const attend_model *llama) {
    attend_model *model = load_default_model();
    attend_session *session = new_session(model), *second = new_session(model);
    attend_text *saved = UNTOUCHED;
    CHECK_ERROR(attend_session_save(session, NULL, 0, &saved), ATTEND_ERROR_INVALID_STATE, "encode");
    const size_t length = 5, indices[] = { 0, 0, 1 };
    attend_batch batch = make_batch(text, &length, 1);
    CHECK_SUCCESS(attend_encode(session, &batch));
    CHECK_ERROR(attend_session_save(session, indices, 3, &saved), ATTEND_ERROR_INVALID_ARGUMENT, "indices[2] is 1");
    CHECK_ERROR(attend_session_save(session, NULL, 1, &saved), ATTEND_ERROR_INVALID_ARGUMENT, "indices");
    CHECK_ERROR(attend_session_save(session, indices, 2, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "bytes");
    CHECK_ERROR(attend_session_save_file(session, NULL, 0, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "path");
    CHECK(saved == UNTOUCHED);
    if (!CHECK_SUCCESS(attend_session_save(session, indices, 2, &saved))) return;
    size_t size = 0, count = 9;
    const char *bytes = attend_text_bytes(saved, &size);
    CHECK(size > 64 && bytes[size] == 0);
    CHECK_SUCCESS(attend_session_restore(second, bytes, size));
    CHECK_SUCCESS(attend_session_count(second, &count));
    CHECK(count == 2);
    for (size_t cut = 0; cut < size; cut += size / 9 + 1) {
        CHECK_ERROR(attend_session_restore(second, bytes, cut), ATTEND_ERROR_INVALID_FILE, "the saved session");
    }
    CHECK_ERROR(attend_session_restore(second, NULL, 8), ATTEND_ERROR_INVALID_ARGUMENT, "bytes");
    CHECK_ERROR(attend_session_restore_file(second, "no/such/file"), ATTEND_ERROR_NOT_FOUND, "no/such/file");
    attend_session *stranger = new_session(llama);
    CHECK_ERROR(attend_session_restore(stranger, bytes, size), ATTEND_ERROR_INVALID_ARGUMENT, "marian");
    CHECK_SUCCESS(attend_session_count(second, &count));
    CHECK(count == 2);
    attend_text_free(saved);
    attend_session_free(stranger);
    attend_session_free(second);
    attend_session_free(session);
    attend_model_free(model);
}

static void types(const attend_model *model, size_t width) {
    float *mine = calloc(width, sizeof *mine), *expected = calloc(width, sizeof *expected);
    size_t memory[5] = { 0 };
    for (int type = ATTEND_KEY_VALUE_DEFAULT; type <= ATTEND_KEY_VALUE_INT4; type++) {
        attend_session *session = make(model, 0, (attend_key_value_type)type);
        for (int sequence = 0; sequence < 30; sequence++) read_prompt(session, text, LONGEST, mine, width);
        CHECK_SUCCESS(attend_session_memory(session, &memory[type]));
        if (type == ATTEND_KEY_VALUE_DEFAULT) memcpy(expected, mine, width * sizeof *mine);
        bool same = memcmp(mine, expected, width * sizeof *mine) == 0;
        CHECK(same == (type <= ATTEND_KEY_VALUE_FLOAT32));
        attend_session_free(session);
    }
    CHECK(memory[0] == memory[ATTEND_KEY_VALUE_FLOAT32]);
    CHECK(memory[ATTEND_KEY_VALUE_BFLOAT16] < memory[ATTEND_KEY_VALUE_FLOAT32]);
    attend_session_options options = ATTEND_SESSION_OPTIONS_INIT;
    attend_session *session = UNTOUCHED;
    options.key_value_type = (attend_key_value_type)5;
    CHECK_ERROR(attend_session_create(model, &options, &session), ATTEND_ERROR_INVALID_ARGUMENT, "key_value_type is 5");
    options.key_value_type = ATTEND_KEY_VALUE_DEFAULT;
    options.prefix_cache_bytes = SIZE_MAX;
    CHECK_ERROR(attend_session_create(model, &options, &session), ATTEND_ERROR_INVALID_ARGUMENT, "prefix_cache_bytes");
    CHECK(session == UNTOUCHED);
    free(mine);
    free(expected);
}

int main(int count, char **arguments) {
    if (count == 4) return restored(arguments[1], arguments[2], arguments[3]);
    checks_begin();
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (!CHECK(length > 0)) return checks_end();
    for (size_t i = 0; i < LONGEST; i++) text[i] = (int32_t)(3 + i * i % 60);
    for (size_t i = 0; i < LONGEST; i++) other[i] = i < 70 ? text[i] : (int32_t)(4 + i % 50);
    attend_model *model;
    if (!CHECK_SUCCESS(attend_model_create(LLAMA, NULL, &model))) return checks_end();
    attend_model_info info = ATTEND_MODEL_INFO_INIT;
    CHECK_SUCCESS(attend_model_get_info(model, &info));
    prefixes(model, info.decoder_vocabulary_size);
    elsewhere(DEFAULT_MODEL);
    saving(model);
    types(model, info.decoder_vocabulary_size);
    attend_model_free(model);
    return checks_end();
}
