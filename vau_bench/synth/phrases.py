"""Wordings: several for each thing, of like length, so that neither length nor words tell what is right."""

from __future__ import annotations

CLAUSES: dict[str, tuple[str, ...]] = {
    "Fire": ("something catches fire and burns", "flames break out and smoke rises"),
    "Explosion": ("something blows up in a fireball", "an explosion throws up dark smoke"),
    "Fall": ("someone falls and lies on the ground", "a pedestrian falls flat and stays down"),
    "Fight": ("two people trade blows with each other", "two people hit out at each other"),
    "Intrusion": ("someone runs about behind the barrier", "a person runs through the closed-off area"),
    "Wrong-way": ("a vehicle drives against the traffic", "a vehicle takes its lane the wrong way"),
    "Collision": ("one vehicle crashes into another", "a vehicle runs into the one ahead"),
    "Abandoned object": ("a bag is left behind by its owner", "someone walks off and leaves a bag"),
    "sign": ("an orange sign is lit on the wall", "a neon sign on the wall lights up"),
    "steam": ("a vent in the ground lets off steam", "white steam rises out of a vent"),
    "crouch": ("someone crouches to tie a shoelace", "a pedestrian squats down over a shoe"),
    "talk": ("two people talk with lively gestures", "two people meet and have a chat"),
    "worker": ("a worker walks about behind the barrier", "a worker checks the closed-off area"),
    "ambulance": ("an ambulance passes with its lights on", "an ambulance drives by in its own lane"),
    "queue": ("one vehicle waits close behind another", "a vehicle stops short of the one ahead"),
    "attended": ("a bag is put down beside its owner", "someone waits next to a bag put down"),
}
"""What happens, for the options: the eight classes and their eight lookalikes."""

WRONG = ("Something is wrong", "This is an incident", "There is an anomaly")
NOTHING = ("Nothing is wrong", "This is everyday life", "There is no anomaly")
"""How an option opens; the two lists are used at the same place in each, so that options are alike."""

ASKED: dict[str, tuple[str, ...]] = {
    "what": (
        "What does the camera show?",
        "Which statement about this clip is true?",
        "What happens in this clip?",
    ),
    "where": (
        "What does the camera show, and on which side of the picture?",
        "What happens in this clip, and where in the picture?",
        "Which statement about what happens, and on which side, is true?",
    ),
    "when": (
        "What does the camera show, and in which half of the clip?",
        "What happens in this clip, and when?",
        "Which statement about what happens, and when, is true?",
    ),
}

PLACES: dict[str, tuple[str, ...]] = {
    "street": ("a street with terraced houses", "a two-lane street in front of a row of houses"),
    "plaza": ("a square with an arcade and a few trees", "a paved square that a carriageway crosses"),
    "car park": ("a car park with a hedge behind it", "the driveway of a car park"),
    "terminal hall": (
        "a terminal hall with a lane for electric carts",
        "the concourse of a terminal, where carts drive",
    ),
}
HOURS: dict[str, tuple[str, ...]] = {
    "day": ("in bright light", "in full light"),
    "overcast": ("in dull light", "in flat grey light"),
    "dusk": ("in the evening light", "in reddish light"),
    "night": ("in the dark, under lamps", "by lamplight"),
}

EVENTS: dict[str, tuple[str, ...]] = {
    "Fire": (
        "At {start} s flames break out of {who} {where}; they burn, with dark smoke above them, until {end} s.",
        "{Who} {where} catches fire at {start} s and burns until the flames die down at {end} s.",
    ),
    "Explosion": (
        "At {start} s there is a flash at {who} {where}; fire and dark smoke follow and have cleared by {end} s.",
        "{Who} {where} blows up at {start} s: a flash, a ball of fire, flying pieces, and dark smoke until {end} s.",
    ),
    "Fall": (
        "{Who}, walking {where}, falls at {start} s, lies on the ground and is up again at {end} s.",
        "At {start} s {who} falls {where} and stays down; only at {end} s is the person on both feet again.",
    ),
    "Fight": (
        "{Who} meet {where} and trade blows from {start} s to {end} s, then part.",
        "From {start} s {who} hit out at each other {where}; at {end} s they let go and part.",
    ),
    "Intrusion": (
        "At {start} s {who} bolts into the closed-off area {where} and runs to and fro there until {end} s.",
        "{Who} runs about behind the barrier tape {where} from {start} s to {end} s, then walks off.",
    ),
    "Wrong-way": (
        "{Who} drives {where} against the arrows on the ground; it is in the picture from {start} s to {end} s.",
        "From {start} s to {end} s {who} passes {where} in the wrong direction.",
    ),
    "Collision": (
        "At {start} s {who} crash {where}; they stand there damaged until they drive off at {end} s.",
        "{Who} collide {where} at {start} s; debris lies about and both stand still until {end} s.",
    ),
    "Abandoned object": (
        "{Who} puts a bag down {where} and walks off at {start} s; someone picks it up at {end} s.",
        "From {start} s to {end} s a bag stands alone {where}: {who} has left it there.",
    ),
}
DISTRACTORS: dict[str, tuple[str, ...]] = {
    "sign": (
        "{Who} {where} is lit from {start} s to {end} s.",
        "{Who} lights up {where} at {start} s and goes out at {end} s.",
    ),
    "steam": (
        "{Who} {where} lets off white steam from {start} s to {end} s.",
        "White steam comes from {who} {where} between {start} s and {end} s.",
    ),
    "crouch": (
        "{Who} crouches {where} from {start} s to {end} s and walks on.",
        "From {start} s to {end} s {who} squats {where} over a shoelace.",
    ),
    "talk": (
        "{Who} stand and talk {where} from {start} s to {end} s.",
        "{Who} meet {where}, talk from {start} s to {end} s and part.",
    ),
    "worker": (
        "{Who} walks about in the closed-off area {where} from {start} s to {end} s.",
        "Between {start} s and {end} s {who} looks after the closed-off area {where}.",
    ),
    "ambulance": (
        "{Who} passes {where} from {start} s to {end} s.",
        "{Who} drives by {where} between {start} s and {end} s.",
    ),
    "queue": (
        "{Who} wait one behind the other {where} from {start} s to {end} s and drive on.",
        "{Who} stop close together {where} from {start} s and go on at {end} s.",
    ),
    "attended": (
        "{Who} puts a bag down {where} at {start} s, stays beside it and takes it along at {end} s.",
        "From {start} s to {end} s {who} waits {where} next to a bag on the ground.",
    ),
    "pause": (
        "{Who} stops {where} at {start} s and walks on at {end} s.",
        "Between {start} s and {end} s {who} stands still {where}.",
    ),
    "lights": (
        "{Who} {where} is switched on at {start} s and off at {end} s.",
        "From {start} s to {end} s {who} {where} is on.",
    ),
    "shadow": (
        "{Who} drifts {where} from {start} s to {end} s.",
        "Between {start} s and {end} s {who} passes {where}.",
    ),
    "jogger": (
        "{Who} runs past {where} from {start} s to {end} s.",
        "Between {start} s and {end} s {who} comes by {where}.",
    ),
}
CALM = (
    "Apart from that, people walk by and traffic keeps to its lanes.",
    "Otherwise people pass at a walk and vehicles keep to their direction.",
    "The rest is everyday traffic on foot and on wheels.",
)

BECAUSE: dict[str, tuple[str, ...]] = {
    "Fire": ("Open flames that flicker and give off dark smoke are a danger to everyone near.",),
    "Explosion": ("A sudden flash, flying pieces and a cloud of dark smoke are what an explosion looks like.",),
    "Fall": ("The person drops to the ground at once and lies flat, which nobody does on purpose here.",),
    "Fight": ("Arms are thrown forward fast and both bodies jerk back and forth: these are blows, not gestures.",),
    "Intrusion": ("The area is taped off, and someone without a vest who runs in it has no business there.",),
    "Wrong-way": ("The arrows on the ground and all other vehicles in that lane point the other way.",),
    "Collision": ("The vehicles touch at speed, are jolted and damaged, and stay where they came to rest.",),
    "Abandoned object": ("The owner is gone and nobody stands by the bag, so it is unattended.",),
}
HARMLESS: dict[str, tuple[str, ...]] = {
    "sign": (
        "the orange light {where} comes from a sign: it is steady and has no flames or smoke",
        "what glows {where} is a neon sign, not a flame, for no smoke rises from it",
    ),
    "steam": (
        "the white cloud {where} is steam from a vent, with neither flash nor fire",
        "what rises {where} is white steam from the ground, without a flash before it",
    ),
    "crouch": (
        "the person who goes down {where} only crouches, on both feet",
        "whoever goes down {where} ties a shoelace, in control all the time",
    ),
    "talk": (
        "the two who meet {where} only talk with their hands",
        "the pair {where} keep their distance and talk, and no blow falls",
    ),
    "worker": (
        "the person behind the tape {where} wears a yellow vest and walks, so belongs there",
        "a yellow vest and a calm walk show that the one behind the tape {where} works there",
    ),
    "ambulance": (
        "the ambulance {where} goes the way of its lane",
        "blue lights are no anomaly: the ambulance {where} keeps to its direction",
    ),
    "queue": (
        "the vehicles that stop {where} never touch",
        "between the vehicles {where} there is always a gap, and both go on undamaged",
    ),
    "attended": (
        "the owner of the bag {where} stays beside it",
        "the bag {where} is never alone, as its owner stands by",
    ),
    "pause": ("the person who stops {where} merely waits", "standing still {where} for a while is nothing unusual"),
    "lights": ("the light {where} is only a lamp", "somebody has merely switched on a lamp {where}"),
    "shadow": (
        "the dark patch {where} is only a shadow",
        "what darkens the picture {where} is a shadow, which leaves nothing behind",
    ),
    "jogger": ("the runner {where} is only a jogger", "whoever runs {where} is out for exercise, outside the tape"),
}
BEFORE = (
    "Until {start} s nothing is out of the ordinary.",
    "The clip begins calmly, and stays so until {start} s.",
    "Up to {start} s everyone behaves as one would expect.",
)
AFTER = (
    "From {end} s on the scene is as usual again.",
    "By {end} s it is over.",
    "After {end} s nothing unusual is left.",
)
VERDICT = (
    "So the anomaly is of the class {label}, from {start} s to {end} s.",
    "This is an anomaly of the class {label}; it lasts from {start} s to {end} s.",
)
NO_VERDICT = (
    "So nothing in this clip is an anomaly.",
    "The clip is normal from beginning to end.",
    "All of it is everyday life, without any anomaly.",
)
