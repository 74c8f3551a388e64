#include "textflag.h"

// Products of query rows with a block of exact keys: s[row][16] = q[row][k]
// keys[k][16]. Four sums run side by side over every fourth channel, for one
// row as for three, so that a row gets the same bits alone and in company.

#define ARGS \
	MOVQ k+0(FP), CX \
	MOVQ q+8(FP), SI \
	MOVQ ldq+16(FP), AX \
	SHLQ $2, AX \
	MOVQ keys+24(FP), DI \
	MOVQ s+32(FP), DX \
	MOVQ lds+40(FP), BX \
	SHLQ $2, BX \
	SHRQ $2, CX

#define CHANNEL3(LOAD, w, u, a, b, c) \
	LOAD (w*16*u)(DI), Z12 \
	VFMADD231PS.BCST (4*u)(SI), Z12, a \
	VFMADD231PS.BCST (4*u)(SI)(AX*1), Z12, b \
	VFMADD231PS.BCST (4*u)(SI)(AX*2), Z12, c

#define BLOCK3(LOAD, w) \
	ARGS \
	VPXORD Z0, Z0, Z0 \
	VMOVAPS Z0, Z1 \
	VMOVAPS Z0, Z2 \
	VMOVAPS Z0, Z3 \
	VMOVAPS Z0, Z4 \
	VMOVAPS Z0, Z5 \
	VMOVAPS Z0, Z6 \
	VMOVAPS Z0, Z7 \
	VMOVAPS Z0, Z8 \
	VMOVAPS Z0, Z9 \
	VMOVAPS Z0, Z10 \
	VMOVAPS Z0, Z11 \
loop: \
	CHANNEL3(LOAD, w, 0, Z0, Z4, Z8) \
	CHANNEL3(LOAD, w, 1, Z1, Z5, Z9) \
	CHANNEL3(LOAD, w, 2, Z2, Z6, Z10) \
	CHANNEL3(LOAD, w, 3, Z3, Z7, Z11) \
	ADDQ $16, SI \
	ADDQ $(64*w), DI \
	DECQ CX \
	JNZ loop \
	VADDPS Z1, Z0, Z0 \
	VADDPS Z3, Z2, Z2 \
	VADDPS Z2, Z0, Z0 \
	VADDPS Z5, Z4, Z4 \
	VADDPS Z7, Z6, Z6 \
	VADDPS Z6, Z4, Z4 \
	VADDPS Z9, Z8, Z8 \
	VADDPS Z11, Z10, Z10 \
	VADDPS Z10, Z8, Z8 \
	VMOVUPS Z0, (DX) \
	VMOVUPS Z4, (DX)(BX*1) \
	VMOVUPS Z8, (DX)(BX*2) \
	VZEROUPPER \
	RET

// func blockHalf3AVX512(k int, q *float32, ldq int, keys *uint16, s *float32, lds int)
TEXT ·blockHalf3AVX512(SB), NOSPLIT, $0-48
	BLOCK3(VCVTPH2PS, 2)

// func blockSingle3AVX512(k int, q *float32, ldq int, keys *float32, s *float32, lds int)
TEXT ·blockSingle3AVX512(SB), NOSPLIT, $0-48
	BLOCK3(VMOVUPS, 4)

#define CHANNEL1(LOAD, w, u, a) \
	LOAD (w*16*u)(DI), Z12 \
	VFMADD231PS.BCST (4*u)(SI), Z12, a

#define BLOCK1(LOAD, w) \
	ARGS \
	VPXORD Z0, Z0, Z0 \
	VMOVAPS Z0, Z1 \
	VMOVAPS Z0, Z2 \
	VMOVAPS Z0, Z3 \
loop: \
	CHANNEL1(LOAD, w, 0, Z0) \
	CHANNEL1(LOAD, w, 1, Z1) \
	CHANNEL1(LOAD, w, 2, Z2) \
	CHANNEL1(LOAD, w, 3, Z3) \
	ADDQ $16, SI \
	ADDQ $(64*w), DI \
	DECQ CX \
	JNZ loop \
	VADDPS Z1, Z0, Z0 \
	VADDPS Z3, Z2, Z2 \
	VADDPS Z2, Z0, Z0 \
	VMOVUPS Z0, (DX) \
	VZEROUPPER \
	RET

// func blockHalf1AVX512(k int, q *float32, ldq int, keys *uint16, s *float32, lds int)
TEXT ·blockHalf1AVX512(SB), NOSPLIT, $0-48
	BLOCK1(VCVTPH2PS, 2)

// func blockSingle1AVX512(k int, q *float32, ldq int, keys *float32, s *float32, lds int)
TEXT ·blockSingle1AVX512(SB), NOSPLIT, $0-48
	BLOCK1(VMOVUPS, 4)

#define CHANNEL256(LOAD, w, u, a, b) \
	VBROADCASTSS (4*u)(SI), Y12 \
	LOAD (w*16*u)(DI), Y13 \
	VFMADD231PS Y13, Y12, a \
	LOAD (w*16*u+w*8)(DI), Y14 \
	VFMADD231PS Y14, Y12, b

#define BLOCK256(LOAD, w) \
	ARGS \
	VXORPS Y0, Y0, Y0 \
	VXORPS Y1, Y1, Y1 \
	VXORPS Y2, Y2, Y2 \
	VXORPS Y3, Y3, Y3 \
	VXORPS Y4, Y4, Y4 \
	VXORPS Y5, Y5, Y5 \
	VXORPS Y6, Y6, Y6 \
	VXORPS Y7, Y7, Y7 \
loop: \
	CHANNEL256(LOAD, w, 0, Y0, Y4) \
	CHANNEL256(LOAD, w, 1, Y1, Y5) \
	CHANNEL256(LOAD, w, 2, Y2, Y6) \
	CHANNEL256(LOAD, w, 3, Y3, Y7) \
	ADDQ $16, SI \
	ADDQ $(64*w), DI \
	DECQ CX \
	JNZ loop \
	VADDPS Y1, Y0, Y0 \
	VADDPS Y3, Y2, Y2 \
	VADDPS Y2, Y0, Y0 \
	VADDPS Y5, Y4, Y4 \
	VADDPS Y7, Y6, Y6 \
	VADDPS Y6, Y4, Y4 \
	VMOVUPS Y0, (DX) \
	VMOVUPS Y4, 32(DX) \
	VZEROUPPER \
	RET

// func blockHalf1AVX2(k int, q *float32, ldq int, keys *uint16, s *float32, lds int)
TEXT ·blockHalf1AVX2(SB), NOSPLIT, $0-48
	BLOCK256(VCVTPH2PS, 2)

// func blockSingle1AVX2(k int, q *float32, ldq int, keys *float32, s *float32, lds int)
TEXT ·blockSingle1AVX2(SB), NOSPLIT, $0-48
	BLOCK256(VMOVUPS, 4)
