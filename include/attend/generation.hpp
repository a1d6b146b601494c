/* SPDX-License-Identifier: Apache-2.0
 * From a prompt or a source to an answer. Part of attend.hpp. */
#ifndef ATTEND_GENERATION_HPP
#define ATTEND_GENERATION_HPP

#include "results.hpp"

namespace attend {

/// Why a sequence has ended: attend_finish_reason. Later versions may tell others.
enum class finish_reason {
    none = 0, ///< of a token event: the sequence goes on
    end = ATTEND_FINISH_END,
    length = ATTEND_FINISH_LENGTH,
    stop = ATTEND_FINISH_STOP,
    grammar = ATTEND_FINISH_GRAMMAR,
    time = ATTEND_FINISH_TIME,
    cancelled = ATTEND_FINISH_CANCELLED
};

/// What a token callback wants: attend_verdict.
enum class verdict {
    go_on = ATTEND_VERDICT_GO_ON,
    end_sequence = ATTEND_VERDICT_END_SEQUENCE,
    end_request = ATTEND_VERDICT_END_REQUEST,
    end_all = ATTEND_VERDICT_END_ALL
};

/// A token that might have stood at a place.
using token_alternative = attend_token_alternative;

/// A token as it is chosen; its views are valid during the call that hands it over.
struct token_event {
    std::size_t request;  ///< the place of the request in its batch
    std::size_t sequence; ///< the sample of the request
    std::int32_t token;
    float log_probability; ///< NaN unless output_scores or top_logprobs asks for it
    std::string_view text; ///< the text that is certain by now: whole characters, often none
    span<const token_alternative> alternatives;
    attend::finish_reason finish_reason; ///< of the last token, otherwise none
};

/// Hears the tokens of greedy search and sampling in their order, on the thread of the call.
using token_callback = std::function<verdict(const token_event &event)>;
/// Changes the logits of one sequence, [vocabulary], before a token is chosen. Any thread of the session may call it,
/// several at once. False fails the request.
using logits_callback = std::function<bool(span<float> scores, span<const std::int32_t> ids)>;

/// How to generate: attend_generation_options. What is not set is as the checkpoint says. A callback may throw: the
/// call stops, and throws the same.
struct generation_options {
    std::string config = {}; ///< options by name, a JSON object: docs/generation.md
    std::uint32_t max_new_tokens = 0;
    std::uint32_t num_beams = 0;
    std::uint32_t num_return_sequences = 0;
    std::vector<std::string> stop_strings = {};
    token_callback on_token = {};
    logits_callback on_logits = {};
    const model *assistant = nullptr; ///< a smaller model that drafts
};

/// A sequence that was generated; views are borrowed from the generation.
struct hypothesis {
    span<const std::int32_t> ids;               ///< the prompt, or start token and prefix, then what was generated
    std::size_t prompt_count;                   ///< how many of `ids` were not generated
    std::string_view text;                      ///< what was generated, special tokens left out
    double score;                               ///< NaN: nothing is ranked
    span<const float> log_probabilities;        ///< [ids.size() - prompt_count]
    span<const token_alternative> alternatives; ///< [ids.size() - prompt_count, alternative_count], or empty
    std::size_t alternative_count;
    span<const float> attention; ///< [ids.size() - 1, source], with return_attention
    attend::finish_reason finish_reason;
};

namespace detail {

inline hypothesis get_hypothesis(const attend_generation *generation, std::size_t request, std::size_t index) {
    attend_hypothesis raw = ATTEND_HYPOTHESIS_INIT;
    check(attend_generation_get_hypothesis(generation, request, index, &raw));
    const std::size_t generated = raw.count - raw.prompt_count;
    return { { raw.ids, raw.count },
             raw.prompt_count,
             text_view(raw.text, raw.text_length),
             raw.score,
             { raw.log_probabilities, raw.log_probabilities ? generated : 0 },
             { raw.alternatives, raw.alternatives ? generated * raw.alternative_count : 0 },
             raw.alternative_count,
             { raw.attention, raw.attention ? raw.attention_count : 0 },
             static_cast<finish_reason>(raw.finish_reason) };
}

using hypotheses = row<attend_generation, hypothesis, attend_generation_hypothesis_count, get_hypothesis>;

/// Options as C takes them, with the exceptions of the callbacks: stays where it is as long as a call may use it.
class generating {
  public:
    explicit generating(generation_options options)
        : options_(std::move(options)), stops_(c_texts(options_.stop_strings)) {
        how_.config = optional_text(options_.config);
        how_.max_new_tokens = options_.max_new_tokens;
        how_.num_beams = options_.num_beams;
        how_.num_return_sequences = options_.num_return_sequences;
        how_.stop_strings = stops_.empty() ? nullptr : stops_.data();
        how_.stop_string_count = stops_.size();
        if (options_.on_token) how_.on_token = hear;
        if (options_.on_logits) how_.on_logits = change;
        how_.on_token_context = how_.on_logits_context = this;
        if (options_.assistant) how_.assistant = options_.assistant->get();
    }
    generating(const generating &) = delete;
    generating &operator=(const generating &) = delete;

    const attend_generation_options *get() const noexcept { return &how_; }
    thrown exceptions;

  private:
    static attend_verdict hear(const attend_token_event *event, void *context) {
        auto *self = static_cast<generating *>(context);
        return static_cast<attend_verdict>(self->exceptions.run(verdict::end_all, [&] {
            return self->options_.on_token({ event->request,
                                             event->sequence,
                                             event->token,
                                             event->log_probability,
                                             text_view(event->text, event->text_length),
                                             { event->alternatives, event->alternative_count },
                                             static_cast<finish_reason>(event->finish_reason) });
        }));
    }
    static bool change(float *scores, std::size_t vocabulary, const std::int32_t *ids, std::size_t count,
                       void *context) {
        auto *self = static_cast<generating *>(context);
        return self->exceptions.run(false,
                                    [&] { return self->options_.on_logits({ scores, vocabulary }, { ids, count }); });
    }

    generation_options options_;
    std::vector<const char *> stops_;
    attend_generation_options how_ = ATTEND_GENERATION_OPTIONS_INIT;
};

} // namespace detail

/// What was generated: for each request a row of hypotheses, the best first.
class generation
    : public detail::table<attend_generation, attend_generation_free, attend_generation_count, detail::hypotheses> {
  public:
    using table::table;

    /// A hypothesis as a message of a conversation, a JSON object, with the calls of functions that it makes.
    std::string message(std::size_t request = 0, std::size_t index = 0) const {
        attend_text *text = nullptr;
        detail::check(attend_generation_message(get(), request, index, &text));
        return detail::take(text);
    }
};

/// How to translate: attend_translate_options. Languages by name; empty: as the checkpoint says.
struct translate_options {
    std::string src_lang = {};
    std::string tgt_lang = {};
    std::size_t max_length = 0; ///< longer texts are cut to as many tokens; 0: they are an error
};

/// How to summarize: attend_summarize_options.
struct summarize_options {
    std::size_t max_length = 0;
    bool by_parts = false; ///< longer texts are cut into parts, whose summaries are summarized
};

/// How to rewrite: attend_rewrite_options.
struct rewrite_options {
    std::string task = {}; ///< by its name in config.json's task_specific_params
    std::size_t max_length = 0;
};

namespace detail {

template <class Call> generation generate(session &session, const generation_options &options, Call &&call) {
    generating how(options);
    attend_generation *made = nullptr;
    attend_session *handle = session.get();
    attend_error *failure = call(handle, how.get(), &made);
    return session.finish<generation>(failure, made, &how.exceptions);
}

} // namespace detail

// Each of these drops the live sequences of its session, before and after, and throws `incomplete<generation>` where it
// is cancelled or fails after some requests have finished.

/// Generates for every sequence of a batch: prompts of a decoder, sources of an encoder-decoder.
inline generation generate(session &session, const batch &sequences, const generation_options &options = {}) {
    return sequences.with_c([&](const attend_batch &raw) {
        return detail::generate(session, options,
                                [&](auto *on, auto *how, auto **made) { return attend_generate(on, &raw, how, made); });
    });
}

/// The same for texts.
inline generation generate(session &session, const texts &prompts, const generation_options &options = {}) {
    return detail::generate(session, options, [&](auto *on, auto *how, auto **made) {
        return attend_generate_texts(on, prompts.data(), prompts.lengths(), prompts.size(), how, made);
    });
}

/// The same for a conversation, a JSON list of messages.
inline generation generate_chat(session &session, std::string_view messages, const generation_options &options = {},
                                const chat_options &chat = {}) {
    attend_chat_options written = detail::c_chat(chat);
    const std::vector<attend_input> inputs = detail::c_inputs(chat.inputs);
    written.inputs = inputs.empty() ? nullptr : inputs.data();
    written.input_count = inputs.size();
    return detail::generate(session, options, [&](auto *on, auto *how, auto **made) {
        return attend_generate_chat(on, messages.data(), messages.size(), &written, how, made);
    });
}

/// Describes pictures, each in a text of its own, which goes on from `prompt` or answers it.
inline generation describe(session &session, span<const input> pictures, const std::string &prompt = {},
                           const generation_options &options = {}) {
    const std::vector<attend_input> inputs = detail::c_inputs(pictures);
    return detail::generate(session, options, [&](auto *on, auto *how, auto **made) {
        return attend_describe(on, inputs.data(), inputs.size(), detail::optional_text(prompt), how, made);
    });
}

/// Translates texts.
inline generation translate(session &session, const texts &sources, const translate_options &how = {},
                            const generation_options &options = {}) {
    const attend_translate_options raw = { sizeof(raw), detail::optional_text(how.src_lang),
                                           detail::optional_text(how.tgt_lang), how.max_length };
    return detail::generate(session, options, [&](auto *on, auto *generating, auto **made) {
        return attend_translate(on, sources.data(), sources.lengths(), sources.size(), &raw, generating, made);
    });
}

/// Summarizes texts.
inline generation summarize(session &session, const texts &sources, const summarize_options &how = {},
                            const generation_options &options = {}) {
    const attend_summarize_options raw = { sizeof(raw), how.max_length, how.by_parts };
    return detail::generate(session, options, [&](auto *on, auto *generating, auto **made) {
        return attend_summarize(on, sources.data(), sources.lengths(), sources.size(), &raw, generating, made);
    });
}

/// Makes texts of texts.
inline generation rewrite(session &session, const texts &sources, const rewrite_options &how = {},
                          const generation_options &options = {}) {
    const attend_rewrite_options raw = { sizeof(raw), detail::optional_text(how.task), how.max_length };
    return detail::generate(session, options, [&](auto *on, auto *generating, auto **made) {
        return attend_rewrite(on, sources.data(), sources.lengths(), sources.size(), &raw, generating, made);
    });
}

} // namespace attend

#endif
