/* SPDX-License-Identifier: Apache-2.0
 * Many requests, submitted from any thread, batched as they come. Part of attend.hpp. */
#ifndef ATTEND_SCHEDULER_HPP
#define ATTEND_SCHEDULER_HPP

#include "generation.hpp"

namespace attend {

/// How requests share a model: attend_scheduler_options.
struct scheduler_options {
    std::size_t max_rows = 0;               ///< sequences that a step reads; 0: 64
    std::size_t max_cache_bytes = 0;        ///< of keys and values of those that run; 0: no bound
    std::size_t prompt_tokens_per_step = 0; ///< tokens of prompts that a step reads beside those that write; 0: 512
    double priority_seconds = 0;            ///< the waiting that a unit of priority is worth; 0: 1
    bool never_put_aside = false;
};

/// What is asked for by a request: attend_request_options. Callbacks come on the scheduler's thread, `on_logits` on
/// any. What one throws ends the request, and wait() throws it.
struct request_options {
    generation_options generation = {};
    std::function<void()> on_done = {}; ///< called once, after all others of the request
    std::int32_t priority = 0;          ///< the higher, the sooner
};

/// What a scheduler has done so far.
using scheduler_stats = attend_scheduler_stats;

/// A request that was submitted. Any number of threads may wait for it and cancel it. One that is let go before it is
/// finished is cancelled; its callbacks have then ended, and none comes after.
class request {
  public:
    /// Waits until it is finished, at most so many seconds; 0: does not wait; below 0: as long as it takes. Nothing,
    /// where it is not finished. May be called again. Errors: what the request failed of, invalid_state.
    std::optional<generation> wait(double seconds = -1) {
        attend_request *handle = handle_.get();
        attend_generation *made = nullptr;
        attend_error *failure = attend_request_wait(handle, seconds, &made);
        generation result(made);
        state_->generating.exceptions.check(failure);
        if (!result) return std::nullopt;
        return result;
    }
    /// Ends it as soon as it can be.
    void cancel() { attend_request_cancel(handle_.get()); }

    request(request &&) noexcept = default;
    request &operator=(request &&other) noexcept {
        handle_.reset(); // before what its callbacks use
        state_ = std::move(other.state_);
        handle_ = std::move(other.handle_);
        return *this;
    }
    ~request() = default;

  private:
    friend class scheduler;

    /// What callbacks use. Whoever lets a request go within its own callback leaves it to the callback.
    struct state : std::enable_shared_from_this<state> {
        explicit state(request_options options)
            : on_done(std::move(options.on_done)), generating(with(this, options)) {}

        static generation_options with(state *self, request_options &options) {
            generation_options inner = std::move(options.generation);
            if (inner.on_token)
                inner.on_token = [self, hear = std::move(inner.on_token)](const token_event &event) {
                    const std::shared_ptr<state> kept = self->shared_from_this();
                    return hear(event);
                };
            return inner;
        }
        static void done(void *context) {
            const std::shared_ptr<state> kept = static_cast<state *>(context)->shared_from_this();
            kept->generating.exceptions.run(0, [&] { return kept->on_done(), 0; });
        }

        std::function<void()> on_done;
        detail::generating generating;
    };

    explicit request(request_options options) {
        const std::int32_t priority = options.priority;
        state_ = std::make_shared<state>(std::move(options));
        how_.generation = state_->generating.get();
        how_.priority = priority;
        if (state_->on_done) how_.on_done = state::done;
        how_.on_done_context = state_.get();
    }

    attend_request_options how_ = ATTEND_REQUEST_OPTIONS_INIT;
    std::shared_ptr<state> state_; // freed behind the handle
    detail::owner<attend_request, attend_request_free> handle_;
};

/// Requests to one model, generated side by side on a thread of the scheduler's own. Any number of threads may use it.
/// Whoever ends it cancels the requests that are not finished.
class scheduler {
  public:
    /// `session` says how its session is made, without a progress callback.
    explicit scheduler(const model &model, const scheduler_options &options = {}, const session_options &session = {}) {
        if (session.progress) throw error(error_code::invalid_argument, "a scheduler's session reports no progress");
        const attend_session_options of_session = detail::c_session(session);
        attend_scheduler_options how = ATTEND_SCHEDULER_OPTIONS_INIT;
        how.max_rows = options.max_rows;
        how.max_cache_bytes = options.max_cache_bytes;
        how.prompt_tokens_per_step = options.prompt_tokens_per_step;
        how.priority_seconds = options.priority_seconds;
        how.never_put_aside = options.never_put_aside;
        attend_scheduler *made = nullptr;
        detail::check(attend_scheduler_create(model.get(), &of_session, &how, &made));
        handle_ = detail::owner<attend_scheduler, attend_scheduler_free>(made);
    }

    /// Submits the ids of a prompt, or of an encoder-decoder of a source. It returns at once.
    request submit(span<const std::int32_t> ids, request_options options = {}) {
        return submitted(std::move(options), [&](auto *to, auto *how, auto **made) {
            return attend_scheduler_submit(to, ids.data(), ids.size(), how, made);
        });
    }
    /// The same for a text.
    request submit(std::string_view text, request_options options = {}) {
        return submitted(std::move(options), [&](auto *to, auto *how, auto **made) {
            return attend_scheduler_submit_text(to, text.data(), text.size(), how, made);
        });
    }
    /// The same for a conversation, a JSON list of messages.
    request submit_chat(std::string_view messages, request_options options = {}, const chat_options &chat = {}) {
        attend_chat_options written = detail::c_chat(chat);
        const std::vector<attend_input> inputs = detail::c_inputs(chat.inputs);
        written.inputs = inputs.empty() ? nullptr : inputs.data();
        written.input_count = inputs.size();
        return submitted(std::move(options), [&](auto *to, auto *how, auto **made) {
            return attend_scheduler_submit_chat(to, messages.data(), messages.size(), &written, how, made);
        });
    }

    scheduler_stats stats() const {
        scheduler_stats stats = ATTEND_SCHEDULER_STATS_INIT;
        detail::check(attend_scheduler_get_stats(handle_.get(), &stats));
        return stats;
    }

  private:
    template <class Call> request submitted(request_options options, Call &&call) {
        request made(std::move(options));
        attend_request *handle = nullptr;
        detail::check(call(handle_.get(), &made.how_, &handle));
        made.handle_ = detail::owner<attend_request, attend_request_free>(handle);
        return made;
    }

    detail::owner<attend_scheduler, attend_scheduler_free> handle_;
};

} // namespace attend

#endif
