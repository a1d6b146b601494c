/* SPDX-License-Identifier: Apache-2.0
 * Results with rows of entries, which one can walk through. Part of attend.hpp. */
#ifndef ATTEND_RESULTS_HPP
#define ATTEND_RESULTS_HPP

#include "sessions.hpp"

namespace attend {
namespace detail {

/// A row of a result, [size()] entries that are fetched by their place; borrowed from the result.
template <class Handle, class Entry, std::size_t (*Count)(const Handle *, std::size_t),
          Entry (*Get)(const Handle *, std::size_t, std::size_t)>
class row {
  public:
    row(const Handle *handle, std::size_t place) noexcept : handle_(handle), place_(place) {}

    std::size_t size() const { return Count(handle_, place_); }
    bool empty() const { return size() == 0; }
    /// Entry `index`, whose texts and numbers are borrowed from the result. Errors: invalid_argument.
    Entry operator[](std::size_t index) const { return Get(handle_, place_, index); }
    /// The first entry: the best one, where they are ranked. Errors: invalid_argument.
    Entry front() const { return Get(handle_, place_, 0); }
    place_iterator<row> begin() const { return { *this, 0 }; }
    place_iterator<row> end() const { return { *this, size() }; }

  private:
    const Handle *handle_;
    std::size_t place_;
};

/// The rows of a result, borrowed.
template <class Handle, class Row, std::size_t (*Count)(const Handle *)> class rows {
  public:
    explicit rows(const Handle *handle) noexcept : handle_(handle) {}
    std::size_t size() const { return Count(handle_); }
    Row operator[](std::size_t index) const { return Row(handle_, index); }

  private:
    const Handle *handle_;
};

/// A result that is owned: [size()] rows, one for each input of the call. Immutable; any thread may read it.
template <class Handle, void (*Free)(Handle *), std::size_t (*Count)(const Handle *), class Row> class table {
  public:
    explicit table(Handle *handle) noexcept : handle_(handle) {}

    std::size_t size() const { return Count(get()); }
    bool empty() const { return size() == 0; }
    /// The entries of input `index`; none, where there is no such input.
    Row operator[](std::size_t index) const { return Row(get(), index); }
    place_iterator<rows<Handle, Row, Count>> begin() const { return { rows<Handle, Row, Count>(get()), 0 }; }
    place_iterator<rows<Handle, Row, Count>> end() const { return { rows<Handle, Row, Count>(get()), size() }; }

    /// The handle of C, borrowed. Errors: invalid_argument, of a result that was moved from.
    const Handle *get() const { return handle_.get(); }
    explicit operator bool() const noexcept { return static_cast<bool>(handle_); }

  private:
    owner<Handle, Free> handle_;
};

/// Texts of options as C takes them, ended by NUL; valid as long as `texts` are.
inline std::vector<const char *> c_texts(const std::vector<std::string> &texts) {
    std::vector<const char *> all;
    all.reserve(texts.size());
    for (const std::string &each : texts) all.push_back(each.c_str());
    return all;
}

} // namespace detail
} // namespace attend

#endif
