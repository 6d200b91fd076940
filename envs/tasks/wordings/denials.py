"""What shall not be, and what shall stay, in words."""

from __future__ import annotations

from collections.abc import Sequence

from envs.goals.language import TABLE, Description, Fact, Keep, Not, Things
from envs.tasks.wordings.clauses import Clauses, Command
from envs.tasks.wordings.nouns import Noun
from envs.tasks.wordings.verbs import CLEARS

NEVER = (
    "don't <vp>", "do not <vp>", "never <vp>", "please don't <vp>", "you must not <vp>", "i don't want you to <vp>",
    "please do not <vp>", "avoid <ving>", "you should not <vp>", "you shouldn't <vp>", "whatever you do, don't <vp>",
    "make sure not to <vp>", "refrain from <ving>", "be careful not to <vp>", "i'd rather you didn't <vp>",
    "you are not to <vp>", "don't you dare <vp>", "under no circumstances <vp>", "no <ving>, please",
    "you may not <vp>", "it is forbidden to <vp>", "better not <vp>", "dont <vp>", "<ving> is not allowed"
)
NOT_SO = (
    "<x> must not be <st>", "i don't want <x> <st>", "<x> should not be <st>", "<x> shouldn't be <st>",
    "make sure <x> {isn't/aren't} <st>", "<x> {doesn't/don't} belong <st>", "see to it that <x> {is/are} not <st>",
    "<x> must not end up <st>", "i do not want <x> <st>", "<x> can't be <st>", "<x> {has/have} no business <st>",
    "anywhere but <st> for <x>", "put <x> anywhere but <st>", "<x> can go anywhere except <st>",
    "<x> may be anywhere, but not <st>", "put <x> wherever you like, just not <st>", "not <st> with <x>, please",
    "<x> {is/are} not to be <st>", "i'd rather not have <x> <st>", "ensure that <x> {is/are} not <st>",
    "keep <x> from being <st>", "<x> {is/are} not supposed to be <st>", "i don't want to see <x> <st>", "<x>: not <st>",
    "let <x> not be <st>", "<x> may be anywhere, just not <st>", "{it/they} must not be <st>: <x>"
)
OUT_OF = (
    "@take <x> out of <p>", "@remove <x> from <p>", "@get <x> out of <p>", "@pull <x> out of <p>",
    "@keep <x> out of <p>", "@lift <x> out of <p>", "@fish <x> out of <p>", "@fetch <x> out of <p>",
    "@make sure <x> {isn't/aren't} in <p>", "@scoop <x> out of <p>", "@move <x> out of <p>", "@pluck <x> from <p>",
    "@clear <x> out of <p>", "@pick <x> out of <p>", "@extract <x> from <p>", "@free <x> from <p>",
    "@see that <x> {leaves/leave} <p>", "@grab <x> out of <p>", "@rescue <x> from <p>", "@retrieve <x> from <p>",
    "@bring <x> out of <p>", "@haul <x> out of <p>", "@dig <x> out of <p>", "@take <x> from <p>",
    "@unload <x> from <p>", "@evict <x> from <p>"
)
OUT_OF_SAID = (
    "<x> must come out of <p>", "<x> should come out of <p>", "i want <x> out of <p>", "<x> {has/have} to leave <p>",
    "i'd like <x> out of <p>", "no <n> in <p>", "get <x> out of <p>, please", "out of <p> with <x>",
    "<x> should not stay in <p>", "i need <x> out of <p>"
)
OFF = (
    "@take <x> off <p>", "@remove <x> from <p>", "@get <x> off <p>", "@lift <x> off <p>", "@move <x> off <p>",
    "@take <x> down from <p>", "@take <x> off of <p>", "@get <x> down from <p>", "@pick <x> off <p>",
    "@pull <x> off <p>", "@unstack <x> from <p>", "@keep <x> off <p>", "@remove <x> from the top of <p>",
    "@lift <x> down from <p>", "@make sure <x> {isn't/aren't} on <p>", "@grab <x> off <p>", "@clear <x> off <p>",
    "@take <x> from <p>", "@slide <x> off <p>"
)
AWAY = (
    "@move <x> away from <p>", "@keep <x> away from <p>", "@get <x> away from <p>", "@take <x> away from <p>",
    "@separate <x> from <p>", "@put <x> away from <p>", "@put <x> somewhere that is not (next to|near) <p>",
    "@bring <x> away from <p>", "@make sure <x> {isn't/aren't} (next to|beside) <p>",
    "@put some distance between <x> and <p>"
)
NOTHING_IN = (
    "@make sure there is nothing in <p>", "@make sure <p> is empty", "@see to it that <p> is empty", "@keep <p> empty",
    "@leave nothing in <p>", "@make sure nothing is in <p>", "@see that nothing stays in <p>"
)
NOTHING_IN_SAID = (
    "there should be nothing in <p>", "nothing should be in <p>", "<p> should be empty", "i want <p> empty",
    "<p> must be empty", "nothing in <p>", "i don't want anything in <p>", "no blocks in <p>",
    "there must not be any block in <p>", "<p> has to be empty", "nothing must be in <p>"
)
NOTHING_ON = (
    "@make sure there is nothing on <p>", "@make sure nothing is on <p>", "@see to it that nothing is on <p>",
    "@leave nothing on <p>", *CLEARS,
)
NOTHING_ON_SAID = (
    "there should be nothing on <p>", "nothing should be on (top of|) <p>", "i want nothing on (top of|) <p>",
    "i don't want anything on <p>", "nothing on <p>", "<p> should have nothing on it", "no blocks on <p>",
    "there must not be anything on (top of|) <p>", "<p> must be clear", "<p> should be free"
)
LEAVE = (
    "@leave <x> alone", "@leave <x> where {it is/they are}", "@keep <x> where {it is/they are}",
    "@let <x> stay where {it is/they are}", "@leave <x> in place", "@leave <x> untouched", "@let <x> be",
    "@keep <x> in place", "@leave <x> be", "@leave <x> as {it is/they are}", "@keep your (hands|gripper) off <x>",
    "@let <x> stay put", "@stay away from <x>", "@keep <x> still", "@leave <x> exactly where {it is/they are}",
    "@let <x> stand where {it stands/they stand}", "@keep away from <x>", "@stay clear of <x>",
    "@leave <x> right where {it is/they are}"
)
TOUCH = (
    "@move <y>", "@touch <y>", "@touch <y>", "@move <y>", "@mess with <y>", "@lay a finger on <y>", "@shift <y>",
    "@displace <y>", "@disturb <y>", "@bother <y>", "@budge <y>", "@relocate <y>"
)
STAYS = (
    "<x> {stays/stay} where {it is/they are}", "<x> {stays/stay} put", "hands off <x>",
    "<x> should stay where {it is/they are}", "<x> must not be moved", "<x> must stay where {it is/they are}",
    "<x> should not be moved", "<x> {remains/remain} where {it is/they are}", "<x> {stays/stay}",
    "<x> {is/are} off limits", "<x> {is/are} fine where {it is/they are}", "no touching <x>",
    "<x> can stay where {it is/they are}", "<x> should be left alone", "<x> may stay", "nobody moves <x>",
    "<x> {is/are} not to be touched", "<x> {has/have} to stay where {it is/they are}"
)
WITHOUT = (
    "without (touching|moving) <y>", "without touching <y>", "without moving <y>", "leaving <x> where {it is/they are}",
    "leaving <x> alone", "without disturbing <y>", "and leave <x> alone", "while leaving <x> where {it is/they are}",
    "but leave <x> where {it is/they are}", "but don't touch <y>", "but not by moving <y>", "and do not move <y>",
    "with <x> staying where {it is/they are}", "keeping <x> where {it is/they are}", "and keep your hands off <x>",
    "<x> {stays/stay} put"
)
AWAY_SAID = (
    "<x> away from <p>", "i want <x> away from <p>", "<x> should be away from <p>",
    "<x> must not be (near|next to) <p>", "i don't want <x> (near|next to|close to) <p>",
    "<x> {is/are} too close to <p>, move {it/them} away", "<x> nowhere near <p>", "<x> should not stand next to <p>",
    "keep <x> and <p> apart", "<x> should stay away from <p>", "not next to <p> with <x>"
)
NONE_BUT = (
    "only <b> may be <st>", "nothing but <b> should be <st>", "only <b> (is allowed|should be|can stay|may stay) <st>",
    "no block other than <b> may be <st>", "no blocks except <b> <st>", "i want nothing but <b> <st>",
    "only <b> belongs <st>", "apart from <b> nothing should be <st>", "nothing <st> except <b>",
    "leave nothing but <b> <st>"
)
NO_ONE = (
    "make sure (there's|there is) no <n> <st>", "no <n> <st>", "there should be no <n> <st>", "i want no <n> <st>",
    "there must not be (any|a single) <n> <st>", "i don't want to see any <n> <st>", "keep every <n> from being <st>",
    "see to it that there is no <n> <st>", "there shouldn't be any <n> <st>", "not a single <n> <st>",
)
ELSE_REST = (
    "leave (everything else|the rest|all other blocks|the others|the other blocks) (alone|where it is|untouched)",
    "don't (touch|move) anything else", "nothing else", "don't touch the (others|rest|other blocks)",
    "and nothing else", "leave the rest", "without touching (anything else|the others)",
    "everything else stays (put|where it is)", "but don't move any other block", "keep your hands off the rest",
    "the rest stays", "the others stay where they are", "only that one, nothing else may move"
)
ALL_STAY = (
    "don't move anything", "don't touch anything", "leave everything where it is",
    "leave all the blocks where they are", "leave everything alone", "nothing should be moved",
    "don't move any (of the blocks|block|blocks)", "keep everything where it is", "leave everything as it is",
    "all blocks stay where they are", "keep your hands off everything", "leave all blocks alone",
    "do not touch any block", "everything stays put", "let all the blocks be", "not one block is to be moved",
    "nothing moves"
)
ONLY = (
    "don't (touch|move) anything (but|except) <b>", "only move <b>", "leave everything alone except <b>",
    "leave all blocks but <b> where they are", "the only thing that you may move is <b>",
    "nothing may be moved except <b>"
)


class Denials:
    """Says what shall not be, and what stays."""

    def __init__(self, clauses: Clauses) -> None:
        self.clauses, self.voice, self.nouns = clauses, clauses.voice, clauses.nouns

    # What shall not be -----------------------------------------------------------------------------------------------

    def command(self, denied: Not, x: Noun | None = None) -> Command | None:
        """It as something to do: "take the red block out of the bowl"; None where no such words are known."""
        fact = denied.test
        patterns = self._removals(fact)
        return self._filled(patterns, fact, x) if patterns else None

    def _removals(self, fact: Fact) -> tuple[str, ...]:
        if is_everything(fact):
            return NOTHING_IN if fact.relation == "in" else NOTHING_ON
        if fact.relation == "in" and fact.place == Things("the", Description("bowl")):
            return ()  # "take it out of the bowl" says no bowl, and means the table
        return {"in": OUT_OF, "on": OFF if fact.place != TABLE else (), "beside": AWAY}.get(fact.relation, ())

    def _filled(self, patterns: tuple[str, ...], fact: Fact, x: Noun | None = None) -> Command:
        slots, many = self._slots(fact, x)
        return Command(self.voice.form(patterns, slots, many=many))

    def _slots(self, fact: Fact, x: Noun | None) -> tuple[dict, bool]:
        x, p = self.clauses.both(fact, x)
        told = self.nouns.core(fact.things.description, many=False)
        bare = " ".join(filter(None, [told.front, told.noun, told.behind]))
        return {"x": x.text, "n": bare, "p": p.text if p else "", "it": "them" if x.many else "it"}, x.many

    def sentence(self, denied: Not) -> str:
        """It as a sentence of its own."""
        fact = denied.test
        if is_everything(fact) and self.voice.chance(0.5):
            slots, _ = self._slots(fact, None)
            return self.voice.form(NOTHING_IN_SAID if fact.relation == "in" else NOTHING_ON_SAID, slots)
        command = self.command(denied)
        if command and (is_everything(fact) or self.voice.chance(0.5)):
            return command.form()
        if self._removals(fact) == OUT_OF and fact.things.quantifier == "the" and self.voice.chance(0.1):
            slots, many = self._slots(fact, None)
            return self.voice.form(OUT_OF_SAID, slots, many=many)
        if fact.relation == "beside" and fact.things.quantifier in ("the", "both") and self.voice.chance(0.5):
            slots, many = self._slots(fact, None)
            return self.voice.form(AWAY_SAID, slots, many=many)
        told = fact.things.description
        if (
            fact.things.quantifier == "all"
            and told.but
            and told == Description(told.kind, but=told.but)
            and self.voice.chance(0.5)
        ):
            state = self.clauses.state(fact, Noun("", False))
            return self.voice.form(NONE_BUT, {"b": self.nouns.exception(told), "st": state.where})
        x = self._none_of(fact.things)
        if x is None and fact.things.quantifier == "the" and self.voice.chance(0.55):
            told = (
                self.clauses.command(fact)
                if fact.relation != "on" or fact.place != TABLE
                else self.clauses.framed(fact, *self.clauses.both(fact))
            )
            return self.voice.form(NEVER, {"vp": told.form, "ving": lambda: told.form("gerund")})
        if x is not None and x.startswith("no ") and self.voice.chance(0.6):
            state = self.clauses.state(fact, Noun("", False))
            return self.voice.form(NO_ONE, {"n": x.removeprefix("no "), "st": state.where})
        if x is not None:
            state = self.clauses.state(fact, Noun(x, False))
            return self.voice.fill(
                "<x> (should be|must be|may be|is to be|belongs|goes) <st>", {"x": x, "st": state.where}
            )
        state = self.clauses.state(fact)
        return self.voice.form(NOT_SO, {"x": state.x, "st": state.where}, many=state.many)

    def _none_of(self, things: Things) -> str | None:
        """ "no red block", of all or any; "neither of the red blocks" of both; None of one."""
        if things.quantifier == "the":
            return None
        core = self.nouns.core(things.description, many=things.quantifier in ("all", "both"))
        plain = self.nouns.without(
            " ".join(filter(None, [core.front, core.noun, core.behind])), things.description, True
        )
        if things.quantifier == "both":
            return f"neither of the {plain}"
        words = ("none of the", "not one of the") if things.quantifier == "all" else ("no", "not a single")
        return f"{self.voice.pick(words)} {plain}"

    # What stays ------------------------------------------------------------------------------------------------------

    def kept(self, keep: Keep) -> Command:
        """It as something to do: "leave the red block alone"."""
        x = self.nouns.say(keep.things)
        return Command(self.voice.form(LEAVE, {"x": x.text}, many=x.many))

    def stays(self, keep: Keep) -> str:
        """It as a sentence of its own."""
        told = keep.things.description
        if keep.things == Things("all", Description("block")) and self.voice.chance(0.85):
            return self.voice.form(ALL_STAY)
        if (
            keep.things.quantifier == "all"
            and told.but
            and told == Description(told.kind, but=told.but)
            and self.voice.chance(0.6)
        ):
            return self.voice.form(ONLY, {"b": self.nouns.exception(told)})
        if self.voice.chance(0.35):
            return self.kept(keep).form()
        if self.voice.chance(0.5):
            touch = Command(self.voice.form(TOUCH, {"y": self._any_of(keep.things)}))
            return self.voice.form(NEVER, {"vp": touch.form, "ving": lambda: touch.form("gerund")})
        x = self.nouns.say(keep.things)
        return self.voice.form(STAYS, {"x": x.text}, many=x.many)

    def both_stay(self, keeps: Sequence[Keep]) -> str:
        """Two that stay: "don't touch the red or the green block"."""
        one, two = (self.nouns.say(keep.things, one=0.3 if i else 0.0).text for i, keep in enumerate(keeps))
        if self.voice.chance(0.5):
            touch = Command(self.voice.form(TOUCH, {"y": f"{one} or {two}"}))
            return self.voice.form(NEVER, {"vp": touch.form, "ving": lambda: touch.form("gerund")})
        row, joint = self.voice.pick(((LEAVE, " and "), (STAYS, " and ")))
        return Command(self.voice.form(row, {"x": f"{one}{joint}{two}"}, many=True)).form()

    def beside_it(self, keep: Keep) -> str:
        """It behind another command: "without touching the red block"."""
        x = self.nouns.say(keep.things)
        return self.voice.form(WITHOUT, {"x": x.text, "y": self._any_of(keep.things)}, many=x.many)

    def _any_of(self, things: Things) -> str:
        """The things behind a negation: "any of the red blocks"."""
        if things.quantifier != "all":
            return self.nouns.say(things).text
        return (
            self.nouns.say(Things("a", things.description)).text
            if not things.description.but and self.voice.chance(0.3)
            else ("any of the " + self._several(things.description))
        )

    def _several(self, told: Description) -> str:
        core = self.nouns.core(told, many=True)
        return self.nouns.without(" ".join(filter(None, [core.front, core.noun, core.behind])), told, True)


def is_everything(fact: Fact) -> bool:
    """Whether nothing at all shall be in, or on, one thing."""
    told = fact.things.description
    return (
        fact.things.quantifier == "all"
        and told in (Description("block"), Description("thing"))
        and fact.relation in ("in", "on")
        and isinstance(fact.place, Things)
        and fact.place.quantifier == "the"
    )
