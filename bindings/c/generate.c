/* SPDX-License-Identifier: Apache-2.0
 * From a folder to answers: reads two words, writes for each the two best lists of phonemes. Run it where models/g2p-en
 * is. README.md shows it as it is. */
/* clang-format off */
#include <attend.h>
#include <stdio.h>
#define TRY(call) do { attend_error *error = (call); if (error) { \
    fprintf(stderr, "%s\n", attend_error_message(error)); attend_error_free(error); return 1; } } while (0)

int main(void) {
    attend_model *model; attend_session *session; attend_generation *found;
    const char *words[] = {"hello", "attention"};
    const size_t lengths[] = {5, 9};
    attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
    options.config = "{\"num_beams\": 4, \"num_return_sequences\": 2}";

    TRY(attend_model_create("models/g2p-en", NULL, &model));
    TRY(attend_session_create(model, NULL, &session));
    TRY(attend_generate_texts(session, words, lengths, 2, &options, &found));

    for (size_t word = 0; word < attend_generation_count(found); word++) {
        for (size_t rank = 0; rank < attend_generation_hypothesis_count(found, word); rank++) {
            attend_hypothesis best = ATTEND_HYPOTHESIS_INIT;
            TRY(attend_generation_get_hypothesis(found, word, rank, &best));
            printf("%s: %s (%.2f)\n", words[word], best.text, best.score);
        }
    }
    attend_generation_free(found), attend_session_free(session), attend_model_free(model);
}
