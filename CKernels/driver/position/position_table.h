// Private: tables of sines and cosines of positions.

#ifndef HEED_POSITION_TABLE_H
#define HEED_POSITION_TABLE_H

#include "heed/runtime.h"

typedef struct HeedPositionTable {
  int64_t first_position;
  size_t length;
  size_t columns; // per row; the frequencies are base^(-2i / columns)
  double base;
  bool blocks; // a row is columns / 2 cosines, then as many sines; else sines and cosines take turns
} HeedPositionTable;

// Fills table [length, columns]; false where there is no scratch, and then nothing is written.
bool heed_position_table_fill(const HeedPositionTable *description, float *table);

#endif
