/* What encoders and decoders give for a read batch: hidden states, the logits of their heads, pooled vectors; against
 * transformers, and by their rules. */
#include "check.h"
#include "expected.h"

#include <stdio.h>
#include <string.h>

#define CASES "Tests/Fixtures/conformance/"
static const float tolerance = 1e-4f;

typedef struct subject {
    attend_model *model;
    attend_session *session;
    sequences sequences;
    attend_batch batch;
} subject;

/** Loads a case and reads its batch. The sequences stay where they are: the batch points to them. */
static bool begin(subject *subject, const char *name) {
    char path[200];
    snprintf(path, sizeof path, CASES "%s", name);
    if (!CHECK_SUCCESS(attend_model_create(path, NULL, &subject->model))) return false;
    subject->session = new_session(subject->model);
    expected_open(path);
    subject->sequences = expected_sequences();
    subject->batch = make_batch(subject->sequences.tokens, subject->sequences.lengths, subject->sequences.count);
    subject->batch.token_types = subject->sequences.types;
    return true;
}

static void end(subject *subject) {
    expected_close();
    attend_session_free(subject->session);
    attend_model_free(subject->model);
}

/** A row for each token, of which `columns` numbers from `first` count, against expected rows with padding. */
static void check_tokens(const subject *subject, const attend_tensor *got, const char *name, size_t first,
                         size_t columns) {
    entry entry;
    const float *wanted = expected_tensor(name, "F32", &entry);
    const sequences *sequences = &subject->sequences;
    size_t row = 0, width = got->shape[1];
    if (!CHECK(got->type == ATTEND_TYPE_FLOAT32 && got->rank == 2 && got->shape[2] == 0 &&
               (entry.rank == 2 ? columns == 1 : entry.shape[2] == columns)))
        return;
    for (size_t i = 0; i < sequences->count; i++) {
        for (size_t place = 0; place < sequences->lengths[i]; place++, row++) {
            if (!CHECK(row < got->shape[0])) return;
            const float *numbers = (const float *)got->data + row * width + first;
            CHECK(largest_difference(numbers, wanted + (i * sequences->width + place) * columns, columns) <= tolerance);
        }
    }
    CHECK(row == got->shape[0]);
}

/** A row for each sequence. */
static void check_sequences(const subject *subject, const attend_tensor *got, const char *name) {
    entry entry;
    const float *wanted = expected_tensor(name, "F32", &entry);
    CHECK(got->type == ATTEND_TYPE_FLOAT32 && got->rank == 2 && got->shape[0] == subject->sequences.count &&
          got->shape[1] == entry.shape[1]);
    CHECK(largest_difference(got->data, wanted, entry.shape[0] * entry.shape[1]) <= tolerance);
}

static void states_and_pooled(const char *name, bool has_pooler, bool has_types) {
    subject subject;
    attend_tensor tensor = { UNTOUCHED, ATTEND_TYPE_INT8, 9, { 9, 9, 9, 9 } };
    if (!begin(&subject, name)) return;
    CHECK_ERROR(attend_session_pooled(subject.session, &tensor),
                has_pooler ? ATTEND_ERROR_INVALID_STATE : ATTEND_ERROR_UNSUPPORTED, "");
    CHECK(tensor.data == UNTOUCHED);
    /* A batch without token types has types of 0, where the model has types. */
    attend_model_info info = ATTEND_MODEL_INFO_INIT;
    CHECK_SUCCESS(attend_model_get_info(subject.model, &info));
    CHECK(info.kind == ATTEND_KIND_ENCODER && info.encoder_layers > 0 && info.decoder_layers == 0 &&
          info.decoder_start_token == -1);
    CHECK(strcmp(attend_model_family(subject.model), name) == 0);
    if (!has_types) {
        CHECK_ERROR(attend_encode(subject.session, &subject.batch), ATTEND_ERROR_INVALID_ARGUMENT, "token_types");
        subject.batch.token_types = NULL;
    }
    CHECK_SUCCESS(attend_encode(subject.session, &subject.batch));
    CHECK_SUCCESS(attend_session_hidden_states(subject.session, &tensor));
    check_tokens(&subject, &tensor, "last_hidden_state", 0, info.hidden_size);
    for (int i = 0; has_pooler && i < 2; i++) { /* it may be asked again */
        CHECK_SUCCESS(attend_session_pooled(subject.session, &tensor));
        check_sequences(&subject, &tensor, "pooler_output");
    }
    CHECK_ERROR(attend_session_logits(subject.session, &tensor), ATTEND_ERROR_UNSUPPORTED, "head");
    const int32_t token = 3;
    CHECK_ERROR(attend_decode_step(subject.session, &token, 1, NULL), ATTEND_ERROR_UNSUPPORTED, "decoder");
    end(&subject);
}

static void logits_of_tokens(const char *name) {
    subject subject;
    attend_tensor logits;
    if (!begin(&subject, name)) return;
    CHECK_ERROR(attend_session_logits(subject.session, &logits), ATTEND_ERROR_INVALID_STATE, "encoded no batch");
    CHECK_SUCCESS(attend_encode(subject.session, &subject.batch));
    CHECK_SUCCESS(attend_session_logits(subject.session, &logits));
    if (strcmp(name, "bert-question-answering") == 0) {
        check_tokens(&subject, &logits, "start_logits", 0, 1);
        check_tokens(&subject, &logits, "end_logits", 1, 1);
    } else {
        check_tokens(&subject, &logits, "logits", 0, logits.shape[1]);
    }
    end(&subject);
}

static void logits_of_sequences(void) {
    subject subject;
    attend_tensor logits;
    if (!begin(&subject, "bert-sequence-classification")) return;
    CHECK_SUCCESS(attend_encode(subject.session, &subject.batch));
    CHECK_SUCCESS(attend_session_logits(subject.session, &logits));
    check_sequences(&subject, &logits, "logits");
    /* Each sequence alone gives the same bits. */
    float together[16][8];
    size_t columns = logits.shape[1], first = 0;
    if (CHECK(columns <= 8)) {
        for (size_t i = 0; i < subject.sequences.count; i++)
            memcpy(together[i], (const float *)logits.data + i * columns, columns * sizeof(float));
        for (size_t i = 0; i < subject.sequences.count; first += subject.sequences.lengths[i++]) {
            attend_batch alone = make_batch(subject.sequences.tokens + first, subject.sequences.lengths + i, 1);
            alone.token_types = subject.sequences.types + first;
            CHECK_SUCCESS(attend_encode(subject.session, &alone));
            CHECK_SUCCESS(attend_session_logits(subject.session, &logits));
            CHECK(logits.shape[0] == 1 && memcmp(logits.data, together[i], columns * sizeof(float)) == 0);
        }
    }
    end(&subject);
}

static void wrong_types(void) {
    subject subject;
    if (!begin(&subject, "bert")) return;
    subject.sequences.types[4] = 2;
    CHECK_ERROR(attend_encode(subject.session, &subject.batch), ATTEND_ERROR_INVALID_ARGUMENT,
                "token type 2 at position 4 of sequence 0");
    subject.sequences.types[4] = -1;
    CHECK_ERROR(attend_encode(subject.session, &subject.batch), ATTEND_ERROR_INVALID_ARGUMENT, "token type -1");
    end(&subject);
}

/** After a prompt a decoder tells what may follow it: what a decode of the last token would have told. */
static void logits_of_prompts(void) {
    subject subject;
    attend_tensor logits;
    if (!begin(&subject, "gpt2")) return;
    subject.batch.token_types = NULL;
    attend_model_info info = ATTEND_MODEL_INFO_INIT;
    CHECK_SUCCESS(attend_model_get_info(subject.model, &info));
    CHECK(info.kind == ATTEND_KIND_DECODER && info.encoder_layers == 0 && info.decoder_layers > 0);
    CHECK_SUCCESS(attend_encode(subject.session, &subject.batch));
    CHECK_SUCCESS(attend_session_logits(subject.session, &logits));
    CHECK(logits.shape[0] == subject.sequences.count && logits.shape[1] == info.vocabulary_size);
    entry entry;
    const float *wanted = expected_tensor("logits", "F32", &entry);
    for (size_t i = 0; i < subject.sequences.count; i++) {
        const float *last = wanted + (i * entry.shape[1] + subject.sequences.lengths[i] - 1) * entry.shape[2];
        CHECK(largest_difference((const float *)logits.data + i * entry.shape[2], last, entry.shape[2]) <= tolerance);
    }
    CHECK_ERROR(attend_session_pooled(subject.session, &logits), ATTEND_ERROR_UNSUPPORTED, "pooler");
    const int32_t tokens[16] = { 3, 4, 5 };
    CHECK_SUCCESS(attend_decode_step(subject.session, tokens, subject.sequences.count, NULL));
    CHECK_ERROR(attend_session_logits(subject.session, &logits), ATTEND_ERROR_INVALID_STATE, "encoded no batch");
    CHECK_SUCCESS(attend_encode(subject.session, &subject.batch));
    const size_t parents[] = { 0 };
    CHECK_SUCCESS(attend_session_select(subject.session, parents, 1));
    CHECK_ERROR(attend_session_logits(subject.session, &logits), ATTEND_ERROR_INVALID_STATE, "encoded no batch");
    end(&subject);
}

/** Of an encoder-decoder the decoder's steps tell. */
static void an_encoder_decoder(void) {
    attend_model *model = load_default_model();
    attend_session *session = new_session(model);
    const int32_t hello[] = { 13, 10, 17, 17, 20, 0 };
    const size_t length = 6;
    attend_batch batch = make_batch(hello, &length, 1);
    attend_tensor tensor;
    CHECK_SUCCESS(attend_encode(session, &batch));
    CHECK_ERROR(attend_session_logits(session, &tensor), ATTEND_ERROR_UNSUPPORTED, "decoder");
    CHECK_ERROR(attend_session_pooled(session, &tensor), ATTEND_ERROR_UNSUPPORTED, "pooler");
    attend_session_free(session);
    attend_model_free(model);
}

int main(void) {
    checks_begin();
    states_and_pooled("bert", true, true);
    states_and_pooled("roberta", true, true);
    states_and_pooled("xlm-roberta", true, true);
    states_and_pooled("albert", true, true);
    states_and_pooled("electra", false, true);
    states_and_pooled("distilbert", false, false);
    states_and_pooled("mpnet", true, false);
    states_and_pooled("modernbert", false, false);
    states_and_pooled("deberta-v2", false, false);
    logits_of_tokens("bert-masked-lm");
    logits_of_tokens("bert-token-classification");
    logits_of_tokens("bert-question-answering");
    logits_of_sequences();
    wrong_types();
    logits_of_prompts();
    an_encoder_decoder();
    return checks_end();
}
