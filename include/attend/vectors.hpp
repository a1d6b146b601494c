/* SPDX-License-Identifier: Apache-2.0
 * Texts to vectors, and which of many vectors are nearest. Part of attend.hpp. */
#ifndef ATTEND_VECTORS_HPP
#define ATTEND_VECTORS_HPP

#include "sessions.hpp"

namespace attend {

/// How to embed: attend_embed_options. At most one of the prompts may be set; no text at all is the folder's default,
/// and an empty one none.
struct embed_options {
    std::optional<std::string> prompt = {};
    std::optional<std::string> prompt_name = {};
    std::size_t truncate_dim = 0; ///< how many numbers of each vector are kept; 0: as the folder says
};

/// A vector for each of the texts, [texts, width], borrowed until the session's next call. Errors: invalid_argument,
/// unsupported (an encoder-decoder), and those of the tokenizer.
inline tensor embed(session &session, const texts &all, const embed_options &options = {}) {
    const attend_embed_options how = { sizeof(how), options.prompt ? options.prompt->c_str() : nullptr,
                                       options.prompt_name ? options.prompt_name->c_str() : nullptr,
                                       options.truncate_dim };
    attend_tensor raw = { nullptr, ATTEND_TYPE_FLOAT32, 0, { 0, 0, 0, 0 } };
    session.check(attend_embed(session.get(), all.data(), all.lengths(), all.size(), &how, &raw));
    return tensor(raw);
}

/// How to make an index: attend_search_index_options.
struct search_index_options {
    compute_type type = compute_type::standard; ///< float32 or int8
    std::uint32_t threads = 0;
    std::string kernels = {};
    bool normalize = false; ///< vectors and queries are brought to length 1
};

/// What was found, [queries, top_k] each: numbers of vectors, the best first, -1 where there are fewer.
struct matches {
    std::size_t top_k;
    std::vector<std::int64_t> numbers;
    std::vector<float> scores;
};

/// Vectors that can be looked for, exactly. Searching is const: any number of threads at once.
class search_index {
  public:
    /// An index without vectors, of `width` numbers each.
    explicit search_index(std::size_t width, const search_index_options &options = {}) {
        make(options, [&](auto *how, auto **made) { return attend_search_index_create(width, how, made); });
    }
    /// One that save() wrote; vectors in float32 stay in the file.
    static search_index open(const std::string &path, const search_index_options &options = {}) {
        search_index opened;
        opened.make(options, [&](auto *how, auto **made) { return attend_search_index_open(path.c_str(), how, made); });
        return opened;
    }

    /// Adds vectors, [any, width()], which get the next numbers. Nobody may search meanwhile.
    void add(span<const float> vectors) {
        detail::check(attend_search_index_add(handle_.get(), vectors.data(), rows(vectors)));
    }
    /// For each of the queries, [any, width()], the vectors with the largest products.
    matches search(span<const float> queries, std::size_t top_k) const {
        const std::size_t count = rows(queries);
        if (top_k && count > SIZE_MAX / sizeof(std::int64_t) / top_k)
            throw error(error_code::invalid_argument, "top_k is " + std::to_string(top_k));
        matches found{ top_k, std::vector<std::int64_t>(count * top_k), std::vector<float>(count * top_k) };
        detail::check(
            attend_search_index_search(get(), queries.data(), count, top_k, found.numbers.data(), found.scores.data()));
        return found;
    }

    std::size_t size() const { return attend_search_index_count(get()); }
    std::size_t width() const { return attend_search_index_width(get()); }
    compute_type type() const { return static_cast<compute_type>(attend_search_index_type(get())); }
    /// The bytes that the vectors take, in memory or in the file.
    std::size_t bytes() const { return attend_search_index_bytes(get()); }
    void save(const std::string &path) const { detail::check(attend_search_index_save(get(), path.c_str())); }

    const attend_search_index *get() const { return handle_.get(); }

  private:
    search_index() = default;

    template <class Call> void make(const search_index_options &options, Call &&call) {
        const attend_search_index_options how = { sizeof(how), static_cast<attend_compute_type>(options.type),
                                                  options.threads, detail::optional_text(options.kernels),
                                                  options.normalize };
        attend_search_index *made = nullptr;
        detail::check(call(&how, &made));
        handle_ = detail::owner<attend_search_index, attend_search_index_free>(made);
    }
    /// How many vectors these numbers are. Errors: invalid_argument.
    std::size_t rows(span<const float> numbers) const {
        if (numbers.size() % width())
            throw error(error_code::invalid_argument,
                        std::to_string(numbers.size()) + " numbers are no vectors of " + std::to_string(width()));
        return numbers.size() / width();
    }

    detail::owner<attend_search_index, attend_search_index_free> handle_;
};

} // namespace attend

#endif
