"""List the kernel's functions that take a `struct sk_buff *`: candidates for fentry programs.

python functions_with_skb.py /sys/kernel/btf/vmlinux
"""

import sys

import btfkit

vmlinux = btfkit.load(sys.argv[1])
skb = vmlinux.struct("sk_buff")
pointers = {pointer.id for pointer in vmlinux.types("PTR") if isinstance(pointer, btfkit.Ptr) and pointer.type == skb}
for function in vmlinux.types("FUNC"):
    if isinstance(function, btfkit.Func) and any(each.type_id in pointers for each in function.parameters):
        print(function)
