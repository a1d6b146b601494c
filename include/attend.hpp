/* SPDX-License-Identifier: Apache-2.0
 *
 * attend.hpp - the library in C++17: attend.h with objects that free themselves, exceptions and views.
 *
 *     attend::model model("models/g2p-en");
 *     attend::session session(model);
 *     std::cout << attend::translate(session, "hello")[0].front().text << "\n";
 *
 * Nothing of it is compiled into a library of its own: it calls attend.h, so a program that is built with it runs with
 * every later libattend.so of this major version. What a call does, its shapes and its errors stand in attend.h; here
 * stands what is different.
 *
 * Rules that hold everywhere
 *   Errors     A call that fails throws attend::error, with the code and the sentence of attend.h. Where there is a
 *              result in part it throws attend::incomplete<Result>, which is an attend::error.
 *   Ownership  Objects own what they hold and can be moved, not copied. What was moved from holds nothing: using it is
 *              an error, destroying it is not. Views (span, std::string_view, tensor, rows of results, entries) borrow:
 *              they live as long as what they come from, tensors until the next call on their session.
 *   Threads    As in attend.h: model, tokenizer, results and search_index::search may be used from many threads at
 *              once, a session, a stream, a detokenizer and a context by one at a time.
 *   Callbacks  Any callable. What one throws never crosses C: the call is stopped and throws the same exception; of a
 *              scheduler's request wait() does.
 *   Strings    UTF-8, std::string_view with its length, and std::string where C wants a NUL; an empty std::string of
 *              options is NULL.
 *   Options    Structs with defaults: set fields, or in C++20 name them, `{.num_beams = 4}`.
 */
#ifndef ATTEND_HPP
#define ATTEND_HPP

#include "attend/batches.hpp"
#include "attend/drawing.hpp"
#include "attend/error.hpp"
#include "attend/functions.hpp"
#include "attend/generation.hpp"
#include "attend/models.hpp"
#include "attend/runtime.hpp"
#include "attend/scheduler.hpp"
#include "attend/scores.hpp"
#include "attend/sessions.hpp"
#include "attend/span.hpp"
#include "attend/speech.hpp"
#include "attend/tasks.hpp"
#include "attend/tokenizers.hpp"
#include "attend/vectors.hpp"

#endif
