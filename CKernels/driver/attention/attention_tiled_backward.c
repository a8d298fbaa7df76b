// Attention backward, tiled: checks, how the work is cut, one task an owner of gradients. Letters as in attention.h.
//
// With all gradients wanted, five products a pair of tiles are enough where one task walks all of a key/value head and its query heads (one
// pass). Where those are too few to share among the workers, one pass by blocks of keys gives dK and dV and one by tiles of queries dQ:
// seven products. Every sum runs in the same order either way, and so gives the same bits. dA, which is seldom wanted, has a pass of its
// own.

#include "checks/attention_backward_checks.h"
#include "driver/attention/attention_backward_blocks.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/parallel.h"
#include "table/dispatch.h"

// Bytes that a block of packed keys, values and their sums may take: half of a core's second-level cache.
#define BLOCK_BYTES (384 * 1024)
// Tiles of queries that share a walk over the keys where dQ has a pass of its own.
#define QUERY_TILES 4

typedef struct Tiled {
  HeedAttentionBackwardCall call; // the first member: a task of dA takes it as its context
  size_t heads;                   // H / G
} Tiled;

// One round of tasks.
typedef struct Pass {
  Tiled *tiled;
  HeedTask task;
  size_t tasks, floats; // floats of scratch a worker
  double flops;
  size_t parts, part_tiles; // tasks per head, and tiles of keys or queries per task
  bool takes_query;         // by keys: dQ in the same pass
} Pass;

static float *worker_scratch(const Tiled *tiled, size_t worker) { return tiled->call.scratch + worker * tiled->call.scratch_stride; }

static void statistics_task(void *context, size_t task, size_t worker) {
  const Pass *pass = context;
  const Tiled *tiled = pass->tiled;
  const size_t tiles = tiled->call.query_tiles, heads = tiled->call.shape->forward.heads;
  heed_attention_backward_statistics(&tiled->call, task / tiles / heads, task / tiles % heads, task % tiles, worker_scratch(tiled, worker));
}

// All query heads of one key/value head against one part of its keys: owns their dK and dV, and dQ where the part is the whole.
static void key_task(void *context, size_t task, size_t worker) {
  const Pass *pass = context;
  const Tiled *tiled = pass->tiled;
  const HeedAttentionShape *s = &tiled->call.shape->forward;
  const size_t pair = task / pass->parts, part = task % pass->parts, g = pair % s->key_value_heads;
  for (size_t head = 0; head < tiled->heads; head++) {
    const HeedAttentionBackwardWalk walk = {
        .batch = pair / s->key_value_heads,
        .head = g * tiled->heads + head,
        .query_end = tiled->call.query_tiles,
        .key_begin = part * pass->part_tiles,
        .key_end = heed_size_min((part + 1) * pass->part_tiles, tiled->call.key_tiles),
        .takes_query = pass->takes_query,
        .takes_key = tiled->call.gradients->d_key != NULL,
        .takes_value = tiled->call.gradients->d_value != NULL,
        .first = head == 0,
        .last = head + 1 == tiled->heads,
    };
    heed_attention_backward_walk(&tiled->call, &walk, worker_scratch(tiled, worker));
  }
}

// A few tiles of queries of one head against all keys: owns their dQ.
static void query_task(void *context, size_t task, size_t worker) {
  const Pass *pass = context;
  const Tiled *tiled = pass->tiled;
  const HeedAttentionShape *s = &tiled->call.shape->forward;
  // Causal: the last tiles, which see most, go first, so that the workers end together.
  const size_t position = task % pass->parts, part = s->causal ? pass->parts - 1 - position : position, row = task / pass->parts;
  const HeedAttentionBackwardWalk walk = {
      .batch = row / s->heads,
      .head = row % s->heads,
      .query_begin = part * pass->part_tiles,
      .query_end = heed_size_min((part + 1) * pass->part_tiles, tiled->call.query_tiles),
      .key_end = tiled->call.key_tiles,
      .takes_query = true,
  };
  heed_attention_backward_walk(&tiled->call, &walk, worker_scratch(tiled, worker));
}

static void additive_task(void *context, size_t task, size_t worker) {
  const Pass *pass = context;
  heed_attention_backward_additive(&pass->tiled->call, task, worker);
}

static size_t block_tiles(const HeedAttentionBackwardCall *call) {
  const HeedAttentionShape *s = &call->shape->forward;
  // Of the widest vectors, so that the blocks, and with them the order of dA's sums, are the same in every table.
  const size_t row = (s->head_dim + s->value_dim + heed_round_up(s->head_dim, 16) + heed_round_up(s->value_dim, 16)) * sizeof(float);
  const size_t fit = BLOCK_BYTES / (HEED_ATTENTION_KEY_TILE * row + 1), tiles = fit < 1 ? 1 : fit;
  return heed_size_min(tiles, heed_size_min(call->key_tiles, HEED_ATTENTION_BACKWARD_BLOCK_MOST));
}

#define PASSES 4 // at most: statistics, dK and dV, dQ, dA

// The passes that the wanted gradients take.
static size_t plan(Tiled *tiled, Pass passes[PASSES]) {
  const HeedAttentionBackwardCall *call = &tiled->call;
  const HeedAttentionShape *s = &call->shape->forward;
  const size_t rows = s->batch * s->heads, pairs = s->batch * s->key_value_heads;
  const bool takes_query = call->gradients->d_query, by_keys = call->gradients->d_key || call->gradients->d_value;
  const double product =
      (double)rows * (double)s->query_length * (double)s->key_length * (double)(s->head_dim + s->value_dim) * (s->causal ? 0.5 : 1.0);
  const double by_key_products = 2.0 + (call->gradients->d_key != NULL) + (call->gradients->d_value != NULL);
  const size_t width = heed_parallel_width(pairs, (by_key_products + 1) * product);
  const double waits = (double)(heed_divide_up(pairs, width) * width) / (double)pairs; // lost in one pass to workers without a head
  const bool one_pass = takes_query && by_keys && waits * (by_key_products + 1) <= by_key_products + 3;
  size_t count = 0;
  passes[count++] = (Pass){.task = statistics_task,
                           .tasks = rows * call->query_tiles,
                           .floats = call->kernels->attention_backward.statistics_scratch(s->head_dim, s->value_dim),
                           .flops = 4.0 * (double)rows * (double)s->query_length * (double)(s->head_dim + s->value_dim)};
  if (by_keys) {
    Pass pass = {.task = key_task, .takes_query = one_pass, .part_tiles = one_pass ? call->key_tiles : call->block_tiles};
    pass.parts = one_pass ? 1 : call->key_tiles ? heed_divide_up(call->key_tiles, pass.part_tiles) : 0;
    pass.tasks = pairs * pass.parts;
    pass.floats = heed_attention_backward_scratch(call, one_pass ? call->query_tiles : 0, call->block_tiles);
    pass.flops = by_key_products * product;
    passes[count++] = pass;
  }
  if (takes_query && !one_pass) {
    const size_t parts = heed_divide_up(call->query_tiles, QUERY_TILES);
    passes[count++] = (Pass){.task = query_task,
                             .tasks = rows * parts,
                             .floats = heed_attention_backward_scratch(call, QUERY_TILES, call->block_tiles),
                             .flops = 3 * product,
                             .parts = parts,
                             .part_tiles = QUERY_TILES};
  }
  if (call->gradients->d_additive)
    passes[count++] = (Pass){.task = additive_task,
                             .tasks = heed_attention_backward_additive_tasks(call),
                             .floats = heed_attention_backward_additive_scratch(call),
                             .flops = 2 * product};
  return count;
}

// All scratch first, so that nothing has been written where there is not enough.
static HeedStatus run(Tiled *tiled) {
  HeedAttentionBackwardCall *call = &tiled->call;
  Pass passes[PASSES];
  size_t width[PASSES], floats = 0;
  const size_t count = plan(tiled, passes);
  for (size_t i = 0; i < count; i++) {
    width[i] = passes[i].tasks ? heed_parallel_width(passes[i].tasks, passes[i].flops) : 0;
    if (width[i] > 0 && (passes[i].floats == 0 || passes[i].floats > SIZE_MAX / 64)) return HeedStatusOutOfMemory;
    passes[i].floats = heed_round_up(passes[i].floats, 16);
    const size_t needed = heed_size_product(width[i], passes[i].floats);
    if (needed > floats) floats = needed;
  }
  call->scratch = heed_scratch_push(heed_size_product(floats, sizeof(float)));
  if (!call->scratch) return HeedStatusOutOfMemory;
  for (size_t i = 0; i < count; i++) {
    if (passes[i].tasks == 0) continue;
    passes[i].tiled = tiled;
    call->scratch_stride = passes[i].floats;
    heed_parallel_for(passes[i].tasks, width[i], passes[i].task, &passes[i]);
  }
  heed_scratch_pop(call->scratch);
  return HeedStatusOk;
}

HeedStatus heed_attention_tiled_backward(const HeedAttentionBackwardShape *shape, const HeedAttentionBackwardInputs *inputs,
                                         const HeedAttentionGradients *gradients) {
  HEED_ENTRY();
  HeedStatus status = heed_attention_backward_check(shape, inputs, gradients);
  if (status != HeedStatusOk) return status;
  const HeedAttentionShape *s = &shape->forward;
  if (s->batch == 0 || s->heads == 0) return HeedStatusOk;
  const size_t dim_limit = SIZE_MAX >> 20; // broadcast rows may be of any length; more than this is no memory's
  if (s->head_dim > dim_limit || s->value_dim > dim_limit) return HeedStatusOutOfMemory;
  const HeedKernels *kernels = heed_kernels();
  const size_t lanes = kernels->lanes, tile = kernels->attention.query_tile;
  Tiled tiled = {.call = {.shape = shape,
                          .inputs = inputs,
                          .gradients = gradients,
                          .kernels = kernels,
                          .query_tiles = heed_divide_up(s->query_length, tile),
                          .key_tiles = heed_divide_up(s->key_length, HEED_ATTENTION_KEY_TILE),
                          .query_width = heed_round_up(s->head_dim, lanes),
                          .value_width = heed_round_up(s->value_dim, lanes)},
                 .heads = s->heads / s->key_value_heads};
  tiled.call.block_tiles = block_tiles(&tiled.call);
  const size_t tiles = heed_size_product(s->batch * s->heads, tiled.call.query_tiles);
  tiled.call.statistics = heed_scratch_push(heed_size_product(tiles, HEED_ATTENTION_STATISTICS * tile * sizeof(float)));
  if (!tiled.call.statistics) return HeedStatusOutOfMemory;
  status = run(&tiled);
  heed_scratch_pop(tiled.call.statistics);
  return status;
}
