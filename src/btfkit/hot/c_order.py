"""The order in which C declares types: a definition follows what it needs by value, but not what it needs by pointer only.

The order in which roots bring in their dependencies, and the choice of types that are declared on their own, follow libbpf 1.8,
btf_dump_order_type.
"""

from btfkit.hot import kinds

ORDERED = 1  # in states
WITHIN = 2  # ... being visited, reached by value
WITHIN_POINTED = 4  # ... being visited, reached through a pointer
REFERRED = 8  # some other type refers to it

DONE, CYCLE, STRANGE, TANGLED = range(4)  # how `order` ended

FORWARD = 1  # in a step of a plan, beside 2 * id
EMITTED = 1  # in marks
EMITTING = 2
FORWARDED = 4  # declared (a typedef: defined) while it is being emitted

STRONG, WEAK, NOTHING = 1, 0, 2


def referred(words, positions, ids, id_starts, states, returns):
    """Set REFERRED in `states` (bytes, by id) for each type that another type refers to.

    The return type of a FUNC_PROTO counts only if `returns` has a 1 for that prototype's id.
    """
    mark = REFERRED
    for index in range(len(positions)):
        first = id_starts[index]
        if (words[positions[index] + 1] >> 24) & 127 == kinds.FUNC_PROTO and not returns[index + 1]:
            first += 1
        for place in range(first, id_starts[index + 1]):
            states[words[ids[place]]] |= mark


def returning(words, positions, shown, returns):
    """Set `returns[id]` to 1 for each FUNC_PROTO that is referred to by a type other than a FUNC, or by a FUNC in `shown`.

    These are the prototypes that a declaration may spell out.
    """
    for index in range(len(positions)):
        at = positions[index]
        kind = (words[at + 1] >> 24) & 127
        if kind == kinds.PTR or kinds.is_alias(kind) or (kind == kinds.FUNC and shown[index + 1]):
            target = words[at + 2]
            if target and (words[positions[target - 1] + 1] >> 24) & 127 == kinds.FUNC_PROTO:
                returns[target] = 1


def order(words, positions, roots, states, queue, budget, stack):
    """Append to `queue` (u32, room for every id) the types to declare for each of `roots`, dependencies first.

    `states` (bytes, by id) has REFERRED set at the start and is kept from root to root; void has to be ORDERED.  `stack` is a
    list, and `budget` the largest number of steps.  Returns (number of queued ids, outcome).  The outcome is DONE, CYCLE (a
    type that needs itself by value), STRANGE (an unknown kind) or TANGLED (over budget).  Unless it is DONE, `stack` has the
    ids on the path to the failure, including the last one.
    """
    ordered = ORDERED
    count = 0
    frames = memoryview(bytearray(4 * 4 * 64)).cast("I")
    for index in range(len(roots)):
        depth = 0
        type_id = roots[index]
        pointed = 0
        while True:
            # arrive at `type_id`, through a pointer or not
            result = NOTHING
            budget -= 1
            state = states[type_id]
            if state & ordered:
                result = STRONG
            else:
                at = positions[type_id - 1]
                info = words[at + 1]
                kind = (info >> 24) & 127
                if budget < 0 or kind == kinds.UNKN or kind > kinds.LAST_KIND:
                    for slot in range(depth):
                        stack.append(frames[4 * slot])
                    stack.append(type_id)
                    return count, STRANGE if budget >= 0 else TANGLED
                if kind == kinds.STRUCT or kind == kinds.UNION:
                    within = state & (WITHIN | WITHIN_POINTED)
                    if pointed and words[at]:
                        result = WEAK
                elif kind == kinds.ENUM or kind == kinds.FWD or kind == kinds.ENUM64:
                    within = 0
                    if words[at] or not state & REFERRED:
                        queue[count] = type_id
                        count += 1
                    states[type_id] = state | ordered
                    result = STRONG
                elif (
                    kind == kinds.INT
                    or kind == kinds.FLOAT
                    or kind == kinds.FUNC
                    or kind == kinds.VAR
                    or kind == kinds.DATASEC
                    or kind == kinds.DECL_TAG
                ):
                    within = 0
                    states[type_id] = state | ordered
                    result = WEAK
                else:
                    within = state & (WITHIN_POINTED if pointed else WITHIN)
                if result == NOTHING:
                    if within:
                        for slot in range(depth):
                            stack.append(frames[4 * slot])
                        stack.append(type_id)
                        return count, CYCLE
                    states[type_id] = state | (WITHIN_POINTED if pointed else WITHIN)
                    if 4 * depth == len(frames):
                        larger = memoryview(bytearray(32 * depth)).cast("I")
                        for slot in range(4 * depth):
                            larger[slot] = frames[slot]
                        frames = larger
                    frames[4 * depth] = type_id
                    frames[4 * depth + 1] = pointed
                    frames[4 * depth + 2] = 0
                    frames[4 * depth + 3] = WEAK
                    depth += 1
                    if kind == kinds.ARRAY:
                        type_id = words[at + 3]
                        pointed = 0
                        continue
                    if kind != kinds.STRUCT and kind != kinds.UNION:
                        type_id = words[at + 2]
                        if kind == kinds.PTR:
                            pointed = 1
                        continue
            # return `result` to the types on the path, until one has more to visit
            onward = False
            while depth:
                here = 4 * (depth - 1)
                type_id = frames[here]
                at = positions[type_id - 1]
                info = words[at + 1]
                kind = (info >> 24) & 127
                slot = frames[here + 2]
                if kind == kinds.STRUCT or kind == kinds.UNION:
                    if slot < info & 0xFFFFFF:
                        frames[here + 2] = slot + 1
                        type_id = words[at + 4 + 3 * slot]
                        pointed = 0
                        onward = True
                        break
                    result = STRONG
                elif kind == kinds.FUNC_PROTO:
                    if result == STRONG:
                        frames[here + 3] = STRONG
                    if slot < info & 0xFFFFFF:
                        frames[here + 2] = slot + 1
                        type_id = words[at + 4 + 2 * slot]
                        pointed = frames[here + 1]
                        onward = True
                        break
                    result = frames[here + 3]
                state = states[type_id] & ~(WITHIN_POINTED if frames[here + 1] else WITHIN)
                if (
                    kind == kinds.STRUCT
                    or kind == kinds.UNION
                    or (kind == kinds.TYPEDEF and (result == STRONG or not frames[here + 1]))
                ):
                    if kind == kinds.TYPEDEF or words[at]:
                        queue[count] = type_id
                        count += 1
                    state |= ordered
                    result = STRONG
                elif kind == kinds.PTR:
                    state |= ordered
                states[type_id] = state
                depth -= 1
            if not onward:
                break
    return count, DONE


def plan(words, positions, queue, marks, steps, budget):
    """Plan the declarations of the types in `queue`: the definitions, and the forward declarations that they need first.

    Writes 2 * id to `steps` (u32, room for two steps for each type) for each definition, plus FORWARD for the forward declaration
    of a composite.  `marks` (bytes, by id) are kept between calls, with void EMITTED.  Returns the number of steps, or -1 if more
    than `budget` types were visited.  Rule: libbpf 1.8, btf_dump_emit_type.
    """
    count = 0
    emitted = EMITTED
    emitting = EMITTING
    forwarded = FORWARDED
    path = memoryview(bytearray(4 * 3 * 64)).cast("I")
    for position in range(len(queue)):
        type_id = queue[position]
        depth = 0
        container = 0
        while True:
            while True:  # arrive at `type_id`
                budget -= 1
                mark = marks[type_id]
                if mark & emitted:
                    break
                if budget < 0:
                    return -1
                at = positions[type_id - 1]
                kind = (words[at + 1] >> 24) & 127
                if mark & emitting:
                    if not mark & forwarded and (
                        kind == kinds.TYPEDEF
                        or ((kind == kinds.STRUCT or kind == kinds.UNION) and type_id != container and words[at])
                    ):
                        steps[count] = 2 * type_id + (kind != kinds.TYPEDEF)
                        count += 1
                        marks[type_id] = mark | forwarded
                    break
                if kind == kinds.PTR or kinds.is_modifier(kind):
                    type_id = words[at + 2]
                    continue
                if kind == kinds.ARRAY:
                    type_id = words[at + 3]
                    continue
                if kind == kinds.INT or kind == kinds.ENUM or kind == kinds.FWD or kind == kinds.ENUM64:
                    if kind == kinds.INT or kind == kinds.FWD or container == 0:
                        steps[count] = 2 * type_id
                        count += 1
                    marks[type_id] = mark | emitted
                elif (kind == kinds.STRUCT or kind == kinds.UNION) and container and words[at]:
                    if not mark & forwarded and type_id != container:
                        steps[count] = 2 * type_id + 1
                        count += 1
                        marks[type_id] = mark | forwarded
                elif kind == kinds.STRUCT or kind == kinds.UNION or kind == kinds.TYPEDEF or kind == kinds.FUNC_PROTO:
                    here = 3 * depth
                    if here == len(path):
                        larger = memoryview(bytearray(8 * here)).cast("I")
                        for slot in range(here):
                            larger[slot] = path[slot]
                        path = larger
                    path[here] = type_id
                    path[here + 1] = container
                    path[here + 2] = 0
                    depth += 1
                    if kind != kinds.FUNC_PROTO:
                        marks[type_id] = mark | emitting
                    if kind == kinds.TYPEDEF:
                        container = type_id
                    if kind == kinds.TYPEDEF or kind == kinds.FUNC_PROTO:
                        type_id = words[at + 2]
                        continue
                break
            onward = False
            while depth:  # go back along the path, until there is more to visit
                here = 3 * (depth - 1)
                type_id = path[here]
                container = path[here + 1]
                at = positions[type_id - 1]
                kind = (words[at + 1] >> 24) & 127
                index = path[here + 2]
                mark = marks[type_id]
                if kind != kinds.TYPEDEF and index < words[at + 1] & 0xFFFFFF:
                    path[here + 2] = index + 1
                    if kind == kinds.FUNC_PROTO:
                        type_id = words[at + 4 + 2 * index]
                    else:
                        if words[at]:
                            container = type_id
                        type_id = words[at + 4 + 3 * index]
                    onward = True
                    break
                if kind == kinds.TYPEDEF:
                    if not mark & forwarded:
                        steps[count] = 2 * type_id
                        count += 1
                    marks[type_id] = mark | emitted
                elif kind != kinds.FUNC_PROTO:
                    mark &= ~emitting
                    if container == 0:
                        steps[count] = 2 * type_id
                        count += 1
                        mark |= emitted
                    marks[type_id] = mark
                depth -= 1
            if not onward:
                break
    return count
