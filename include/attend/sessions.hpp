/* SPDX-License-Identifier: Apache-2.0
 * Ids to hidden states and logits, step by step; caches; attention maps. Part of attend.hpp. */
#ifndef ATTEND_SESSIONS_HPP
#define ATTEND_SESSIONS_HPP

#include "batches.hpp"

namespace attend {

/// In which type a session keeps keys and values: attend_key_value_type.
enum class key_value_type {
    standard = ATTEND_KEY_VALUE_DEFAULT,
    float32 = ATTEND_KEY_VALUE_FLOAT32,
    bfloat16 = ATTEND_KEY_VALUE_BFLOAT16,
    int8 = ATTEND_KEY_VALUE_INT8,
    int4 = ATTEND_KEY_VALUE_INT4
};

/// How to make a session: attend_session_options.
struct session_options {
    std::uint32_t threads = 0;       ///< that a call may use; 0: as the model
    bool beyond_positions = false;   ///< allow sequences longer than config.json states, where positions are computed
    progress_callback progress = {}; ///< hears how far a long call is; it must not use the session but to cancel
    std::size_t prefix_cache_bytes = 0; ///< that beginnings of prompts may take; 0: none are kept
    attend::key_value_type key_value_type = attend::key_value_type::standard;
    bool pin_threads = false; ///< as of the model
};

/// The use that was made of kept beginnings of prompts.
using prefix_cache_stats = attend_prefix_cache_stats;

/// Whose queries look at whose keys in an attention map: attend_attention_kind.
enum class attention_kind {
    encoder = ATTEND_ATTENTION_ENCODER,
    decoder = ATTEND_ATTENTION_DECODER,
    cross = ATTEND_ATTENTION_CROSS,
    vision = ATTEND_ATTENTION_VISION
};

namespace detail {

inline attend_session_options c_session(const session_options &options) {
    attend_session_options how = ATTEND_SESSION_OPTIONS_INIT;
    how.threads = options.threads;
    how.beyond_positions = options.beyond_positions;
    how.prefix_cache_bytes = options.prefix_cache_bytes;
    how.key_value_type = static_cast<attend_key_value_type>(options.key_value_type);
    how.pin_threads = options.pin_threads;
    return how;
}

} // namespace detail

/// The live sequences of one caller, their caches, scratch memory. One thread at a time: what another one asks for
/// meanwhile is error_code::busy. It keeps its model alive.
class session {
  public:
    /// Errors: invalid_argument, unsupported, out_of_memory, invalid_state (after a fork).
    explicit session(const model &model, const session_options &options = {})
        : progress_(std::make_unique<detail::progress_listener>()) {
        attend_session_options how = detail::c_session(options);
        progress_->callback = options.progress;
        progress_->attach(how.progress, how.progress_context);
        attend_session *made = nullptr;
        detail::check(attend_session_create(model.get(), &how, &made));
        handle_ = detail::owner<attend_session, attend_session_free>(made);
    }

    /// Ends the call that computes on this session, or else its next one, with error_code::cancelled. From any thread.
    void cancel() { attend_session_cancel(get()); }

    // Live sequences.

    /// How many sequences are live.
    std::size_t size() const { return number(attend_session_count); }
    /// How many rows of hidden_states() belong to sequence `index` of the last encode.
    std::size_t encoded_length(std::size_t index) const { return number(attend_session_encoded_length, index); }
    /// How many tokens the decoder has read of live sequence `index`.
    std::size_t length(std::size_t index) const { return number(attend_session_length, index); }
    /// The bytes that the session holds at this moment.
    std::size_t memory() const { return number(attend_session_memory); }

    // Computing. Tensors are borrowed until the next call that computes.

    /// Reads texts, sources or prompts, which become the live sequences.
    void encode(const batch &sequences) {
        sequences.with_c([&](const attend_batch &raw) { check(attend_encode(get(), &raw)); });
    }
    /// The same, behind the live sequences.
    void add(const batch &sequences) {
        sequences.with_c([&](const attend_batch &raw) { check(attend_session_add(get(), &raw)); });
    }
    /// Gives each live sequence one token: the logits of the next, [sequences, vocabulary].
    tensor step(span<const std::int32_t> tokens) {
        return view([&](attend_tensor *out) { return attend_decode_step(get(), tokens.data(), tokens.size(), out); });
    }
    /// Gives each live sequence several tokens: their logits, [sum of lengths, vocabulary], unless `tokens` asks for
    /// fewer: [sequences, vocabulary] with logits_kind::last, and an empty tensor with logits_kind::none.
    tensor decode(const batch &tokens) {
        return tokens.with_c([&](const attend_batch &raw) {
            return view([&](attend_tensor *out) { return attend_decode(get(), &raw, out); });
        });
    }
    /// Makes live sequence parents[i] of before the new live sequence i.
    void select(span<const std::size_t> parents) {
        check(attend_session_select(get(), parents.data(), parents.size()));
    }
    /// Forgets what live sequence `index` has read beyond its first `length` tokens.
    void truncate(std::size_t index, std::size_t length) { check(attend_session_truncate(get(), index, length)); }
    /// What the checkpoint's head makes of the last encode; the header has the shapes.
    tensor logits() {
        return view([&](attend_tensor *out) { return attend_session_logits(get(), out); });
    }
    /// What the pooler makes of each sequence of the last encode, [sequences, width].
    tensor pooled() {
        return view([&](attend_tensor *out) { return attend_session_pooled(get(), out); });
    }
    /// The hidden states of the last call, [tokens, hidden size].
    tensor hidden_states() const {
        return view([&](attend_tensor *out) { return attend_session_hidden_states(get(), out); });
    }

    // Caches.

    /// Adds a sequence that begins with the longest kept beginning of a prompt: how many of its tokens were found.
    std::size_t add_prompt(span<const std::int32_t> tokens) {
        std::size_t found = 0;
        check(attend_session_add_prompt(get(), tokens.data(), tokens.size(), &found));
        return found;
    }
    /// Keeps the beginning of live sequence `index`, whose first tokens these are.
    void keep_prefix(std::size_t index, span<const std::int32_t> tokens) {
        check(attend_session_keep_prefix(get(), index, tokens.data(), tokens.size()));
    }
    prefix_cache_stats prefix_stats() const {
        prefix_cache_stats stats = ATTEND_PREFIX_CACHE_STATS_INIT;
        check(attend_session_prefix_cache_stats(get(), &stats));
        return stats;
    }
    void clear_prefixes() { check(attend_session_prefix_cache_clear(get())); }

    /// The live sequences as bytes, those of `indices` in that order, or all.
    std::string save(span<const std::size_t> indices = {}) {
        attend_text *bytes = nullptr;
        check(attend_session_save(get(), indices.data(), indices.size(), &bytes));
        return detail::take(bytes);
    }
    void save_file(const std::string &path, span<const std::size_t> indices = {}) {
        check(attend_session_save_file(get(), indices.data(), indices.size(), path.c_str()));
    }
    /// Adds sequences that were saved behind the live ones.
    void restore(std::string_view bytes) { check(attend_session_restore(get(), bytes.data(), bytes.size())); }
    void restore_file(const std::string &path) { check(attend_session_restore_file(get(), path.c_str())); }

    // Attention maps.

    /// Switches on, or off again, that calls keep their attention maps.
    void record_attentions(bool on = true) { check(attend_session_record_attentions(get(), on)); }
    /// A map of the last call, [heads, queries, keys].
    tensor attentions(attention_kind kind, std::size_t layer, std::size_t sequence = 0) const {
        const auto raw = static_cast<attend_attention_kind>(kind);
        return view([&](attend_tensor *out) { return attend_session_attentions(get(), raw, layer, sequence, out); });
    }

    /// The handle of C, borrowed. Errors: invalid_argument, of a session that was moved from.
    attend_session *get() const { return handle_.get(); }
    explicit operator bool() const noexcept { return static_cast<bool>(handle_); }

    /// Throws what the progress callback threw during a call, or what the call returned.
    void check(attend_error *failure) const {
        if (progress_) progress_->exceptions.check(failure);
        else detail::check(failure);
    }
    /// The result of a call, or what is there of it though it failed.
    template <class Result, class Handle>
    Result finish(attend_error *failure, Handle *handle, detail::thrown *callbacks = nullptr) const {
        std::exception_ptr first = callbacks ? callbacks->take() : nullptr;
        std::exception_ptr second = progress_->exceptions.take();
        return detail::finish<Result>(failure, handle, first ? first : second);
    }

  private:
    template <class Call, class... Places> std::size_t number(Call call, Places... places) const {
        std::size_t found = 0;
        check(call(get(), places..., &found));
        return found;
    }
    template <class Call> tensor view(Call &&call) const {
        attend_tensor raw = { nullptr, ATTEND_TYPE_FLOAT32, 1, { 0, 0, 0, 0 } };
        check(call(&raw));
        return tensor(raw);
    }

    std::unique_ptr<detail::progress_listener> progress_;
    detail::owner<attend_session, attend_session_free> handle_;
};

} // namespace attend

#endif
