/* Sessions: steps, states, caches, attention maps; calls that are cancelled; sessions that were moved. */
#include "check.hpp"

#include <cmath>
#include <cstdlib>
#include <thread>
#include <unistd.h>

namespace {

/// The token with the largest logit of a row.
std::int32_t best(attend::span<const float> row) {
    std::size_t token = 0;
    for (std::size_t id = 1; id < row.size(); ++id)
        if (row[id] > row[token]) token = id;
    return static_cast<std::int32_t>(token);
}

void steps() {
    const attend::model model(spelling);
    const attend::tokenizer_view tokenizer = model.tokenizer();
    const attend::model_info info = model.info();
    attend::session_options options;
    options.threads = 1;
    attend::session session(model, options);
    const attend::encoding word = tokenizer.encode("hello");
    session.record_attentions();
    session.encode(attend::batch(word));
    CHECK(session.size() == 1 && session.encoded_length(0) == 6 && session.length(0) == 0);
    CHECK(session.hidden_states().rows() == 6 && session.hidden_states().width() == info.encoder_hidden_size);
    CHECK(session.attentions(attend::attention_kind::encoder, 0).shape().size() == 3);
    CHECK_THROWS(invalid_state, "", session.attentions(attend::attention_kind::cross, 0));

    std::vector<std::int32_t> written;
    for (std::int32_t token = info.decoder_start_token; token != info.end_token;) {
        const attend::tensor logits = session.step({ token });
        CHECK(logits.shape().size() == 2 && logits.width() == info.vocabulary_size &&
              logits.type() == attend::element_type::float32);
        token = best(logits[0]);
        written.push_back(token);
        CHECK_THROWS(invalid_argument, "row 1", logits[1]);
        CHECK_THROWS(invalid_argument, "uint8", logits.bytes());
    }
    CHECK(tokenizer.decode(written) == "HH EH1 L OW0");
    CHECK(session.length(0) == written.size() && session.memory() > 0);

    // Several at once, and the same logits as step by step.
    session.truncate(0, 0);
    std::vector<std::int32_t> given{ info.decoder_start_token };
    given.insert(given.end(), written.begin(), written.end() - 1);
    const attend::tensor all = session.decode(attend::batch({ given }));
    CHECK(all.rows() == given.size() && best(all[all.rows() - 1]) == info.end_token);
    session.truncate(0, 0);
    CHECK(session.decode(attend::batch({ given }).logits(attend::logits_kind::last)).rows() == 1);
    session.select({ 0, 0 });
    CHECK(session.size() == 2);
    session.add(attend::batch(std::vector<std::vector<std::int32_t>>{ { 5, 6 } }));
    CHECK(session.size() == 3);
    session.select({});
    CHECK(session.size() == 0);
    CHECK_THROWS(invalid_state, "", session.step({ 1 }));
    CHECK_THROWS(unsupported, "", session.logits());
    CHECK_THROWS(unsupported, "", session.pooled());
    CHECK_THROWS(invalid_argument, "", (session.encode(attend::batch()), 0));
    CHECK_THROWS(invalid_argument, "of none", attend::batch({ { 1, 2 } }).add({ 3 }, { 0 }));
    CHECK_THROWS(invalid_argument, "pictures", attend::batch({ { 1, 2 } }).see({ 0, 1 }));
}

void heads() {
    const attend::model model(fixtures + "tasks/topics");
    attend::session session(model);
    CHECK(model.info().label_count > 0 && !model.label(0).empty());
    session.encode(attend::batch(model.tokenizer().encode("paris slept under rain"), true));
    CHECK(session.logits().width() == model.info().label_count);
}

void caches() {
    const attend::model model(fixtures + "conformance/gpt2");
    attend::session_options options;
    options.prefix_cache_bytes = 1 << 20;
    options.key_value_type = attend::key_value_type::float32;
    attend::session session(model, options), other(model);
    std::vector<std::int32_t> prompt(40);
    for (std::size_t i = 0; i < prompt.size(); ++i) prompt[i] = static_cast<std::int32_t>(i % 7 + 1);
    session.encode(attend::batch({ prompt }));
    session.keep_prefix(0, prompt);
    CHECK(session.add_prompt(prompt) == 39);
    CHECK(session.prefix_stats().hits == 1 && session.prefix_stats().bytes > 0);
    session.clear_prefixes();
    CHECK(session.add_prompt(prompt) == 0);
    session.select({ 0 });

    const std::string saved = session.save(), one = session.save({ 0 });
    CHECK(saved == one && !saved.empty());
    other.restore(saved);
    char path[] = "/tmp/attend-cpp-XXXXXX";
    const int file = mkstemp(path);
    CHECK(file >= 0);
    session.save_file(path);
    other.restore_file(path);
    CHECK(read_file(path) == saved && other.size() == 2);
    close(file), unlink(path);
    const std::vector<float> of_one = [&] {
        const attend::tensor logits = session.step({ 1 });
        return std::vector<float>(logits[0].begin(), logits[0].end());
    }();
    const attend::tensor logits = other.step({ 1, 1 });
    CHECK(std::equal(of_one.begin(), of_one.end(), logits[1].begin()));
    CHECK_THROWS(invalid_file, "", (other.restore("nonsense"), 0));
    CHECK_THROWS(not_found, "", (other.restore_file("/nowhere/x"), 0));
    CHECK_THROWS(unsupported, "", attend::session(attend::model(fixtures + "conformance/bert"), options));
}

void moved() {
    const attend::model model(spelling);
    attend::session session(model);
    session.encode(attend::batch({ { 5, 6, 7 } }));
    attend::session owner(std::move(session));
    CHECK(owner && !session && owner.size() == 1); // NOLINT: that is what is tested
    CHECK_THROWS(invalid_argument, "moved", session.size());
    CHECK_THROWS(invalid_argument, "moved", (session.cancel(), 0));
    CHECK_THROWS(invalid_argument, "moved", attend::generate(session, "hello"));
    session = std::move(owner);
    CHECK(session.size() == 1);
    attend::generation spelled = attend::generate(session, "hello"), taken(std::move(spelled));
    CHECK(taken.size() == 1);
    CHECK_THROWS(invalid_argument, "moved", spelled.size());
}

/// A session whose progress is heard at least once in this call, which is long enough.
void progress() {
    const attend::model model(spelling);
    std::vector<std::vector<std::int32_t>> many(4000, std::vector<std::int32_t>(30, 5));
    int calls = 0;
    attend::session_options options;
    options.threads = 1;
    options.progress = [&](double fraction) -> bool {
        CHECK(fraction >= 0 && fraction <= 1);
        if (++calls == 2) throw 5;
        return calls < 4;
    };
    attend::session session(model, options);
    CHECK_THROWS_NUMBER(5, (session.encode(attend::batch(many)), 0));
    calls = 2;
    CHECK_THROWS(cancelled, "", (session.encode(attend::batch(many)), 0));
    CHECK(session.size() == 0);
    attend::session unheard(model);
    unheard.cancel();
    CHECK_THROWS(cancelled, "", (unheard.encode(attend::batch(many)), 0));
    std::thread other([&] { unheard.cancel(); });
    other.join();
    CHECK_THROWS(cancelled, "", (unheard.encode(attend::batch({ { 5 } })), 0));
}

} // namespace

void test_sessions() {
    steps();
    heads();
    caches();
    moved();
    progress();
}
