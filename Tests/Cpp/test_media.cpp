/* Pictures and sounds: described, classified, compared, drawn; transcribed, also while they come. */
#include "check.hpp"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace {

const std::string said = "friday twenty seven november two thousand and twenty six";

/// The samples of a file of 16 bits and one channel.
std::vector<std::int16_t> wave(const std::string &path) {
    const std::string file = read_file(path);
    std::vector<std::int16_t> samples((file.size() - 44) / 2);
    std::memcpy(samples.data(), file.data() + 44, samples.size() * 2);
    return samples;
}

void speech() {
    const attend::model model(hearing);
    attend::session session(model);
    const std::string path = hearing + "/date.wav", bytes = read_file(path);
    const std::vector<attend::input> sounds{ attend::input::file(path), attend::input::bytes(bytes) };
    attend::transcribe_options options;
    options.config = R"({"return_timestamps": "word"})";
    std::size_t heard = 0;
    options.on_segment = [&](const attend::segment &segment) {
        heard += segment.words.size();
        return true;
    };
    const attend::transcription found = attend::transcribe(session, sounds, options);
    CHECK(found.size() == 2 && found.text(0) == said && found.text(1) == said && found.language().empty());
    std::size_t words = 0;
    for (const auto &recording : found)
        for (const attend::segment &segment : recording) {
            CHECK(segment.end > segment.start && !segment.ids.empty() && segment.characters.empty());
            for (const attend::word &word : segment.words) CHECK(word.end > word.start && !word.text.empty());
            words += segment.words.size();
        }
    CHECK(words == heard && words == 18);
    CHECK(found.format(attend::transcription_format::srt).find("-->") != std::string::npos);
    CHECK(found.format(attend::transcription_format::json, 1, true).find("segments") != std::string::npos);
    CHECK_THROWS(invalid_argument, "", found.format(attend::transcription_format::vtt, 2));

    options.on_segment = [](const attend::segment &) -> bool { throw 2; };
    CHECK_THROWS_NUMBER(2, attend::transcribe(session, sounds, options));
    CHECK_THROWS(not_found, "nowhere", attend::transcribe(session, { attend::input::file("nowhere.wav") }));
    CHECK_THROWS(unsupported, "", attend::detect_languages(session, sounds));
    const attend::model spells(spelling);
    attend::session other(spells);
    CHECK_THROWS(unsupported, "", attend::transcribe(other, sounds));

    const std::vector<std::int16_t> samples = wave(path);
    attend::stream stream(session, 16000);
    std::string text;
    for (std::size_t at = 0; at < samples.size(); at += 4000) {
        const attend::transcription settled = stream.feed(
            attend::span<const std::int16_t>(samples).subspan(at, std::min<std::size_t>(4000, samples.size() - at)));
        text += settled.text();
    }
    text += stream.finish().text();
    CHECK(text == said);
    CHECK_THROWS(invalid_state, "", stream.finish());
    attend::stream moved(attend::stream(session, 16000)), again(std::move(moved));
    CHECK_THROWS(invalid_argument, "moved", moved.finish());
    CHECK_THROWS(invalid_argument, "shape", attend::input::samples(attend::span<const float>(), 16000));
}

void pictures() {
    const attend::model model(seeing);
    attend::session session(model);
    const std::vector<attend::input> scene{ attend::input::file(seeing + "/scene.png").draft() };
    const attend::generation found = attend::describe(session, scene);
    CHECK(found[0].front().text.find("a large yellow star") == 0);
    CHECK_THROWS(invalid_argument, "shape",
                 attend::input::pixels(attend::span<const std::uint8_t>({ 1, 2, 3 }), 2, 1, 3));

    const attend::model judge(fixtures + "features/vit-image-classification");
    attend::session judging(judge);
    const std::size_t side = 32;
    std::vector<std::uint8_t> bytes(30 * 30 * 3, 128);
    const std::vector<float> numbers(30 * 30 * 3, 0.5f);
    const std::vector<attend::input> two{ attend::input::pixels(bytes, 30, 30, 3),
                                          attend::input::pixels(numbers, 30, 30, 3) };
    session.encode(attend::batch::of_inputs(two));
    CHECK(session.size() == 2 && session.encoded_length(0) == session.encoded_length(1));
    const std::vector<float> values(3 * side * side);
    const std::vector<attend::input> features{ attend::input::features(values, { 3, side, side }) };
    const attend::classification classes = attend::classify(judging, features);
    CHECK(classes.size() == 1 && classes[0].size() > 1);
    CHECK_THROWS(invalid_argument, "",
                 (judging.encode(attend::batch::of_inputs(
                      { attend::input::features(attend::span<const float>({ 1, 2 }), { 1, 2 }) })),
                  0));
}

void comparisons() {
    const attend::model model(fixtures + "features/clip");
    const std::size_t width = model.info().embedding_size;
    std::vector<float> ones(2 * width, 1), halves(3 * width, 0.5f);
    const attend::similarities found = model.similarity(ones, halves);
    CHECK(found.logits.size() == 6 && found.probabilities.size() == 6);
    CHECK(std::fabs(found.probabilities[0] - 1.0f / 3) < 1e-5f);
    ones.pop_back();
    CHECK_THROWS(invalid_argument, "numbers each", model.similarity(ones, halves));
    CHECK_THROWS(unsupported, "", attend::model(spelling).similarity({}, {}));
}

void drawings() {
    const attend::model model(fixtures + "features/janus");
    attend::session session(model);
    attend::draw_options options;
    options.greedy = true;
    const attend::drawing found = attend::draw(session, "a blue circle", options);
    CHECK(found.size() == 1 && found.tokens(0).size() == 16 && found.tokens(1).empty() && std::isnan(found.score(0)));
    CHECK(found.pixels(0).shape()[2] == 3 && found.pixels(0).bytes().size() == found.pixels(0).size());
    CHECK_THROWS(invalid_argument, "float32", found.pixels(0).values());
    CHECK_THROWS(invalid_argument, "", found.pixels(1));
    char folder[] = "/tmp/attend-cpp-XXXXXX";
    CHECK(mkdtemp(folder) != nullptr);
    const std::string path = std::string(folder) + "/x.png";
    found.save(0, path);
    CHECK(read_file(path).substr(1, 3) == "PNG");
    unlink(path.c_str()), rmdir(folder);
    CHECK_THROWS(not_found, "nowhere", (found.save(0, "/nowhere/x.png"), 0));
    options.painter = "/nowhere";
    const attend::model spells(spelling);
    attend::session other(spells);
    CHECK_THROWS(unsupported, "", attend::draw(other, "a word"));
}

} // namespace

void test_media() {
    speech();
    pictures();
    comparisons();
    drawings();
}
