/* Pictures from texts: tokens, pixels and files of what is drawn; the same request, the same bits; what is wrong, by
 * name; and a call that is cancelled at any step leaves a session that works. */
#include "check.h"
#include "folder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DALLE "Tests/Fixtures/drawing/dalle-mega-scan"
#define JANUS "Tests/Fixtures/features/janus"
#define VQGAN "Tests/Fixtures/drawing/vqgan"

enum { TOKENS = 25, SIDE = 10 };

static const char text[] = "a red house near the sea";

static attend_model *load(const char *path) {
    attend_model *model = NULL;
    CHECK_SUCCESS(attend_model_create(path, NULL, &model));
    return model;
}

static attend_draw_options painted(void) {
    attend_draw_options options = ATTEND_DRAW_OPTIONS_INIT;
    options.painter = VQGAN;
    return options;
}

static attend_drawing *draw(attend_session *session, const attend_draw_options *options) {
    attend_drawing *drawing = NULL;
    CHECK_SUCCESS(attend_draw(session, text, strlen(text), options, &drawing));
    return drawing;
}

/** The pixels of a picture, which has this size. */
static const uint8_t *pixels(const attend_drawing *drawing, size_t index, size_t side) {
    attend_tensor tensor = { 0 };
    CHECK_SUCCESS(attend_drawing_pixels(drawing, index, &tensor));
    CHECK(tensor.type == ATTEND_TYPE_UINT8 && tensor.rank == 3);
    CHECK(tensor.shape[0] == side && tensor.shape[1] == side && tensor.shape[2] == 3);
    return tensor.data;
}

static void is_same(const attend_drawing *one, size_t index, const attend_drawing *other, size_t other_index) {
    size_t count = 0, other_count = 0;
    const int32_t *tokens = attend_drawing_tokens(one, index, &count);
    const int32_t *others = attend_drawing_tokens(other, other_index, &other_count);
    CHECK(count == TOKENS && other_count == TOKENS && memcmp(tokens, others, sizeof *tokens * TOKENS) == 0);
    CHECK(memcmp(pixels(one, index, SIDE), pixels(other, other_index, SIDE), SIDE * SIDE * 3) == 0);
}

/** The first candidates are the same among few and among many, in this session and in another. */
static void the_same_request(const attend_model *model) {
    attend_session *session = new_session(model), *other = new_session(model);
    attend_draw_options options = painted();
    options.seed = 5;
    options.candidates = 3;
    attend_drawing *many = draw(session, &options), *again = draw(other, &options);
    options.candidates = 1;
    attend_drawing *one = draw(session, &options);
    options.seed = 6;
    attend_drawing *different = draw(session, &options);
    CHECK(attend_drawing_count(many) == 3 && attend_drawing_count(one) == 1);
    for (size_t i = 0; i < 3; i++) is_same(many, i, again, i);
    is_same(many, 0, one, 0);
    CHECK(memcmp(attend_drawing_tokens(one, 0, NULL), attend_drawing_tokens(different, 0, NULL),
                 sizeof(int32_t) * TOKENS));
    CHECK(isnan(attend_drawing_score(many, 0)) && isnan(attend_drawing_score(many, 3)));
    attend_drawing_free(many), attend_drawing_free(again), attend_drawing_free(one), attend_drawing_free(different);
    attend_session_free(session), attend_session_free(other);
}

/** A model with a VQGAN of its own, and a file that begins as a PNG does. */
static void janus(void) {
    attend_model *model = load(JANUS);
    attend_session *session = new_session(model);
    attend_draw_options options = ATTEND_DRAW_OPTIONS_INIT;
    options.greedy = true;
    attend_drawing *drawing = NULL;
    CHECK_SUCCESS(attend_draw(session, "a blue circle", 13, &options, &drawing));
    size_t count = 0;
    CHECK(attend_drawing_tokens(drawing, 0, &count) != NULL && count == 16);
    pixels(drawing, 0, 8);
    folder place = folder_make_empty();
    CHECK_SUCCESS(attend_drawing_save(drawing, 0, folder_path(&place, "x.png")));
    bytes file = file_read(folder_path(&place, "x.png"));
    CHECK(file.count > 60 && memcmp(file.data, "\x89PNG\r\n\x1a\n", 8) == 0);
    free(file.data);
    CHECK_ERROR(attend_drawing_save(drawing, 0, "/nowhere/x.png"), ATTEND_ERROR_NOT_FOUND, "/nowhere/x.png");
    CHECK_ERROR(attend_drawing_save(drawing, 1, "x.png"), ATTEND_ERROR_INVALID_ARGUMENT, "index is 1");
    options.painter = VQGAN;
    CHECK_ERROR(attend_draw(session, "a", 1, &options, &drawing), ATTEND_ERROR_INVALID_ARGUMENT, "painter");
    folder_remove(&place);
    attend_drawing_free(drawing);
    attend_session_free(session);
    attend_model_free(model);
}

static void wrong_arguments(const attend_model *model) {
    attend_session *session = new_session(model);
    attend_drawing *drawing = UNTOUCHED;
    attend_draw_options options = painted();
#define REFUSED(code, part) CHECK_ERROR(attend_draw(session, text, strlen(text), &options, &drawing), code, part)
    CHECK_ERROR(attend_draw(NULL, text, 1, &options, &drawing), ATTEND_ERROR_INVALID_ARGUMENT, "session");
    CHECK_ERROR(attend_draw(session, NULL, 1, &options, &drawing), ATTEND_ERROR_INVALID_ARGUMENT, "text");
    CHECK_ERROR(attend_draw(session, text, 1, &options, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "drawing");
    options.candidates = SIZE_MAX, REFUSED(ATTEND_ERROR_INVALID_ARGUMENT, "candidates");
    options = painted(), options.temperature = -1, REFUSED(ATTEND_ERROR_INVALID_ARGUMENT, "temperature");
    options = painted(), options.temperature = NAN, REFUSED(ATTEND_ERROR_INVALID_ARGUMENT, "temperature");
    options = painted(), options.top_p = 2, REFUSED(ATTEND_ERROR_INVALID_ARGUMENT, "top_p");
    options = painted(), options.top_k = SIZE_MAX, REFUSED(ATTEND_ERROR_INVALID_ARGUMENT, "top_k");
    options = painted(), options.condition_scale = INFINITY, REFUSED(ATTEND_ERROR_INVALID_ARGUMENT, "condition_scale");
    options = painted(), options.greedy = true, options.candidates = 2;
    REFUSED(ATTEND_ERROR_INVALID_ARGUMENT, "same picture");
    options = painted(), options.greedy = true, options.temperature = 0.5;
    REFUSED(ATTEND_ERROR_INVALID_ARGUMENT, "greedy");
    options = painted(), options.painter = "/nowhere", REFUSED(ATTEND_ERROR_NOT_FOUND, "/nowhere");
    options = painted(), options.painter = DALLE, REFUSED(ATTEND_ERROR_UNSUPPORTED, "dallebart");
    options = painted(), options.clip = model, REFUSED(ATTEND_ERROR_UNSUPPORTED, "compares no pictures");
    options = painted(), options.struct_size = 8, REFUSED(ATTEND_ERROR_INVALID_ARGUMENT, "struct_size");
    CHECK(drawing == UNTOUCHED);
    attend_model *reader = load_default_model();
    attend_session *reading = new_session(reader);
    CHECK_ERROR(attend_draw(reading, text, 1, NULL, &drawing), ATTEND_ERROR_UNSUPPORTED, "draws no pictures");
    attend_session_free(reading), attend_model_free(reader);
    options = painted();
    attend_drawing *good = draw(session, &options);
    attend_tensor tensor;
    CHECK_ERROR(attend_drawing_pixels(good, 1, &tensor), ATTEND_ERROR_INVALID_ARGUMENT, "index is 1");
    CHECK_ERROR(attend_drawing_pixels(good, 0, NULL), ATTEND_ERROR_INVALID_ARGUMENT, "pixels");
    size_t count = 1;
    CHECK(attend_drawing_tokens(good, 1, &count) == NULL && count == 0);
    attend_drawing_free(good), attend_drawing_free(NULL);
    attend_session_free(session);
}

typedef struct stop {
    int calls, last;
    double fraction;
    bool rises;
} stop;

static bool go_on(double fraction, void *context) {
    stop *stop = context;
    stop->rises = stop->rises && fraction >= stop->fraction && fraction <= 1;
    stop->fraction = fraction;
    return ++stop->calls != stop->last;
}

/** Cancelled from the callback at one report after another until the call ends by itself, and before it begins. */
static void cancelled(const attend_model *model) {
    stop stop = { 0, 0, 0, true };
    attend_session_options session_options = ATTEND_SESSION_OPTIONS_INIT;
    session_options.progress = go_on;
    session_options.progress_context = &stop;
    attend_session *session = NULL;
    CHECK_SUCCESS(attend_session_create(model, &session_options, &session));
    attend_draw_options options = painted();
    options.candidates = 64;
    attend_drawing *expected = draw(session, &options);
    CHECK(stop.rises);
    int ended = 0;
    for (stop.last = 1; stop.last < 20; stop.last++) {
        attend_drawing *drawing = UNTOUCHED;
        stop.calls = 0, stop.fraction = 0;
        attend_error *error = attend_draw(session, text, strlen(text), &options, &drawing);
        if (!error) {
            attend_drawing_free(drawing);
            break;
        }
        ended++;
        CHECK_ERROR(error, ATTEND_ERROR_CANCELLED, "cancelled");
        CHECK(drawing == UNTOUCHED);
    }
    CHECK(ended > 0);
    stop.last = 0;
    attend_session_cancel(session);
    attend_drawing *drawing = UNTOUCHED;
    CHECK_ERROR(attend_draw(session, text, strlen(text), &options, &drawing), ATTEND_ERROR_CANCELLED, "request");
    drawing = draw(session, &options);
    is_same(drawing, 63, expected, 63);
    size_t live = 1;
    CHECK(attend_session_count(session, &live) == NULL && live == 0);
    attend_drawing_free(drawing), attend_drawing_free(expected);
    attend_session_free(session);
}

int main(void) {
    checks_begin();
    attend_model *model = load(DALLE);
    the_same_request(model);
    wrong_arguments(model);
    cancelled(model);
    janus();
    attend_model_free(model);
    return checks_end();
}
