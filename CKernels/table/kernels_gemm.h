// Private: the table kernels of the matrix product.

#ifndef HEED_KERNELS_GEMM_H
#define HEED_KERNELS_GEMM_H

#include "heed/gemm.h"

// The layout of B. Panels hold the whole depth, and a tile begins with a panel.
typedef enum HeedGemmLayout {
  HeedGemmLayoutStrided = 0,
  HeedGemmLayoutPacked, // panels of HEED_GEMM_NR columns, the same for every table (gemm.h)
  HeedGemmLayoutStaged, // panels of `nr` columns, in the form the table's own kernels read, as its `stage` writes them
} HeedGemmLayout;

// One tile of C <- activation(alpha * A B + beta * C + bias). Pointers stand at the tile's first element; C may not overlap A or B.
typedef struct HeedGemmTile {
  size_t rows, columns, depth;
  const void *a, *b; // of the element that the kernel is for
  HeedGemmLayout b_layout;
  ptrdiff_t a_row, a_column, b_row, b_column;
  float *c;
  ptrdiff_t c_row, c_column;
  float alpha, beta;
  const float *bias; // or null
  ptrdiff_t bias_row, bias_column;
  HeedActivation activation;
  float *scratch; // 64-byte aligned
} HeedGemmTile;

// The kernels of one element. Sizes are in floats.
typedef struct HeedGemmElementKernels {
  size_t (*tile_scratch)(size_t rows, size_t columns, size_t depth);
  void (*tile)(const HeedGemmTile *tile);
  size_t (*staged_size)(size_t columns, size_t depth);
  void (*stage)(const HeedGemmTile *tile, size_t column, float *staged_panel); // of a strided B: the panel from `column` on
} HeedGemmElementKernels;

// A register block is `mr` rows by `nr` columns; tiles of whole blocks have no tails.
typedef struct HeedGemmKernels {
  size_t mr, nr;
  HeedGemmElementKernels f32, bf16;
} HeedGemmKernels;

#endif
