#!/bin/sh
# make.sh: a program whose DWARF is in several files, in each way that there is: NAME.tar.xz has `program` and what belongs to it.
# Needs gcc, clang, dwp (binutils), llvm-dwp, dwz, tar and xz; what is not installed is not made anew.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > one.c <<'C'
struct inner { int a; long b; char name[16]; };
struct declared;
enum color { RED, GREEN = 5 };
struct outer { struct inner in; struct declared *f; enum color c; struct outer *next; int bits : 3, more : 5; };
struct outer *outer;
__attribute__((noinline)) int use_outer(struct outer *o, int n) { return o->in.a + n; }
C
cat > two.c <<'C'
struct inner { int a; long b; char name[16]; };
struct declared { unsigned short q; struct inner *i; };
__attribute__((noinline)) int take(struct declared *f, int c) { return f->q + c; }
int start(struct declared *f) { return take(f, 1); }
C
compile() { # COMPILER OPTIONS...
	rm -f ./*.o ./*.dwo program program.dwp
	for source in one two; do "$@" -O2 -fPIC "-fdebug-prefix-map=$work=." -c $source.c -o $source.o; done
	"$1" -shared -nostdlib -Wl,--build-id one.o two.o -o program
}
pack() { # NAME FILE...
	name=$1
	shift
	objcopy -R .note.gnu.property -R .comment -R .eh_frame program
	tar --format=ustar --owner=0 --group=0 --numeric-owner --mtime=@0 --mode=644 -c "$@" | xz -9e > "$here/$name.tar.xz"
}
compile gcc -gdwarf-4 -gsplit-dwarf -fdebug-types-section
pack split4 program one.dwo two.dwo
dwp -e program -o program.dwp && pack package4 program program.dwp
compile gcc -gdwarf-5 -gsplit-dwarf -fdebug-types-section
pack split5 program one.dwo two.dwo
if command -v clang llvm-dwp > /dev/null; then
	compile clang -gdwarf-5 -gsplit-dwarf
	llvm-dwp -e program -o program.dwp && pack package5 program program.dwp
fi
if command -v dwz > /dev/null; then
	for version in 4 5; do
		compile gcc -gdwarf-$version
		cp program other
		option=
		[ $version = 4 ] || option=--dwarf-5
		dwz $option -m common.debug -M common.debug program other
		pack dwz$version program common.debug
	done
fi
