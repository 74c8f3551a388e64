#include "textflag.h"

// Products of a few query rows with a panel of cached keys or values:
// c[rows][32] (+)= a[rows][k] b[k][32], where b is half or single precision.

#define ARGS \
	MOVQ k+0(FP), CX \
	MOVQ a+8(FP), SI \
	MOVQ lda+16(FP), AX \
	SHLQ $2, AX \
	MOVQ b+24(FP), DI \
	MOVQ ldb+32(FP), BX \
	MOVQ c+40(FP), DX \
	MOVQ ldc+48(FP), R8 \
	SHLQ $2, R8 \
	LEAQ (DX)(R8*1), R9 \
	LEAQ (DX)(R8*2), R10

#define ZERO3 \
	VXORPS Y0, Y0, Y0 \
	VXORPS Y1, Y1, Y1 \
	VXORPS Y2, Y2, Y2 \
	VXORPS Y3, Y3, Y3 \
	VXORPS Y4, Y4, Y4 \
	VXORPS Y5, Y5, Y5 \
	VXORPS Y6, Y6, Y6 \
	VXORPS Y7, Y7, Y7 \
	VXORPS Y8, Y8, Y8 \
	VXORPS Y9, Y9, Y9 \
	VXORPS Y10, Y10, Y10 \
	VXORPS Y11, Y11, Y11

#define LOADROW(p, c0, c1, c2, c3) \
	VMOVUPS (p), c0 \
	VMOVUPS 32(p), c1 \
	VMOVUPS 64(p), c2 \
	VMOVUPS 96(p), c3

#define STOREROW(p, c0, c1, c2, c3) \
	VMOVUPS c0, (p) \
	VMOVUPS c1, 32(p) \
	VMOVUPS c2, 64(p) \
	VMOVUPS c3, 96(p)

#define FMA3(c0, c1, c2) \
	VFMADD231PS Y12, Y13, c0 \
	VFMADD231PS Y12, Y14, c1 \
	VFMADD231PS Y12, Y15, c2

#define BODY3(LOAD, w) \
	VBROADCASTSS (SI), Y13 \
	VBROADCASTSS (SI)(AX*1), Y14 \
	VBROADCASTSS (SI)(AX*2), Y15 \
	LOAD (DI), Y12 \
	FMA3(Y0, Y4, Y8) \
	LOAD (w*8)(DI), Y12 \
	FMA3(Y1, Y5, Y9) \
	LOAD (w*16)(DI), Y12 \
	FMA3(Y2, Y6, Y10) \
	LOAD (w*24)(DI), Y12 \
	FMA3(Y3, Y7, Y11) \
	ADDQ $4, SI \
	ADDQ BX, DI

// func half3AVX2(k int, a *float32, lda int, b *uint16, ldb int, c *float32, ldc int, add bool)
TEXT ·half3AVX2(SB), NOSPLIT, $0-57
	ARGS
	SHLQ $1, BX
	CMPB add+56(FP), $0
	JNE  load
	ZERO3
	JMP  loop

load:
	LOADROW(DX, Y0, Y1, Y2, Y3)
	LOADROW(R9, Y4, Y5, Y6, Y7)
	LOADROW(R10, Y8, Y9, Y10, Y11)

loop:
	BODY3(VCVTPH2PS, 2)
	DECQ CX
	JNZ  loop
	STOREROW(DX, Y0, Y1, Y2, Y3)
	STOREROW(R9, Y4, Y5, Y6, Y7)
	STOREROW(R10, Y8, Y9, Y10, Y11)
	VZEROUPPER
	RET

// func single3AVX2(k int, a *float32, lda int, b *float32, ldb int, c *float32, ldc int, add bool)
TEXT ·single3AVX2(SB), NOSPLIT, $0-57
	ARGS
	SHLQ $2, BX
	CMPB add+56(FP), $0
	JNE  load
	ZERO3
	JMP  loop

load:
	LOADROW(DX, Y0, Y1, Y2, Y3)
	LOADROW(R9, Y4, Y5, Y6, Y7)
	LOADROW(R10, Y8, Y9, Y10, Y11)

loop:
	BODY3(VMOVUPS, 4)
	DECQ CX
	JNZ  loop
	STOREROW(DX, Y0, Y1, Y2, Y3)
	STOREROW(R9, Y4, Y5, Y6, Y7)
	STOREROW(R10, Y8, Y9, Y10, Y11)
	VZEROUPPER
	RET

#define BODY1(LOAD, w) \
	VBROADCASTSS (SI), Y13 \
	LOAD (DI), Y12 \
	VFMADD231PS Y12, Y13, Y0 \
	LOAD (w*8)(DI), Y14 \
	VFMADD231PS Y14, Y13, Y1 \
	LOAD (w*16)(DI), Y15 \
	VFMADD231PS Y15, Y13, Y2 \
	LOAD (w*24)(DI), Y12 \
	VFMADD231PS Y12, Y13, Y3 \
	ADDQ $4, SI \
	ADDQ BX, DI

// func half1AVX2(k int, a *float32, lda int, b *uint16, ldb int, c *float32, ldc int, add bool)
TEXT ·half1AVX2(SB), NOSPLIT, $0-57
	ARGS
	SHLQ $1, BX
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	CMPB add+56(FP), $0
	JEQ  loop
	LOADROW(DX, Y0, Y1, Y2, Y3)

loop:
	BODY1(VCVTPH2PS, 2)
	DECQ CX
	JNZ  loop
	STOREROW(DX, Y0, Y1, Y2, Y3)
	VZEROUPPER
	RET

// func single1AVX2(k int, a *float32, lda int, b *float32, ldb int, c *float32, ldc int, add bool)
TEXT ·single1AVX2(SB), NOSPLIT, $0-57
	ARGS
	SHLQ $2, BX
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	CMPB add+56(FP), $0
	JEQ  loop
	LOADROW(DX, Y0, Y1, Y2, Y3)

loop:
	BODY1(VMOVUPS, 4)
	DECQ CX
	JNZ  loop
	STOREROW(DX, Y0, Y1, Y2, Y3)
	VZEROUPPER
	RET

#define BODY512(LOAD, w) \
	LOAD (DI), Z6 \
	LOAD (w*16)(DI), Z7 \
	VBROADCASTSS (SI), Z8 \
	VBROADCASTSS (SI)(AX*1), Z9 \
	VBROADCASTSS (SI)(AX*2), Z10 \
	VFMADD231PS Z6, Z8, Z0 \
	VFMADD231PS Z7, Z8, Z1 \
	VFMADD231PS Z6, Z9, Z2 \
	VFMADD231PS Z7, Z9, Z3 \
	VFMADD231PS Z6, Z10, Z4 \
	VFMADD231PS Z7, Z10, Z5 \
	ADDQ $4, SI \
	ADDQ BX, DI

#define ZERO512 \
	VPXORD Z0, Z0, Z0 \
	VPXORD Z1, Z1, Z1 \
	VPXORD Z2, Z2, Z2 \
	VPXORD Z3, Z3, Z3 \
	VPXORD Z4, Z4, Z4 \
	VPXORD Z5, Z5, Z5

#define LOAD512 \
	VMOVUPS (DX), Z0 \
	VMOVUPS 64(DX), Z1 \
	VMOVUPS (R9), Z2 \
	VMOVUPS 64(R9), Z3 \
	VMOVUPS (R10), Z4 \
	VMOVUPS 64(R10), Z5

#define STORE512 \
	VMOVUPS Z0, (DX) \
	VMOVUPS Z1, 64(DX) \
	VMOVUPS Z2, (R9) \
	VMOVUPS Z3, 64(R9) \
	VMOVUPS Z4, (R10) \
	VMOVUPS Z5, 64(R10)

// func half3AVX512(k int, a *float32, lda int, b *uint16, ldb int, c *float32, ldc int, add bool)
TEXT ·half3AVX512(SB), NOSPLIT, $0-57
	ARGS
	SHLQ $1, BX
	CMPB add+56(FP), $0
	JNE  load
	ZERO512
	JMP  loop

load:
	LOAD512

loop:
	BODY512(VCVTPH2PS, 2)
	DECQ CX
	JNZ  loop
	STORE512
	VZEROUPPER
	RET

// func single3AVX512(k int, a *float32, lda int, b *float32, ldb int, c *float32, ldc int, add bool)
TEXT ·single3AVX512(SB), NOSPLIT, $0-57
	ARGS
	SHLQ $2, BX
	CMPB add+56(FP), $0
	JNE  load
	ZERO512
	JMP  loop

load:
	LOAD512

loop:
	BODY512(VMOVUPS, 4)
	DECQ CX
	JNZ  loop
	STORE512
	VZEROUPPER
	RET

#define FMA6(off, c0, c1) \
	VBROADCASTSS off, Z14 \
	VFMADD231PS Z12, Z14, c0 \
	VFMADD231PS Z13, Z14, c1

#define BODY6(LOAD, w) \
	LOAD (DI), Z12 \
	LOAD (w*16)(DI), Z13 \
	FMA6((SI), Z0, Z1) \
	FMA6((SI)(AX*1), Z2, Z3) \
	FMA6((SI)(AX*2), Z4, Z5) \
	FMA6((R11), Z6, Z7) \
	FMA6((R11)(AX*1), Z8, Z9) \
	FMA6((R11)(AX*2), Z10, Z11) \
	ADDQ $4, SI \
	ADDQ $4, R11 \
	ADDQ BX, DI

// Rows 3-5 of a begin at R11, those of c are at R12, R13, DX + 5 R8.
#define ARGS6 \
	ARGS \
	LEAQ (AX)(AX*2), R11 \
	ADDQ SI, R11 \
	LEAQ (R9)(R8*2), R12 \
	LEAQ (R10)(R8*2), R13 \
	LEAQ (R12)(R8*2), R15

#define ZERO6 \
	ZERO512 \
	VPXORD Z6, Z6, Z6 \
	VPXORD Z7, Z7, Z7 \
	VPXORD Z8, Z8, Z8 \
	VPXORD Z9, Z9, Z9 \
	VPXORD Z10, Z10, Z10 \
	VPXORD Z11, Z11, Z11

#define LOAD6 \
	LOAD512 \
	VMOVUPS (R12), Z6 \
	VMOVUPS 64(R12), Z7 \
	VMOVUPS (R13), Z8 \
	VMOVUPS 64(R13), Z9 \
	VMOVUPS (R15), Z10 \
	VMOVUPS 64(R15), Z11

#define STORE6 \
	STORE512 \
	VMOVUPS Z6, (R12) \
	VMOVUPS Z7, 64(R12) \
	VMOVUPS Z8, (R13) \
	VMOVUPS Z9, 64(R13) \
	VMOVUPS Z10, (R15) \
	VMOVUPS Z11, 64(R15)

// func half6AVX512(k int, a *float32, lda int, b *uint16, ldb int, c *float32, ldc int, add bool)
TEXT ·half6AVX512(SB), NOSPLIT, $0-57
	ARGS6
	SHLQ $1, BX
	CMPB add+56(FP), $0
	JNE  load
	ZERO6
	JMP  loop

load:
	LOAD6

loop:
	BODY6(VCVTPH2PS, 2)
	DECQ CX
	JNZ  loop
	STORE6
	VZEROUPPER
	RET

// func single6AVX512(k int, a *float32, lda int, b *float32, ldb int, c *float32, ldc int, add bool)
TEXT ·single6AVX512(SB), NOSPLIT, $0-57
	ARGS6
	SHLQ $2, BX
	CMPB add+56(FP), $0
	JNE  load
	ZERO6
	JMP  loop

load:
	LOAD6

loop:
	BODY6(VMOVUPS, 4)
	DECQ CX
	JNZ  loop
	STORE6
	VZEROUPPER
	RET
