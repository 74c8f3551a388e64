#include "prelude.cuh"

// Split-K flash decoding over paged key/value caches on tensor cores, for
// grouped queries and beams (the design of kvcache.md 4.3 to 4.5).
//
// A page holds 64 tokens. Of one KV head it has, one after the other: K codes,
// V codes, K scales, V scales. With d dimensions and b bits:
//   codes   64*d*b/8 bytes of K, the same of V
//   scales  64 f16 each (b < 16 only)
// K and V are in fragment order of mma.m16n8k16 (see word()), 16 tokens after
// 16 tokens; 16-bit pages hold K as [64][d] and V as [4][d][16] (16 tokens of a
// dimension side by side), so that both fragments are 32-bit words.
// A code c stands for scale * (2c - (2^b - 1)).
#define PAGE 64
#define SPLIT 4 // pages of one block: one for each warp

template <int D, int B> struct PageLayout {
  static constexpr long codes = (long)PAGE * D * B / 8;
  static constexpr long scales = B < 16 ? PAGE * 2 : 0;
  static constexpr long head = 2 * (codes + scales);
};

// unpack turns one lane's codes of an 8x16 (K) or 16x8 (V) fragment into f16
// pairs. part selects the fragment within the word.
template <int B> static __device__ __forceinline__ void unpack(const unsigned *w, int frag, unsigned *out) {
  const unsigned magic = 0x64006400u; // 1024: f16 counts in ones from there
  if (B == 8) {                       // one fragment a word: bytes 0,2 then 1,3
    unsigned x = w[frag], lo = (x & 0x00ff00ffu) | magic, hi = ((x >> 8) & 0x00ff00ffu) | magic;
    // 2c - 255, exactly: c = h - 1024 is exact, and so is 2c - 255
    out[0] = h2_fma(h2_sub(lo, magic), 0x40004000u, 0xdbf8dbf8u);
    out[1] = h2_fma(h2_sub(hi, magic), 0x40004000u, 0xdbf8dbf8u);
  } else if (B == 4) { // two fragments a word: nibbles 0,4 1,5 2,6 3,7
    unsigned x = w[frag >> 1] >> ((frag & 1) * 8);
    out[0] = h2_fma(h2_sub((x & 0x000f000fu) | magic, magic), 0x40004000u, 0xcb80cb80u);                       // 2c - 15
    out[1] = h2_fma(h2_fma((x & 0x00f000f0u) | magic, 0x2c002c00u, 0xd400d400u), 0x40004000u, 0xcb80cb80u); // (1024+16c)/16 - 64 = c
  } else { // B == 2: four fragments a word: bits 2i and 2i+16
    unsigned x = w[frag >> 2] >> ((frag & 3) * 4);
    out[0] = h2_fma(h2_sub((x & 0x00030003u) | magic, magic), 0x40004000u, 0xc200c200u);                       // 2c - 3
    out[1] = h2_fma(h2_fma((x & 0x000c000cu) | magic, 0x34003400u, 0xdc00dc00u), 0x40004000u, 0xc200c200u); // (1024+4c)/4 - 256 = c
  }
}

// attn computes rows of attention of one KV head over the pages of a group.
//   q      [rows][heads][D] f32, rotated as the keys are
//   row    [groups][W] the row of q, out and lse that is slot w of a group, or -1
//   pool   pages; page p of this layer begins at pool + p*stride
//   table  [groups][maxPages] page numbers
//   limit  [groups][W] tokens that the queries see, at most tokens of the table
//   out    [rows][heads][D], lse [rows][heads]: natural log of the sum of exponentials
//   part   scratch [groups][kv][splits][16][D+2], count [groups][kv], zero before the first launch and after each
// grid: (splits, kv, groups) with splits = ceil(maxPages/4); W*heads/kv <= 16; block 128.
// Splits are merged in their order by the block that ends last: equal runs give equal bits.
template <int D, int B>
static __device__ __forceinline__ void attn(const float *q, const int *rows, const unsigned char *pool, long stride, const int *table, const int *limit,
                                            float *out, float *lse, float *part, unsigned *count, int heads, int kv, int W, int maxPages, float scale) {
  constexpr int KT = D / 16, NT = D / 8;
  using L = PageLayout<D, B>;
  __shared__ float so[4][16][D + 1], sm[4][16], sl[4][16];
  __shared__ int last;
  const int z = blockIdx.z, g = blockIdx.y, s = blockIdx.x, R = heads / kv, M = W * R;
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, row = lane >> 2, t = lane & 3;
  int most = 0;
  for (int w = 0; w < W; w++) { const int n = rows[z * W + w] < 0 ? 0 : limit[z * W + w]; most = n > most ? n : most; }
  const int pages = (most + PAGE - 1) / PAGE, splits = pages > SPLIT ? (pages + SPLIT - 1) / SPLIT : 1;
  if (s >= splits) return; // the grid is made for the longest group

  // queries as A fragments, rows beyond M zero
  unsigned a[KT][4];
  int see[2];
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const int m = row + 8 * h, at = m < M ? rows[z * W + m / R] : -1;
    see[h] = at >= 0 ? limit[z * W + m / R] : 0;
    const float *qr = q + ((long)(at >= 0 ? at : 0) * heads + g * R + (at >= 0 ? m % R : 0)) * D;
    const float f = at >= 0 ? scale * LOG2E : 0.f;
#pragma unroll
    for (int k = 0; k < KT; k++) {
      a[k][h] = pack_h2(qr[k * 16 + 2 * t] * f, qr[k * 16 + 2 * t + 1] * f);
      a[k][h + 2] = pack_h2(qr[k * 16 + 2 * t + 8] * f, qr[k * 16 + 2 * t + 9] * f);
    }
  }
  float o[NT][4], mx[2] = {-1e30f, -1e30f}, sum[2] = {0.f, 0.f};
#pragma unroll
  for (int n = 0; n < NT; n++)
#pragma unroll
    for (int i = 0; i < 4; i++) o[n][i] = 0.f;

  const int p = s * SPLIT + warp;
  if (p < pages) {
    const unsigned char *head = pool + (long)table[(long)z * maxPages + p] * stride + g * L::head;
    const unsigned char *kc = head, *vc = head + L::codes;
    const unsigned short *ks = (const unsigned short *)(head + 2 * L::codes), *vs = ks + PAGE;
    for (int b = 0; b < PAGE / 16; b++) {
      const int t0 = p * PAGE + b * 16;
      if (t0 >= most) break;
      float c[2][4];
#pragma unroll
      for (int n = 0; n < 2; n++)
#pragma unroll
        for (int i = 0; i < 4; i++) c[n][i] = 0.f;
      if (B == 16) {
#pragma unroll
        for (int n = 0; n < 2; n++) {
          const unsigned *kr = (const unsigned *)(kc + ((long)(b * 16 + n * 8 + row) * D) * 2);
#pragma unroll
          for (int k = 0; k < KT; k++) {
            unsigned f[2] = {kr[k * 8 + t], kr[k * 8 + t + 4]};
            mma_f16_16816(c[n], a[k], f);
          }
        }
      } else {
        constexpr int words = D * B / 64; // of one lane for 16 tokens
        unsigned w[words];
        const unsigned *src = (const unsigned *)(kc + (long)b * 2 * D * B) + lane * words;
#pragma unroll
        for (int i = 0; i < words; i++) w[i] = src[i];
#pragma unroll
        for (int n = 0; n < 2; n++)
#pragma unroll
          for (int k = 0; k < KT; k++) {
            unsigned f[2];
            unpack<B == 16 ? 8 : B>(w, n * KT + k, f);
            mma_f16_16816(c[n], a[k], f);
          }
      }
      // scores: lane has tokens t0 + 8n + 2t + {0,1} of rows row, row+8
      float bm[2] = {-1e30f, -1e30f};
#pragma unroll
      for (int n = 0; n < 2; n++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
          const int tok = n * 8 + 2 * t + (i & 1), h = i >> 1;
          if (B < 16) c[n][i] *= h2f(ks[b * 16 + tok]);
          if (t0 + tok >= see[h]) c[n][i] = -1e30f;
          bm[h] = fmaxf(bm[h], c[n][i]);
        }
#pragma unroll
      for (int h = 0; h < 2; h++) {
        bm[h] = fmaxf(bm[h], __shfl_xor_sync(FULL, bm[h], 1));
        bm[h] = fmaxf(bm[h], __shfl_xor_sync(FULL, bm[h], 2));
        const float mn = fmaxf(mx[h], bm[h]), al = exp2_fast(mx[h] - mn);
        mx[h] = mn;
        sum[h] *= al;
#pragma unroll
        for (int n = 0; n < NT; n++) { o[n][2 * h] *= al; o[n][2 * h + 1] *= al; }
      }
      float bs[2] = {0.f, 0.f};
#pragma unroll
      for (int n = 0; n < 2; n++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
          const int tok = n * 8 + 2 * t + (i & 1), h = i >> 1;
          const float e = t0 + tok < see[h] ? exp2_fast(c[n][i] - mx[h]) : 0.f;
          bs[h] += e;
          c[n][i] = B < 16 ? e * h2f(vs[b * 16 + tok]) : e;
        }
#pragma unroll
      for (int h = 0; h < 2; h++) {
        bs[h] += __shfl_xor_sync(FULL, bs[h], 1);
        bs[h] += __shfl_xor_sync(FULL, bs[h], 2);
        sum[h] += bs[h];
      }
      // the accumulators of two 8-token tiles are the A fragment of 16 tokens
      unsigned pf[4] = {pack_h2(c[0][0], c[0][1]), pack_h2(c[0][2], c[0][3]), pack_h2(c[1][0], c[1][1]), pack_h2(c[1][2], c[1][3])};
      if (B == 16) {
        const unsigned *vr = (const unsigned *)(vc + (long)b * D * 16 * 2);
#pragma unroll
        for (int n = 0; n < NT; n++) {
          // a token never written may hold anything, also NaN: 0 * NaN is NaN
          unsigned f[2] = {vr[(n * 8 + row) * 8 + t], vr[(n * 8 + row) * 8 + t + 4]};
          const int left = most - t0;
          if (2 * t >= left) f[0] = 0; else if (2 * t + 1 >= left) f[0] &= 0xffffu;
          if (2 * t + 8 >= left) f[1] = 0; else if (2 * t + 9 >= left) f[1] &= 0xffffu;
          mma_f16_16816(o[n], pf, f);
        }
      } else {
        constexpr int words = D * B / 64;
        unsigned w[words];
        const unsigned *src = (const unsigned *)(vc + (long)b * 2 * D * B) + lane * words;
#pragma unroll
        for (int i = 0; i < words; i++) w[i] = src[i];
#pragma unroll
        for (int n = 0; n < NT; n++) {
          unsigned f[2];
          unpack<B == 16 ? 8 : B>(w, n, f);
          mma_f16_16816(o[n], pf, f);
        }
      }
    }
  }
  // the four warps, in their order
#pragma unroll
  for (int n = 0; n < NT; n++)
#pragma unroll
    for (int i = 0; i < 4; i++) so[warp][row + 8 * (i >> 1)][n * 8 + 2 * t + (i & 1)] = o[n][i];
  if (t == 0) {
#pragma unroll
    for (int h = 0; h < 2; h++) { sm[warp][row + 8 * h] = mx[h]; sl[warp][row + 8 * h] = sum[h]; }
  }
  __syncthreads();
  float *mine = part + ((((long)z * kv + g) * gridDim.x + s) * 16) * (D + 2);
  for (int i = threadIdx.x; i < M * D; i += 128) {
    const int m = i / D, d = i % D;
    const float top = fmaxf(fmaxf(sm[0][m], sm[1][m]), fmaxf(sm[2][m], sm[3][m]));
    float v = 0.f, l = 0.f;
#pragma unroll
    for (int w = 0; w < 4; w++) { const float e = exp2_fast(sm[w][m] - top); v = fmaf(so[w][m][d], e, v); l = fmaf(sl[w][m], e, l); }
    mine[m * (D + 2) + d] = v;
    if (d == 0) { mine[m * (D + 2) + D] = top; mine[m * (D + 2) + D + 1] = l; }
  }
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) last = atomic_add(count + z * kv + g, 1u) == (unsigned)splits - 1;
  __syncthreads();
  if (!last) return;
  __threadfence();
  const volatile float *all = part + (((long)z * kv + g) * gridDim.x * 16) * (D + 2);
  const long step = 16L * (D + 2);
  for (int i = threadIdx.x; i < M * D; i += 128) {
    const int m = i / D, d = i % D, r = rows[z * W + m / R];
    if (r < 0) continue;
    float top = -1e30f, v = 0.f, l = 0.f;
    for (int k = 0; k < splits; k++) top = fmaxf(top, all[k * step + m * (D + 2) + D]);
    for (int k = 0; k < splits; k++) {
      const float e = exp2_fast(all[k * step + m * (D + 2) + D] - top);
      v = fmaf(all[k * step + m * (D + 2) + d], e, v);
      l = fmaf(all[k * step + m * (D + 2) + D + 1], e, l);
    }
    const long at = (long)r * heads + g * R + m % R;
    out[at * D + d] = l > 0.f ? v / l : 0.f;
    if (d == 0) lse[at] = l > 0.f ? (top + log2_fast(l)) * LN2 : -1e30f;
  }
  if (threadIdx.x == 0) count[z * kv + g] = 0;
}

#define ATTN(D, B)                                                                                                                     \
  extern "C" __global__ void __launch_bounds__(128) attn_d##D##_b##B(const float *q, const int *rows, const unsigned char *pool, long stride, const int *table, \
      const int *limit, float *out, float *lse, float *part, unsigned *count, int heads, int kv, int W, int maxPages, float scale) {  \
    attn<D, B>(q, rows, pool, stride, table, limit, out, lse, part, count, heads, kv, W, maxPages, scale);                                  \
  }                                                                                                                                    \
  EMU_KERNEL(attn_d##D##_b##B);
ATTN(64, 16) ATTN(64, 8) ATTN(64, 4) ATTN(64, 2)
ATTN(128, 16) ATTN(128, 8) ATTN(128, 4) ATTN(128, 2)

// attn_merge adds part b of an attention to part a, by their log-sum-exp.
//   a, b [rows][d], la, lb [rows]; the result is in a and la. grid: rows; block: d
extern "C" __global__ void attn_merge(float *a, float *la, const float *b, const float *lb, int d) {
  const long r = blockIdx.x;
  const float x = la[r], y = lb[r], top = fmaxf(x, y);
  const float ex = x > -1e29f ? exp2_fast((x - top) * LOG2E) : 0.f, ey = y > -1e29f ? exp2_fast((y - top) * LOG2E) : 0.f, l = ex + ey;
  const int i = threadIdx.x;
  if (l > 0.f) a[r * d + i] = (a[r * d + i] * ex + b[r * d + i] * ey) / l;
  __syncthreads();
  if (i == 0) la[r] = l > 0.f ? top + log2_fast(l) * LN2 : -1e30f;
}
EMU_KERNEL(attn_merge);
