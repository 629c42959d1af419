/* Enumerators: existence and value; 64-bit, unsigned, renamed, missing; flavours; typedefs. */
#include "core.h"

enum color { RED = 1, GREEN = 2, BLUE = 3 };
enum color___v2 { RED___v2 = 1, MAUVE___v2 = 9 };
enum sgn { NEG = -5, POS = 5 };
enum big { BIG_LOW = 1, BIG_HIGH = 0x123456789abcdefULL };
enum bigneg { BIGNEG = -0x123456789abLL, BIGPOS = 1 };
enum uns { UNS_LOW = 1, UNS_TOP = 0x80000001u };
enum widened { WIDE_A = 1, WIDE_B = 7 };	/* 64 bits in the target */
enum narrowed { NARROW_A = 1, NARROW_BIG = 0x100000001ULL };	/* 32 bits in the target */
enum absent_enum { ABSENT_A = 3 };
enum not_enum { NOT_A = 4 };	/* a struct in the target */
typedef enum { TD_A = 1, TD_B = 2 } td_enum;
typedef enum color td_color;

#define TWO(name, t, e) T(has_##name, HAS_ENUM(t, e)) T(val_##name, ENUM(t, e))

TWO(red, enum color, RED)
TWO(blue, enum color, BLUE)
TWO(green, enum color, GREEN)
TWO(red_v2, enum color___v2, RED___v2)
TWO(mauve, enum color___v2, MAUVE___v2)
TWO(neg, enum sgn, NEG)
TWO(low, enum big, BIG_LOW)
TWO(high, enum big, BIG_HIGH)
TWO(bigneg, enum bigneg, BIGNEG)
TWO(uns_low, enum uns, UNS_LOW)
TWO(uns_top, enum uns, UNS_TOP)
TWO(widened, enum widened, WIDE_B)
TWO(narrowed, enum narrowed, NARROW_A)
TWO(narrowed_big, enum narrowed, NARROW_BIG)
TWO(absent, enum absent_enum, ABSENT_A)
TWO(not_enum, enum not_enum, NOT_A)
TWO(td, td_enum, TD_B)
TWO(td_color, td_color, GREEN)

#pragma clang attribute pop
