"""Names that a BTF can hold and that no program should fall for."""

NAMES = (
    "</script><script>window.owned = 1</script>",
    "<img src=x onerror='window.owned = 1'>",
    "'\"><svg onload=window.owned=1>",
    "<!--<script>",
    "]]>&lt;b&gt;&amp;",
    "{{ 7 * 7 }}{% raw %}",
    "\x1b[31mred\x1b[0m\x07",
    "a\tb\rc\nd",
    "\u202eabc\u2066\u200b",
    "core::option::Option<&mut [u8; 4]>",
    "\udcff\udc80 bytes",
    "caf\u00e9 \u65e5\u672c",
    "__proto__",
    "*/ int x; /*",
)
