/* The features of a task, as plugins read them: hirehall_call.features, or the map `features` among the
 * extras of an attempt. A number by its name, or a text; 0: there is none of that name and kind.
 *
 *   double tokens;
 *   if (HIREHALL_HAS(call, features) && hirehall_feature_number(call->features, "tokens", &tokens)) …
 */
#ifndef HIREHALL_FEATURES_H
#define HIREHALL_FEATURES_H

#include <hirehall/agent.h>

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hirehall_feature {
  int numeric;
  double number;
  hirehall_bytes word;
} hirehall_feature;

/* What is left of the encoded bytes; data NULL: they are not what they have to be. */
typedef struct hirehall_feature_cursor {
  const unsigned char* data;
  size_t left;
} hirehall_feature_cursor;

static inline uint64_t hirehall_feature_take(hirehall_feature_cursor* at, size_t bytes) {
  uint64_t value = 0;
  size_t i;
  if (at->data == NULL || at->left < bytes) {
    at->data = NULL;
    return 0;
  }
  for (i = 0; i < bytes; ++i) value = (value << 8) | at->data[i];
  at->data += bytes;
  at->left -= bytes;
  return value;
}

static inline double hirehall_feature_real(uint64_t bits, size_t bytes) {
  double wide = 0;
  if (bytes == 4) {
    const uint32_t half = (uint32_t)bits;
    float narrow = 0;
    memcpy(&narrow, &half, sizeof narrow);
    return (double)narrow;
  }
  memcpy(&wide, &bits, sizeof wide);
  return wide;
}

static inline hirehall_feature hirehall_feature_next(hirehall_feature_cursor* at) {
  hirehall_feature out = {0, 0, {NULL, 0}};
  const unsigned tag = (unsigned)hirehall_feature_take(at, 1);
  size_t bytes = 0;
  if (at->data == NULL) return out;
  if ((tag & 0xe0u) == 0xa0u || (tag >= 0xd9u && tag <= 0xdbu)) {
    bytes = tag < 0xd9u ? tag & 0x1fu : (size_t)hirehall_feature_take(at, (size_t)1 << (tag - 0xd9u));
    if (at->data != NULL && at->left >= bytes) {
      out.word.data = (const char*)at->data;
      out.word.size = bytes;
      at->data += bytes;
      at->left -= bytes;
      return out;
    }
  } else if (tag < 0x80u || tag >= 0xe0u) {
    out.numeric = 1;
    out.number = tag < 0x80u ? (double)tag : (double)tag - 256.0;
    return out;
  } else if (tag == 0xcau || tag == 0xcbu) {
    bytes = tag == 0xcau ? 4 : 8;
    out.numeric = 1;
    out.number = hirehall_feature_real(hirehall_feature_take(at, bytes), bytes);
    return out;
  } else if (tag >= 0xccu && tag <= 0xd3u) {
    const int is_signed = tag >= 0xd0u;
    const unsigned shift = tag - (is_signed ? 0xd0u : 0xccu);
    uint64_t value = 0;
    bytes = (size_t)1 << shift;
    value = hirehall_feature_take(at, bytes);
    out.numeric = 1;
    out.number = (double)value;
    if (is_signed && ((value >> (8 * bytes - 1)) & 1u) != 0) {
      /* of two's complement: the distance from zero */
      const uint64_t all = bytes == 8 ? ~(uint64_t)0 : (((uint64_t)1 << (8 * bytes)) - 1);
      out.number = -((double)(all - value) + 1.0);
    }
    return out;
  }
  at->data = NULL;
  return out;
}

static inline int hirehall_feature_find(hirehall_bytes features, const char* name, hirehall_feature* found) {
  hirehall_feature_cursor at;
  uint64_t count = 0;
  unsigned tag = 0;
  at.data = (const unsigned char*)features.data;
  at.left = features.size;
  tag = (unsigned)hirehall_feature_take(&at, 1);
  if (at.data == NULL) return 0;
  if ((tag & 0xf0u) == 0x80u)
    count = tag & 0x0fu;
  else if (tag == 0xdeu || tag == 0xdfu)
    count = hirehall_feature_take(&at, tag == 0xdeu ? 2 : 4);
  for (; count > 0 && at.data != NULL; --count) {
    const hirehall_feature key = hirehall_feature_next(&at);
    *found = hirehall_feature_next(&at);
    if (at.data == NULL || key.word.data == NULL) return 0;
    if (key.word.size == strlen(name) && memcmp(key.word.data, name, key.word.size) == 0) return 1;
  }
  return 0;
}

static inline int hirehall_feature_number(hirehall_bytes features, const char* name, double* number) {
  hirehall_feature found;
  if (!hirehall_feature_find(features, name, &found) || !found.numeric) return 0;
  *number = found.number;
  return 1;
}

static inline int hirehall_feature_word(hirehall_bytes features, const char* name, hirehall_bytes* word) {
  hirehall_feature found;
  if (!hirehall_feature_find(features, name, &found) || found.numeric) return 0;
  *word = found.word;
  return 1;
}

#ifdef __cplusplus
}
#endif

#endif
