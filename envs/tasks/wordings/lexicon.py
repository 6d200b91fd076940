"""Words for things, colours, sizes and places, and which of them training, validation and test may use.

Of each row the words before "|" are common and in every split; of those after it eight tenths are for training, one
tenth each for validation and test alone (at least one each of three or more).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Literal

Split = Literal["train", "validation", "test"]

NOUNS = {
    "block": (
        "block, cube | brick, piece, square, dice, die, wooden block, toy block, building block, box, lego, chunk, "
        "cubelet, toy brick, lego brick, wood block, cuboid, wooden cube, toy cube, lump, foam block, little guy, "
        "plastic cube, wooden brick, wood cube, plastic block"
    ),
    "bowl": (
        "bowl | dish, basin, container, pot, vessel, saucer, receptacle, cup, tub, serving bowl, soup bowl, "
        "ramekin, salad bowl, round dish, mixing bowl, cereal bowl, crock, round container, washbasin, porringer, "
        "fruit bowl, punch bowl"
    ),
    "thing": "thing, object, item | stuff, toy, article, doodad, thingy, thingamajig, element, entity",
}
COLORS = {
    "red": (
        "red | crimson, scarlet, ruby, cherry, cherry-red, blood-red, bright red, ruby-red, tomato-red, fire-engine "
        "red, vermilion, reddish, dark red, carmine, ruby red, strawberry-red"
    ),
    "green": (
        "green | emerald, lime, lime-green, grass-green, dark green, bright green, forest green, greenish, mint, "
        "jade, leaf-green, apple-green, olive, moss-green, pea-green, emerald-green"
    ),
    "blue": (
        "blue | navy, azure, cobalt, royal blue, dark blue, navy blue, sapphire, bluish, ultramarine, deep blue, "
        "cobalt-blue, midnight blue, royal-blue, denim-blue"
    ),
    "yellow": (
        "yellow | lemon, golden, canary, lemon-yellow, sunny yellow, bright yellow, banana-yellow, yellowish, "
        "mustard, sunflower, canary-yellow, lemon-colored, buttercup, golden-yellow"
    ),
    "orange": (
        "orange | tangerine, pumpkin, carrot-colored, bright orange, orange-colored, tangerine-colored, "
        "pumpkin-colored, carrot-orange, mandarin, orangey, clementine-colored"
    ),
    "purple": (
        "purple | violet, lilac, lavender, mauve, plum, grape, eggplant, amethyst, plum-colored, violet-colored, "
        "purplish, aubergine, royal purple, grape-colored, lilac-colored"
    ),
    "cyan": (
        "cyan | turquoise, teal, aqua, aquamarine, cyan-colored, turquoise-blue, aqua-blue, teal-colored, light "
        "blue, greenish-blue, blue-green, turquoise-colored, light-blue"
    ),
    "white": (
        "white | ivory, snow-white, snowy, milky, snowy white, pure white, chalk-white, cream, milk-white, "
        "pearl-white, whitish, alabaster, plain white, pearly, bright white, off-white"
    ),
}
SIZES = {
    "small": (
        "small, little, smaller | tiny, mini, wee, teeny, petite, undersized, teensy, miniature, itty-bitty, "
        "diminutive, pint-sized, small-sized, compact, tinier, littler"
    ),
    "big": (
        "big, large, bigger, larger | huge, giant, great big, massive, enormous, chunky, jumbo, hefty, oversized, "
        "gigantic, large-sized, big old, sizeable, bulky, whopping, big fat"
    ),
}
BEFORE = {  # superlatives before a noun
    "leftmost": "leftmost, left | far left, left-most, left-hand, furthest left, farthest left, far-left",
    "rightmost": "rightmost, right | far right, right-most, right-hand, furthest right, farthest right, far-right",
    "nearest": "nearest, closest | front, nearer, closer, foremost, frontmost, near",
    "farthest": "farthest, furthest | back, most distant, far, rear, remotest, hindmost, rearmost",
    "biggest": "biggest, largest | hugest, very biggest, chunkiest, greatest, bulkiest, heftiest",
    "smallest": "smallest, littlest | tiniest, very smallest, teeniest, weest, most tiny, puniest",
    "highest": "highest, top | topmost, uppermost, upper, highest-up, top-most",
    "lowest": "lowest, bottom | bottommost, lowermost, lower, undermost, bottom-most",
}
AFTER = {  # superlatives behind a noun
    "leftmost": (
        "on the left, furthest to the left | on the far left, farthest left, all the way to the left, at the left "
        "end, on the left-hand side, all the way left, over on the left, that is furthest left"
    ),
    "rightmost": (
        "on the right, furthest to the right | on the far right, farthest right, all the way to the right, at the "
        "right end, on the right-hand side, all the way right, over on the right, that is furthest right"
    ),
    "nearest": (
        "closest to you, nearest to you | nearest you, in front, at the front, that is closest to you, in the front "
        "row, right in front of you, closest to your base, that is nearest to you"
    ),
    "farthest": (
        "farthest from you, furthest away | at the back, furthest from you, farthest away, in the back, that is "
        "farthest from you, way in the back, most distant from you, at the far end, in the back row"
    ),
    "biggest": "that is the biggest | that is biggest, which is the largest, that is largest of all",
    "smallest": "that is the smallest | that is smallest, which is the tiniest, that is smallest of all",
    "highest": "at the top, on top | highest up, at the very top, that is highest up, on the very top",
    "lowest": "at the bottom | lowest down, at the very bottom, that is lowest, right at the bottom",
}
UNKNOWN_KINDS = (
    "banana, apple, ball, spoon, fork, bottle, book, pen, key, phone, sponge | cylinder, pyramid, lid, sphere, cone, "
    "sock, hammer, screwdriver, toy car, doll, coin, candle, egg, carrot, tomato, knife, glove, shoe, pencil, towel, "
    "hat, teddy bear, napkin, laptop, cookie, sandwich, pear, watch, remote, screw, nail, cat, dog, duck, marble, "
    "ring, brush, newspaper, scissors, stapler, battery, light bulb, pizza, star, triangle, heart, glass, teapot, "
    "kettle, mouse, keyboard, letter, envelope, wallet, potato, onion, strawberry, cucumber, plate, basket, drawer, "
    "shelf, bag, jar, tray"
)
UNKNOWN_COLORS = ("black, brown, pink, gray, grey | silver, beige, tan, bronze, khaki, rainbow, striped, transparent, "
                  "multicolored, dark brown, light gray, hot pink, jet-black, checkered, spotted, polka-dot")
PLACES_UNKNOWN = {
    "in": (
        "box, drawer, bag, basket, bucket, fridge | sink, trash can, trash, oven, cupboard, jar, mug, suitcase, "
        "pocket, washing machine, backpack, closet, cabinet, toolbox, crate, freezer, envelope, kitchen, dishwasher"
    ),
    "on": (
        "floor, shelf, chair, plate | couch, stove, windowsill, tray, ground, desk lamp, book, roof, bed, counter, "
        "carpet, laptop, sofa, bench, rug, ladder, napkin, cupboard"
    ),
}
NUMBERS = {"2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "7": "seven", "8": "eight", "9": "nine"}


def rows(row: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The common words of a row, and the others."""
    common, _, rest = row.partition("|")
    return tuple(w.strip() for w in common.split(",") if w.strip()), tuple(
        w.strip() for w in rest.split(",") if w.strip()
    )


def shared_out(words: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The words of each split, in a fixed order: no word in two."""
    if len(words) < 3:
        return {"train": words, "validation": (), "test": ()}
    order = sorted(words, key=lambda word: zlib.crc32(word.encode()))
    count = max(1, round(len(words) / 10))
    held = {"validation": set(order[:count]), "test": set(order[count:2 * count])}
    parts = {split: tuple(w for w in words if w in some) for split, some in held.items()}
    return {"train": tuple(w for w in words if w not in held["validation"] | held["test"]), **parts}


class Words:
    """The common and the other words of each row of a table, for one split."""

    def __init__(self, table: Mapping[str, str], split: Split) -> None:
        self.common = {key: rows(row)[0] for key, row in table.items()}
        self.rest = {key: shared_out(rows(row)[1])[split] or self.common[key] for key, row in table.items()}


TABLES: dict[str, Mapping[str, str]] = {
    "nouns": NOUNS,
    "colors": COLORS,
    "sizes": SIZES,
    "before": BEFORE,
    "after": AFTER,
    "unknown": {'kind': UNKNOWN_KINDS, 'color': UNKNOWN_COLORS},
}
