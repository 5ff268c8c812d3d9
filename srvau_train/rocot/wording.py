"""Wordings of the scene teacher: short, several for each thing, all of them about what can be seen."""

from __future__ import annotations

SEEN: dict[str, str] = {
    "Fire": "flames and dark smoke",
    "Explosion": "fire and a dark cloud after a flash",
    "Fall": "a person flat on the ground",
    "Fight": "two people striking each other",
    "Intrusion": "someone running behind the tape",
    "Wrong-way": "a vehicle against the arrows",
    "Collision": "two crashed, damaged vehicles",
    "Abandoned object": "a bag with nobody by it",
    "sign": "a lit orange sign",
    "steam": "white steam without fire",
    "crouch": "someone crouching on both feet",
    "talk": "two people talking",
    "worker": "a worker in a yellow vest",
    "ambulance": "an ambulance in its own lane",
    "queue": "one vehicle waiting behind another",
    "attended": "a bag with its owner beside it",
    "pause": "someone waiting",
    "lights": "a glowing lamp",
    "shadow": "a drifting shadow",
    "jogger": "a jogger on the pavement",
}
"""How each thing is put in a walk; one wording for each, so that it can be looked up there word for word."""
SIDE, PASSING, NOWHERE = "on the {side}", "passing", "nowhere"
"""Said behind it: on which side, of what has none, and of what was sought in vain."""
QUIET = ("nothing unusual", "only passers-by", "everyday traffic", "an ordinary scene")

MISTAKEN_FOR = {"pause": "Abandoned object", "lights": "Fire", "shadow": "Explosion", "jogger": "Intrusion"}
"""What the harmless things without a class of their own are taken for; the others have theirs."""

CLAIMED = (
    "At {start} s {clause}, and this lasts until {end} s.",
    "From {start} s to {end} s {clause}.",
    "Between {start} s and {end} s I see that {clause}.",
)
CLAIMED_LABEL = (
    "In this clip {clause}; the class is {label}.",
    "I see that {clause}, so I choose {label}.",
    "It looks to me as if {clause}: {label}.",
)
CLAIMED_CALM = (
    "People walk by and vehicles keep to their lanes; I see nothing that stands out, so it is Normal.",
    "I see passers-by and traffic, and nothing wrong with either: Normal.",
    "Everything looks like an ordinary day, so I call it Normal.",
)
CLAIMED_OPTION = (
    "Of the four statements one seems to fit: {text} That is option {option}.",
    "It looks to me like this: {text} I take option {option}.",
    "What I see agrees best with this: {text} So it is option {option}.",
)
UNNAMED = ("something out of the ordinary happens", "something unusual goes on")

RECALL = {
    "anomaly": ("I answered {label} from {start} s to {end} s.", "My answer was {label}, {start} s to {end} s."),
    "label": ("I answered {label}.", "My answer was {label}."),
    "normal": ("I answered Normal.", "My answer was Normal: no anomaly."),
    "option": ("I chose option {option}.", "My answer was option {option}."),
}
CHECKING = (
    "Checking the times one by one:",
    "Going through the clip again:",
    "What each moment shows:",
    "Step by step:",
)

IT_BEGINS = "so it begins at {start} s"
IT_IS_OVER = "so it is over at {end} s"
"""What a walk concludes where the picture changes, behind the first moment that shows the change."""

FOUND = (
    "That is {seen}; it begins at {start} s and is over at {end} s.",
    "So I see {seen}: it begins at {start} s and is over at {end} s.",
)
FOUND_NOTHING = (
    "So nothing begins that is an anomaly.",
    "No anomaly begins at any of these times.",
)
OPTION_SAYS = "Option {option}. {text}"
"""As it stands in the question, from the letter on."""
SOUGHT = "Seen: {seen} {place};"
"""What an option speaks of, in the words of the walk, and where the walk has it."""
JUDGED = "{held} {option}."
JUDGED_AT = "in the {half} half? about {at} s: {held} {option}."
"""Said of an option whose happening was seen; with the time where the option names a half of the clip."""
HELD, NOT_HELD, BESIDE = "it is", "not", "beside something wrong: not"
"""One wording for each verdict, so that their chances can be compared."""

COMPARED = (
    "My times: the start, {start} s, is {began}; the end, {end} s, is {ended}.",
    "As for my times: the start, {start} s, is {began}; the end, {end} s, is {ended}.",
)
"""Both ends, each with its verdict, always in this order: the words beside it tell which one is meant."""
AGREES = "right"
TOO_EARLY = "too early, for at {at} s I see {seen}"
TOO_LATE = "too late, for at {at} s I see {seen}"
MISSED = (
    "From {at} s on the picture shows {seen}, which is not Normal: I overlooked it.",
    "That cannot be Normal, for I see {seen} at {at} s.",
)
OTHER_CLASS = (
    "{label} does not fit: what I see from {at} s on is {seen}.",
    "Nothing shows {label}; from {at} s on the picture shows {seen}.",
)
FALSE_ALARM = (
    "{label} does not fit: {excuse}.",
    "I misread the scene as {label}, but {excuse}.",
)
NOTHING_THERE = ("No moment shows {label}: all of it is everyday life.", "{label} is not to be seen at any time.")
OPTION_WRONG = (
    "Option {option} does not agree with that: {why}.",
    "That speaks against option {option}: {why}.",
)
WHAT_IS = ("what I see is {seen}", "the clip shows {seen}")
WHERE_IS = ("it is on the {side}", "the side is the {side}")
WHEN_IS = ("it falls into the {half} half", "that is in the {half} half")
HOLDS = {
    "label": (
        "From {start} s to {end} s I see {seen}, which is what {label} looks like. I keep it.",
        "{label} agrees with {seen} from {start} s to {end} s. The answer holds.",
    ),
    "normal": (
        "No moment shows anything wrong, so Normal holds.",
        "Nothing speaks against Normal, so I keep it.",
    ),
    "option": (
        "Option {option} agrees with that.",
        "That supports option {option}.",
    ),
}
EXCUSED = ("What might mislead: {excuse}.", "I also looked at the rest: {excuse}.")
MISTOOK = ("What misled me: {excuse}.", "As for what I took for it, {excuse}.")

SHOWN = ("After all, {clause}.", "So in this clip {clause}.")
TIMES = ("It begins at {start} s and is over at {end} s.",)
SO_LABEL = ("That is {label}.", "So the class is {label}.")
SO_NORMAL = (
    "Whatever moves here has a plain explanation, so the clip is Normal.",
    "Nothing in the clip is an anomaly: Normal.",
    "All of it is everyday life, so the answer is Normal.",
)
SO_OPTION = ("So it is option {option}.", "I take option {option}.", "That leaves option {option}.")
