#include "expected.h"
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static safetensors expected;

void expected_open(const char *folder) {
    char path[512];
    snprintf(path, sizeof path, "%s/expected.safetensors", folder);
    expected = safetensors_read(path);
}

void expected_close(void) { safetensors_free(&expected); }

bool expected_has(const char *name) {
    entry entry;
    return safetensors_find(&expected, name, &entry);
}

const void *expected_tensor(const char *name, const char *type, entry *entry) {
    if (!CHECK(safetensors_find(&expected, name, entry) && strcmp(entry->type, type) == 0)) {
        checks_say("the case has no %s of type %s\n", name, type);
        exit(checks_end());
    }
    return expected.data + entry->begin;
}

float largest_difference(const float *a, const float *b, size_t count) {
    float largest = 0;
    for (size_t i = 0; i < count; i++) {
        float d = fabsf(a[i] - b[i]);
        if (!(d <= largest)) largest = isnan(d) ? INFINITY : d;
    }
    return largest;
}

sequences expected_sequences(void) {
    entry entry;
    const int32_t *mask =
        safetensors_find(&expected, "attention_mask", &entry) ? expected_tensor("attention_mask", "I32", &entry) : NULL;
    const int32_t *types =
        safetensors_find(&expected, "token_type_ids", &entry) ? expected_tensor("token_type_ids", "I32", &entry) : NULL;
    const int32_t *ids = expected_tensor("input_ids", "I32", &entry);
    sequences sequences = { .count = entry.shape[0], .width = entry.shape[1] };
    if (!CHECK(sequences.count <= 16 && sequences.width <= 64)) exit(checks_end());
    size_t total = 0;
    for (size_t place = 0; place < sequences.count * sequences.width; place++) {
        if (mask && !mask[place]) continue;
        sequences.tokens[total] = ids[place];
        sequences.types[total++] = types ? types[place] : 0;
        sequences.lengths[place / sequences.width]++;
    }
    return sequences;
}
