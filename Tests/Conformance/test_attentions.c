/* Attention maps: those of transformers, for whom they are recorded, and what is said where they are not. */
#include "check.h"
#include "expected.h"

#include <stdio.h>

#define CASES "Tests/Fixtures/conformance/"
static const float tolerance = 1e-5f;

/** The map of every sequence against [batch, heads, queries, keys] with padding behind; `padded_queries`: the queries
 * have it too. */
static void check_maps(attend_session *session, attend_attention_kind kind, size_t layer, const char *name,
                       const sequences *sequences, bool padded_queries, bool padded_keys) {
    entry entry;
    const float *wanted = expected_tensor(name, "F32", &entry);
    const size_t heads = entry.shape[1], rows = entry.shape[2], columns = entry.shape[3];
    for (size_t i = 0; i < entry.shape[0]; i++) {
        attend_tensor map;
        if (!CHECK_SUCCESS(attend_session_attentions(session, kind, layer, i, &map))) return;
        const size_t queries = padded_queries ? sequences->lengths[i] : rows,
                     keys = padded_keys ? sequences->lengths[i] : columns;
        if (!CHECK(map.type == ATTEND_TYPE_FLOAT32 && map.rank == 3 && map.shape[0] == heads &&
                   map.shape[1] == queries && map.shape[2] == keys && map.shape[3] == 0))
            return;
        for (size_t row = 0; row < heads * queries; row++) {
            const float *expected = wanted + ((i * heads + row / queries) * rows + row % queries) * columns;
            CHECK(largest_difference((const float *)map.data + row * keys, expected, keys) <= tolerance);
        }
    }
}

static void maps_of(const char *name) {
    char path[200];
    attend_model *model;
    snprintf(path, sizeof path, CASES "%s", name);
    if (!CHECK_SUCCESS(attend_model_create(path, NULL, &model))) return;
    expected_open(path);
    attend_session *session = new_session(model);
    attend_model_info info = ATTEND_MODEL_INFO_INIT;
    CHECK_SUCCESS(attend_model_get_info(model, &info));
    sequences sequences = expected_sequences();
    attend_batch batch = make_batch(sequences.tokens, sequences.lengths, sequences.count);
    CHECK_SUCCESS(attend_session_record_attentions(session, true));
    CHECK_SUCCESS(attend_encode(session, &batch));
    if (info.kind == ATTEND_KIND_ENCODER)
        batch.token_types = sequences.types, CHECK_SUCCESS(attend_encode(session, &batch));
    if (info.kind != ATTEND_KIND_ENCODER_DECODER) {
        const attend_attention_kind kind =
            info.kind == ATTEND_KIND_ENCODER ? ATTEND_ATTENTION_ENCODER : ATTEND_ATTENTION_DECODER;
        check_maps(session, kind, 0, "attentions.0", &sequences, true, true);
    } else {
        entry entry;
        check_maps(session, ATTEND_ATTENTION_ENCODER, 0, "encoder_attentions.0", &sequences, true, true);
        const int32_t *targets = expected_tensor("decoder_input_ids", "I32", &entry);
        size_t lengths[16];
        for (size_t i = 0; i < entry.shape[0]; i++) lengths[i] = entry.shape[1];
        attend_batch decoded = make_batch(targets, lengths, entry.shape[0]);
        CHECK_SUCCESS(attend_decode(session, &decoded, NULL));
        check_maps(session, ATTEND_ATTENTION_DECODER, 0, "decoder_attentions.0", &sequences, false, false);
        check_maps(session, ATTEND_ATTENTION_CROSS, 0, "cross_attentions.0", &sequences, false, true);
    }
    attend_session_free(session);
    attend_model_free(model);
    expected_close();
}

static void what_is_refused(void) {
    attend_model *model = load_default_model();
    attend_session *session = new_session(model);
    const int32_t hello[] = { 13, 10, 17, 17, 20, 0 };
    const size_t length = 6, parent = 0;
    attend_batch batch = make_batch(hello, &length, 1);
    attend_tensor map = { UNTOUCHED, ATTEND_TYPE_INT8, 9, { 9, 9, 9, 9 } };
    CHECK_ERROR(attend_session_record_attentions(NULL, true), ATTEND_ERROR_INVALID_ARGUMENT, "session");
    CHECK_SUCCESS(attend_encode(session, &batch));
    CHECK_ERROR(attend_session_attentions(session, ATTEND_ATTENTION_ENCODER, 0, 0, &map), ATTEND_ERROR_INVALID_STATE,
                "not recorded");
    CHECK_SUCCESS(attend_session_record_attentions(session, true));
    CHECK_ERROR(attend_session_attentions(session, ATTEND_ATTENTION_ENCODER, 0, 0, &map), ATTEND_ERROR_INVALID_STATE,
                "no attention maps");
    CHECK_SUCCESS(attend_encode(session, &batch));
    CHECK_ERROR(attend_session_attentions(session, (attend_attention_kind)0, 0, 0, &map), ATTEND_ERROR_INVALID_ARGUMENT,
                "kind is 0");
    CHECK_ERROR(attend_session_attentions(session, ATTEND_ATTENTION_ENCODER, 4, 0, &map), ATTEND_ERROR_INVALID_ARGUMENT,
                "layer is 4");
    CHECK_ERROR(attend_session_attentions(session, ATTEND_ATTENTION_ENCODER, SIZE_MAX, 0, &map),
                ATTEND_ERROR_INVALID_ARGUMENT, "layer");
    CHECK_ERROR(attend_session_attentions(session, ATTEND_ATTENTION_ENCODER, 0, 1, &map), ATTEND_ERROR_INVALID_ARGUMENT,
                "sequence is 1");
    CHECK_ERROR(attend_session_attentions(session, ATTEND_ATTENTION_ENCODER, 0, 0, NULL), ATTEND_ERROR_INVALID_ARGUMENT,
                "map");
    CHECK_ERROR(attend_session_attentions(session, ATTEND_ATTENTION_CROSS, 0, 0, &map), ATTEND_ERROR_INVALID_STATE,
                "of this kind");
    CHECK(map.data == UNTOUCHED);
    CHECK_SUCCESS(attend_session_attentions(session, ATTEND_ATTENTION_ENCODER, 3, 0, &map));
    CHECK(map.rank == 3 && map.shape[1] == 6 && map.shape[2] == 6);
    CHECK_SUCCESS(attend_session_select(session, &parent, 1));
    CHECK_ERROR(attend_session_attentions(session, ATTEND_ATTENTION_ENCODER, 0, 0, &map), ATTEND_ERROR_INVALID_STATE,
                "no attention maps");
    attend_session_free(session);
    attend_model_free(model);
}

int main(void) {
    checks_begin();
    maps_of("bert");
    maps_of("llama");
    maps_of("marian");
    maps_of("bart");
    what_is_refused();
    return checks_end();
}
