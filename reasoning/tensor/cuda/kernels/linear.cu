#include "prelude.cuh"

// Weights in three forms, rows of k weights, k a multiple of 4, padded with zeros to one of 32:
//   w4   [rows][k/32] uint4: nibble i of word j is weight 8j+i; w = scale*n + min
//   w8   [rows][k/32] two uint4: byte i of word j is weight 4j+i; w = scale*n + min, n signed
//   w16  [rows][k] f16
// scales [rows][k/32] f16 pairs, scale in the low half and min in the high one.

template <int B> static __device__ __forceinline__ float dot32(const uint4 *w, const float *x) {
  float s = 0.f;
  if (B == 4) {
    const uint4 v = ldg_nc_v4(w);
    const unsigned ww[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
    for (int j = 0; j < 4; j++)
#pragma unroll
      for (int i = 0; i < 8; i++) s = fmaf(x[j * 8 + i], (float)(int)((ww[j] >> (4 * i)) & 15u), s);
  } else if (B == 8) {
#pragma unroll
    for (int h = 0; h < 2; h++) {
      const uint4 v = ldg_nc_v4(w + h);
      const unsigned ww[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
      for (int j = 0; j < 4; j++)
#pragma unroll
        for (int i = 0; i < 4; i++) s = fmaf(x[h * 16 + j * 4 + i], (float)(signed char)(ww[j] >> (8 * i)), s);
    }
  } else {
#pragma unroll
    for (int h = 0; h < 4; h++) {
      const uint4 v = ldg_nc_v4(w + h);
      const unsigned ww[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
      for (int j = 0; j < 4; j++) {
        s = fmaf(x[h * 8 + j * 2], h2f((unsigned short)ww[j]), s);
        s = fmaf(x[h * 8 + j * 2 + 1], h2f((unsigned short)(ww[j] >> 16)), s);
      }
    }
  }
  return s;
}

// gemv computes y = W x (+ bias) (+ y) for up to 8 vectors: one warp a row.
//   x [n][k], y [n][rows] f32; bias [rows] or null; add: y is added to
// grid: rows/4 rounded up; block 128
template <int B>
static __device__ __forceinline__ void gemv(const uint4 *w, const unsigned *scales, const float *bias, const float *x, float *y, int rows, int k, int n, int add) {
  const int row = blockIdx.x * 4 + (threadIdx.x >> 5), lane = threadIdx.x & 31, groups = (k + 31) / 32;
  float sum[8];
#pragma unroll
  for (int c = 0; c < 8; c++) sum[c] = 0.f;
  if (row < rows)
    for (int g = lane; g < groups; g += 32) {
      const uint4 *wg = w + ((long)row * groups + g) * (B / 4);
      float scale = 1.f, min = 0.f;
      if (B < 16) {
        const unsigned s = scales[(long)row * groups + g];
        scale = h2f((unsigned short)s);
        min = h2f((unsigned short)(s >> 16));
      }
      for (int c = 0; c < n; c++) {
        float v[32], t = 0.f;
        const float4 *xv = (const float4 *)(x + (long)c * k + g * 32);
#pragma unroll
        for (int j = 0; j < 8; j++) {
          const float4 f = xv[j];
          v[4 * j] = f.x; v[4 * j + 1] = f.y; v[4 * j + 2] = f.z; v[4 * j + 3] = f.w;
          t += (f.x + f.y) + (f.z + f.w);
        }
        float d = dot32<B>(wg, v);
        d = B < 16 ? fmaf(t, min, d * scale) : d;
#pragma unroll
        for (int i = 0; i < 8; i++) sum[i] += i == c ? d : 0.f;
      }
    }
#pragma unroll
  for (int c = 0; c < 8; c++) {
    if (c >= n) break;
    const float s = warp_sum(sum[c]);
    if (row < rows && lane == 0) {
      float *out = y + (long)c * rows + row;
      *out = s + (bias ? bias[row] : 0.f) + (add ? *out : 0.f);
    }
  }
}

// gemm computes Y = X W^T (+ bias) (+ Y) on tensor cores: X and the weights are
// rounded to f16, sums are f32. A block makes 64 rows of X by 64 rows of W.
//   x [m][k], y [m][rows]; grid (rows/64, m/64) rounded up; block 128
template <int B>
static __device__ __forceinline__ void gemm(const uint4 *w, const unsigned *scales, const float *bias, const float *x, float *y, int rows, int k, int m, int add) {
  __shared__ unsigned xs[64][20], ws[64][20]; // 16 words of two f16 a row, 4 more against bank conflicts
  const int tid = threadIdx.x, warp = tid >> 5, lane = tid & 31, g = lane >> 2, t = lane & 3, groups = (k + 31) / 32;
  const int m0 = blockIdx.y * 64, n0 = blockIdx.x * 64, wm = (warp >> 1) * 32, wn = (warp & 1) * 32;
  float d[2][4][4];
#pragma unroll
  for (int i = 0; i < 2; i++)
#pragma unroll
    for (int j = 0; j < 4; j++)
#pragma unroll
      for (int r = 0; r < 4; r++) d[i][j][r] = 0.f;
  for (int b = 0; b < groups; b++) {
    { // two threads a row, 16 columns each
      const int r = tid >> 1, half = tid & 1;
      const float4 *xv = (const float4 *)(x + (long)(m0 + r) * k + b * 32 + half * 16);
#pragma unroll
      for (int j = 0; j < 4; j++) {
        float4 f = {0.f, 0.f, 0.f, 0.f};
        if (m0 + r < m) f = xv[j];
        xs[r][half * 8 + j * 2] = pack_h2(fminf(fmaxf(f.x, -65504.f), 65504.f), fminf(fmaxf(f.y, -65504.f), 65504.f));
        xs[r][half * 8 + j * 2 + 1] = pack_h2(fminf(fmaxf(f.z, -65504.f), 65504.f), fminf(fmaxf(f.w, -65504.f), 65504.f));
      }
      const int row = n0 + r;
      const bool in = row < rows;
      const long at = (long)(in ? row : 0) * groups + b;
      float scale = 1.f, min = 0.f;
      if (B < 16) { const unsigned s = scales[at]; scale = h2f((unsigned short)s); min = h2f((unsigned short)(s >> 16)); }
      if (!in) { scale = 0.f; min = 0.f; }
      if (B == 4) {
        const unsigned *ww = (const unsigned *)(w + at) + half * 2;
#pragma unroll
        for (int j = 0; j < 2; j++)
#pragma unroll
          for (int i = 0; i < 4; i++)
            ws[r][half * 8 + j * 4 + i] = pack_h2(fmaf(scale, (float)(int)((ww[j] >> (8 * i)) & 15u), min), fmaf(scale, (float)(int)((ww[j] >> (8 * i + 4)) & 15u), min));
      } else if (B == 8) {
        const unsigned *ww = (const unsigned *)(w + at * 2) + half * 4;
#pragma unroll
        for (int j = 0; j < 4; j++)
#pragma unroll
          for (int i = 0; i < 2; i++)
            ws[r][half * 8 + j * 2 + i] = pack_h2(fmaf(scale, (float)(signed char)(ww[j] >> (16 * i)), min), fmaf(scale, (float)(signed char)(ww[j] >> (16 * i + 8)), min));
      } else {
        const unsigned *ww = (const unsigned *)(w + at * 4) + half * 8;
#pragma unroll
        for (int j = 0; j < 8; j++) ws[r][half * 8 + j] = in ? ww[j] : 0u;
      }
    }
    __syncthreads();
#pragma unroll
    for (int kk = 0; kk < 2; kk++) {
      unsigned af[2][4], bf[4][2];
#pragma unroll
      for (int i = 0; i < 2; i++) {
        af[i][0] = xs[wm + i * 16 + g][kk * 8 + t];     af[i][1] = xs[wm + i * 16 + g + 8][kk * 8 + t];
        af[i][2] = xs[wm + i * 16 + g][kk * 8 + t + 4]; af[i][3] = xs[wm + i * 16 + g + 8][kk * 8 + t + 4];
      }
#pragma unroll
      for (int j = 0; j < 4; j++) { bf[j][0] = ws[wn + j * 8 + g][kk * 8 + t]; bf[j][1] = ws[wn + j * 8 + g][kk * 8 + t + 4]; }
#pragma unroll
      for (int i = 0; i < 2; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) mma_f16_16816(d[i][j], af[i], bf[j]);
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 2; i++)
#pragma unroll
    for (int j = 0; j < 4; j++)
#pragma unroll
      for (int r = 0; r < 4; r++) {
        const int row = m0 + wm + i * 16 + g + 8 * (r >> 1), col = n0 + wn + j * 8 + t * 2 + (r & 1);
        if (row < m && col < rows) {
          float *out = y + (long)row * rows + col;
          *out = d[i][j][r] + (bias ? bias[col] : 0.f) + (add ? *out : 0.f);
        }
      }
}

#define LINEAR(B)                                                                                                                     \
  extern "C" __global__ void __launch_bounds__(128) gemv_w##B(const uint4 *w, const unsigned *scales, const float *bias, const float *x, float *y, int rows, int k, int n, int add) { \
    gemv<B>(w, scales, bias, x, y, rows, k, n, add);                                                                                  \
  }                                                                                                                                   \
  extern "C" __global__ void __launch_bounds__(128) gemm_w##B(const uint4 *w, const unsigned *scales, const float *bias, const float *x, float *y, int rows, int k, int m, int add) { \
    gemm<B>(w, scales, bias, x, y, rows, k, m, add);                                                                                  \
  }                                                                                                                                   \
  EMU_KERNEL(gemv_w##B);                                                                                                              \
  EMU_KERNEL(gemm_w##B);
LINEAR(4) LINEAR(8) LINEAR(16)

// embed writes the rows of a table that tokens name. grid: tokens; block any; B as above
template <int B>
static __device__ __forceinline__ void embed(const uint4 *w, const unsigned *scales, const int *tokens, float *y, int k) {
  const int n = blockIdx.x, row = tokens[n], groups = (k + 31) / 32;
  for (int i = threadIdx.x; i < k; i += blockDim.x) {
    const long at = (long)row * groups + i / 32;
    const int j = i % 32;
    float v;
    if (B == 16) v = h2f(((const unsigned short *)w)[(long)row * groups * 32 + i]);
    else {
      const unsigned s = scales[at], word = ((const unsigned *)w)[at * B + j / (32 / B)];
      const float c = B == 4 ? (float)(int)((word >> (4 * (j % 8))) & 15u) : (float)(signed char)(word >> (8 * (j % 4)));
      v = fmaf(h2f((unsigned short)s), c, h2f((unsigned short)(s >> 16)));
    }
    y[(long)n * k + i] = v;
  }
}
#define EMBED(B)                                                                                                                  \
  extern "C" __global__ void embed_w##B(const uint4 *w, const unsigned *scales, const int *tokens, float *y, int k) { embed<B>(w, scales, tokens, y, k); } \
  EMU_KERNEL(embed_w##B);
EMBED(4) EMBED(8) EMBED(16)

// rmsnorm: y = x / sqrt(mean(x^2) + eps) * w, rows of k. grid: rows; block 256
extern "C" __global__ void __launch_bounds__(256) rmsnorm(const float *x, const float *w, float *y, int k, float eps) {
  __shared__ float s[8];
  const float *row = x + (long)blockIdx.x * k;
  float v = 0.f;
  for (int i = threadIdx.x; i < k; i += 256) v = fmaf(row[i], row[i], v);
  v = warp_sum(v);
  if ((threadIdx.x & 31) == 0) s[threadIdx.x >> 5] = v;
  __syncthreads();
  v = 0.f;
#pragma unroll
  for (int i = 0; i < 8; i++) v += s[i];
  const float f = 1.f / sqrtf(v / k + eps);
  for (int i = threadIdx.x; i < k; i += 256) y[(long)blockIdx.x * k + i] = row[i] * f * w[i];
}
EMU_KERNEL(rmsnorm);

// swiglu: y[r][i] = silu(x[r][i]) * x[r][f+i], x [rows][2f]. grid: (f/256 rounded up, rows); block 256
extern "C" __global__ void __launch_bounds__(256) swiglu(const float *x, float *y, int f) {
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= f) return;
  const float *row = x + (long)blockIdx.y * 2 * f;
  const float g = row[i];
  y[(long)blockIdx.y * f + i] = g / (1.f + exp2_fast(-g * LOG2E)) * row[f + i];
}
EMU_KERNEL(swiglu);
