/* kfuncs.c: a set of kfuncs whose flags differ, in another order than that of their names, as include/linux/btf_ids.h lays it out. */
struct item { int number; };

struct item *with_null(struct item *item) { return item; }
int plain(struct item *item) { return item->number; }
int fast(struct item *item) { return item->number + 1; }

#define ENTRY(name, number, flags) \
	"__BTF_ID__func__" #name "__" #number ": .zero 4\n.long " #flags "\n" \
	".type __BTF_ID__func__" #name "__" #number ", STT_OBJECT\n" \
	".size __BTF_ID__func__" #name "__" #number ", 4\n"
__asm__(".pushsection .BTF_ids, \"a\"\n"
	"__BTF_ID__set8__items: .zero 4\n.long 1\n" /* a set of kfuncs */
	ENTRY(with_null, 1, 2) /* KF_RET_NULL */
	ENTRY(plain, 2, 0)
	ENTRY(fast, 3, 0x1000) /* KF_FASTCALL */
	".type __BTF_ID__set8__items, STT_OBJECT\n"
	".size __BTF_ID__set8__items, . - __BTF_ID__set8__items\n"
	"list:\n__BTF_ID__struct__item__4: .zero 4\n" /* of ids without flags */
	".type __BTF_ID__struct__item__4, STT_OBJECT\n.size __BTF_ID__struct__item__4, 4\n"
	".popsection");
