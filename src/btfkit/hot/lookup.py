"""The search of the judge of `min` for CO-RE candidates.  It shares nothing with `names`, by which `min` itself searches."""


def candidates(words, positions, kinds, below, strings, first_offset, wanted, starts, heads, found):
    """Append to the list `found`, for each record of a wanted kind with a wanted essential name, its index and the name's number.

    `kinds[k]` is 1 for each wanted kind.  `wanted` holds the names, sorted, without NULs; `starts` where each begins, and where
    the last ends.  `heads` (4096 bytes) is 1 at the first two letters of each, six bits of each letter: most other names are
    skipped by it.  Names below `first_offset` are in `below`, the others in `strings`.
    Rule: bpf_core_essential_name_len (libbpf 1.8-dev): from the end, the first `___` between two other characters.
    """
    total = len(starts) - 1
    for index in range(len(positions)):
        at = positions[index]
        if not kinds[(words[at + 1] >> 24) & 127]:
            continue
        start = words[at]
        own = start >= first_offset
        if own:
            start -= first_offset
        c = strings[start] if own else below[start]
        if c == 0:
            continue
        end = start + 1
        if not heads[(c & 63) << 6 | (strings[end] if own else below[end]) & 63]:
            continue
        while strings[end] if own else below[end]:
            end += 1
        run = 0  # underscores between `at` and a character that is none
        closed = False
        at = end
        while at > start:
            at -= 1
            c = strings[at] if own else below[at]
            if c == 95:
                run += 1
                continue
            if run == 3 and closed:
                end = at + 1
                break
            run = 0
            closed = True
        low = 0
        high = total
        while low < high:
            middle = (low + high) >> 1
            place = starts[middle]
            stop = starts[middle + 1]
            at = start
            while at < end and place < stop and (strings[at] if own else below[at]) == wanted[place]:
                at += 1
                place += 1
            if at == end and place == stop:
                found.append(index)
                found.append(middle)
                break
            if place < stop and (at == end or (strings[at] if own else below[at]) < wanted[place]):
                high = middle
            else:
                low = middle + 1
