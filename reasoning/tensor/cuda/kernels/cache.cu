#include "prelude.cuh"

#define PAGE 64

// rotate writes the rotated queries and appends keys and values to 16-bit pages.
// One block does one head of one token: grid (heads + 2*kv, tokens), block D/2.
//   qkv    [tokens][heads+2*kv][D] f32, as the projections gave it
//   cossin [positions][D] f32: cosines of D/2 angles, then their sines
//   pos    [tokens] positions; slot [tokens]: page*64 + place in it, or -1 (no append)
//   mean   [kv][D] subtracted from rotated keys, or null
//   qnorm, knorm [D] weights of a norm of every head before rotation, or null
//   q      [tokens][heads][D]; kvOut [tokens][2*kv][D] keys and values in f32, or null
// neox: pairs are (i, i+D/2), else (2i, 2i+1). hadamard: queries and keys are
// multiplied by the orthonormal Hadamard matrix after rotation.
extern "C" __global__ void rotate(const float *qkv, const float *cossin, const int *pos, const int *slot, const float *mean,
                                  const float *qnorm, const float *knorm, float eps, float *q, float *kvOut, unsigned char *pool, long stride, long headBytes, long layerOffset,
                                  int heads, int kv, int neox, int hadamard) {
  __shared__ float x[512];
  const int D = blockDim.x * 2, i = threadIdx.x, h = blockIdx.x, n = blockIdx.y;
  const float *src = qkv + ((long)n * (heads + 2 * kv) + h) * D;
  const int value = h >= heads + kv;
  const int a = neox ? i : 2 * i, b = neox ? i + D / 2 : 2 * i + 1;
  float u = src[a], v = src[b];
  const float *norm = h < heads ? qnorm : value ? 0 : knorm;
  if (norm) {
    float f = 0.f;
    for (int j = 0; j < D; j++) f = fmaf(src[j], src[j], f);
    f = 1.f / sqrtf(f / D + eps);
    u *= f * norm[a];
    v *= f * norm[b];
  }
  if (!value) {
    const float c = cossin[(long)pos[n] * D + i], s = cossin[(long)pos[n] * D + D / 2 + i];
    const float r = u * c - v * s;
    v = u * s + v * c;
    u = r;
    if (h >= heads && mean) { u -= mean[(h - heads) * D + a]; v -= mean[(h - heads) * D + b]; }
  }
  x[a] = u;
  x[b] = v;
  __syncthreads();
  if (hadamard && !value) {
    for (int w = 1; w < D; w *= 2) {
      const int j = i / w * 2 * w + i % w;
      const float y = x[j], z = x[j + w];
      x[j] = y + z;
      x[j + w] = y - z;
      __syncthreads();
    }
    const float f = 1.f / sqrtf((float)D);
    x[2 * i] *= f;
    x[2 * i + 1] *= f;
    __syncthreads();
  }
  if (h < heads) {
    float *dst = q + ((long)n * heads + h) * D;
    dst[i] = x[i];
    dst[i + D / 2] = x[i + D / 2];
    return;
  }
  if (kvOut) {
    float *dst = kvOut + ((long)n * 2 * kv + h - heads) * D;
    dst[i] = x[i];
    dst[i + D / 2] = x[i + D / 2];
  }
  if (slot[n] < 0) return;
  const int g = (h - heads) % kv, place = slot[n] % PAGE;
  unsigned char *head = pool + layerOffset + (long)(slot[n] / PAGE) * stride + g * headBytes;
  unsigned short *kc = (unsigned short *)head, *vc = kc + PAGE * D;
  for (int j = i; j < D; j += D / 2) {
    if (value) vc[(place / 16 * D + j) * 16 + place % 16] = f2h(x[j]);
    else kc[place * D + j] = f2h(x[j]);
  }
}
EMU_KERNEL(rotate);

// seal quantises full 16-bit pages: per token and head scale = c * rms / (2^bits-1),
// codes round((x/scale + 2^bits-1)/2) in fragment order (attention.cu).
// grid (kv, pages), block 128: warp w does tokens 16w to 16w+15.
//   from, to [pages] page numbers in the pools src and dst
template <int D, int B>
static __device__ __forceinline__ void seal(const unsigned char *src, long srcStride, unsigned char *dst, long dstStride, const int *from, const int *to, float c) {
  constexpr long codes = (long)PAGE * D * B / 8, head = 2 * (codes + PAGE * 2);
  constexpr int KT = D / 16, words = D * B / 64, top = (1 << B) - 1;
  const int g = blockIdx.x, warp = threadIdx.x >> 5, lane = threadIdx.x & 31, row = lane >> 2, t = lane & 3;
  const unsigned short *k16 = (const unsigned short *)(src + (long)from[blockIdx.y] * srcStride + (long)g * PAGE * D * 4), *v16 = k16 + PAGE * D;
  unsigned char *out = dst + (long)to[blockIdx.y] * dstStride + g * head;
  unsigned short *ks = (unsigned short *)(out + 2 * codes), *vs = ks + PAGE;
  __shared__ float scale[2][PAGE];
  for (int j = 0; j < 32; j++) { // 16 tokens of K, then of V
    const int v = j >> 4, tok = warp * 16 + (j & 15);
    float s = 0.f;
    for (int i = lane; i < D; i += 32) {
      const float x = h2f(v ? v16[(warp * D + i) * 16 + (j & 15)] : k16[tok * D + i]);
      s = fmaf(x, x, s);
    }
    s = c * sqrtf(warp_sum(s) / D) / top;
    if (lane == 0) {
      const unsigned short h = f2h(s < 6e-8f ? 6e-8f : s);
      (v ? vs : ks)[tok] = h;
      scale[v][tok] = h2f(h);
    }
  }
  __syncthreads();
  unsigned *kw = (unsigned *)(out + (long)warp * 2 * D * B) + lane * words, *vw = (unsigned *)(out + codes + (long)warp * 2 * D * B) + lane * words;
  constexpr int per = 8 / B; // fragments of 4 codes in a word
  for (int v = 0; v < 2; v++) {
    unsigned *dw = v ? vw : kw;
#pragma unroll 1
    for (int i = 0; i < words; i++) { // rolled: unrolled it takes all registers and spills
      unsigned w = 0;
#pragma unroll
      for (int n = 0; n < per; n++) {
        const int f = i * per + n;
        unsigned code[4];
#pragma unroll
        for (int c = 0; c < 4; c++) {
          const int kk = 2 * t + (c & 1) + 8 * (c >> 1); // row of the B operand
          const int tok = v ? kk : f / KT * 8 + row, dim = v ? f * 8 + row : f % KT * 16 + kk;
          const float x = h2f(v ? v16[(warp * D + dim) * 16 + tok] : k16[(warp * 16 + tok) * D + dim]);
          const float y = x / scale[v][warp * 16 + tok];
          const int q = (int)((y + top) * 0.5f + 0.5f);
          code[c] = y <= -top ? 0 : q > top ? top : q;
        }
        w |= (code[0] | code[1] << 16 | code[2] << B | code[3] << (16 + B)) << (n * 2 * B);
      }
      dw[i] = w;
    }
  }
}

#define SEAL(D, B)                                                                                                                       \
  extern "C" __global__ void __launch_bounds__(128) seal_d##D##_b##B(const unsigned char *src, long srcStride, unsigned char *dst, long dstStride, \
      const int *from, const int *to, float c) { seal<D, B>(src, srcStride, dst, dstStride, from, to, c); }                              \
  EMU_KERNEL(seal_d##D##_b##B);
SEAL(64, 8) SEAL(64, 4) SEAL(64, 2) SEAL(128, 8) SEAL(128, 4) SEAL(128, 2)
