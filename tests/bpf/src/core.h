/* Our own few words of BPF: no vmlinux.h, no libbpf headers. */
#ifndef CORE_H
#define CORE_H

#define SEC(name) __attribute__((section(name), used))
#define TAG(text) __attribute__((btf_type_tag(text)))
typedef unsigned long long u64;

/* the argument of the compiler's built-ins: numbers of its own, not those of the relocation kinds */
#define OFF(x) __builtin_preserve_field_info(x, 0)
#define SIZE(x) __builtin_preserve_field_info(x, 1)
#define EXISTS(x) __builtin_preserve_field_info(x, 2)
#define SIGNED(x) __builtin_preserve_field_info(x, 3)
#define LSHIFT(x) __builtin_preserve_field_info(x, 4)
#define RSHIFT(x) __builtin_preserve_field_info(x, 5)
#define TYPE_EXISTS(t) __builtin_preserve_type_info(*(t *)0, 0)
#define TYPE_SIZE(t) __builtin_preserve_type_info(*(t *)0, 1)
#define TYPE_MATCHES(t) __builtin_preserve_type_info(*(t *)0, 2)
#define ID_LOCAL(t) __builtin_btf_type_id(*(t *)0, 0)
#define ID_TARGET(t) __builtin_btf_type_id(*(t *)0, 1)
#define HAS_ENUM(t, e) __builtin_preserve_enum_value(*(typeof(t) *)e, 0)
#define ENUM(t, e) __builtin_preserve_enum_value(*(typeof(t) *)e, 1)

/* One program, as a rule with one relocation: its name is the name of the case in manifest.json. */
#define P(name, type, expr) SEC("socket") u64 name(type *p) { return (u64)(expr); }
#define T(name, expr) SEC("socket") u64 name(void *p) { return (u64)(expr); }

/* every record that follows is accessed by relocation */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#endif
