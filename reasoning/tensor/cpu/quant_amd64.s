#include "textflag.h"

// Products with and expansion of quantised rows, for AVX2, FMA and F16C. The
// formats are described in package tensor. One block is 32 weights.

DATA nibble<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA nibble<>+8(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL nibble<>(SB), (8+16), $16

// NIBBLEI expands the 16 bytes at m to 32 integers: Y1, Y2 the low nibbles, Y3,
// Y4 the high ones. X0 holds the mask.
#define NIBBLEI(m) \
	VMOVDQU m, X1 \
	VPSRLW $4, X1, X3 \
	VPAND X0, X1, X1 \
	VPAND X0, X3, X3 \
	VPSRLDQ $8, X1, X2 \
	VPSRLDQ $8, X3, X4 \
	VPMOVZXBD X1, Y1 \
	VPMOVZXBD X2, Y2 \
	VPMOVZXBD X3, Y3 \
	VPMOVZXBD X4, Y4

#define FLOATS \
	VCVTDQ2PS Y1, Y1 \
	VCVTDQ2PS Y2, Y2 \
	VCVTDQ2PS Y3, Y3 \
	VCVTDQ2PS Y4, Y4

#define NIBBLES(m) \
	NIBBLEI(m) \
	FLOATS

// BLOCKDOT sets Y1 to the elementwise products of Y1-Y4 with the 32 floats at
// DX, summed over the four vectors.
#define BLOCKDOT \
	VMULPS (DX), Y1, Y1 \
	VMULPS 32(DX), Y2, Y2 \
	VFMADD231PS 64(DX), Y3, Y1 \
	VFMADD231PS 96(DX), Y4, Y2 \
	VADDPS Y2, Y1, Y1

// HSUM adds the lanes of y (with low half x) into lane 0 of x; t is scratch.
#define HSUM(y, x, t) \
	VEXTRACTF128 $1, y, t \
	VADDPS t, x, x \
	VHADDPS x, x, x \
	VHADDPS x, x, x

// func gemvQ41(rows, blocks int, w *byte, x, sums, y *float32)
// y[r] = sum over blocks of d (q . x) + m sum(x); sums holds pairs 0, sum(x).
TEXT ·gemvQ41(SB), NOSPLIT, $0-48
	MOVQ rows+0(FP), R8
	MOVQ blocks+8(FP), R9
	MOVQ w+16(FP), SI
	MOVQ y+40(FP), DI
	VMOVDQU nibble<>(SB), X0

row:
	MOVQ x+24(FP), DX
	MOVQ sums+32(FP), BX
	MOVQ R9, CX
	VXORPS Y8, Y8, Y8
	VXORPS Y9, Y9, Y9

block:
	NIBBLES(4(SI))
	BLOCKDOT
	VPBROADCASTW (SI), X5
	VCVTPH2PS X5, Y5
	VFMADD231PS Y5, Y1, Y8
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
	VADDPS Y9, Y8, Y8
	HSUM(Y8, X8, X1)
	VMOVSS X8, (DI)
	ADDQ $4, DI
	DECQ R8
	JNZ  row
	VZEROUPPER
	RET

// func gemvQ40(rows, blocks int, w *byte, x, sums, y *float32)
// y[r] = sum over blocks of d (q . x - 8 sum(x)); sums holds pairs 0, sum(x).
TEXT ·gemvQ40(SB), NOSPLIT, $0-48
	MOVQ rows+0(FP), R8
	MOVQ blocks+8(FP), R9
	MOVQ w+16(FP), SI
	MOVQ y+40(FP), DI
	VMOVDQU nibble<>(SB), X0
	MOVL $0xc1000000, AX // -8
	VMOVD AX, X10

row:
	MOVQ x+24(FP), DX
	MOVQ sums+32(FP), BX
	MOVQ R9, CX
	VXORPS Y8, Y8, Y8

block:
	NIBBLES(2(SI))
	BLOCKDOT
	VMULSS 4(BX), X10, X6 // upper lanes are zero
	VADDPS Y6, Y1, Y1
	VPBROADCASTW (SI), X5
	VCVTPH2PS X5, Y5
	VFMADD231PS Y5, Y1, Y8
	PREFETCHT0 640(SI)
	ADDQ $18, SI
	ADDQ $128, DX
	ADDQ $8, BX
	DECQ CX
	JNZ  block
	HSUM(Y8, X8, X1)
	VMOVSS X8, (DI)
	ADDQ $4, DI
	DECQ R8
	JNZ  row
	VZEROUPPER
	RET

#define BYTES(off) \
	VPMOVSXBD (off+0)(SI), Y1 \
	VPMOVSXBD (off+8)(SI), Y2 \
	VPMOVSXBD (off+16)(SI), Y3 \
	VPMOVSXBD (off+24)(SI), Y4 \
	VCVTDQ2PS Y1, Y1 \
	VCVTDQ2PS Y2, Y2 \
	VCVTDQ2PS Y3, Y3 \
	VCVTDQ2PS Y4, Y4

// func gemvQ80(rows, blocks int, w *byte, x, y *float32)
TEXT ·gemvQ80(SB), NOSPLIT, $0-40
	MOVQ rows+0(FP), R8
	MOVQ blocks+8(FP), R9
	MOVQ w+16(FP), SI
	MOVQ y+32(FP), DI

row:
	MOVQ x+24(FP), DX
	MOVQ R9, CX
	VXORPS Y8, Y8, Y8

block:
	BYTES(2)
	BLOCKDOT
	VPBROADCASTW (SI), X5
	VCVTPH2PS X5, Y5
	VFMADD231PS Y5, Y1, Y8
	PREFETCHT0 1024(SI)
	ADDQ $34, SI
	ADDQ $128, DX
	DECQ CX
	JNZ  block
	HSUM(Y8, X8, X1)
	VMOVSS X8, (DI)
	ADDQ $4, DI
	DECQ R8
	JNZ  row
	VZEROUPPER
	RET

// func gemvF16(rows, n int, w *byte, x, y *float32)
// n is a multiple of 16.
TEXT ·gemvF16(SB), NOSPLIT, $0-40
	MOVQ rows+0(FP), R8
	MOVQ n+8(FP), R9
	MOVQ w+16(FP), SI
	MOVQ y+32(FP), DI

row:
	MOVQ x+24(FP), DX
	MOVQ R9, CX
	VXORPS Y8, Y8, Y8
	VXORPS Y9, Y9, Y9

loop:
	VCVTPH2PS (SI), Y1
	VCVTPH2PS 16(SI), Y2
	VFMADD231PS (DX), Y1, Y8
	VFMADD231PS 32(DX), Y2, Y9
	PREFETCHT0 1024(SI)
	ADDQ $32, SI
	ADDQ $64, DX
	SUBQ $16, CX
	JNZ  loop
	VADDPS Y9, Y8, Y8
	HSUM(Y8, X8, X1)
	VMOVSS X8, (DI)
	ADDQ $4, DI
	DECQ R8
	JNZ  row
	VZEROUPPER
	RET

// func gemvBF16(rows, n int, w *byte, x, y *float32)
// n is a multiple of 16.
TEXT ·gemvBF16(SB), NOSPLIT, $0-40
	MOVQ rows+0(FP), R8
	MOVQ n+8(FP), R9
	MOVQ w+16(FP), SI
	MOVQ y+32(FP), DI

row:
	MOVQ x+24(FP), DX
	MOVQ R9, CX
	VXORPS Y8, Y8, Y8
	VXORPS Y9, Y9, Y9

loop:
	VPMOVZXWD (SI), Y1
	VPMOVZXWD 16(SI), Y2
	VPSLLD $16, Y1, Y1
	VPSLLD $16, Y2, Y2
	VFMADD231PS (DX), Y1, Y8
	VFMADD231PS 32(DX), Y2, Y9
	PREFETCHT0 1024(SI)
	ADDQ $32, SI
	ADDQ $64, DX
	SUBQ $16, CX
	JNZ  loop
	VADDPS Y9, Y8, Y8
	HSUM(Y8, X8, X1)
	VMOVSS X8, (DI)
	ADDQ $4, DI
	DECQ R8
	JNZ  row
	VZEROUPPER
	RET

// func gemv4F32(n int, w *float32, ldw int, x, y *float32)
// y[0..3] = four rows of w, ldw floats apart, times x; n is a multiple of 8.
TEXT ·gemv4F32(SB), NOSPLIT, $0-40
	MOVQ n+0(FP), CX
	MOVQ w+8(FP), SI
	MOVQ ldw+16(FP), AX
	SHLQ $2, AX
	LEAQ (AX)(AX*2), R8
	MOVQ x+24(FP), DX
	MOVQ y+32(FP), DI
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
	SUBQ $16, CX
	JL   rest

loop:
	VMOVUPS (DX), Y8
	VMOVUPS 32(DX), Y9
	VFMADD231PS (SI), Y8, Y0
	VFMADD231PS (SI)(AX*1), Y8, Y1
	VFMADD231PS (SI)(AX*2), Y8, Y2
	VFMADD231PS (SI)(R8*1), Y8, Y3
	VFMADD231PS 32(SI), Y9, Y4
	VFMADD231PS 32(SI)(AX*1), Y9, Y5
	VFMADD231PS 32(SI)(AX*2), Y9, Y6
	VFMADD231PS 32(SI)(R8*1), Y9, Y7
	ADDQ $64, SI
	ADDQ $64, DX
	SUBQ $16, CX
	JGE  loop

rest:
	ADDQ $16, CX
	JZ   sum
	VMOVUPS (DX), Y8
	VFMADD231PS (SI), Y8, Y0
	VFMADD231PS (SI)(AX*1), Y8, Y1
	VFMADD231PS (SI)(AX*2), Y8, Y2
	VFMADD231PS (SI)(R8*1), Y8, Y3

sum:
	VADDPS Y4, Y0, Y0
	VADDPS Y5, Y1, Y1
	VADDPS Y6, Y2, Y2
	VADDPS Y7, Y3, Y3
	VHADDPS Y1, Y0, Y0
	VHADDPS Y3, Y2, Y2
	VHADDPS Y2, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPS X1, X0, X0
	VMOVUPS X0, (DI)
	VZEROUPPER
	RET

#define STORE32 \
	VMOVUPS Y1, (DI) \
	VMOVUPS Y2, 32(DI) \
	VMOVUPS Y3, 64(DI) \
	VMOVUPS Y4, 96(DI) \
	ADDQ $128, DI

#define SCALE32(d) \
	VMULPS d, Y1, Y1 \
	VMULPS d, Y2, Y2 \
	VMULPS d, Y3, Y3 \
	VMULPS d, Y4, Y4

// FMA32 is w = q d + m; q d is exact in single precision, so this rounds once,
// as the definition does.
#define FMA32(d, m) \
	VFMADD213PS m, d, Y1 \
	VFMADD213PS m, d, Y2 \
	VFMADD213PS m, d, Y3 \
	VFMADD213PS m, d, Y4

#define SHIFT32(m) \
	VADDPS m, Y1, Y1 \
	VADDPS m, Y2, Y2 \
	VADDPS m, Y3, Y3 \
	VADDPS m, Y4, Y4

// func expandQ41(blocks int, dst *float32, src *byte)
TEXT ·expandQ41(SB), NOSPLIT, $0-24
	MOVQ blocks+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	VMOVDQU nibble<>(SB), X0

loop:
	NIBBLES(4(SI))
	VPBROADCASTW (SI), X5
	VPBROADCASTW 2(SI), X6
	VCVTPH2PS X5, Y5
	VCVTPH2PS X6, Y6
	FMA32(Y5, Y6)
	STORE32
	PREFETCHT0 640(SI)
	ADDQ $20, SI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func expandQ40(blocks int, dst *float32, src *byte)
TEXT ·expandQ40(SB), NOSPLIT, $0-24
	MOVQ blocks+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	VMOVDQU nibble<>(SB), X0
	MOVL $0xc1000000, AX // -8
	VMOVD AX, X6
	VBROADCASTSS X6, Y6

loop:
	NIBBLES(2(SI))
	VPBROADCASTW (SI), X5
	VCVTPH2PS X5, Y5
	SHIFT32(Y6)
	SCALE32(Y5)
	STORE32
	PREFETCHT0 576(SI)
	ADDQ $18, SI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func expandQ80(blocks int, dst *float32, src *byte)
TEXT ·expandQ80(SB), NOSPLIT, $0-24
	MOVQ blocks+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI

loop:
	BYTES(2)
	VPBROADCASTW (SI), X5
	VCVTPH2PS X5, Y5
	SCALE32(Y5)
	STORE32
	PREFETCHT0 1088(SI)
	ADDQ $34, SI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func expandF16(n int, dst *float32, src *byte)
// n is a multiple of 8.
TEXT ·expandF16(SB), NOSPLIT, $0-24
	MOVQ n+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI

loop:
	VCVTPH2PS (SI), Y1
	VMOVUPS Y1, (DI)
	ADDQ $16, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JNZ  loop
	VZEROUPPER
	RET

// func narrowF16(n int, dst *uint16, src *float32)
// n is a multiple of 8; rounds to nearest even.
TEXT ·narrowF16(SB), NOSPLIT, $0-24
	MOVQ n+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI

loop:
	VMOVUPS (SI), Y1
	VCVTPS2PH $0, Y1, (DI)
	ADDQ $32, SI
	ADDQ $16, DI
	SUBQ $8, CX
	JNZ  loop
	VZEROUPPER
	RET

// func expandBF16(n int, dst *float32, src *byte)
// n is a multiple of 8.
TEXT ·expandBF16(SB), NOSPLIT, $0-24
	MOVQ n+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI

loop:
	VPMOVZXWD (SI), Y1
	VPSLLD $16, Y1, Y1
	VMOVUPS Y1, (DI)
	ADDQ $16, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JNZ  loop
	VZEROUPPER
	RET

// func expandQ4K(dst *float32, qs *byte, scales *float32)
// One block of 256: scales holds, for each of its 8 sub-blocks, the factor and
// the summand.
TEXT ·expandQ4K(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ qs+8(FP), SI
	MOVQ scales+16(FP), DX
	VMOVDQU nibble<>(SB), X0
	MOVQ $4, CX

	// 32 bytes: low nibbles are one sub-block, high nibbles the next.
loop:
	NIBBLES((SI))
	VBROADCASTSS (DX), Y5
	VBROADCASTSS 4(DX), Y6
	VBROADCASTSS 8(DX), Y7
	VBROADCASTSS 12(DX), Y8
	VFMADD213PS Y6, Y5, Y1
	VFMADD213PS Y6, Y5, Y2
	VFMADD213PS Y8, Y7, Y3
	VFMADD213PS Y8, Y7, Y4
	VMOVUPS Y1, (DI)
	VMOVUPS Y2, 32(DI)
	VMOVUPS Y3, 128(DI)
	VMOVUPS Y4, 160(DI)
	NIBBLES(16(SI))
	VFMADD213PS Y6, Y5, Y1
	VFMADD213PS Y6, Y5, Y2
	VFMADD213PS Y8, Y7, Y3
	VFMADD213PS Y8, Y7, Y4
	VMOVUPS Y1, 64(DI)
	VMOVUPS Y2, 96(DI)
	VMOVUPS Y3, 192(DI)
	VMOVUPS Y4, 224(DI)
	ADDQ $32, SI
	ADDQ $16, DX
	ADDQ $256, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// SIX writes 8 weights of run r: q in y, with its scale at DX.
#define SIX(y, r) \
	VPSUBD Y10, y, y \
	VCVTDQ2PS y, y \
	VBROADCASTSS (8*r)(DX), Y7 \
	VMULPS Y7, y, y \
	VMOVUPS y, (128*r)(DI)

// func expandQ6K(dst *float32, ql, qh *byte, scales *float32)
// Half a block: 128 weights in four runs of 32, each run with two scales.
TEXT ·expandQ6K(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ ql+8(FP), SI
	MOVQ qh+16(FP), BX
	MOVQ scales+24(FP), DX
	MOVL $15, AX
	VMOVD AX, X8
	VPBROADCASTD X8, Y8
	MOVL $0x30, AX
	VMOVD AX, X9
	VPBROADCASTD X9, Y9
	MOVL $32, AX
	VMOVD AX, X10
	VPBROADCASTD X10, Y10
	MOVQ $4, CX

loop:
	VPMOVZXBD (SI), Y0
	VPMOVZXBD 32(SI), Y1
	VPMOVZXBD (BX), Y2
	VPAND Y8, Y0, Y3
	VPSLLD $4, Y2, Y4
	VPAND Y9, Y4, Y4
	VPOR Y4, Y3, Y3
	SIX(Y3, 0)
	VPAND Y8, Y1, Y3
	VPSLLD $2, Y2, Y4
	VPAND Y9, Y4, Y4
	VPOR Y4, Y3, Y3
	SIX(Y3, 1)
	VPSRLD $4, Y0, Y3
	VPAND Y9, Y2, Y4
	VPOR Y4, Y3, Y3
	SIX(Y3, 2)
	VPSRLD $4, Y1, Y3
	VPSRLD $2, Y2, Y4
	VPAND Y9, Y4, Y4
	VPOR Y4, Y3, Y3
	SIX(Y3, 3)
	ADDQ $8, SI
	ADDQ $8, BX
	ADDQ $32, DI
	CMPQ CX, $3
	JNE  same
	ADDQ $4, DX // the second 16 weights of each run

same:
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

DATA lanes<>+0(SB)/4, $0
DATA lanes<>+4(SB)/4, $1
DATA lanes<>+8(SB)/4, $2
DATA lanes<>+12(SB)/4, $3
DATA lanes<>+16(SB)/4, $4
DATA lanes<>+20(SB)/4, $5
DATA lanes<>+24(SB)/4, $6
DATA lanes<>+28(SB)/4, $7
GLOBL lanes<>(SB), (8+16), $32

// SPLAT sets all lanes of y (low part x) to an integer; FIFTH prepares the
// shift counts of the 32 high bits in Y10-Y13 and the bit 16 in Y9.
#define SPLAT(v, x, y) \
	MOVL v, AX \
	VMOVD AX, x \
	VPBROADCASTD x, y

#define FIFTH \
	VMOVDQU lanes<>(SB), Y10 \
	SPLAT($8, X14, Y14) \
	VPADDD Y14, Y10, Y11 \
	VPADDD Y14, Y11, Y12 \
	VPADDD Y14, Y12, Y13 \
	SPLAT($16, X9, Y9)

// ORBIT adds to the nibbles in y the high bits that shift brings to bit 0.
#define ORBIT(shift, y) \
	VPSRLVD shift, Y7, Y8 \
	VPSLLD $4, Y8, Y8 \
	VPAND Y9, Y8, Y8 \
	VPOR Y8, y, y

#define HIGHBITS(m) \
	VPBROADCASTD m, Y7 \
	ORBIT(Y10, Y1) \
	ORBIT(Y11, Y2) \
	ORBIT(Y12, Y3) \
	ORBIT(Y13, Y4)

// func expandQ51(blocks int, dst *float32, src *byte)
TEXT ·expandQ51(SB), NOSPLIT, $0-24
	MOVQ blocks+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	VMOVDQU nibble<>(SB), X0
	FIFTH

loop:
	NIBBLEI(8(SI))
	HIGHBITS(4(SI))
	FLOATS
	VPBROADCASTW (SI), X5
	VPBROADCASTW 2(SI), X6
	VCVTPH2PS X5, Y5
	VCVTPH2PS X6, Y6
	FMA32(Y5, Y6)
	STORE32
	PREFETCHT0 768(SI)
	ADDQ $24, SI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func expandQ50(blocks int, dst *float32, src *byte)
TEXT ·expandQ50(SB), NOSPLIT, $0-24
	MOVQ blocks+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	VMOVDQU nibble<>(SB), X0
	FIFTH
	SPLAT($0xc1800000, X6, Y6) // -16

loop:
	NIBBLEI(6(SI))
	HIGHBITS(2(SI))
	FLOATS
	VPBROADCASTW (SI), X5
	VCVTPH2PS X5, Y5
	SHIFT32(Y6)
	SCALE32(Y5)
	STORE32
	PREFETCHT0 704(SI)
	ADDQ $22, SI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// TWOBITS adds bit X15 of the 16 bytes at m to the low nibbles in Y1, Y2 and
// the bit above it to the high nibbles in Y3, Y4.
#define TWOBITS(m) \
	VPMOVZXBD m, Y7 \
	VPSLLD $4, Y7, Y7 \
	VPSRLD X15, Y7, Y7 \
	VPAND Y9, Y7, Y8 \
	VPOR Y8, Y1, Y1 \
	VPSRLD $1, Y7, Y7 \
	VPAND Y9, Y7, Y8 \
	VPOR Y8, Y3, Y3

#define TWOBITSHIGH(m) \
	VPMOVZXBD m, Y7 \
	VPSLLD $4, Y7, Y7 \
	VPSRLD X15, Y7, Y7 \
	VPAND Y9, Y7, Y8 \
	VPOR Y8, Y2, Y2 \
	VPSRLD $1, Y7, Y7 \
	VPAND Y9, Y7, Y8 \
	VPOR Y8, Y4, Y4

#define AFFINE(o0, o1, o2, o3) \
	VFMADD213PS Y11, Y10, Y1 \
	VFMADD213PS Y11, Y10, Y2 \
	VFMADD213PS Y13, Y12, Y3 \
	VFMADD213PS Y13, Y12, Y4 \
	VMOVUPS Y1, o0(DI) \
	VMOVUPS Y2, o1(DI) \
	VMOVUPS Y3, o2(DI) \
	VMOVUPS Y4, o3(DI)

// func expandQ5K(dst *float32, qs, qh *byte, scales *float32)
// One block of 256, as expandQ4K, with two more bits of qh for each 64 weights.
TEXT ·expandQ5K(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ qs+8(FP), SI
	MOVQ qh+16(FP), BX
	MOVQ scales+24(FP), DX
	VMOVDQU nibble<>(SB), X0
	SPLAT($16, X9, Y9)
	VPXOR X15, X15, X15
	MOVL $2, AX
	VMOVD AX, X14
	MOVQ $4, CX

loop:
	VBROADCASTSS (DX), Y10
	VBROADCASTSS 4(DX), Y11
	VBROADCASTSS 8(DX), Y12
	VBROADCASTSS 12(DX), Y13
	NIBBLEI((SI))
	TWOBITS((BX))
	TWOBITSHIGH(8(BX))
	FLOATS
	AFFINE(0, 32, 128, 160)
	NIBBLEI(16(SI))
	TWOBITS(16(BX))
	TWOBITSHIGH(24(BX))
	FLOATS
	AFFINE(64, 96, 192, 224)
	VPADDQ X14, X15, X15
	ADDQ $32, SI
	ADDQ $16, DX
	ADDQ $256, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

#define TILE42(p, c0, c1) \
	VMOVUPS p, Y10 \
	VFMADD231PS Y10, Y8, c0 \
	VFMADD231PS Y10, Y9, c1

// func gemv4x2F32(n int, w *float32, ldw int, x *float32, ldx int, y *float32, ldy int)
// y[j][0..3] = four rows of w times row j of x, for two rows of x; n is a
// multiple of 8. Eight sums in flight keep both multipliers busy.
TEXT ·gemv4x2F32(SB), NOSPLIT, $0-56
	MOVQ n+0(FP), CX
	MOVQ w+8(FP), SI
	MOVQ ldw+16(FP), AX
	SHLQ $2, AX
	LEAQ (AX)(AX*2), R8
	MOVQ x+24(FP), DX
	MOVQ ldx+32(FP), BX
	SHLQ $2, BX
	MOVQ y+40(FP), DI
	MOVQ ldy+48(FP), R9
	SHLQ $2, R9
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7

loop:
	VMOVUPS (DX), Y8
	VMOVUPS (DX)(BX*1), Y9
	TILE42((SI), Y0, Y4)
	TILE42((SI)(AX*1), Y1, Y5)
	TILE42((SI)(AX*2), Y2, Y6)
	TILE42((SI)(R8*1), Y3, Y7)
	ADDQ $32, SI
	ADDQ $32, DX
	SUBQ $8, CX
	JNZ  loop
	VHADDPS Y1, Y0, Y0
	VHADDPS Y3, Y2, Y2
	VHADDPS Y2, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPS X1, X0, X0
	VMOVUPS X0, (DI)
	VHADDPS Y5, Y4, Y4
	VHADDPS Y7, Y6, Y6
	VHADDPS Y6, Y4, Y4
	VEXTRACTF128 $1, Y4, X5
	VADDPS X5, X4, X4
	VMOVUPS X4, (DI)(R9*1)
	VZEROUPPER
	RET
