#include "textflag.h"

DATA abs32<>+0(SB)/4, $0x7fffffff
GLOBL abs32<>(SB), (8+16), $4

DATA tiny32<>+0(SB)/4, $0x0da24260 // 1e-30
GLOBL tiny32<>(SB), (8+16), $4

DATA inorder<>+0(SB)/4, $0
DATA inorder<>+4(SB)/4, $4
DATA inorder<>+8(SB)/4, $1
DATA inorder<>+12(SB)/4, $5
DATA inorder<>+16(SB)/4, $2
DATA inorder<>+20(SB)/4, $6
DATA inorder<>+24(SB)/4, $3
DATA inorder<>+28(SB)/4, $7
GLOBL inorder<>(SB), (8+16), $32

// SIGNED cuts the low digit of v: digit = v's low bits with their sign, and
// leaves (v - digit) >> bits in v. X14 holds 32 - bits, X15 bits.
#define SIGNED(v, digit) \
	VPSLLD X14, v, digit \
	VPSRAD X14, digit, digit \
	VPSUBD digit, v, v \
	VPSRAD X15, v, v

// BYTES stores four registers of eight small numbers as 32 bytes in order.
#define BYTES(a, b, c, d, to) \
	VPACKSSDW b, a, a \
	VPACKSSDW d, c, c \
	VPACKSSWB c, a, a \
	VPERMD a, Y13, a \
	VMOVDQU a, to

// SUM8 leaves the sum of Y4's lanes in X4.
#define SUM8 \
	VEXTRACTF128 $1, Y4, X5 \
	VADDPS X5, X4, X4 \
	VHADDPS X4, X4, X4 \
	VHADDPS X4, X4, X4

// func digitsAVX2(blocks int, x *float32, dst *byte, bits int, top float32)
TEXT ·digitsAVX2(SB), NOSPLIT, $0-36
	MOVQ blocks+0(FP), CX
	MOVQ x+8(FP), SI
	MOVQ dst+16(FP), DI
	MOVQ bits+24(FP), AX
	VMOVQ AX, X15
	MOVQ $32, BX
	SUBQ AX, BX
	VMOVQ BX, X14
	VMOVDQU inorder<>(SB), Y13
	VBROADCASTSS abs32<>(SB), Y12

block:
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	VMOVUPS 64(SI), Y2
	VMOVUPS 96(SI), Y3

	// Sums of the halves and of all.
	VADDPS Y1, Y0, Y4
	SUM8
	VMOVSS X4, 112(DI)
	VMOVAPS X4, X6
	VADDPS Y3, Y2, Y4
	SUM8
	VMOVSS X4, 116(DI)
	VADDSS X4, X6, X6
	VMOVSS X6, 108(DI)

	// The largest magnitude becomes top.
	VANDPS Y12, Y0, Y4
	VANDPS Y12, Y1, Y5
	VMAXPS Y5, Y4, Y4
	VANDPS Y12, Y2, Y5
	VMAXPS Y5, Y4, Y4
	VANDPS Y12, Y3, Y5
	VMAXPS Y5, Y4, Y4
	VEXTRACTF128 $1, Y4, X5
	VMAXPS X5, X4, X4
	VPERMILPS $0x4e, X4, X5
	VMAXPS X5, X4, X4
	VPERMILPS $0xb1, X4, X5
	VMAXPS X5, X4, X4
	VMOVSS top+32(FP), X7
	VDIVSS X7, X4, X8 // scale
	VDIVSS X4, X7, X9 // 1 / scale
	VUCOMISS tiny32<>(SB), X4
	JA   nonzero
	JP   nonzero // not a number: the scale carries it on
	VXORPS X8, X8, X8
	VXORPS X9, X9, X9

nonzero:
	// s, s 2^bits, s 4^bits
	VMOVSS X8, 104(DI)
	MOVL $1, AX
	MOVQ bits+24(FP), BX
	SHLXL BX, AX, AX
	VCVTSI2SSL AX, X10, X10
	VMULSS X10, X8, X8
	VMOVSS X8, 100(DI)
	VMULSS X10, X8, X8
	VMOVSS X8, 96(DI)

	VBROADCASTSS X9, Y9
	VMULPS Y9, Y0, Y0
	VMULPS Y9, Y1, Y1
	VMULPS Y9, Y2, Y2
	VMULPS Y9, Y3, Y3
	VCVTPS2DQ Y0, Y0
	VCVTPS2DQ Y1, Y1
	VCVTPS2DQ Y2, Y2
	VCVTPS2DQ Y3, Y3
	SIGNED(Y0, Y4)
	SIGNED(Y1, Y5)
	SIGNED(Y2, Y6)
	SIGNED(Y3, Y7)
	BYTES(Y4, Y5, Y6, Y7, 64(DI))
	SIGNED(Y0, Y4)
	SIGNED(Y1, Y5)
	SIGNED(Y2, Y6)
	SIGNED(Y3, Y7)
	BYTES(Y4, Y5, Y6, Y7, 32(DI))
	BYTES(Y0, Y1, Y2, Y3, (DI))

	ADDQ $128, SI
	ADDQ $128, DI
	DECQ CX
	JNZ  block
	VZEROUPPER
	RET
