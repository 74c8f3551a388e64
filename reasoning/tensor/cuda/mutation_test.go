//go:build gpu && linux && cgo

package cuda

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMutations shows that the emulation and the tests above catch the mistakes
// that kernels have: each changes one source, builds the emulation with it and
// runs one test, which must fail.
func TestMutations(t *testing.T) {
	if d := device(t); d.Name() != "CPU emulation" {
		t.Skip("on a real device a mistake may do anything")
	}
	for _, m := range []struct {
		name, file, old, new, test, says string
	}{
		{
			"a missing barrier", "attention.cu", "  __syncthreads();\n  float *mine", "  float *mine", "TestAttention", "",
		}, {
			"one token too many", "attention.cu", "if (t0 + tok >= see[h]) c[n][i] = -1e30f;", "if (t0 + tok > see[h]) c[n][i] = -1e30f;", "TestAttention", "",
		}, {
			"writing beyond the end", "linear.cu", "for (int i = threadIdx.x; i < k; i += 256) y[", "for (int i = threadIdx.x; i <= k; i += 256) y[", "TestNormAndGate", "SIGSEGV",
		}, {
			"reading beyond the end", "logits.cu", "for (int i = tid; i < vocab; i += 256) top", "for (int i = tid; i < vocab + 2048; i += 256) top", "TestTopK", "SIGSEGV",
		}, {
			"a barrier that not all threads reach", "linear.cu", "  v = warp_sum(v);\n  if ((threadIdx.x", "  if (threadIdx.x & 1) v = warp_sum(v);\n  if ((threadIdx.x", "TestNormAndGate", "divergent barrier",
		}, {
			"codes in the wrong order", "cache.cu", "code[2] << B | code[3] << (16 + B)", "code[3] << B | code[2] << (16 + B)", "TestSeal", "",
		},
	} {
		t.Run(strings.ReplaceAll(m.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, f := range []string{"kernels", "emu"} {
				if err := os.CopyFS(filepath.Join(dir, f), os.DirFS(f)); err != nil {
					t.Fatal(err)
				}
			}
			name := filepath.Join(dir, "kernels", m.file)
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Count(string(src), m.old) != 1 {
				t.Fatalf("%s has %d times %q", m.file, strings.Count(string(src), m.old), m.old)
			}
			if err := os.WriteFile(name, []byte(strings.Replace(string(src), m.old, m.new, 1)), 0o644); err != nil {
				t.Fatal(err)
			}
			lib := filepath.Join(dir, "libcuda.so.1")
			build := exec.Command("g++", "-std=c++17", "-O1", "-march=native", "-ffp-contract=off", "-fPIC", "-shared", "-fvisibility=hidden",
				"-Wno-unknown-pragmas", "-Ikernels", "-Iemu", "-o", lib, "emu/fakecuda.cpp")
			build.Dir = dir
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			run := exec.Command(os.Args[0], "-test.run", "^"+m.test+"$", "-test.short", "-test.timeout", "120s")
			run.Env = append(os.Environ(), "CUDA_DRIVER_LIB="+lib)
			out, err := run.CombinedOutput()
			if err == nil {
				t.Errorf("%s: %s passed", m.name, m.test)
			} else if !strings.Contains(string(out), m.says) {
				t.Errorf("%s: the failure does not say %q:\n%.2000s", m.name, m.says, out)
			}
		})
	}
}
