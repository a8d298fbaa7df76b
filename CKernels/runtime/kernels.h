// Private: the table of kernels, one per instruction set, filled in isa/ from template/.
//
// Table kernels are serial, trust their arguments and allocate nothing: drivers check, carve scratch and parallelise.

#ifndef HEED_KERNELS_H
#define HEED_KERNELS_H

#include "heed_runtime.h"

// One tile of queries of one head against all its keys. Pointers stand at the tile's first row.
typedef struct HeedAttentionTile {
  size_t queries, keys, head_dim, value_dim; // keys: those below the sequence's length
  const float *query, *key, *value;
  ptrdiff_t query_row, query_column, key_row, key_column, value_row, value_column;
  ptrdiff_t visible_first; // row r sees keys below visible_first + r (and below keys)
  const uint8_t *boolean;  // or null
  const float *additive;   // or null
  ptrdiff_t boolean_row, boolean_column, additive_row, additive_column;
  float scale;
  float *output;
  ptrdiff_t output_row, output_column;
  float *log_sum_exp; // or null
  float *scratch;     // 64-byte aligned
} HeedAttentionTile;

typedef struct HeedKernels {
  HeedISA isa;
  size_t lanes; // float32 values in a vector

  // Measured peaks: each does `rounds` rounds of work and returns how much that was.
  double (*peak_fma_f32)(size_t rounds);                       // floating point operations
  double (*peak_dot_bf16)(size_t rounds);                      // floating point operations; null where there is no such instruction
  double (*peak_read_memory)(const void *bytes, size_t count); // bytes

  // Attention forward, tiled: one tile of at most `attention_query_tile` queries of one head, all keys.
  size_t attention_query_tile;
  size_t (*attention_tiled_scratch)(size_t head_dim, size_t value_dim); // floats
  void (*attention_tiled_forward)(const HeedAttentionTile *tile);
} HeedKernels;

extern const HeedKernels heed_kernels_generic;
#if defined(__x86_64__)
extern const HeedKernels heed_kernels_avx512;
extern const HeedKernels heed_kernels_avx512bf16;
#endif

#endif
