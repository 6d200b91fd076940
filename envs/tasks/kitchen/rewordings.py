"""More words for the kitchen's instructions, in which nothing is drawn: they are learned and understood, too."""

from __future__ import annotations

import re
from types import MappingProxyType

from envs.tasks.kitchen.templates import TEMPLATES

_REWORDINGS = MappingProxyType({
    "go": ("go over to the {place}", "drive over to the {place}", "please go to the {place}", "to the {place}, please",
           "can you drive to the {place}?"),
    "find": ("where is the {thing}?", "can you find the {thing}?", "show me the {thing}", "see if there is a {thing}",
             "please look for the {thing}", "can you see the {thing} anywhere?"),
    "hold": ("take the {thing}", "lift the {thing}", "can you pick up the {thing}?", "please hold the {thing}",
             "get hold of the {thing}"),
    "open": ("can you open the drawer?", "please open the drawer", "I want the drawer open", "open it, the drawer"),
    "shut": ("can you close the drawer?", "please shut the drawer", "I want the drawer closed",
             "push the drawer closed"),
    "move": ("{thing} to the {place}", "can you bring the {thing} to the {place}?",
             "please put the {thing} on the {place}",
             "could you take the {thing} over to the {place}?", "get the {thing} and put it on the {place}",
             "the {thing} should be on the {place}", "I need the {thing} on the {place}",
             "pick up the {thing} and bring it to the {place}", "leave the {thing} at the {place}, please",
             "would you carry the {thing} to the {place}?"),
    "any": ("bring me a {kind} to the {place}", "can I have a {kind} on the {place}?",
            "a {kind} for the {place}, please",
            "find a {kind} and put it on the {place}", "I need a {kind} at the {place}",
            "put any {kind} on the {place}"),
    "discard": ("put the {thing} in the bin", "the {thing} goes into the bin", "throw the {thing} out",
                "can you throw away the {thing}?", "I do not need the {thing}, bin it", "the {thing} is waste"),
    "stow": ("put the {thing} in the drawer and close it", "put the {thing} away in the drawer, then shut the drawer",
             "the {thing} belongs in the drawer, close it after that",
             "can you put the {thing} into the drawer and close the drawer?"),
    "two": ("bring the {thing} and the {thing2} to the {place}", "put the {thing} and the {thing2} on the {place}",
            "take both the {thing} and the {thing2} to the {place}",
            "I need the {thing} and the {thing2} at the {place}",
            "can you bring the {thing} and the {thing2} to the {place}?",
            "{thing} and {thing2} to the {place}, please", "first the {thing}, then the {thing2}, both to the {place}"),
    "each": ("bring the {thing} to the {place} and the {thing2} to the {place2}",
             "the {thing} goes to the {place}, the {thing2} to the {place2}",
             "put the {thing} on the {place}, then put the {thing2} on the {place2}",
             "can you take the {thing} to the {place} and then the {thing2} to the {place2}?"),
    "take_out": ("take the {thing} out of the drawer and put it on the {place}",
                 "the {thing} is in the drawer, bring it to the {place}",
                 "from the drawer, the {thing}, to the {place}"),
    "empty": ("empty the drawer and put everything on the {place}", "everything in the drawer goes to the {place}",
              "can you empty the drawer onto the {place}?"),
    "leave": ("put the {thing} in the drawer, do not close it", "the {thing} goes into the drawer, leave it open"),
    "tidy": ("put the {thing} in the drawer, and close the drawer at the end",
             "the {thing} must be in the drawer, and the drawer closed"),
    "out_shut": ("take the {thing} out of the drawer, put it on the {place} and shut the drawer",
                 "from the drawer bring the {thing} to the {place}, and close the drawer"),
    "thirsty": ("bring me something to drink", "I am thirsty", "get me a drink", "can I have something to drink?",
                "I want something to drink", "I need a drink, please", "something to drink, please",
                "could you bring me a drink?", "put a drink on the table for me"),
    "hungry": ("bring me something to eat", "I am hungry", "get me a snack", "can I have something to eat?",
               "I want something to eat", "I need a snack, please", "something to eat, please",
               "could you bring me a snack?", "put a snack on the table for me"),
    "fruit": ("bring me a piece of fruit", "I want a fruit", "can I have some fruit?", "get me a fruit",
              "I would like some fruit, please"),
    "spill": ("I spilled something on the table, bring something to wipe it", "the table is dirty, help me clean it",
              "bring me something to wipe the table", "can you bring something to clean the table?"),
    "spilled": ("I spilled the {thing} on the table, throw it away and bring something to clean up",
                "the {thing} tipped over, bin it and bring something to wipe the table"),
    "season": ("my soup needs pepper", "bring something to season the soup on the table", "the soup needs seasoning"),
    "finished": ("I am done with the {thing}", "the {thing} is empty, throw it away", "I finished the {thing}, bin it"),
    "guests": ("hide the {thing} in the drawer and close it", "nobody should see the {thing}, put it in the drawer and "
               "close it", "put the {thing} where nobody sees it, in the drawer, and close that"),
    "three": ("put the {thing}, the {thing2} and the {thing3} on the {place}, please",
              "take the {thing}, the {thing2} and the {thing3} to the {place}",
              "{thing}, {thing2} and {thing3} to the {place}"),
    "waste": ("throw away the {thing} and the {thing2}, and bring the {thing3} to the {place}",
              "the {thing} and the {thing2} go into the bin, and the {thing3} goes to the {place}"),
    "clear": ("take everything from the {place} to the {place2}", "everything on the {place} goes to the {place2}",
              "clear the {place}, put all of it on the {place2}",
              "can you move all that is on the {place} to the {place2}?"),
    "put_away": ("put the {thing} in the drawer, close it, and take the {thing2} and the {thing3} to the {place}",),
    "all_of": ("bring every {kind} to the {place}", "put every {kind} on the {place}",
               "every {kind} goes to the {place}",
               "collect every {kind} at the {place}"),
})
"""Form -> other wordings."""


def by_form(family: str, form: str) -> tuple[str, ...]:
    """The other wordings of a form, with the slots that its family has."""
    slot = "{noun}" if any("{noun}" in wording for wording in TEMPLATES[family, form]) else "{thing}"
    return tuple(wording.replace("{thing}", slot) for wording in _REWORDINGS.get(form, ()))


def rewordings() -> dict[str, tuple[str, ...]]:
    """Each wording of `phrasings.TEMPLATES`, and the others for the same."""
    return {wording: others for (family, form), wordings in TEMPLATES.items()
            if (others := by_form(family, form)) for wording in wordings if _slots(wording) == _slots(others[0])}


def _slots(wording: str) -> set[str]:
    return set(re.findall(r"{(\w+)}", wording))
