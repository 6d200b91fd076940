"""Neighbours on the keyboard, sounds that are spelled alike, and common typing errors."""

from __future__ import annotations

KEYS = {
    "q": "wa",
    "w": "qes",
    "e": "wrd",
    "r": "etf",
    "t": "ryg",
    "y": "tuh",
    "u": "yij",
    "i": "uok",
    "o": "ipl",
    "p": "ol",
    "a": "qsz",
    "s": "adwx",
    "d": "sfec",
    "f": "dgrv",
    "g": "fhtb",
    "h": "gjyn",
    "j": "hkum",
    "k": "jlim",
    "l": "kop",
    "z": "xas",
    "x": "zcs",
    "c": "xvd",
    "v": "cbf",
    "b": "vng",
    "n": "bmh",
    "m": "nkj",
}
SOUNDS = (
    ("ck", "k"), ("ow", "o"), ("ee", "ea"), ("ea", "ee"), ("ll", "l"), ("ue", "oo"), ("ph", "f"), ("ce", "se"),
    ("c", "k"), ("le", "el"), ("ou", "u"), ("i", "e"), ("e", "i"), ("wh", "w"), ("tt", "t"), ("y", "ie"),
)
COMMON = {
    "the": ("teh", "th", "hte", "tha", "da", "thee", "rhe"),
    "red": ("redd", "rde", "erd", "reed", "rwd", "ref"),
    "and": ("adn", "nad", "andd", "amd", "nd"),
    "put": ("pu", "putt", "ptu", "puy", "pyt"),
    "you": ("yuo", "u", "yo", "yoou"),
    "for": ("fro", "forr"),
    "can": ("cna", "cann"),
    "block": (
        "blok", "blcok", "bolck", "blocl", "blokc", "bloc", "blockk", "vlock", "blick", "bock", "blocj", "lbock",
        "blobk"
    ),
    "blocks": ("bloks", "blcoks", "blosks", "blokcs", "blocsk", "blovks"),
    "bowl": ("bowel", "bolw", "bwol", "bowll", "bol", "boul", "bowk", "vowl", "bpwl", "bowo", "boel"),
    "bowls": ("bowels", "bolws", "bowsl", "bowks"),
    "cube": ("cub", "cubbe", "cueb", "kube", "cibe", "xube", "cubr"),
    "cubes": ("cubs", "cubse", "kubes", "cuebs"),
    "green": ("grene", "gren", "greeen", "geren", "grren", "greem", "freen", "grean", "gteen", "greeb"),
    "blue": ("bule", "bleu", "blu", "bluee", "vlue", "bleue", "blie", "blew", "ble", "lbue", "bluw"),
    "yellow": ("yelow", "yello", "yelloww", "yllow", "yellwo", "tellow", "yelllow", "yeloow", "uellow", "yellwo"),
    "orange": ("ornage", "orang", "oragne", "orenge", "orangee", "orannge", "ornge", "prange", "orabge"),
    "purple": ("purpel", "purpl", "puprle", "perple", "pruple", "putple", "purplr", "ourple", "purlpe"),
    "white": ("wite", "whtie", "hwite", "whitee", "qhite", "whote", "whiet"),
    "cyan": ("cian", "cyna", "ciyan", "cayn", "xyan", "cyaan", "syan", "cuan"),
    "please": ("pls", "plz", "pleas", "plaese", "pleese", "plese", "pleaase", "olease", "pelase"),
    "could": ("coud", "cuold", "coudl", "culd", "couldd"),
    "would": ("woud", "wuold", "woudl", "wuld"),
    "table": ("tabel", "talbe", "tabl", "tabble", "tanle"),
    "there": ("ther", "theer", "tehre"),
    "with": ("wiht", "wih", "wtih"),
    "left": ("lfet", "leftt", "lft", "letf", "keft"),
    "right": ("rigth", "rihgt", "rigt", "rightt", "roght"),
    "middle": ("midle", "middel", "mddle", "middke"),
    "biggest": ("bigest", "biggset", "bigggest"),
    "small": ("smal", "samll", "smalll", "smsll"),
    "smallest": ("smalest", "smallset"),
    "large": ("larg", "lagre", "larhe"),
    "stack": ("stak", "satck", "stakc", "stavk"),
    "place": ("plce", "palce", "plcae", "plase", "olace"),
    "move": ("moev", "mvoe", "movee", "mvoe"),
    "then": ("tehn", "thn", "thne"),
    "into": ("inot", "itno", "intp", "inti"),
    "onto": ("onot", "ontoo", "ont"),
    "next": ("nxet", "nexxt", "nex", "nrxt"),
    "without": ("wihtout", "withuot", "witout"),
    "everything": ("everthing", "evrything", "everyhting"),
    "container": ("contaner", "containr", "conatiner"),
    "otherwise": ("otherwize", "othewise", "otherwsie"),
    "don't": ("dont", "don;t", "do'nt", "dno't"),
    "leftmost": ("leftmots", "lefmost", "leftmsot"),
    "rightmost": ("rigthmost", "rightmots"),
    "nearest": ("neerest", "nearset", "narest"),
    "closest": ("closset", "clossest", "closets"),
    "dish": ("dsih", "dishh", "dich"),
    "brick": ("brik", "brcik", "bick"),
    "drop": ("dorp", "dropp", "drp"),
    "take": ("taek", "tkae", "takee"),
    "pick": ("pcik", "pik", "pikc"),
    "beside": ("besid", "bside", "besdie"),
}
ENGLISH = (
    "a about above after again all also am an and any are as ask at away back be been before behind below beside "
    "best better between big bin block blocks both bowl bowls box bring but by call came can cone come could cube "
    "cubes cup cut dish do does done down drop each else empty end even every except fast few find first five floor "
    "for four free from front full get give go good got grab had hand has have he help her here high him hold home "
    "how i if in inside into is it just keep kept kind know last lay least leave left less let lift like line little "
    "long look lot low made make man many may me mean middle might mind more most move much must my near need never "
    "new next no nor not now of off old on once one only open or other our out over own park pick pile pit place "
    "please pop put rest right row said same say see send set shall she should show side since size so some stack "
    "stand stay still stop such table take tell ten than that the their them then there these they thing things this "
    "those three through till time to too top toss touch turn two under until up upon us use very wait want was way "
    "we well were what when where which while who why will with without work would yes yet you your bed rod rid read "
    "road lead tan ten tin ton pin pan pen bow bowled bog rig dig fig jar mug nine six seven eight one ones rest "
    "test fill pill ball bell bull ride wide side hide none nine stick stock black back rack pack sack lack clock "
    "lock flock brick trick rose wise lower slower over cover hover lest best nest boll bole hole pole role bald "
    "bold cold told hold gold white while write whit grey gray pink brown green greet greed screen grain clean lean "
    "bean line lime live love move more core cube cue tube cute"
)
