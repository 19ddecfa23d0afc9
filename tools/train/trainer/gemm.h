// One matrix product, C[m][n] (+)= sum over r of A[m][r] B[r][n], from which all others are made by layout.
//
// The summed dimension goes by pairs. A is any array of pairs with two strides, so that a row-major matrix
// and the pair-interleaved form of its transpose both serve. B lies in panels of 64 columns (the last may be
// narrower, in steps of 16): within a panel, pair row after pair row, so that the kernel reads it in order. C
// is float, row-major.
//
// A row of C depends on its row of A and on B alone, whatever the other rows are.
#pragma once

#include "numerics.h"

#include <algorithm>
#include <vector>

constexpr int LANES = 16;
constexpr int PANEL_COLUMNS = 64;
// Pair rows of a panel that stay in the first-level cache (32 KiB) while all rows of A pass over them.
constexpr int PAIRS_AT_A_TIME = 128;
constexpr int TILE_ROWS = 6;

struct Left {
  const Pair* pairs;
  ptrdiff_t rowStride, pairStride;
};

// A row-major matrix [rows][columns] whose columns are summed over.
inline Left byRows(const Operand* matrix, ptrdiff_t columns) {
  return {reinterpret_cast<const Pair*>(matrix), columns / 2, 1};
}

// The transpose of a matrix [rows][columns] in `interleave`d form: its rows are summed over.
inline Left byColumns(const Pair* interleaved, ptrdiff_t columns) { return {interleaved, 1, columns}; }

inline int pairsOf(int rows) { return (rows + 1) / 2; }

// The least multiple of 16: columns of B must be whole vectors.
inline int padded(int columns) { return (columns + LANES - 1) / LANES * LANES; }

namespace gemm_detail {

#ifdef TRAINER_FLOAT32
struct Vector {
  float lanes[LANES];
};

template <int ROWS, int VECTORS, bool ADD>
inline void tile(int pairs, const Pair* a, ptrdiff_t rowStride, ptrdiff_t pairStride, const Pair* b, float* c,
                 ptrdiff_t ldc) {
  float sums[ROWS][VECTORS * LANES] = {};
  for (int p = 0; p < pairs; ++p, a += pairStride, b += VECTORS * LANES)
    for (int r = 0; r < ROWS; ++r) {
      const Pair x = a[r * rowStride];
#pragma omp simd
      for (int j = 0; j < VECTORS * LANES; ++j) sums[r][j] += x.first * b[j].first + x.second * b[j].second;
    }
  for (int r = 0; r < ROWS; ++r)
    for (int j = 0; j < VECTORS * LANES; ++j) c[r * ldc + j] = sums[r][j] + (ADD ? c[r * ldc + j] : 0.0f);
}
#else
template <int ROWS, int VECTORS, bool ADD>
inline void tile(int pairs, const Pair* a, ptrdiff_t rowStride, ptrdiff_t pairStride, const Pair* b, float* c,
                 ptrdiff_t ldc) {
  __m512 sums[ROWS][VECTORS];
#pragma GCC unroll 8
  for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v)
      sums[r][v] = ADD ? _mm512_loadu_ps(c + r * ldc + v * LANES) : _mm512_setzero_ps();
  for (int p = 0; p < pairs; ++p, a += pairStride, b += VECTORS * LANES) {
    __m512bh columns[VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) columns[v] = (__m512bh)_mm512_loadu_si512(b + v * LANES);
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; ++r) {
      int bits;
      std::memcpy(&bits, a + r * rowStride, 4);
      const __m512bh x = (__m512bh)_mm512_set1_epi32(bits);
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; ++v) sums[r][v] = _mm512_dpbf16_ps(sums[r][v], x, columns[v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) _mm512_storeu_ps(c + r * ldc + v * LANES, sums[r][v]);
}
#endif

template <int ROWS, int VECTORS>
inline void tile(bool add, int pairs, const Pair* a, ptrdiff_t rowStride, ptrdiff_t pairStride, const Pair* b,
                 float* c, ptrdiff_t ldc) {
  if (add)
    tile<ROWS, VECTORS, true>(pairs, a, rowStride, pairStride, b, c, ldc);
  else
    tile<ROWS, VECTORS, false>(pairs, a, rowStride, pairStride, b, c, ldc);
}

template <int VECTORS>
void panel(bool add, int rows, int pairs, Left a, const Pair* b, float* c, ptrdiff_t ldc) {
  int m = 0;
  const Pair* at = a.pairs;
  for (; m + TILE_ROWS <= rows; m += TILE_ROWS, at += TILE_ROWS * a.rowStride)
    tile<TILE_ROWS, VECTORS>(add, pairs, at, a.rowStride, a.pairStride, b, c + m * ldc, ldc);
  switch (rows - m) {
    case 5: return tile<5, VECTORS>(add, pairs, at, a.rowStride, a.pairStride, b, c + m * ldc, ldc);
    case 4: return tile<4, VECTORS>(add, pairs, at, a.rowStride, a.pairStride, b, c + m * ldc, ldc);
    case 3: return tile<3, VECTORS>(add, pairs, at, a.rowStride, a.pairStride, b, c + m * ldc, ldc);
    case 2: return tile<2, VECTORS>(add, pairs, at, a.rowStride, a.pairStride, b, c + m * ldc, ldc);
    case 1: return tile<1, VECTORS>(add, pairs, at, a.rowStride, a.pairStride, b, c + m * ldc, ldc);
  }
}

}  // namespace gemm_detail

// C [rows][columns] = A B, or += with `add`. `columns` is a multiple of 16, `pairs` the pair rows of B.
inline void gemm(bool add, int rows, int columns, int pairs, Left a, const Pair* b, float* c, ptrdiff_t ldc) {
  for (int column = 0; column < columns; column += PANEL_COLUMNS) {
    const int width = std::min(PANEL_COLUMNS, columns - column);
    const Pair* panel = b + static_cast<ptrdiff_t>(column) * pairs;
    for (int p = 0; p < pairs; p += PAIRS_AT_A_TIME) {
      const int count = std::min(PAIRS_AT_A_TIME, pairs - p);
      const Left part = {a.pairs + p * a.pairStride, a.rowStride, a.pairStride};
      const Pair* from = panel + static_cast<ptrdiff_t>(p) * width;
      const bool sum = add || p > 0;
      switch (width / LANES) {
        case 4: gemm_detail::panel<4>(sum, rows, count, part, from, c + column, ldc); break;
        case 3: gemm_detail::panel<3>(sum, rows, count, part, from, c + column, ldc); break;
        case 2: gemm_detail::panel<2>(sum, rows, count, part, from, c + column, ldc); break;
        case 1: gemm_detail::panel<1>(sum, rows, count, part, from, c + column, ldc); break;
      }
    }
  }
}

// Pairs of rows of a matrix [rows][columns]: out [pairsOf(rows)][columns]. An odd last row is paired with
// zeros.
inline void interleave(const Operand* matrix, ptrdiff_t stride, int rows, int columns, Pair* out) {
  int r = 0;
  for (; r + 1 < rows; r += 2, out += columns) {
    const Operand *first = matrix + r * stride, *second = first + stride;
#pragma omp simd
    for (int c = 0; c < columns; ++c) {
      out[c].first = first[c];
      out[c].second = second[c];
    }
  }
  if (r < rows)
    for (int c = 0; c < columns; ++c) out[c] = {matrix[r * stride + c], 0};
}

// A matrix [rows][columns] as B, its rows summed over. Columns beyond it, up to a multiple of 16, are zeros.
inline void panelsByRows(const Operand* matrix, ptrdiff_t stride, int rows, int columns, Pair* out) {
  const int pairs = pairsOf(rows);
  for (int column = 0; column < columns; column += PANEL_COLUMNS) {
    const int width = std::min(PANEL_COLUMNS, padded(columns) - column),
              filled = std::min(width, columns - column);
    Pair* panel = out + static_cast<ptrdiff_t>(column) * pairs;
    for (int p = 0; p < pairs; ++p, panel += width) {
      interleave(matrix + 2 * p * stride + column, stride, std::min(2, rows - 2 * p), filled, panel);
      for (int c = filled; c < width; ++c) panel[c] = {0, 0};
    }
  }
}

// The transpose of a matrix [rows][columns] as B: its columns are summed over, its rows are B's columns.
inline void panelsByColumns(const Operand* matrix, ptrdiff_t stride, int rows, int columns, Pair* out) {
  const int pairs = columns / 2;
  for (int row = 0; row < rows; row += PANEL_COLUMNS) {
    const int width = std::min(PANEL_COLUMNS, padded(rows) - row), filled = std::min(width, rows - row);
    Pair* panel = out + static_cast<ptrdiff_t>(row) * pairs;
    for (int r = 0; r < filled; ++r) {
      const Pair* from = reinterpret_cast<const Pair*>(matrix + (row + r) * stride);
      for (int p = 0; p < pairs; ++p) panel[static_cast<ptrdiff_t>(p) * width + r] = from[p];
    }
    for (int r = filled; r < width; ++r)
      for (int p = 0; p < pairs; ++p) panel[static_cast<ptrdiff_t>(p) * width + r] = {0, 0};
  }
}
