"""Requests in languages that the reader does not know: it shall say so, and guess nothing."""

from __future__ import annotations

LANGUAGES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (  # order, things, places
    (
        "leg <x> in <p>",
        ("den roten Block", "den blauen Würfel", "das grüne Klötzchen", "alle Blöcke"),
        ("die blaue Schüssel", "die weiße Schale", "den gelben Napf"),
    ),
    (
        "bitte stelle <x> auf <p>",
        ("den gelben Block", "den kleinen Würfel", "das rote Ding"),
        ("den grünen Block", "den Tisch", "den großen Würfel"),
    ),
    (
        "mets <x> dans <p>",
        ("le bloc rouge", "le cube bleu", "le petit bloc vert", "tous les blocs"),
        ("le bol bleu", "le bol blanc", "le saladier jaune"),
    ),
    (
        "pourrais-tu poser <x> sur <p> ?",
        ("le bloc jaune", "le cube orange", "le petit cube"),
        ("le bloc vert", "la table"),
    ),
    (
        "pon <x> en <p>",
        ("el bloque rojo", "el cubo azul", "el bloque verde", "todos los bloques"),
        ("el cuenco azul", "el tazón blanco", "la mesa"),
    ),
    (
        "por favor mueve <x> a <p>",
        ("el cubo amarillo", "la pieza naranja"),
        ("la izquierda", "la derecha", "el tazón rojo"),
    ),
    ("metti <x> nella <p>", ("il blocco rosso", "il cubo blu", "il blocco verde"), ("ciotola blu", "scodella bianca")),
    ("coloque <x> na <p>", ("o bloco vermelho", "o cubo azul", "o bloco verde"), ("tigela azul", "tigela branca")),
    ("leg <x> in <p> alsjeblieft", ("het rode blok", "de blauwe kubus"), ("de blauwe kom", "de witte schaal")),
    ("wlóż <x> do <p>", ("czerwony klocek", "niebieski klocek"), ("niebieskiej miski", "białej miski")),
    ("<x> <p> koy", ("kırmızı bloğu", "mavi küpü"), ("mavi kaseye", "beyaz kaseye")),
    (
        "lägg <x> i <p>",
        ("den röda klossen", "den blå kuben"),
        ("den blå skålen", "den vita skålen"),
    ),
    ("laita <x> <p>", ("punainen palikka", "sininen kuutio"), ("siniseen kulhoon", "valkoiseen kulhoon")),
    (
        "положи <x> в <p>",
        (
            "красный кубик",
            "синий блок",
        ),
        (
            "синюю миску",
            "белую чашку",
        ),
    ),
    (
        "<x>を<p>に入れて",
        ("赤いブロック", "青い積み木"),
        ("青いボウル", "白いお碗"),
    ),
    (
        "<x>을 <p>에 넣어 주세요",
        ("빨간 블록", "파란 큐브"),
        ("파란 그릇", "흰 그릇"),
    ),
    (
        "ضع <x> في <p>",
        (
            "المكعب الأحمر",
            "المكعب الأزرق",
        ),
        ("الوعاء الأزرق", "الطبق"),
    ),
)
