/* SPDX-License-Identifier: Apache-2.0
 * Pictures from texts: drawn token by token, painted, ranked. Part of attend.hpp. */
#ifndef ATTEND_DRAWING_HPP
#define ATTEND_DRAWING_HPP

#include "results.hpp"

namespace attend {

/// How to draw: attend_draw_options, whose zeros mean its defaults.
struct draw_options {
    std::uint64_t seed = 0;
    std::size_t candidates = 0;
    double temperature = 0;
    std::size_t top_k = 0;
    double top_p = 0;
    double condition_scale = 0;
    const model *clip = nullptr; ///< ranks the candidates
    std::string painter = {};    ///< the folder of the VQGAN that paints; empty: the model's own
    bool greedy = false;
};

/// Pictures that were drawn of a text. Immutable; any thread may read it.
class drawing {
  public:
    explicit drawing(attend_drawing *handle) noexcept : handle_(handle) {}

    std::size_t size() const { return attend_drawing_count(get()); }
    /// The pixels of a picture, uint8, [height, width, 3], borrowed. Errors: invalid_argument.
    tensor pixels(std::size_t index) const {
        attend_tensor raw = { nullptr, ATTEND_TYPE_UINT8, 0, { 0, 0, 0, 0 } };
        detail::check(attend_drawing_pixels(get(), index, &raw));
        return tensor(raw);
    }
    /// The tokens that it was painted from, borrowed; none where there is no such picture.
    span<const std::int32_t> tokens(std::size_t index) const {
        std::size_t count = 0;
        const std::int32_t *first = attend_drawing_tokens(get(), index, &count);
        return { first, first ? count : 0 };
    }
    /// How well it matches the text; NaN where nothing ranked it.
    double score(std::size_t index) const { return attend_drawing_score(get(), index); }
    /// Writes it as a PNG.
    void save(std::size_t index, const std::string &path) const {
        detail::check(attend_drawing_save(get(), index, path.c_str()));
    }

    const attend_drawing *get() const { return handle_.get(); }

  private:
    detail::owner<attend_drawing, attend_drawing_free> handle_;
};

/// Draws pictures of a text. Drops the live sequences of the session, before and after.
inline drawing draw(session &session, std::string_view text, const draw_options &options = {}) {
    attend_draw_options how = ATTEND_DRAW_OPTIONS_INIT;
    how.seed = options.seed;
    how.candidates = options.candidates;
    how.temperature = options.temperature;
    how.top_k = options.top_k;
    how.top_p = options.top_p;
    how.condition_scale = options.condition_scale;
    how.clip = options.clip ? options.clip->get() : nullptr;
    how.painter = detail::optional_text(options.painter);
    how.greedy = options.greedy;
    attend_drawing *made = nullptr;
    attend_error *failure = attend_draw(session.get(), text.data(), text.size(), &how, &made);
    return session.finish<drawing>(failure, made);
}

} // namespace attend

#endif
