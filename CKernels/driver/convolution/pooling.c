// Pooling: checks, one task a plane. Windows are bound by the loads of their elements, so the loops are plain.

#include "heed/pooling.h"

#include <math.h>
#include <string.h>

#include "checks/pooling_windows.h"
#include "runtime/bad_index.h"
#include "runtime/profile.h"
#include "runtime/threads/parallel.h"

typedef struct Call {
  const HeedPoolingShape *shape;
  HeedPoolingSizes z;
  const float *from; // X or dY
  float *to;         // Y or dX
  int32_t *index;
  const int32_t *known;
} Call;

static const float *plane_from(const Call *call, const HeedConvolutionStrides *s, size_t plane) {
  return call->from + (ptrdiff_t)(plane / call->shape->channels) * s->batch + (ptrdiff_t)(plane % call->shape->channels) * s->channel;
}

static float *plane_to(const Call *call, const HeedConvolutionStrides *s, size_t plane) {
  return call->to + (ptrdiff_t)(plane / call->shape->channels) * s->batch + (ptrdiff_t)(plane % call->shape->channels) * s->channel;
}

static void max_plane(void *context, size_t plane, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedPoolingShape *s = call->shape;
  const float *input = plane_from(call, &s->input, plane);
  float *output = plane_to(call, &s->output, plane);
  int32_t *index = call->index ? call->index + plane * call->z.output_height * call->z.output_width : NULL;
  for (size_t y = 0; y < call->z.output_height; y++) {
    const HeedPoolingWindow rows = heed_pooling_rows(s, y);
    for (size_t x = 0; x < call->z.output_width; x++) {
      const HeedPoolingWindow columns = heed_pooling_columns(s, x);
      float largest = -INFINITY;
      size_t place = rows.first * s->width + columns.first;
      for (size_t h = rows.first; h < rows.end; h += rows.step)
        for (size_t w = columns.first; w < columns.end; w += columns.step) {
          const float value = input[(ptrdiff_t)h * s->input.row + (ptrdiff_t)w * s->input.column];
          if (value > largest || isnan(value)) largest = value, place = h * s->width + w;
        }
      output[(ptrdiff_t)y * s->output.row + (ptrdiff_t)x * s->output.column] = largest;
      if (index) *index++ = (int32_t)place;
    }
  }
}

static void average_plane(void *context, size_t plane, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedPoolingShape *s = call->shape;
  const float *input = plane_from(call, &s->input, plane);
  float *output = plane_to(call, &s->output, plane);
  for (size_t y = 0; y < call->z.output_height; y++) {
    const HeedPoolingWindow rows = heed_pooling_rows(s, y);
    for (size_t x = 0; x < call->z.output_width; x++) {
      const HeedPoolingWindow columns = heed_pooling_columns(s, x);
      double sum = 0;
      for (size_t h = rows.first; h < rows.end; h += rows.step)
        for (size_t w = columns.first; w < columns.end; w += columns.step)
          sum += (double)input[(ptrdiff_t)h * s->input.row + (ptrdiff_t)w * s->input.column];
      output[(ptrdiff_t)y * s->output.row + (ptrdiff_t)x * s->output.column] = (float)(sum / heed_pooling_divisor(s, &rows, &columns));
    }
  }
}

static void clear_plane(const HeedPoolingShape *s, float *d_input) {
  for (size_t h = 0; h < s->height; h++)
    for (size_t w = 0; w < s->width; w++) d_input[(ptrdiff_t)h * s->d_input.row + (ptrdiff_t)w * s->d_input.column] = 0;
}

static void max_backward_plane(void *context, size_t plane, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedPoolingShape *s = call->shape;
  const float *d_output = plane_from(call, &s->output, plane);
  float *d_input = plane_to(call, &s->d_input, plane);
  const int32_t *index = call->known + plane * call->z.output_height * call->z.output_width;
  clear_plane(s, d_input);
  for (size_t y = 0; y < call->z.output_height; y++)
    for (size_t x = 0; x < call->z.output_width; x++, index++)
      d_input[(ptrdiff_t)((size_t)*index / s->width) * s->d_input.row + (ptrdiff_t)((size_t)*index % s->width) * s->d_input.column] +=
          d_output[(ptrdiff_t)y * s->output.row + (ptrdiff_t)x * s->output.column];
}

static void average_backward_plane(void *context, size_t plane, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedPoolingShape *s = call->shape;
  const float *d_output = plane_from(call, &s->output, plane);
  float *d_input = plane_to(call, &s->d_input, plane);
  clear_plane(s, d_input);
  for (size_t y = 0; y < call->z.output_height; y++) {
    const HeedPoolingWindow rows = heed_pooling_rows(s, y);
    for (size_t x = 0; x < call->z.output_width; x++) {
      const HeedPoolingWindow columns = heed_pooling_columns(s, x);
      const double gradient = (double)d_output[(ptrdiff_t)y * s->output.row + (ptrdiff_t)x * s->output.column];
      const float share = (float)(gradient / heed_pooling_divisor(s, &rows, &columns));
      for (size_t h = rows.first; h < rows.end; h += rows.step)
        for (size_t w = columns.first; w < columns.end; w += columns.step)
          d_input[(ptrdiff_t)h * s->d_input.row + (ptrdiff_t)w * s->d_input.column] += share;
    }
  }
}

// ---- Entry points -----------------------------------------------------------------------------------------------------------------------

static HeedStatus check_strides(const Call *call, const HeedConvolutionStrides *x, bool x_is_written, bool y_is_written) {
  const HeedPoolingShape *s = call->shape;
  const HeedArray image = heed_image(s->batch, s->channels, s->height, s->width, x),
                  output = heed_image(s->batch, s->channels, call->z.output_height, call->z.output_width, &s->output);
  const bool fit =
      heed_array_strides_fit(&image, sizeof(float), x_is_written) && heed_array_strides_fit(&output, sizeof(float), y_is_written);
  return fit ? HeedStatusOk : HeedStatusBadStride;
}

static HeedStatus check_forward(Call *call, const float *input, const float *output) {
  HeedStatus status = heed_pooling_check(call->shape, &call->z);
  if (status == HeedStatusOk) status = check_strides(call, &call->shape->input, false, true);
  if (status == HeedStatusOk && call->shape->batch * call->shape->channels > 0 && (!input || !output)) status = HeedStatusBadArgument;
  return status;
}

static HeedStatus check_backward(Call *call, const float *d_output, const float *d_input) {
  HeedStatus status = heed_pooling_check(call->shape, &call->z);
  if (status == HeedStatusOk) status = check_strides(call, &call->shape->d_input, true, false);
  if (status == HeedStatusOk && call->shape->batch * call->shape->channels > 0 && (!d_output || !d_input)) status = HeedStatusBadArgument;
  return status;
}

static HeedStatus run(Call *call, HeedTask task) {
  const HeedPoolingShape *s = call->shape;
  const size_t planes = s->batch * s->channels;
  const double flops =
      8.0 * (double)planes * ((double)s->height * (double)s->width + (double)call->z.output_height * (double)call->z.output_width);
  heed_parallel_for(planes, heed_parallel_width(planes, flops), task, call);
  return HeedStatusOk;
}

HeedStatus heed_pooling_max_forward(const HeedPoolingShape *shape, const float *input, float *output, int32_t *index) {
  HEED_ENTRY();
  Call call = {.shape = shape, .from = input, .to = output, .index = index};
  const HeedStatus status = check_forward(&call, input, output);
  if (status != HeedStatusOk) return status;
  return run(&call, max_plane);
}

HeedStatus heed_pooling_average_forward(const HeedPoolingShape *shape, const float *input, float *output) {
  HEED_ENTRY();
  Call call = {.shape = shape, .from = input, .to = output};
  const HeedStatus status = check_forward(&call, input, output);
  if (status != HeedStatusOk) return status;
  return run(&call, average_plane);
}

HeedStatus heed_pooling_max_backward(const HeedPoolingShape *shape, const float *d_output, const int32_t *index, float *d_input) {
  HEED_ENTRY();
  Call call = {.shape = shape, .from = d_output, .to = d_input, .known = index};
  const HeedStatus status = check_backward(&call, d_output, d_input);
  if (status != HeedStatusOk) return status;
  const size_t count = shape->batch * shape->channels * call.z.output_height * call.z.output_width, plane = shape->height * shape->width;
  if (count > 0 && !index) return HeedStatusBadArgument;
  const HeedStatus indices = heed_check_indices_int32("index", index, count, plane);
  return indices == HeedStatusOk ? run(&call, max_backward_plane) : indices;
}

HeedStatus heed_pooling_average_backward(const HeedPoolingShape *shape, const float *d_output, float *d_input) {
  HEED_ENTRY();
  Call call = {.shape = shape, .from = d_output, .to = d_input};
  const HeedStatus status = check_backward(&call, d_output, d_input);
  if (status != HeedStatusOk) return status;
  return run(&call, average_backward_plane);
}
