/* Embeddings: texts in, vectors out; by the modules of a folder in the layout of sentence-transformers, and of a bare
 * checkpoint. */
#include "check.h"
#include "expected.h"
#include "folder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { width = 32 };

static const char *const texts[] = { "w7 w9 w30", NULL, "w50 w50\0w3 " };
static const size_t lengths[] = { 9, 0, 10 };
static const int32_t tokens[] = { 1, 7, 9, 30, 2, 1, 2, 1, 50, 0, 2 };
static const size_t token_lengths[] = { 5, 2, 4 };

static void add_modules(const folder *folder, const char *pooling) {
    folder_write_text(
        folder, "modules.json",
        "[{\"idx\": 0, \"name\": \"0\", \"path\": \"\", \"type\": \"sentence_transformers.models.Transformer\"},"
        " {\"idx\": 1, \"name\": \"1\", \"path\": \"1_Pooling\", \"type\": \"sentence_transformers.models.Pooling\"},"
        " {\"idx\": 2, \"name\": \"2\", \"path\": \"2_Normalize\", \"type\": "
        "\"sentence_transformers.models.Normalize\"}]");
    mkdir(folder_path(folder, "1_Pooling"), 0700);
    folder_write_text(folder, "1_Pooling/config.json", pooling);
}

static void remove_folder(const folder *folder) {
    remove(folder_path(folder, "1_Pooling/config.json"));
    folder_remove(folder);
}

/** The vectors of the texts against the mean of the states that their tokens have, of length 1 where `normalized`. */
static void check_means(attend_session *session, const attend_tensor *got, bool normalized) {
    float vectors[3][width];
    attend_tensor states, pooled;
    if (!CHECK(got->type == ATTEND_TYPE_FLOAT32 && got->rank == 2 && got->shape[0] == 3 && got->shape[1] == width &&
               got->shape[2] == 0))
        return;
    memcpy(vectors, got->data, sizeof vectors);
    attend_batch batch = make_batch(tokens, token_lengths, 3);
    CHECK_SUCCESS(attend_encode(session, &batch));
    CHECK_SUCCESS(attend_session_hidden_states(session, &states));
    const float *state = states.data;
    for (size_t i = 0; i < 3; i++) {
        double mean[width] = { 0 }, length = 0;
        for (size_t token = 0; token < token_lengths[i]; token++, state += width) {
            for (int j = 0; j < width; j++) mean[j] += state[j] / (double)token_lengths[i];
        }
        for (int j = 0; j < width; j++) length += mean[j] * mean[j];
        for (int j = 0; j < width; j++)
            CHECK(fabs(vectors[i][j] - (normalized ? mean[j] / sqrt(length) : mean[j])) < 1e-5);
    }
    if (normalized) { /* the same vectors for a batch of one's own */
        CHECK_SUCCESS(attend_session_pooled(session, &pooled));
        CHECK(pooled.shape[0] == 3 && pooled.shape[1] == width && memcmp(pooled.data, vectors, sizeof vectors) == 0);
    }
}

static void means_of(bool with_modules) {
    folder folder = folder_make_words();
    attend_model *model;
    attend_tensor got;
    size_t count = 7;
    if (with_modules) add_modules(&folder, "{\"word_embedding_dimension\": 32, \"pooling_mode_mean_tokens\": true}");
    if (CHECK_SUCCESS(attend_model_create(folder.path, NULL, &model))) {
        attend_session *session = new_session(model);
        CHECK_SUCCESS(attend_embed(session, texts, lengths, 3, NULL, &got));
        CHECK_SUCCESS(attend_session_count(session, &count));
        CHECK(count == 0);
        check_means(session, &got, with_modules);
        attend_session_free(session);
        attend_model_free(model);
    }
    remove_folder(&folder);
}

/** The first numbers of each vector. A program of version 0.1 has no truncate_dim. */
static void truncated(void) {
    folder folder = folder_make_words();
    attend_model *model;
    attend_tensor got;
    float vectors[3][width];
    add_modules(&folder, "{\"pooling_mode\": \"mean\"}");
    if (CHECK_SUCCESS(attend_model_create(folder.path, NULL, &model))) {
        attend_session *session = new_session(model);
        attend_embed_options options = ATTEND_EMBED_OPTIONS_INIT;
        CHECK_SUCCESS(attend_embed(session, texts, lengths, 3, &options, &got));
        memcpy(vectors, got.data, sizeof vectors);
        options.truncate_dim = 5;
        CHECK_SUCCESS(attend_embed(session, texts, lengths, 3, &options, &got));
        CHECK(got.shape[0] == 3 && got.shape[1] == 5);
        for (int i = 0; i < 3; i++) CHECK(memcmp((const float *)got.data + 5 * i, vectors[i], 5 * sizeof(float)) == 0);
        options.truncate_dim = width + 1;
        CHECK_SUCCESS(attend_embed(session, texts, lengths, 3, &options, &got));
        CHECK(got.shape[1] == width && memcmp(got.data, vectors, sizeof vectors) == 0);
        options.truncate_dim = 5, options.struct_size = 24;
        CHECK_SUCCESS(attend_embed(session, texts, lengths, 3, &options, &got));
        CHECK(got.shape[1] == width);
        options.truncate_dim = SIZE_MAX, options.struct_size = sizeof options;
        CHECK_ERROR(attend_embed(session, texts, lengths, 3, &options, &got), ATTEND_ERROR_INVALID_ARGUMENT,
                    "truncate_dim");
        attend_session_free(session);
        attend_model_free(model);
    }
    remove_folder(&folder);
}

static void wrong_arguments(void) {
    folder folder = folder_make_words();
    attend_model *model;
    attend_tensor got = { UNTOUCHED, ATTEND_TYPE_INT8, 9, { 9, 9, 9, 9 } };
    if (CHECK_SUCCESS(attend_model_create(folder.path, NULL, &model))) {
        attend_session *session = new_session(model);
        attend_batch batch = make_batch(tokens, token_lengths, 3);
        size_t count = 0;
        const size_t endless[] = { SIZE_MAX, 0, 0 }, with_null[] = { 9, 1, 10 };
        attend_embed_options options = ATTEND_EMBED_OPTIONS_INIT, future = ATTEND_EMBED_OPTIONS_INIT;
        CHECK_SUCCESS(attend_encode(session, &batch));
        CHECK_ERROR(attend_embed(NULL, texts, lengths, 3, NULL, &got), ATTEND_ERROR_INVALID_ARGUMENT, "session");
        CHECK_ERROR(attend_embed(session, NULL, lengths, 3, NULL, &got), ATTEND_ERROR_INVALID_ARGUMENT, "texts");
        CHECK_ERROR(attend_embed(session, texts, NULL, 3, NULL, &got), ATTEND_ERROR_INVALID_ARGUMENT, "lengths");
        CHECK_ERROR(attend_embed(session, texts, lengths, 3, NULL, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "embeddings");
        CHECK_ERROR(attend_embed(session, texts, lengths, 0, NULL, &got), ATTEND_ERROR_INVALID_ARGUMENT, "count is 0");
        CHECK_ERROR(attend_embed(session, texts, lengths, SIZE_MAX, NULL, &got), ATTEND_ERROR_INVALID_ARGUMENT,
                    "count");
        CHECK_ERROR(attend_embed(session, texts, endless, 3, NULL, &got), ATTEND_ERROR_INVALID_ARGUMENT, "lengths[0]");
        CHECK_ERROR(attend_embed(session, texts, with_null, 3, NULL, &got), ATTEND_ERROR_INVALID_ARGUMENT, "texts[1]");
        options.prompt = "w3 ", options.prompt_name = "query";
        CHECK_ERROR(attend_embed(session, texts, lengths, 3, &options, &got), ATTEND_ERROR_INVALID_ARGUMENT, "both");
        options.prompt = NULL, options.prompt_name = "passage";
        CHECK_ERROR(attend_embed(session, texts, lengths, 3, &options, &got), ATTEND_ERROR_INVALID_ARGUMENT, "passage");
        future.struct_size = 7;
        CHECK_ERROR(attend_embed(session, texts, lengths, 3, &future, &got), ATTEND_ERROR_INVALID_ARGUMENT,
                    "struct_size");
        CHECK(got.data == UNTOUCHED);
        CHECK_SUCCESS(attend_session_count(session, &count));
        CHECK(count == 3); /* refused calls leave the session as it was */
        attend_session_free(session);
        attend_model_free(model);
    }
    remove_folder(&folder);
}

static void refused_folders(void) {
    folder folder = folder_make_words();
    attend_model *model = UNTOUCHED;
    add_modules(&folder, "{\"pooling_mode\": \"median\"}");
    CHECK_ERROR(attend_model_create(folder.path, NULL, &model), ATTEND_ERROR_UNSUPPORTED, "median");
    folder_write_text(&folder, "modules.json",
                      "[{\"path\": \"\", \"type\": \"sentence_transformers.models.Transformer\"},"
                      " {\"path\": \"1_LSTM\", \"type\": \"sentence_transformers.models.LSTM\"}]");
    CHECK_ERROR(attend_model_create(folder.path, NULL, &model), ATTEND_ERROR_UNSUPPORTED,
                "sentence_transformers.models.LSTM");
    CHECK(model == UNTOUCHED);
    remove_folder(&folder);

    model = load_default_model();
    attend_session *session = new_session(model);
    attend_tensor got;
    CHECK_ERROR(attend_embed(session, texts, lengths, 1, NULL, &got), ATTEND_ERROR_UNSUPPORTED, "encoder-decoder");
    attend_session_free(session);
    attend_model_free(model);
}

int main(void) {
    checks_begin();
    means_of(true);
    means_of(false);
    truncated();
    wrong_arguments();
    refused_folders();
    return checks_end();
}
