/* The expected values of a conformance case, and how far others are from them. */
#ifndef EXPECTED_H
#define EXPECTED_H

#include "safetensors.h"

/** Reads expected.safetensors of the case in a folder, whose values the functions below give until another case is
 * opened. */
void expected_open(const char *folder);
void expected_close(void);

/** Whether the case has a tensor of this name. */
bool expected_has(const char *name);

/** The values of a tensor of the case, and what is known of it; ends the program if the case has none of this type. */
const void *expected_tensor(const char *name, const char *type, entry *entry);

/** The largest difference of two arrays; infinite where one is not a number. */
float largest_difference(const float *a, const float *b, size_t count);

/** The sequences of a case without their padding, end to end. */
typedef struct sequences {
    size_t count, width; /* the width of the padded batch */
    size_t lengths[16];
    int32_t tokens[16 * 64];
    int32_t types[16 * 64]; /* 0 where the case has no token types */
} sequences;

/** Reads input_ids, attention_mask and token_type_ids; of a case without a mask all positions count. */
sequences expected_sequences(void);

#endif
