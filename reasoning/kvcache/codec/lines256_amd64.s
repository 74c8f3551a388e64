#include "textflag.h"

// The products of lines512_amd64.s with AVX2. Sixteen registers hold the sums
// of three rows for two fields of half a line, so a page is walked four times
// for keys and for values; a look-up in sixteen levels takes two in eight and
// a blend.

// LEVEL2 makes Y12 the levels of the fields at a shift of Y11. Y14 and Y15 are
// the lower and the upper eight levels.
#define LEVEL2(shift) \
	VPSRLD $shift, Y11, Y12 \
	VPSLLD $28, Y12, Y13 \
	VPERMPS Y14, Y12, Y10 \
	VPERMPS Y15, Y12, Y12 \
	VBLENDVPS Y13, Y12, Y10, Y12

#define BYTES2(at) \
	VPMOVSXBD at, Y12 \
	VCVTDQ2PS Y12, Y12

#define ROWS(u) \
	VBROADCASTSS (4*u)(SI), Y6 \
	VBROADCASTSS (4*u)(SI)(AX*1), Y7 \
	VBROADCASTSS (4*u)(SI)(AX*2), Y8

#define ADD(a, b, c) \
	VFMADD231PS Y12, Y6, a \
	VFMADD231PS Y12, Y7, b \
	VFMADD231PS Y12, Y8, c

#define KEYARGS2 \
	MOVQ ldq+16(FP), AX \
	SHLQ $2, AX \
	MOVQ table+32(FP), R8 \
	MOVQ init+40(FP), R9 \
	MOVQ scales+48(FP), R10 \
	MOVQ s+56(FP), DX \
	MOVQ lds+64(FP), BX \
	SHLQ $2, BX \
	VMOVUPS (R8), Y14 \
	VMOVUPS 32(R8), Y15

#define BEGIN2 \
	MOVQ lines+0(FP), CX \
	MOVQ q+8(FP), SI \
	MOVQ codes+24(FP), DI \
	VBROADCASTSS (R9), Y0 \
	VMOVAPS Y0, Y1 \
	VBROADCASTSS 4(R9), Y2 \
	VMOVAPS Y2, Y3 \
	VBROADCASTSS 8(R9), Y4 \
	VMOVAPS Y4, Y5

// OUT2 writes one row's two registers, scaled, at offset at and 64 behind.
#define OUT2(p, a, b, at) \
	VMULPS at(R10), a, a \
	VMULPS (at+64)(R10), b, b \
	CMPB add+72(FP), $0 \
	JEQ 3(PC) \
	VADDPS at(p), a, a \
	VADDPS (at+64)(p), b, b \
	VMOVUPS a, at(p) \
	VMOVUPS b, (at+64)(p)

#define END2(at) \
	OUT2(DX, Y0, Y1, at) \
	LEAQ (DX)(BX*1), R11 \
	OUT2(R11, Y2, Y3, at) \
	ADDQ BX, R11 \
	OUT2(R11, Y4, Y5, at)

#define NEXT2(n, loop) \
	ADDQ $64, DI \
	ADDQ $(4*n), SI \
	DECQ CX \
	JNZ loop

// PAIR adds the fields of two groups of 16 positions, the first at bit first,
// of one channel.
#define PAIR(u, first, b) \
	ROWS(u) \
	LEVEL2(first) \
	ADD(Y0, Y2, Y4) \
	LEVEL2((first+b)) \
	ADD(Y1, Y3, Y5)

#define KEYS4(half, first, at, loop) \
	BEGIN2 \
loop: \
	VMOVDQU half(DI), Y11 \
	PAIR(0, first, 4) \
	PAIR(1, (first+16), 4) \
	NEXT2(2, loop) \
	END2(at)

#define KEYS2(half, first, at, loop) \
	BEGIN2 \
loop: \
	VMOVDQU half(DI), Y11 \
	PAIR(0, first, 2) \
	PAIR(1, (first+8), 2) \
	PAIR(2, (first+16), 2) \
	PAIR(3, (first+24), 2) \
	NEXT2(4, loop) \
	END2(at)

#define KEYS8(from, at, loop) \
	BEGIN2 \
loop: \
	ROWS(0) \
	BYTES2(from(DI)) \
	ADD(Y0, Y2, Y4) \
	BYTES2((from+16)(DI)) \
	ADD(Y1, Y3, Y5) \
	NEXT2(1, loop) \
	END2(at)

#define VALUEARGS2 \
	MOVQ table+16(FP), R8 \
	MOVQ o+40(FP), DX \
	MOVQ ldo+48(FP), BX \
	SHLQ $2, BX \
	LEAQ (DX)(BX*1), R9 \
	LEAQ (DX)(BX*2), R11 \
	VMOVUPS (R8), Y14 \
	VMOVUPS 32(R8), Y15

#define WEIGHTS(u) \
	VBROADCASTSS (4*u)(SI), Y6 \
	VBROADCASTSS (4*u+256)(SI), Y7 \
	VBROADCASTSS (4*u+512)(SI), Y8

// GETO loads the sums of two registers a row at offset at; SI is where their
// weights are: shift is 0, or 1 for the upper 32 channels.
#define GETO(at) \
	MOVQ lines+0(FP), CX \
	MOVQ codes+8(FP), DI \
	MOVQ p+24(FP), SI \
	VMOVUPS at(DX), Y0 \
	VMOVUPS (at+64)(DX), Y1 \
	VMOVUPS at(R9), Y2 \
	VMOVUPS (at+64)(R9), Y3 \
	VMOVUPS at(R11), Y4 \
	VMOVUPS (at+64)(R11), Y5

#define PUTO(at) \
	VMOVUPS Y0, at(DX) \
	VMOVUPS Y1, (at+64)(DX) \
	VMOVUPS Y2, at(R9) \
	VMOVUPS Y3, (at+64)(R9) \
	VMOVUPS Y4, at(R11) \
	VMOVUPS Y5, (at+64)(R11)

#define WPAIR(u, first, b) \
	WEIGHTS(u) \
	LEVEL2(first) \
	ADD(Y0, Y2, Y4) \
	LEVEL2((first+b)) \
	ADD(Y1, Y3, Y5)

#define VALUES4(half, first, loop) \
loop: \
	VMOVDQU half(DI), Y11 \
	WPAIR(0, first, 4) \
	WPAIR(1, (first+16), 4) \
	NEXT2(2, loop)

#define VALUES2(half, first, loop) \
loop: \
	VMOVDQU half(DI), Y11 \
	WPAIR(0, first, 2) \
	WPAIR(1, (first+8), 2) \
	WPAIR(2, (first+16), 2) \
	WPAIR(3, (first+24), 2) \
	NEXT2(4, loop)

#define VALUES8(from, loop) \
loop: \
	WEIGHTS(0) \
	BYTES2(from(DI)) \
	ADD(Y0, Y2, Y4) \
	BYTES2((from+16)(DI)) \
	ADD(Y1, Y3, Y5) \
	ADDQ R8, DI \
	ADDQ $4, SI \
	DECQ CX \
	JNZ loop

// func keys4x3AVX2(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool)
TEXT ·keys4x3AVX2(SB), NOSPLIT, $0-73
	KEYARGS2
	KEYS4(0, 0, 0, loop0)
	KEYS4(32, 0, 32, loop1)
	KEYS4(0, 8, 128, loop2)
	KEYS4(32, 8, 160, loop3)
	VZEROUPPER
	RET

// func keys2x3AVX2(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool)
TEXT ·keys2x3AVX2(SB), NOSPLIT, $0-73
	KEYARGS2
	KEYS2(0, 0, 0, loop0)
	KEYS2(32, 0, 32, loop1)
	KEYS2(0, 4, 128, loop2)
	KEYS2(32, 4, 160, loop3)
	VZEROUPPER
	RET

// func keys8x3AVX2(lines int, q *float32, ldq int, codes *byte, table, init, scales, s *float32, lds int, add bool)
TEXT ·keys8x3AVX2(SB), NOSPLIT, $0-73
	MOVQ ldq+16(FP), AX
	SHLQ $2, AX
	MOVQ init+40(FP), R9
	MOVQ scales+48(FP), R10
	MOVQ s+56(FP), DX
	MOVQ lds+64(FP), BX
	SHLQ $2, BX
	KEYS8(0, 0, loop0)
	KEYS8(8, 32, loop1)
	KEYS8(32, 128, loop2)
	KEYS8(40, 160, loop3)
	VZEROUPPER
	RET

// func values4x3AVX2(lines int, codes *byte, table, p *float32, second int, o *float32, ldo int)
TEXT ·values4x3AVX2(SB), NOSPLIT, $0-56
	VALUEARGS2
	GETO(0)
	VALUES4(0, 0, loop0)
	PUTO(0)
	GETO(32)
	VALUES4(32, 0, loop1)
	PUTO(32)
	GETO(128)
	ADDQ second+32(FP), SI
	VALUES4(0, 8, loop2)
	PUTO(128)
	GETO(160)
	ADDQ second+32(FP), SI
	VALUES4(32, 8, loop3)
	PUTO(160)
	VZEROUPPER
	RET

// func values2x3AVX2(lines int, codes *byte, table, p *float32, second int, o *float32, ldo int)
TEXT ·values2x3AVX2(SB), NOSPLIT, $0-56
	VALUEARGS2
	GETO(0)
	VALUES2(0, 0, loop0)
	PUTO(0)
	GETO(32)
	VALUES2(32, 0, loop1)
	PUTO(32)
	GETO(128)
	ADDQ second+32(FP), SI
	VALUES2(0, 4, loop2)
	PUTO(128)
	GETO(160)
	ADDQ second+32(FP), SI
	VALUES2(32, 4, loop3)
	PUTO(160)
	VZEROUPPER
	RET

// func values8x3AVX2(lines int, codes *byte, stride int, p *float32, second int, o *float32, ldo int)
TEXT ·values8x3AVX2(SB), NOSPLIT, $0-56
	MOVQ stride+16(FP), R8
	MOVQ o+40(FP), DX
	MOVQ ldo+48(FP), BX
	SHLQ $2, BX
	LEAQ (DX)(BX*1), R9
	LEAQ (DX)(BX*2), R11
	GETO(0)
	VALUES8(0, loop0)
	PUTO(0)
	GETO(32)
	VALUES8(8, loop1)
	PUTO(32)
	GETO(128)
	ADDQ second+32(FP), SI
	VALUES8(32, loop2)
	PUTO(128)
	GETO(160)
	ADDQ second+32(FP), SI
	VALUES8(40, loop3)
	PUTO(160)
	VZEROUPPER
	RET
