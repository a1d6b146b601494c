/* From texts and conversations to answers: options by name, drafts by another model, functions that are called. */
#include "check.h"
#include "folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static attend_generation_options with_config(const char *config) {
    attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
    options.config = config;
    return options;
}

/** What is generated for one text; NULL where that fails. */
static attend_generation *generate(attend_session *session, const char *text,
                                   const attend_generation_options *options) {
    attend_generation *found = NULL;
    const size_t length = strlen(text);
    CHECK_SUCCESS(attend_generate_texts(session, &text, &length, 1, options, &found));
    return found;
}

static attend_hypothesis hypothesis(const attend_generation *found, size_t index) {
    attend_hypothesis result = ATTEND_HYPOTHESIS_INIT;
    CHECK_SUCCESS(attend_generation_get_hypothesis(found, 0, index, &result));
    return result;
}

static void refused(attend_session *session, const char *config, const char *part) {
    const char *text = "hello";
    const size_t length = 5;
    attend_generation_options options = with_config(config);
    attend_generation *found = UNTOUCHED;
    CHECK_ERROR(attend_generate_texts(session, &text, &length, 1, &options, &found), ATTEND_ERROR_INVALID_ARGUMENT,
                part);
    attend_generation_free(found);
}

static void options_by_name(attend_session *session) {
    attend_generation_options options = with_config("{\"num_beams\": 4, \"num_return_sequences\": 2}");
    attend_generation *found = generate(session, "hello", &options);
    if (!found) return;
    CHECK(attend_generation_count(found) == 1 && attend_generation_hypothesis_count(found, 0) == 2);
    CHECK(strcmp(hypothesis(found, 0).text, "HH EH1 L OW0") == 0);
    CHECK(hypothesis(found, 0).score > hypothesis(found, 1).score);
    attend_generation_free(found);
    refused(session, "{\"no_such_option\": 1}", "no_such_option");
    refused(session, "{\"decoder_input_ids\": [1, 101]}", "decoder_input_ids names token 101 in entry 1");
    refused(session, "{\"use_cache\": false}", "use_cache is false");
    refused(session, "{\"num_beams\": 0}", "num_beams is 0");
    refused(session, "{\"num_beams\": 2147483648}", "num_beams is 2147483648");
    refused(session, "{\"num_assistant_tokens\": 2}", "there is no assistant model");
    refused(session, "{", "options.config");
}

/** Beams that are drawn: the same for the same seed, and others for another. */
static void drawn_beams(attend_session *session) {
    const char *const configs[] = { "{\"num_beams\": 3, \"do_sample\": true, \"temperature\": 3, \"seed\": 1}",
                                    "{\"num_beams\": 3, \"do_sample\": true, \"temperature\": 3, \"seed\": 1}",
                                    "{\"num_beams\": 3, \"do_sample\": true, \"temperature\": 3, \"seed\": 2}" };
    double scores[3] = { 0 };
    for (size_t i = 0; i < 3; i++) {
        attend_generation_options options = with_config(configs[i]);
        attend_generation *found = generate(session, "transformer", &options);
        if (found) scores[i] = hypothesis(found, 0).score;
        attend_generation_free(found);
    }
    CHECK(scores[0] == scores[1] && scores[0] != scores[2]);
}

static void assistants(const attend_model *model, attend_session *session) {
    attend_generation_options options = ATTEND_GENERATION_OPTIONS_INIT;
    attend_generation *alone = generate(session, "transformer", &options);
    options.assistant = model;
    attend_generation *assisted = generate(session, "transformer", &options);
    if (alone && assisted) {
        attend_hypothesis one = hypothesis(alone, 0), other = hypothesis(assisted, 0);
        CHECK(one.count == other.count && memcmp(one.ids, other.ids, one.count * sizeof *one.ids) == 0);
    }
    attend_generation_free(alone);
    attend_generation_free(assisted);
    attend_model *other;
    if (!CHECK_SUCCESS(attend_model_create("Tests/Fixtures/conformance/gpt2", NULL, &other))) return;
    const char *text = "hello";
    const size_t length = 5;
    options.assistant = other;
    CHECK_ERROR(attend_generate_texts(session, &text, &length, 1, &options, &assisted), ATTEND_ERROR_INVALID_ARGUMENT,
                "the assistant model has a vocabulary of 99 tokens");
    attend_model_free(other);
}

/** A file of the llama case; freed by free(data). */
static bytes llama(const char *name) {
    char path[200];
    snprintf(path, sizeof path, "Tests/Fixtures/conformance/llama/%s", name);
    return file_read(path);
}

/** A decoder of letters, whose chat template offers functions and writes calls as Hermes does. */
static folder talker(void) {
    folder place = folder_make_empty();
    bytes config = llama("config.json"), defaults = llama("generation_config.json"),
          weights = llama("model.safetensors");
    char *longer = replaced(config.data, "\"max_position_embeddings\": 64", "\"max_position_embeddings\": 2048");
    folder_write_text(&place, "config.json", longer);
    folder_write(&place, "generation_config.json", defaults.data, defaults.count);
    folder_write(&place, "model.safetensors", weights.data, weights.count);
    free(longer), free(config.data), free(defaults.data), free(weights.data);
    char text[4000], letter[8];
    size_t used = (size_t)sprintf(
        text, "{\"version\": \"1.0\", \"added_tokens\": [{\"id\": 0, \"content\": \"<0>\", \"special\": true}, "
              "{\"id\": 1, \"content\": \"<1>\", \"special\": true}, {\"id\": 2, \"content\": \"<2>\", \"special\": "
              "true}], \"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": "
              "false}, \"decoder\": {\"type\": \"ByteLevel\"}, \"model\": {\"type\": \"BPE\", \"merges\": [], "
              "\"vocab\": {\"<0>\": 0, \"<1>\": 1, \"<2>\": 2, \"\xc4\xa0\": 3, \"\xc4\x8a\": 4");
    for (int i = 0; i < 94; i++) {
        int character = 33 + i;
        sprintf(letter, character == '"' || character == '\\' ? "\\%c" : "%c", character);
        used += (size_t)sprintf(text + used, ", \"%s\": %d", letter, 5 + i);
    }
    sprintf(text + used, "}}}");
    folder_write_text(&place, "tokenizer.json", text);
    folder_write_text(&place, "tokenizer_config.json",
                      "{\"chat_template\": \"{% for t in tools %}[{{ t.function.name }}]{% endfor %}{% for m in "
                      "messages %}{{ m.content }}{% endfor %}{# <tool_call> #}\"}");
    return place;
}

#define TOOLS                                                                                                        \
    "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"now\", \"parameters\": {\"type\": \"object\", " \
    "\"properties\": {\"zone\": {\"enum\": [\"UTC\", \"CET\"]}}, \"required\": [\"zone\"]}}}]"

static void check_call(attend_session *session, const char *config, bool is_call) {
    const char *messages = "[{\"role\": \"user\", \"content\": \"Hi\"}]";
    attend_generation_options options = with_config(config);
    options.max_new_tokens = 200;
    attend_generation *found = NULL;
    if (!CHECK_SUCCESS(attend_generate_chat(session, messages, strlen(messages), NULL, &options, &found))) return;
    attend_text *message;
    if (CHECK_SUCCESS(attend_generation_message(found, 0, 0, &message))) {
        const char *text = attend_text_bytes(message, NULL);
        const char *call = "\"tool_calls\": [{\"type\": \"function\", \"function\": {\"name\": \"now\", \"arguments\": "
                           "{\"zone\": ";
        CHECK(strstr(text, "{\"role\": \"assistant\", \"content\": ") == text);
        if (!CHECK((strstr(text, call) != NULL) == is_call)) checks_say("with %s: %s\n", config, text);
        CHECK(strstr(text, "problems") == NULL);
        attend_text_free(message);
    }
    message = UNTOUCHED;
    CHECK_ERROR(attend_generation_message(found, 1, 0, &message), ATTEND_ERROR_INVALID_ARGUMENT, "request is 1");
    CHECK_ERROR(attend_generation_message(found, 0, 1, &message), ATTEND_ERROR_INVALID_ARGUMENT, "index is 1");
    CHECK_ERROR(attend_generation_message(NULL, 0, 0, &message), ATTEND_ERROR_INVALID_ARGUMENT, "generation is NULL");
    CHECK_ERROR(attend_generation_message(found, 0, 0, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "message is NULL");
    CHECK(message == UNTOUCHED);
    attend_generation_free(found);
}

static void calls(void) {
    folder place = talker();
    attend_model *model;
    if (CHECK_SUCCESS(attend_model_create(place.path, NULL, &model))) {
        attend_session *session = new_session(model);
        check_call(session, "{" TOOLS ", \"tool_choice\": \"required\", \"parallel_tool_calls\": false}", true);
        check_call(session, "{" TOOLS ", \"tool_choice\": \"now\", \"parallel_tool_calls\": false, \"num_beams\": 2}",
                   true);
        check_call(session, "{" TOOLS ", \"tool_choice\": \"none\"}", false);
        check_call(session, "{" TOOLS "}", false);
        refused(session, "{" TOOLS ", \"tool_choice\": \"then\"}", "there is no tool \"then\"; there is now");
        refused(session, "{\"tool_choice\": \"auto\"}", "tool_choice is set, and there are no tools");
        refused(session, "{" TOOLS ", \"tool_format\": \"nonesuch\"}", "known are hermes, llama3");
        const char *messages = "[]";
        attend_chat_options chat = ATTEND_CHAT_OPTIONS_INIT;
        chat.variables = "{\"tools\": []}";
        attend_generation_options options = with_config("{" TOOLS "}");
        attend_generation *found = NULL;
        CHECK_ERROR(attend_generate_chat(session, messages, 2, &chat, &options, &found), ATTEND_ERROR_INVALID_ARGUMENT,
                    "tools are given twice");
        attend_session_free(session);
        attend_model_free(model);
    }
    folder_remove(&place);
}

int main(void) {
    checks_begin();
    attend_model *model = load_default_model();
    attend_session *session = new_session(model);
    options_by_name(session);
    drawn_beams(session);
    assistants(model, session);
    calls();
    attend_session_free(session);
    attend_model_free(model);
    return checks_end();
}
