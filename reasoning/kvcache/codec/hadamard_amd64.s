#include "textflag.h"

DATA odd<>+0(SB)/8, $0x8000000000000000
DATA odd<>+8(SB)/8, $0x8000000000000000
DATA odd<>+16(SB)/8, $0x8000000000000000
DATA odd<>+24(SB)/8, $0x8000000000000000
GLOBL odd<>(SB), (8+16), $32

DATA pair<>+0(SB)/8, $0
DATA pair<>+8(SB)/8, $0x8000000080000000
DATA pair<>+16(SB)/8, $0
DATA pair<>+24(SB)/8, $0x8000000080000000
GLOBL pair<>(SB), (8+16), $32

DATA half<>+0(SB)/8, $0
DATA half<>+8(SB)/8, $0
DATA half<>+16(SB)/8, $0x8000000080000000
DATA half<>+24(SB)/8, $0x8000000080000000
GLOBL half<>(SB), (8+16), $32

// func hadamardAVX2(n int, x *float32, scale float32)
//
// n is a power of two from 8 on. The stages within a register add a register
// whose lanes are exchanged to one whose second lanes are negated.
TEXT ·hadamardAVX2(SB), NOSPLIT, $0-20
	MOVQ n+0(FP), CX
	MOVQ x+8(FP), DI
	VBROADCASTSS scale+16(FP), Y15
	VMOVUPS odd<>(SB), Y12
	VMOVUPS pair<>(SB), Y13
	VMOVUPS half<>(SB), Y14
	MOVQ DI, SI
	LEAQ (DI)(CX*4), R8

inner:
	VMULPS (SI), Y15, Y0
	VPERMILPS $0xb1, Y0, Y1
	VXORPS Y12, Y0, Y0
	VADDPS Y1, Y0, Y0
	VPERMILPS $0x4e, Y0, Y1
	VXORPS Y13, Y0, Y0
	VADDPS Y1, Y0, Y0
	VPERM2F128 $1, Y0, Y0, Y1
	VXORPS Y14, Y0, Y0
	VADDPS Y1, Y0, Y0
	VMOVUPS Y0, (SI)
	ADDQ $32, SI
	CMPQ SI, R8
	JLT  inner
	MOVQ $32, AX // bytes between partners

stage:
	LEAQ (AX)(AX*1), BX
	SHLQ $2, CX
	CMPQ AX, CX
	JGE  done
	SHRQ $2, CX
	MOVQ DI, SI

block:
	LEAQ (SI)(AX*1), R9
	MOVQ R9, R10

partners:
	VMOVUPS (SI), Y0
	VMOVUPS (R9), Y1
	VADDPS Y1, Y0, Y2
	VSUBPS Y1, Y0, Y3
	VMOVUPS Y2, (SI)
	VMOVUPS Y3, (R9)
	ADDQ $32, SI
	ADDQ $32, R9
	CMPQ SI, R10
	JLT  partners
	MOVQ R9, SI
	CMPQ SI, R8
	JLT  block
	MOVQ BX, AX
	JMP  stage

done:
	VZEROUPPER
	RET
