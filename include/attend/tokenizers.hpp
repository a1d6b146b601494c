/* SPDX-License-Identifier: Apache-2.0
 * Text to ids and back, streams, conversations. Part of attend.hpp. */
#ifndef ATTEND_TOKENIZERS_HPP
#define ATTEND_TOKENIZERS_HPP

#include "models.hpp"
#include <optional>

namespace attend {

/// Which text loses tokens where there are more than max_length: attend_truncation.
enum class truncation {
    longest_first = ATTEND_TRUNCATION_LONGEST_FIRST,
    only_first = ATTEND_TRUNCATION_ONLY_FIRST,
    only_second = ATTEND_TRUNCATION_ONLY_SECOND,
    none = ATTEND_TRUNCATION_NONE
};

/// An end of a text: attend_side.
enum class side { standard = ATTEND_SIDE_DEFAULT, right = ATTEND_SIDE_RIGHT, left = ATTEND_SIDE_LEFT };

/// How to turn text into ids: attend_tokenize_options.
struct tokenize_options {
    bool no_special_tokens = false; ///< leave out what the checkpoint's template adds
    std::size_t max_length = 0;     ///< the most tokens, the template's included; 0: no limit
    attend::truncation truncation = attend::truncation::longest_first;
    side truncation_side = side::standard;
    std::size_t stride = 0;    ///< how many tokens a window shares with the one before it
    std::uint32_t threads = 0; ///< of encode_batch; 0: one for each processor
    progress_callback progress = {};
    bool are_targets = false; ///< the texts are what an encoder-decoder writes
};

/// How to turn ids into text: attend_detokenize_options.
struct detokenize_options {
    bool keep_special_tokens = false;
};

class input;

/// How to write a conversation as text: attend_chat_options.
struct chat_options {
    bool generation_prompt = false; ///< end with what makes the model answer
    std::string variables = {};     ///< a JSON object whose members the template sees too; empty: none
    std::string template_name = {}; ///< which of several templates; empty: the default one
    span<const input> inputs = {};  ///< the pictures of the conversation, for generate_chat alone
};

/// The numbers of a tokenizer: the header says what each is.
using tokenizer_info = attend_tokenizer_info;
/// Where a token stands in its text, in bytes and in Unicode scalars: [start, end).
using token_offsets = attend_token_offsets;

/// Texts as C takes them: one text, or anything that is a row of them (a vector of std::string, a list in braces). It
/// borrows the texts and is made for the time of a call.
class texts {
  public:
    texts() = default;
    texts(std::initializer_list<std::string_view> list) { append(list); }
    template <class Text, std::enable_if_t<std::is_convertible_v<const Text &, std::string_view>, int> = 0>
    texts(const Text &one) {
        append(std::initializer_list<std::string_view>{ std::string_view(one) });
    }
    template <class List, std::enable_if_t<!std::is_convertible_v<const List &, std::string_view>, int> = 0,
              class = decltype(std::string_view(*std::begin(std::declval<const List &>())))>
    texts(const List &list) {
        append(list);
    }

    const char *const *data() const noexcept { return starts_.data(); }
    const std::size_t *lengths() const noexcept { return lengths_.data(); }
    std::size_t size() const noexcept { return starts_.size(); }

  private:
    template <class List> void append(const List &list) {
        for (const auto &each : list) {
            const std::string_view text(each);
            starts_.push_back(text.data() ? text.data() : "");
            lengths_.push_back(text.size());
        }
    }

    std::vector<const char *> starts_;
    std::vector<std::size_t> lengths_;
};

namespace detail {

/// What an encoding tells, whether it is owned or a window of another.
template <class Self> class encoding_columns {
  public:
    std::size_t size() const { return ids().size(); }
    /// The ids, borrowed as all columns are.
    span<const std::int32_t> ids() const {
        std::size_t count = 0;
        const std::int32_t *first = attend_encoding_ids(handle(), &count);
        return { first, count };
    }
    span<const token_offsets> offsets() const { return { attend_encoding_offsets(handle()), size() }; }
    /// 1 for a token that the template added, otherwise 0.
    span<const std::uint8_t> special() const { return { attend_encoding_special(handle()), size() }; }
    span<const std::int32_t> token_types() const { return { attend_encoding_token_types(handle()), size() }; }
    /// 0 for a token of the first text, 1 of the second, -1 of the template.
    span<const std::int32_t> sequence_ids() const { return { attend_encoding_sequence_ids(handle()), size() }; }

  private:
    const attend_encoding *handle() const { return static_cast<const Self *>(this)->get(); }
};

} // namespace detail

/// A window of an encoding that was cut, borrowed from it.
class encoding_view : public detail::encoding_columns<encoding_view> {
  public:
    explicit encoding_view(const attend_encoding *handle) noexcept : handle_(handle) {}
    const attend_encoding *get() const noexcept { return handle_; }

  private:
    const attend_encoding *handle_;
};

/// The result of tokenizing a text or a pair.
class encoding : public detail::encoding_columns<encoding> {
  public:
    explicit encoding(attend_encoding *handle) noexcept : handle_(handle) {}

    /// How many more windows there are where the text was cut.
    std::size_t overflow_count() const { return attend_encoding_overflow_count(get()); }
    /// One of them, borrowed. Errors: invalid_argument (there is none of that index, or no memory for it).
    encoding_view overflow(std::size_t index) const {
        const attend_encoding *window = attend_encoding_overflow(get(), index);
        if (!window) throw error(error_code::invalid_argument, "there is no window " + std::to_string(index));
        return encoding_view(window);
    }

    const attend_encoding *get() const { return handle_.get(); }

  private:
    detail::owner<attend_encoding, attend_encoding_free> handle_;
};

namespace detail {

/// Options as C takes them, with the exceptions of the callback.
class tokenizing {
  public:
    explicit tokenizing(const tokenize_options &options) : progress_{ options.progress, {} } {
        how_.no_special_tokens = options.no_special_tokens;
        how_.max_length = options.max_length;
        how_.truncation = static_cast<attend_truncation>(options.truncation);
        how_.truncation_side = static_cast<attend_side>(options.truncation_side);
        how_.stride = options.stride;
        how_.threads = options.threads;
        how_.are_targets = options.are_targets;
        progress_.attach(how_.progress, how_.progress_context);
    }
    const attend_tokenize_options *get() const noexcept { return &how_; }
    void check(attend_error *failure) { progress_.exceptions.check(failure); }
    encoding finish(attend_error *failure, attend_encoding *made) {
        encoding result(made);
        check(failure);
        return result;
    }

  private:
    attend_tokenize_options how_ = ATTEND_TOKENIZE_OPTIONS_INIT;
    progress_listener progress_;
};

/// Options of a conversation as C takes them, without its pictures.
inline attend_chat_options c_chat(const chat_options &options) {
    attend_chat_options how = ATTEND_CHAT_OPTIONS_INIT;
    how.generation_prompt = options.generation_prompt;
    how.variables = optional_text(options.variables);
    how.template_name = optional_text(options.template_name);
    return how;
}

/// What a tokenizer does, whether it is owned or a model's.
template <class Self> class tokenizer_methods {
  public:
    tokenizer_info info() const {
        tokenizer_info info = ATTEND_TOKENIZER_INFO_INIT;
        check(attend_tokenizer_get_info(handle(), &info));
        return info;
    }
    /// One more than the largest id that the tokenizer knows.
    std::size_t size() const { return attend_tokenizer_size(handle()); }

    /// Tokenizes a text of UTF-8. Errors: invalid_argument, invalid_file, cancelled, out_of_memory.
    encoding encode(std::string_view text, const tokenize_options &options = {}) const {
        tokenizing how(options);
        attend_encoding *made = nullptr;
        attend_error *failure = attend_tokenizer_encode(handle(), data(text), text.size(), how.get(), &made);
        return how.finish(failure, made);
    }
    /// Tokenizes two texts into one sequence. Errors besides: unsupported (the template has no place for a second one).
    encoding encode_pair(std::string_view text, std::string_view pair, const tokenize_options &options = {}) const {
        tokenizing how(options);
        attend_encoding *made = nullptr;
        attend_error *failure =
            attend_tokenizer_encode_pair(handle(), data(text), text.size(), data(pair), pair.size(), how.get(), &made);
        return how.finish(failure, made);
    }
    /// Tokenizes texts on all threads, each with a second one where there are pairs.
    std::vector<encoding> encode_batch(const texts &all, const tokenize_options &options = {},
                                       const texts &pairs = {}) const {
        if (pairs.size() && pairs.size() != all.size())
            throw error(error_code::invalid_argument,
                        std::to_string(all.size()) + " texts cannot have " + std::to_string(pairs.size()) + " pairs");
        tokenizing how(options);
        std::vector<attend_encoding *> made(all.size());
        std::vector<encoding> owned;
        owned.reserve(made.size());
        attend_error *failure =
            attend_tokenizer_encode_batch(handle(), all.data(), all.lengths(), pairs.size() ? pairs.data() : nullptr,
                                          pairs.lengths(), all.size(), how.get(), made.data());
        for (attend_encoding *each : made) owned.emplace_back(each);
        how.check(failure);
        return owned;
    }
    /// Turns ids into text. Errors: invalid_argument (an id that the tokenizer does not know).
    std::string decode(span<const std::int32_t> ids, const detokenize_options &options = {}) const {
        const attend_detokenize_options how = { sizeof(how), options.keep_special_tokens };
        attend_text *text = nullptr;
        check(attend_tokenizer_decode(handle(), ids.data(), ids.size(), &how, &text));
        return take(text);
    }

    /// Writes a conversation, a JSON list of messages, as the model was trained on it. Errors: not_found (there is no
    /// template), invalid_argument, invalid_file, unsupported.
    std::string chat(std::string_view messages, const chat_options &options = {}) const {
        const attend_chat_options how = c_chat(options);
        attend_text *text = nullptr;
        check(attend_tokenizer_chat(handle(), data(messages), messages.size(), &how, &text));
        return take(text);
    }
    /// The ids of that text.
    encoding encode_chat(std::string_view messages, const chat_options &options = {}) const {
        const attend_chat_options how = c_chat(options);
        attend_encoding *made = nullptr;
        check(attend_tokenizer_encode_chat(handle(), data(messages), messages.size(), &how, &made));
        return encoding(made);
    }

    /// The token with an id, as the file spells it, borrowed; nothing where there is none.
    std::optional<std::string_view> token(std::int32_t id) const {
        std::size_t length = 0;
        const char *bytes = attend_tokenizer_token(handle(), id, &length);
        if (!bytes) return std::nullopt;
        return std::string_view(bytes, length);
    }
    /// The id of a token spelled as in the file; nothing where there is none.
    std::optional<std::int32_t> id(std::string_view token) const {
        const std::int32_t found = attend_tokenizer_id(handle(), data(token), token.size());
        if (found < 0) return std::nullopt;
        return found;
    }

  private:
    const attend_tokenizer *handle() const { return static_cast<const Self *>(this)->get(); }
    static const char *data(std::string_view text) noexcept { return text.data() ? text.data() : ""; }
};

} // namespace detail

/// A tokenizer that belongs to something else: a model, or a `tokenizer`. Any number of threads may use it.
class tokenizer_view : public detail::tokenizer_methods<tokenizer_view> {
  public:
    explicit tokenizer_view(const attend_tokenizer *handle) noexcept : handle_(handle) {}
    const attend_tokenizer *get() const noexcept { return handle_; }

  private:
    const attend_tokenizer *handle_;
};

/// A tokenizer without a model. Immutable: any number of threads may use it at once.
class tokenizer : public detail::tokenizer_methods<tokenizer> {
  public:
    /// Loads the tokenizer of a checkpoint folder, or one of its files. Errors: not_found, io, invalid_file,
    /// unsupported, invalid_argument.
    explicit tokenizer(const std::string &path) {
        attend_tokenizer *made = nullptr;
        detail::check(attend_tokenizer_create(path.c_str(), &made));
        handle_ = detail::owner<attend_tokenizer, attend_tokenizer_free>(made);
    }
    /// The same from files in memory, which are copied.
    static tokenizer from_files(span<const file> files) {
        std::vector<attend_file> all = detail::c_files(files);
        tokenizer made;
        attend_tokenizer *handle = nullptr;
        detail::check(attend_tokenizer_create_from_files(all.data(), all.size(), &handle));
        made.handle_ = detail::owner<attend_tokenizer, attend_tokenizer_free>(handle);
        return made;
    }

    operator tokenizer_view() const { return tokenizer_view(get()); }
    const attend_tokenizer *get() const { return handle_.get(); }

  private:
    tokenizer() = default;
    detail::owner<attend_tokenizer, attend_tokenizer_free> handle_;
};

inline tokenizer_view model::tokenizer() const {
    const attend_tokenizer *found = nullptr;
    detail::check(attend_model_tokenizer(get(), &found));
    return tokenizer_view(found);
}

/// Receives a piece of text in whole characters, valid during the call. False stops with error_code::cancelled; what it
/// throws is thrown by the call.
using text_callback = std::function<bool(std::string_view piece)>;

/// Turns ids into text one at a time, for showing text while it is made. One thread at a time.
class detokenizer {
  public:
    /// Keeps its tokenizer alive. `callback` comes on the thread that calls add or finish.
    detokenizer(tokenizer_view tokenizer, text_callback callback, const detokenize_options &options = {})
        : listener_(std::make_unique<listener>()) {
        const attend_detokenize_options how = { sizeof(how), options.keep_special_tokens };
        listener_->callback = std::move(callback);
        attend_detokenizer *made = nullptr;
        detail::check(attend_detokenizer_create(tokenizer.get(), &how, listener::hear, listener_.get(), &made));
        handle_ = detail::owner<attend_detokenizer, attend_detokenizer_free>(made);
    }

    /// Takes one more id. Errors: invalid_argument (an id that the tokenizer does not know), cancelled.
    void add(std::int32_t id) {
        attend_detokenizer *handle = handle_.get();
        listener_->exceptions.check(attend_detokenizer_add(handle, id));
    }
    /// Gives out what was held back; the next id begins a new text.
    void finish() {
        attend_detokenizer *handle = handle_.get();
        listener_->exceptions.check(attend_detokenizer_finish(handle));
    }

  private:
    struct listener {
        text_callback callback;
        detail::thrown exceptions;

        static bool hear(const char *bytes, std::size_t length, void *context) {
            auto *self = static_cast<listener *>(context);
            return self->exceptions.run(false, [&] { return self->callback(std::string_view(bytes, length)); });
        }
    };

    std::unique_ptr<listener> listener_;
    detail::owner<attend_detokenizer, attend_detokenizer_free> handle_;
};

} // namespace attend

#endif
