/* SPDX-License-Identifier: Apache-2.0
 * Arrays of the caller's, and the options of functions on them. Part of attend.hpp. */
#ifndef ATTEND_ARRAYS_HPP
#define ATTEND_ARRAYS_HPP

#include "models.hpp"

namespace attend {

/// Numbers in the caller's memory, of at most ATTEND_MAX_RANK dimensions, which are written only where an array is an
/// output. It borrows them.
class array {
  public:
    /// Row after row without gaps. Errors: invalid_argument, where the numbers do not fill the shape.
    array(span<float> values, span<const std::int64_t> shape) : array(values.data(), element_type::float32, shape) {
        require(values.size());
    }
    array(span<const float> values, span<const std::int64_t> shape)
        : array(const_cast<float *>(values.data()), element_type::float32, shape) {
        require(values.size());
    }
    array(std::vector<float> &values, span<const std::int64_t> shape) : array(span<float>(values), shape) {}
    array(const std::vector<float> &values, span<const std::int64_t> shape) : array(span<const float>(values), shape) {}
    array(span<const std::int32_t> values, span<const std::int64_t> shape)
        : array(const_cast<std::int32_t *>(values.data()), element_type::int32, shape) {
        require(values.size());
    }
    array(span<const std::int64_t> values, span<const std::int64_t> shape)
        : array(const_cast<std::int64_t *>(values.data()), element_type::int64, shape) {
        require(values.size());
    }
    array(const std::vector<std::int32_t> &values, span<const std::int64_t> shape)
        : array(span<const std::int32_t>(values), shape) {}

    /// Elements of any type at an address, which is not checked.
    array(void *data, element_type type, span<const std::int64_t> shape) {
        if (shape.size() > ATTEND_MAX_RANK)
            throw error(error_code::invalid_argument, "an array has " + std::to_string(shape.size()) +
                                                          " dimensions, more than " + std::to_string(ATTEND_MAX_RANK));
        attend_array_init(&raw_, data, static_cast<attend_element_type>(type), shape.size(), shape.data());
    }

    span<const std::int64_t> shape() const noexcept { return { raw_.shape, raw_.rank }; }
    /// Elements from an index to the next, of any sign.
    span<std::int64_t> strides() noexcept { return { raw_.strides, raw_.rank }; }
    const attend_array *get() const noexcept { return &raw_; }

  private:
    void require(std::size_t count) const {
        std::size_t left = count;
        bool fits = true;
        for (std::int64_t each : shape()) {
            fits = fits && each > 0 && left % static_cast<std::size_t>(each) == 0;
            if (fits) left /= static_cast<std::size_t>(each);
        }
        if (!fits || left != 1)
            throw error(error_code::invalid_argument, std::to_string(count) + " numbers do not fill an array's shape");
    }

    attend_array raw_;
};

/// How to make a context: attend_context_options.
struct context_options {
    std::uint32_t threads = 0;
    std::string kernels = {};
    bool pin_threads = false; ///< threads that the library makes stay on a processor each
};

/// What attention does to its scores, and what it leaves behind: attend_attention_options.
struct attention_options {
    float scale = 0;
    float soft_cap = 0;
    bool causal = false;
    std::int64_t query_position = 0;
    std::size_t window = 0;
    const array *mask = nullptr;
    const array *key_lengths = nullptr;
    const array *slopes = nullptr;
    const array *distance_bias = nullptr;
    const array *sinks = nullptr;
    const array *relative_keys = nullptr;
    const array *relative_values = nullptr;
    const array *weights = nullptr; ///< an output
};

/// The projections of multi-head attention: attend_multi_head_weights.
struct multi_head_weights {
    const array *in_proj_weight = nullptr;
    const array *in_proj_bias = nullptr;
    const array *query_weight = nullptr;
    const array *key_weight = nullptr;
    const array *value_weight = nullptr;
    const array *out_proj_weight = nullptr;
    const array *out_proj_bias = nullptr;
    std::size_t heads = 0;
    std::size_t key_heads = 0;
};

/// How a query and a key are compared: attend_score_kind.
enum class score_kind {
    dot = ATTEND_SCORE_DOT,
    general = ATTEND_SCORE_GENERAL,
    concat = ATTEND_SCORE_CONCAT,
    additive = ATTEND_SCORE_ADDITIVE
};

/// Which keys a query looks at: attend_locality.
enum class locality {
    global = ATTEND_LOCALITY_GLOBAL,
    monotonic = ATTEND_LOCALITY_MONOTONIC,
    predictive = ATTEND_LOCALITY_PREDICTIVE
};

/// The attention of recurrent networks: attend_scored_attention_options.
struct scored_attention_options {
    score_kind score = score_kind::dot;
    attend::locality locality = attend::locality::global;
    const array *weight = nullptr;
    const array *key_weight = nullptr;
    const array *bias = nullptr;
    const array *vector = nullptr;
    std::size_t half_window = 0;
    std::int64_t query_position = 0;
    const array *place_weight = nullptr;
    const array *place_vector = nullptr;
    const array *mask = nullptr;
    const array *key_lengths = nullptr;
    const array *weights = nullptr; ///< an output
};

/// The layout of sinusoidal positions: attend_sinusoid_layout.
enum class sinusoid_layout {
    interleaved = ATTEND_SINUSOID_INTERLEAVED,
    halves = ATTEND_SINUSOID_HALVES,
    tensor2tensor = ATTEND_SINUSOID_TENSOR2TENSOR
};

/// The ways to rotary positions beyond those of the training: attend_rope_type.
enum class rope_type {
    standard = ATTEND_ROPE_DEFAULT,
    linear = ATTEND_ROPE_LINEAR,
    dynamic = ATTEND_ROPE_DYNAMIC,
    llama3 = ATTEND_ROPE_LLAMA3,
    yarn = ATTEND_ROPE_YARN,
    longrope = ATTEND_ROPE_LONGROPE,
    proportional = ATTEND_ROPE_PROPORTIONAL
};

/// How far a position turns which components: attend_rotary_options, whose zeros mean its defaults.
struct rotary_options {
    rope_type type = rope_type::standard;
    bool interleaved = false;
    std::size_t dimensions = 0;
    double theta = 0;
    double factor = 0;
    double low_frequency_factor = 0;
    double high_frequency_factor = 0;
    double beta_fast = 0;
    double beta_slow = 0;
    double attention_factor = 0;
    double rotated_share = 0;
    std::size_t trained_positions = 0;
    std::size_t length = 0;
    const array *short_factors = nullptr;
    const array *long_factors = nullptr;
};

/// The kinds of norms: attend_norm_kind.
enum class norm_kind { layer = ATTEND_NORM_LAYER, rms = ATTEND_NORM_RMS };

/// A norm over the last dimension: attend_norm.
struct norm {
    norm_kind kind = norm_kind::layer;
    float epsilon = 0;
    float weight_offset = 0;
    const array *weight = nullptr;
    const array *bias = nullptr;
};

/// Functions of one number: attend_activation.
enum class activation {
    none = ATTEND_ACTIVATION_NONE,
    relu = ATTEND_ACTIVATION_RELU,
    gelu = ATTEND_ACTIVATION_GELU,
    gelu_tanh = ATTEND_ACTIVATION_GELU_TANH,
    quick_gelu = ATTEND_ACTIVATION_QUICK_GELU,
    silu = ATTEND_ACTIVATION_SILU,
    tanh = ATTEND_ACTIVATION_TANH,
    sigmoid = ATTEND_ACTIVATION_SIGMOID,
    relu_squared = ATTEND_ACTIVATION_RELU_SQUARED
};

/// The weights of a feed-forward network: attend_feed_forward_weights.
struct feed_forward_weights {
    attend::activation activation = attend::activation::relu;
    const array *weight1 = nullptr;
    const array *bias1 = nullptr;
    const array *gated_weight = nullptr;
    const array *gated_bias = nullptr;
    const array *weight2 = nullptr;
    const array *bias2 = nullptr;
};

/// A layer of the paper's encoder or decoder: attend_layer_weights.
struct layer_weights {
    const multi_head_weights *self_attention = nullptr;
    const multi_head_weights *cross_attention = nullptr; ///< of decoders
    const feed_forward_weights *feed_forward = nullptr;
    const norm *self_attention_norm = nullptr;
    const norm *cross_attention_norm = nullptr;
    const norm *feed_forward_norm = nullptr;
    bool norm_first = false;
};

namespace detail {

// The options as C takes them; valid as long as the arrays that they name.

inline const attend_array *c(const array *one) noexcept { return one ? one->get() : nullptr; }

inline attend_attention_options c(const attention_options &o) noexcept {
    return { sizeof(attend_attention_options),
             o.scale,
             o.soft_cap,
             o.causal,
             o.query_position,
             o.window,
             c(o.mask),
             c(o.key_lengths),
             c(o.slopes),
             c(o.distance_bias),
             c(o.sinks),
             c(o.relative_keys),
             c(o.relative_values),
             c(o.weights) };
}

inline attend_multi_head_weights c(const multi_head_weights &w) noexcept {
    return { sizeof(attend_multi_head_weights),
             c(w.in_proj_weight),
             c(w.in_proj_bias),
             c(w.query_weight),
             c(w.key_weight),
             c(w.value_weight),
             c(w.out_proj_weight),
             c(w.out_proj_bias),
             w.heads,
             w.key_heads };
}

inline attend_scored_attention_options c(const scored_attention_options &o) noexcept {
    return { sizeof(attend_scored_attention_options),
             static_cast<attend_score_kind>(o.score),
             static_cast<attend_locality>(o.locality),
             c(o.weight),
             c(o.key_weight),
             c(o.bias),
             c(o.vector),
             o.half_window,
             o.query_position,
             c(o.place_weight),
             c(o.place_vector),
             c(o.mask),
             c(o.key_lengths),
             c(o.weights) };
}

inline attend_rotary_options c(const rotary_options &o) noexcept {
    return { sizeof(attend_rotary_options),
             static_cast<attend_rope_type>(o.type),
             o.interleaved,
             o.dimensions,
             o.theta,
             o.factor,
             o.low_frequency_factor,
             o.high_frequency_factor,
             o.beta_fast,
             o.beta_slow,
             o.attention_factor,
             o.rotated_share,
             o.trained_positions,
             o.length,
             c(o.short_factors),
             c(o.long_factors) };
}

inline attend_norm c(const norm &n) noexcept {
    return { sizeof(attend_norm), static_cast<attend_norm_kind>(n.kind),
             n.epsilon,           n.weight_offset,
             c(n.weight),         c(n.bias) };
}

inline attend_feed_forward_weights c(const feed_forward_weights &w) noexcept {
    return { sizeof(attend_feed_forward_weights),
             static_cast<attend_activation>(w.activation),
             c(w.weight1),
             c(w.bias1),
             c(w.gated_weight),
             c(w.gated_bias),
             c(w.weight2),
             c(w.bias2) };
}

/// The weights of a layer with all that they name.
class c_layer {
  public:
    explicit c_layer(const layer_weights &w) noexcept {
        raw_.self_attention = keep(w.self_attention, self_);
        raw_.cross_attention = keep(w.cross_attention, cross_);
        raw_.feed_forward = keep(w.feed_forward, network_);
        raw_.self_attention_norm = keep(w.self_attention_norm, norms_[0]);
        raw_.cross_attention_norm = keep(w.cross_attention_norm, norms_[1]);
        raw_.feed_forward_norm = keep(w.feed_forward_norm, norms_[2]);
        raw_.norm_first = w.norm_first;
    }
    c_layer(const c_layer &) = delete;
    c_layer &operator=(const c_layer &) = delete;
    const attend_layer_weights *get() const noexcept { return &raw_; }

  private:
    template <class From, class To> static const To *keep(const From *from, To &to) noexcept {
        if (!from) return nullptr;
        to = c(*from);
        return &to;
    }

    attend_multi_head_weights self_{}, cross_{};
    attend_feed_forward_weights network_{};
    attend_norm norms_[3]{};
    attend_layer_weights raw_ = ATTEND_LAYER_WEIGHTS_INIT;
};

} // namespace detail
} // namespace attend

#endif
