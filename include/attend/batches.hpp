/* SPDX-License-Identifier: Apache-2.0
 * What goes into a session and comes out of it: batches, pictures and sounds, tensors. Part of attend.hpp. */
#ifndef ATTEND_BATCHES_HPP
#define ATTEND_BATCHES_HPP

#include "tokenizers.hpp"

namespace attend {

/// A view of an array, row after row. Borrowed: valid until the next call that computes on its session.
class tensor {
  public:
    explicit tensor(const attend_tensor &raw) noexcept : raw_(raw) {}

    element_type type() const noexcept { return static_cast<element_type>(raw_.type); }
    span<const std::size_t> shape() const noexcept { return { raw_.shape, raw_.rank }; }
    /// All elements, the product of shape().
    std::size_t size() const noexcept {
        std::size_t product = 1;
        for (std::size_t each : shape()) product *= each;
        return product;
    }
    /// How many rows of the last dimension there are.
    std::size_t rows() const noexcept { return width() ? size() / width() : 0; }
    std::size_t width() const noexcept { return raw_.rank ? raw_.shape[raw_.rank - 1] : 1; }

    /// The numbers of a float32 tensor. Errors: invalid_argument, of another type.
    span<const float> values() const {
        require(element_type::float32, "float32");
        return { static_cast<const float *>(raw_.data), size() };
    }
    /// Those of one of uint8, as pixels are.
    span<const std::uint8_t> bytes() const {
        require(element_type::uint8, "uint8");
        return { static_cast<const std::uint8_t *>(raw_.data), size() };
    }
    /// Row `index` of a float32 tensor, [width()]. Errors: invalid_argument.
    span<const float> operator[](std::size_t index) const {
        if (index >= rows())
            throw error(error_code::invalid_argument,
                        "row " + std::to_string(index) + " of a tensor with " + std::to_string(rows()));
        return values().subspan(index * width(), width());
    }
    const void *data() const noexcept { return raw_.data; }

  private:
    void require(element_type wanted, const char *name) const {
        if (type() != wanted)
            throw error(error_code::invalid_argument, std::string("the elements of this tensor are not ") + name);
    }

    attend_tensor raw_;
};

/// A picture or a sound: attend_input. Numbers and bytes are borrowed, for the time of the calls that it is given to.
class input {
  public:
    /// The file at a path: PNG, JPEG, WebP, BMP, GIF; WAV, FLAC, MP3, Ogg, ...
    static input file(std::string path) {
        input made(ATTEND_INPUT_FILE);
        made.path_ = std::move(path);
        return made;
    }
    /// The bytes of such a file.
    static input bytes(span<const char> bytes) {
        input made(ATTEND_INPUT_BYTES);
        made.raw_.data = bytes.data();
        made.raw_.size = bytes.size();
        return made;
    }
    /// Pixels, [height, width, channels], of bytes or of floats from 0 to 1, with 1 to 4 channels, without gaps.
    static input pixels(span<const std::uint8_t> pixels, std::size_t height, std::size_t width, std::size_t channels) {
        return numbers(ATTEND_INPUT_PIXELS, ATTEND_TYPE_UINT8, pixels, { height, width, channels });
    }
    static input pixels(span<const float> pixels, std::size_t height, std::size_t width, std::size_t channels) {
        return numbers(ATTEND_INPUT_PIXELS, ATTEND_TYPE_FLOAT32, pixels, { height, width, channels });
    }
    /// Samples, [frames, channels], floats from -1 to 1 or of 16 bits, of which `rate` make a second.
    static input samples(span<const float> samples, std::uint32_t rate, std::size_t channels = 1) {
        return sound(ATTEND_TYPE_FLOAT32, samples, rate, channels);
    }
    static input samples(span<const std::int16_t> samples, std::uint32_t rate, std::size_t channels = 1) {
        return sound(ATTEND_TYPE_INT16, samples, rate, channels);
    }
    /// An array as the model's first layer reads it, of at most three dimensions.
    static input features(span<const float> values, span<const std::size_t> shape) {
        return numbers(ATTEND_INPUT_FEATURES, ATTEND_TYPE_FLOAT32, values, shape);
    }

    /// Allows a large JPEG to be decoded at a smaller scale, which is faster and gives other pixels.
    input &draft(bool on = true) noexcept {
        raw_.draft = on;
        return *this;
    }

    /// What C takes; valid as long as this and what it borrows.
    attend_input c() const noexcept {
        attend_input made = raw_;
        if (made.kind == ATTEND_INPUT_FILE) made.data = path_.c_str();
        return made;
    }

  private:
    explicit input(attend_input_kind kind) noexcept { raw_.kind = kind; }

    template <class T>
    static input numbers(attend_input_kind kind, attend_element_type type, span<const T> values,
                         span<const std::size_t> shape) {
        std::size_t left = values.size();
        bool fits = shape.size() >= 1 && shape.size() <= 3;
        input made(kind);
        for (std::size_t i = 0; fits && i < shape.size(); ++i) {
            fits = shape[i] != 0 && left % shape[i] == 0;
            if (fits) left /= shape[i];
            made.raw_.shape[i] = shape[i];
        }
        if (!fits || left != 1)
            throw error(error_code::invalid_argument,
                        std::to_string(values.size()) + " numbers of an input do not fill its shape");
        made.raw_.data = values.data();
        made.raw_.type = type;
        made.raw_.rank = shape.size();
        return made;
    }

    template <class T>
    static input sound(attend_element_type type, span<const T> samples, std::uint32_t rate, std::size_t channels) {
        const std::size_t frames = channels ? samples.size() / channels : 0;
        input made = channels == 1 ? numbers(ATTEND_INPUT_SAMPLES, type, samples, { frames })
                                   : numbers(ATTEND_INPUT_SAMPLES, type, samples, { frames, channels });
        made.raw_.sample_rate = rate;
        return made;
    }

    attend_input raw_ = ATTEND_INPUT_INIT;
    std::string path_;
};

/// The tokens whose logits decode computes: attend_logits_kind.
enum class logits_kind {
    standard = ATTEND_LOGITS_DEFAULT,
    none = ATTEND_LOGITS_NONE,
    last = ATTEND_LOGITS_LAST,
    all = ATTEND_LOGITS_ALL
};

/// Several sequences of ids, end to end, of any lengths; or pictures and sounds; or pictures beside tokens. It copies
/// ids, and keeps inputs, which borrow.
class batch {
  public:
    batch() = default;
    /// Each list is a sequence: `batch({{1, 2, 3}, {4, 5}})`.
    batch(std::initializer_list<span<const std::int32_t>> sequences) {
        for (const auto &each : sequences) add(each);
    }
    /// Any row of sequences: a std::vector of std::vector<std::int32_t>.
    template <class List, class = decltype(span<const std::int32_t>(*std::begin(std::declval<const List &>())))>
    explicit batch(const List &sequences) {
        for (const auto &each : sequences) add(each);
    }
    /// An encoding, with its token types where `with_types`.
    explicit batch(const encoding &text, bool with_types = false) {
        if (with_types) add(text.ids(), text.token_types());
        else add(text.ids());
    }
    /// Pictures or sounds, each one sequence.
    static batch of_inputs(std::vector<input> inputs) {
        batch made;
        made.inputs_ = std::move(inputs);
        return made;
    }

    /// Puts a sequence behind the others; of all or of none the token types are given.
    batch &add(span<const std::int32_t> tokens, span<const std::int32_t> token_types = {}) {
        if (token_types.size() && (token_types.size() != tokens.size() || token_types_.size() != tokens_.size()))
            throw error(error_code::invalid_argument, "token types are given of each token of a batch, or of none");
        tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
        token_types_.insert(token_types_.end(), token_types.begin(), token_types.end());
        lengths_.push_back(tokens.size());
        return *this;
    }
    /// A picture that placeholders among the tokens stand for, in their order.
    batch &add_input(input one) {
        inputs_.push_back(std::move(one));
        return *this;
    }
    /// For each token the pictures of its sequence that it sees, [tokens][2]: attend_batch.seen_pictures.
    batch &see(span<const std::int32_t> pictures) {
        if (pictures.size() != 2 * tokens_.size())
            throw error(error_code::invalid_argument, std::to_string(tokens_.size()) + " tokens see " +
                                                          std::to_string(pictures.size()) + " numbers of pictures");
        seen_pictures_.assign(pictures.begin(), pictures.end());
        return *this;
    }
    /// What decode computes.
    batch &logits(logits_kind kind) noexcept {
        logits_ = kind;
        return *this;
    }
    std::size_t size() const noexcept { return lengths_.empty() ? inputs_.size() : lengths_.size(); }

    /// What a call of C takes: `body` gets an attend_batch that is valid until it returns.
    template <class Body> auto with_c(Body &&body) const {
        std::vector<attend_input> inputs;
        inputs.reserve(inputs_.size());
        for (const input &each : inputs_) inputs.push_back(each.c());
        if (!token_types_.empty() && token_types_.size() != tokens_.size())
            throw error(error_code::invalid_argument, "token types are given of each token of a batch, or of none");
        attend_batch raw = ATTEND_BATCH_INIT;
        raw.tokens = lengths_.empty() ? nullptr : tokens_.data();
        raw.lengths = lengths_.empty() ? nullptr : lengths_.data();
        raw.count = size();
        raw.token_types = token_types_.empty() ? nullptr : token_types_.data();
        raw.logits = static_cast<attend_logits_kind>(logits_);
        raw.inputs = inputs.empty() ? nullptr : inputs.data();
        raw.input_count = inputs.size();
        raw.seen_pictures = seen_pictures_.empty() ? nullptr : seen_pictures_.data();
        return body(static_cast<const attend_batch &>(raw));
    }

  private:
    std::vector<std::int32_t> tokens_, token_types_, seen_pictures_;
    std::vector<std::size_t> lengths_;
    std::vector<input> inputs_;
    logits_kind logits_ = logits_kind::standard;
};

namespace detail {

/// Inputs as C takes them; valid as long as `inputs` are.
inline std::vector<attend_input> c_inputs(span<const input> inputs) {
    std::vector<attend_input> all;
    all.reserve(inputs.size());
    for (const input &each : inputs) all.push_back(each.c());
    return all;
}

} // namespace detail
} // namespace attend

#endif
