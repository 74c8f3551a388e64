#include "textflag.h"

// Products with pages in lines, AVX-512. A word of a line holds fields of two
// or four bits; VPERMPS looks at the low four bits of each lane only, so a
// shift and one look-up in a table of levels (four levels repeated for two
// bits) turn 16 codes into 16 numbers. Signed bytes are converted.
//
// Keys: s[row][64] = scales[64] (init[row] + q[row] codes), added to s if add.
// A line covers some channels of all 64 positions, four registers of 16.
// Values: o[row][64] += p[row][64] codes, where p holds the weights times the
// positions' scales, rows 64 apart; those for the channels from 32 on lie
// second bytes behind. A line covers some positions of 64 channels.

#define FMA3(a0, a1, a2, u) \
	VFMADD231PS.BCST (4*u)(SI), Z29, a0 \
	VFMADD231PS.BCST (4*u)(SI)(AX*1), Z29, a1 \
	VFMADD231PS.BCST (4*u)(SI)(AX*2), Z29, a2

#define FMA6(a0, a1, a2, a3, a4, a5, u) \
	FMA3(a0, a1, a2, u) \
	VFMADD231PS.BCST (4*u)(R11), Z29, a3 \
	VFMADD231PS.BCST (4*u)(R11)(AX*1), Z29, a4 \
	VFMADD231PS.BCST (4*u)(R11)(AX*2), Z29, a5

#define LEVEL(shift) \
	VPSRLD $shift, Z30, Z28 \
	VPERMPS Z31, Z28, Z29

#define BYTES(j, base) \
	VPMOVSXBD (16*j)(base), Z28 \
	VCVTDQ2PS Z28, Z29

// CHANNEL3 and CHANNEL6 add one channel of all positions: four fields of b
// bits, the first at bit 4ub.
#define CHANNEL3(b, u) \
	LEVEL((4*u+0)*b) \
	FMA3(Z0, Z4, Z8, u) \
	LEVEL((4*u+1)*b) \
	FMA3(Z1, Z5, Z9, u) \
	LEVEL((4*u+2)*b) \
	FMA3(Z2, Z6, Z10, u) \
	LEVEL((4*u+3)*b) \
	FMA3(Z3, Z7, Z11, u)

#define CHANNEL6(b, u) \
	LEVEL((4*u+0)*b) \
	FMA6(Z0, Z4, Z8, Z12, Z16, Z20, u) \
	LEVEL((4*u+1)*b) \
	FMA6(Z1, Z5, Z9, Z13, Z17, Z21, u) \
	LEVEL((4*u+2)*b) \
	FMA6(Z2, Z6, Z10, Z14, Z18, Z22, u) \
	LEVEL((4*u+3)*b) \
	FMA6(Z3, Z7, Z11, Z15, Z19, Z23, u)

#define KEYARGS \
	MOVQ lines+0(FP), CX \
	MOVQ q+8(FP), SI \
	MOVQ ldq+16(FP), AX \
	SHLQ $2, AX \
	MOVQ codes+24(FP), DI \
	MOVQ table+32(FP), R8 \
	MOVQ init+40(FP), R9 \
	MOVQ scales+48(FP), R10 \
	MOVQ s+56(FP), DX \
	MOVQ lds+64(FP), BX \
	SHLQ $2, BX \
	LEAQ (SI)(AX*2), R11 \
	ADDQ AX, R11 \
	VMOVUPS (R8), Z31

#define INIT(i, a, b, c, d) \
	VBROADCASTSS (4*i)(R9), a \
	VMOVAPS a, b \
	VMOVAPS a, c \
	VMOVAPS a, d

#define INIT3 \
	INIT(0, Z0, Z1, Z2, Z3) \
	INIT(1, Z4, Z5, Z6, Z7) \
	INIT(2, Z8, Z9, Z10, Z11)

#define INIT6 \
	INIT3 \
	INIT(3, Z12, Z13, Z14, Z15) \
	INIT(4, Z16, Z17, Z18, Z19) \
	INIT(5, Z20, Z21, Z22, Z23)

#define SCALES \
	VMOVUPS (R10), Z24 \
	VMOVUPS 64(R10), Z25 \
	VMOVUPS 128(R10), Z26 \
	VMOVUPS 192(R10), Z27

#define PUT(a, b, c, d) \
	VMULPS Z24, a, a \
	VMULPS Z25, b, b \
	VMULPS Z26, c, c \
	VMULPS Z27, d, d \
	VMOVUPS a, (DX) \
	VMOVUPS b, 64(DX) \
	VMOVUPS c, 128(DX) \
	VMOVUPS d, 192(DX) \
	ADDQ BX, DX

#define SUM(a, b, c, d) \
	VFMADD213PS (DX), Z24, a \
	VFMADD213PS 64(DX), Z25, b \
	VFMADD213PS 128(DX), Z26, c \
	VFMADD213PS 192(DX), Z27, d \
	VMOVUPS a, (DX) \
	VMOVUPS b, 64(DX) \
	VMOVUPS c, 128(DX) \
	VMOVUPS d, 192(DX) \
	ADDQ BX, DX

#define KEYEND3 \
	SCALES \
	CMPB add+72(FP), $0 \
	JNE sum \
	PUT(Z0, Z1, Z2, Z3) \
	PUT(Z4, Z5, Z6, Z7) \
	PUT(Z8, Z9, Z10, Z11) \
	VZEROUPPER \
	RET \
sum: \
	SUM(Z0, Z1, Z2, Z3) \
	SUM(Z4, Z5, Z6, Z7) \
	SUM(Z8, Z9, Z10, Z11) \
	VZEROUPPER \
	RET

#define KEYEND6 \
	SCALES \
	CMPB add+72(FP), $0 \
	JNE sum \
	PUT(Z0, Z1, Z2, Z3) \
	PUT(Z4, Z5, Z6, Z7) \
	PUT(Z8, Z9, Z10, Z11) \
	PUT(Z12, Z13, Z14, Z15) \
	PUT(Z16, Z17, Z18, Z19) \
	PUT(Z20, Z21, Z22, Z23) \
	VZEROUPPER \
	RET \
sum: \
	SUM(Z0, Z1, Z2, Z3) \
	SUM(Z4, Z5, Z6, Z7) \
	SUM(Z8, Z9, Z10, Z11) \
	SUM(Z12, Z13, Z14, Z15) \
	SUM(Z16, Z17, Z18, Z19) \
	SUM(Z20, Z21, Z22, Z23) \
	VZEROUPPER \
	RET

#define NEXTLINE(channels) \
	ADDQ $64, DI \
	ADDQ $(4*channels), SI \
	ADDQ $(4*channels), R11 \
	DECQ CX \
	JNZ loop

#define VALUEARGS \
	MOVQ lines+0(FP), CX \
	MOVQ codes+8(FP), DI \
	MOVQ table+16(FP), R8 \
	MOVQ p+24(FP), SI \
	MOVQ second+32(FP), R10 \
	ADDQ SI, R10 \
	MOVQ o+40(FP), DX \
	MOVQ ldo+48(FP), BX \
	SHLQ $2, BX \
	VMOVUPS (R8), Z31

#define GET(a, b, c, d) \
	VMOVUPS (DX), a \
	VMOVUPS 64(DX), b \
	VMOVUPS 128(DX), c \
	VMOVUPS 192(DX), d \
	ADDQ BX, DX

#define GET3 \
	GET(Z0, Z1, Z2, Z3) \
	GET(Z4, Z5, Z6, Z7) \
	GET(Z8, Z9, Z10, Z11)

#define GET6 \
	GET3 \
	GET(Z12, Z13, Z14, Z15) \
	GET(Z16, Z17, Z18, Z19) \
	GET(Z20, Z21, Z22, Z23)

#define BACK(a, b, c, d) \
	VMOVUPS a, (DX) \
	VMOVUPS b, 64(DX) \
	VMOVUPS c, 128(DX) \
	VMOVUPS d, 192(DX) \
	ADDQ BX, DX

#define VALUEEND3 \
	MOVQ o+40(FP), DX \
	BACK(Z0, Z1, Z2, Z3) \
	BACK(Z4, Z5, Z6, Z7) \
	BACK(Z8, Z9, Z10, Z11) \
	VZEROUPPER \
	RET

#define VALUEEND6 \
	MOVQ o+40(FP), DX \
	BACK(Z0, Z1, Z2, Z3) \
	BACK(Z4, Z5, Z6, Z7) \
	BACK(Z8, Z9, Z10, Z11) \
	BACK(Z12, Z13, Z14, Z15) \
	BACK(Z16, Z17, Z18, Z19) \
	BACK(Z20, Z21, Z22, Z23) \
	VZEROUPPER \
	RET

#define WEIGH3(base, a0, a1, a2, u) \
	VFMADD231PS.BCST (4*u)(base), Z29, a0 \
	VFMADD231PS.BCST (4*u+256)(base), Z29, a1 \
	VFMADD231PS.BCST (4*u+512)(base), Z29, a2

#define WEIGH6(base, a0, a1, a2, a3, a4, a5, u) \
	WEIGH3(base, a0, a1, a2, u) \
	VFMADD231PS.BCST (4*u+768)(base), Z29, a3 \
	VFMADD231PS.BCST (4*u+1024)(base), Z29, a4 \
	VFMADD231PS.BCST (4*u+1280)(base), Z29, a5

#define POSITION3(b, u) \
	LEVEL((4*u+0)*b) \
	WEIGH3(SI, Z0, Z4, Z8, u) \
	LEVEL((4*u+1)*b) \
	WEIGH3(SI, Z1, Z5, Z9, u) \
	LEVEL((4*u+2)*b) \
	WEIGH3(R10, Z2, Z6, Z10, u) \
	LEVEL((4*u+3)*b) \
	WEIGH3(R10, Z3, Z7, Z11, u)

#define POSITION6(b, u) \
	LEVEL((4*u+0)*b) \
	WEIGH6(SI, Z0, Z4, Z8, Z12, Z16, Z20, u) \
	LEVEL((4*u+1)*b) \
	WEIGH6(SI, Z1, Z5, Z9, Z13, Z17, Z21, u) \
	LEVEL((4*u+2)*b) \
	WEIGH6(R10, Z2, Z6, Z10, Z14, Z18, Z22, u) \
	LEVEL((4*u+3)*b) \
	WEIGH6(R10, Z3, Z7, Z11, Z15, Z19, Z23, u)

#define NEXTPOSITIONS(n, step) \
	ADDQ step, DI \
	ADDQ $(4*n), SI \
	ADDQ $(4*n), R10 \
	DECQ CX \
	JNZ loop

// func keys4x3AVX512(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool)
TEXT ·keys4x3AVX512(SB), NOSPLIT, $0-73
	KEYARGS
	INIT3

loop:
	VMOVDQU32 (DI), Z30
	CHANNEL3(4, 0)
	CHANNEL3(4, 1)
	NEXTLINE(2)
	KEYEND3

// func keys4x6AVX512(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool)
TEXT ·keys4x6AVX512(SB), NOSPLIT, $0-73
	KEYARGS
	INIT6

loop:
	VMOVDQU32 (DI), Z30
	CHANNEL6(4, 0)
	CHANNEL6(4, 1)
	NEXTLINE(2)
	KEYEND6

// func keys2x3AVX512(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool)
TEXT ·keys2x3AVX512(SB), NOSPLIT, $0-73
	KEYARGS
	INIT3

loop:
	VMOVDQU32 (DI), Z30
	CHANNEL3(2, 0)
	CHANNEL3(2, 1)
	CHANNEL3(2, 2)
	CHANNEL3(2, 3)
	NEXTLINE(4)
	KEYEND3

// func keys2x6AVX512(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool)
TEXT ·keys2x6AVX512(SB), NOSPLIT, $0-73
	KEYARGS
	INIT6

loop:
	VMOVDQU32 (DI), Z30
	CHANNEL6(2, 0)
	CHANNEL6(2, 1)
	CHANNEL6(2, 2)
	CHANNEL6(2, 3)
	NEXTLINE(4)
	KEYEND6

// func keys8x3AVX512(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool)
TEXT ·keys8x3AVX512(SB), NOSPLIT, $0-73
	KEYARGS
	INIT3

loop:
	BYTES(0, DI)
	FMA3(Z0, Z4, Z8, 0)
	BYTES(1, DI)
	FMA3(Z1, Z5, Z9, 0)
	BYTES(2, DI)
	FMA3(Z2, Z6, Z10, 0)
	BYTES(3, DI)
	FMA3(Z3, Z7, Z11, 0)
	NEXTLINE(1)
	KEYEND3

// func keys8x6AVX512(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool)
TEXT ·keys8x6AVX512(SB), NOSPLIT, $0-73
	KEYARGS
	INIT6

loop:
	BYTES(0, DI)
	FMA6(Z0, Z4, Z8, Z12, Z16, Z20, 0)
	BYTES(1, DI)
	FMA6(Z1, Z5, Z9, Z13, Z17, Z21, 0)
	BYTES(2, DI)
	FMA6(Z2, Z6, Z10, Z14, Z18, Z22, 0)
	BYTES(3, DI)
	FMA6(Z3, Z7, Z11, Z15, Z19, Z23, 0)
	NEXTLINE(1)
	KEYEND6

// func values4x3AVX512(lines int, codes *byte, table, p *float32, second int, o *float32, ldo int)
TEXT ·values4x3AVX512(SB), NOSPLIT, $0-56
	VALUEARGS
	GET3

loop:
	VMOVDQU32 (DI), Z30
	POSITION3(4, 0)
	POSITION3(4, 1)
	NEXTPOSITIONS(2, $64)
	VALUEEND3

// func values4x6AVX512(lines int, codes *byte, table, p *float32, second int, o *float32, ldo int)
TEXT ·values4x6AVX512(SB), NOSPLIT, $0-56
	VALUEARGS
	GET6

loop:
	VMOVDQU32 (DI), Z30
	POSITION6(4, 0)
	POSITION6(4, 1)
	NEXTPOSITIONS(2, $64)
	VALUEEND6

// func values2x3AVX512(lines int, codes *byte, table, p *float32, second int, o *float32, ldo int)
TEXT ·values2x3AVX512(SB), NOSPLIT, $0-56
	VALUEARGS
	GET3

loop:
	VMOVDQU32 (DI), Z30
	POSITION3(2, 0)
	POSITION3(2, 1)
	POSITION3(2, 2)
	POSITION3(2, 3)
	NEXTPOSITIONS(4, $64)
	VALUEEND3

// func values2x6AVX512(lines int, codes *byte, table, p *float32, second int, o *float32, ldo int)
TEXT ·values2x6AVX512(SB), NOSPLIT, $0-56
	VALUEARGS
	GET6

loop:
	VMOVDQU32 (DI), Z30
	POSITION6(2, 0)
	POSITION6(2, 1)
	POSITION6(2, 2)
	POSITION6(2, 3)
	NEXTPOSITIONS(4, $64)
	VALUEEND6

// func values8x3AVX512(lines int, codes *byte, stride int, p *float32, second int, o *float32, ldo int)
TEXT ·values8x3AVX512(SB), NOSPLIT, $0-56
	MOVQ lines+0(FP), CX
	MOVQ codes+8(FP), DI
	MOVQ stride+16(FP), R8
	MOVQ p+24(FP), SI
	MOVQ second+32(FP), R10
	ADDQ SI, R10
	MOVQ o+40(FP), DX
	MOVQ ldo+48(FP), BX
	SHLQ $2, BX
	GET3

loop:
	BYTES(0, DI)
	WEIGH3(SI, Z0, Z4, Z8, 0)
	BYTES(1, DI)
	WEIGH3(SI, Z1, Z5, Z9, 0)
	BYTES(2, DI)
	WEIGH3(R10, Z2, Z6, Z10, 0)
	BYTES(3, DI)
	WEIGH3(R10, Z3, Z7, Z11, 0)
	NEXTPOSITIONS(1, R8)
	VALUEEND3

// func values8x6AVX512(lines int, codes *byte, stride int, p *float32, second int, o *float32, ldo int)
TEXT ·values8x6AVX512(SB), NOSPLIT, $0-56
	MOVQ lines+0(FP), CX
	MOVQ codes+8(FP), DI
	MOVQ stride+16(FP), R8
	MOVQ p+24(FP), SI
	MOVQ second+32(FP), R10
	ADDQ SI, R10
	MOVQ o+40(FP), DX
	MOVQ ldo+48(FP), BX
	SHLQ $2, BX
	GET6

loop:
	BYTES(0, DI)
	WEIGH6(SI, Z0, Z4, Z8, Z12, Z16, Z20, 0)
	BYTES(1, DI)
	WEIGH6(SI, Z1, Z5, Z9, Z13, Z17, Z21, 0)
	BYTES(2, DI)
	WEIGH6(R10, Z2, Z6, Z10, Z14, Z18, Z22, 0)
	BYTES(3, DI)
	WEIGH6(R10, Z3, Z7, Z11, Z15, Z19, Z23, 0)
	NEXTPOSITIONS(1, R8)
	VALUEEND6
