/* SPDX-License-Identifier: Apache-2.0
 * Classes, entities, answers, masked words, labels of the caller's. Part of attend.hpp. */
#ifndef ATTEND_TASKS_HPP
#define ATTEND_TASKS_HPP

#include "results.hpp"

namespace attend {

/// How the logits of classes become scores: attend_class_function.
enum class class_function {
    standard = ATTEND_CLASS_DEFAULT,
    softmax = ATTEND_CLASS_SOFTMAX,
    sigmoid = ATTEND_CLASS_SIGMOID,
    none = ATTEND_CLASS_NONE,
    cross_encoder = ATTEND_CLASS_CROSS_ENCODER
};

/// How to classify: attend_classify_options.
struct classify_options {
    std::size_t top_k = 0; ///< how many classes are told of each input; 0: all
    class_function function = class_function::standard;
    std::size_t max_length = 0; ///< longer texts are cut to as many tokens; 0: they are an error
};

/// A class of an input; the label is borrowed.
struct class_score {
    std::size_t number; ///< the place of its logit
    std::string_view label;
    double score;
    float logit;
};

/// How tokens become entities: attend_aggregation.
enum class aggregation {
    none = ATTEND_AGGREGATION_NONE,
    simple = ATTEND_AGGREGATION_SIMPLE,
    first = ATTEND_AGGREGATION_FIRST,
    average = ATTEND_AGGREGATION_AVERAGE,
    max = ATTEND_AGGREGATION_MAX
};

/// How to find entities: attend_entity_options.
struct entity_options {
    attend::aggregation aggregation = attend::aggregation::none;
    std::vector<std::string> ignored_labels = { "O" }; ///< classes whose entities are left out
    std::size_t max_length = 0;
    bool windows = false; ///< longer texts are read in windows
    std::size_t stride = 0;
};

/// A token, or some neighbours, with a class; texts are borrowed.
struct entity {
    std::string_view label;
    double score;
    std::string_view word;
    std::int64_t token; ///< the place of the token in its sequence; -1: aggregated
    token_offsets offsets;
};

/// How to answer questions about texts: attend_answer_options, whose zeros mean its defaults.
struct answer_options {
    std::size_t top_k = 0;
    std::size_t max_answer_length = 0;
    std::size_t max_length = 0;
    std::size_t stride = 0;
    bool allow_no_answer = false;
    bool within_words = false;
};

/// A stretch of a text that answers a question; the text is borrowed.
struct answer_span {
    std::string_view text; ///< empty: the text holds no answer
    double score;
    token_offsets offsets;
};

/// How to fill masked places: attend_fill_options.
struct fill_options {
    std::size_t top_k = 0;                 ///< 0: five
    std::vector<std::string> targets = {}; ///< the texts whose tokens alone may fill places; none: all tokens
    std::size_t max_length = 0;
};

/// A token for a masked place; texts are borrowed.
struct filling {
    std::int32_t token;
    double score;
    std::string_view word;
    std::string_view text; ///< the whole text with the token in its place
};

/// How to classify by labels of the caller's: attend_zero_shot_options.
struct zero_shot_options {
    std::string hypothesis_template = {}; ///< with `{}` in the label's place; empty: "This example is {}."
    bool multi_label = false;
    std::size_t max_length = 0;
};

namespace detail {

inline class_score get_class(const attend_classification *classes, std::size_t input, std::size_t rank) {
    attend_class raw = ATTEND_CLASS_INIT;
    check(attend_classification_get(classes, input, rank, &raw));
    return { raw.number, text_view(raw.label, raw.label_length), raw.score, raw.logit };
}

inline entity get_entity(const attend_entities *entities, std::size_t text, std::size_t index) {
    attend_entity raw = ATTEND_ENTITY_INIT;
    check(attend_entities_get(entities, text, index, &raw));
    return { text_view(raw.label, raw.label_length), raw.score, text_view(raw.word, raw.word_length), raw.token,
             raw.offsets };
}

inline answer_span get_answer(const attend_answers *answers, std::size_t question, std::size_t rank) {
    attend_answer_span raw = ATTEND_ANSWER_SPAN_INIT;
    check(attend_answers_get(answers, question, rank, &raw));
    return { text_view(raw.text, raw.text_length), raw.score, raw.offsets };
}

using classes = row<attend_classification, class_score, attend_classification_class_count, get_class>;
using entities = row<attend_entities, entity, attend_entities_entity_count, get_entity>;
using answers = row<attend_answers, answer_span, attend_answers_span_count, get_answer>;

/// The address of a list that is not empty, otherwise NULL.
template <class T> const T *optional_list(const std::vector<T> &list) { return list.empty() ? nullptr : list.data(); }

inline void require_pairs(const texts &all, const texts &others, const char *name) {
    if (all.size() != others.size())
        throw error(error_code::invalid_argument,
                    std::to_string(all.size()) + " texts cannot have " + std::to_string(others.size()) + " " + name);
}

} // namespace detail

/// The classes of inputs: for each a row, the best first.
using classification =
    detail::table<attend_classification, attend_classification_free, attend_classification_count, detail::classes>;
/// The entities of texts: for each a row, in their order.
using entities = detail::table<attend_entities, attend_entities_free, attend_entities_count, detail::entities>;
/// The answers to questions: for each a row, the best first.
using answers = detail::table<attend_answers, attend_answers_free, attend_answers_count, detail::answers>;

/// The masked places of a text, borrowed: for each a row of fillings, the best first.
class masks {
  public:
    masks(const attend_fillings *handle, std::size_t text) noexcept : handle_(handle), text_(text) {}
    std::size_t size() const { return attend_fillings_mask_count(handle_, text_); }
    /// The fillings of place `mask`.
    std::vector<filling> operator[](std::size_t mask) const {
        std::vector<filling> all(attend_fillings_filling_count(handle_, text_, mask));
        for (std::size_t rank = 0; rank < all.size(); ++rank) {
            attend_filling raw = ATTEND_FILLING_INIT;
            detail::check(attend_fillings_get(handle_, text_, mask, rank, &raw));
            all[rank] = { raw.token, raw.score, detail::text_view(raw.word, raw.word_length),
                          detail::text_view(raw.text, raw.text_length) };
        }
        return all;
    }
    place_iterator<masks> begin() const { return { *this, 0 }; }
    place_iterator<masks> end() const { return { *this, size() }; }

  private:
    const attend_fillings *handle_;
    std::size_t text_;
};

/// The fillings of texts: for each its masked places.
using fillings = detail::table<attend_fillings, attend_fillings_free, attend_fillings_count, masks>;

namespace detail {

inline attend_classify_options c_classify(const classify_options &options) {
    return { sizeof(attend_classify_options), options.top_k, static_cast<attend_class_function>(options.function),
             options.max_length };
}

} // namespace detail

// Each of these drops the live sequences of its session, before and after. Errors besides those of the arguments:
// unsupported, where the checkpoint has no head for the task.

/// Classifies pictures or sounds.
inline classification classify(session &session, span<const input> inputs, const classify_options &options = {}) {
    const std::vector<attend_input> all = detail::c_inputs(inputs);
    const attend_classify_options how = detail::c_classify(options);
    attend_classification *made = nullptr;
    attend_error *failure = attend_classify(session.get(), all.data(), all.size(), &how, &made);
    return session.finish<classification>(failure, made);
}

/// Classifies texts, each with a second one where there are pairs (entailment, rerankers).
inline classification classify(session &session, const texts &all, const classify_options &options = {},
                               const texts &pairs = {}) {
    const bool with = pairs.size() != 0;
    if (with) detail::require_pairs(all, pairs, "pairs");
    const attend_classify_options how = detail::c_classify(options);
    attend_classification *made = nullptr;
    attend_error *failure =
        attend_classify_texts(session.get(), all.data(), all.lengths(), with ? pairs.data() : nullptr,
                              with ? pairs.lengths() : nullptr, all.size(), &how, &made);
    return session.finish<classification>(failure, made);
}

/// Classifies texts by labels of the caller's, with a model of entailment.
inline classification classify_zero_shot(session &session, const texts &all, const texts &labels,
                                         const zero_shot_options &options = {}) {
    const attend_zero_shot_options how = { sizeof(how), detail::optional_text(options.hypothesis_template),
                                           options.multi_label, options.max_length };
    attend_classification *made = nullptr;
    attend_error *failure = attend_classify_zero_shot(session.get(), all.data(), all.lengths(), all.size(),
                                                      labels.data(), labels.lengths(), labels.size(), &how, &made);
    return session.finish<classification>(failure, made);
}

/// Finds entities.
inline entities find_entities(session &session, const texts &all, const entity_options &options = {}) {
    const std::vector<const char *> ignored = detail::c_texts(options.ignored_labels);
    static const char *const nothing = "";
    attend_entity_options how = ATTEND_ENTITY_OPTIONS_INIT;
    how.aggregation = static_cast<attend_aggregation>(options.aggregation);
    how.ignored_labels = ignored.empty() ? &nothing : ignored.data();
    how.ignored_label_count = ignored.size();
    how.max_length = options.max_length;
    how.windows = options.windows;
    how.stride = options.stride;
    attend_entities *made = nullptr;
    attend_error *failure = attend_find_entities(session.get(), all.data(), all.lengths(), all.size(), &how, &made);
    return session.finish<entities>(failure, made);
}

/// Answers questions, each by stretches of a text of its own.
inline answers answer(session &session, const texts &questions, const texts &all, const answer_options &options = {}) {
    detail::require_pairs(all, questions, "questions");
    const attend_answer_options how = { sizeof(how),         options.top_k,  options.max_answer_length,
                                        options.max_length,  options.stride, options.allow_no_answer,
                                        options.within_words };
    attend_answers *made = nullptr;
    attend_error *failure = attend_answer(session.get(), questions.data(), questions.lengths(), all.data(),
                                          all.lengths(), all.size(), &how, &made);
    return session.finish<answers>(failure, made);
}

/// Fills the places of texts where the tokenizer's mask token stands.
inline fillings fill(session &session, const texts &all, const fill_options &options = {}) {
    const std::vector<const char *> targets = detail::c_texts(options.targets);
    const attend_fill_options how = { sizeof(how), options.top_k, detail::optional_list(targets), targets.size(),
                                      options.max_length };
    attend_fillings *made = nullptr;
    attend_error *failure = attend_fill(session.get(), all.data(), all.lengths(), all.size(), &how, &made);
    return session.finish<fillings>(failure, made);
}

} // namespace attend

#endif
