#include "textflag.h"

// Products of packed weights (packed.go) with activations in digits. A panel
// has 16 outputs, one to a lane; a block 32 inputs. Four inputs of a lane lie in
// one dword, so the instructions below sum along the inputs and nothing has to
// be added across lanes.

DATA nibble<>+0(SB)/4, $0x0f0f0f0f
GLOBL nibble<>(SB), (8+16), $4

// Bits of flags.
#define WIDE 1 // scales in 32 bits, not 16
#define MINS 2 // minima follow the scales
#define TWO 4 // one scale for each half of a block
#define TABLE 8 // codes are places in a table

// DOT adds four inputs to the sums of the three digits.
#define DOT(at, code) \
	VPDPBUSD.BCST at(DX), code, Z20 \
	VPDPBUSD.BCST (at+32)(DX), code, Z21 \
	VPDPBUSD.BCST (at+64)(DX), code, Z22

#define CLEAR \
	VPXORD Z20, Z20, Z20 \
	VPXORD Z21, Z21, Z21 \
	VPXORD Z22, Z22, Z22

// FINISH puts the digits together, applies scale and minimum, and adds to acc.
#define FINISH(scale, min, sum, acc) \
	VCVTDQ2PS Z20, Z20 \
	VCVTDQ2PS Z21, Z21 \
	VCVTDQ2PS Z22, Z22 \
	VMULPS.BCST 104(DX), Z22, Z22 \
	VFMADD231PS.BCST 100(DX), Z21, Z22 \
	VFMADD231PS.BCST 96(DX), Z20, Z22 \
	VFMADD231PS scale, Z22, acc \
	VFMADD231PS.BCST sum(DX), min, acc

// NIBBLES splits one line of codes.
#define NIBBLES(at, low, high) \
	VMOVDQU64 at(SI), low \
	VPSRLW $4, low, high \
	VPANDD Z31, low, low \
	VPANDD Z31, high, high

#define LOOKUP(z) VPSHUFB z, Z30, z

// SCALES loads Z26, Z27 (scale, minimum of the first half) and Z28, Z29 (of the
// second), the same when there is one for both.
#define SCALES \
	TESTQ $WIDE, R10 \
	JNZ  wide \
	VCVTPH2PS (BX), Z26 \
	ADDQ $32, BX \
	TESTQ $MINS, R10 \
	JNZ  halfmin \
	VMULPS Z25, Z26, Z27 \
	JMP  scaled \
halfmin: \
	VCVTPH2PS (BX), Z27 \
	ADDQ $32, BX \
	JMP  scaled \
wide: \
	VMOVUPS (BX), Z26 \
	ADDQ $64, BX \
	VMULPS Z25, Z26, Z27 \
	TESTQ $TWO, R10 \
	JZ   widemin \
	VMOVUPS (BX), Z28 \
	ADDQ $64, BX \
	VMULPS Z25, Z28, Z29 \
	TESTQ $MINS, R10 \
	JZ   scaled \
	VMOVUPS (BX), Z27 \
	VMOVUPS 64(BX), Z29 \
	ADDQ $128, BX \
	JMP  scaled \
widemin: \
	TESTQ $MINS, R10 \
	JZ   scaled \
	VMOVUPS (BX), Z27 \
	ADDQ $64, BX \
scaled:

#define ARGS \
	MOVQ blocks+0(FP), CX \
	MOVQ codes+8(FP), SI \
	MOVQ scales+16(FP), BX \
	MOVQ x+24(FP), DX \
	MOVQ y+32(FP), DI \
	MOVQ flags+40(FP), R10 \
	VBROADCASTSS offset+48(FP), Z25 \
	VPBROADCASTD nibble<>(SB), Z31 \
	MOVQ table+56(FP), AX \
	VBROADCASTI32X4 (AX), Z30

#define EIGHT4 \
	NIBBLES(0, Z0, Z4) \
	NIBBLES(64, Z1, Z5) \
	NIBBLES(128, Z2, Z6) \
	NIBBLES(192, Z3, Z7) \
	TESTQ $TABLE, R10 \
	JZ   plain \
	LOOKUP(Z0) \
	LOOKUP(Z1) \
	LOOKUP(Z2) \
	LOOKUP(Z3) \
	LOOKUP(Z4) \
	LOOKUP(Z5) \
	LOOKUP(Z6) \
	LOOKUP(Z7) \
plain: \
	PREFETCHT0 1024(SI) \
	PREFETCHT0 1088(SI) \
	PREFETCHT0 1152(SI) \
	PREFETCHT0 1216(SI) \
	ADDQ $256, SI

#define EIGHT8 \
	VMOVDQU64 0(SI), Z0 \
	VMOVDQU64 64(SI), Z1 \
	VMOVDQU64 128(SI), Z2 \
	VMOVDQU64 192(SI), Z3 \
	VMOVDQU64 256(SI), Z4 \
	VMOVDQU64 320(SI), Z5 \
	VMOVDQU64 384(SI), Z6 \
	VMOVDQU64 448(SI), Z7 \
	PREFETCHT0 1536(SI) \
	PREFETCHT0 1600(SI) \
	PREFETCHT0 1664(SI) \
	PREFETCHT0 1728(SI) \
	PREFETCHT0 1792(SI) \
	PREFETCHT0 1856(SI) \
	PREFETCHT0 1920(SI) \
	PREFETCHT0 1984(SI) \
	ADDQ $512, SI

#define LOWS \
	DOT(0, Z0) \
	DOT(4, Z1) \
	DOT(8, Z2) \
	DOT(12, Z3)

#define HIGHS \
	DOT(16, Z4) \
	DOT(20, Z5) \
	DOT(24, Z6) \
	DOT(28, Z7)

// ONE multiplies the block with the row at DX, whose sums are in acc.
#define ONE(acc, onescale, done) \
	CLEAR \
	LOWS \
	TESTQ $TWO, R10 \
	JZ   onescale \
	FINISH(Z26, Z27, 112, acc) \
	CLEAR \
	HIGHS \
	FINISH(Z28, Z29, 116, acc) \
	JMP  done \
onescale: \
	HIGHS \
	FINISH(Z26, Z27, 108, acc) \
done:

#define FOUR \
	ONE(Z16, one0, done0) \
	ADDQ R9, DX \
	ONE(Z17, one1, done1) \
	ADDQ R9, DX \
	ONE(Z18, one2, done2) \
	ADDQ R9, DX \
	ONE(Z19, one3, done3) \
	SUBQ R11, DX \
	ADDQ $128, DX

#define FOURARGS \
	ARGS \
	MOVQ ldx+64(FP), R9 \
	LEAQ (R9)(R9*2), R11 \
	VPXORD Z16, Z16, Z16 \
	VPXORD Z17, Z17, Z17 \
	VPXORD Z18, Z18, Z18 \
	VPXORD Z19, Z19, Z19

#define FOURSTORE \
	MOVQ ldy+72(FP), R8 \
	VMOVUPS Z16, (DI) \
	VMOVUPS Z17, (DI)(R8*1) \
	LEAQ (DI)(R8*2), DI \
	VMOVUPS Z18, (DI) \
	VMOVUPS Z19, (DI)(R8*1) \
	VZEROUPPER

// func packed4x1(blocks int, codes, scales, x *byte, y *float32, flags int, offset float32, table *byte)
TEXT ·packed4x1(SB), NOSPLIT, $0-64
	ARGS
	VPXORD Z16, Z16, Z16

block:
	SCALES
	EIGHT4
	ONE(Z16, one0, done0)
	ADDQ $128, DX
	DECQ CX
	JNZ  block
	VMOVUPS Z16, (DI)
	VZEROUPPER
	RET

// func packed8x1(blocks int, codes, scales, x *byte, y *float32, flags int, offset float32, table *byte)
TEXT ·packed8x1(SB), NOSPLIT, $0-64
	ARGS
	VPXORD Z16, Z16, Z16

block:
	SCALES
	EIGHT8
	ONE(Z16, one0, done0)
	ADDQ $128, DX
	DECQ CX
	JNZ  block
	VMOVUPS Z16, (DI)
	VZEROUPPER
	RET

// func packed4x4(blocks int, codes, scales, x *byte, y *float32, flags int, offset float32, table *byte, ldx, ldy int)
TEXT ·packed4x4(SB), NOSPLIT, $0-80
	FOURARGS

block:
	SCALES
	EIGHT4
	FOUR
	DECQ CX
	JNZ  block
	FOURSTORE
	RET

// func packed8x4(blocks int, codes, scales, x *byte, y *float32, flags int, offset float32, table *byte, ldx, ldy int)
TEXT ·packed8x4(SB), NOSPLIT, $0-80
	FOURARGS

block:
	SCALES
	EIGHT8
	FOUR
	DECQ CX
	JNZ  block
	FOURSTORE
	RET
