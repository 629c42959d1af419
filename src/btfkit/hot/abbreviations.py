# cython: initializedcheck=False
"""Abbreviation tables of DWARF, turned into short programs that read the attributes a reader wants and skip all others.

A program is a run of steps.  The low byte of a step's word is an operation of `codes`, the second
byte the slot that gets the value (0: nobody wants it), the third the class of the form, which tells what the value means.
Attributes of fixed size that nobody wants become one `SKIP`.  Source: DWARF 5, sections 7.5.3 to 7.5.6.
"""

from btfkit.hot import codes
from btfkit.hot.leb128 import Leb128

IMPLICIT_CONST = 0x21


class Abbreviations(Leb128):
    """One table: for each code the class of the tag (`classes`), whether it has children (`parents`), and its first step
    (`first`, 0 if there is no such code).

    `tags` has the class of each tag, `slots` the slot of each attribute, `wanted` for each class of tags a word whose bits
    are the wanted slots.  `forms` has three rows of bytes with the operation, class and size (`VARIABLE_SIZE` if it differs)
    of each form; those of GNU follow at GNU_FIRST.  `crosses` is a word with a bit for each class of wanted forms, `at` the end
    of the table.
    """

    def __init__(self, tags, slots, wanted, forms):
        Leb128.__init__(self)
        self.tags = tags
        self.slots = slots
        self.wanted = wanted
        self.forms = forms
        self.first = memoryview(bytearray(4 * 256)).cast("I")
        self.classes = bytearray(256)
        self.parents = bytearray(256)
        self.steps = memoryview(bytearray(4 * 1024)).cast("I")
        self.given = memoryview(bytearray(8 * 1024)).cast("Q")
        self.top = 0
        self.used = 1
        self.crosses = 0

    def read(self, data, at):
        """Read the table at `at` of `data`; raises ValueError or IndexError if it is damaged."""
        for code in range(self.top + 1):
            self.first[code] = 0
        self.top = 0
        self.used = 1
        self.crosses = 0
        self.data = data
        self.at = at
        while True:
            code = self.uleb()
            if code == 0:
                return
            if code >= len(self.first):
                if code > len(data):
                    raise ValueError("abbreviation code larger than the section")
                self.more_codes(code)
            if code > self.top:
                self.top = code
            tag = self.uleb()
            self.first[code] = self.used
            self.classes[code] = self.tags[tag] if tag < len(self.tags) else 0
            self.parents[code] = data[self.at]
            self.at += 1
            self.attributes(self.wanted[self.classes[code]])

    def attributes(self, wanted):
        """The steps of one abbreviation."""
        run = 0
        while True:
            attribute = self.uleb()
            form = self.uleb()
            value = 0
            if form == IMPLICIT_CONST:
                value = self.sleb()
            if self.used + 4 > len(self.steps):
                self.more_steps()
            if attribute == 0 and form == 0:
                break
            row = self.row_of(form)
            slot = self.slots[attribute] if attribute < len(self.slots) else 0
            if slot and (wanted >> slot) & 1 == 0:
                slot = 0
            size = self.forms[2 * codes.FORMS + row]
            if slot == 0 and size != codes.VARIABLE_SIZE:
                run += size
                continue
            if run:
                self.steps[self.used] = codes.SKIP
                self.given[self.used] = run
                self.used += 1
                run = 0
            kind = self.forms[codes.FORMS + row]
            if slot:
                self.crosses |= 1 << kind
            self.steps[self.used] = self.forms[row] | slot << 8 | kind << 16
            self.given[self.used] = value
            self.used += 1
        if run:
            self.steps[self.used] = codes.SKIP
            self.given[self.used] = run
            self.used += 1
        self.steps[self.used] = codes.END
        self.used += 1

    def row_of(self, form):
        """The column of a form in `forms`; raises ValueError if it is unknown."""
        row = form
        if form >= codes.GNU_FIRST:
            row = codes.FORMS
            if form == 0x1F01 or form == 0x1F02:
                row = form - 0x1F01 + codes.GNU_FIRST
            elif form == 0x1F20 or form == 0x1F21:
                row = form - 0x1F20 + codes.GNU_FIRST + 2
        if row >= codes.FORMS or self.forms[row] == codes.END:
            raise ValueError("unknown form " + hex(form))
        return row

    def more_codes(self, code):
        """Make room for abbreviations up to `code`."""
        size = 2 * code + 2
        first = memoryview(bytearray(4 * size)).cast("I")
        classes = bytearray(size)
        parents = bytearray(size)
        for at in range(self.top + 1):
            first[at] = self.first[at]
            classes[at] = self.classes[at]
            parents[at] = self.parents[at]
        self.first = first
        self.classes = classes
        self.parents = parents

    def more_steps(self):
        """Double the room for steps."""
        size = 2 * len(self.steps)
        steps = memoryview(bytearray(4 * size)).cast("I")
        given = memoryview(bytearray(8 * size)).cast("Q")
        for at in range(self.used):
            steps[at] = self.steps[at]
            given[at] = self.given[at]
        self.steps = steps
        self.given = given
