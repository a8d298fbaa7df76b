// Private: the table of kernels, one per instruction set, filled by kernels_*.c from template/.
//
// Table kernels are serial, trust their arguments and allocate nothing: drivers check, carve scratch and parallelise.

#ifndef HEED_KERNELS_H
#define HEED_KERNELS_H

#include "heed/key_value_cache.h"
#include "heed/runtime.h"
#include "table/kernels_activation.h"
#include "table/kernels_arithmetic.h"
#include "table/kernels_attention_backward.h"
#include "table/kernels_convolution.h"
#include "table/kernels_embedding.h"
#include "table/kernels_gemm.h"
#include "table/kernels_loss.h"
#include "table/kernels_norm.h"
#include "table/kernels_optimizer.h"
#include "table/kernels_position.h"
#include "table/kernels_random.h"
#include "table/kernels_recurrent.h"
#include "table/kernels_scored_attention.h"
#include "table/kernels_softmax_backward.h"
#include "table/kernels_sparse.h"

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

// A few queries against one chunk of keys of one key/value head. What comes out is relative to the chunk's own maximum.
typedef struct HeedAttentionDecode {
  size_t rows, head_dim, value_dim;
  const float *query;            // [rows][D]
  double factor;                 // scale * log2 e
  const size_t *first, *visible; // [rows] where in the chunk each row begins and ceases to see keys
  const void *key, *value;
  ptrdiff_t key_row, value_row;
  bool key_blocked;          // keys as in a cache: [block of 16 keys][D][16]
  bool bf16;                 // keys, values and queries are bfloat16 (the queries as float32)
  float scale;               // of the scores, in base 2: the factor, rounded
  float *output, *max, *sum; // [rows][E], [rows], [rows]
} HeedAttentionDecode;

// One row of a softmax; all pointers are to contiguous columns.
typedef struct HeedSoftmaxRow {
  size_t columns, visible; // columns from `visible` on are hidden
  const float *input;
  float *output;          // may be the input
  const uint8_t *boolean; // 0 = hidden; or null
  const float *additive;  // added, the sum saturating at -FLT_MAX, minus infinity hides; or null
  float scale;
  bool logarithm;
  float *log_sum_exp;      // one number, or null
  const float *next_input; // the next row, to be prefetched meanwhile; or null
  float *next_output;
} HeedSoftmaxRow;

// One row of weights times V, over the keys that the row sees.
typedef struct HeedWeightedSum {
  size_t keys, value_dim;
  const float *weights; // [keys]
  const uint8_t *seen;  // [keys]
  const float *value;
  ptrdiff_t value_row, value_column;
  float *output;
  ptrdiff_t output_column;
} HeedWeightedSum;

typedef struct HeedKernels {
  HeedISA isa;
  size_t lanes; // float32 values in a vector

  // Measured peaks: each does `rounds` rounds of work and returns how much that was.
  double (*peak_fma_f32)(size_t rounds);                       // floating point operations
  double (*peak_dot_bf16)(size_t rounds);                      // floating point operations; null where there is no such instruction
  double (*peak_read_memory)(const void *bytes, size_t count); // bytes

  // Attention forward, tiled: one tile of at most `attention_query_tile` queries of one head, all keys.
  size_t attention_query_tile;
  HeedAttentionTiledKernels attention_tiled, attention_tiled_bf16;

  // Attention forward, few queries: one chunk of HEED_CACHE_CHUNK keys, and the merging of a row's chunks, whose maxima and sums stand
  // `statistics_stride` floats apart and whose outputs stand `parts_stride` floats apart.
  void (*attention_decode_forward)(const HeedAttentionDecode *chunk);
  void (*attention_decode_merge)(size_t chunks, size_t value_dim, const float *max, const float *sum, const float *parts,
                                 size_t statistics_stride, size_t parts_stride, float *output, ptrdiff_t output_column, float *log_sum_exp);

  // Matrix product of one tile of C. A register block is gemm_mr rows by gemm_nr columns; tiles of whole blocks have no tails.
  size_t gemm_mr, gemm_nr;
  HeedGemmKernels gemm, gemm_bf16;

  void (*convert_f32_to_bf16)(size_t count, const float *input, uint16_t *output);
  void (*convert_bf16_to_f32)(size_t count, const uint16_t *input, float *output);
  void (*softmax_row)(const HeedSoftmaxRow *row);
  // target <- source, a strided matrix.
  void (*copy_strided)(const float *source, ptrdiff_t source_row, ptrdiff_t source_column, size_t rows, size_t columns, float *target,
                       ptrdiff_t target_row, ptrdiff_t target_column);

  // Materialised attention, where a hidden value may be NaN or infinite.
  bool (*is_finite)(const float *x, ptrdiff_t row, ptrdiff_t column, size_t rows, size_t columns);
  void (*weighted_sum_seen)(const HeedWeightedSum *row);

  HeedAttentionBackwardKernels attention_backward;
  HeedRandomKernels random;
  HeedArithmeticKernels arithmetic;
  HeedOptimizerKernels optimizer;
  HeedRecurrentKernels recurrent;
  HeedActivationKernels activation;
  HeedEmbeddingKernels embedding;
  HeedNormKernels norm;
  HeedPositionKernels position;
  HeedSoftmaxBackwardKernels softmax_backward;
  HeedSparseKernels sparse;
  HeedConvolutionKernels convolution;

  HeedLossKernels loss;
  HeedScoredAttentionKernels scored_attention;
} HeedKernels;

extern const HeedKernels heed_kernels_generic;
#if defined(__x86_64__)
extern const HeedKernels heed_kernels_avx2;
extern const HeedKernels heed_kernels_avx512;
extern const HeedKernels heed_kernels_avx512bf16;
#endif

#endif
