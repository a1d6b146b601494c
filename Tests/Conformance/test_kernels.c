/* The environment variable ATTEND_KERNELS chooses the kernels, and what the CPU cannot run is refused by name. Options
 * come first. usage: test_kernels NAME */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <stdlib.h>
#include <string.h>

enum { KERNELS = 4 };
static const char *const kernels[KERNELS] = { "amx", "avx512", "avx2", "portable" };

static bool is_known(const char *name) {
    for (size_t i = 0; i < KERNELS; i++)
        if (strcmp(name, kernels[i]) == 0) return true;
    return false;
}

int main(int argc, char **argv) {
    checks_begin();
    if (argc != 2) return checks_say("usage: test_kernels NAME\n"), 2;
    const char *name = argv[1];
    setenv("ATTEND_KERNELS", name, 1);
    CHECK(strcmp(attend_kernels_name(), name) == 0);

    attend_model *model = UNTOUCHED;
    attend_error *error = attend_model_create(DEFAULT_MODEL, NULL, &model);
    if (error || !is_known(name)) {
        CHECK(model == UNTOUCHED);
        CHECK_ERROR(error, ATTEND_ERROR_UNSUPPORTED, name);
    } else {
        CHECK(strcmp(attend_model_kernels(model), name) == 0);
        attend_model_free(model);
    }

    setenv("ATTEND_KERNELS", "changed", 1); /* it was read once */
    CHECK(strcmp(attend_kernels_name(), name) == 0);
    attend_model_options options = ATTEND_MODEL_OPTIONS_INIT;
    for (size_t i = 0; i < KERNELS; i++) {
        options.kernels = kernels[i];
        error = attend_model_create(DEFAULT_MODEL, &options, &model);
        if (error) {
            CHECK_ERROR(error, ATTEND_ERROR_UNSUPPORTED, kernels[i]);
        } else {
            CHECK(strcmp(attend_model_kernels(model), kernels[i]) == 0);
            attend_model_free(model);
        }
    }
    return checks_end();
}
