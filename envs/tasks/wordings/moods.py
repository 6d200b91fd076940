"""Sentences around one fact: orders, questions, wishes, statements of how it shall be. The commonest stand first."""

from __future__ import annotations

ORDERS = (  # <vp>: put .., <ving>: putting ..
    "<vp>", "<vp>", "<vp>", "<vp> (now|)", "(you should|you need to|you have to|you must) <vp>", "i want you to <vp>",
    "go ahead and <vp>", "(your task|your job|the task|the job|your mission) (is|now is) to <vp>", "let's <vp>",
    "try to <vp>", "i need you to <vp>", "(now|next|okay now|alright) <vp>", "just <vp>",
    "<vp>, (that's all|that is all|nothing else|no more than that)", "you will <vp>", "time to <vp>", "do this: <vp>",
    "how about <ving>", "start by <ving>", "i'm asking you to <vp>",
    "(what i want is for you to|what i want you to do is|what i want is for you to) <vp>", "be sure to <vp>",
    "remember to <vp>", "you are to <vp>", "let me see you <vp>", "the plan is to <vp>", "i want to see you <vp>",
    "<vp> for (me|us)", "see if you can <vp>", "(quick|quickly|carefully|slowly|gently), <vp>",
    "all i (want|need) is for you to <vp>", "do me a favor and <vp>", "you may <vp>", "come on, <vp>", "let us <vp>",
    "we should <vp>", "we're going to <vp>", "your next (move|job|step): <vp>", "task: <vp>", "instruction: <vp>",
    "command: <vp>", "the next thing to do is to <vp>", "i say: <vp>", "please do the following: <vp>", "robot: <vp>",
    "you'd better <vp>", "ready? <vp>", "show me how you <vp>", "make it so that you <vp>", "you've got to <vp>",
    "what about <ving>", "it's time to <vp>", "don't forget to <vp>"
)
POLITE = (
    "(could|can|would) you (please|) <vp>?", "please <vp>", "<vp> please", "i would like you to <vp>",
    "would you mind <ving>?", "could you (kindly|maybe|possibly|perhaps|just|quickly) <vp>?",
    "i'd (like you to|love you to|appreciate it if you would|be grateful if you could) <vp>",
    "would you be so kind (as to|and) <vp>?", "if you could <vp>, that would be (great|lovely|nice|wonderful|awesome)",
    "can you <vp> for me?", "(would|could) you be able to <vp>?", "may i ask you to <vp>?", "please could you <vp>",
    "if it's not too much trouble, (could you|) <vp>", "do you think you could <vp>?", "kindly <vp>",
    "i was wondering if you could <vp>", "when you have a (moment|minute|second), (please|could you) <vp>",
    "be a dear and <vp>", "it would be (great|lovely|nice) if you could <vp>", "is it possible for you to <vp>?",
    "i wonder whether you could <vp>", "be so good as to <vp>", "would it be possible to <vp>?", "mind <ving>?",
    "if you don't mind, <vp>", "might i trouble you to <vp>?", "can i get you to <vp>?", "could i ask you to <vp>?",
    "would you <vp>, please?", "i'd be (so|very|really) (happy|glad|thankful) if you <vp>", "can you help me <vp>?",
    "help me (to|) <vp>", "will you <vp>?", "won't you <vp>?", "you could <vp> if you like", "how about you <vp>?",
    "would you please be so kind and <vp>", "any chance you could <vp>?", "why don't you <vp>?",
    "would you care to <vp>?", "i hope you can <vp>", "i'd really like it if you could <vp>", "can we <vp>?",
    "shall we <vp>?", "could we please <vp>?", "thanks in advance for <ving>", "do you mind <ving>?",
    "please be so nice and <vp>", "i kindly ask you to <vp>", "please go ahead and <vp>",
    "if you would be so kind, <vp>", "would you do me a favor and <vp>?"
)
STATED = (  # <x> and <st>, where it is
    "i want <x> <st>", "i'd like (to have|) <x> <st>", "<x> {goes/go} <st>", "make sure (that|) <x> {is/are} <st>",
    "<x> should (be|go) <st>", "<x> {belongs/belong} <st>", "<x> {needs/need} to (be|go) <st>",
    "<x> should end up <st>", "see to it that <x> {is/are} <st>", "get <x> <st>", "i need <x> <st>",
    "<x> must (be|go) <st>", "i would like <x> to be <st>", "i'd like to see <x> <st>", "let <x> be <st>",
    "can i have <x> <st>?", "we need <x> <st>", "have <x> <st>", "what i want is <x> <st>",
    "<x> {has/have} to (be|go) <st>", "i want to see <x> <st>", "<x> ought to be <st>", "could we have <x> <st>?",
    "the right place for <x> is <st>", "at the end <x> should be <st>", "can we get <x> <st>?",
    "i want {it/them} <st>: <x>", "let's have <x> <st>", "let's get <x> <st>", "<x> {wants/want} to be <st>",
    "it would be nice to have <x> <st>", "your goal: <x> <st>", "the goal is (to have|) <x> <st>", "goal: <x> <st>",
    "<x> {is/are} supposed to be <st>", "ensure (that|) <x> {is/are} <st>", "make it so that <x> {is/are} <st>",
    "i'd prefer <x> <st>", "when you're done, <x> should be <st>", "<x> {gets/get} to sit <st>",
    "{that/those} should go <st>: <x>", "take care that <x> {is/are} <st>", "arrange for <x> to be <st>",
    "i imagine <x> <st>", "we want <x> <st>", "bring it about that <x> {is/are} <st>", "i'd feel better with <x> <st>",
    "<x> - <st>, please", "may i have <x> <st>?", "<x> <st>, if you please", "see that <x> {gets/get} <st>",
    "let <x> end up <st>", "it is <x> that should go <st>", "what goes <st> is <x>", "i expect <x> to be <st>"
)
FRONTED = (  # the place or the thing stands first
    "<st> (goes|go) <x>", "<st> i want <x>", "<x>, (put|place|set) {it/them} <st>", "<st> (put|place) <x>",
    "<st>, please, <x>", "<st> there should be <x>", "<x>: put {it/them} <st>", "you see <x>? {it/they} {goes/go} <st>",
    "take <x>. {it/they} {goes/go} <st>", "<st> should be <x>", "<x>? <st>, please", "<x>, {it/they} {goes/go} <st>",
    "<st> belongs <x>", "<st> i'd like (to have|to see|) <x>", "<st> we need <x>", "here is what i want <st>: <x>",
    "as for <x>, {it/they} should go <st>", "there's <x>. put {it/them} <st>", "<x>. <st>. (thanks|please|now)",
    "<st> is where <x> {belongs/belong}", "<st> is where i want <x>", "i see <x>. (please|) put {it/them} <st>",
    "about <x>: {it/they} {goes/go} <st>"
)
PASSIVE = (  # <x> and <vpp>: put into ..
    "<x> should be <vpp>", "i'd like <x> <vpp>", "<x> {needs/need} to be <vpp>", "i want <x> (to be|) <vpp>",
    "<x> must be <vpp>", "have <x> <vpp>", "<x> {is/are} to be <vpp>", "i need <x> <vpp>", "could <x> be <vpp>?",
    "can <x> be <vpp>?", "<x> {has/have} to be <vpp>", "let <x> be <vpp>", "i'd like to have <x> <vpp>",
    "we need <x> <vpp>", "<x> {wants/want} to be <vpp>", "get <x> <vpp>", "i would like to see <x> <vpp>",
    "see that <x> {is/are} <vpp>", "please have <x> <vpp>"
)
PLACE_FIRST = (
    "you see <p>? (please|) put <x> <pp>", "<p>: put <x> <pp>", "there is <p>. put <x> <pp>",
    "look at <p>. <x> {goes/go} <pp>", "find <p> and put <x> <pp>", "go to <p> and put <x> <pp>",
    "see <p>? i want <x> <pp>", "there's <p>. i'd like <x> <pp>", "take <p> and put <x> <pp>", "<p>, put <x> <pp>",
    "you know <p>? <x> {goes/go} <pp>", "<p> - please put <x> <pp>", "where <p> is, put <x> <pp>",
    "locate <p>, then put <x> <pp>", "i see <p>. place <x> <pp>"
)
HAVING = (  # of bowls and what they shall hold: <p> and <x>
    "<p> should (contain|hold|have) <x>", "i want <p> to (hold|contain) <x>", "<p> (needs|gets) <x> (in it|)",
    "make <p> hold <x>", "<p> should have <x> in it", "<p> must contain <x>", "<p> is for <x>",
    "<p> is where <x> {goes/go}", "i want <p> with <x> in it", "<p> is missing <x>", "<p> wants <x> in it"
)
FOREIGN = (  # of people who learned the language late, and of children
    "i want that you <vp>", "you <vp> please", "is possible you <vp>?", "please to <vp>", "me want <x> <st>",
    "you must now <vp>", "can you please to <vp>?", "i would want that you <vp>", "<vp>, you can?",
    "i like that you <vp>", "please you <vp>", "me wants <x> <st>", "<x> go <st>", "robot put <x> <st>", "robot <vp>",
    "i wish you <vp>", "you do <vp>", "can <vp>?", "want <x> <st>!", "<x> please <st>", "put <x> <st>",
    "you have please to <vp>", "i need that <x> is <st>", "make <x> <st>", "it is needed to <vp>", "<x> is to put <st>"
)
