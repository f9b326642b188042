/* A double of a cryptographic device behind the C interface of GM/T 0018-2012.
 *
 * Holds the functions that the platform calls, with the checks of a real device: unknown
 * and foreign handles, closed sessions, absent keys, wrong lengths and algorithms. SM3 and
 * SM4 are its own. Functions beginning with DOUBLE_ are the test's: they fill keys in,
 * pull the plug, and count what was left open. One process, one device.
 *
 * -DWITHOUT_SYMM_KEY_HANDLE leaves SDF_GetSymmKeyHandle out, as some makers do.
 */
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

typedef uint32_t u32;
typedef unsigned char u8;

enum {
    OK = 0, COMMFAIL = 0x01000003, OPENDEVICE = 0x01000005, OPENSESSION = 0x01000006,
    KEYNOTEXIST = 0x01000008, ALGNOTSUPPORT = 0x01000009, STEPERR = 0x01000010, RANDERR = 0x01000017,
    NOBUFFER = 0x0100001C, INARGERR = 0x0100001D, OUTARGERR = 0x0100001E
};
enum { SM4_ECB = 0x401, SM3 = 1, INDICES = 32, DEVICES = 4, SESSIONS = 64, KEYS = 256 };
enum { HASH_ROOM = 65536 };

/* ------------------------------------------------------------------ SM4 (GB/T 32907) */

static const u8 SBOX[256] = {
    0xD6, 0x90, 0xE9, 0xFE, 0xCC, 0xE1, 0x3D, 0xB7, 0x16, 0xB6, 0x14, 0xC2,
    0x28, 0xFB, 0x2C, 0x05, 0x2B, 0x67, 0x9A, 0x76, 0x2A, 0xBE, 0x04, 0xC3,
    0xAA, 0x44, 0x13, 0x26, 0x49, 0x86, 0x06, 0x99, 0x9C, 0x42, 0x50, 0xF4,
    0x91, 0xEF, 0x98, 0x7A, 0x33, 0x54, 0x0B, 0x43, 0xED, 0xCF, 0xAC, 0x62,
    0xE4, 0xB3, 0x1C, 0xA9, 0xC9, 0x08, 0xE8, 0x95, 0x80, 0xDF, 0x94, 0xFA,
    0x75, 0x8F, 0x3F, 0xA6, 0x47, 0x07, 0xA7, 0xFC, 0xF3, 0x73, 0x17, 0xBA,
    0x83, 0x59, 0x3C, 0x19, 0xE6, 0x85, 0x4F, 0xA8, 0x68, 0x6B, 0x81, 0xB2,
    0x71, 0x64, 0xDA, 0x8B, 0xF8, 0xEB, 0x0F, 0x4B, 0x70, 0x56, 0x9D, 0x35,
    0x1E, 0x24, 0x0E, 0x5E, 0x63, 0x58, 0xD1, 0xA2, 0x25, 0x22, 0x7C, 0x3B,
    0x01, 0x21, 0x78, 0x87, 0xD4, 0x00, 0x46, 0x57, 0x9F, 0xD3, 0x27, 0x52,
    0x4C, 0x36, 0x02, 0xE7, 0xA0, 0xC4, 0xC8, 0x9E, 0xEA, 0xBF, 0x8A, 0xD2,
    0x40, 0xC7, 0x38, 0xB5, 0xA3, 0xF7, 0xF2, 0xCE, 0xF9, 0x61, 0x15, 0xA1,
    0xE0, 0xAE, 0x5D, 0xA4, 0x9B, 0x34, 0x1A, 0x55, 0xAD, 0x93, 0x32, 0x30,
    0xF5, 0x8C, 0xB1, 0xE3, 0x1D, 0xF6, 0xE2, 0x2E, 0x82, 0x66, 0xCA, 0x60,
    0xC0, 0x29, 0x23, 0xAB, 0x0D, 0x53, 0x4E, 0x6F, 0xD5, 0xDB, 0x37, 0x45,
    0xDE, 0xFD, 0x8E, 0x2F, 0x03, 0xFF, 0x6A, 0x72, 0x6D, 0x6C, 0x5B, 0x51,
    0x8D, 0x1B, 0xAF, 0x92, 0xBB, 0xDD, 0xBC, 0x7F, 0x11, 0xD9, 0x5C, 0x41,
    0x1F, 0x10, 0x5A, 0xD8, 0x0A, 0xC1, 0x31, 0x88, 0xA5, 0xCD, 0x7B, 0xBD,
    0x2D, 0x74, 0xD0, 0x12, 0xB8, 0xE5, 0xB4, 0xB0, 0x89, 0x69, 0x97, 0x4A,
    0x0C, 0x96, 0x77, 0x7E, 0x65, 0xB9, 0xF1, 0x09, 0xC5, 0x6E, 0xC6, 0x84,
    0x18, 0xF0, 0x7D, 0xEC, 0x3A, 0xDC, 0x4D, 0x20, 0x79, 0xEE, 0x5F, 0x3E,
    0xD7, 0xCB, 0x39, 0x48,
};

static u32 rol(u32 x, int n) { n &= 31; return n ? x << n | x >> (32 - n) : x; }
static u32 be32(const u8 *p) { return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3]; }
static void put32(u8 *p, u32 x) { p[0] = x >> 24; p[1] = x >> 16; p[2] = x >> 8; p[3] = x; }

static u32 tau(u32 x) {
    return (u32)SBOX[x >> 24] << 24 | (u32)SBOX[x >> 16 & 255] << 16
         | (u32)SBOX[x >> 8 & 255] << 8 | SBOX[x & 255];
}

static void sm4_round_keys(const u8 key[16], u32 rk[32]) {
    static const u32 FK[4] = {0xA3B1BAC6, 0x56AA3350, 0x677D9197, 0xB27022DC};
    u32 k[4];
    for (int i = 0; i < 4; i++) k[i] = be32(key + 4 * i) ^ FK[i];
    for (int i = 0; i < 32; i++) {
        u32 ck = 0;
        for (int j = 0; j < 4; j++) ck = ck << 8 | (u8)((4 * i + j) * 7);
        u32 t = tau(k[1] ^ k[2] ^ k[3] ^ ck);
        rk[i] = k[0] ^ t ^ rol(t, 13) ^ rol(t, 23);
        k[0] = k[1]; k[1] = k[2]; k[2] = k[3]; k[3] = rk[i];
    }
}

static void sm4_block(const u32 rk[32], int backwards, const u8 in[16], u8 out[16]) {
    u32 x[4];
    for (int i = 0; i < 4; i++) x[i] = be32(in + 4 * i);
    for (int i = 0; i < 32; i++) {
        u32 t = tau(x[1] ^ x[2] ^ x[3] ^ rk[backwards ? 31 - i : i]);
        t = x[0] ^ t ^ rol(t, 2) ^ rol(t, 10) ^ rol(t, 18) ^ rol(t, 24);
        x[0] = x[1]; x[1] = x[2]; x[2] = x[3]; x[3] = t;
    }
    for (int i = 0; i < 4; i++) put32(out + 4 * i, x[3 - i]);
}

static void sm4_ecb(const u8 key[16], int backwards, const u8 *in, u32 size, u8 *out) {
    u32 rk[32];
    sm4_round_keys(key, rk);
    for (u32 at = 0; at < size; at += 16) sm4_block(rk, backwards, in + at, out + at);
}

/* ------------------------------------------------------------------ SM3 (GB/T 32905) */

static void sm3_compress(u32 v[8], const u8 block[64]) {
    u32 w[68], s[8];
    for (int j = 0; j < 16; j++) w[j] = be32(block + 4 * j);
    for (int j = 16; j < 68; j++) {
        u32 x = w[j - 16] ^ w[j - 9] ^ rol(w[j - 3], 15);
        w[j] = x ^ rol(x, 15) ^ rol(x, 23) ^ rol(w[j - 13], 7) ^ w[j - 6];
    }
    memcpy(s, v, sizeof s);
    for (int j = 0; j < 64; j++) {
        u32 a = s[0], b = s[1], c = s[2], e = s[4], f = s[5], g = s[6];
        u32 ss1 = rol(rol(a, 12) + e + rol(j < 16 ? 0x79CC4519 : 0x7A879D8A, j), 7);
        u32 ff = j < 16 ? a ^ b ^ c : (a & b) | (a & c) | (b & c);
        u32 gg = j < 16 ? e ^ f ^ g : (e & f) | (~e & g);
        u32 tt1 = ff + s[3] + (ss1 ^ rol(a, 12)) + (w[j] ^ w[j + 4]);
        u32 tt2 = gg + s[7] + ss1 + w[j];
        s[3] = c; s[2] = rol(b, 9); s[1] = a; s[0] = tt1;
        s[7] = g; s[6] = rol(f, 19); s[5] = e; s[4] = tt2 ^ rol(tt2, 9) ^ rol(tt2, 17);
    }
    for (int i = 0; i < 8; i++) v[i] ^= s[i];
}

static void sm3(const u8 *data, u32 size, u8 out[32]) {
    u32 v[8] = {0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600,
                0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E};
    u8 last[128] = {0};
    u32 whole = size / 64 * 64, rest = size - whole, room = rest < 56 ? 64 : 128;
    for (u32 at = 0; at < whole; at += 64) sm3_compress(v, data + at);
    memcpy(last, data + whole, rest);
    last[rest] = 0x80;
    put32(last + room - 8, (u32)((uint64_t)size * 8 >> 32));
    put32(last + room - 4, size * 8);
    for (u32 at = 0; at < room; at += 64) sm3_compress(v, last + at);
    for (int i = 0; i < 8; i++) put32(out + 4 * i, v[i]);
}

/* ------------------------------------------------------------------ the device */

typedef struct { int used; } Device;
typedef struct { int used; Device *device; int hashing; u32 held; u8 data[HASH_ROOM]; } Session;
typedef struct { int used; Session *session; u8 value[16]; } Key;

static struct {
    pthread_mutex_t lock;
    Device devices[DEVICES];
    Session sessions[SESSIONS];
    Key keys[KEYS];
    u8 inner[INDICES][16];
    int filled[INDICES];
    int unplugged, openings, failures;
    u32 failure, delay_ms, extra;
} M = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A handle is good only when it points at an entry in use: anything else may be a number. */
#define FIND(table, handle) find((handle), (table), sizeof *(table), sizeof (table))
static void *find(void *handle, void *table, size_t size, size_t whole) {
    uintptr_t at = (uintptr_t)handle - (uintptr_t)table;
    if ((uintptr_t)handle < (uintptr_t)table || at >= whole || at % size) return NULL;
    return *(int *)handle ? handle : NULL;
}
#define FREE(table) vacant((table), sizeof *(table), sizeof (table))
static void *vacant(void *table, size_t size, size_t whole) {
    for (size_t at = 0; at < whole; at += size)
        if (!*(int *)((u8 *)table + at)) return memset((u8 *)table + at, 0, size);
    return NULL;
}

static void drop_session(Session *session) {
    for (int i = 0; i < KEYS; i++) if (M.keys[i].session == session) M.keys[i].used = 0;
    session->used = 0;
}

/* What every call meets first: the plug, then a failure that the test ordered. */
static u32 trouble(int ordered) {
    if (M.unplugged) return COMMFAIL;
    if (ordered && M.failures > 0) { M.failures--; return M.failure; }
    return OK;
}

static u32 leave(u32 code) { pthread_mutex_unlock(&M.lock); return code; }

#define ENTER(ordered) \
    do { pthread_mutex_lock(&M.lock); u32 bad = trouble(ordered); if (bad) return leave(bad); } while (0)
#define NEED(condition, code) do { if (!(condition)) return leave(code); } while (0)

u32 SDF_OpenDevice(void **out) {
    ENTER(0);
    NEED(out, OUTARGERR);
    Device *device = FREE(M.devices);
    NEED(device, OPENDEVICE);
    device->used = 1;
    M.openings++;
    *out = device;
    return leave(OK);
}

u32 SDF_CloseDevice(void *handle) {
    ENTER(0);
    Device *device = FIND(M.devices, handle);
    NEED(device, INARGERR);
    for (int i = 0; i < SESSIONS; i++)
        NEED(!M.sessions[i].used || M.sessions[i].device != device, STEPERR);
    device->used = 0;
    return leave(OK);
}

u32 SDF_OpenSession(void *handle, void **out) {
    ENTER(0);
    Device *device = FIND(M.devices, handle);
    NEED(device, INARGERR);
    NEED(out, OUTARGERR);
    Session *session = FREE(M.sessions);
    NEED(session, OPENSESSION);
    session->used = 1;
    session->device = device;
    *out = session;
    return leave(OK);
}

u32 SDF_CloseSession(void *handle) {
    ENTER(0);
    Session *session = FIND(M.sessions, handle);
    NEED(session, INARGERR);
    drop_session(session);
    return leave(OK);
}

typedef struct {
    char issuer[40], device[16], serial[16];
    u32 version, standard, asymmetric[2], symmetric, hash, buffer;
} DeviceInfo;

u32 SDF_GetDeviceInfo(void *handle, DeviceInfo *info) {
    ENTER(0);
    NEED(FIND(M.sessions, handle), INARGERR);
    NEED(info, OUTARGERR);
    memset(info, 0, sizeof *info);
    strcpy(info->issuer, "DOUBLE");
    strcpy(info->device, "SDF-DOUBLE");
    memcpy(info->serial, "2026030100000001", 16); /* as long as the field: no zero at its end */
    info->version = 7;
    info->standard = 1;
    info->symmetric = 0x401;
    info->hash = 1;
    info->buffer = HASH_ROOM;
    return leave(OK);
}

static u32 new_key(Session *session, const u8 value[16], void **out) {
    Key *key = FREE(M.keys);
    NEED(key, NOBUFFER);
    key->used = 1;
    key->session = session;
    memcpy(key->value, value, 16);
    *out = key;
    return leave(OK);
}

u32 SDF_ImportKey(void *handle, const u8 *value, u32 size, void **out) {
    ENTER(0);
    Session *session = FIND(M.sessions, handle);
    NEED(session && value && size == 16, INARGERR);
    NEED(out, OUTARGERR);
    return new_key(session, value, out);
}

u32 SDF_ImportKeyWithKEK(
    void *handle, u32 algorithm, u32 index, const u8 *encrypted, u32 size, void **out
) {
    u8 value[16];
    ENTER(0);
    Session *session = FIND(M.sessions, handle);
    NEED(session && encrypted && size == 16, INARGERR);
    NEED(out, OUTARGERR);
    NEED(algorithm == SM4_ECB, ALGNOTSUPPORT);
    NEED(index < INDICES && M.filled[index], KEYNOTEXIST);
    sm4_ecb(M.inner[index], 1, encrypted, 16, value);
    return new_key(session, value, out);
}

u32 SDF_GenerateKeyWithKEK(
    void *handle, u32 bits, u32 algorithm, u32 index, u8 *encrypted, u32 *size, void **out
) {
    u8 value[16];
    ENTER(0);
    Session *session = FIND(M.sessions, handle);
    NEED(session && bits == 128, INARGERR);
    NEED(encrypted && size && *size >= 16 && out, OUTARGERR);
    NEED(algorithm == SM4_ECB, ALGNOTSUPPORT);
    NEED(index < INDICES && M.filled[index], KEYNOTEXIST);
    NEED(getrandom(value, 16, 0) == 16, RANDERR);
    sm4_ecb(M.inner[index], 0, value, 16, encrypted);
    *size = 16;
    return new_key(session, value, out);
}

#ifndef WITHOUT_SYMM_KEY_HANDLE
u32 SDF_GetSymmKeyHandle(void *handle, u32 index, void **out) {
    ENTER(0);
    Session *session = FIND(M.sessions, handle);
    NEED(session, INARGERR);
    NEED(out, OUTARGERR);
    NEED(index < INDICES && M.filled[index], KEYNOTEXIST);
    return new_key(session, M.inner[index], out);
}
#endif

u32 SDF_DestroyKey(void *handle, void *key_handle) {
    ENTER(0);
    Session *session = FIND(M.sessions, handle);
    Key *key = FIND(M.keys, key_handle);
    NEED(session && key && key->session == session, INARGERR);
    key->used = 0;
    return leave(OK);
}

static u32 delay_now(void) {
    pthread_mutex_lock(&M.lock);
    u32 delay = M.delay_ms;
    pthread_mutex_unlock(&M.lock);
    return delay;
}

/* Looks again all the time: a test that shortens the delay lets those go that wait. */
static void take_time(void) {
    struct timespec began, now, step = {0, 1000000L};
    clock_gettime(CLOCK_MONOTONIC, &began);
    for (;;) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        long passed = (now.tv_sec - began.tv_sec) * 1000 + (now.tv_nsec - began.tv_nsec) / 1000000;
        if (passed >= (long)delay_now()) return;
        nanosleep(&step, NULL);
    }
}

static u32 cipher(void *handle, void *key_handle, u32 algorithm, int backwards,
                  const u8 *in, u32 size, u8 *out, u32 *out_size) {
    take_time();
    ENTER(1);
    Session *session = FIND(M.sessions, handle);
    Key *key = FIND(M.keys, key_handle);
    NEED(session && key && key->session == session, INARGERR);
    NEED(algorithm == SM4_ECB, ALGNOTSUPPORT);
    NEED(in && size && size % 16 == 0, INARGERR);
    NEED(out && out_size && *out_size >= size, OUTARGERR);
    sm4_ecb(key->value, backwards, in, size, out);
    *out_size = size + M.extra;
    return leave(OK);
}

u32 SDF_Encrypt(void *session, void *key, u32 algorithm, u8 *vector,
                const u8 *in, u32 size, u8 *out, u32 *out_size) {
    (void)vector;
    return cipher(session, key, algorithm, 0, in, size, out, out_size);
}

u32 SDF_Decrypt(void *session, void *key, u32 algorithm, u8 *vector,
                const u8 *in, u32 size, u8 *out, u32 *out_size) {
    (void)vector;
    return cipher(session, key, algorithm, 1, in, size, out, out_size);
}

u32 SDF_HashInit(void *handle, u32 algorithm, void *public_key, const u8 *id, u32 id_size) {
    ENTER(1);
    Session *session = FIND(M.sessions, handle);
    NEED(session && !public_key && !id && !id_size, INARGERR);
    NEED(algorithm == SM3, ALGNOTSUPPORT);
    session->hashing = 1;
    session->held = 0;
    return leave(OK);
}

u32 SDF_HashUpdate(void *handle, const u8 *data, u32 size) {
    ENTER(0);
    Session *session = FIND(M.sessions, handle);
    NEED(session && data, INARGERR);
    NEED(session->hashing, STEPERR);
    NEED(size <= HASH_ROOM - session->held, NOBUFFER);
    memcpy(session->data + session->held, data, size);
    session->held += size;
    return leave(OK);
}

u32 SDF_HashFinal(void *handle, u8 *out, u32 *out_size) {
    ENTER(0);
    Session *session = FIND(M.sessions, handle);
    NEED(session, INARGERR);
    NEED(session->hashing, STEPERR);
    NEED(out && out_size && *out_size >= 32, OUTARGERR);
    sm3(session->data, session->held, out);
    session->hashing = 0;
    *out_size = 32;
    return leave(OK);
}

/* ------------------------------------------------------------------ the test's */

void DOUBLE_SetKey(u32 index, const u8 value[16]) {
    pthread_mutex_lock(&M.lock);
    memcpy(M.inner[index], value, 16);
    M.filled[index] = 1;
    pthread_mutex_unlock(&M.lock);
}

/* A device without its plug forgets every handle; it keeps its keys. */
void DOUBLE_Unplug(int unplugged) {
    pthread_mutex_lock(&M.lock);
    M.unplugged = unplugged;
    if (unplugged) {
        memset(M.devices, 0, sizeof M.devices);
        memset(M.sessions, 0, sizeof M.sessions);
        memset(M.keys, 0, sizeof M.keys);
    }
    pthread_mutex_unlock(&M.lock);
}

/* The next `times` calls that compute return `code`. */
void DOUBLE_Fail(u32 code, int times) {
    pthread_mutex_lock(&M.lock);
    M.failure = code;
    M.failures = times;
    pthread_mutex_unlock(&M.lock);
}

/* Ciphers take so many milliseconds longer, those under way too, and claim so many bytes too much. */
void DOUBLE_Behave(u32 delay_ms, u32 extra) {
    pthread_mutex_lock(&M.lock);
    M.delay_ms = delay_ms;
    M.extra = extra;
    pthread_mutex_unlock(&M.lock);
}

/* Devices, sessions and keys that are open now, and how often a device was opened. */
void DOUBLE_Count(int out[4]) {
    pthread_mutex_lock(&M.lock);
    memset(out, 0, 4 * sizeof *out);
    for (int i = 0; i < DEVICES; i++) out[0] += M.devices[i].used;
    for (int i = 0; i < SESSIONS; i++) out[1] += M.sessions[i].used;
    for (int i = 0; i < KEYS; i++) out[2] += M.keys[i].used;
    out[3] = M.openings;
    pthread_mutex_unlock(&M.lock);
}
