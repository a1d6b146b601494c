/* The pieces of a Transformer on arrays of a program's own: against values that PyTorch computed, the same to the bit
 * with AVX2 and AVX-512 and on any number of threads, and what is said of bad input and where memory runs out. */
#define _GNU_SOURCE
#include "check.h"
#include "safetensors.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* The program's own allocator, which can refuse: allocations of at least `refused_size` bytes, from number
 * `refused_from` on. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static atomic_size_t refused_size = SIZE_MAX, refused_from, large_allocations;

static bool is_refused(size_t size) {
    return size >= atomic_load(&refused_size) && atomic_fetch_add(&large_allocations, 1) >= atomic_load(&refused_from);
}

void *malloc(size_t size) { return is_refused(size) ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return is_refused(count * size) ? NULL : __libc_calloc(count, size); }
void *realloc(void *memory, size_t size) { return is_refused(size) ? NULL : __libc_realloc(memory, size); }
void *aligned_alloc(size_t alignment, size_t size) {
    return is_refused(size) ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    void *made = aligned_alloc(alignment, size);
    if (!made) return ENOMEM;
    *memory = made;
    return 0;
}

static safetensors goldens;

/** An array of the goldens, where it lies in the file. */
static attend_array golden(const char *name) {
    entry entry;
    attend_array array;
    memset(&array, 0, sizeof array);
    if (!CHECK(safetensors_find(&goldens, name, &entry))) {
        checks_say("the goldens have no %s\n", name);
        exit(checks_end());
    }
    int64_t shape[8];
    for (size_t i = 0; i < entry.rank; i++) shape[i] = (int64_t)entry.shape[i];
    attend_element_type type = strcmp(entry.type, "I32") == 0 ? ATTEND_TYPE_INT32 : ATTEND_TYPE_FLOAT32;
    attend_array_init(&array, (char *)goldens.data + entry.begin, type, entry.rank, shape);
    return array;
}

static size_t count_of(const attend_array *array) {
    size_t count = 1;
    for (uint32_t i = 0; i < array->rank; i++) count *= (size_t)array->shape[i];
    return count;
}

/** Room for an array of another's shape. */
static attend_array room_like(const attend_array *other) {
    attend_array array;
    attend_array_init(&array, calloc(count_of(other), sizeof(float)), ATTEND_TYPE_FLOAT32, other->rank, other->shape);
    return array;
}

static void check_close(const attend_array *found, const attend_array *expected, const char *what) {
    float worst = 0, largest = 1;
    const float *a = found->data, *b = expected->data;
    for (size_t i = 0; i < count_of(expected); i++) {
        float difference = fabsf(a[i] - b[i]);
        if (!(difference <= worst)) worst = isnan(difference) ? INFINITY : difference;
        if (fabsf(b[i]) > largest) largest = fabsf(b[i]);
    }
    if (!CHECK(worst <= 1e-5f * largest)) checks_say("%s is off by %g\n", what, (double)worst);
}

static attend_context *new_context(const char *kernels, uint32_t threads) {
    attend_context_options options = ATTEND_CONTEXT_OPTIONS_INIT;
    options.kernels = kernels;
    options.threads = threads;
    attend_context *context = NULL;
    attend_error *error = attend_context_create(&options, &context);
    if (error && attend_error_get_code(error) == ATTEND_ERROR_UNSUPPORTED) { /* this CPU does not have them */
        checks_say("skipped: %s\n", attend_error_message(error));
        attend_error_free(error);
        return NULL;
    }
    CHECK_SUCCESS(error);
    return context;
}

/* MARK: Goldens */

static void check_attention(attend_context *context) {
    attend_array q = golden("sdpa/q"), k = golden("sdpa/k"), v = golden("sdpa/v"), bias = golden("sdpa/bias"),
                 lengths = golden("sdpa/lengths"), slopes = golden("sdpa/slopes"), sinks = golden("sdpa/sinks"),
                 keys = golden("sdpa/relative_keys"), values = golden("sdpa/relative_values");
    const int64_t end = k.shape[2] - q.shape[2];
    const attend_attention_options none = ATTEND_ATTENTION_OPTIONS_INIT;
    struct {
        const char *name;
        attend_attention_options options;
    } cases[9];
    const char *const names[] = { "plain",   "causal", "window", "soft_cap", "bias",
                                  "lengths", "alibi",  "sinks",  "relative" };
    for (size_t i = 0; i < 9; i++) {
        cases[i].name = names[i];
        cases[i].options = none;
    }
    cases[1].options.causal = cases[2].options.causal = true;
    cases[2].options.window = 9;
    cases[2].options.query_position = cases[6].options.query_position = cases[8].options.query_position = end;
    cases[3].options.soft_cap = 3;
    cases[4].options.mask = &bias;
    cases[5].options.key_lengths = &lengths;
    cases[6].options.slopes = &slopes;
    cases[7].options.sinks = &sinks;
    cases[8].options.relative_keys = &keys;
    cases[8].options.relative_values = &values;
    for (size_t i = 0; i < 9; i++) {
        char name[64];
        strcat(strcpy(name, "sdpa/"), cases[i].name);
        attend_array expected = golden(strcat(name, "/output"));
        strcpy(strrchr(name, '/'), "/weights");
        attend_array expected_weights = golden(name), output = room_like(&expected),
                     weights = room_like(&expected_weights);
        cases[i].options.weights = &weights;
        CHECK_SUCCESS(attend_scaled_dot_product_attention(context, &q, &k, &v, &cases[i].options, &output));
        check_close(&output, &expected, cases[i].name);
        check_close(&weights, &expected_weights, name);
        free(output.data);
        free(weights.data);
    }
}

static void check_multi_head(attend_context *context) {
    attend_array query = golden("multihead/query"), memory = golden("multihead/memory"),
                 expected = golden("multihead/output"), in_weight = golden("multihead/in_proj_weight"),
                 in_bias = golden("multihead/in_proj_bias"), out_weight = golden("multihead/out_proj_weight"),
                 out_bias = golden("multihead/out_proj_bias"), output = room_like(&expected);
    attend_multi_head_weights weights = ATTEND_MULTI_HEAD_WEIGHTS_INIT;
    weights.heads = 4;
    weights.in_proj_weight = &in_weight;
    weights.in_proj_bias = &in_bias;
    weights.out_proj_weight = &out_weight;
    weights.out_proj_bias = &out_bias;
    CHECK_SUCCESS(attend_multi_head_attention(context, &query, &memory, &memory, &weights, NULL, &output));
    check_close(&output, &expected, "multi-head attention");
    weights.heads = 5;
    CHECK_ERROR(attend_multi_head_attention(context, &query, &memory, &memory, &weights, NULL, &output),
                ATTEND_ERROR_INVALID_ARGUMENT, "in_proj_weight is [96, 32]");
    free(output.data);
}

static void check_scores(attend_context *context) {
    attend_array query = golden("scored/query"), keys = golden("scored/keys"), w = golden("scored/w"),
                 u = golden("scored/u"), b = golden("scored/b"), v = golden("scored/v"),
                 expected = golden("scored/additive/context"), output = room_like(&expected);
    attend_scored_attention_options options = ATTEND_SCORED_ATTENTION_OPTIONS_INIT;
    options.score = ATTEND_SCORE_ADDITIVE;
    options.weight = &w;
    options.key_weight = &u;
    options.bias = &b;
    options.vector = &v;
    CHECK_SUCCESS(attend_scored_attention(context, &query, &keys, &keys, &options, &output));
    check_close(&output, &expected, "additive attention");
    options.key_weight = NULL;
    CHECK_ERROR(attend_scored_attention(context, &query, &keys, &keys, &options, &output),
                ATTEND_ERROR_INVALID_ARGUMENT, "options.key_weight is NULL");
    free(output.data);
}

static void check_rows(attend_context *context) {
    attend_array x = golden("rows/x"), y = golden("rows/y"), weight = golden("rows/weight"), bias = golden("rows/bias"),
                 output = room_like(&x), sum = room_like(&x), expected = golden("rows/layer_norm");
    attend_norm norm = ATTEND_NORM_INIT;
    norm.weight = &weight;
    norm.bias = &bias;
    CHECK_SUCCESS(attend_normalize(context, &x, &norm, &output));
    check_close(&output, &expected, "layer norm");
    expected = golden("rows/add_norm");
    CHECK_SUCCESS(attend_add_norm(context, &x, &y, &norm, &sum, &output));
    check_close(&output, &expected, "residual and norm");
    norm = (attend_norm)ATTEND_NORM_INIT;
    norm.kind = ATTEND_NORM_RMS;
    norm.epsilon = 1e-6f;
    norm.weight = &weight;
    expected = golden("rows/rms_norm");
    CHECK_SUCCESS(attend_normalize(context, &x, &norm, &output));
    check_close(&output, &expected, "RMS norm");
    expected = golden("rows/softmax");
    CHECK_SUCCESS(attend_softmax(context, &x, &output));
    check_close(&output, &expected, "softmax");
    expected = golden("rows/log_softmax");
    CHECK_SUCCESS(attend_log_softmax(context, &x, &output));
    check_close(&output, &expected, "log-softmax");
    expected = golden("rows/gelu");
    CHECK_SUCCESS(attend_activate(context, &x, ATTEND_ACTIVATION_GELU, &output));
    check_close(&output, &expected, "GELU");
    free(output.data);
    free(sum.data);
}

/** Softmax of bfloat16 into bfloat16, against that of the same numbers in float32. */
static void check_bfloat16(attend_context *context) {
    enum { COUNT = 40 };
    const int64_t shape[] = { 1, COUNT };
    uint16_t narrow[COUNT], result[COUNT];
    float wide[COUNT], expected[COUNT];
    for (int i = 0; i < COUNT; i++) {
        wide[i] = (float)(i % 7) / 4 - 1; /* exact in bfloat16 */
        uint32_t bits;
        memcpy(&bits, wide + i, sizeof bits);
        narrow[i] = (uint16_t)(bits >> 16);
    }
    attend_array x, y, of_wide, to;
    attend_array_init(&x, narrow, ATTEND_TYPE_BFLOAT16, 2, shape);
    attend_array_init(&y, result, ATTEND_TYPE_BFLOAT16, 2, shape);
    attend_array_init(&of_wide, wide, ATTEND_TYPE_FLOAT32, 2, shape);
    attend_array_init(&to, expected, ATTEND_TYPE_FLOAT32, 2, shape);
    CHECK_SUCCESS(attend_softmax(context, &x, &y));
    CHECK_SUCCESS(attend_softmax(context, &of_wide, &to));
    for (int i = 0; i < COUNT; i++) {
        uint32_t bits = (uint32_t)result[i] << 16;
        float found;
        memcpy(&found, &bits, sizeof found);
        CHECK(fabsf(found - expected[i]) <= expected[i] / 256);
    }
}

/* MARK: Bits */

enum { BATCH = 2, HEADS = 3, QUERIES = 50, KEYS = 333, WIDTH = 20 };
static float random_q[BATCH * HEADS * QUERIES * WIDTH], random_k[BATCH * HEADS * KEYS * WIDTH],
    random_v[BATCH * HEADS * KEYS * WIDTH], first_output[BATCH * HEADS * QUERIES * WIDTH];

static void fill(float *numbers, size_t count, uint32_t seed) {
    for (size_t i = 0; i < count; i++)
        numbers[i] = (float)((seed = seed * 1664525 + 1013904223) >> 8) / (float)(1 << 22) - 2;
}

/** One attention of a ragged batch; the first call's bits are those of all. */
static void check_bits(attend_context *context, bool is_first) {
    const int64_t of_queries[] = { BATCH, HEADS, QUERIES, WIDTH }, of_keys[] = { BATCH, HEADS, KEYS, WIDTH },
                  two[] = { 2 };
    static float output[BATCH * HEADS * QUERIES * WIDTH];
    int32_t counts[BATCH] = { 200, KEYS };
    attend_array q, k, v, out, lengths;
    attend_array_init(&q, random_q, ATTEND_TYPE_FLOAT32, 4, of_queries);
    attend_array_init(&k, random_k, ATTEND_TYPE_FLOAT32, 4, of_keys);
    attend_array_init(&v, random_v, ATTEND_TYPE_FLOAT32, 4, of_keys);
    attend_array_init(&out, output, ATTEND_TYPE_FLOAT32, 4, of_queries);
    attend_array_init(&lengths, counts, ATTEND_TYPE_INT32, 1, two);
    attend_attention_options options = ATTEND_ATTENTION_OPTIONS_INIT;
    options.key_lengths = &lengths;
    CHECK_SUCCESS(attend_scaled_dot_product_attention(context, &q, &k, &v, &options, &out));
    if (is_first) memcpy(first_output, output, sizeof output);
    CHECK(memcmp(first_output, output, sizeof output) == 0);
    /* The first sequence alone. */
    q.shape[0] = k.shape[0] = v.shape[0] = out.shape[0] = 1;
    k.shape[2] = v.shape[2] = counts[0];
    memset(output, 0, sizeof output);
    CHECK_SUCCESS(attend_scaled_dot_product_attention(context, &q, &k, &v, NULL, &out));
    CHECK(memcmp(first_output, output, sizeof output / 2) == 0);
}

/* MARK: Bad input */

static void check_bad_input(attend_context *context) {
    attend_array q = golden("sdpa/q"), k = golden("sdpa/k"), v = golden("sdpa/v"),
                 expected = golden("sdpa/plain/output"), output = room_like(&expected), other = k;
    const attend_error_code bad = ATTEND_ERROR_INVALID_ARGUMENT;
    other.shape[3] = 15;
    CHECK_ERROR(attend_scaled_dot_product_attention(context, &q, &other, &v, NULL, &output), bad,
                "query is [2, 4, 9, 16] and key is [2, 4, 37, 15]");
    CHECK_ERROR(attend_scaled_dot_product_attention(NULL, &q, &k, &v, NULL, &output), bad, "context is NULL");
    CHECK_ERROR(attend_scaled_dot_product_attention(context, NULL, &k, &v, NULL, &output), bad, "query is NULL");
    other = q;
    other.rank = 9;
    CHECK_ERROR(attend_softmax(context, &other, &output), bad, "x.rank is 9");
    other = q;
    other.shape[0] = other.shape[1] = INT64_MAX / 2;
    CHECK_ERROR(attend_softmax(context, &other, &output), bad, "fits no memory");
    other = q;
    other.shape[1] = -4;
    CHECK_ERROR(attend_softmax(context, &other, &output), bad, "no size can be negative");
    other = q;
    other.data = NULL;
    CHECK_ERROR(attend_softmax(context, &other, &output), bad, "x.data is NULL");
    other = q;
    other.type = (attend_element_type)99;
    CHECK_ERROR(attend_softmax(context, &other, &output), bad, "x.type is 99");
    other = output;
    other.strides[1] = 0;
    CHECK_ERROR(attend_scaled_dot_product_attention(context, &q, &k, &v, NULL, &other), bad, "would overlap");
    other = output;
    other.strides[2] = 8;
    CHECK_ERROR(attend_scaled_dot_product_attention(context, &q, &k, &v, NULL, &other), bad, "would overlap");
    attend_attention_options options = ATTEND_ATTENTION_OPTIONS_INIT;
    options.mask = &v;
    CHECK_ERROR(attend_scaled_dot_product_attention(context, &q, &k, &v, &options, &output), bad,
                "options.mask is [2, 4, 37, 24]; beside query it must be [2, 4, 9, 37]");
    options.struct_size = 3;
    CHECK_ERROR(attend_scaled_dot_product_attention(context, &q, &k, &v, &options, &output), bad, "struct_size is 3");
    for (size_t i = 0; i < count_of(&output); i++) CHECK(((const float *)output.data)[i] == 0);
    free(output.data);
}

/** Calls of several kinds on a context of their own; whether all succeeded. */
static bool all_succeed(const attend_array *x, const attend_layer_weights *layer, const attend_array *output) {
    attend_context *context = NULL;
    attend_error *error = attend_context_create(NULL, &context);
    attend_attention_options options = ATTEND_ATTENTION_OPTIONS_INIT;
    options.causal = true;
    if (!error) error = attend_encoder_layer(context, x, layer, &options, output);
    if (!error) error = attend_scaled_dot_product_attention(context, x, x, x, &options, output);
    if (!error) error = attend_rotary_embedding(context, x, NULL, NULL, output);
    if (!error) error = attend_sinusoidal_positions(context, ATTEND_SINUSOID_HALVES, 0, output);
    const bool succeeded = error == NULL;
    if (error) CHECK(attend_error_get_code(error) == ATTEND_ERROR_OUT_OF_MEMORY);
    attend_error_free(error);
    attend_context_free(context);
    return succeeded;
}

/** A layer of width 64 whose large allocations fail, all from the first on, then from the second, and so on. */
static void check_refusals(void) {
    enum { TOKENS = 300, SIZE = 64 };
    static float x_data[TOKENS * SIZE], y_data[TOKENS * SIZE], square[4 * SIZE * SIZE];
    fill(x_data, TOKENS * SIZE, 5);
    fill(square, 4 * SIZE * SIZE, 6);
    const int64_t tokens[] = { TOKENS, SIZE }, in[] = { 3 * SIZE, SIZE }, out[] = { SIZE, SIZE };
    attend_array x, y, in_weight, weight;
    attend_array_init(&x, x_data, ATTEND_TYPE_FLOAT32, 2, tokens);
    attend_array_init(&y, y_data, ATTEND_TYPE_FLOAT32, 2, tokens);
    attend_array_init(&in_weight, square, ATTEND_TYPE_FLOAT32, 2, in);
    attend_array_init(&weight, square, ATTEND_TYPE_FLOAT32, 2, out);
    attend_multi_head_weights attention = ATTEND_MULTI_HEAD_WEIGHTS_INIT;
    attention.heads = 4;
    attention.in_proj_weight = &in_weight;
    attention.out_proj_weight = &weight;
    attend_feed_forward_weights network = ATTEND_FEED_FORWARD_WEIGHTS_INIT;
    network.weight1 = network.weight2 = &weight;
    attend_norm norm = ATTEND_NORM_INIT;
    attend_layer_weights layer = ATTEND_LAYER_WEIGHTS_INIT;
    layer.self_attention = &attention;
    layer.feed_forward = &network;
    layer.self_attention_norm = layer.feed_forward_norm = &norm;
    CHECK(all_succeed(&x, &layer, &y));
    bool succeeded = false;
    for (size_t from = 0; from < 100 && !succeeded; from++) {
        atomic_store(&large_allocations, 0);
        atomic_store(&refused_from, from);
        atomic_store(&refused_size, 1024);
        succeeded = all_succeed(&x, &layer, &y);
        atomic_store(&refused_size, SIZE_MAX);
    }
    CHECK(succeeded);
}

int main(void) {
    checks_begin();
    goldens = safetensors_read("Tests/Fixtures/functions/goldens.safetensors");
    fill(random_q, sizeof random_q / sizeof *random_q, 1);
    fill(random_k, sizeof random_k / sizeof *random_k, 2);
    fill(random_v, sizeof random_v / sizeof *random_v, 3);
    const char *const kernels[] = { "amx", "avx512", "avx2", "portable" };
    bool is_first = true;
    for (size_t i = 0; i < 4; i++) {
        for (uint32_t threads = 1; threads <= 3; threads++) {
            attend_context *context = new_context(kernels[i], threads);
            if (!context) break;
            check_attention(context);
            check_multi_head(context);
            check_scores(context);
            check_rows(context);
            check_bfloat16(context);
            if (i < 3) {
                check_bits(context, is_first);
                is_first = false;
            }
            check_bad_input(context);
            attend_context_free(context);
        }
    }
    check_refusals();
    safetensors_free(&goldens);
    return checks_end();
}
