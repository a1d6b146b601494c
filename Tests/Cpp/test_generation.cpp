/* From sources to answers: callbacks that stop and throw, what is there of a call that ended early, a scheduler,
 * scores. */
#include "check.hpp"

#include <atomic>
#include <chrono>
#include <cmath>
#include <thread>

namespace {

void answers() {
    const attend::model model(spelling);
    attend::session session(model);
    attend::generation_options options;
    options.config = R"({"num_beams": 4, "output_scores": true})";
    options.num_return_sequences = 2;
    const std::vector<std::string> words{ "hello", "attention" };
    const attend::generation found = attend::generate(session, words, options);
    CHECK(found.size() == 2 && found[0].size() == 2 && found[2].empty());
    std::vector<std::string> best;
    for (const auto &answer : found) {
        double last = 0;
        for (const attend::hypothesis &each : answer) {
            CHECK(each.score <= last && each.log_probabilities.size() == each.ids.size() - each.prompt_count);
            CHECK(each.finish_reason == attend::finish_reason::end && each.alternatives.empty() &&
                  each.attention.empty());
            last = each.score;
        }
        best.emplace_back(answer.front().text);
    }
    CHECK(best == std::vector<std::string>({ "HH EH1 L OW0", "AH0 T EH1 N SH AH0 N" }));
    CHECK_THROWS(invalid_argument, "", found[0][2]);
    CHECK_THROWS(invalid_argument, "", found[2].front());
    CHECK(attend::generate(session, attend::batch(model.tokenizer().encode("hello")))[0].front().text == best[0]);
    CHECK(attend::translate(session, { "hello", "attention" })[1].front().text == best[1]);
    CHECK(attend::summarize(session, "hello")[0].front().text == best[0]);
    CHECK(attend::rewrite(session, "hello")[0].front().text == best[0]);
    attend::translate_options to;
    to.tgt_lang = "tlh";
    CHECK_THROWS(invalid_argument, "tlh", attend::translate(session, "hello", to));
    attend::rewrite_options task;
    task.task = "juggling";
    CHECK_THROWS(invalid_argument, "juggling", attend::rewrite(session, "hello", task));
    options.config = R"({"num_beans": 4})";
    CHECK_THROWS(invalid_argument, "num_beans", attend::generate(session, words, options));
    attend::generation_options drafted;
    drafted.assistant = &model;
    CHECK(attend::generate(session, "hello", drafted)[0].front().text == best[0]);
#if __cplusplus >= 202002L
    CHECK(attend::generate(session, "hello", { .num_beams = 2, .stop_strings = { "L" } })[0].front().finish_reason ==
          attend::finish_reason::stop);
#endif
}

void callbacks() {
    const attend::model model(spelling);
    attend::session session(model);
    attend::generation_options options;
    std::string pieces;
    std::size_t ends = 0;
    options.config = R"({"top_logprobs": 2})";
    options.on_token = [&](const attend::token_event &event) {
        CHECK(event.alternatives.size() == 2 && event.request == 0 && event.sequence == 0);
        pieces += event.text;
        ends += event.finish_reason == attend::finish_reason::end;
        return attend::verdict::go_on;
    };
    std::atomic<int> changed{ 0 };
    options.on_logits = [&](attend::span<float> scores, attend::span<const std::int32_t> ids) {
        CHECK(scores.size() == model.info().vocabulary_size && !ids.empty());
        ++changed;
        return true;
    };
    const attend::generation streamed = attend::generate(session, "hello", options);
    CHECK(streamed[0].front().text == pieces);
    CHECK(pieces == "HH EH1 L OW0" && ends == 1 && changed > 3);

    options.on_token = [](const attend::token_event &) -> attend::verdict { throw 3; };
    CHECK_THROWS_NUMBER(3, attend::generate(session, "hello", options));
    options.on_token = {};
    options.on_logits = [](attend::span<float>, attend::span<const std::int32_t>) -> bool { throw 4; };
    CHECK_THROWS_NUMBER(4, attend::generate(session, { "hello", "world" }, options));
    CHECK(attend::generate(session, "hello")[0].front().text == pieces); // the session is none the worse

    // What had finished is there.
    options = {};
    options.on_token = [&](const attend::token_event &event) {
        return event.finish_reason == attend::finish_reason::none ? attend::verdict::go_on : attend::verdict::end_all;
    };
    options.config = R"({"max_new_tokens": 40})";
    try {
        attend::generate(session, { "a", "attention" }, options);
        CHECK(!"it was cancelled");
    } catch (const attend::incomplete<attend::generation> &stopped) {
        CHECK(stopped.code() == attend::error_code::cancelled && stopped.result().size() == 2);
        CHECK(stopped.result()[0].front().finish_reason == attend::finish_reason::end);
    }
}

void requests() {
    const attend::model model(spelling);
    attend::scheduler_options how;
    how.max_rows = 4;
    attend::scheduler scheduler(model, how);
    std::atomic<int> done{ 0 }, tokens{ 0 };
    std::vector<attend::request> all;
    const std::vector<std::string> words{ "hello", "world", "attention", "spelling", "a", "programme" };
    for (const std::string &word : words) {
        attend::request_options options;
        options.priority = static_cast<std::int32_t>(word.size());
        options.generation.on_token = [&](const attend::token_event &) {
            ++tokens;
            return attend::verdict::go_on;
        };
        options.on_done = [&] { ++done; };
        all.push_back(scheduler.submit(word, options));
    }
    attend::session session(model);
    const attend::generation alone = attend::generate(session, words);
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::optional<attend::generation> found = all[i].wait();
        CHECK(found && (*found)[0].front().text == alone[i].front().text);
    }
    all.clear(); // behind all callbacks
    CHECK(done == 6 && tokens > 20);
    CHECK(scheduler.stats().submitted == 6 && scheduler.stats().finished == 6);

    CHECK(scheduler.submit(attend::span<const std::int32_t>({ 5, 6, 2 })).wait()->size() == 1);
    attend::request_options throwing;
    throwing.generation.on_token = [](const attend::token_event &) -> attend::verdict { throw 6; };
    attend::request thrown = scheduler.submit("hello", throwing);
    CHECK_THROWS_NUMBER(6, thrown.wait());
    throwing.generation.on_token = {};
    throwing.on_done = [] { throw 7; };
    attend::request at_the_end = scheduler.submit("hello", throwing);
    (void)at_the_end.wait(0);
    attend::request moved(std::move(at_the_end));
    CHECK_THROWS(invalid_argument, "moved", at_the_end.wait());
    moved.cancel();
    throwing.on_done = {};
    throwing.generation.config = "{";
    CHECK_THROWS(invalid_argument, "", scheduler.submit("hello", throwing));
    attend::session_options reporting;
    reporting.progress = [](double) { return true; };
    CHECK_THROWS(invalid_argument, "progress", attend::scheduler(model, {}, reporting));

    // A request that is let go in its own callback, and one that outlives its scheduler.
    std::optional<attend::request> own;
    std::atomic<bool> ready{ false }, gone{ false };
    attend::request_options letting_go;
    letting_go.generation.on_token = [&](const attend::token_event &) {
        while (!ready) std::this_thread::yield();
        own.reset();
        gone = true;
        return attend::verdict::go_on;
    };
    own.emplace(scheduler.submit("hello", letting_go));
    ready = true;
    while (!gone) std::this_thread::yield();
    attend::request left = [&] {
        attend::scheduler brief(model);
        return brief.submit("hello");
    }();
    CHECK(left.wait(60).has_value());
}

void scores() {
    const attend::model model(spelling);
    attend::session session(model);
    attend::score_options options;
    options.top_logprobs = 2;
    const attend::encoding word = model.tokenizer().encode("hello");
    const attend::generation spelled = attend::generate(session, { "hello", "attention" });
    attend::batch sources, targets;
    for (const auto &answer : spelled) {
        const attend::hypothesis best = answer.front();
        targets.add(best.ids.subspan(best.prompt_count, best.ids.size() - best.prompt_count));
        sources.add(word.ids());
    }
    const attend::scores found = attend::score(session, targets, options, &sources);
    CHECK(found.size() == 2 && found[0].sum > found[1].sum && found[0].is_greedy && !found[1].is_greedy);
    for (const attend::text_score &each : found) {
        CHECK(each.log_probabilities.size() == each.ids.size() && each.alternatives.size() == 2 * each.ids.size());
        CHECK(std::fabs(each.perplexity - std::exp(-each.sum / static_cast<double>(each.ids.size()))) <
              1e-6 * each.perplexity);
    }
    const std::vector<double> probabilities = found.probabilities(0, 2, attend::score_normalization::mean);
    CHECK(probabilities[0] > 0.9 && std::fabs(probabilities[0] + probabilities[1] - 1) < 1e-12);
    CHECK_THROWS(invalid_argument, "more than 2", found.probabilities(1, 2));
    CHECK_THROWS(invalid_argument, "", found[2]);
    CHECK(attend::score(session, { "a", "b" }, {}, { "hello", "hello" }).size() == 2);
    CHECK_THROWS(invalid_argument, "contexts", attend::score(session, { "a", "b" }, {}, "c"));

    const attend::model decoder(fixtures + "conformance/gpt2");
    attend::session reading(decoder);
    const attend::batch context({ { 1, 2, 3 } }), text({ { 4, 5 } });
    CHECK(attend::score(reading, text, {}, &context)[0].ids.size() == 2);
    CHECK(attend::score(reading, text)[0].ids.size() == 1);
}

} // namespace

void test_generation() {
    answers();
    callbacks();
    requests();
    scores();
}
