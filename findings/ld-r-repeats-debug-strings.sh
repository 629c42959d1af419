#!/usr/bin/env bash
# GNU ld -r: .debug_str has each name once for each input, so equal names of a kernel module have different offsets.
# Versions: Debian 12's binutils 2.40-2; amd64.
# Expected: .debug_str has the flags M and S (mergeable strings) and keeps equal strings once, as in a final link: two names in it are equal if
# and only if their offsets (DW_FORM_strp) are, which is what a reader of vmlinux may rely on, and what makes it fast.
# Seen: a final link merges the strings of both inputs, `ld -r` puts the sections one after the other, and the result keeps the flags M and S.
# Modules are made by `ld -r`: their DWARF names a type by as many offsets as there are objects, and has to be compared by text.
set -euo pipefail
tmp=$(mktemp -d) && chmod 755 "$tmp" && trap 'rm -rf "$tmp"' EXIT && cd "$tmp"
apt-get download -qq binutils-x86-64-linux-gnu=2.40-2 libbinutils=2.40-2 libctf0=2.40-2 libjansson4=2.14-2 2>/dev/null
for deb in *.deb; do dpkg -x "$deb" root; done
tool() { LD_LIBRARY_PATH=$tmp/root/usr/lib/x86_64-linux-gnu "root/usr/bin/x86_64-linux-gnu-$1" "${@:2}"; }
for unit in one two; do # what a compiler writes for a name: a mergeable string, and its offset
  cat >$unit.s <<S
	.section .debug_str,"MS",@progbits,1
name:	.string "task_struct"
	.section .debug_info,"",@progbits
	.long name
S
  tool as $unit.s -o $unit.o
done
tool ld -r one.o two.o -o module.o
tool ld -shared one.o two.o -o whole.so
for file in module.o whole.so; do
  flags=$(tool readelf -SW $file | sed -n 's/.*\.debug_str  *PROGBITS  *[0-9a-f]*  *[0-9a-f]*  *[0-9a-f]*  *01  *\([A-Z]*\) .*/\1/p')
  tool objcopy -O binary --only-section=.debug_str --set-section-flags .debug_str=alloc $file strings
  printf '%s: flags %s, %s bytes, "task_struct" %s x\n' $file "$flags" "$(stat -c %s strings)" "$(tr '\0' '\n' <strings | grep -cx task_struct)"
done >seen
tool readelf -rW module.o | grep -o 'debug_str + [0-9a-f]*' >>seen
cat seen
diff seen - <<'SEEN' || { echo "CHANGED"; exit 1; }
module.o: flags MS, 24 bytes, "task_struct" 2 x
whole.so: flags MS, 12 bytes, "task_struct" 1 x
debug_str + 0
debug_str + c
SEEN
