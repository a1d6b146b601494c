/* SPDX-License-Identifier: Apache-2.0
 * Errors as exceptions, handles that free themselves, exceptions of callbacks. Part of attend.hpp. */
#ifndef ATTEND_ERROR_HPP
#define ATTEND_ERROR_HPP

#include "../attend.h"
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

namespace attend {

/// Why a call failed: attend_error_code.
enum class error_code {
    invalid_argument = ATTEND_ERROR_INVALID_ARGUMENT,
    out_of_memory = ATTEND_ERROR_OUT_OF_MEMORY,
    not_found = ATTEND_ERROR_NOT_FOUND,
    io = ATTEND_ERROR_IO,
    invalid_file = ATTEND_ERROR_INVALID_FILE,
    unsupported = ATTEND_ERROR_UNSUPPORTED,
    invalid_state = ATTEND_ERROR_INVALID_STATE,
    busy = ATTEND_ERROR_BUSY,
    cancelled = ATTEND_ERROR_CANCELLED,
    internal = ATTEND_ERROR_INTERNAL
};

/// What a call throws that fails. what() is one sentence that names the file, tensor or argument and the numbers.
class error : public std::runtime_error {
  public:
    error(error_code code, const std::string &message) : std::runtime_error(message), code_(code) {}
    error_code code() const noexcept { return code_; }

  private:
    error_code code_;
};

/// What a call throws that fails or is cancelled after a part of its work: the error, and what there is by then.
template <class Result> class incomplete : public error {
  public:
    incomplete(const error &why, Result &&result)
        : error(why), result_(std::make_shared<const Result>(std::move(result))) {}
    const Result &result() const noexcept { return *result_; }

  private:
    std::shared_ptr<const Result> result_;
};

namespace detail {

/// The exception that an attend_error becomes; the latter is freed.
inline error take(attend_error *failure) {
    std::unique_ptr<attend_error, void (*)(attend_error *)> owner(failure, attend_error_free);
    return error(static_cast<error_code>(attend_error_get_code(failure)), attend_error_message(failure));
}

/// Throws what a call returned, if that is an error.
inline void check(attend_error *failure) {
    if (failure) throw take(failure);
}

/// The first exception that a callback threw during a call. None crosses C: the callback asks the call to stop, and
/// whoever made the call throws the exception again. Callbacks may come from several threads at once.
class thrown {
  public:
    /// Runs a callback; what it throws is kept, and `stopping` returned.
    template <class Answer, class Body> Answer run(Answer stopping, Body &&body) noexcept {
        try {
            return body();
        } catch (...) {
            std::lock_guard<std::mutex> lock(mutex_);
            if (!first_) first_ = std::current_exception();
            return stopping;
        }
    }

    /// Throws what a callback threw, once, or else what the call returned.
    void check(attend_error *failure) {
        if (std::exception_ptr first = take()) {
            attend_error_free(failure);
            std::rethrow_exception(first);
        }
        detail::check(failure);
    }

    std::exception_ptr take() {
        std::lock_guard<std::mutex> lock(mutex_);
        return std::exchange(first_, nullptr);
    }

  private:
    std::mutex mutex_;
    std::exception_ptr first_;
};

/// The one owner of a handle of C. It can be moved; what was moved from holds none, and using it is an error.
template <class Handle, void (*Free)(Handle *)> class owner {
  public:
    owner() noexcept = default;
    explicit owner(Handle *handle) noexcept : handle_(handle) {}

    /// The handle. Errors: invalid_argument, where it was moved away.
    Handle *get() const {
        if (!handle_) throw error(error_code::invalid_argument, "this object was moved from, and holds nothing");
        return handle_.get();
    }
    explicit operator bool() const noexcept { return handle_ != nullptr; }
    void reset() noexcept { handle_.reset(); }

  private:
    struct deleter {
        void operator()(Handle *handle) const noexcept { Free(handle); }
    };
    std::unique_ptr<Handle, deleter> handle_;
};

/// A text that may be missing: an empty one is NULL.
inline const char *optional_text(const std::string &text) noexcept { return text.empty() ? nullptr : text.c_str(); }

/// The bytes of an attend_text, which is freed.
inline std::string take(attend_text *text) {
    std::unique_ptr<attend_text, void (*)(attend_text *)> owner(text, attend_text_free);
    std::size_t length = 0;
    const char *bytes = attend_text_bytes(text, &length);
    return std::string(bytes, length);
}

/// A call whose result is there, or a part of it though it fails: throws what a callback threw, or `incomplete` with
/// the part, or the error alone.
template <class Result, class Handle>
Result finish(attend_error *failure, Handle *handle, const std::exception_ptr &of_callback) {
    Result result{ handle };
    if (of_callback) {
        attend_error_free(failure);
        std::rethrow_exception(of_callback);
    }
    if (!failure) return result;
    error why = take(failure);
    if (!handle) throw why;
    throw incomplete<Result>(why, std::move(result));
}

} // namespace detail
} // namespace attend

#endif
