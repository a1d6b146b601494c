/* SPDX-License-Identifier: Apache-2.0 */
#include "greedy.h"

#include <stdio.h>
#include <stdlib.h>

size_t greedy_limit(const attend_model_info *info, size_t limit) {
    return limit < info->decoder_positions ? limit : info->decoder_positions;
}

/** The place of the largest of `count` numbers; the first of equals. */
static int32_t largest(const float *numbers, size_t count) {
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        if (numbers[i] > numbers[best]) best = i;
    }
    return (int32_t)best;
}

static bool is_end(const attend_model *model, int32_t token) {
    size_t count;
    const int32_t *ends = attend_model_end_tokens(model, &count);
    for (size_t i = 0; i < count; i++) {
        if (ends[i] == token) return true;
    }
    return false;
}

/** What the checkpoint wants at this step, or -1. */
static int32_t forced(const attend_model_info *info, size_t step, size_t limit) {
    if (step == limit - 1 && info->forced_end_token >= 0) return info->forced_end_token;
    return step == 0 ? info->forced_begin_token : -1;
}

/** The live sequences: which target each writes, the token each reads next, which of them go on. */
typedef struct live {
    size_t count;
    size_t *target;
    int32_t *token;
    size_t *parent;
} live;

/** One token more for each live sequence; the first after a prompt if `follows_prompt`. Those that are finished leave.
 */
static attend_error *step(const attend_model *model, attend_session *session, live *live, bool follows_prompt,
                          int32_t forced_token, size_t limit, int32_t *ids, size_t *lengths) {
    attend_tensor logits; /* [live, vocabulary] */
    attend_error *error = follows_prompt ? attend_session_logits(session, &logits)
                                         : attend_decode_step(session, live->token, live->count, &logits);
    if (error) return error;
    const float *scores = logits.data;
    size_t going = 0;
    for (size_t i = 0; i < live->count; i++) {
        int32_t token = forced_token >= 0 ? forced_token : largest(scores + i * logits.shape[1], logits.shape[1]);
        size_t target = live->target[i];
        ids[target * limit + lengths[target]++] = token;
        if (is_end(model, token)) continue;
        live->target[going] = target;
        live->token[going] = token;
        live->parent[going] = i;
        going++;
    }
    if (going < live->count) error = attend_session_select(session, live->parent, going);
    live->count = going;
    return error;
}

attend_error *greedy_decode(const attend_model *model, attend_session *session, const attend_batch *batch, size_t limit,
                            int32_t *ids, size_t *lengths) {
    attend_model_info info = ATTEND_MODEL_INFO_INIT;
    attend_error *error = attend_model_get_info(model, &info);
    if (!error) error = attend_encode(session, batch);
    if (error) return error;

    live live = { batch->count, malloc(batch->count * sizeof(size_t)), malloc(batch->count * sizeof(int32_t)),
                  malloc(batch->count * sizeof(size_t)) };
    if (!live.target || !live.token || !live.parent) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    for (size_t i = 0; i < batch->count; i++) {
        live.target[i] = i;
        live.token[i] = info.decoder_start_token;
        lengths[i] = 0;
    }
    for (size_t at = 0; !error && live.count > 0 && at < limit; at++) {
        bool follows_prompt = at == 0 && info.kind == ATTEND_KIND_DECODER;
        error = step(model, session, &live, follows_prompt, forced(&info, at, limit), limit, ids, lengths);
    }
    free(live.target);
    free(live.token);
    free(live.parent);
    return error;
}
