/* SPDX-License-Identifier: Apache-2.0
 * The whole library in one function: reads "hello", writes its phonemes. Run it where models/g2p-en is. README.md
 * shows it as it is. */
/* clang-format off */
#include <attend.h>
#include <stdio.h>
#define TRY(call) do { attend_error *error = (call); if (error) { \
    fprintf(stderr, "%s\n", attend_error_message(error)); attend_error_free(error); return 1; } } while (0)

int main(void) {
    attend_model *model; attend_session *session; attend_encoding *word; const attend_tokenizer *tokenizer;
    TRY(attend_model_create("models/g2p-en", NULL, &model));
    TRY(attend_session_create(model, NULL, &session));
    TRY(attend_model_tokenizer(model, &tokenizer));
    TRY(attend_tokenizer_encode(tokenizer, "hello", 5, NULL, &word));

    attend_batch batch = ATTEND_BATCH_INIT;
    size_t length;
    batch.tokens = attend_encoding_ids(word, &length), batch.lengths = &length, batch.count = 1;
    TRY(attend_encode(session, &batch));

    attend_model_info info = ATTEND_MODEL_INFO_INIT;
    TRY(attend_model_get_info(model, &info));
    printf("hello:");
    for (int32_t token = info.decoder_start_token; token != info.end_token;) {
        attend_tensor logits;
        TRY(attend_decode_step(session, &token, 1, &logits));
        const float *score = logits.data;
        token = 0;
        for (int32_t id = 1; id < (int32_t)logits.shape[1]; id++) if (score[id] > score[token]) token = id;
        if (token != info.end_token) printf(" %s", attend_tokenizer_token(tokenizer, token, NULL));
    }
    printf("\n");
    attend_encoding_free(word), attend_session_free(session), attend_model_free(model);
}
