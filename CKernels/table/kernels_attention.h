// Private: the table kernels of attention forward (letters: heed/attention.h).

#ifndef HEED_KERNELS_ATTENTION_H
#define HEED_KERNELS_ATTENTION_H

#include "heed/key_value_cache.h"

// One tile of queries of one head against all its keys. Pointers stand at the tile's first row.
typedef struct HeedAttentionTile {
  size_t queries, keys, head_dim, value_dim; // keys: those below the sequence's length
  const void *query, *key, *value;           // float32, or bfloat16 for the kernels that say so
  ptrdiff_t query_row, query_column, key_row, key_column, value_row, value_column;
  // Or null; else keys and values are in chunks (heed/key_value_cache.h), this head's from row `cached_row` of each on.
  void *const *key_chunks, *const *value_chunks;
  size_t cached_row;
  ptrdiff_t visible_first; // row r sees keys below visible_first + r (and below keys) ...
  ptrdiff_t window;        // ... and not below visible_first + r - window
  const uint8_t *boolean;  // or null
  const float *additive;   // or null
  ptrdiff_t boolean_row, boolean_column, additive_row, additive_column;
  float scale;
  float dropout;                         // the probability; 0 for none, and for all but float32
  uint64_t dropout_seed, dropout_stream; // the stream of row 0; a row's number follows the one before
  float *output;
  ptrdiff_t output_row, output_column;
  float *log_sum_exp; // or null
  float *scratch;     // 64-byte aligned
} HeedAttentionTile;

// The kernels of one element.
typedef struct HeedAttentionTiledKernels {
  size_t (*scratch)(size_t head_dim, size_t value_dim); // floats
  void (*forward)(const HeedAttentionTile *tile);
} HeedAttentionTiledKernels;

#define HEED_DECODE_STATISTICS 3 // of a row: the two parts of its maximum in base 2, and the sum of its weights relative to it

// A few queries against one chunk of keys of one key/value head. What comes out is relative to the chunk's own maximum.
typedef struct HeedAttentionDecode {
  size_t rows, head_dim, value_dim;
  const float *query;                // [rows][D]
  double factor;                     // scale * log2 e
  const size_t *first_key, *visible; // [rows] where in the chunk each row begins and ceases to see keys
  const void *key, *value;
  ptrdiff_t key_row, value_row;
  bool key_blocked;           // keys as in a cache: [block of 16 keys][D][16]
  bool bf16;                  // keys, values and queries are bfloat16 (the queries as float32)
  float scale;                // of the scores, in base 2: the factor, rounded
  float *output, *statistics; // [rows][E], [rows][HEED_DECODE_STATISTICS]
} HeedAttentionDecode;

// One row of weights times V, over the keys that the row sees.
typedef struct HeedAttentionWeightedSum {
  size_t keys, value_dim;
  const float *weights; // [keys]
  const uint8_t *seen;  // [keys]
  const float *value;
  ptrdiff_t value_row, value_column;
  float *output;
  ptrdiff_t output_column;
} HeedAttentionWeightedSum;

typedef struct HeedAttentionKernels {
  size_t query_tile; // queries of a tile at most
  HeedAttentionTiledKernels tiled, tiled_bf16;

  // Few queries: one chunk of HEED_CACHE_CHUNK keys, and the merging of a row's chunks, whose statistics stand `statistics_stride`
  // floats apart and whose outputs stand `parts_stride` floats apart.
  void (*decode_forward)(const HeedAttentionDecode *chunk);
  void (*decode_merge)(size_t chunks, size_t value_dim, const float *statistics, const float *parts, size_t statistics_stride,
                       size_t parts_stride, float *output, ptrdiff_t output_column, float *log_sum_exp);

  // Materialised, where a hidden value may be NaN or infinite.
  void (*weighted_sum_seen)(const HeedAttentionWeightedSum *row);
} HeedAttentionKernels;

#endif
