#define _GNU_SOURCE
#include "tile_emulator.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

enum { TILES = 8, ROWS = 16, BYTES = 64 };

/* What LDTILECFG reads and STTILECFG writes. */
typedef struct {
    uint8_t palette, first_row, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} layout;

static _Thread_local layout current; /* palette 0: none */
static _Thread_local uint8_t tiles[TILES][ROWS][BYTES];
static atomic_ulong executed;
static atomic_bool faulty;
static struct sigaction before;

/* An instruction: its VEX prefix in three bytes, opcode, ModRM, and what these say. */
typedef struct {
    unsigned prefix, opcode; /* prefix: 0 none, 1 66, 2 F3, 3 F2 */
    unsigned vvvv, mod, reg, rm;
    size_t length;
    uint64_t address, stride; /* of memory; the index register times its scale is the distance of rows */
} instruction;

static uint64_t general(const ucontext_t *context, unsigned number) {
    static const int order[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                   REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };
    return (uint64_t)context->uc_mcontext.gregs[order[number]];
}

/* The address that ModRM, SIB and displacement at `bytes` form; `length` grows by what they take. */
static void read_address(instruction *it, const uint8_t *bytes, unsigned rex, const ucontext_t *context) {
    const uint8_t *at = bytes + it->length;
    unsigned base = it->rm, has_base = 1, relative = 0;
    if (it->rm == 4) {
        const uint8_t sib = *at++;
        const unsigned index = (sib >> 3 & 7) | (rex & 2 ? 8 : 0);
        base = sib & 7;
        if (index != 4) it->stride = general(context, index) << (sib >> 6);
        if (base == 5 && it->mod == 0) has_base = 0;
    } else if (it->rm == 5 && it->mod == 0) {
        has_base = 0;
        relative = 1;
    }
    int32_t displacement = 0;
    if (it->mod == 1) displacement = (int8_t)*at++;
    if (it->mod == 2 || !has_base) {
        memcpy(&displacement, at, 4);
        at += 4;
    }
    it->length = (size_t)(at - bytes);
    it->address = (uint64_t)(int64_t)displacement;
    if (has_base) it->address += general(context, base | (rex & 1 ? 8 : 0));
    if (relative) it->address += (uint64_t)(uintptr_t)bytes + it->length;
}

/* Reads an instruction of the map 0F38 without W and L; whether it is one. */
static bool decode(instruction *it, const uint8_t *bytes, const ucontext_t *context) {
    if (bytes[0] != 0xc4 || (bytes[1] & 31) != 2 || (bytes[2] & 0x84) != 0) return false;
    const unsigned rex = ~bytes[1] >> 5 & 7; /* R, X and B */
    it->prefix = bytes[2] & 3;
    it->vvvv = ~bytes[2] >> 3 & 15;
    it->opcode = bytes[3];
    it->mod = bytes[4] >> 6;
    it->reg = (bytes[4] >> 3 & 7) | (rex & 4 ? 8 : 0);
    it->rm = bytes[4] & 7;
    it->length = 5;
    it->address = it->stride = 0;
    if (it->mod != 3) read_address(it, bytes, rex, context);
    return true;
}

static bool is_tile(unsigned number) { return current.palette == 1 && number < TILES && current.rows[number] > 0; }

static bool load_layout(const layout *from) {
    if (from->palette > 1 || (from->palette == 1 && from->first_row != 0)) return false;
    for (int tile = 0; tile < TILES; tile++)
        if (from->rows[tile] > ROWS || from->bytes[tile] > BYTES || !from->rows[tile] != !from->bytes[tile])
            return false;
    for (int tile = TILES; tile < 16; tile++)
        if (from->rows[tile] || from->bytes[tile]) return false;
    current = *from;
    memset(tiles, 0, sizeof tiles);
    return true;
}

/* Bytes of `a` and `b`, unsigned or signed as the prefix says: rows of `a` with columns of four bytes of `b`. */
static bool multiply(const instruction *it) {
    const unsigned to = it->reg, a = it->rm, b = it->vvvv;
    if (it->mod != 3 || !is_tile(to) || !is_tile(a) || !is_tile(b) || to == a || to == b || a == b) return false;
    if (current.bytes[a] != 4 * current.rows[b] || current.rows[to] != current.rows[a] ||
        current.bytes[to] != current.bytes[b])
        return false;
    const bool a_signed = it->prefix >= 2, b_signed = it->prefix == 1 || it->prefix == 3;
    for (unsigned row = 0; row < current.rows[to]; row++)
        for (unsigned column = 0; column < current.bytes[to] / 4u; column++) {
            uint32_t sum;
            memcpy(&sum, &tiles[to][row][4 * column], 4);
            for (unsigned k = 0; k < current.bytes[a]; k++) {
                const uint8_t x = tiles[a][row][k], w = tiles[b][k / 4][4 * column + k % 4];
                sum += (uint32_t)((a_signed ? (int8_t)x : x) * (b_signed ? (int8_t)w : w));
            }
            if (row == 0 && column == 0 && atomic_load(&faulty)) sum++;
            memcpy(&tiles[to][row][4 * column], &sum, 4);
        }
    return true;
}

/* Rows between memory and a tile; those that a load does not fill are zeros. */
static bool move(const instruction *it) {
    const unsigned tile = it->reg;
    if (it->mod == 3 || it->rm != 4 || it->prefix == 0 || !is_tile(tile)) return false;
    const bool stores = it->prefix == 2;
    if (!stores) memset(tiles[tile], 0, sizeof tiles[tile]);
    for (unsigned row = 0; row < current.rows[tile]; row++) {
        void *const memory = (void *)(uintptr_t)(it->address + row * it->stride);
        if (stores) {
            memcpy(memory, tiles[tile][row], current.bytes[tile]);
        } else {
            memcpy(tiles[tile][row], memory, current.bytes[tile]);
        }
    }
    return true;
}

static bool execute(const instruction *it) {
    switch (it->opcode) {
    case 0x49:
        if (it->mod != 3) {
            if (it->prefix == 0) return load_layout((const layout *)(uintptr_t)it->address);
            if (it->prefix != 1) return false;
            memcpy((void *)(uintptr_t)it->address, &current, sizeof current);
            return true;
        }
        if (it->prefix == 0 && it->reg == 0 && it->rm == 0) {
            memset(&current, 0, sizeof current);
            return true;
        }
        if (it->prefix != 3 || !is_tile(it->reg)) return false;
        memset(tiles[it->reg], 0, sizeof tiles[it->reg]);
        return true;
    case 0x4b:
        return move(it);
    case 0x5e:
        return multiply(it);
    default:
        return false;
    }
}

static void handle(int number, siginfo_t *information, void *state) {
    (void)number, (void)information;
    ucontext_t *const context = state;
    const uint8_t *const bytes = (const uint8_t *)(uintptr_t)context->uc_mcontext.gregs[REG_RIP];
    instruction it;
    if (decode(&it, bytes, context) && execute(&it)) {
        atomic_fetch_add(&executed, 1);
        context->uc_mcontext.gregs[REG_RIP] += (greg_t)it.length;
    } else {
        sigaction(SIGILL, &before, NULL); /* met again, it ends the process as without us */
    }
}

bool tile_emulator_begin(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    return sigaction(SIGILL, &action, &before) == 0;
}

void tile_emulator_end(void) { sigaction(SIGILL, &before, NULL); }

unsigned long tile_emulator_executed(void) { return atomic_load(&executed); }

bool tile_emulator_is_in_use(void) { return current.palette != 0; }

void tile_emulator_set_faulty(bool wrong) { atomic_store(&faulty, wrong); }
