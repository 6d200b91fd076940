"""What people and robots say in a conversation: rows of patterns."""

from __future__ import annotations

DONE = (
    "Done.", "OK, done.", "I did it.", "It is done.", "Ready.", "Okay.", "Sure.", "All right.", "Finished.", "On it.",
    "OK.", "Done!", "Sure thing.", "There you go.", "The task is done.", "That is done now.", "Doing it now.",
    "I put it there.", "Alright, done.", "Yes, of course."
)
ASKS = (
    "Which <n> do you mean, <options>?", "Which <n>, <options>?", "Which <n> do you mean: <options>?",
    "Do you mean <options>?", "I see several: <options>. Which <n>?", "Which one, <options>?",
    "Which <n> do you want: <options>?", "There are <count> <ns>: <options>. Which one do you mean?",
    "Which one do you mean, <options>?", "Which of the <ns>, <options>?", "Sorry, which <n>: <options>?",
    "I am not sure which <n> you mean: <options>?", "Which <n> should I take, <options>?", "You mean <options>?",
    "I can see <count> <ns>. <options>?", "Please tell me which <n>: <options>."
)
ASKS_OPENLY = (
    "Which <n>?", "Which <n> do you mean?", "Which one?", "I see more than one <n>. Which one do you mean?",
    "Which of them?", "There are several <ns>. Which one?", "Which <n> do you want?", "Which one do you mean?",
    "I see <count> <ns>. Which one?"
)
ANSWERS = (
    "<x>", "<x>", "<x>", "<x> please", "<x>, please", "i mean <x>", "i meant <x>", "take <x>", "<x> of course",
    "<x>, thanks", "well, <x>", "hmm, <x>", "oh, <x>", "sorry, <x>", "<x> i think", "let's take <x>", "i'd say <x>",
    "the one i mean is <x>", "use <x>", "<x> would be good", "<x>!", "that would be <x>", "<x> is what i meant",
    "go for <x>", "<x> is fine", "make it <x>", "pick <x>", "<x>, i guess", "ah, <x>", "<x> obviously",
    "i was thinking of <x>", "i want <x>", "it's <x>", "please use <x>", "i'd like <x>", "<x>, silly",
    "<x>, if you please", "um, <x>", "i choose <x>", "my choice is <x>", "give me <x>", "<x> will do", "<x> then",
    "definitely <x>", "<x>. thank you"
)
FIRST = (
    "the first", "the first one", "the former", "first", "the first one you said", "number one", "the first of them",
    "1", "option one", "the one you named first", "first one", "the 1st"
)
SECOND = (
    "the second", "the second one", "the latter", "second", "the second one you said", "number two", "the other one",
    "2", "option two", "the one you named second", "second one", "the 2nd"
)
SECOND = tuple(s for s in SECOND if s != "the other one")
LAST = (
    "the last", "the last one", "the third", "the third one", "number three", "last one", "3", "the 3rd",
    "the last one you said"
)
EITHER = (
    "any", "either one", "either", "it doesn't matter", "doesn't matter", "you choose", "i don't care", "whichever",
    "any of them", "just pick one", "whichever you like", "no preference", "you decide",
    "one of them, i don't care which", "take any", "any one", "whatever is easier", "all the same to me",
    "either is fine", "pick any", "your choice", "surprise me", "it does not matter which", "any will do"
)
BOTH = (
    "both", "both of them", "both please", "the two of them", "both, actually", "i mean both", "both ones",
    "both of course", "take both", "well, both", "both of those"
)
NOT_THAT = (
    "not <x>", "not <x>, the other one", "the other one, not <x>", "anything but <x>", "the one that is not <x>",
    "no, not <x>", "just not <x>", "the other one", "any but <x>"
)
NOT_THAT = (
    "not <x>", "not <x>, the other one", "the other one, not <x>", "not <x>, please", "no, not <x>, the other one",
    "not <x> but the other one"
)
QUIT = (
    "never mind", "forget it", "oh, never mind", "never mind then", "stop", "cancel that", "forget about it",
    "no, leave it", "nothing, forget it", "ah, forget it", "let's not", "don't do it", "stop it", "nevermind",
    "none, forget it", "then leave it", "leave it", "cancel", "neither, forget it", "undo",
    "i changed my mind, do nothing", "oh, then never mind", "no, stop", "abort", "never mind, thanks",
    "it's fine, leave it", "on second thought, never mind", "drop it", "let it be", "ok, forget it then", "no, don't",
    "never mind, i'll do it myself", "stop, don't do that", "not anymore, thanks", "oh no, leave it as it is", "thanks",
    "thank you", "great, thanks", "perfect", "good job", "well done", "wonderful, thank you", "thanks, that's all",
    "nice", "cool, thanks", "very good"
)
QUIT = tuple(q for q in QUIT if q != "drop it")
NO = (
    "no, <c>", "no, <c>", "no, i meant <c>", "i meant <c>", "sorry, i meant <c>", "actually <c>", "no no, <c>",
    "wait, <c>", "not that, <c>", "no, not that one, <c>", "i said <c>", "oh no, <c>", "sorry, <c>", "hm, no, <c>",
    "that's wrong, <c>", "wrong one, <c>", "i mean <c>", "actually, i meant <c>", "no wait, <c>", "oops, i meant <c>",
    "stop, <c>", "better <c>", "that's not what i meant. <c>", "no, sorry, <c>", "my mistake, <c>", "correction: <c>",
    "i misspoke, <c>", "make it <c>", "no, make that <c>", "not that one. <c>", "nope, <c>", "ah no, <c>",
    "hold on, <c>", "change of plan: <c>", "let me correct myself: <c>", "no, <c> please", "please, <c> instead",
    "<c> instead", "<c>, not that one", "<c>, i meant", "no, use <c>", "no, rather <c>",
    "that's the wrong one, i wanted <c>", "i wanted <c>", "no, i wanted <c>", "it was supposed to be <c>", "wrong, <c>",
    "i didn't mean that one, i meant <c>", "you got it wrong, <c>", "not quite, <c>", "hey, i said <c>",
    "did i say that? i meant <c>", "sorry, my fault, <c>", "no no no, <c>", "almost, but <c>",
    "i think i said it wrong, <c>", "excuse me, i meant <c>", "that was wrong. <c>", "it should have been <c>",
    "you took the wrong one, i meant <c>", "on second thought, <c>"
)
AGAIN = (
    "now <c>", "now <c>", "<c>", "ok, now <c>", "good, now <c>", "and now <c>", "then <c>", "great. now <c>",
    "next <c>", "please <c>", "and then <c>", "thanks, now <c>", "could you <c> now?", "can you <c>?",
    "could you please <c>?", "alright, <c>", "fine, now <c>", "actually, <c>", "now please <c>", "well done. <c>",
    "perfect, now <c>", "nice, <c>", "afterwards, <c>", "and <c>, please", "would you <c>?", "let's <c>",
    "i'd like you to <c>", "after that <c>", "oh, and <c>", "one more thing: <c>", "also <c>", "wonderful, now <c>",
    "very good. <c>", "right, <c>", "okay <c>", "hmm, <c>", "when you're done, <c>", "go on and <c>",
    "excellent. now <c>", "can you <c> again?", "and please <c>"
)
AGAIN = tuple(a for a in AGAIN if "again" not in a)
INSTEAD = (
    "no, <c> instead", "<c> instead", "actually, <c> instead", "wait, <c> instead", "no, <c>", "hmm, better <c>",
    "i changed my mind, <c> instead", "sorry, <c> instead", "no no, <c>", "on second thought, <c>",
    "that's not right, <c>", "oh no, <c>", "rather <c>", "please <c> instead", "could you <c> instead?",
    "stop, <c> instead", "no wait, <c>", "i'd rather you <c>", "not there, <c>", "wrong place, <c>",
    "can you <c> instead?", "change of plan, <c>", "better <c>", "let's <c> instead"
)
TOO = (
    "and <x> too", "<x> too", "and <x> as well", "<x> as well", "the same with <x>", "do the same with <x>",
    "same for <x>", "now <x>", "and now <x>", "and <x>", "also <x>", "ditto for <x>", "do the same for <x>",
    "now do the same with <x>", "<x> also, please", "please do the same with <x>", "and the same for <x>", "<x> next",
    "then <x>", "now the same with <x>", "could you do the same with <x>?", "and <x> also", "do that with <x> too",
    "repeat that with <x>", "likewise <x>", "<x> goes there too", "put <x> there too", "and then <x>",
    "<x> as well please", "plus <x>", "same thing with <x>", "same again with <x>", "now it's the turn of <x>",
    "<x> should go there as well", "can you do that with <x> as well?", "and what about <x>? same place",
    "once more, with <x>", "<x> likewise", "oh, and <x>", "don't forget <x>", "that goes for <x> too"
)
TAKE_OUT = (
    "take it out", "take it out again", "take it back out", "take it out of there", "get it out", "remove it",
    "remove it again", "get it out of there", "pull it out again", "put it back on the table",
    "take it out and put it on the table", "take it out of there again", "fish it out", "put it on the table again",
    "lift it out again", "put it down on the table", "get it back out", "fetch it out again"
)
TAKE_OFF = (
    "take it off", "take it off again", "take it down", "take it down again", "get it off", "remove it",
    "take it back off", "put it back on the table", "put it on the table again", "get it down", "take it off there",
    "take it down from there", "remove it again", "put it down on the table"
)
REFUSED = (
    "I see no <n>.", "There is no <n> here.", "I cannot see any <n>.", "Sorry, I see no <n>.", "I do not see a <n>.",
    "I can't find a <n>.", "I won't do that: I see no <n>.", "I cannot do that, I see no <n>.",
    "There is no <n> on the table.", "I see no <n> here, so I did nothing."
)
AFTER_REFUSAL = (
    "oh, i meant <x>", "then <x>", "<x> then", "ok, then take <x>", "sorry, i meant <x>", "i mean <x>",
    "oh, sorry, <x>", "then use <x>", "i meant <x>", "take <x> then", "oops, <x>", "right, <x> of course", "ah, <x>",
    "ok, <x>", "hm, <x> then", "well, then <x>", "then do it with <x>", "in that case, <x>", "oh, you're right, <x>",
    "i'm blind, i meant <x>", "<x>, sorry", "no? then <x>", "ok <x> instead", "try <x>"
)
