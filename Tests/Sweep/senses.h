/* Models that hear and see, as the sweep uses them. Errors are answers like others. */
#ifndef SENSES_H
#define SENSES_H

#include <attend.h>

/** Transcribes a sound in several ways, listens to it in pieces, and classifies it. */
void hear(const attend_model *model);

/** Compares a picture with others, classifies it, and describes it. */
void see(const attend_model *model);

#endif
