package kernel

import "golang.org/x/sys/cpu"

func detect() Level {
	x := cpu.X86
	// x/sys checks with XGETBV that the system saves the wide registers.
	switch {
	case !x.HasAVX2 || !x.HasFMA:
		return Portable
	case x.HasAVX512F && x.HasAVX512DQ:
		return AVX512
	}
	return AVX2
}
