"""What tells a thing by others, or from others, in patterns."""

from __future__ import annotations

BARE = {  # what stands behind a noun, without a verb
    "in": "(in*5|inside*2|within|inside of) <p>",
    "on": "(on*4|on top of*3|atop) <p>",
    "on table": "(right|directly|) on the table",
    "under": "(under*3|underneath*2|below|beneath) <p>",
    "holding": "(with <p> in {it/them}*3|with <p>)",
    "beside": "(next to*5|beside*3|by|near|close to|right next to|alongside|adjacent to) <p>",
    "left of": "(to the left of*4|left of*2|on the left of|on the left side of) <p>",
    "right of": "(to the right of*4|right of*2|on the right of|on the right side of) <p>",
    "nearest": "(nearest*2|nearest to*3|closest to*4|nearer to|closer to) <p>",
    "farthest": "(farthest from*2|furthest from*3|furthest away from|farthest away from|most distant from) <p>",
    "alone": (
        "(standing alone|all alone|on (its/their) own|by (itself/themselves)|standing by (itself/themselves)|all by "
        "(itself/themselves))"
    ),
    "empty": "with nothing in (it/them)",
    "same color": "(of the same color|in the same color|with the same color|of (its/their) (own|) color)",
}
BARE = {key: pattern.replace("(it/them|it/them|)", "{it/them}").replace("(it/them)", "{it/them}")
        .replace("(its/their)", "{its/their}").replace("(itself/themselves)", "{itself/themselves}")
        for key, pattern in BARE.items()}
CLAUSES = {  # the same with a verb, so that nobody takes it for the place to which something goes
    "in": (
        "that {is/are} (in*3|inside) <p>", "(sitting|lying|currently) (in*3|inside) <p>",
        "which {is/are} (in|inside) <p>", "(that's|that {is/are}) (in|inside) <p>", "that {sits/sit} in <p>",
        "that you (see|can see|find) in <p>", "now in <p>", "located in <p>", "from <p>", "resting in <p>",
        "out of <p>", "that someone put in <p>", "contained in <p>", "that <p> (holds|contains)"
    ),
    "on": (
        "that {is/are} (on*3|on top of) <p>", "(sitting|standing|resting) (on*2|on top of) <p>",
        "which {is/are} on (top of|) <p>", "(that's|that {is/are}) (on|on top of) <p>",
        "that {sits/sit} on (top of|) <p>", "stacked on <p>", "from (the top of|on top of) <p>", "perched on <p>",
        "currently on <p>", "that {lies/lie} on <p>"
    ),
    "on table": (
        "that {is/are} (right|directly|) on the table", "(standing|sitting|lying) (right|directly|) on the table",
        "which {is/are} (right|directly|) on the table", "that {stands/stand} on the table", "resting on the table"
    ),
    "under": (
        "that {is/are} (under|underneath|below) <p>", "with <p> on (top|top of it|it)",
        "that has <p> on (top|it|top of it)", "(sitting|lying) (under|underneath|beneath) <p>",
        "which has <p> on (it|top)", "underneath <p>", "that <p.is> (on|sitting on|standing on)", "carrying <p>",
        "that carries <p>", "supporting <p>", "that supports <p>"
    ),
    "holding": (
        "with <p> in {it/them}", "that {has/have} <p> in {it/them}", "which {has/have} <p> in {it/them}",
        "(holding|containing) <p>", "that {holds/hold} <p>", "that {contains/contain} <p>", "with <p> inside",
        "that <p.is> in", "where <p.is>", "that has got <p> in {it/them}", "<p.is> in"
    ),
    "beside": (
        "that {is/are} (next to*2|beside|near|close to) <p>", "(sitting|standing) (next to*2|beside|by|near) <p>",
        "which {is/are} (next to|beside|right by) <p>", "that {stands/stand} (next to|beside|by) <p>",
        "right (next to|beside) <p>", "that {sits/sit} next to <p>", "neighboring <p>"
    ),
    "left of": (
        "that {is/are} (to the left of*2|left of) <p>", "(sitting|standing) to the left of <p>", "to the left of <p>",
        "which {is/are} (to the left of|left of) <p>", "that {stands/stand} left of <p>", "on the left side of <p>"
    ),
    "right of": (
        "that {is/are} (to the right of*2|right of) <p>", "(sitting|standing) to the right of <p>",
        "to the right of <p>", "which {is/are} (to the right of|right of) <p>", "that {stands/stand} right of <p>",
        "on the right side of <p>"
    ),
    "nearest": (
        "that {is/are} (nearest to*2|closest to*2|nearest) <p>", "(closest|nearest) to <p>",
        "which {is/are} (closest|nearest) to <p>", "that {is/are} (closer|nearer) to <p>",
        "that {stands/stand} (closest|nearest) to <p>"
    ),
    "farthest": (
        "that {is/are} (farthest|furthest|furthest away) from <p>", "(farthest|furthest) from <p>",
        "which {is/are} (farthest|furthest) from <p>", "that {stands/stand} furthest from <p>"
    ),
    "alone": (
        "that {is/are} (standing|all|) alone", "that {stands/stand} alone", "which {is/are} (alone|on {its/their} own)",
        "that {is/are} (by {itself/themselves}|on {its/their} own)",
        "standing (alone|on {its/their} own|by {itself/themselves})", "that {sits/sit} all by {itself/themselves}",
        "with nothing on or under {it/them}", "that {has/have} nothing on or under {it/them}",
        "without anything (on|on top of) {it/them}"
    ),
    "empty": (
        "that {is/are} (still|) empty", "with nothing in {it/them}", "which {is/are} empty",
        "that {has/have} nothing in {it/them}", "without anything in {it/them}", "with no blocks in {it/them}",
        "that {does/do} not contain anything", "with nothing inside", "that nobody has used yet"
    ),
    "same color": (
        "of the same color", "that {has/have} the same color", "with the same color", "that matches",
        "that has {its/their} color", "of {its/their} (own|) color"
    ),
}
EMPTY = "empty | vacant, unoccupied, unused, bare"
EXCEPT = (
    "except (for|) <b>", "but <b>", "but not <b>", "other than <b>", "apart from <b>", "besides <b>", "excluding <b>",
    "with the exception of <b>", "save for <b>", "aside from <b>", "only not <b>", "without <b>", "minus <b>"
)
SINGLE_EXCEPT = (
    "(that isn't|that is not|which is not|but not|other than|except) <b>", "but not <b>", "other than <b>",
    "except <b>", "that isn't <b>", "apart from <b>", "as long as it's not <b>", "just not <b>"
)
NEEDING_COLOR = frozenset(
    {"box", "cup", "square", "piece", "lump", "chunk", "little guy", "tub", "container", "pot", "dice", "die"}
)
"""Words that mean a block or a bowl beside a colour or a size alone."""
PAIRS = {
    "biggest": "the (bigger|larger|biggest|largest) of the (two |both |) <ns>",
    "smallest": "the (smaller|littler|smallest|tiniest) of the (two |both |) <ns>",
    "leftmost": "the (leftmost|left) of the (two |) <ns>",
    "rightmost": "the (rightmost|right) of the (two |) <ns>",
    "nearest": "the (nearer|closer|nearest|closest) of the (two |) <ns>",
    "farthest": "the (farther|farthest|furthest) of the (two |) <ns>",
    "highest": "the (higher|highest|upper) of the (two |) <ns>",
    "lowest": "the (lower|lowest) of the (two |) <ns>",
}
ANY_OTHER = (
    "any <n> that (isn't|is not) <c>", "a <n> that (isn't|is not) <c>", "a non-<c> <n>", "any non-<c> <n>",
    "some <n> that's not <c>", "one <n> that isn't <c>", "a <n> of any color but <c>", "any <n> not <c>",
    "a <n> of another color than <c>", "a <n> as long as it is not <c>", "any <n> of a color other than <c>",
)
ALL_OTHERS = (
    "all <ns> that (aren't|are not) <c>", "every <n> that (isn't|is not) <c>", "all non-<c> <ns>", "every non-<c> <n>",
    "all the <ns> that aren't <c>", "whichever <ns> are not <c>", "all <ns> in other colors than <c>",
    "every <n> of another color than <c>", "all <ns> not <c>", "each <n> which is not <c>",
)
HEAPS = {
    "highest": (
        "at the top of the (stack|tower|pile)", "on top of the (stack|tower|pile)",
        "that is highest in the (stack|tower)", "that tops the (stack|pile)", "at the very top of the tower",
        "that is on top of the (tower|heap)"
    ),
    "lowest": (
        "at the bottom of the (stack|tower|pile)", "that is lowest in the (stack|tower)",
        "at the base of the (stack|tower)", "at the very bottom of the tower", "under all the others in the stack",
        "at the foot of the tower"
    ),
}
