"""Small talk around a request: greetings, reasons, thanks, sounds of thinking. None of it asks for anything."""

from __future__ import annotations

HELLOS = (
    "hi", "hello", "hey", "hi robot", "hello robot", "hey robot", "good morning", "hi there", "hey there",
    "hello there", "good evening", "good afternoon", "hey buddy", "hi friend", "greetings", "yo", "dear robot",
    "hello my friend", "hiya", "howdy", "excuse me", "sorry to bother you", "sorry to interrupt", "ok robot", "okay",
    "alright", "all right", "right", "ok", "so", "well", "now", "listen", "hey you", "mr robot", "my dear",
    "sweetheart", "honey", "buddy", "pal", "dude", "robot", "hey arm", "attention", "morning", "ahem", "good day",
    "sorry to bother you again, but", "excuse me, but", "i hope i'm not disturbing you, but", "sorry, but", "me again",
    "hello again", "it's me again", "hi, it's me", "hello dear", "hey mate", "quick one", "quick question",
    "small favor", "one more thing", "next job", "ok next", "last one for today", "pardon me", "yo robot", "oi",
    "ladies and gentlemen", "ok then", "alrighty", "great", "thanks", "nice", "wonderful", "perfect", "good job so far",
    "you are doing great", "that was good", "very well", "fine"
)
REASONS = (
    "my hands are full", "i spilled my coffee", "i'm in a hurry", "my grandson likes it that way",
    "i can't reach it from here", "we're cleaning up", "i need some space here", "my back hurts", "the table is a mess",
    "i'm expecting guests", "it looks nicer that way", "i want to take a photo", "i'm writing a report",
    "the boss is coming soon", "lunch is in ten minutes", "it's for a demo", "my arm is broken", "i'm tired today",
    "it's late", "it's my birthday", "the kids are watching", "it's raining outside", "i promised my daughter",
    "we have a meeting at three", "i like things tidy", "it bothers me", "it has been a long day",
    "i can't do it myself", "my glasses are broken", "the cat is asleep on my lap", "we are running a test",
    "this is important to me", "i need it for the next experiment", "i am on the phone", "the professor wants it so",
    "i've been here since six", "that's how we always do it", "it would make me happy", "i'm no good at this",
    "i have a cold", "we are behind schedule", "my tea is getting cold", "the lab is closing soon",
    "my wife asked me to tidy up", "i'm new here", "this is my first time with a robot", "i hurt my wrist",
    "the camera is recording", "the visitors arrive any minute", "i have no time", "i just washed my hands",
    "i'm holding a baby", "it's a game we play", "the teacher said so", "the light is good right now",
    "it's part of the routine", "the sun is shining", "i forgot my notes", "i've got a train to catch",
    "it's for school"
)
REMARKS = (
    "what a day", "nice weather today", "you look good today", "i hope you slept well", "i love this lab",
    "i had pasta for lunch", "i'm so glad you're here", "it's cold in here", "this is fun", "monday again",
    "my coffee is cold", "what a lovely table", "i was just thinking about dinner", "you're a good robot",
    "the coffee machine is broken again", "my daughter says hi", "i didn't sleep much", "i missed the bus this morning",
    "let me think", "let's see", "hmm, interesting", "how time flies", "we've got a lot to do today",
    "my grandmother used to play with these", "the phone keeps ringing", "it is friday, finally",
    "i've been looking forward to this", "don't laugh", "this may sound silly", "here we go", "i have a small request",
    "i have a job for you", "i could use a hand", "there is something you can do for me", "here's the thing",
    "so here's what i need", "i've got an idea", "i've been thinking", "we have work to do", "that soup was great",
    "the radio plays my favorite song", "sorry about the mess", "the carpet needs cleaning", "i left my keys at home",
    "i'm learning english", "i am not a native speaker", "my neighbor has a robot too", "it smells like toast in here",
    "the train was late again", "i think it's nearly noon", "somebody moved my chair", "i like your gripper",
    "the window is open", "my dog is called rex", "i painted my kitchen last week", "my sister bakes the best cakes",
    "we went to the lake on sunday", "you remind me of my brother"
)
THANKS = (
    "thanks", "thank you", "thank you so much", "thanks a lot", "thx", "many thanks", "cheers", "much appreciated",
    "thanks in advance", "i appreciate it", "thank you very much", "thanks a bunch", "ta", "you're the best",
    "you're a star", "thank you, dear", "bless you", "no rush", "take your time", "whenever you're ready",
    "i owe you one", "good robot", "that would help me a lot", "that would be great", "that's all",
    "that is all for now", "thanks, robot", "thanks buddy", "thank you kindly", "be careful", "carefully please", "ok?",
    "okay?", "will you?", "got it?", "understood?", "if you can", "if you don't mind", "quickly", "quick", "asap",
    "right now", "now", "chop chop", "hurry up", "when you have time", "if possible", "and have a nice day",
    "you can do it", "i know you can", "that's it", "over and out", "alright?", "if that's okay", "good luck",
    "please and thank you", "greetings from the lab", "i'm counting on you", "lol", "haha",
    "if that is alright with you", "bye"
)
FILLERS = (
    "uh", "um", "well", "just", "you know", "er", "like", "hmm", "uhm", "let me see", "erm", "ah", "kinda", "i mean",
    "let's see", "i guess", "so yeah", "basically", "actually", "simply", "now"
)
HEDGES = (
    "maybe ", "i think ", "i guess ", "perhaps ", "i suppose ", "just ", "um, ", "uh, ", "well, ", "hmm, ", "so, ",
    "er, ", "ok so ", "yeah, ", "and now ", "uhm ", "like, ", "let me think... ", "oh, ", "ah, ", "right, ",
    "you know what? ", "basically ", "erm, "
)
BEFORE = (
    "<hello>, ", "<hello>! ", "<hello>. ", "<hello> - ", "<remark>. ", "<hello>, <remark>. ", "<reason>, so ",
    "since <reason>, ", "as <reason>, ", "<reason>. ", "because <reason>, ", "<hello>! <reason>. ", "<hello> ",
    "<hello>, <reason>, so ", "<hello>... ", "<remark>! ", "<remark>... ", "<hello>: ", "<reason> - ",
    "<remark>, <remark>. ", "<remark> but anyway, "
)
AFTER = (
    ", <thanks>", ". <thanks>", "! <thanks>", " <thanks>", ". <thanks>!", ", because <reason>", ". <reason>",
    " because <reason>", " - <reason>", ", <reason>", ". <reason>. <thanks>", ", <thanks>!", " (<reason>)",
    " since <reason>", ". <remark>", "; <reason>", "... <thanks>", ", as <reason>", ". <remark>. <thanks>",
    ", you see, <reason>"
)
CLOSINGS = (
        ". that's the whole job for today",
        ". that's all there is to do",
        ". nothing more than that",
        ". and that's it for today",
        ". that is the only thing i need",
        ". then we are done",
        ". no more than that",
        ", and then you can rest",
        ". that's all i ask",
        ". the rest can wait",
        ", that's the job",
        ". then you're off for today",
        ". more is not needed",
        ", and with that we're done",
        ". one job only"
    )
