/* SPDX-License-Identifier: Apache-2.0
 * Greedy decoding on the step API alone. */
#ifndef GREEDY_H
#define GREEDY_H

#include <attend.h>

/** A target is never longer than the model's positions; this is how long greedy_decode lets it become, at most `limit`.
 */
size_t greedy_limit(const attend_model_info *info, size_t limit);

/**
 * Reads a batch of sources, or of a decoder prompts, and writes the most likely next token, again and again, for all of
 * them together.
 *
 * Target i goes to `ids` from i * limit on, without the start token or prompt and with its end token; `lengths[i]` says
 * how long it is. A target ends with an end token or after `limit` tokens (at most greedy_limit). The tokens that the
 * checkpoint forces, after the start token and at the maximal length, are honoured. A finished sequence leaves the
 * session.
 *
 * ids: [batch->count, limit], lengths: [batch->count], both the caller's. Errors: those of the library; OUT_OF_MEMORY
 * of this function itself ends the program, for it is an example.
 */
ATTEND_MUST_CHECK attend_error *greedy_decode(const attend_model *model, attend_session *session,
                                              const attend_batch *batch, size_t limit, int32_t *ids, size_t *lengths);

#endif
