/* Who is running, models, tokenizers: what they say, what they refuse, what moving leaves behind. */
#include "check.hpp"

#include <array>
#include <atomic>
#include <set>
#if __cplusplus >= 202002L
#include <algorithm>
#include <span>
#endif

namespace {

void runtime() {
    CHECK(attend::version_number() == ATTEND_VERSION_NUMBER);
    CHECK(!attend::version_string().empty());
    CHECK(std::set<std::string_view>({ "avx512", "avx2", "portable" }).count(attend::kernels_name()) == 1);
    std::atomic<int> lines{ 0 };
    attend::set_log([&](attend::log_level level, std::string_view line) {
        CHECK(level >= attend::log_level::debug && !line.empty());
        ++lines;
        throw 1; // nobody waits for it
    });
    attend::model loaded(spelling);
    attend::set_log({});
    CHECK(lines > 0);
}

void spans() {
    const std::vector<std::int32_t> tokens{ 1, 2, 3 };
    std::array<float, 2> numbers{ 4, 5 };
    const attend::span<const std::int32_t> view(tokens);
    attend::span<float> writable(numbers);
    writable[1] = 6;
    const attend::span<const float> readable(writable);
    CHECK(view.size() == 3 && view.front() == 1 && view.back() == 3 && view.subspan(1, 2)[0] == 2);
    CHECK(readable[1] == 6 && attend::span<const float>().empty());
    static_assert(!std::is_constructible_v<attend::span<std::int32_t>, const std::vector<std::int32_t> &>);
    static_assert(!std::is_constructible_v<attend::span<const float>, std::vector<std::int32_t>>);
#if __cplusplus >= 202002L
    const std::span<const std::int32_t> standard(view);
    CHECK(standard.data() == tokens.data() && attend::span<const std::int32_t>(standard).size() == 3);
    CHECK(std::ranges::find(view, 2) != view.end());
#endif
}

void models() {
    std::vector<double> heard;
    attend::model_options options;
    options.threads = 1;
    options.compute = attend::compute_type::int8;
    options.copy_weights = true;
    options.progress = [&](double fraction) {
        heard.push_back(fraction);
        return true;
    };
    attend::model model(spelling, options);
    CHECK(!heard.empty() && heard.back() == 1);
    CHECK(model.kind() == attend::model_kind::encoder_decoder && model.family() == "marian");
    CHECK(model.info().compute == ATTEND_COMPUTE_INT8 && model.info().threads == 1);
    CHECK(model.kernels() == attend::kernels_name());
    CHECK(model.config().find("\"model_type\"") != std::string_view::npos && !model.generation_config().empty());
    CHECK(model.end_tokens().size() == 1 && model.end_tokens()[0] == model.info().end_token);
    CHECK(model.label(0).empty());
    CHECK(model.tensor_count() > 10 && model.tensor(0).rank > 0);
    CHECK_THROWS(invalid_argument, "index", model.tensor(model.tensor_count()));

    CHECK_THROWS(not_found, "nowhere", attend::model("models/nowhere"));
    options.progress = [](double) -> bool { throw 7; };
    CHECK_THROWS_NUMBER(7, attend::model(spelling, options));
    options.progress = [](double) { return false; };
    CHECK_THROWS(cancelled, "", attend::model(spelling, options));
    options = {};
    options.kernels = "abacus";
    CHECK_THROWS(unsupported, "abacus", attend::model(spelling, options));

    attend::model other(std::move(model));
    CHECK(other && !model); // NOLINT: that is what is tested
    CHECK_THROWS(invalid_argument, "moved", model.family());
    CHECK_THROWS(invalid_argument, "moved", attend::session(model));
    model = std::move(other);
    CHECK(model.family() == "marian");
    static_assert(!std::is_copy_constructible_v<attend::model> && std::is_nothrow_move_constructible_v<attend::model>);
}

/// The default model in memory, with a chat template.
attend::model in_memory(attend::model_options options = {}) {
    const std::string config = read_file(spelling + "/config.json"),
                      weights = read_file(spelling + "/model.safetensors");
    const std::string tokens = read_file(spelling + "/tokenizer.json");
    const std::string chat =
        "{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}x{% endif %}";
    options.copy_weights = true;
    const std::vector<attend::file> files{ { "config.json", config },
                                           { "model.safetensors", weights },
                                           { "tokenizer.json", tokens },
                                           { "chat_template.jinja", chat } };
    return attend::model::from_files(files, options);
}

void tokenizers() {
    const attend::model model(spelling);
    const attend::tokenizer_view borrowed = model.tokenizer();
    const attend::tokenizer owned(spelling);
    const std::string tokens = read_file(spelling + "/tokenizer.json");
    const std::vector<attend::file> files{ { "tokenizer.json", tokens } };
    const attend::tokenizer from_memory = attend::tokenizer::from_files(files);
    for (const attend::tokenizer_view &tokenizer :
         { borrowed, attend::tokenizer_view(owned), attend::tokenizer_view(from_memory) }) {
        const attend::encoding word = tokenizer.encode("hello");
        CHECK(word.size() == 6 && word.ids().back() == model.info().end_token);
        CHECK(word.offsets()[1].byte_start == 1 && word.special()[5] == 1 && word.sequence_ids()[5] == -1);
        CHECK(word.token_types().size() == 6 && word.overflow_count() == 0);
        CHECK_THROWS(invalid_argument, "window 0", word.overflow(0));
        CHECK(tokenizer.token(word.ids()[0]) == "h" && tokenizer.id("h") == word.ids()[0]);
        CHECK(!tokenizer.token(100000) && !tokenizer.id("no such token"));
        CHECK(tokenizer.size() > 30 && tokenizer.info().size == tokenizer.size());
    }
    attend::tokenize_options options;
    options.no_special_tokens = true;
    options.max_length = 3;
    options.truncation_side = attend::side::right;
    options.stride = 1;
    const attend::encoding cut = owned.encode("hello", options);
    CHECK(cut.size() == 3 && cut.overflow_count() == 1 && cut.overflow(0).ids().size() == 3);
    options.truncation = attend::truncation::none;
    CHECK_THROWS(invalid_argument, "5", owned.encode("hello", options));

    const std::vector<std::string> words{ "a", "attention", "" };
    const std::vector<attend::encoding> many = owned.encode_batch(words);
    CHECK(many.size() == 3 && many[1].size() == 10 && many[2].size() == 1);
    CHECK(owned.encode_batch({ "one", "two" }).size() == 2 && owned.encode_batch("one").size() == 1);
    CHECK_THROWS(invalid_argument, "2 texts", owned.encode_batch({ "one", "two" }, {}, "pair"));
    options = {};
    options.progress = [](double) -> bool { throw 8; };
    CHECK_THROWS_NUMBER(8, owned.encode(std::string(8 << 20, 'a'), options));
    CHECK_THROWS(invalid_argument, "100000", owned.decode({ 100000 }));
    CHECK_THROWS(not_found, "nowhere", attend::tokenizer("models/nowhere"));

    const attend::tokenizer paired(fixtures + "tasks/entailment");
    CHECK(paired.encode_pair("paris", "rain").sequence_ids().size() > 3);
    CHECK(paired.encode_batch({ "paris", "rain" }, {}, { "rain", "paris" }).size() == 2);
    attend::tokenizer moved(attend::tokenizer{ spelling }), target(std::move(moved));
    CHECK_THROWS(invalid_argument, "moved", moved.encode("x"));
    CHECK(target.encode("x").size() == 2);
}

void streams() {
    const attend::model model(spelling);
    const attend::tokenizer_view tokenizer = model.tokenizer();
    attend::session session(model);
    const attend::generation spelled = attend::generate(session, "hello");
    std::string pieces;
    attend::detokenizer stream(tokenizer, [&](std::string_view piece) {
        pieces += piece;
        return pieces.size() < 8;
    });
    try {
        for (std::int32_t id : spelled[0].front().ids) stream.add(id);
        stream.finish();
        CHECK(!"it was cancelled");
    } catch (const attend::error &error) {
        CHECK(error.code() == attend::error_code::cancelled);
    }
    attend::detokenizer throwing(tokenizer, [](std::string_view) -> bool { throw 9; });
    CHECK_THROWS_NUMBER(9, [&] {
        for (std::int32_t id : spelled[0].front().ids) throwing.add(id);
        throwing.finish();
        return 0;
    }());
    attend::detokenizer moved(std::move(throwing));
    CHECK_THROWS(invalid_argument, "moved", (throwing.add(1), 0));
    CHECK(tokenizer.decode(spelled[0].front().ids) == spelled[0].front().text);
    attend::detokenize_options keep;
    keep.keep_special_tokens = true;
    CHECK(tokenizer.decode({ model.info().end_token }, keep) == "</s>");
}

void conversations() {
    const attend::model model = in_memory();
    const std::string messages = R"([{"role": "user", "content": "hello"}])";
    CHECK(model.tokenizer().chat(messages) == "hello");
    attend::chat_options options;
    options.generation_prompt = true;
    CHECK(model.tokenizer().chat(messages, options) == "hellox");
    CHECK(model.tokenizer().encode_chat(messages).ids().size() == 5);
    CHECK_THROWS(invalid_argument, "", model.tokenizer().chat("[{"));
    options.template_name = "other";
    CHECK_THROWS(not_found, "other", model.tokenizer().chat(messages, options));
    CHECK_THROWS(not_found, "", attend::model(spelling).tokenizer().chat(messages));
    CHECK_THROWS(invalid_argument, "count is 0", attend::model::from_files({}));

    attend::session session(model);
    const attend::generation spelled = attend::generate_chat(session, messages);
    CHECK(spelled.message().find("assistant") != std::string::npos);
    attend::scheduler scheduler(model);
    CHECK(scheduler.submit_chat(messages).wait()->operator[](0).front().text == spelled[0].front().text);
}

} // namespace

void test_text() {
    runtime();
    spans();
    models();
    tokenizers();
    streams();
    conversations();
}
