"""Verbs for each relation, and what stands behind what is moved: rows of words, and patterns.

A frame is a row of verbs with a pattern of what follows: "put" + "<x>" + "into <p>".
"""

from __future__ import annotations

STATES = {  # where something is
    "in": "(in*6|inside*2|within|inside of) <p>",
    "on": "(on*5|on top of*3|atop) <p>",
    "on table": "on the (table*6|tabletop|table top|bare table|table itself|desk)",
    "beside": (
        "(next to*6|beside*4|by|near|close to|right next to|alongside|adjacent to|right beside|at the side of) <p>"
    ),
    "left_of": "(to the left of*5|left of*3|on the left of*2|on the left side of|on the left-hand side of) <p>",
    "right_of": "(to the right of*5|right of*3|on the right of*2|on the right side of|on the right-hand side of) <p>",
    "at left": "on the (left*4|left side*3|left half|left-hand side|left part) (of the table*3|)",
    "at right": "on the (right*4|right side*3|right half|right-hand side|right part) (of the table*3|)",
    "at middle": "in the (middle*5|center*3|centre) (of the table*3|)",
}
TOWARDS = {  # where something goes
    "in": "(into*8|in*8|inside*3|inside of) <p>",
    "on": "(on*6|onto*5|on top of*5|upon|atop|on to) <p>",
    "on table": (
        "(on*5|onto*4|down on*2|down onto|directly on|back on|right onto) the (table*8|tabletop|table top|table "
        "surface|desk)"
    ),
    "beside": (
        "(next to*6|beside*4|by|near|close to|right next to|alongside|adjacent to|over by|over next to|right "
        "beside) <p>"
    ),
    "left_of": "(to the left of*5|left of*3|on the left of*2|to the left side of|on the left-hand side of) <p>",
    "right_of": "(to the right of*5|right of*3|on the right of*2|to the right side of|on the right-hand side of) <p>",
    "at left": (
        "(on*3|to*3|over to*2|onto|over on) the (left*4|left side*3|left half|left-hand side|left part|left edge) "
        "(of the table*3|)"
    ),
    "at right": (
        "(on*3|to*3|over to*2|onto|over on) the (right*4|right side*3|right half|right-hand side|right part|right "
        "edge) (of the table*3|)"
    ),
    "at middle": "(in*4|to*2|into*2|over to) the (middle*5|center*3|centre) (of the table*3|)",
}
HOME = {  # places for verbs that go with "to"
    **TOWARDS,
    "in": "(into*6|to*4|over to*2|inside*2|in) <p>",
    "on": "(onto*5|on top of*4|to the top of) <p>",
    "at left": (
        "(left|over left|(to*5|over to*3|onto) the (left*4|left side*3|left half|left-hand side|left part|left "
        "edge) (of the table*3|)*8)"
    ),
    "at right": (
        "(right|over right|(to*5|over to*3|onto) the (right*4|right side*3|right half|right-hand side|right "
        "part|right edge) (of the table*3|)*8)"
    ),
    "at middle": "(to*4|into*2|over to) the (middle*5|center*3|centre) (of the table*3|)",
    "beside": "(next to*6|beside*3|near|close to|over to|right next to|alongside|over next to|right beside) <p>",
}
POSSESSIVE = {"left_of": "(to|on) <p.s> left", "right_of": "(to|on) <p.s> right"}
DOWN = {  # places for verbs that go with "in" alone
    **TOWARDS, "in": "(in*5|inside*2) <p>",
}
_PUT = (
    "put, place, set | stick, pop, position, plonk, plop, lay, park, deposit, plant, slip, dump, bung, arrange, "
    "lower, ease, rest, settle, install"
)
_MOVE = (
    "move, bring, get | transfer, shift, relocate, transport, carry, take, send, guide, haul, pass, steer, convey, "
    "lug, sneak, ferry, whisk, nudge, slide"
)
FRAMES: dict[str, tuple[tuple[str, dict], ...]] = {  # relation: (verbs, places)
    "in": (
        (_PUT + ", drop", TOWARDS),
        (_MOVE + ", deliver, drag, push", HOME),
        ("drop, put, toss | tuck, chuck, dunk, shove, stash, store, stow, pack, plunk, pile, fling, lob, whack, sling, "
         "nestle, load, insert, heave, pitch", TOWARDS),
        ("store, put | keep, place, stow, house, stash", DOWN),
    ),
    "on": (
        (_PUT, TOWARDS),
        ("stack, put, balance | perch, rest, mount, pile, seat, lodge, stand, poise, heap, sit, hoist, pop", TOWARDS),
        ("stack, move, lift | transfer, shift, get, bring, raise, hoist", HOME),
    ),
    "on table": ((_PUT + ', drop', TOWARDS), (_MOVE + ', return', HOME)),
    "beside": ((_PUT + ', stand', TOWARDS), (_MOVE, HOME)),
    "left_of": ((_PUT + ', stand', TOWARDS), (_MOVE, HOME)),
    "right_of": ((_PUT + ', stand', TOWARDS), (_MOVE, HOME)),
    "at left": ((_PUT + ', drop', TOWARDS), (_MOVE + ', push', HOME)),
    "at right": ((_PUT + ', drop', TOWARDS), (_MOVE + ', push', HOME)),
    "at middle": ((_PUT + ', drop', TOWARDS), (_MOVE + ', push, center', HOME)),
}
HOLDS = (
    "@pick up <x>", "@lift <x>", "@hold <x>", "@pick <x> up", "@lift up <x>", "@hold up <x>", "@grab <x>",
    "@lift <x> up", "@raise <x>", "@hold <x> up", "@grasp <x>", "@take hold of <x>", "@grab hold of <x>",
    "@lift <x> (off the table|into the air|in the air)", "@pick <x> up and @hold <it>", "@hoist <x>",
    "@keep <x> in your (hand|gripper)", "@seize <x>", "@hold <x> in your (gripper|hand)", "@hold on to <x>",
    "@raise <x> (into the air|up)", "@hoist <x> up", "@take <x> in your (hand|gripper)", "@hold <x> up high",
    "@fetch <x> up", "@scoop up <x>", "@elevate <x>", "@take up <x>", "@grip <x>", "@clutch <x>", "@snatch up <x>",
    "@heave up <x>", "@hold <x> (up in|in) the air", "@get <x> up in the air", "@pluck up <x>", "@hold <x> aloft"
)
WHOLE = {  # patterns of their own
    "in": (
        "@pick up <x> and @put <it> <to>", "@pick <x> up and @drop <it> <to>", "@take <x> and @put <it> <to>",
        "@grab <x> and @drop <it> <to>", "@fill <p> with <x>", "@put <to> <x>", "@add <x> to <p>",
        "@lift <x> and @place <it> <to>", "@get <x> and @stick <it> <to>", "@use <p> (for|to hold) <x>",
        "@grab <x> and @chuck <it> <to>", "@find <x> and @put <it> <to>", "@let <x> (fall|drop|slide) <to>",
        "@give <p> <x>", "@make <p> hold <x>", "@pick <x> and @place <it> <to>", "@store away <x> <to>",
        "@tuck <x> away <to>", "@let <p> have <x>", "@set <x> down <to>", "@pop <x> over <to>",
        "@reach for <x> and @put <it> <to>", "@stow <x> away <to>"
    ),
    "on": (
        "@pick up <x> and @put <it> <to>", "@pick <x> up and @place <it> <to>", "@take <x> and @stack <it> <to>",
        "@grab <x> and @put <it> <to>", "@top <p> with <x>", "@put <to> <x>", "@make <p> carry <x>",
        "@cover <p> with <x>", "@cap <p> with <x>", "@stack <x> up <to>", "@lift <x> and @balance <it> <to>",
        "@crown <p> with <x>", "@use <p> as a base for <x>", "@get <x> and @set <it> <to>", "@set <x> down <to>",
        "@put <p> (under|underneath|beneath|below) <x>", "@slide <p> under(neath|) <x>", "@let <x> (rest|sit) <st>",
        "@give <p> <x> to carry", "@let <p> carry <x>", "@make <x> sit <st>"
    ),
    "on table": (
        "@pick up <x> and @put <it> <to>", "@put <to> <x>", "@take <x> and @put <it> <to>", "@set <x> down <to>",
        "@put <x> down <to>", "@lay <x> down <to>", "@grab <x> and @place <it> <to>", "@put <x> back <to>",
        "@get <x> down <to>"
    ),
    "beside": (
        "@pick up <x> and @put <it> <to>", "@put <to> <x>", "@take <x> and @put <it> <to>", "@set <x> down <to>",
        "@make <x> stand <to>", "@grab <x> and @place <it> <to>", "@bring <x> close to <p>", "@let <x> stand <st>",
        "@move <x> closer to <p>", "@line <x> up <to>"
    ),
}
FROM = {  # <x> without where it is, and that, <o>
    "in": (
        "@take <x> out of <o> and @put <it> <to>", "@move <x> from <o> <to>", "@get <x> out of <o> and @put <it> <to>",
        "@take <x> from <o> and @place <it> <to>", "@transfer <x> from <o> <to>",
        "@lift <x> out of <o> and @set <it> <to>", "@fish <x> out of <o> and @put <it> <to>",
        "@bring <x> from <o> <to>", "@pick <x> out of <o> and @drop <it> <to>", "@shift <x> from <o> <to>",
        "@pull <x> out of <o>, then @put <it> <to>", "@remove <x> from <o> and @put <it> <to>"
    ),
    "on": (
        "@take <x> off <o> and @put <it> <to>", "@move <x> from <o> <to>", "@get <x> off <o> and @put <it> <to>",
        "@take <x> from <o> and @place <it> <to>", "@lift <x> off <o> and @set <it> <to>",
        "@move <x> from the top of <o> <to>", "@transfer <x> from <o> <to>", "@remove <x> from <o> and @put <it> <to>",
        "@take <x> down from <o> and @put <it> <to>", "@pick <x> off <o> and @drop <it> <to>",
        "@shift <x> from <o> <to>", "@take <x> off of <o> and @put <it> <to>"
    ),
}
LIFTED = (
    "@take <x> out of the bowl and @put <it> <to>", "@get <x> out and @put <it> <to>",
    "@take <x> out and @set <it> <to>", "@lift <x> out of the bowl and @place <it> <to>",
    "@take <x> off the stack and @put <it> <to>", "@get <x> out of the bowl and @set <it> <to>",
    "@take <x> down and @put <it> <to>", "@fish <x> out and @drop <it> <to>",
    "@remove <x> from the bowl and @put <it> <to>", "@pull <x> out and @put <it> <to>"
)
WHOLE |= {key: WHOLE["on table"][:7] for key in ("left_of", "right_of", "at left", "at right", "at middle")}
OUT = (  # something that lies in or on something is put on the table
    "@take <x> out", "@take <x> out of the bowl", "@take <x> down", "@get <x> out of the bowl", "@take <x> off",
    "@remove <x> from the bowl", "@get <x> out", "@pull <x> out", "@fish <x> out", "@fish <x> out of the bowl",
    "@take <x> out and @put <it> on the table", "@pull <x> out of the bowl", "@lift <x> out of the bowl",
    "@take <x> down from the stack", "@take <x> back out", "@take <x> off the stack", "@get <x> down",
    "@take <x> out of there", "@lift <x> out and @lay <it> on the table", "@fetch <x> out",
    "@retrieve <x> from the bowl", "@pluck <x> out of the bowl", "@free <x> from the bowl",
    "@unload <x> onto the table", "@scoop <x> out of the bowl"
)
EMPTIES = (  # everything out of one bowl, <p>
    "@empty <p>", "@empty <p> onto the table", "@take everything out of <p>", "@empty out <p>", "@clear out <p>",
    "@unload <p>", "@get everything out of <p>", "@take all the blocks out of <p>", "@remove everything from <p>",
    "@dump <p> out onto the table", "@clean out <p>", "@take all of the blocks out of <p> and @put them on the table",
    "@tip <p> out onto the table", "@get all the blocks out of <p>", "@take whatever is in <p> out", "@evacuate <p>",
    "@clear <p> out", "@vacate <p>", "@empty <p> out", "@put the contents of <p> on the table",
    "@take the contents of <p> out", "@put everything from <p> on the table",
    "@put everything that is in <p> on the table"
)
CLEARS = (  # everything off one block, <p>
    "@clear <p>", "@clear the top of <p>", "@unstack <p>", "@take everything off <p>", "@take whatever is on <p> off",
    "@free <p>", "@free up the top of <p>", "@get everything off <p>", "@make <p> clear", "@uncover <p>",
    "@take off whatever is on <p>", "@remove everything from the top of <p>", "@clear off <p>", "@free the top of <p>",
    "@take the stuff off the top of <p>", "@unload <p>"
)
SHARES_OUT = (
    "@distribute <xs> evenly (over|among|across) <ps>", "@divide <xs> equally among <ps>",
    "@share <xs> out (equally|evenly) among <ps>", "@spread <xs> evenly over <ps>",
    "@put the same number of <xs> in each <p>", "@split <xs> evenly between <ps>", "@distribute <xs> equally among <ps>"
)
PER = (
    "@put one <x> per <p>", "@put one <x> in each <p>", "@drop one <x> into every <p>", "@give each <p> one <x>",
    "@give every <p> <a>", "@put <a> in each <p>", "@fill each <p> with one <x>", "@let every <p> have one <x>",
    "@make each <p> hold one <x>", "@add one <x> to each <p>"
)
SORTS = (  # every block, <x>, to the bowl of its colour
    "@put <x> in the bowl of (its|the same) color", "@sort <xs> into the bowls by color",
    "@put <x> into the (matching bowl|bowl with the same color)", "@sort <xs> by color", "@sort <xs>",
    "@match <x> (with|to) the bowl of (its|the same) color", "@sort <xs> into the bowls of their (own|) color",
    "@drop <x> in the bowl that (matches its color|has its color|matches it)",
    "@put <xs> into the bowls that match (their color|them)", "@distribute <xs> (over|among) the bowls by color",
    "@put <xs> where they belong by color", "@put <x> in its matching bowl",
    "@move <x> to the (same-colored|same colored) bowl", "@put <xs> in the bowls of the same color", "@color-sort <xs>",
    "@arrange <xs> into bowls by color"
)
