/* SPDX-License-Identifier: Apache-2.0
 * How probable a text is, and which of several. Part of attend.hpp. */
#ifndef ATTEND_SCORES_HPP
#define ATTEND_SCORES_HPP

#include "generation.hpp"

namespace attend {

/// How to score: attend_score_options.
struct score_options {
    std::size_t window = 0; ///< tokens of a decoder's text that are read at once; 0: as many as it has positions
    std::size_t stride = 0; ///< from the beginning of a window to that of the next; 0: a longer text is an error
    std::size_t top_logprobs = 0;
};

/// By what texts are compared: attend_score_normalization.
enum class score_normalization { sum = ATTEND_SCORE_SUM, mean = ATTEND_SCORE_MEAN };

/// What is known of a text; views are borrowed from the scores.
struct text_score {
    span<const std::int32_t> ids;        ///< the tokens that were scored
    span<const float> log_probabilities; ///< of each, in nats
    double sum;
    double perplexity;                          ///< NaN where nothing was scored
    bool is_greedy;                             ///< whether each token was the most probable one
    span<const token_alternative> alternatives; ///< [ids.size(), alternative_count], or empty
    std::size_t alternative_count;
};

/// Log-probabilities of the tokens of one or several texts. Immutable; any thread may read it.
class scores {
  public:
    explicit scores(attend_scores *handle) noexcept : handle_(handle) {}

    std::size_t size() const { return attend_scores_count(get()); }
    /// The score of a text. Errors: invalid_argument, invalid_state (the call ended before it was scored).
    text_score operator[](std::size_t index) const { return view(get())[index]; }
    /// Compares `count` texts from `first` on: the softmax over their sums or means.
    std::vector<double> probabilities(std::size_t first, std::size_t count,
                                      score_normalization normalization = score_normalization::sum) const {
        if (first > size() || count > size() - first)
            throw error(error_code::invalid_argument, std::to_string(count) + " texts from " + std::to_string(first) +
                                                          " on are more than " + std::to_string(size()));
        std::vector<double> found(count);
        detail::check(attend_scores_probabilities(
            get(), first, count, static_cast<attend_score_normalization>(normalization), found.data()));
        return found;
    }
    auto begin() const { return place_iterator<view>(view(get()), 0); }
    auto end() const { return place_iterator<view>(view(get()), size()); }

    const attend_scores *get() const { return handle_.get(); }

  private:
    struct view {
        explicit view(const attend_scores *handle) noexcept : handle(handle) {}
        text_score operator[](std::size_t index) const {
            attend_text_score raw = ATTEND_TEXT_SCORE_INIT;
            detail::check(attend_scores_get(handle, index, &raw));
            const std::size_t others = raw.alternatives ? raw.count * raw.alternative_count : 0;
            return { { raw.ids, raw.count },
                     { raw.log_probabilities, raw.count },
                     raw.sum,
                     raw.perplexity,
                     raw.is_greedy,
                     { raw.alternatives, others },
                     raw.alternative_count };
        }
        const attend_scores *handle;
    };

    detail::owner<attend_scores, attend_scores_free> handle_;
};

namespace detail {

template <class Call> scores score(session &session, const score_options &options, Call &&call) {
    const attend_score_options how = { sizeof(how), options.window, options.stride, options.top_logprobs };
    attend_scores *made = nullptr;
    attend_error *failure = call(session.get(), &how, &made);
    return session.finish<scores>(failure, made);
}

} // namespace detail

/// Scores every sequence of `all`, behind that of `contexts` of the same place where there are any. Throws
/// `incomplete<scores>` where it is cancelled or memory runs out.
inline scores score(session &session, const batch &all, const score_options &options = {},
                    const batch *contexts = nullptr) {
    return detail::score(session, options, [&](auto *on, auto *how, auto **made) {
        return all.with_c([&](const attend_batch &raw) {
            if (!contexts) return attend_score(on, nullptr, &raw, how, made);
            return contexts->with_c(
                [&](const attend_batch &before) { return attend_score(on, &before, &raw, how, made); });
        });
    });
}

/// The same for texts, with as many contexts or none.
inline scores score(session &session, const texts &all, const score_options &options = {}, const texts &contexts = {}) {
    if (contexts.size() && contexts.size() != all.size())
        throw error(error_code::invalid_argument,
                    std::to_string(all.size()) + " texts cannot have " + std::to_string(contexts.size()) + " contexts");
    return detail::score(session, options, [&](auto *on, auto *how, auto **made) {
        const bool with = contexts.size() != 0;
        return attend_score_texts(on, with ? contexts.data() : nullptr, with ? contexts.lengths() : nullptr, all.data(),
                                  all.lengths(), all.size(), how, made);
    });
}

} // namespace attend

#endif
