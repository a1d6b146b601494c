/* SPDX-License-Identifier: Apache-2.0
 * The pieces of a Transformer on arrays of the caller's. Part of attend.hpp. */
#ifndef ATTEND_FUNCTIONS_HPP
#define ATTEND_FUNCTIONS_HPP

#include "arrays.hpp"

namespace attend {

/// The means of functions on arrays: threads, kernels and scratch memory, which stays for the next call. One thread at
/// a time. Shapes are those of the header; the last array of a call is its output. Errors: invalid_argument, which
/// names the argument and the shapes, out_of_memory, busy, invalid_state (after a fork).
class context {
  public:
    explicit context(const context_options &options = {}) {
        attend_context_options how = ATTEND_CONTEXT_OPTIONS_INIT;
        how.threads = options.threads;
        how.kernels = detail::optional_text(options.kernels);
        how.pin_threads = options.pin_threads;
        attend_context *made = nullptr;
        detail::check(attend_context_create(&how, &made));
        handle_ = detail::owner<attend_context, attend_context_free>(made);
    }

    // Attention.

    /// softmax(scale q kᵀ + ...) v: query [..., heads, queries, width], key and value [..., key heads, keys, width].
    void scaled_dot_product_attention(const array &query, const array &key, const array &value, const array &output,
                                      const attention_options &options = {}) {
        const attend_attention_options how = detail::c(options);
        check(attend_scaled_dot_product_attention(get(), query.get(), key.get(), value.get(), &how, output.get()));
    }
    /// Attention with its projections: query [..., queries, input width], output [..., queries, output width].
    void multi_head_attention(const array &query, const array &key, const array &value,
                              const multi_head_weights &weights, const array &output,
                              const attention_options &options = {}) {
        const attend_multi_head_weights projections = detail::c(weights);
        const attend_attention_options how = detail::c(options);
        check(
            attend_multi_head_attention(get(), query.get(), key.get(), value.get(), &projections, &how, output.get()));
    }
    /// Attention with the scores of Bahdanau and of Luong.
    void scored_attention(const array &query, const array &key, const array &value, const array &output,
                          const scored_attention_options &options = {}) {
        const attend_scored_attention_options how = detail::c(options);
        check(attend_scored_attention(get(), query.get(), key.get(), value.get(), &how, output.get()));
    }

    // Positions.

    /// The positions from `first` on of section 3.5 of the paper: output [positions, width].
    void sinusoidal_positions(const array &output, sinusoid_layout layout = sinusoid_layout::interleaved,
                              std::int64_t first = 0) {
        check(attend_sinusoidal_positions(get(), static_cast<attend_sinusoid_layout>(layout), first, output.get()));
    }
    /// Rotary positions: x and output [..., positions, width]; without `positions` they are 0, 1, 2, ...
    void rotary_embedding(const array &x, const array &output, const rotary_options &options = {},
                          const array *positions = nullptr) {
        const attend_rotary_options how = detail::c(options);
        check(attend_rotary_embedding(get(), x.get(), detail::c(positions), &how, output.get()));
    }
    /// The slopes of linear biases, [heads].
    void alibi_slopes(const array &output) { check(attend_alibi_slopes(get(), output.get())); }
    /// The buckets of T5's relative positions: relative and output, int32, of one shape.
    void relative_buckets(const array &relative, const array &output, std::size_t buckets, std::size_t max_distance,
                          bool bidirectional) {
        check(attend_relative_buckets(get(), relative.get(), buckets, max_distance, bidirectional, output.get()));
    }
    /// T5's table of biases, [buckets, heads], as attention_options::distance_bias has them.
    void relative_bias(const array &table, const array &output, std::size_t max_distance, bool bidirectional) {
        check(attend_relative_bias(get(), table.get(), max_distance, bidirectional, output.get()));
    }

    // Rows.

    /// output = norm(x), both [..., width].
    void normalize(const array &x, const array &output, const norm &norm = {}) {
        const attend_norm how = detail::c(norm);
        check(attend_normalize(get(), x.get(), &how, output.get()));
    }
    /// sum = x + y and output = norm(sum); `sum` may be left out.
    void add_norm(const array &x, const array &y, const array &output, const norm &norm = {},
                  const array *sum = nullptr) {
        const attend_norm how = detail::c(norm);
        check(attend_add_norm(get(), x.get(), y.get(), &how, detail::c(sum), output.get()));
    }
    /// output = activation(x), of one shape.
    void activate(const array &x, activation activation, const array &output) {
        check(attend_activate(get(), x.get(), static_cast<attend_activation>(activation), output.get()));
    }
    /// Softmax over the last dimension.
    void softmax(const array &x, const array &output) { check(attend_softmax(get(), x.get(), output.get())); }
    /// The logarithm of softmax over the last dimension.
    void log_softmax(const array &x, const array &output) { check(attend_log_softmax(get(), x.get(), output.get())); }

    // Layers.

    /// output = x Wᵀ + bias: x [..., inputs], weight [outputs, inputs], bias [outputs] or none.
    void linear(const array &x, const array &weight, const array &output, const array *bias = nullptr) {
        check(attend_linear(get(), x.get(), weight.get(), detail::c(bias), output.get()));
    }
    /// output = activation(x W1ᵀ + b1) W2ᵀ + b2, or gated.
    void feed_forward(const array &x, const feed_forward_weights &weights, const array &output) {
        const attend_feed_forward_weights how = detail::c(weights);
        check(attend_feed_forward(get(), x.get(), &how, output.get()));
    }
    /// output = scale * table[ids] + positions: ids [..., tokens], table [vocabulary, width].
    void embedding(const array &ids, const array &table, const array &output, float scale = 1,
                   const array *positions = nullptr) {
        check(attend_embedding(get(), ids.get(), table.get(), scale, detail::c(positions), output.get()));
    }
    /// An encoder's layer: x and output [..., tokens, width].
    void encoder_layer(const array &x, const layer_weights &weights, const array &output,
                       const attention_options &options = {}) {
        const detail::c_layer layer(weights);
        const attend_attention_options how = detail::c(options);
        check(attend_encoder_layer(get(), x.get(), layer.get(), &how, output.get()));
    }
    /// A decoder's layer: memory [..., source tokens, width]; `options` are of its self-attention, whose `causal` is
    /// the caller's to set.
    void decoder_layer(const array &x, const array &memory, const layer_weights &weights, const array &output,
                       const attention_options &options = {}, const attention_options &cross_options = {}) {
        const detail::c_layer layer(weights);
        const attend_attention_options how = detail::c(options), across = detail::c(cross_options);
        check(attend_decoder_layer(get(), x.get(), memory.get(), layer.get(), &how, &across, output.get()));
    }

    /// The handle of C, borrowed. Errors: invalid_argument, of a context that was moved from.
    attend_context *get() const { return handle_.get(); }

  private:
    static void check(attend_error *failure) { detail::check(failure); }

    detail::owner<attend_context, attend_context_free> handle_;
};

} // namespace attend

#endif
