// Matrix product, the engine's own, of either element, B packed or not: checks, which operand stands in the lanes, tiles of C, one task a
// tile. If many tiles of rows read the same B, its panels are staged first, once, a slice of columns at a time.

#include "heed/gemm.h"

#include "checks/gemm_checks.h"
#include "driver/gemm/gemm_roles.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/tasks.h"
#include "table/dispatch.h"

// ---- Constants --------------------------------------------------------------------------------------------------------------------------
//
// Shared panels were measured by `heed bench gemm --m 2048 --n 2048 --k 2048`, two threads, Zen 4: a tile with copies of its own reached
// 81 % of peak (88 at 1024), panels shared by tiles of 240 x 256 reached 87 and 88, by tiles of 132 x 512 89 and 89.

#define MC       240 // rows per tile: its block of A stays in the second-level cache together with a panel of B
#define NC       256 // columns per tile: its part of C, touched once per block of k, stays there too
#define MC_LEAST 96  // a tile is not split into fewer rows: they would not pay for a copy of B's panels

// With few rows, packed weights are read and hardly used: then a tile is a stretch of panels of about this many bytes, read in memory
// order.
#define STREAM_ROWS  16
#define STREAM_BYTES 131072

// From this many rows on, six tiles of SHARED_MC, panels of B are staged once for all tiles of rows.
#define SHARED_ROWS 768
// The same of packed panels, where nothing is staged: 512 x 768 x 3072 has 16 tiles where it had 9, 89 % of peak where it had 80.
#define PACKED_ROWS 512
// And from this many multiply-adds on, a third of a millisecond of two cores: staging is a parallel region of its own.
#define SHARED_WORK 33554432.0
// Panels are staged in slices of columns of at most this many bytes, which stay in the last cache.
#define SHARED_BYTES ((size_t)8 << 20)
// A tile that shares panels pays for its block of A only, and is wide and low.
#define SHARED_MC 132
#define SHARED_NC 512
// Fewer tiles than this are made a multiple of HEED_TASKS_WANTED: gradients of weights, a few hundred rows from thousands of terms, were 9
// or 7 tiles for two threads. With 8, and with A's next pass prefetched, both passes of an LSTM went from 77 to 79 % of peak and those of a
// GRU from 71 to 75 (`heed bench recurrent --direction both --cell lstm`, and gru). More tiles are even enough, and lower ones cost: a step
// of `heed bench train --model translator` took 8 % longer.
#define EVENED_TILES 32

typedef struct Call {
  const HeedKernels *kernels;
  const HeedGemmElementKernels *gemm; // those of the element
  HeedGemmShape shape;
  HeedGemmEpilogue epilogue;
  HeedGemmLayout layout; // of B
  const void *a, *b;
  float *c;
  size_t tile_rows, tile_columns, row_tiles, column_tiles; // tiles in a slice
  size_t first_batch, first_column, end_column;            // the slice that is being multiplied: all of C but where B is staged
  float *scratch;
  size_t scratch_stride; // floats from one worker's scratch to the next
  float *staged;         // the panels of the slice
} Call;

static void swap_roles(Call *call) {
  call->shape = heed_gemm_transposed(&call->shape);
  const void *a = call->a;
  call->a = call->b, call->b = a;
  const ptrdiff_t bias_row = call->epilogue.bias_row;
  call->epilogue.bias_row = call->epilogue.bias_column, call->epilogue.bias_column = bias_row;
}

// Multiply-adds, with idle lanes counted, where `lanes_of` elements stand in the lanes.
static double padded_work(size_t rows, size_t lanes_of, size_t lanes) { return (double)rows * (double)heed_round_up(lanes_of, lanes); }

// A few columns would leave most lanes idle: then the rows of A take them, unless those are few too. C's contiguous dimension in the lanes
// is written in whole vectors.
static bool should_swap(const HeedGemmShape *s, size_t lanes) {
  const double kept = padded_work(s->m, s->n, lanes), swapped = padded_work(s->n, s->m, lanes);
  if (s->c_column != 1 && s->c_row == 1) return swapped <= 2.0 * kept;
  return 2.0 * swapped < kept;
}

// The sizes of a part of C: the number of batch elements and of columns.
static void choose_tiles(Call *call, size_t batch, size_t all_columns) {
  const HeedGemmShape *s = &call->shape;
  const bool packed = call->layout == HeedGemmLayoutPacked;
  const size_t block = call->kernels->gemm.mr, panel = packed ? HEED_GEMM_NR : call->kernels->gemm.nr;
  const bool shared = call->layout != HeedGemmLayoutStrided && s->m >= (packed ? PACKED_ROWS : SHARED_ROWS);
  const size_t most_rows = shared ? SHARED_MC : MC, most_columns = shared ? SHARED_NC : NC;
  size_t row_tiles = heed_divide_up(s->m, most_rows);
  const size_t column_tiles = heed_divide_up(all_columns, most_columns);
  const bool evened = shared && row_tiles * column_tiles < EVENED_TILES;
  if (evened) row_tiles = heed_round_up(row_tiles, HEED_TASKS_WANTED);
  size_t rows = heed_divide_up(s->m, row_tiles), columns = heed_round_up(heed_divide_up(all_columns, column_tiles), panel);
  if (!evened) rows = heed_round_up(rows, block);
  const bool streams = packed && s->m <= STREAM_ROWS;
  if (streams)
    while (columns > panel && (double)columns * (double)s->k * (double)heed_element_size(s->element) > STREAM_BYTES) columns -= panel;
  while (!streams) {
    const size_t tasks = batch * heed_divide_up(s->m, rows) * heed_divide_up(all_columns, columns);
    if (tasks >= HEED_TASKS_WANTED) break;
    if (columns >= 2 * panel && (columns >= rows || rows < 2 * MC_LEAST))
      columns = heed_round_up(heed_divide_up(columns, 2), panel);
    else if (rows >= 2 * MC_LEAST)
      rows = heed_round_up(heed_divide_up(rows, 2), block);
    else
      break;
  }
  call->tile_rows = rows, call->tile_columns = columns;
  call->row_tiles = heed_divide_up(s->m, rows), call->column_tiles = heed_divide_up(all_columns, columns);
}

// Where the tile's part of B begins: a panel where B is in panels.
static const void *tile_b(const Call *call, ptrdiff_t batch, size_t column) {
  const HeedGemmShape *s = &call->shape;
  if (call->layout == HeedGemmLayoutPacked) return (const char *)call->b + heed_gemm_packed_size(s->k, column, s->element);
  if (call->layout == HeedGemmLayoutStaged) return call->staged + call->gemm->staged_size(column - call->first_column, s->k);
  return heed_element_at(call->b, batch * s->b_batch + (ptrdiff_t)column * s->b_column, s->element);
}

static void multiply_tile(void *context, size_t task, size_t worker) {
  const Call *call = context;
  const HeedGemmShape *s = &call->shape;
  const HeedGemmEpilogue *e = &call->epilogue;
  const size_t column = call->first_column + task % call->column_tiles * call->tile_columns;
  const size_t row = task / call->column_tiles % call->row_tiles * call->tile_rows;
  const ptrdiff_t batch = (ptrdiff_t)(call->first_batch + task / call->column_tiles / call->row_tiles), i = (ptrdiff_t)row,
                  j = (ptrdiff_t)column;
  const bool reads = heed_gemm_reads(s);
  const HeedGemmTile tile = {
      .rows = heed_size_min(s->m - row, call->tile_rows),
      .columns = heed_size_min(call->end_column - column, call->tile_columns),
      .depth = reads ? s->k : 0,
      .a = reads ? heed_element_at(call->a, batch * s->a_batch + i * s->a_row, s->element) : NULL,
      .b = reads ? tile_b(call, batch, column) : NULL,
      .b_layout = call->layout,
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
  call->gemm->tile(&tile);
}

static HeedGemmTile whole_b(const Call *call) {
  const HeedGemmShape *s = &call->shape;
  const ptrdiff_t at = (ptrdiff_t)call->first_batch * s->b_batch + (ptrdiff_t)call->first_column * s->b_column;
  return (HeedGemmTile){.rows = s->m,
                        .columns = call->end_column - call->first_column,
                        .depth = s->k,
                        .b = heed_element_at(call->b, at, s->element),
                        .b_row = s->b_row,
                        .b_column = s->b_column};
}

static void stage_panel(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedGemmTile tile = whole_b(call);
  const size_t column = task * call->kernels->gemm.nr;
  call->gemm->stage(&tile, column, call->staged + call->gemm->staged_size(column, tile.depth));
}

// Columns of a slice whose panels are staged together, or 0 where that does not pay.
static size_t shared_columns(const Call *call) {
  const HeedGemmShape *s = &call->shape;
  if (call->layout != HeedGemmLayoutStrided || !heed_gemm_reads(s) || s->m < SHARED_ROWS) return 0;
  if ((double)s->m * (double)s->n * (double)s->k < SHARED_WORK) return 0;
  const size_t most = SHARED_BYTES / sizeof(float) / s->k / SHARED_NC * SHARED_NC; // a pair takes as many bytes as a term at most
  if (most == 0) return 0;
  return heed_round_up(heed_divide_up(s->n, heed_divide_up(s->n, most)), call->kernels->gemm.nr);
}

static HeedStatus multiply(Call *call) {
  const HeedGemmShape *s = &call->shape;
  const size_t slice = shared_columns(call);
  if (slice > 0) call->layout = HeedGemmLayoutStaged;
  choose_tiles(call, slice > 0 ? 1 : s->batch, slice > 0 ? slice : s->n);
  const size_t tasks = (slice > 0 ? 1 : s->batch) * call->row_tiles * call->column_tiles;
  const double flops = 2.0 * (double)s->batch * (double)s->m * (double)s->n * (double)(s->k + 1);
  const size_t width = heed_parallel_width(tasks, flops);
  call->scratch_stride = heed_round_up(call->gemm->tile_scratch(call->tile_rows, call->tile_columns, s->k), 16);
  const size_t staged = slice > 0 ? call->gemm->staged_size(slice, s->k) : 0;
  call->scratch =
      heed_scratch_push(heed_size_product(heed_size_sum(heed_size_product(width, call->scratch_stride), staged), sizeof(float)));
  if (!call->scratch) return HeedStatusOutOfMemory;
  call->staged = call->scratch + width * call->scratch_stride;
  call->end_column = s->n;
  if (slice == 0) heed_parallel_for(tasks, width, multiply_tile, call);
  for (size_t batch = 0; slice > 0 && batch < s->batch; batch++)
    for (size_t column = 0; column < s->n; column += slice) {
      call->first_batch = batch, call->first_column = column, call->end_column = column + heed_size_min(s->n - column, slice);
      const size_t panels = heed_divide_up(call->end_column - column, call->kernels->gemm.nr);
      heed_parallel_for(panels, width, stage_panel, call);
      call->column_tiles = heed_divide_up(call->end_column - column, call->tile_columns);
      heed_parallel_for(call->row_tiles * call->column_tiles, width, multiply_tile, call);
    }
  heed_scratch_pop(call->scratch);
  return HeedStatusOk;
}

static HeedStatus run(bool packed, const HeedGemmShape *shape, const HeedGemmEpilogue *epilogue, const void *a, const void *b, float *c) {
  HeedStatus status = heed_gemm_check_operands(shape, a, b, c, true, packed);
  if (status == HeedStatusOk) status = heed_gemm_check_epilogue(shape, epilogue);
  if (status == HeedStatusOk && packed && heed_gemm_packed_size(shape->k, shape->n, shape->element) > PTRDIFF_MAX)
    status = HeedStatusBadShape;
  if (status != HeedStatusOk) return status;
  if (shape->batch == 0 || shape->m == 0 || shape->n == 0) return HeedStatusOk;
  const HeedKernels *kernels = heed_kernels();
  Call call = {.kernels = kernels, .shape = *shape, .a = a, .b = b, .c = c};
  call.gemm = shape->element == HeedElementBfloat16 ? &kernels->gemm.bf16 : &kernels->gemm.f32;
  call.layout = packed ? HeedGemmLayoutPacked : HeedGemmLayoutStrided;
  if (epilogue) call.epilogue = *epilogue;
  if (!packed && should_swap(shape, kernels->lanes)) swap_roles(&call);
  return multiply(&call);
}

static bool is_bf16(const HeedGemmShape *shape) { return shape && shape->element == HeedElementBfloat16; }

HeedStatus heed_gemm(const HeedGemmShape *shape, const HeedGemmEpilogue *epilogue, const void *a, const void *b, float *c) {
  HEED_ENTRY_FLUSHING_DENORMALS_IF(is_bf16(shape));
  return run(false, shape, epilogue, a, b, c);
}

HeedStatus heed_gemm_packed(const HeedGemmShape *shape, const HeedGemmEpilogue *epilogue, const void *a, const void *packed, float *c) {
  HEED_ENTRY_FLUSHING_DENORMALS_IF(is_bf16(shape));
  return run(true, shape, epilogue, a, packed, c);
}
