/* What Swift cannot spell: asking the CPU what it can do. */
#ifndef ATTEND_INSTRUCTIONS_H
#define ATTEND_INSTRUCTIONS_H
#include <cpuid.h>
#endif
