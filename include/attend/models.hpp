/* SPDX-License-Identifier: Apache-2.0
 * A checkpoint folder becomes a model, and what a model is. Part of attend.hpp. */
#ifndef ATTEND_MODELS_HPP
#define ATTEND_MODELS_HPP

#include "runtime.hpp"
#include "span.hpp"
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace attend {

class tokenizer_view;

/// The type that weights are kept in and products are computed in: attend_compute_type.
enum class compute_type {
    standard = ATTEND_COMPUTE_DEFAULT, ///< float32
    float32 = ATTEND_COMPUTE_FLOAT32,
    bfloat16 = ATTEND_COMPUTE_BFLOAT16,
    int8 = ATTEND_COMPUTE_INT8,
    int4 = ATTEND_COMPUTE_INT4
};

/// How a model is built: attend_model_kind.
enum class model_kind {
    encoder = ATTEND_KIND_ENCODER,
    decoder = ATTEND_KIND_DECODER,
    encoder_decoder = ATTEND_KIND_ENCODER_DECODER
};

/// The type of the elements of a tensor or an array: attend_element_type.
enum class element_type {
    float32 = ATTEND_TYPE_FLOAT32,
    float16 = ATTEND_TYPE_FLOAT16,
    bfloat16 = ATTEND_TYPE_BFLOAT16,
    float64 = ATTEND_TYPE_FLOAT64,
    int8 = ATTEND_TYPE_INT8,
    int16 = ATTEND_TYPE_INT16,
    int32 = ATTEND_TYPE_INT32,
    int64 = ATTEND_TYPE_INT64,
    uint8 = ATTEND_TYPE_UINT8,
    uint16 = ATTEND_TYPE_UINT16,
    uint32 = ATTEND_TYPE_UINT32,
    uint64 = ATTEND_TYPE_UINT64,
    boolean = ATTEND_TYPE_BOOL
};

/// Hears how far a long call is, from 0 to 1, on the thread of the call. False stops it with error_code::cancelled;
/// what it throws stops it too, and is thrown by the call.
using progress_callback = std::function<bool(double fraction)>;

/// How to load a model: attend_model_options.
struct model_options {
    compute_type compute = compute_type::standard;
    std::uint32_t threads = 0; ///< that a call may use, the caller's included; 0: one for each processor
    std::string kernels = {};  ///< "amx", "avx512", "avx2", "portable"; empty: kernels_name()
    progress_callback progress = {};
    bool copy_weights = false; ///< weights are read into memory, not mapped
    bool pin_threads = false;  ///< threads that the library makes stay on a processor each
    attend_weight_placement weights = ATTEND_WEIGHTS_RESIDENT; ///< where packed weights lie
    std::size_t memory_budget = 0;      ///< bytes of mapped weights in memory; 0: nine tenths of what is available
    std::string weights_directory = {}; ///< of the file of mapped weights; empty: that of TMPDIR, /var/tmp or /tmp
    std::size_t first_layer = 0;        ///< the layers [first_layer, end_layer) of a decoder; both 0: all
    std::size_t end_layer = 0;
};

/// A file that the program has in memory: attend_file. Both views must stay as long as the model, unless it copies its
/// weights; a tokenizer copies them.
struct file {
    std::string name; ///< as in the folder that it would be in: "config.json"
    span<const char> bytes;
};

/// The numbers of a model: the header says what each is.
using model_info = attend_model_info;
/// A tensor of the checkpoint as the file stores it, borrowed from the model.
using tensor_info = attend_tensor_info;

/// How well pictures and texts match, each [pictures, texts], row after row.
struct similarities {
    std::vector<float> logits;
    std::vector<float> probabilities;
};

namespace detail {

/// Files as C takes them; valid as long as `files` are.
inline std::vector<attend_file> c_files(span<const file> files) {
    std::vector<attend_file> all;
    all.reserve(files.size());
    for (const file &one : files) all.push_back({ one.name.c_str(), one.bytes.data(), one.bytes.size() });
    return all;
}

/// A progress callback with the exceptions that it throws.
struct progress_listener {
    progress_callback callback;
    thrown exceptions;

    static bool hear(double fraction, void *context) {
        auto *self = static_cast<progress_listener *>(context);
        return self->exceptions.run(false, [&] { return self->callback(fraction); });
    }
    void attach(attend_progress_callback &function, void *&context) {
        if (!callback) return;
        function = hear;
        context = this;
    }
};

/// A text that ends with its length, or nothing where there is none.
inline std::string_view text_view(const char *bytes, std::size_t length) noexcept {
    return bytes ? std::string_view(bytes, length) : std::string_view();
}

} // namespace detail

/// A loaded checkpoint: weights, configuration, tokenizer. Immutable: any number of sessions and threads may share one.
/// Sessions keep what they need of it, so it may go before them; whatever else is borrowed from it may not outlive it.
class model {
  public:
    /// Loads the checkpoint at `path`: a folder of Hugging Face or CTranslate2, a file in GGUF (docs/formats.md).
    /// Errors: not_found, io, invalid_file, unsupported, invalid_argument, out_of_memory, cancelled.
    explicit model(const std::string &path, const model_options &options = {}) {
        load(options, [&](const attend_model_options *how, attend_model **made) {
            return attend_model_create(path.c_str(), how, made);
        });
    }

    /// The same from files in memory, which must stay as they are unless `options` copies the weights.
    static model from_files(span<const file> files, const model_options &options = {}) {
        std::vector<attend_file> all = detail::c_files(files);
        model made;
        made.load(options, [&](const attend_model_options *how, attend_model **result) {
            return attend_model_create_from_files(all.data(), all.size(), how, result);
        });
        return made;
    }

    /// The tokenizer in the model's folder, borrowed. Errors: not_found, or what reading it gave.
    tokenizer_view tokenizer() const;

    model_info info() const {
        model_info info = ATTEND_MODEL_INFO_INIT;
        detail::check(attend_model_get_info(get(), &info));
        return info;
    }
    model_kind kind() const { return static_cast<model_kind>(info().kind); }

    /// The family, as config.json's model_type spells it: "marian". Borrowed, as the texts below.
    std::string_view family() const { return attend_model_family(get()); }
    /// The kernels that the model runs on.
    std::string_view kernels() const { return attend_model_kernels(get()); }
    /// config.json as it stands in the folder.
    std::string_view config() const {
        std::size_t length = 0;
        const char *bytes = attend_model_config(get(), &length);
        return detail::text_view(bytes, length);
    }
    /// generation_config.json; empty where there is none.
    std::string_view generation_config() const {
        std::size_t length = 0;
        const char *bytes = attend_model_generation_config(get(), &length);
        return detail::text_view(bytes, length);
    }
    /// The name of class `index` of a classifier; empty where it has none.
    std::string_view label(std::size_t index) const {
        std::size_t length = 0;
        const char *bytes = attend_model_label(get(), index, &length);
        return detail::text_view(bytes, length);
    }
    /// All end-of-sequence tokens.
    span<const std::int32_t> end_tokens() const {
        std::size_t count = 0;
        const std::int32_t *tokens = attend_model_end_tokens(get(), &count);
        return { tokens, count };
    }

    /// How many tensors the checkpoint holds.
    std::size_t tensor_count() const { return attend_model_tensor_count(get()); }
    /// Tensor `index`, in the order of their names. Errors: invalid_argument.
    tensor_info tensor(std::size_t index) const {
        tensor_info info = ATTEND_TENSOR_INFO_INIT;
        detail::check(attend_model_tensor(get(), index, &info));
        return info;
    }

    /// How well pictures, [picture_count, width], and texts, [text_count, width], match, of a model with a tower for
    /// each (CLIP, SigLIP); width is info().embedding_size. Errors: invalid_argument (sizes too), unsupported.
    similarities similarity(span<const float> pictures, span<const float> texts) const {
        const std::size_t width = info().embedding_size;
        const std::size_t rows = width ? pictures.size() / width : 0, columns = width ? texts.size() / width : 0;
        if (width && (rows * width != pictures.size() || columns * width != texts.size()))
            throw error(error_code::invalid_argument, "embeddings have " + std::to_string(width) + " numbers each");
        similarities found{ std::vector<float>(rows * columns), std::vector<float>(rows * columns) };
        detail::check(attend_similarity(get(), pictures.data(), rows, texts.data(), columns, found.logits.data(),
                                        found.probabilities.data()));
        return found;
    }

    /// The handle of C, borrowed. Errors: invalid_argument, of a model that was moved from.
    const attend_model *get() const { return handle_.get(); }
    explicit operator bool() const noexcept { return static_cast<bool>(handle_); }

  private:
    model() = default;

    template <class Call> void load(const model_options &options, Call &&call) {
        attend_model_options how = ATTEND_MODEL_OPTIONS_INIT;
        detail::progress_listener progress{ options.progress, {} };
        how.compute = static_cast<attend_compute_type>(options.compute);
        how.threads = options.threads;
        how.kernels = detail::optional_text(options.kernels);
        how.copy_weights = options.copy_weights;
        how.pin_threads = options.pin_threads;
        how.weights = options.weights;
        how.memory_budget = options.memory_budget;
        how.weights_directory = detail::optional_text(options.weights_directory);
        how.first_layer = options.first_layer;
        how.end_layer = options.end_layer;
        progress.attach(how.progress, how.progress_context);
        attend_model *made = nullptr;
        attend_error *failure = call(&how, &made);
        handle_ = detail::owner<attend_model, attend_model_free>(made);
        progress.exceptions.check(failure);
    }

    detail::owner<attend_model, attend_model_free> handle_;
};

} // namespace attend

#endif
