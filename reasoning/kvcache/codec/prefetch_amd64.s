#include "textflag.h"

// func prefetch(lines int, p *byte)
TEXT ·prefetch(SB), NOSPLIT, $0-16
	MOVQ lines+0(FP), CX
	MOVQ p+8(FP), SI

line:
	PREFETCHT0 (SI)
	ADDQ $64, SI
	DECQ CX
	JNZ  line
	RET
