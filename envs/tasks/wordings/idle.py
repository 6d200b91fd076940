"""What asks for nothing, what nobody understands, and what the robot cannot do."""

from __future__ import annotations

from envs.goals.language import Description, Things
from envs.tasks.wordings import chatter
from envs.tasks.wordings.forms import article, gerund
from envs.tasks.wordings.languages import LANGUAGES
from envs.tasks.wordings.talk import Talk

NOTHING = (
    "<hello>", "<hello>!", "<thanks>", "<thanks>!", "<remark>", "<remark>.", "<reason>", "never mind", "nevermind",
    "forget it", "forget about it", "don't do anything", "do nothing", "stop", "cancel", "nothing", "nothing, thanks",
    "wait, never mind", "oh, never mind", "no, leave it", "that's all", "that was all", "nothing for now", "ok", "okay",
    "yes", "no", "good", "i don't need anything", "we're done", "we are done for today", "that's fine as it is",
    "it's fine like that", "leave it like that", "i changed my mind", "i changed my mind, do nothing", "no need",
    "not now", "stop it", "just checking", "just testing", "how are you?", "who are you?", "what's your name?",
    "what is your name?", "are you there?", "do you like your job?", "how old are you?", "can you hear me?",
    "are you a robot?", "what's the weather like?", "how is the weather?", "what time is it?", "who built you?",
    "do you sleep?", "are you tired?", "do you speak french?", "what can you do?", "tell me about yourself", "good job",
    "well done", "good robot", "nice work", "bravo", "great, thank you", "perfect, thanks", "i love you",
    "you're funny", "haha", "lol", "see you tomorrow", "bye", "goodbye", "good night", "see you", "have a nice day",
    "i'm back", "i'm home", "one moment", "let me think", "hm", "hmm", "oops", "sorry", "my mistake",
    "<hello>, how are you?", "<hello>, <remark>", "<remark>, <remark>", "<hello>. <remark>.", "<hello>, <thanks>",
    "<remark>. <thanks>", "<hello>, nice to meet you", "please do nothing", "please don't do anything", "no thanks",
    "no thank you", "all good", "it's ok", "it's okay now", "never mind, <reason>", "never mind, <thanks>",
    "forget it, <reason>", "i have nothing for you right now", "take a break", "you can rest now", "you may rest",
    "there is nothing to do", "nothing to do right now", "i'm just looking", "i am only watching",
    "i was talking to someone else", "sorry, i was talking to my colleague", "ignore that", "ignore me",
    "ignore what i said", "scratch that", "undo that thought", "abort", "abort mission", "cancel that", "cancel please",
    "stop please", "please stop", "hold on", "don't bother", "you don't have to do anything",
    "it's all good the way it is", "everything is fine", "everything is perfect already", "keep up the good work",
    "you did well", "that looks great", "what a nice robot", "cool", "wow", "do you know any jokes?", "are you happy?",
    "where do you come from?", "what are you thinking about?", "is it hard to be a robot?",
    "what did you do yesterday?", "do you have a name?", "<reason>, but that's not your problem",
    "i was about to say something but i forgot", "i like <xs>", "<xs> are pretty", "what a pretty <n>",
    "i have <a> at home", "my daughter has <a> just like that", "<x> looks nice", "<x> reminds me of my childhood",
    "i bought <x> yesterday", "<xs> are my favorite", "i really like <x>", "<x> is beautiful", "isn't <x> pretty?",
    "when i was a child i had <a>", "i see <x>", "<x> is cute", "i think <x> is my favorite", "<x> was expensive",
    "my son gave me <x>", "<x> is nicely made", "i was going to ask you about <x>, but never mind",
    "no need to touch anything", "that's enough for today", "that will be all", "thanks, that's all",
    "thank you, that's everything", "i'm good", "i'm fine, thanks", "nothing else", "we're good", "let's take a break",
    "break time", "lunch time", "time for lunch", "i'll be right back", "brb", "gotta go"
)
UNDONE = (
    "<vp>. never mind", "<vp>... no, forget it", "<vp> - actually, never mind", "<vp>. no wait, don't. leave it",
    "<vp>, no, forget it", "can you <vp>? oh, never mind", "<vp>. on second thought, forget it",
    "i wanted you to <vp> but it's fine now, do nothing", "<vp>. scratch that, do nothing",
    "i was going to ask you to <vp>, but never mind", "<vp>, or no, cancel that", "<vp>. cancel that",
    "forget what i said about <ving>", "you don't need to <vp> anymore", "no need to <vp> anymore",
    "<vp>... ah, never mind, i did it myself", "<vp>? no, nothing, forget it", "<vp>. stop, cancel",
    "i thought about <ving>, but let's not do anything", "<vp>, haha just kidding, do nothing", "thanks for <ving>",
    "yesterday you had to <vp>, remember?", "<vp> - no, better leave everything as it is",
    "i changed my mind about <ving>, never mind"
)
VERBS = (
    "wash, cut, throw, paint, break, eat, clean, melt, open, close, spin, shake, fold, weigh, burn, polish, kick, "
    "sell, buy, wrap, measure, squeeze, smash, juggle, cook, lick, sing to | photograph, sharpen, iron, repair, "
    "bake, boil, freeze, fry, glue, sand, saw, drill, crush, tickle, water, heat, cool, dry, scratch, bend, peel, "
    "chop, slice, hammer, burst, roast, hit, punch, bite, chew, swallow, smell, taste, kiss, hug, lock, unlock, "
    "dissolve, tear, rip, sew, knit, vacuum, mop, dust, rinse, sterilize, disinfect, charge, recycle, feed, pet, "
    "mail, ship, copy, print, scan, draw, sketch, film, decorate, engrave, inflate, magnetize, plug in, hack, roll, "
    "bounce, tap, knock over, rotate, swing, dismantle, unscrew, tape, stir, shred, explode, microwave, autoclave, "
    "label, weld, stretch, bury, wipe, scrub, brush, compress, catch, hurl, catapult, grind"
)
BARE_VERBS = (
    "dance, sing, jump, wait, sleep, wave, come here, go away, drive | whistle, clap, run, walk, swim, fly, cook "
    "dinner, make coffee, call my mom, play music, turn off the lights, tell a joke, read a book, do the dishes, sit "
    "down, stand up, smile, nod, laugh, vacuum the floor, mow the lawn, write a letter, order a pizza, play chess, "
    "shut down, restart, turn around, close the door, open the window, answer the phone, roll over, shake hands, "
    "make tea, clean the kitchen, feed the cat, walk the dog, water the plants, take a photo, do a flip, charge your "
    "battery, explode, leave the room, go home, fetch a beer, water the flowers, count to a hundred, do my homework, "
    "iron my shirts, sweep the floor"
)
CANNOT_ALONE = (
    "<v> <x>", "<v> <x>", "please <v> <x>", "can you <v> <x>?", "could you <v> <x>?", "<v> <x> for me",
    "i want you to <v> <x>", "would you <v> <x>?", "i'd like you to <v> <x>", "would you please <v> <x>?",
    "<v> <x>, please", "could you please <v> <x>?", "you should <v> <x>", "let's <v> <x>", "i need you to <v> <x>",
    "go <v> <x>", "<v> <x> now", "time to <v> <x>", "try to <v> <x>", "i would like you to <v> <x>",
    "can you please <v> <x>", "help me <v> <x>", "your task is to <v> <x>", "go ahead and <v> <x>",
    "if you could <v> <x>, that would be great", "kindly <v> <x>", "do me a favor and <v> <x>", "will you <v> <x>?",
    "<hello>, <v> <x>", "<hello>, can you <v> <x>?", "<v> <x>. <thanks>", "just <v> <x>", "be so kind and <v> <x>",
    "<v> <x> because <reason>", "<v> <x> and then put it in <p>", "<v> <x> before you put it in <p>",
    "take <x> and <v> it", "pick up <x> and <v> it", "<reason>, so <v> <x>", "how about you <v> <x>?",
    "i want to see you <v> <x>", "<v> both of them", "<v> it", "<v> everything", "<v> all the blocks", "<v> the table",
    "<v> all of them, please", "first <v> <x>, then put it in <p>"
)
WITH_MORE = (
    "fetch me a beer", "bring me a coffee", "bring me my glasses", "fetch the newspaper", "make me a sandwich",
    "get out of here", "hand <x> over", "hand over <x>", "pass me <x>", "give <x> to my son", "give <x> back to me",
    "pass <x> to my colleague", "turn left", "turn to the right", "go to the kitchen", "walk over here", "come closer",
    "follow me", "look out of the window", "open the drawer", "turn up the heating",
    "switch off the lamp", "switch on the radio", "pour me a drink", "throw <x>", "throw <b>", "hide behind <b>",
    "knock <b> over", "knock <x> off the table", "tip <b> over", "push <x> off the table", "peel <x>", "sharpen <x>",
    "unscrew <x>", "heat <x> up", "cool <b> down", "dry <b> with a towel", "rinse <b> with water", "cut <x> in half",
    "paint <x> blue", "paint <x> green", "throw <x> out of the window", "throw <x> at me", "wash <b> with soap",
    "wash <b> with hot water", "turn <b> upside down", "flip <b> over", "flip <x> over", "turn <x> around",
    "fill <b> with water", "fill <b> with soup", "give me <x>", "hand me <x>", "give <x> to me", "hand <x> to my wife",
    "throw <x> away", "throw <b> away", "pour some water into <b>", "pour coffee into <b>", "break <x> into pieces",
    "glue <x> to <y>", "tape <x> to <y>", "swap <x> and <y>", "tie <x> to <y>", "roll <x> across the table",
    "bounce <x> off the wall", "balance <x> on your head", "eat <x> for lunch", "put on some music", "sing me a song",
    "tell me a story", "draw a picture of <x>", "weigh <x>", "measure how long <x> is", "take a picture of <x>",
    "photograph <x>", "turn on the light", "turn off the radio", "make me a coffee", "cook some soup in <b>",
    "wrap <x> in paper", "wipe the table", "clean the table", "clean <b>", "polish <x> until it shines",
    "melt <x> in the oven", "burn <x>", "kick <x> off the table", "dance around <b>", "juggle <x>, <y> and a banana",
    "sell <x> on the internet", "spin <b> around", "rotate <x> by ninety degrees", "color <x> pink", "dye <x> black",
    "stir the soup in <b>", "smash <x> with a hammer", "drill a hole in <x>", "wait for five minutes",
    "wait until i come back", "call <y>", "feed the dog from <b>", "drive to the shop", "walk to the door",
    "jump over <b>", "scratch my back", "open <b>", "close <b>", "shake <b>", "shake <x>", "lick <b> clean",
    "write my name on <x>", "bite into <x>"
)
ASKED = (
    "<v>", "please <v>", "can you <v>?", "could you <v>?", "would you <v>?", "<v> please", "i want you to <v>",
    "could you please <v>?", "<v> for me", "i'd like you to <v>", "go and <v>", "let's <v>", "now <v>",
    "you should <v>",
    "<v>, please", "you have to <v>", "would you please <v>?", "just <v>", "time to <v>", "try to <v>", "help me <v>",
)
COLORS = ("red", "green", "blue", "yellow", "orange", "purple", "cyan", "white")
LETTERS = "asdfghjklqwertyuiopzxcvbnm"
SALAD = (
    "banana", "of", "the", "seven", "under", "therefore", "quickly", "moon", "because", "green", "is", "potato", "very",
    "window", "not", "whom", "between", "song", "blue", "ran", "if", "yesterday", "soft", "with", "bowl", "went",
    "purple", "red", "umbrella", "an", "which", "block", "loudly", "cheese", "from", "eleven", "does", "cloud",
    "orange", "than", "shoe", "on", "are", "slowly", "ideas", "sleep", "in", "how", "by", "ocean", "why", "hat", "them",
    "zebra"
)
FOREIGN = (
    "quid pro quo habemus", "lorem ipsum dolor sit amet", "je ne sais quoi", "que sera sera", "dum spiro spero",
    "mamma mia", "c'est la vie", "ich bin ein berliner", "ceci n'est pas une pipe", "alea iacta est", "hakuna matata",
    "la vita e bella", "wo ist der bahnhof", "o tempora o mores", "el perro come pan", "minun nimeni on matti",
    "jeg elsker regn", "kto rano wstaje", "consectetur adipiscing elit", "ubi bene ibi patria",
    "sic transit gloria mundi", "wie heisst du denn", "mon oncle est parti", "la plume de ma tante", "der hund schlaeft"
)
BROKEN = (
    "put the in the", "the the the", "in the of on", "put on in under", "block bowl block bowl block",
    "red red red red", "blue put in green the with", "if then else if", "on on on", "move the to", "the is in but",
    "green or not the without", "1 2 3 4 5", "??", "???", "!!!", "...", "-", "x", "blah blah blah", "bla bla",
    "yada yada", "abc", "test test 123", "foo bar baz", "hmpf grmbl", "asdf", "qwerty", "null", "undefined", "lkj lkj",
    "put", "the", "in the", "of the", "with without", "because the", "and then and then", "the one of which",
    "colorless green ideas sleep furiously", "to be or not to be in", "do the thing with the thing",
    "you know what to do", "do it like the other day", "make it good", "the usual", "like last time",
    "something something bowl", "put put put", "block in in in", "from from to to", "whatever the under"
)


class Idle:
    """Says what comes to nothing that can be done."""

    def __init__(self, talk: Talk) -> None:
        self.talk, self.voice, self.nouns = talk, talk.voice, talk.nouns

    def _slots(self, things: Things) -> dict:
        told = things.description
        return {
            "hello": lambda: self.voice.form(chatter.HELLOS),
            "thanks": lambda: self.voice.form(chatter.THANKS),
            "remark": lambda: self.voice.form(chatter.REMARKS),
            "reason": lambda: self.voice.form(chatter.REASONS),
            "x": lambda: self.nouns.say(things).text,
            "xs": lambda: self.talk.conditions.several(told),
            "n": lambda: self.talk.conditions.one(told),
            "a": lambda: self._one(told),
            "p": lambda: self.nouns.say(Things("a", Description("bowl"))).text,
        }

    def _one(self, told: Description) -> str:
        words = self.talk.conditions.one(told)
        return f"{article(words)} {words}"

    def nothing(self, things: Things, fact=None) -> str:
        """What asks for nothing. things: what it may speak of. fact: what it may take back."""
        if fact is not None and self.voice.chance(0.25):
            command = self.talk.clauses.command(fact)
            return self.voice.form(UNDONE, {"vp": command.form, "ving": lambda: command.form("gerund")})
        return self.voice.form(NOTHING, self._slots(things))

    def cannot(self, things: Things) -> tuple[str, str]:
        """A text and the verb in it of what the robot cannot do."""
        if self.voice.chance(0.22):
            verb = self.voice.of(BARE_VERBS)
            return self.voice.fill(
                (
                    "(<v>*3|please <v>|can you <v>?*2|could you <v>?|<v> please|<v> for me|i want you to <v>|"
                    "would you <v>?|can you <v> for me?|i'd like you to <v>|let's see you <v>|go and <v>|"
                    "would you please <v>?)"
                ),
                {"v": verb},
            ), verb
        if self.voice.chance(0.35):
            return self._with_more(things)
        verb = self.voice.of(VERBS)
        slots = {**self._slots(things), "v": verb}
        if self.voice.chance(0.08):
            return self.voice.fill(
                "(would you mind <ving> <x>?|how about <ving> <x>?|start <ving> <x>)",
                {**slots, "ving": gerund(verb.split()[0]) + verb[len(verb.split()[0]) :]},
            ), verb
        if verb == "throw" and self.voice.chance(0.6):
            return self.voice.fill(
                (
                    "(<v> <x> (at me|out of the window|on the floor|across the room|to me|up in the air|at "
                    "the wall)|<v> <x> away*2)"
                ),
                slots,
            ), verb
        return self.voice.form(CANNOT_ALONE, slots), verb

    def unable(self, things: Things, verb: str) -> str:
        """A text that asks for an action by a verb of one's own."""
        return self.voice.form(CANNOT_ALONE, {**self._slots(things), "v": verb})

    def _with_more(self, things: Things) -> tuple[str, str]:
        """What needs more words than a verb and a thing."""
        bowl = Things("the", Description("bowl", self.voice.pick(("", *COLORS))))
        other = Things("the", Description("block", self.voice.pick(COLORS)))
        told = {"x": things, "b": bowl, "y": other}
        slots = {name: (lambda of=of: self.nouns.say(of).text) for name, of in told.items()}
        text = self.voice.form(WITH_MORE, slots)
        return self.voice.form(ASKED, {"v": text}), text.split()[0]

    def unclear(self) -> str:
        """What cannot be understood."""
        way = self.voice.draws.random()
        if way < 0.3:
            return " ".join(self._keys() for _ in range(1 + int(self.voice.draws.random() * 5)))
        if way < 0.58:
            return " ".join(self.voice.pick(SALAD) for _ in range(3 + int(self.voice.draws.random() * 7)))
        if way < 0.72:
            return " ".join(self._syllables() for _ in range(2 + int(self.voice.draws.random() * 5)))
        if way < 0.75:
            return self.voice.form(FOREIGN)
        if way < 0.83:
            return self._of_another_language()
        if way < 0.84:
            return "".join(
                self.voice.pick("!@#$%^&*()_+-=[];,./?0123456789")
                for _ in range(3 + int(self.voice.draws.random() * 12))
            )
        return self.voice.form(BROKEN)

    def _of_another_language(self) -> str:
        """A request in a language that is neither English nor Mandarin."""
        order, things, places = self.voice.pick(LANGUAGES)
        return order.replace("<x>", self.voice.pick(things)).replace("<p>", self.voice.pick(places))

    def _keys(self) -> str:
        at = int(self.voice.draws.random() * 20)
        size = 3 + int(self.voice.draws.random() * 7)
        return "".join(self.voice.pick(LETTERS[at:at + 6]) for _ in range(size))

    def _syllables(self) -> str:
        return "".join(
            self.voice.pick("bdfgklmnprstvwz")
            + self.voice.pick("aeiou")
            + self.voice.pick(("", "", "n", "r", "x", "k"))
            for _ in range(1 + int(self.voice.draws.random() * 3))
        )
