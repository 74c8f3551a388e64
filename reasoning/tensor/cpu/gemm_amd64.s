#include "textflag.h"

// The two micro-kernels of Gemm keep a tile of C in registers and walk k.
// A is packed k x MR, B is k x NR with rows ldb floats apart.

#define ROW512(off, x, c0, c1) \
	VBROADCASTSS off(SI), x \
	VFMADD231PS Z16, x, c0 \
	VFMADD231PS Z17, x, c1

#define OUT512(c0, c1) \
	VADDPS (DX), c0, c0 \
	VADDPS 64(DX), c1, c1 \
	VMOVUPS c0, (DX) \
	VMOVUPS c1, 64(DX) \
	ADDQ R8, DX

// func gemm8x32(k int, a, b *float32, ldb int, c *float32, ldc int)
// Requires AVX512F. 16 accumulators Z0-Z15; B row in Z16, Z17.
TEXT ·gemm8x32(SB), NOSPLIT, $0-48
	MOVQ k+0(FP), CX
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DI
	MOVQ ldb+24(FP), BX
	SHLQ $2, BX
	MOVQ c+32(FP), DX
	MOVQ ldc+40(FP), R8
	SHLQ $2, R8
	VPXORD Z0, Z0, Z0
	VPXORD Z1, Z1, Z1
	VPXORD Z2, Z2, Z2
	VPXORD Z3, Z3, Z3
	VPXORD Z4, Z4, Z4
	VPXORD Z5, Z5, Z5
	VPXORD Z6, Z6, Z6
	VPXORD Z7, Z7, Z7
	VPXORD Z8, Z8, Z8
	VPXORD Z9, Z9, Z9
	VPXORD Z10, Z10, Z10
	VPXORD Z11, Z11, Z11
	VPXORD Z12, Z12, Z12
	VPXORD Z13, Z13, Z13
	VPXORD Z14, Z14, Z14
	VPXORD Z15, Z15, Z15

loop:
	VMOVUPS (DI), Z16
	VMOVUPS 64(DI), Z17
	ROW512(0, Z18, Z0, Z1)
	ROW512(4, Z19, Z2, Z3)
	ROW512(8, Z20, Z4, Z5)
	ROW512(12, Z21, Z6, Z7)
	ROW512(16, Z22, Z8, Z9)
	ROW512(20, Z23, Z10, Z11)
	ROW512(24, Z24, Z12, Z13)
	ROW512(28, Z25, Z14, Z15)
	ADDQ $32, SI
	ADDQ BX, DI
	DECQ CX
	JNZ  loop

	OUT512(Z0, Z1)
	OUT512(Z2, Z3)
	OUT512(Z4, Z5)
	OUT512(Z6, Z7)
	OUT512(Z8, Z9)
	OUT512(Z10, Z11)
	OUT512(Z12, Z13)
	OUT512(Z14, Z15)
	VZEROUPPER
	RET

#define ROW256(off, c0, c1, c2) \
	VBROADCASTSS off(SI), Y15 \
	VFMADD231PS Y12, Y15, c0 \
	VFMADD231PS Y13, Y15, c1 \
	VFMADD231PS Y14, Y15, c2

#define OUT256(c0, c1, c2) \
	VADDPS (DX), c0, c0 \
	VADDPS 32(DX), c1, c1 \
	VADDPS 64(DX), c2, c2 \
	VMOVUPS c0, (DX) \
	VMOVUPS c1, 32(DX) \
	VMOVUPS c2, 64(DX) \
	ADDQ R8, DX

// func gemm4x24(k int, a, b *float32, ldb int, c *float32, ldc int)
// Requires AVX2, FMA. 12 accumulators Y0-Y11; B row in Y12-Y14.
TEXT ·gemm4x24(SB), NOSPLIT, $0-48
	MOVQ k+0(FP), CX
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DI
	MOVQ ldb+24(FP), BX
	SHLQ $2, BX
	MOVQ c+32(FP), DX
	MOVQ ldc+40(FP), R8
	SHLQ $2, R8
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
	VXORPS Y8, Y8, Y8
	VXORPS Y9, Y9, Y9
	VXORPS Y10, Y10, Y10
	VXORPS Y11, Y11, Y11

loop:
	VMOVUPS (DI), Y12
	VMOVUPS 32(DI), Y13
	VMOVUPS 64(DI), Y14
	ROW256(0, Y0, Y1, Y2)
	ROW256(4, Y3, Y4, Y5)
	ROW256(8, Y6, Y7, Y8)
	ROW256(12, Y9, Y10, Y11)
	ADDQ $16, SI
	ADDQ BX, DI
	DECQ CX
	JNZ  loop

	OUT256(Y0, Y1, Y2)
	OUT256(Y3, Y4, Y5)
	OUT256(Y6, Y7, Y8)
	OUT256(Y9, Y10, Y11)
	VZEROUPPER
	RET

// func transpose4(n int, src *float32, lds int, dst *float32, ldd int)
// dst[p][0..3] = src[0..3][p] for p < n; n is a multiple of 4. Requires AVX.
TEXT ·transpose4(SB), NOSPLIT, $0-40
	MOVQ n+0(FP), CX
	MOVQ src+8(FP), SI
	MOVQ lds+16(FP), AX
	SHLQ $2, AX
	MOVQ dst+24(FP), DI
	MOVQ ldd+32(FP), BX
	SHLQ $2, BX
	LEAQ (AX)(AX*2), R8
	LEAQ (BX)(BX*2), R9

loop:
	VMOVUPS (SI), X0
	VMOVUPS (SI)(AX*1), X1
	VMOVUPS (SI)(AX*2), X2
	VMOVUPS (SI)(R8*1), X3
	VUNPCKLPS X1, X0, X4 // a0 b0 a1 b1
	VUNPCKHPS X1, X0, X5 // a2 b2 a3 b3
	VUNPCKLPS X3, X2, X6 // c0 d0 c1 d1
	VUNPCKHPS X3, X2, X7
	VMOVLHPS X6, X4, X0 // a0 b0 c0 d0
	VMOVHLPS X4, X6, X1 // a1 b1 c1 d1
	VMOVLHPS X7, X5, X2
	VMOVHLPS X5, X7, X3
	VMOVUPS X0, (DI)
	VMOVUPS X1, (DI)(BX*1)
	VMOVUPS X2, (DI)(BX*2)
	VMOVUPS X3, (DI)(R9*1)
	ADDQ $16, SI
	LEAQ (DI)(BX*4), DI
	SUBQ $4, CX
	JNZ  loop
	RET

// func pause(n int)
// Waits about n PAUSE instructions: a spin that leaves the core to its twin.
TEXT ·pause(SB), NOSPLIT, $0-8
	MOVQ n+0(FP), CX

loop:
	PAUSE
	DECQ CX
	JNZ  loop
	RET
