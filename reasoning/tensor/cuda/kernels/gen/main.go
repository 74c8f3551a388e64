// Command gen compiles ../*.cu with clang's NVPTX backend and stamps each .ptx
// with a hash of everything that determines it. go generate runs it.
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// compiler and flags make PTX 7.4 for Ampere and everything newer: any driver
// from 470 on accepts it.
const compiler = "clang++-19"

var flags = []string{"-x", "cuda", "--cuda-device-only", "--cuda-gpu-arch=sm_80", "--cuda-feature=+ptx74", "-nocudainc", "-nocudalib", "-O3", "-S"}

// stamp is the first line of a generated file.
func stamp(dir, src string) (string, error) {
	h := sha256.New()
	for _, f := range []string{"prelude.cuh", src} {
		b, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n%s", f, len(b), b)
	}
	fmt.Fprint(h, compiler, flags)
	return fmt.Sprintf("// sources, compiler and flags sha256: %x\n", h.Sum(nil)), nil
}

// generate compiles every source of dir into out.
func generate(dir, out string) error {
	srcs, err := filepath.Glob(filepath.Join(dir, "*.cu"))
	if err != nil {
		return err
	}
	for _, s := range srcs {
		name := filepath.Base(s)
		first, err := stamp(dir, name)
		if err != nil {
			return err
		}
		var ptx, msg bytes.Buffer
		c := exec.Command(compiler, append(flags, "-o", "-", name)...)
		c.Dir, c.Stdout, c.Stderr = dir, &ptx, &msg
		if err := c.Run(); err != nil {
			return fmt.Errorf("%s %s: %w\n%s", compiler, name, err, msg.String())
		}
		if err := os.WriteFile(filepath.Join(out, strings.TrimSuffix(name, ".cu")+".ptx"), append([]byte(first), ptx.Bytes()...), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gen SOURCES OUT")
		os.Exit(2)
	}
	if err := generate(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}
