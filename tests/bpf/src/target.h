/* What the "kernels" share. They are compiled for real machines and their BTF comes from pahole. */
#ifdef __clang__
#define TAG(text) __attribute__((btf_type_tag(text)))
#else
#define TAG(text)
#endif
