/* SPDX-License-Identifier: Apache-2.0
 * Sounds to texts with times, while somebody speaks too. Part of attend.hpp. */
#ifndef ATTEND_SPEECH_HPP
#define ATTEND_SPEECH_HPP

#include "results.hpp"

namespace attend {

/// A word or a character with its times; the text is borrowed.
struct word {
    double start; ///< seconds
    double end;
    std::string_view text;
};

/// A part of what is said; views are borrowed.
struct segment {
    std::size_t recording;
    double start; ///< seconds from the beginning of the recording
    double end;
    std::string_view text;
    span<const std::int32_t> ids;
    span<const double> times; ///< of each id, where they were asked for
    std::vector<word> words;
    std::vector<word> characters;
    double window_start;
    double temperature;
    double log_probability;
    double compression_ratio;
    double no_speech_probability;
};

/// Hears of a segment as soon as it is certain. False ends the call; what it throws is thrown by the call.
using segment_callback = std::function<bool(const segment &segment)>;

/// How to transcribe: attend_transcribe_options.
struct transcribe_options {
    std::string config = {}; ///< options by name, a JSON object: docs/generation.md
    segment_callback on_segment = {};
};

/// What a transcription is written as: attend_transcription_format_kind.
enum class transcription_format { srt = ATTEND_FORMAT_SRT, vtt = ATTEND_FORMAT_VTT, json = ATTEND_FORMAT_JSON };

namespace detail {

inline std::vector<word> c_words(const attend_word *words, std::size_t count) {
    std::vector<word> all;
    all.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
        all.push_back({ words[i].start, words[i].end, text_view(words[i].text, words[i].text_length) });
    return all;
}

inline segment read_segment(const attend_segment &raw) {
    return { raw.recording,
             raw.start,
             raw.end,
             text_view(raw.text, raw.text_length),
             { raw.ids, raw.count },
             { raw.times, raw.times ? raw.count : 0 },
             c_words(raw.words, raw.words ? raw.word_count : 0),
             c_words(raw.characters, raw.characters ? raw.character_count : 0),
             raw.window_start,
             raw.temperature,
             raw.log_probability,
             raw.compression_ratio,
             raw.no_speech_probability };
}

inline segment get_segment(const attend_transcription *transcription, std::size_t recording, std::size_t index) {
    attend_segment raw = ATTEND_SEGMENT_INIT;
    check(attend_transcription_get_segment(transcription, recording, index, &raw));
    return read_segment(raw);
}

using segments = row<attend_transcription, segment, attend_transcription_segment_count, get_segment>;

/// Options as C takes them, with the exceptions of the callback: stays where it is as long as a call may use it.
class transcribing {
  public:
    explicit transcribing(transcribe_options options) : options_(std::move(options)) {
        how_.config = optional_text(options_.config);
        if (options_.on_segment) how_.on_segment = hear;
        how_.on_segment_context = this;
    }
    transcribing(const transcribing &) = delete;
    transcribing &operator=(const transcribing &) = delete;

    const attend_transcribe_options *get() const noexcept { return &how_; }
    thrown exceptions;

  private:
    static bool hear(const attend_segment *raw, void *context) {
        auto *self = static_cast<transcribing *>(context);
        return self->exceptions.run(false, [&] { return self->options_.on_segment(read_segment(*raw)); });
    }

    transcribe_options options_;
    attend_transcribe_options how_ = ATTEND_TRANSCRIBE_OPTIONS_INIT;
};

} // namespace detail

/// What is said in recordings: for each a row of segments.
class transcription : public detail::table<attend_transcription, attend_transcription_free, attend_transcription_count,
                                           detail::segments> {
  public:
    using table::table;

    /// The code of the language of a recording, "en"; empty where the model names none.
    std::string_view language(std::size_t recording = 0) const {
        const char *code = attend_transcription_language(get(), recording);
        return code ? code : std::string_view();
    }
    /// The text of all segments of a recording; empty where the model has no tokenizer.
    std::string_view text(std::size_t recording = 0) const {
        std::size_t length = 0;
        const char *bytes = attend_transcription_text(get(), recording, &length);
        return detail::text_view(bytes, length);
    }
    /// A recording's segments as subtitles or JSON; `word_cues`: each word is a cue.
    std::string format(transcription_format kind, std::size_t recording = 0, bool word_cues = false) const {
        attend_text *text = nullptr;
        detail::check(attend_transcription_format(get(), recording, static_cast<attend_transcription_format_kind>(kind),
                                                  word_cues, &text));
        return detail::take(text);
    }
};

/// Writes down what is said in recordings. Throws `incomplete<transcription>` where it is cancelled or fails in the
/// middle.
inline transcription transcribe(session &session, span<const input> sounds, const transcribe_options &options = {}) {
    const std::vector<attend_input> inputs = detail::c_inputs(sounds);
    detail::transcribing how(options);
    attend_transcription *made = nullptr;
    attend_error *failure = attend_transcribe(session.get(), inputs.data(), inputs.size(), how.get(), &made);
    return session.finish<transcription>(failure, made, &how.exceptions);
}

/// Tells which languages are spoken in the first 30 s of recordings.
inline transcription detect_languages(session &session, span<const input> sounds) {
    const std::vector<attend_input> inputs = detail::c_inputs(sounds);
    attend_transcription *made = nullptr;
    attend_error *failure = attend_detect_languages(session.get(), inputs.data(), inputs.size(), &made);
    return session.finish<transcription>(failure, made);
}

/// What somebody says while he says it. One thread at a time; it keeps its session's handle alive, but what a callback
/// of the session throws needs the session itself.
class stream {
  public:
    stream(session &session, std::uint32_t sample_rate, transcribe_options options = {})
        : how_(std::make_unique<detail::transcribing>(std::move(options))), rate_(sample_rate) {
        attend_stream *made = nullptr;
        session.check(attend_stream_create(session.get(), sample_rate, how_->get(), &made));
        handle_ = detail::owner<attend_stream, attend_stream_free>(made);
    }

    /// Hears a piece: the segments that it settles, perhaps none.
    transcription feed(span<const float> samples) { return feed(input::samples(samples, rate_)); }
    transcription feed(span<const std::int16_t> samples) { return feed(input::samples(samples, rate_)); }
    /// Ends the stream: what was not settled.
    transcription finish() {
        attend_stream *handle = handle_.get();
        attend_transcription *made = nullptr;
        attend_error *failure = attend_stream_finish(handle, &made);
        return detail::finish<transcription>(failure, made, how_->exceptions.take());
    }

  private:
    transcription feed(const input &samples) {
        attend_stream *handle = handle_.get();
        const attend_input raw = samples.c();
        attend_transcription *made = nullptr;
        attend_error *failure = attend_stream_feed(handle, &raw, &made);
        return detail::finish<transcription>(failure, made, how_->exceptions.take());
    }

    std::unique_ptr<detail::transcribing> how_;
    std::uint32_t rate_;
    detail::owner<attend_stream, attend_stream_free> handle_;
};

} // namespace attend

#endif
