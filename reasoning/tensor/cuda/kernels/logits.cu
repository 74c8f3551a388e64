#include "prelude.cuh"

// topk finds, for each row of logits, the k best of the allowed tokens, and the
// log-sum-exp of all tokens and of the allowed ones. Equal logits: lower token first.
//   logits [rows][vocab]; mask [rows][(vocab+31)/32] bits, or null: all allowed
//   ids, values [rows][k], id -1 when fewer are allowed; lse [rows][2]
// grid: rows; block 256
extern "C" __global__ void __launch_bounds__(256) topk(const float *logits, const unsigned *mask, int *ids, float *values, float *lse, int vocab, int k) {
  __shared__ float sv[8];
  __shared__ int si[8];
  __shared__ float ss[16];
  const int tid = threadIdx.x, warp = tid >> 5, lane = tid & 31;
  const float *x = logits + (long)blockIdx.x * vocab;
  const unsigned *bits = mask ? mask + (long)blockIdx.x * ((vocab + 31) / 32) : 0;
  float top = -3.0e38f, best = 3.0e38f;
  int bestId = -1;
  for (int i = tid; i < vocab; i += 256) top = fmaxf(top, x[i]);
  top = warp_max(top);
  if (lane == 0) sv[warp] = top;
  __syncthreads();
#pragma unroll
  for (int i = 0; i < 8; i++) top = fmaxf(top, sv[i]);
  float all = 0.f, allowed = 0.f;
  for (int i = tid; i < vocab; i += 256) {
    const float e = exp2_fast((x[i] - top) * LOG2E);
    all += e;
    if (!bits || (bits[i >> 5] >> (i & 31) & 1u)) allowed += e;
  }
  all = warp_sum(all);
  allowed = warp_sum(allowed);
  if (lane == 0) { ss[warp] = all; ss[8 + warp] = allowed; }
  __syncthreads();
  if (tid == 0) {
    float a = 0.f, b = 0.f;
    for (int i = 0; i < 8; i++) { a += ss[i]; b += ss[8 + i]; }
    lse[blockIdx.x * 2] = top + log2_fast(a) * LN2;
    lse[blockIdx.x * 2 + 1] = b > 0.f ? top + log2_fast(b) * LN2 : -1e30f;
  }
  for (int j = 0; j < k; j++) {
    // the best that is worse than the last one found, in the order (value, -id)
    float v = -3.0e38f;
    int id = -1;
    for (int i = tid; i < vocab; i += 256) {
      if (bits && !(bits[i >> 5] >> (i & 31) & 1u)) continue;
      const float y = x[i];
      if (y > best || (y == best && i <= bestId)) continue;
      if (id < 0 || y > v) { v = y; id = i; }
    }
#pragma unroll
    for (int o = 16; o; o >>= 1) {
      const float w = __shfl_xor_sync(FULL, v, o);
      const int wi = __shfl_xor_sync(FULL, id, o);
      if (wi >= 0 && (id < 0 || w > v || (w == v && wi < id))) { v = w; id = wi; }
    }
    __syncthreads();
    if (lane == 0) { sv[warp] = v; si[warp] = id; }
    __syncthreads();
    v = sv[0];
    id = si[0];
#pragma unroll
    for (int i = 1; i < 8; i++)
      if (si[i] >= 0 && (id < 0 || sv[i] > v || (sv[i] == v && si[i] < id))) { v = sv[i]; id = si[i]; }
    if (tid == 0) { ids[(long)blockIdx.x * k + j] = id; values[(long)blockIdx.x * k + j] = v; }
    if (id < 0) { // nothing is left
      for (int i = j + 1 + tid; i < k; i += 256) ids[(long)blockIdx.x * k + i] = -1;
      return;
    }
    best = v;
    bestId = id;
  }
}
EMU_KERNEL(topk);

// sample draws one of the k candidates of each row: softmax of values/temperature,
// inverse of the cumulative sum at u in [0,1). grid: rows; block 32
extern "C" __global__ void sample(const int *ids, const float *values, const float *u, int *out, int k, float temperature) {
  if (threadIdx.x != 0) return;
  const int *id = ids + (long)blockIdx.x * k;
  const float *v = values + (long)blockIdx.x * k;
  float sum = 0.f, at = 0.f;
  int n = 0, pick = -1;
  while (n < k && id[n] >= 0) { sum += exp2_fast((v[n] - v[0]) / temperature * LOG2E); n++; }
  for (int i = 0; i < n; i++) {
    at += exp2_fast((v[i] - v[0]) / temperature * LOG2E);
    pick = id[i];
    if (at > u[blockIdx.x] * sum) break;
  }
  out[blockIdx.x] = pick;
}
EMU_KERNEL(sample);
