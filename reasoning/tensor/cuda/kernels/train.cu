#include "prelude.cuh"

// sgemm in f32: C = alpha * op(A) op(B) + beta * C, C [m][n], tiles of 64 x 64.
// ta: A is [k][m] instead of [m][k]; tb: B is [n][k] instead of [k][n].
// grid (n/64, m/64) rounded up; block 256, a thread makes 4 x 4.
extern "C" __global__ void __launch_bounds__(256) sgemm(const float *A, const float *B, float *C, int m, int n, int k, int ta, int tb, float alpha, float beta) {
  __shared__ float as[16][65], bs[16][65];
  const int tid = threadIdx.x, m0 = blockIdx.y * 64, n0 = blockIdx.x * 64, r = tid / 16 * 4, c = tid % 16 * 4;
  float d[4][4];
#pragma unroll
  for (int i = 0; i < 4; i++)
#pragma unroll
    for (int j = 0; j < 4; j++) d[i][j] = 0.f;
  for (int k0 = 0; k0 < k; k0 += 16) {
#pragma unroll
    for (int e = 0; e < 4; e++) {
      const int x = tid + e * 256;
      // neighbouring threads read neighbouring addresses
      const int ki = ta ? x / 64 : x % 16, mi = ta ? x % 64 : x / 16;
      as[ki][mi] = m0 + mi < m && k0 + ki < k ? (ta ? A[(long)(k0 + ki) * m + m0 + mi] : A[(long)(m0 + mi) * k + k0 + ki]) : 0.f;
      const int kj = tb ? x % 16 : x / 64, ni = tb ? x / 16 : x % 64;
      bs[kj][ni] = n0 + ni < n && k0 + kj < k ? (tb ? B[(long)(n0 + ni) * k + k0 + kj] : B[(long)(k0 + kj) * n + n0 + ni]) : 0.f;
    }
    __syncthreads();
#pragma unroll
    for (int kk = 0; kk < 16; kk++) {
      float x[4], y[4];
#pragma unroll
      for (int i = 0; i < 4; i++) { x[i] = as[kk][r + i]; y[i] = bs[kk][c + i]; }
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) d[i][j] = fmaf(x[i], y[j], d[i][j]);
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 4; i++)
#pragma unroll
    for (int j = 0; j < 4; j++)
      if (m0 + r + i < m && n0 + c + j < n) {
        float *out = C + (long)(m0 + r + i) * n + n0 + c + j;
        *out = alpha * d[i][j] + (beta != 0.f ? beta * *out : 0.f);
      }
}
EMU_KERNEL(sgemm);

// softmax_loss turns scores into their gradient of the mean cross-entropy of
// rows: (softmax - onehot(target)) / rows, in place, and writes each row's loss.
// grid: rows; block 256
extern "C" __global__ void __launch_bounds__(256) softmax_loss(float *scores, const int *target, float *loss, int n, float weight) {
  __shared__ float s[8];
  const int tid = threadIdx.x, warp = tid >> 5, lane = tid & 31, want = target[blockIdx.x];
  float *x = scores + (long)blockIdx.x * n;
  float top = -3.0e38f, sum = 0.f;
  for (int i = tid; i < n; i += 256) top = fmaxf(top, x[i]);
  top = warp_max(top);
  if (lane == 0) s[warp] = top;
  __syncthreads();
#pragma unroll
  for (int i = 0; i < 8; i++) top = fmaxf(top, s[i]);
  const float score = x[want];
  __syncthreads();
  for (int i = tid; i < n; i += 256) {
    const float e = exp2_fast((x[i] - top) * LOG2E);
    sum += e;
    x[i] = e;
  }
  sum = warp_sum(sum);
  if (lane == 0) s[warp] = sum;
  __syncthreads();
  sum = 0.f;
#pragma unroll
  for (int i = 0; i < 8; i++) sum += s[i];
  if (tid == 0) loss[blockIdx.x] = top + log2_fast(sum) * LN2 - score;
  for (int i = tid; i < n; i += 256) x[i] = weight * (x[i] / sum - (i == want ? 1.f : 0.f));
}
EMU_KERNEL(softmax_loss);

// adagrad: sum += g^2; w -= rate * g / (sqrt(sum) + eps). grid n/256 rounded up; block 256
extern "C" __global__ void __launch_bounds__(256) adagrad(float *w, float *sum, const float *g, long n, float rate, float eps) {
  const long i = (long)blockIdx.x * 256 + threadIdx.x;
  if (i >= n) return;
  const float s = fmaf(g[i], g[i], sum[i]);
  sum[i] = s;
  w[i] -= rate * g[i] / (sqrtf(s) + eps);
}
EMU_KERNEL(adagrad);
