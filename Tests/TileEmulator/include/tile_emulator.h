/* The instructions of AMX tiles of bytes on a CPU that has none: a handler of SIGILL executes them as Intel's manual
 * defines them (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2), and nothing else. */
#ifndef TILE_EMULATOR_H
#define TILE_EMULATOR_H

#include <stdbool.h>

/** Executes tile instructions of all threads from now on; whether the handler could be installed. */
bool tile_emulator_begin(void);

/** Leaves SIGILL to whom it was left before. */
void tile_emulator_end(void);

/** Instructions executed so far. */
unsigned long tile_emulator_executed(void);

/** Whether the calling thread has laid out tiles and not given them back. */
bool tile_emulator_is_in_use(void);

/** Makes every product wrong by one in its first sum, as a faulty CPU would. */
void tile_emulator_set_faulty(bool faulty);

#endif
