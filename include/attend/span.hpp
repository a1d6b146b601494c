/* SPDX-License-Identifier: Apache-2.0
 * A view of neighbouring elements, for C++17, and iteration over what is fetched by its place. Part of attend.hpp. */
#ifndef ATTEND_SPAN_HPP
#define ATTEND_SPAN_HPP

#include <array>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <type_traits>
#include <utility>
#include <vector>
#if __cplusplus >= 202002L
#include <ranges>
#endif

namespace attend {

/// A view of neighbouring elements, [size()]: what C++20 has as std::span, which converts to this and from this. It
/// owns nothing, so what it shows must outlive it.
template <class T> class span {
  public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;
    using size_type = std::size_t;
    using difference_type = std::ptrdiff_t;
    using pointer = T *;
    using reference = T &;
    using iterator = T *;

    constexpr span() noexcept = default;
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <std::size_t N> constexpr span(T (&array)[N]) noexcept : data_(array), size_(N) {}

    /// Everything with data() and size() of such elements: std::vector, std::array, std::span.
    template <class C, class Pointer = decltype(std::declval<C &>().data()),
              class = std::enable_if_t<std::is_convertible_v<std::remove_pointer_t<Pointer> (*)[], T (*)[]> &&
                                       !std::is_same_v<std::decay_t<C>, span>>,
              class = decltype(std::declval<C &>().size())>
    constexpr span(C &&container) noexcept : data_(container.data()), size_(container.size()) {}

    /// A list in braces, for the time of a call: `session.step({token})`.
    template <class U = T, class = std::enable_if_t<std::is_const_v<U>>>
    constexpr span(std::initializer_list<value_type> list) noexcept : size_(list.size()) {
        data_ = list.begin();
    }

    constexpr T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr T *begin() const noexcept { return data_; }
    constexpr T *end() const noexcept { return data_ + size_; }
    /// Element `index`, which is not checked.
    constexpr T &operator[](std::size_t index) const noexcept { return data_[index]; }
    constexpr T &front() const noexcept { return data_[0]; }
    constexpr T &back() const noexcept { return data_[size_ - 1]; }
    /// `count` elements from `first` on, which are not checked.
    constexpr span subspan(std::size_t first, std::size_t count) const noexcept { return { data_ + first, count }; }

  private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

/// Iteration over values that are fetched by their place: `View` is small, copied, and has operator[] and size().
template <class View> class place_iterator {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = decltype(std::declval<const View &>()[0]);
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = value_type;

    place_iterator(View view, std::size_t place) : view_(view), place_(place) {}
    value_type operator*() const { return view_[place_]; }
    place_iterator &operator++() {
        ++place_;
        return *this;
    }
    place_iterator operator++(int) {
        place_iterator before = *this;
        ++place_;
        return before;
    }
    friend bool operator==(const place_iterator &a, const place_iterator &b) { return a.place_ == b.place_; }
    friend bool operator!=(const place_iterator &a, const place_iterator &b) { return a.place_ != b.place_; }

  private:
    View view_;
    std::size_t place_;
};

} // namespace attend

#if __cplusplus >= 202002L
template <class T> inline constexpr bool std::ranges::enable_borrowed_range<attend::span<T>> = true;
#endif

#endif
