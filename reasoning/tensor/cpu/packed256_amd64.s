#include "textflag.h"

// The AVX2 forms of packed_amd64.s: eight outputs, one half of a panel, at a
// time, and digits of seven bits, so that no sum of two products overflows the
// 16 bits of VPMADDUBSW.

DATA nibble256<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA nibble256<>+8(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA nibble256<>+16(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA nibble256<>+24(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL nibble256<>(SB), (8+16), $32

DATA ones256<>+0(SB)/8, $0x0001000100010001
DATA ones256<>+8(SB)/8, $0x0001000100010001
DATA ones256<>+16(SB)/8, $0x0001000100010001
DATA ones256<>+24(SB)/8, $0x0001000100010001
GLOBL ones256<>(SB), (8+16), $32

#define WIDE 1
#define MINS 2
#define TWO 4

#define CLEAR \
	VPXOR Y8, Y8, Y8 \
	VPXOR Y9, Y9, Y9 \
	VPXOR Y10, Y10, Y10

// Four-bit codes: eight products of at most 2 x 15 x 64 fit in 16 bits.
#define DIGIT4(at, code, sum) \
	VPBROADCASTD at(DX), Y11 \
	VPMADDUBSW Y11, code, Y11 \
	VPADDW Y11, sum, sum

#define DOT4(at, code) \
	DIGIT4(at, code, Y8) \
	DIGIT4(at+32, code, Y9) \
	DIGIT4(at+64, code, Y10)

#define JOIN4 \
	VPMADDWD ones256<>(SB), Y8, Y8 \
	VPMADDWD ones256<>(SB), Y9, Y9 \
	VPMADDWD ones256<>(SB), Y10, Y10

#define DIGIT8(at, code, sum) \
	VPBROADCASTD at(DX), Y11 \
	VPMADDUBSW Y11, code, Y11 \
	VPMADDWD Y15, Y11, Y11 \
	VPADDD Y11, sum, sum

#define DOT8(at, code) \
	DIGIT8(at, code, Y8) \
	DIGIT8(at+32, code, Y9) \
	DIGIT8(at+64, code, Y10)

// FINISH puts the digits together and applies the scale Y13 and minimum Y14.
#define FINISH(sum) \
	VCVTDQ2PS Y8, Y8 \
	VCVTDQ2PS Y9, Y9 \
	VCVTDQ2PS Y10, Y10 \
	VBROADCASTSS 104(DX), Y11 \
	VMULPS Y11, Y10, Y10 \
	VBROADCASTSS 100(DX), Y11 \
	VFMADD231PS Y11, Y9, Y10 \
	VBROADCASTSS 96(DX), Y11 \
	VFMADD231PS Y11, Y8, Y10 \
	VFMADD231PS Y13, Y10, Y12 \
	VBROADCASTSS sum(DX), Y11 \
	VFMADD231PS Y11, Y14, Y12

#define ARGS \
	MOVQ blocks+0(FP), CX \
	MOVQ codes+8(FP), SI \
	MOVQ scales+16(FP), BX \
	MOVQ x+24(FP), DX \
	MOVQ y+32(FP), DI \
	MOVQ flags+40(FP), R10 \
	VXORPS Y12, Y12, Y12

// SCALES loads Y13 and Y14 of the first half, and leaves in R8 and R9 where
// those of the second are, which follow only with TWO.
#define SCALES \
	VBROADCASTSS offset+48(FP), Y14 \
	TESTQ $WIDE, R10 \
	JNZ  wide \
	VCVTPH2PS (BX), Y13 \
	ADDQ $32, BX \
	VMULPS Y13, Y14, Y14 \
	TESTQ $MINS, R10 \
	JZ   scaled \
	VCVTPH2PS (BX), Y14 \
	ADDQ $32, BX \
	JMP  scaled \
wide: \
	VMOVUPS (BX), Y13 \
	ADDQ $64, BX \
	VMULPS Y13, Y14, Y14 \
	TESTQ $TWO, R10 \
	JZ   widemin \
	MOVQ BX, R8 \
	ADDQ $64, BX \
	TESTQ $MINS, R10 \
	JZ   scaled \
	VMOVUPS (BX), Y14 \
	LEAQ 64(BX), R9 \
	ADDQ $128, BX \
	JMP  scaled \
widemin: \
	TESTQ $MINS, R10 \
	JZ   scaled \
	VMOVUPS (BX), Y14 \
	ADDQ $64, BX \
scaled:

// SECOND loads Y13 and Y14 of the second half.
#define SECOND \
	VMOVUPS (R8), Y13 \
	VBROADCASTSS offset+48(FP), Y14 \
	VMULPS Y13, Y14, Y14 \
	TESTQ $MINS, R10 \
	JZ   second \
	VMOVUPS (R9), Y14 \
second:

#define NIBBLES(at, low, high) \
	VMOVDQU at(SI), low \
	VPSRLW $4, low, high \
	VPAND nibble256<>(SB), low, low \
	VPAND nibble256<>(SB), high, high

// func packed4x1AVX2(blocks int, codes, scales, x *byte, y *float32, flags int, offset float32)
TEXT ·packed4x1AVX2(SB), NOSPLIT, $0-52
	ARGS

block:
	SCALES
	NIBBLES(0, Y0, Y4)
	NIBBLES(64, Y1, Y5)
	NIBBLES(128, Y2, Y6)
	NIBBLES(192, Y3, Y7)
	ADDQ $256, SI
	CLEAR
	DOT4(0, Y0)
	DOT4(4, Y1)
	DOT4(8, Y2)
	DOT4(12, Y3)
	TESTQ $TWO, R10
	JZ   one
	JOIN4
	FINISH(112)
	SECOND
	CLEAR
	DOT4(16, Y4)
	DOT4(20, Y5)
	DOT4(24, Y6)
	DOT4(28, Y7)
	JOIN4
	FINISH(116)
	JMP  next

one:
	DOT4(16, Y4)
	DOT4(20, Y5)
	DOT4(24, Y6)
	DOT4(28, Y7)
	JOIN4
	FINISH(108)

next:
	ADDQ $128, DX
	DECQ CX
	JNZ  block
	VMOVUPS Y12, (DI)
	VZEROUPPER
	RET

#define LOAD8(at, to) VMOVDQU at(SI), to

// func packed8x1AVX2(blocks int, codes, scales, x *byte, y *float32, flags int, offset float32)
TEXT ·packed8x1AVX2(SB), NOSPLIT, $0-52
	ARGS
	VMOVDQU ones256<>(SB), Y15

block:
	SCALES
	LOAD8(0, Y0)
	LOAD8(64, Y1)
	LOAD8(128, Y2)
	LOAD8(192, Y3)
	LOAD8(256, Y4)
	LOAD8(320, Y5)
	LOAD8(384, Y6)
	LOAD8(448, Y7)
	ADDQ $512, SI
	CLEAR
	DOT8(0, Y0)
	DOT8(4, Y1)
	DOT8(8, Y2)
	DOT8(12, Y3)
	TESTQ $TWO, R10
	JZ   one
	FINISH(112)
	SECOND
	CLEAR
	DOT8(16, Y4)
	DOT8(20, Y5)
	DOT8(24, Y6)
	DOT8(28, Y7)
	FINISH(116)
	JMP  next

one:
	DOT8(16, Y4)
	DOT8(20, Y5)
	DOT8(24, Y6)
	DOT8(28, Y7)
	FINISH(108)

next:
	ADDQ $128, DX
	DECQ CX
	JNZ  block
	VMOVUPS Y12, (DI)
	VZEROUPPER
	RET
