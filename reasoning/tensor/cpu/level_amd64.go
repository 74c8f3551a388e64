package cpu

import "golang.org/x/sys/cpu"

func detect() Level {
	x := cpu.X86
	// x/sys checks with XGETBV that the system saves the wide registers.
	if !x.HasAVX2 || !x.HasFMA {
		return Portable
	}
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512VL && x.HasAVX512DQ {
		if x.HasAVX512VNNI {
			return VNNI
		}
		return AVX512
	}
	return AVX2
}
