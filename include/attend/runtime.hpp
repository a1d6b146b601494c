/* SPDX-License-Identifier: Apache-2.0
 * Who is running: version, log, kernels. Part of attend.hpp. */
#ifndef ATTEND_RUNTIME_HPP
#define ATTEND_RUNTIME_HPP

#include "error.hpp"
#include <functional>
#include <string_view>

namespace attend {

/// The version of the library that is running: major * 10000 + minor * 100 + patch.
inline std::int32_t version_number() noexcept { return attend_version_number(); }

/// The same as text, "0.2.0".
inline std::string_view version_string() noexcept { return attend_version_string(); }

/// The name of the kernels that models use by default on this CPU: "avx512", "avx2" or "portable".
inline std::string_view kernels_name() noexcept { return attend_kernels_name(); }

/// How much a log line matters: attend_log_level.
enum class log_level { debug = ATTEND_LOG_DEBUG, info = ATTEND_LOG_INFO, warning = ATTEND_LOG_WARNING };

/// Receives one line of log, without a line break, valid during the call. Any thread may call it. There is no caller
/// that could catch what it throws, which is lost.
using log_callback = std::function<void(log_level level, std::string_view line)>;

namespace detail {

/// The receiver of log lines, which lives until the process ends.
class log_receiver {
  public:
    static log_receiver &shared() {
        static log_receiver receiver;
        return receiver;
    }

    void set(log_callback callback) {
        auto next = callback ? std::make_unique<log_callback>(std::move(callback)) : nullptr;
        std::lock_guard<std::mutex> lock(mutex_);
        attend_log_set(next ? hear : nullptr, next.get());
        callback_ = std::move(next); // no line is being delivered to the old one any more
    }

    ~log_receiver() { attend_log_set(nullptr, nullptr); }

  private:
    static void hear(attend_log_level level, const char *line, void *context) {
        try {
            (*static_cast<log_callback *>(context))(static_cast<log_level>(level), line);
        } catch (...) { // nobody waits for it
        }
    }

    std::mutex mutex_;
    std::unique_ptr<log_callback> callback_;
};

} // namespace detail

/// Sets the receiver of log lines for the whole process; an empty one, as at the start, switches logging off. It must
/// not call this function.
inline void set_log(log_callback callback) { detail::log_receiver::shared().set(std::move(callback)); }

} // namespace attend

#endif
