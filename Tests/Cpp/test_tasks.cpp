/* Tasks on texts, and vectors. That results are those of transformers is compared elsewhere, from the same folders. */
#include "check.hpp"

#include <cmath>
#include <cstdlib>
#include <unistd.h>

namespace {

struct subject {
    explicit subject(const std::string &name) : model(fixtures + "tasks/" + name), session(model) {}
    attend::model model;
    attend::session session;
};

const std::vector<std::string> sentences{ "Ada Lovelace wrote the first program in London", "",
                                          "Paris slept under rain" };

void classes() {
    subject topics("topics");
    attend::classify_options options;
    options.function = attend::class_function::softmax;
    const attend::classification found = attend::classify(topics.session, sentences, options);
    CHECK(found.size() == 3 && found[0].size() == topics.model.info().label_count);
    double sum = 0, last = 1;
    for (const attend::class_score &each : found[0]) {
        CHECK(each.score <= last && each.label == topics.model.label(each.number) && std::isfinite(each.logit));
        sum += each.score, last = each.score;
    }
    CHECK(std::fabs(sum - 1) < 1e-6);
    options.top_k = 1;
    CHECK(attend::classify(topics.session, "paris", options)[0].size() == 1);
    CHECK_THROWS(invalid_argument, "pairs", attend::classify(topics.session, { "a", "b" }, {}, "c"));

    subject rank("rank");
    CHECK(attend::classify(rank.session, { "paris", "paris" }, {}, { "rain", "london" }).size() == 2);
    subject entailment("entailment");
    attend::zero_shot_options labels;
    labels.multi_label = true;
    labels.hypothesis_template = "paris {}";
    const attend::classification judged =
        attend::classify_zero_shot(entailment.session, sentences[2], { "rain", "london" }, labels);
    CHECK(judged[0].size() == 2 && judged[0].front().score >= judged[0][1].score);
    CHECK_THROWS(unsupported, "", attend::classify_zero_shot(topics.session, "a", { "b" }));
}

void spans() {
    subject tokens("tokens");
    attend::entity_options options;
    options.aggregation = attend::aggregation::simple;
    options.ignored_labels = {};
    const attend::entities found = attend::find_entities(tokens.session, sentences, options);
    CHECK(found.size() == 3 && !found[0].empty() && found[1].empty());
    for (const attend::entity &each : found[0]) {
        CHECK(!each.label.empty() && !each.word.empty() && each.token == -1 && each.score > 0);
        CHECK(each.offsets.byte_start < each.offsets.byte_end);
    }
    CHECK_THROWS(unsupported, "answers", attend::answer(tokens.session, "Who?", sentences[0]));

    subject answers("answers");
    attend::answer_options how;
    how.top_k = 3;
    const attend::answers spans = attend::answer(answers.session, { "Who wrote?" }, { sentences[0] }, how);
    CHECK(spans.size() == 1 && spans[0].size() == 3);
    for (const attend::answer_span &each : spans[0]) {
        const auto start = static_cast<std::size_t>(each.offsets.byte_start);
        CHECK(sentences[0].substr(start, each.text.size()) == each.text && each.score >= 0);
    }
    CHECK_THROWS(invalid_argument, "questions", attend::answer(answers.session, { "Who?", "Where?" }, sentences[0]));
}

void fillings() {
    subject masked("masked");
    const attend::fillings found =
        attend::fill(masked.session, { "ada wrote the [MASK] program", "[MASK] slept under [MASK]" });
    CHECK(found.size() == 2 && found[0].size() == 1 && found[1].size() == 2 && found[2].size() == 0);
    for (const attend::masks &text : found)
        for (const std::vector<attend::filling> &place : text) {
            CHECK(place.size() == 5 && place[0].score >= place[4].score);
            for (const attend::filling &each : place)
                CHECK(!each.word.empty() && !each.text.empty() && each.token >= 0);
        }
    attend::fill_options options;
    options.targets = { "rain", "paris" };
    CHECK(attend::fill(masked.session, "under [MASK]", options)[0][0].size() == 2);
    CHECK_THROWS(invalid_argument, "", attend::fill(masked.session, "no place"));
}

void vectors() {
    subject masked("masked"); // any encoder makes vectors
    const attend::tensor embedded = attend::embed(masked.session, sentences);
    CHECK(embedded.rows() == 3 && embedded.width() == masked.model.info().embedding_size);
    attend::embed_options options;
    options.prompt = "paris ";
    options.truncate_dim = 4;
    const std::vector<float> all(embedded.values().begin(), embedded.values().end());
    const std::size_t width = embedded.width();
    CHECK(attend::embed(masked.session, "rain", options).width() == 4);
    options.prompt_name = "query";
    CHECK_THROWS(invalid_argument, "prompt", attend::embed(masked.session, "rain", options));

    attend::search_index_options how;
    how.normalize = true;
    attend::search_index index(width, how);
    index.add(all);
    CHECK(index.size() == 3 && index.width() == width && index.bytes() > 0);
    CHECK(index.type() == attend::compute_type::float32);
    const attend::matches found = index.search(all, 4);
    CHECK(found.numbers.size() == 12 && found.numbers[4] == 1 && found.numbers[3] == -1);
    CHECK(std::fabs(found.scores[0] - 1) < 1e-5 && std::isinf(found.scores[3]));
    CHECK_THROWS(invalid_argument, "no vectors", index.search({ 1, 2, 3 }, 1));
    CHECK_THROWS(invalid_argument, "", index.search(all, 0));
    char path[] = "/tmp/attend-cpp-XXXXXX";
    close(mkstemp(path));
    index.save(path);
    const attend::search_index opened = attend::search_index::open(path);
    CHECK(opened.size() == 3 && opened.search(all, 4).numbers == found.numbers);
    unlink(path);
    CHECK_THROWS(not_found, "nowhere", attend::search_index::open("/tmp/nowhere/x"));
    attend::search_index moved(std::move(index));
    CHECK_THROWS(invalid_argument, "moved", index.size());
    CHECK(moved.size() == 3);
}

} // namespace

void test_tasks() {
    classes();
    spans();
    fillings();
    vectors();
}
