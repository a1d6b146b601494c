/* Functions on arrays of the caller's, each against numbers that can be seen at once. */
#include "check.hpp"

#include <cmath>

namespace {

bool near(attend::span<const float> found, attend::span<const float> expected) {
    if (found.size() != expected.size()) return false;
    for (std::size_t i = 0; i < found.size(); ++i)
        if (!(std::fabs(found[i] - expected[i]) < 1e-5f)) return false;
    return true;
}

struct numbers {
    numbers(std::vector<float> all, std::vector<std::int64_t> dimensions)
        : values(std::move(all)), shape(std::move(dimensions)), view(values, shape) {}
    numbers(const numbers &) = delete;
    numbers &operator=(const numbers &) = delete;
    operator const attend::array &() const { return view; }
    std::vector<float> values;
    std::vector<std::int64_t> shape;
    attend::array view;
};

void rows(attend::context &context) {
    const numbers x({ 1, 2, 3, 6 }, { 2, 2 });
    numbers y({ 0, 0, 0, 0 }, { 2, 2 }), sum({ 0, 0, 0, 0 }, { 2, 2 });
    context.softmax(x, y);
    CHECK(near(y.values, { 0.26894143f, 0.7310586f, 0.04742587f, 0.95257413f }));
    context.log_softmax(x, y);
    CHECK(near(y.values, { -1.3132616f, -0.31326166f, -3.0485873f, -0.04858735f }));
    context.normalize(x, y);
    CHECK(near(y.values, { -0.99998f, 0.99998f, -0.999998f, 0.999998f }));
    attend::norm rms;
    rms.kind = attend::norm_kind::rms;
    context.add_norm(x, x, y, rms, &sum.view);
    CHECK(near(sum.values, { 2, 4, 6, 12 }) && near(y.values, { 0.6324555f, 1.264911f, 0.6324555f, 1.264911f }));
    context.activate(x, attend::activation::relu_squared, y);
    CHECK(near(y.values, { 1, 4, 9, 36 }));
    const numbers weight({ 1, 0, 1, 1 }, { 2, 2 }), bias({ 1, 0 }, { 2 });
    context.linear(x, weight, y, &bias.view);
    CHECK(near(y.values, { 2, 3, 4, 9 }));
    attend::feed_forward_weights network;
    network.weight1 = &weight.view, network.weight2 = &weight.view;
    context.feed_forward(x, network, y);
    CHECK(near(y.values, { 1, 4, 3, 12 }));
    const std::vector<std::int32_t> ids{ 1, 0 };
    context.embedding(attend::array(ids, { 2 }), x, y, 2);
    CHECK(near(y.values, { 6, 12, 2, 4 }));
    const numbers narrow({ 1 }, { 1, 1 });
    CHECK_THROWS(invalid_argument, "output", (context.softmax(x, narrow), 0));
    CHECK_THROWS(invalid_argument, "fill", attend::array(x.values, { 3, 2 }));
}

void positions(attend::context &context) {
    numbers y({ 0, 0, 0, 0 }, { 2, 2 });
    context.sinusoidal_positions(y);
    CHECK(near(y.values, { 0, 1, 0.84147098f, 0.54030231f }));
    const numbers x({ 1, 0, 1, 0 }, { 2, 2 });
    context.rotary_embedding(x, y);
    CHECK(near(y.values, { 1, 0, 0.54030231f, 0.84147098f }));
    numbers slopes({ 0, 0 }, { 2 });
    context.alibi_slopes(slopes);
    CHECK(near(slopes.values, { 0.0625f, 0.00390625f }));
    std::vector<std::int32_t> distance{ -1, 0, 1 }, bucket{ 0, 0, 0 };
    context.relative_buckets(attend::array(distance, { 3 }), attend::array(bucket, { 3 }), 4, 8, true);
    CHECK(bucket[0] == 1 && bucket[1] == 0 && bucket[2] == 3);
    const numbers table({ 1, 2, 3, 4 }, { 4, 1 });
    numbers bias(std::vector<float>(17), { 1, 17 });
    context.relative_bias(table, bias, 8, true);
    CHECK(bias.values[7] == 2 && bias.values[8] == 1 && bias.values[9] == 4);
}

void attention(attend::context &context) {
    const numbers q({ 1, 0, 0, 1 }, { 2, 2 }), k({ 1, 0, 0, 1 }, { 2, 2 }), v({ 1, 2, 3, 4 }, { 2, 2 });
    numbers y({ 0, 0, 0, 0 }, { 2, 2 }), weights({ 0, 0, 0, 0 }, { 2, 2 });
    attend::attention_options options;
    options.causal = true, options.weights = &weights.view;
    context.scaled_dot_product_attention(q, k, v, y, options);
    CHECK(weights.values[0] == 1 && weights.values[1] == 0 && y.values[0] == 1 && y.values[1] == 2);
    context.scored_attention(q, k, v, y);
    CHECK(near(y.values, { 1.5378828f, 2.5378828f, 2.4621172f, 3.4621172f }));

    const numbers identity({ 1, 0, 0, 1 }, { 2, 2 }), three({ 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1 }, { 6, 2 });
    attend::multi_head_weights projections;
    projections.in_proj_weight = &three.view, projections.out_proj_weight = &identity.view, projections.heads = 1;
    numbers same({ 0, 0, 0, 0 }, { 2, 2 });
    context.multi_head_attention(q, k, v, projections, y, {});
    context.scaled_dot_product_attention(q, k, v, same);
    CHECK(near(y.values, same.values));

    attend::feed_forward_weights network;
    network.weight1 = &identity.view, network.weight2 = &identity.view;
    const attend::norm norm;
    attend::layer_weights layer;
    layer.self_attention = &projections, layer.feed_forward = &network;
    layer.self_attention_norm = &norm, layer.feed_forward_norm = &norm;
    context.encoder_layer(v, layer, y);
    CHECK(near(y.values, { -1, 1, -1, 1 }) || std::fabs(y.values[0] + 1) < 1e-3f);
    layer.cross_attention = &projections, layer.cross_attention_norm = &norm;
    context.decoder_layer(v, k, layer, same);
    CHECK(std::fabs(same.values[0] + 1) < 1e-3f && std::fabs(same.values[1] - 1) < 1e-3f);
}

} // namespace

void test_functions() {
    attend::context_options options;
    options.threads = 1;
    attend::context context(options), moved(std::move(context));
    CHECK_THROWS(invalid_argument, "moved", context.get());
    rows(moved);
    positions(moved);
    attention(moved);
    options.kernels = "abacus";
    CHECK_THROWS(unsupported, "abacus", attend::context(options));
}
