#include "textflag.h"

// Vector operations for AVX2 and FMA; n is a positive multiple of 8.

// func dotAVX2(n int, x, y *float32) float32
TEXT ·dotAVX2(SB), NOSPLIT, $0-28
	MOVQ n+0(FP), CX
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), DI
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	SUBQ $32, CX
	JL   rest

loop:
	VMOVUPS (SI), Y4
	VMOVUPS 32(SI), Y5
	VMOVUPS 64(SI), Y6
	VMOVUPS 96(SI), Y7
	VFMADD231PS (DI), Y4, Y0
	VFMADD231PS 32(DI), Y5, Y1
	VFMADD231PS 64(DI), Y6, Y2
	VFMADD231PS 96(DI), Y7, Y3
	ADDQ $128, SI
	ADDQ $128, DI
	SUBQ $32, CX
	JGE  loop

rest:
	ADDQ $32, CX
	JZ   sum

last:
	VMOVUPS (SI), Y4
	VFMADD231PS (DI), Y4, Y0
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JNZ  last

sum:
	VADDPS Y1, Y0, Y0
	VADDPS Y3, Y2, Y2
	VADDPS Y2, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPS X1, X0, X0
	VHADDPS X0, X0, X0
	VHADDPS X0, X0, X0
	VMOVSS X0, ret+24(FP)
	VZEROUPPER
	RET

// func axpyAVX2(n int, alpha float32, x, y *float32)
TEXT ·axpyAVX2(SB), NOSPLIT, $0-32
	MOVQ n+0(FP), CX
	VBROADCASTSS alpha+8(FP), Y0
	MOVQ x+16(FP), SI
	MOVQ y+24(FP), DI

loop:
	VMOVUPS (DI), Y1
	VFMADD231PS (SI), Y0, Y1
	VMOVUPS Y1, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JNZ  loop
	VZEROUPPER
	RET

// func scaleAVX2(n int, alpha float32, x *float32)
TEXT ·scaleAVX2(SB), NOSPLIT, $0-24
	MOVQ n+0(FP), CX
	VBROADCASTSS alpha+8(FP), Y0
	MOVQ x+16(FP), SI

loop:
	VMULPS (SI), Y0, Y1
	VMOVUPS Y1, (SI)
	ADDQ $32, SI
	SUBQ $8, CX
	JNZ  loop
	VZEROUPPER
	RET

// func mulAVX2(n int, dst, x, w *float32, scale float32)
// dst = x * w * scale
TEXT ·mulAVX2(SB), NOSPLIT, $0-36
	MOVQ n+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ x+16(FP), SI
	MOVQ w+24(FP), DX
	VBROADCASTSS scale+32(FP), Y0

loop:
	VMULPS (SI), Y0, Y1
	VMULPS (DX), Y1, Y1
	VMOVUPS Y1, (DI)
	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, DI
	SUBQ $8, CX
	JNZ  loop
	VZEROUPPER
	RET

// func maxAVX2(n int, x *float32) float32
TEXT ·maxAVX2(SB), NOSPLIT, $0-20
	MOVQ n+0(FP), CX
	MOVQ x+8(FP), SI
	VMOVUPS (SI), Y0

loop:
	VMAXPS (SI), Y0, Y0
	ADDQ $32, SI
	SUBQ $8, CX
	JNZ  loop
	VEXTRACTF128 $1, Y0, X1
	VMAXPS X1, X0, X0
	VPERMILPS $0x4e, X0, X1
	VMAXPS X1, X0, X0
	VPERMILPS $0xb1, X0, X1
	VMAXPS X1, X0, X0
	VMOVSS X0, ret+16(FP)
	VZEROUPPER
	RET

#define CONST8(name, v) \
	DATA name<>+0(SB)/4, v \
	DATA name<>+4(SB)/4, v \
	DATA name<>+8(SB)/4, v \
	DATA name<>+12(SB)/4, v \
	DATA name<>+16(SB)/4, v \
	DATA name<>+20(SB)/4, v \
	DATA name<>+24(SB)/4, v \
	DATA name<>+28(SB)/4, v \
	GLOBL name<>(SB), (8+16), $32 // RODATA, NOPTR

CONST8(lo, $-87.0)
CONST8(hi, $88.0)
CONST8(log2e, $1.44269504088896341)
CONST8(ln2hi, $0.693359375)
CONST8(ln2lo, $-2.12194440e-4)
CONST8(e0, $1.9875691500e-4)
CONST8(e1, $1.3981999507e-3)
CONST8(e2, $8.3334519073e-3)
CONST8(e3, $4.1665795894e-2)
CONST8(e4, $1.6666665459e-1)
CONST8(e5, $5.0000001201e-1)
CONST8(one, $1.0)
CONST8(two, $2.0)
CONST8(half, $0.5)
CONST8(sqrthalf, $0.70710678118654752)
CONST8(absmask, $0x7fffffff)
CONST8(signmask, $0x80000000)
CONST8(erfp, $0.3275911)
CONST8(erf1, $0.254829592)
CONST8(erf2, $-0.284496736)
CONST8(erf3, $1.421413741)
CONST8(erf4, $-1.453152027)
CONST8(erf5, $1.061405429)

// EXP sets t = exp(x), destroying x, n, s. x is clamped to [-87, 88]; relative
// error about 1e-7: x = n ln2 + r, exp(r) by the Cephes polynomial, 2^n by
// adding n to the exponent.
#define EXP(x, n, s, t) \
	VMAXPS lo<>(SB), x, x \
	VMINPS hi<>(SB), x, x \
	VMULPS log2e<>(SB), x, n \
	VROUNDPS $0, n, n \
	VFNMADD231PS ln2hi<>(SB), n, x \
	VFNMADD231PS ln2lo<>(SB), n, x \
	VMOVUPS e0<>(SB), t \
	VFMADD213PS e1<>(SB), x, t \
	VFMADD213PS e2<>(SB), x, t \
	VFMADD213PS e3<>(SB), x, t \
	VFMADD213PS e4<>(SB), x, t \
	VFMADD213PS e5<>(SB), x, t \
	VMULPS x, x, s \
	VFMADD213PS x, s, t \
	VADDPS one<>(SB), t, t \
	VCVTPS2DQ n, n \
	VPSLLD $23, n, n \
	VPADDD n, t, t

// func expSumAVX2(n int, x *float32, shift float32) float32
// x = exp(x - shift); returns the sum of the new x.
TEXT ·expSumAVX2(SB), NOSPLIT, $0-28
	MOVQ n+0(FP), CX
	MOVQ x+8(FP), SI
	VBROADCASTSS shift+16(FP), Y5
	VXORPS Y4, Y4, Y4

loop:
	VMOVUPS (SI), Y0
	VSUBPS Y5, Y0, Y0
	EXP(Y0, Y1, Y2, Y3)
	VMOVUPS Y3, (SI)
	VADDPS Y3, Y4, Y4
	ADDQ $32, SI
	SUBQ $8, CX
	JNZ  loop
	VEXTRACTF128 $1, Y4, X0
	VADDPS X0, X4, X0
	VHADDPS X0, X0, X0
	VHADDPS X0, X0, X0
	VMOVSS X0, ret+24(FP)
	VZEROUPPER
	RET

// func swigluAVX2(n int, dst, gate, up *float32)
// dst = gate / (1 + exp(-gate)) * up
TEXT ·swigluAVX2(SB), NOSPLIT, $0-32
	MOVQ n+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ gate+16(FP), SI
	MOVQ up+24(FP), DX

loop:
	VMOVUPS (SI), Y5
	VXORPS signmask<>(SB), Y5, Y0
	EXP(Y0, Y1, Y2, Y3)
	VADDPS one<>(SB), Y3, Y3
	VDIVPS Y3, Y5, Y5
	VMULPS (DX), Y5, Y5
	VMOVUPS Y5, (DI)
	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, DI
	SUBQ $8, CX
	JNZ  loop
	VZEROUPPER
	RET

// func geluAVX2(n int, x *float32)
// x = x/2 (1 + erf(x/sqrt 2)); erf by Abramowitz and Stegun 7.1.26, absolute
// error 1.5e-7: erfc(z) = poly(t) exp(-z*z), t = 1/(1 + p z), for z = |x|/sqrt 2.
TEXT ·geluAVX2(SB), NOSPLIT, $0-16
	MOVQ n+0(FP), CX
	MOVQ x+8(FP), SI

loop:
	VMOVUPS (SI), Y5
	VANDPS absmask<>(SB), Y5, Y6
	VMULPS sqrthalf<>(SB), Y6, Y6
	VMOVUPS one<>(SB), Y7
	VMOVUPS erfp<>(SB), Y8
	VFMADD213PS Y7, Y6, Y8
	VDIVPS Y8, Y7, Y7 // t
	VMOVUPS erf5<>(SB), Y8
	VFMADD213PS erf4<>(SB), Y7, Y8
	VFMADD213PS erf3<>(SB), Y7, Y8
	VFMADD213PS erf2<>(SB), Y7, Y8
	VFMADD213PS erf1<>(SB), Y7, Y8
	VMULPS Y7, Y8, Y8
	VMULPS Y6, Y6, Y0
	VXORPS signmask<>(SB), Y0, Y0
	EXP(Y0, Y1, Y2, Y3)
	VMULPS Y3, Y8, Y8 // erfc(z)
	VMOVUPS two<>(SB), Y9
	VSUBPS Y8, Y9, Y9
	VBLENDVPS Y5, Y8, Y9, Y8 // erfc(z) for negative x, 2 - erfc(z) else
	VMULPS half<>(SB), Y5, Y5
	VMULPS Y8, Y5, Y5
	VMOVUPS Y5, (SI)
	ADDQ $32, SI
	SUBQ $8, CX
	JNZ  loop
	VZEROUPPER
	RET
