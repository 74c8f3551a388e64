// libcuda.so.1 for machines without a GPU: enough of the driver API for the Go
// tests, running the same .cu files on the CPU through emu.h. Test use only.
#define KERNEL_EMU 1
#include "attention.cu"
#include "cache.cu"
#include "linear.cu"
#include "logits.cu"
#include "train.cu"
#include <chrono>
#include <map>
#include <string>
#include <sys/mman.h>
#define API extern "C" __attribute__((visibility("default"))) int
using P = unsigned long long;
struct Ev { std::chrono::steady_clock::time_point t; };
struct Mod { std::string ptx; };
static size_t total();
static std::map<P, size_t> live; static size_t used;
static bool inside(P p, size_t n) { auto it = live.upper_bound(p); return it != live.begin() && (--it, p + n <= it->first + it->second); }
API cuInit(unsigned) { return 0; }
API cuDriverGetVersion(int *v) { *v = 13000; return 0; }
API cuDeviceGetCount(int *n) { *n = 1; return 0; }
API cuDeviceGet(int *d, int i) { *d = i; return i ? 101 : 0; }
API cuDeviceGetName(char *s, int n, int) { snprintf(s, n, "CPU emulation"); return 0; }
API cuDeviceGetAttribute(int *v, int a, int) { *v = a == 75 ? 9 : a == 76 ? 0 : a == 16 ? 1 : a == 8 ? 49152 : 0; return 0; }
API cuDeviceTotalMem_v2(size_t *n, int) { *n = total(); return 0; }
API cuCtxCreate_v2(void **c, unsigned, int) { *c = (void *)0x11; return 0; }
API cuCtxDestroy_v2(void *) { return 0; }
API cuCtxSetCurrent(void *) { return 0; }
API cuCtxGetCurrent(void **c) { *c = (void *)0x11; return 0; }
API cuCtxSynchronize() { return 0; }
// Every allocation ends at a page that may not be touched, so that a kernel
// which reads or writes beyond one dies there; the bytes are poisoned. EMU_MEMORY
// is the size of the device in MiB.
static size_t total() { const char *s = getenv("EMU_MEMORY"); return s ? (size_t)atol(s) << 20 : 4ull << 30; }
static const size_t page = 4096;
API cuMemAlloc_v2(P *p, size_t n) {
  if (!n) return 1;
  if (used + n > total()) return 2;
  const size_t body = (n + 255) / 256 * 256, whole = (body + page - 1) / page * page;
  char *m = (char *)mmap(nullptr, whole + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (m == MAP_FAILED || mprotect(m + page, whole, PROT_READ | PROT_WRITE)) return 2;
  char *q = m + page + whole - (n + 15) / 16 * 16;
  memset(m + page, 0xCB, whole);
  *p = (P)q; live[*p] = n; used += n; return 0;
}
API cuMemFree_v2(P p) {
  auto it = live.find(p); if (it == live.end()) return 1;
  const size_t n = it->second, body = (n + 255) / 256 * 256, whole = (body + page - 1) / page * page;
  munmap((char *)p + (n + 15) / 16 * 16 - whole - page, whole + 2 * page);
  used -= n; live.erase(it); return 0;
}
API cuMemAllocAsync(P *p, size_t n, void *) { return cuMemAlloc_v2(p, n); }
API cuMemFreeAsync(P p, void *) { return cuMemFree_v2(p); }
API cuMemGetInfo_v2(size_t *f, size_t *t) { *t = total(); *f = *t - used; return 0; }
API cuMemcpyHtoD_v2(P d, const void *s, size_t n) { if (!inside(d, n)) return 1; memcpy((void *)d, s, n); return 0; }
API cuMemcpyDtoH_v2(void *d, P s, size_t n) { if (!inside(s, n)) return 1; memcpy(d, (void *)s, n); return 0; }
API cuMemcpyDtoD_v2(P d, P s, size_t n) { if (!inside(d, n) || !inside(s, n)) return 1; memmove((void *)d, (void *)s, n); return 0; }
API cuMemcpyHtoDAsync_v2(P d, const void *s, size_t n, void *) { return cuMemcpyHtoD_v2(d, s, n); }
API cuMemcpyDtoHAsync_v2(void *d, P s, size_t n, void *) { return cuMemcpyDtoH_v2(d, s, n); }
API cuMemcpyDtoDAsync_v2(P d, P s, size_t n, void *) { return cuMemcpyDtoD_v2(d, s, n); }
API cuMemsetD8_v2(P d, unsigned char v, size_t n) { if (!inside(d, n)) return 1; memset((void *)d, v, n); return 0; }
API cuModuleLoadData(void **m, const void *img) { auto *x = new Mod{(const char *)img}; if (x->ptx.find(".version") == std::string::npos) return 218; *m = x; return 0; }
API cuModuleUnload(void *m) { delete (Mod *)m; return 0; }
API cuModuleGetFunction(void **f, void *m, const char *name) { // must be in the PTX and in the registry
  if (((Mod *)m)->ptx.find(std::string(".entry ") + name + "(") == std::string::npos) return 500;
  for (auto &k : emu::registry()) if (!strcmp(k.name, name)) { *f = &k; return 0; }
  return 500;
}
// A graph keeps what was launched on a stream while it was captured, with a
// copy of the arguments: eight bytes each, as gorgonia.org/cu passes them.
struct Node { emu::Kernel *k; uint3 g, b; unsigned sh; std::vector<P> args; };
struct Graph { std::vector<Node> nodes; };
struct Stream { Graph *capture = nullptr; };
API cuLaunchKernel(void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned sh, void *st, void **params, void **) {
  if (!gx || !gy || !gz || !bx || bx * by * bz > 1024) return 1;
  auto *k = (emu::Kernel *)f;
  if (st && ((Stream *)st)->capture) {
    Node n{k, {gx, gy, gz}, {bx, by, bz}, sh, {}};
    for (int i = 0; i < k->nparams; i++) n.args.push_back(*(P *)params[i]);
    ((Stream *)st)->capture->nodes.push_back(n);
    return 0;
  }
  k->call({gx, gy, gz}, {bx, by, bz}, sh, params); return 0;
}
API cuStreamBeginCapture_v2(void *s, int) { if (!s) return 901; auto *t = (Stream *)s; if (t->capture) return 901; t->capture = new Graph; return 0; }
API cuStreamEndCapture(void *s, void **g) { auto *t = (Stream *)s; if (!t->capture) return 901; *g = t->capture; t->capture = nullptr; return 0; }
API cuGraphInstantiateWithFlags(void **x, void *g, unsigned long long) { *x = new Graph(*(Graph *)g); return 0; }
API cuGraphLaunch(void *x, void *) {
  for (auto &n : ((Graph *)x)->nodes) { std::vector<void *> p; for (auto &a : n.args) p.push_back(&a); n.k->call(n.g, n.b, n.sh, p.data()); }
  return 0;
}
API cuGraphExecDestroy(void *x) { delete (Graph *)x; return 0; }
API cuGraphDestroy(void *g) { delete (Graph *)g; return 0; }
API cuStreamCreate(void **s, unsigned) { *s = new Stream; return 0; }
API cuStreamDestroy_v2(void *s) { delete (Stream *)s; return 0; }
API cuStreamSynchronize(void *) { return 0; }
API cuEventCreate(void **e, unsigned) { *e = new Ev; return 0; }
API cuEventDestroy_v2(void *e) { delete (Ev *)e; return 0; }
API cuEventRecord(void *e, void *) { ((Ev *)e)->t = std::chrono::steady_clock::now(); return 0; }
API cuEventSynchronize(void *) { return 0; }
API cuEventElapsedTime(float *ms, void *a, void *b) { *ms = std::chrono::duration<float, std::milli>(((Ev *)b)->t - ((Ev *)a)->t).count(); return 0; }
API cuFuncSetAttribute(void *, int a, int v) { return a == 8 && v <= 232448 ? 0 : 1; }
API cuFuncGetAttribute(int *v, int, void *) { *v = 0; return 0; }
API cuMemHostAlloc(void **p, size_t n, unsigned) { *p = malloc(n); return *p ? 0 : 2; }
API cuMemFreeHost(void *p) { free(p); return 0; }
