// CPU emulation of the CUDA subset that kernels/*.cu use: one fiber per CUDA
// thread, blocks run one after the other, so runs are deterministic. A fiber
// runs until its next barrier: a missing __syncthreads gives a wrong result.
// Warp barriers (shuffles, mma) and block barriers are told apart; a warp whose
// threads wait at different kinds is reported and aborts.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>
#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static
#define EXTERN_SHARED(T, name) T *name = (T *)emu::dyn_shared
struct uint4 { unsigned x, y, z, w; } __attribute__((aligned(16)));
struct uint2 { unsigned x, y; } __attribute__((aligned(8)));
struct float4 { float x, y, z, w; } __attribute__((aligned(16)));
struct uint3 { unsigned x, y, z; };
using dim3e = uint3;
namespace emu {
inline uint3 tid, bid, bdim, gdim;
inline char *dyn_shared;
enum State : char { RUN, WARP, BLOCK, DONE };
// A switch of fibers saves what the C ABI says a callee keeps. ucontext would do
// the same with a system call each time, which is most of its cost.
#if !defined(__x86_64__)
#error "the emulation switches stacks in x86-64 assembly"
#endif
extern "C" void emu_switch(void **save, void *to);
asm(R"(
.text
.type emu_switch,@function
emu_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size emu_switch, .-emu_switch
)");
struct Fiber { void *sp; State st; uint3 tid; };
inline std::vector<Fiber> fibers;
inline std::vector<std::vector<char>> stacks;
inline void *sched;
inline int cur;
inline std::function<void()> body;
inline uint32_t xch[32][64][16]; // [warp][lane][word] exchange area
inline void yield(State s = WARP) { fibers[cur].st = s; emu_switch(&fibers[cur].sp, sched); }
inline void entry() { body(); yield(DONE); abort(); }
inline void start(Fiber &f, std::vector<char> &stack) {
  // as if entry had been called: the stack is 16-byte aligned before the return address
  void **top = (void **)((uintptr_t)(stack.data() + stack.size()) & ~(uintptr_t)15);
  *--top = nullptr;
  *--top = (void *)entry;
  for (int i = 0; i < 6; i++) *--top = nullptr;
  f.sp = top;
}
inline int linear() { return tid.x + bdim.x * (tid.y + bdim.y * tid.z); }
inline void launch(uint3 grid, uint3 block, size_t shmem, std::function<void()> fn) {
  size_t n = (size_t)block.x * block.y * block.z;
  body = std::move(fn); bdim = block; gdim = grid;
  std::vector<char> dyn(shmem + 16); dyn_shared = dyn.data();
  if (stacks.size() < n) stacks.resize(n);
  fibers.resize(n);
  for (unsigned z = 0; z < grid.z; z++) for (unsigned y = 0; y < grid.y; y++) for (unsigned x = 0; x < grid.x; x++) {
    bid = {x, y, z};
    for (size_t i = 0; i < n; i++) {
      Fiber &f = fibers[i];
      if (stacks[i].empty()) stacks[i].resize(64 << 10);
      f.st = RUN; f.tid = {unsigned(i % block.x), unsigned(i / block.x % block.y), unsigned(i / block.x / block.y)};
      start(f, stacks[i]);
    }
    for (size_t left = n; left;) {
      for (size_t w = 0; w < n; w += 32) { // a warp goes on until its threads wait for the block or end
        size_t e = w + 32 < n ? w + 32 : n, c[4];
        do {
          for (size_t i = w; i < e; i++) if (fibers[i].st == RUN) { cur = i; tid = fibers[i].tid; emu_switch(&sched, fibers[i].sp); }
          memset(c, 0, sizeof c);
          for (size_t i = w; i < e; i++) c[fibers[i].st]++;
          if (c[WARP] && (c[BLOCK] || c[DONE])) { fprintf(stderr, "emu: block (%u,%u,%u) warp %zu: divergent barrier\n", x, y, z, w / 32); abort(); }
          if (c[WARP]) for (size_t i = w; i < e; i++) fibers[i].st = RUN;
        } while (c[WARP]);
      }
      left = 0;
      for (size_t i = 0; i < n; i++) if (fibers[i].st == BLOCK) { fibers[i].st = RUN; left++; }
    }
  }
}
// registry used by the fake driver: name -> call with the void** parameters
struct Kernel { const char *name; int nparams; void (*call)(uint3, uint3, size_t, void **); };
inline std::vector<Kernel> &registry() { static std::vector<Kernel> r; return r; }
template <auto F> struct Reg;
template <class... A, void (*F)(A...)> struct Reg<F> {
  template <size_t... I> static void go(uint3 g, uint3 b, size_t s, void **p, std::index_sequence<I...>) { launch(g, b, s, [p] { F(*(A *)p[I]...); }); }
  static void call(uint3 g, uint3 b, size_t s, void **p) { go(g, b, s, p, std::index_sequence_for<A...>{}); }
  explicit Reg(const char *n) { registry().push_back({n, (int)sizeof...(A), call}); }
};
#define EMU_KERNEL(f) static emu::Reg<f> emu_reg_##f(#f)
}
#define threadIdx emu::tid
#define blockIdx emu::bid
#define blockDim emu::bdim
#define gridDim emu::gdim
inline void __syncthreads() { emu::yield(emu::BLOCK); }
inline void __syncwarp(unsigned = ~0u) { emu::yield(); }
template <class T> T emu_xch(T v, int src) {
  static_assert(sizeof(T) == 4); int id = emu::linear(), w = id >> 5;
  memcpy(&emu::xch[w][id & 31][0], &v, 4); emu::yield();
  T r; memcpy(&r, &emu::xch[w][src & 31][0], 4); emu::yield(); return r;
}
template <class T> T __shfl_xor_sync(unsigned, T v, int m) { return emu_xch(v, (emu::linear() & 31) ^ m); }
template <class T> T __shfl_sync(unsigned, T v, int l) { return emu_xch(v, l); }
template <class T> T __shfl_down_sync(unsigned, T v, int d) { int l = emu::linear() & 31; return emu_xch(v, l + d < 32 ? l + d : l); }
inline void __threadfence() {}
inline unsigned atomic_add(unsigned *p, unsigned v) { unsigned o = *p; *p += v; return o; }
inline float __fdividef(float a, float b) { return a / b; }
inline float exp2_fast(float x) { return exp2f(x); }
inline float log2_fast(float x) { return log2f(x); }
inline float h2f(unsigned short h) { _Float16 f; memcpy(&f, &h, 2); return (float)f; }
inline unsigned short f2h(float f) { _Float16 h = (_Float16)f; unsigned short u; memcpy(&u, &h, 2); return u; }
inline uint4 ldg_nc_v4(const uint4 *p) { return *p; }
inline unsigned pack_h2(float lo, float hi) { return f2h(lo) | (unsigned)f2h(hi) << 16; }
template <class F> unsigned emu_h2(unsigned a, unsigned b, unsigned c, F f) {
  unsigned r = 0;
  for (int s = 0; s < 32; s += 16) r |= (unsigned)f2h(f(h2f(a >> s), h2f(b >> s), h2f(c >> s))) << s;
  return r;
}
inline unsigned h2_sub(unsigned a, unsigned b) { return emu_h2(a, b, 0, [](float x, float y, float) { return x - y; }); }
inline unsigned h2_fma(unsigned a, unsigned b, unsigned c) { return emu_h2(a, b, c, [](float x, float y, float z) { return (float)((double)x * y + z); }); }
inline void mma_f16_16816(float *d, const unsigned *a, const unsigned *b) { // fragment layout of the PTX ISA
  int id = emu::linear(), w = id >> 5, lane = id & 31, g = lane >> 2, t = lane & 3; auto &X = emu::xch[w];
  for (int i = 0; i < 4; i++) X[lane][i] = a[i];
  X[lane][4] = b[0]; X[lane][5] = b[1]; emu::yield();
  auto A = [&](int r, int k) { unsigned v = X[(r & 7) * 4 + (k & 7) / 2][(r >> 3) + 2 * (k >> 3)]; return h2f(k & 1 ? v >> 16 : v & 0xffff); };
  auto B = [&](int k, int c) { unsigned v = X[c * 4 + (k & 7) / 2][4 + (k >> 3)]; return h2f(k & 1 ? v >> 16 : v & 0xffff); };
  for (int r = 0; r < 2; r++) for (int c = 0; c < 2; c++) for (int k = 0; k < 16; k++) d[r * 2 + c] += A(g + 8 * r, k) * B(k, t * 2 + c);
  emu::yield();
}
