#include "textflag.h"

// The AVX-512 forms of the commonest formats of quant_amd64.s. Nibbles become
// floats by a table of the 16 values: VPERMPS looks at the low four bits of
// each lane only, so nothing has to be masked or converted.

DATA sixteen<>+0(SB)/4, $0.0
DATA sixteen<>+4(SB)/4, $1.0
DATA sixteen<>+8(SB)/4, $2.0
DATA sixteen<>+12(SB)/4, $3.0
DATA sixteen<>+16(SB)/4, $4.0
DATA sixteen<>+20(SB)/4, $5.0
DATA sixteen<>+24(SB)/4, $6.0
DATA sixteen<>+28(SB)/4, $7.0
DATA sixteen<>+32(SB)/4, $8.0
DATA sixteen<>+36(SB)/4, $9.0
DATA sixteen<>+40(SB)/4, $10.0
DATA sixteen<>+44(SB)/4, $11.0
DATA sixteen<>+48(SB)/4, $12.0
DATA sixteen<>+52(SB)/4, $13.0
DATA sixteen<>+56(SB)/4, $14.0
DATA sixteen<>+60(SB)/4, $15.0
GLOBL sixteen<>(SB), (8+16), $64

// NIBBLES expands the 16 bytes at m: Z1 the low nibbles, Z2 the high ones. Z0
// holds the table, which may have a shift built in.
#define NIBBLES(m) \
	VPMOVZXBD m, Z1 \
	VPSRLD $4, Z1, Z2 \
	VPERMPS Z0, Z1, Z1 \
	VPERMPS Z0, Z2, Z2

#define HALF(m, y, z) \
	VPBROADCASTW m, y \
	VCVTPH2PS y, z

// TABLE8 sets Z0 to the values -8 to 7.
#define TABLE8 \
	MOVL $0xc1000000, AX \
	VMOVD AX, X1 \
	VBROADCASTSS X1, Z1 \
	VADDPS sixteen<>(SB), Z1, Z0

#define HSUM512 \
	VEXTRACTF64X4 $1, Z8, Y1 \
	VADDPS Y1, Y8, Y8 \
	VEXTRACTF128 $1, Y8, X1 \
	VADDPS X1, X8, X8 \
	VHADDPS X8, X8, X8 \
	VHADDPS X8, X8, X8

// func gemvQ41x512(rows, blocks int, w *byte, x, sums, y *float32)
TEXT ·gemvQ41x512(SB), NOSPLIT, $0-48
	MOVQ rows+0(FP), R8
	MOVQ blocks+8(FP), R9
	MOVQ w+16(FP), SI
	MOVQ y+40(FP), DI
	VMOVUPS sixteen<>(SB), Z0

row:
	MOVQ x+24(FP), DX
	MOVQ sums+32(FP), BX
	MOVQ R9, CX
	VPXORD Z8, Z8, Z8
	VXORPS X9, X9, X9

block:
	NIBBLES(4(SI))
	HALF((SI), Y5, Z5)
	VMULPS (DX), Z1, Z1
	VFMADD231PS 64(DX), Z2, Z1
	VFMADD231PS Z5, Z1, Z8
	VMOVD (SI), X6
	VCVTPH2PS X6, X6 // d, m
	VMOVSD (BX), X7
	VFMADD231PS X7, X6, X9
	PREFETCHT0 640(SI)
	ADDQ $20, SI
	ADDQ $128, DX
	ADDQ $8, BX
	DECQ CX
	JNZ  block
	HSUM512
	VHADDPS X9, X9, X9 // lanes 0 and 1
	VADDSS X9, X8, X8
	VMOVSS X8, (DI)
	ADDQ $4, DI
	DECQ R8
	JNZ  row
	VZEROUPPER
	RET

// func gemvQ40x512(rows, blocks int, w *byte, x, y *float32)
TEXT ·gemvQ40x512(SB), NOSPLIT, $0-40
	MOVQ rows+0(FP), R8
	MOVQ blocks+8(FP), R9
	MOVQ w+16(FP), SI
	MOVQ y+32(FP), DI
	TABLE8

row:
	MOVQ x+24(FP), DX
	MOVQ R9, CX
	VPXORD Z8, Z8, Z8

block:
	NIBBLES(2(SI))
	HALF((SI), Y5, Z5)
	VMULPS (DX), Z1, Z1
	VFMADD231PS 64(DX), Z2, Z1
	VFMADD231PS Z5, Z1, Z8
	PREFETCHT0 576(SI)
	ADDQ $18, SI
	ADDQ $128, DX
	DECQ CX
	JNZ  block
	HSUM512
	VMOVSS X8, (DI)
	ADDQ $4, DI
	DECQ R8
	JNZ  row
	VZEROUPPER
	RET

// func gemvQ80x512(rows, blocks int, w *byte, x, y *float32)
TEXT ·gemvQ80x512(SB), NOSPLIT, $0-40
	MOVQ rows+0(FP), R8
	MOVQ blocks+8(FP), R9
	MOVQ w+16(FP), SI
	MOVQ y+32(FP), DI

row:
	MOVQ x+24(FP), DX
	MOVQ R9, CX
	VPXORD Z8, Z8, Z8

block:
	VPMOVSXBD 2(SI), Z1
	VPMOVSXBD 18(SI), Z2
	VCVTDQ2PS Z1, Z1
	VCVTDQ2PS Z2, Z2
	HALF((SI), Y5, Z5)
	VMULPS (DX), Z1, Z1
	VFMADD231PS 64(DX), Z2, Z1
	VFMADD231PS Z5, Z1, Z8
	PREFETCHT0 1088(SI)
	ADDQ $34, SI
	ADDQ $128, DX
	DECQ CX
	JNZ  block
	HSUM512
	VMOVSS X8, (DI)
	ADDQ $4, DI
	DECQ R8
	JNZ  row
	VZEROUPPER
	RET

#define STORE32 \
	VMOVUPS Z1, (DI) \
	VMOVUPS Z2, 64(DI) \
	ADDQ $128, DI

// func expandQ41x512(blocks int, dst *float32, src *byte)
TEXT ·expandQ41x512(SB), NOSPLIT, $0-24
	MOVQ blocks+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	VMOVUPS sixteen<>(SB), Z0

loop:
	NIBBLES(4(SI))
	HALF((SI), Y5, Z5)
	HALF(2(SI), Y6, Z6)
	VFMADD213PS Z6, Z5, Z1
	VFMADD213PS Z6, Z5, Z2
	STORE32
	PREFETCHT0 640(SI)
	ADDQ $20, SI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func expandQ40x512(blocks int, dst *float32, src *byte)
TEXT ·expandQ40x512(SB), NOSPLIT, $0-24
	MOVQ blocks+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	TABLE8

loop:
	NIBBLES(2(SI))
	HALF((SI), Y5, Z5)
	VMULPS Z5, Z1, Z1
	VMULPS Z5, Z2, Z2
	STORE32
	PREFETCHT0 576(SI)
	ADDQ $18, SI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func expandQ80x512(blocks int, dst *float32, src *byte)
TEXT ·expandQ80x512(SB), NOSPLIT, $0-24
	MOVQ blocks+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI

loop:
	VPMOVSXBD 2(SI), Z1
	VPMOVSXBD 18(SI), Z2
	VCVTDQ2PS Z1, Z1
	VCVTDQ2PS Z2, Z2
	HALF((SI), Y5, Z5)
	VMULPS Z5, Z1, Z1
	VMULPS Z5, Z2, Z2
	STORE32
	PREFETCHT0 1088(SI)
	ADDQ $34, SI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET
