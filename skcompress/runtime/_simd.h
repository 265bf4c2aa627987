/* Vectors of 64 bytes and elementary functions over them, for GCC and Clang.

   A sum over lanes has the same order whatever the processor, multiplications and additions stay
   apart (-ffp-contract=off), so that a wheel gives the same bits on every machine. */
#ifndef SKCOMPRESS_SIMD_H
#define SKCOMPRESS_SIMD_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#pragma GCC diagnostic ignored "-Wpsabi"

/* Where the loader can choose between them, functions come in variants for wider registers. Such a
   function hands no vectors to others, which Clang refuses: it calls inline ones by pointers. */
#if defined(__x86_64__) && defined(__GLIBC__)
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONES
#endif

typedef double vdouble __attribute__((vector_size(64)));
typedef float vfloat __attribute__((vector_size(64)));
typedef int64_t vlong __attribute__((vector_size(64)));
typedef int32_t vint __attribute__((vector_size(64)));

INLINE vdouble load_double(const double *from) { vdouble v; memcpy(&v, from, 64); return v; }
INLINE vfloat load_float(const float *from) { vfloat v; memcpy(&v, from, 64); return v; }
INLINE vdouble choose_double(vlong mask, vdouble yes, vdouble no)
{
    return (vdouble)((mask & (vlong)yes) | (~mask & (vlong)no));
}
INLINE vfloat choose_float(vint mask, vfloat yes, vfloat no)
{
    return (vfloat)((mask & (vint)yes) | (~mask & (vint)no));
}

/* exp(x) = 2^n exp(r) with |r| <= log(2) / 2 and exp(r) = 1 + r + r^2 q(r); q is the polynomial of
   least relative error. At most 1.5 units in the last place; zero below -708 (double) and -87
   (float), where results would lose digits; x is at most 700 and 88. */
INLINE vdouble exp_double(vdouble x)
{
    const double magic = 6755399441055744.0;  /* 1.5 * 2^52: adding it rounds to an integer */
    vlong lost = x != x, kept = x >= -708.0;
    x = choose_double(kept, x, (vdouble){0});
    vdouble shifted = x * 1.4426950408889634 + magic;
    vdouble n = shifted - magic;
    vdouble r = x - n * 0x1.62e42ffp-1;
    r = r + n * 4.2009150726810846e-11;
    vdouble q = r * 2.5000013913453014e-08 + 2.7630306208172276e-07;
    q = q * r + 2.7557586818266118e-06;
    q = q * r + 2.4801492949755011e-05;
    q = q * r + 1.9841269505759292e-04;
    q = q * r + 1.3888888943759845e-03;
    q = q * r + 8.3333333334949831e-03;
    q = q * r + 4.1666666666529729e-02;
    q = q * r + 1.6666666666666412e-01;
    q = q * r + 5.0000000000000107e-01;
    vdouble p = (r * r) * q + r + 1.0;
    p = (vdouble)((vlong)p + ((vlong)shifted << 52));
    return (vdouble)(((vlong)p & kept) | lost);
}

INLINE vfloat exp_float(vfloat x)
{
    const float magic = 12582912.0f;
    vint lost = x != x, kept = x >= -87.0f;
    x = choose_float(kept, x, (vfloat){0});
    vfloat shifted = x * 1.44269504f + magic;
    vfloat n = shifted - magic;
    vfloat r = x - n * 0x1.62e4p-1f;
    r = r - n * 1.4286068e-06f;
    vfloat q = r * 1.3814541e-03f + 8.3687451e-03f;
    q = q * r + 4.1668391e-02f;
    q = q * r + 1.6666520e-01f;
    q = q * r + 4.9999993e-01f;
    vfloat p = (r * r) * q + r + 1.0f;
    p = (vfloat)((vint)p + ((vint)shifted << 23));
    return (vfloat)(((vint)p & kept) | lost);
}

/* Near zero by Cephes' rational function, elsewhere from exp. */
INLINE vdouble tanh_double(vdouble x)
{
    vdouble size = (vdouble)((vlong)x & INT64_MAX);
    vdouble far = choose_double(size > 20.0, (vdouble){0} + 20.0, size);
    vdouble large = 1.0 - 2.0 / (exp_double(far + far) + 1.0);
    vdouble z = x * x;
    vdouble p = ((z * -9.64399179425052238628e-1 - 9.92877231001918586564e1) * z
                 - 1.61468768441708447952e3);
    vdouble q = (((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z
                 + 4.84406305325125486048e3);
    large = (vdouble)((vlong)large | ((vlong)x & INT64_MIN));
    return choose_double(size < 0.625, x + x * z * (p / q), large);
}

INLINE vfloat tanh_float(vfloat x)
{
    vfloat size = (vfloat)((vint)x & INT32_MAX);
    vfloat far = choose_float(size > 10.0f, (vfloat){0} + 10.0f, size);
    vfloat large = 1.0f - 2.0f / (exp_float(far + far) + 1.0f);
    vfloat z = x * x;
    vfloat p = (z * -9.6439918e-1f - 9.9287723e1f) * z - 1.6146877e3f;
    vfloat q = ((z + 1.1281168e2f) * z + 2.2354884e3f) * z + 4.8440631e3f;
    large = (vfloat)((vint)large | ((vint)x & INT32_MIN));
    return choose_float(size < 0.625f, x + x * z * (p / q), large);
}

#endif
