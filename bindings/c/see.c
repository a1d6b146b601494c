/* SPDX-License-Identifier: Apache-2.0
 * Says what is in a picture, and what is said in a recording, by the small models of this repository. Run it where
 * models/ is. README.md shows it as it is. */
/* clang-format off */
#include <attend.h>
#include <stdio.h>
#define TRY(call) do { attend_error *error = (call); if (error) { \
    fprintf(stderr, "%s\n", attend_error_message(error)); attend_error_free(error); return 1; } } while (0)

int main(void) {
    attend_model *model; attend_session *session; attend_generation *seen; attend_transcription *heard;
    attend_hypothesis best = ATTEND_HYPOTHESIS_INIT;
    attend_input input = ATTEND_INPUT_INIT;
    input.kind = ATTEND_INPUT_FILE;

    TRY(attend_model_create("models/shapes-en", NULL, &model));
    TRY(attend_session_create(model, NULL, &session));
    input.data = "models/shapes-en/scene.png";
    TRY(attend_describe(session, &input, 1, NULL, NULL, &seen));
    TRY(attend_generation_get_hypothesis(seen, 0, 0, &best));
    printf("%s\n", best.text);
    attend_generation_free(seen), attend_session_free(session), attend_model_free(model);

    TRY(attend_model_create("models/numbers-en", NULL, &model));
    TRY(attend_session_create(model, NULL, &session));
    input.data = "models/numbers-en/date.wav";
    TRY(attend_transcribe(session, &input, 1, NULL, &heard));
    printf("%s\n", attend_transcription_text(heard, 0, NULL));
    attend_transcription_free(heard), attend_session_free(session), attend_model_free(model);
}
