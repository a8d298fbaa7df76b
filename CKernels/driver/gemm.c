// Matrix product, the engine's own, of both kinds of elements, B packed or not: checks, which operand stands in the lanes, tiles of C, one
// task a tile.

#include "gemm.h"

#include "dispatch.h"
#include "gemm_checks.h"
#include "parallel.h"
#include "scratch.h"

// A tile of C has at most this many rows (its block of A, 190 KiB, stays in the second-level cache beside a panel of B) and columns (its
// part of C, touched once a block of k, likewise). A tile is split while there are fewer tasks than TASKS_WANTED, so that cores end
// together, but not below what pays for packing.
#define TILE_ROWS       240
#define TILE_COLUMNS    256
#define TILE_ROWS_LEAST 96
#define TASKS_WANTED    8

// Packed weights of this few rows are read and hardly used: then a tile is a stretch of panels, read in the order in which they lie, of about
// STREAM_BYTES.
#define STREAM_ROWS  16
#define STREAM_BYTES 131072

typedef struct Call {
  const HeedKernels *kernels;
  HeedGemmElement element;
  HeedGemmShape shape;
  HeedGemmEpilogue epilogue;
  bool packed;
  const char *a, *b;
  float *c;
  size_t tile_rows, tile_columns, row_tiles, column_tiles;
  float *scratch;
  size_t scratch_stride; // floats from one worker's scratch to the next
} Call;

// C^T = B^T A^T: each element is the same sum in the same order.
static void swap_roles(Call *call) {
  const HeedGemmShape s = call->shape;
  call->shape = (HeedGemmShape){
      .batch = s.batch,
      .m = s.n,
      .n = s.m,
      .k = s.k,
      .a_batch = s.b_batch,
      .a_row = s.b_column,
      .a_column = s.b_row,
      .b_batch = s.a_batch,
      .b_row = s.a_column,
      .b_column = s.a_row,
      .c_batch = s.c_batch,
      .c_row = s.c_column,
      .c_column = s.c_row,
      .alpha = s.alpha,
      .beta = s.beta,
  };
  const char *a = call->a;
  call->a = call->b;
  call->b = a;
  const ptrdiff_t bias_row = call->epilogue.bias_row;
  call->epilogue.bias_row = call->epilogue.bias_column;
  call->epilogue.bias_column = bias_row;
}

// Multiply-adds, with idle lanes counted, where `lanes_of` elements stand in the lanes.
static double padded_work(size_t rows, size_t lanes_of, size_t lanes) {
  return (double)rows * (double)((lanes_of + lanes - 1) / lanes * lanes);
}

// A few columns would leave most lanes idle: then the rows of A take them, unless those are few too. C's contiguous dimension in the lanes
// is written in whole vectors.
static bool should_swap(const HeedGemmShape *s, size_t lanes) {
  const double kept = padded_work(s->m, s->n, lanes), swapped = padded_work(s->n, s->m, lanes);
  if (s->c_column != 1 && s->c_row == 1) return swapped <= 2.0 * kept;
  return 2.0 * swapped < kept;
}

static size_t divide_up(size_t a, size_t b) { return a / b + (a % b != 0); }
static size_t round_up(size_t a, size_t b) { return divide_up(a, b) * b; }

static size_t element_bytes(const Call *call) { return call->element == HeedGemmElementBf16 ? sizeof(uint16_t) : sizeof(float); }

static void choose_tiles(Call *call) {
  const HeedGemmShape *s = &call->shape;
  const size_t block = call->kernels->gemm_rows, panel = call->packed ? HEED_GEMM_PANEL : call->kernels->gemm_columns;
  size_t rows = divide_up(s->m, divide_up(s->m, TILE_ROWS)), columns = divide_up(s->n, divide_up(s->n, TILE_COLUMNS));
  rows = round_up(rows, block), columns = round_up(columns, panel);
  const bool streams = call->packed && s->m <= STREAM_ROWS;
  if (streams)
    while (columns > panel && (double)columns * (double)s->k * (double)element_bytes(call) > STREAM_BYTES) columns -= panel;
  while (!streams) {
    const size_t tasks = s->batch * divide_up(s->m, rows) * divide_up(s->n, columns);
    if (tasks >= TASKS_WANTED) break;
    if (columns >= 2 * panel && (columns >= rows || rows < 2 * TILE_ROWS_LEAST))
      columns = round_up(divide_up(columns, 2), panel);
    else if (rows >= 2 * TILE_ROWS_LEAST)
      rows = round_up(divide_up(rows, 2), block);
    else
      break;
  }
  call->tile_rows = rows, call->tile_columns = columns;
  call->row_tiles = divide_up(s->m, rows), call->column_tiles = divide_up(s->n, columns);
}

// Where the tile's part of B begins: a panel of packed weights, which holds whole elements of the register blocks along k.
static const char *tile_b(const Call *call, ptrdiff_t batch, size_t column) {
  const HeedGemmShape *s = &call->shape;
  if (call->packed) return call->b + heed_gemm_packed_size(s->k, column, call->element);
  return call->b + (batch * s->b_batch + (ptrdiff_t)column * s->b_column) * (ptrdiff_t)element_bytes(call);
}

static void multiply_tile(void *context, size_t task, size_t worker) {
  const Call *call = context;
  const HeedGemmShape *s = &call->shape;
  const HeedGemmEpilogue *e = &call->epilogue;
  const size_t column = task % call->column_tiles * call->tile_columns;
  const size_t row = task / call->column_tiles % call->row_tiles * call->tile_rows;
  const ptrdiff_t batch = (ptrdiff_t)(task / call->column_tiles / call->row_tiles), i = (ptrdiff_t)row, j = (ptrdiff_t)column;
  const bool reads = heed_gemm_reads(s);
  const HeedGemmTile tile = {
      .rows = s->m - row < call->tile_rows ? s->m - row : call->tile_rows,
      .columns = s->n - column < call->tile_columns ? s->n - column : call->tile_columns,
      .depth = reads ? s->k : 0,
      .a = reads ? call->a + (batch * s->a_batch + i * s->a_row) * (ptrdiff_t)element_bytes(call) : NULL,
      .b = reads ? tile_b(call, batch, column) : NULL,
      .b_is_packed = call->packed,
      .a_row = s->a_row,
      .a_column = s->a_column,
      .b_row = s->b_row,
      .b_column = s->b_column,
      .c = call->c + batch * s->c_batch + i * s->c_row + j * s->c_column,
      .c_row = s->c_row,
      .c_column = s->c_column,
      .alpha = s->alpha,
      .beta = s->beta,
      .bias = e->bias ? e->bias + batch * e->bias_batch + i * e->bias_row + j * e->bias_column : NULL,
      .bias_row = e->bias_row,
      .bias_column = e->bias_column,
      .activation = e->activation,
      .scratch = call->scratch + worker * call->scratch_stride,
  };
  (call->element == HeedGemmElementBf16 ? call->kernels->gemm_bf16_tile : call->kernels->gemm_tile)(&tile);
}

static HeedStatus run(HeedGemmElement element, bool packed, const HeedGemmShape *shape, const HeedGemmEpilogue *epilogue, const void *a,
                      const void *b, float *c) {
  HeedStatus status = heed_gemm_check_operands(shape, a, b, c, true, packed);
  if (status == HeedStatusOk) status = heed_gemm_check_epilogue(shape, epilogue);
  if (status == HeedStatusOk && packed && heed_gemm_packed_size(shape->k, shape->n, element) > PTRDIFF_MAX) status = HeedStatusBadShape;
  if (status != HeedStatusOk) return status;
  if (shape->batch == 0 || shape->m == 0 || shape->n == 0) return HeedStatusOk;
  Call call = {.kernels = heed_kernels(), .element = element, .shape = *shape, .packed = packed, .a = a, .b = b, .c = c};
  if (epilogue) call.epilogue = *epilogue;
  if (!packed && should_swap(shape, call.kernels->lanes)) swap_roles(&call);
  choose_tiles(&call);
  const size_t tasks = shape->batch * call.row_tiles * call.column_tiles;
  const double flops = 2.0 * (double)shape->batch * (double)shape->m * (double)shape->n * (double)(shape->k + 1);
  const size_t width = heed_parallel_width(tasks, flops);
  const bool bf16 = element == HeedGemmElementBf16;
  call.scratch_stride = round_up(
      (bf16 ? call.kernels->gemm_bf16_tile_scratch : call.kernels->gemm_tile_scratch)(call.tile_rows, call.tile_columns, shape->k), 16);
  call.scratch = heed_scratch_push(heed_size_product(width, call.scratch_stride * sizeof(float)));
  if (!call.scratch) return HeedStatusOutOfMemory;
  heed_parallel_for(tasks, width, multiply_tile, &call);
  heed_scratch_pop(call.scratch);
  return HeedStatusOk;
}

HeedStatus heed_gemm_engine(const HeedGemmShape *shape, const float *a, const float *b, float *c) {
  return run(HeedGemmElementF32, false, shape, NULL, a, b, c);
}

HeedStatus heed_gemm_engine_fused(const HeedGemmShape *shape, const HeedGemmEpilogue *epilogue, const float *a, const float *b, float *c) {
  return run(HeedGemmElementF32, false, shape, epilogue, a, b, c);
}

HeedStatus heed_gemm_bf16(const HeedGemmShape *shape, const uint16_t *a, const uint16_t *b, float *c) {
  return run(HeedGemmElementBf16, false, shape, NULL, a, b, c);
}

HeedStatus heed_gemm_bf16_fused(const HeedGemmShape *shape, const HeedGemmEpilogue *epilogue, const uint16_t *a, const uint16_t *b,
                                float *c) {
  return run(HeedGemmElementBf16, false, shape, epilogue, a, b, c);
}

HeedStatus heed_gemm_packed(const HeedGemmShape *shape, const HeedGemmEpilogue *epilogue, const float *a, const void *packed, float *c) {
  return run(HeedGemmElementF32, true, shape, epilogue, a, packed, c);
}

HeedStatus heed_gemm_bf16_packed(const HeedGemmShape *shape, const HeedGemmEpilogue *epilogue, const uint16_t *a, const void *packed,
                                 float *c) {
  return run(HeedGemmElementBf16, true, shape, epilogue, a, packed, c);
}
