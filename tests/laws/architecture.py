"""The import law and the homes of libraries, kept as data; `test_imports.py` reads the syntax trees against it."""

from __future__ import annotations

MAY_IMPORT: dict[str, list[str]] = {
    "envs.interface": [],
    "envs.names": [],
    "envs.reexport": [],
    "envs.words": [],
    "envs.goals": ["envs.interface"],
    "envs.world": ["envs.words", "envs.interface"],
    "envs.robots": ["envs.world", "envs.interface"],
    "envs.sensors": ["envs.world", "envs.robots", "envs.interface"],
    "envs.skills": ["envs.goals", "envs.robots", "envs.world", "envs.sensors", "envs.words", "envs.interface"],
    "envs.tasks": ["envs.goals", "envs.world", "envs.words", "envs.interface"],
    "envs.experts": ["envs.goals", "envs.tasks", "envs.world", "envs.skills.signatures", "envs.interface",
                     "envs.skills.push_words", "envs.skills.push_table"],  # what a text parameter means, and how near
    "envs.domains": ["envs.experts", "envs.goals", "envs.robots", "envs.sensors", "envs.skills", "envs.tasks",
                     "envs.world", "envs.interface"],
    "envs.spaces": [],
    "envs.actions": ["envs.spaces", "envs.skills.signatures", "envs.interface"],
    "envs.foreign": ["envs.actions", "envs.guard", "envs.spaces", "envs.skills.signatures", "envs.interface",
                     "envs.skills.routes", "envs.world.board"],  # ways around what stands on a table, without a world
    "envs.options": ["envs.domains", "envs.goals", "envs.spaces"],
    "envs.joint_env": ["envs.domains", "envs.options", "envs.spaces", "envs.robots", "envs.sensors", "envs.world",
                       "envs.interface"],
    "envs.skill_env": ["envs.joint_env", "envs.actions", "envs.domains", "envs.options", "envs.robots", "envs.sensors",
                       "envs.skills", "envs.world", "envs.goals", "envs.interface"],
    "envs.isolation": [],
    "envs.guard": [],
    "envs.numeric": ["envs.joint_env", "envs.skill_env", "envs.skills.signatures", "envs.interface"],
    "envs.levels": ["envs.isolation", "envs.joint_env", "envs.numeric", "envs.skill_env"],
    "embodied.compat": [],
    "embodied.version": [],
    "embodied.on_import": [],
    "embodied.typed": [],  # what a setting is, for the command line and for the rooms that have settings
    "embodied.prompt": ["envs.interface"],
    "embodied.bases": ["embodied.data.files"],  # a base is written whole or not at all, as everything is
    "embodied.models": ["embodied.prompt", "envs.interface",
                        "embodied.bases",  # what a language model's name stands for
                        "embodied.planning.scene",  # an encoder's other half: what the sentence says of a scene
                        "embodied.planning.memory",  # what a robot that drives about sees where it stands
                        "embodied.planning.board_view",  # the order in which pieces of a board are told of
                        "envs.skills.recognise", "envs.world.floorplan",  # the static map, and what rises above it
                        "envs.world.board", "envs.world.toys",  # where the board is, and how large its pieces are
                        "embodied.data.files"],  # weights are written whole or not at all, as everything is
    "embodied.planning": ["embodied.prompt", "envs.goals", "envs.interface", "envs.skills.signatures",
                          "envs.words",  # how a text is read into words
                          "envs.world.board", "envs.world.toys"],  # what parts of the board and its toys are called
    "embodied.data": ["embodied.planning", "embodied.prompt", "embodied.typed", "envs.goals", "envs.interface",
                      "envs.skills.signatures",
                      "envs.sensors.held_out"],  # what no eyes may be trained on
    "embodied.agents": ["embodied.models", "embodied.planning", "embodied.prompt", "envs.goals", "envs.interface",
                        "embodied.bases.cache",  # which mind can be used hangs on whether its base is here
                        "envs.skills.signatures",  # prompts, reply schema and tools are made from a plan language
                        "embodied.data.files"],  # a memory is written whole or not at all, as everything is
    "embodied.training": ["embodied.agents", "embodied.data", "embodied.models", "embodied.planning",
                          "embodied.prompt", "embodied.typed", "envs.sensors.held_out",
                          "envs.interface",  # which scenes a stage that plays may learn from
                          "envs.world.floorplan"],  # true poses in the frame of the furniture, to name what is seen
    "embodied.evaluation": ["embodied.agents", "embodied.data", "embodied.planning", "embodied.prompt",
                            "envs.goals", "envs.interface", "envs.skills.signatures"],
    "embodied.distributed": ["embodied.training", "embodied.evaluation", "embodied.agents", "embodied.data",
                             "embodied.planning", "embodied.models", "embodied.prompt", "envs.interface"],
    "embodied.serving": ["embodied.agents", "embodied.data", "embodied.planning", "embodied.prompt", "envs.goals",
                         "envs.interface",
                         "envs.isolation",  # a world on the other side of a pipe
                         "envs.skills.signatures",
                         "envs.sensors.cameras",  # where a picture of nobody's camera is assumed to be taken from
                         "envs.world.floorplan"],  # the map that what is remembered is drawn on
    "embodied.serving.safety": ["embodied.planning", "embodied.prompt", "envs.interface", "envs.robots",
                                "envs.skills.signatures", "envs.world.floorplan"],
    "embodied.serving.client": ["embodied.serving.connections", "embodied.serving.errors", "embodied.serving.records"],
    "embodied.serving.records": [],
    "embodied.serving.connections": ["embodied.serving.errors"],
    "embodied.conversion": ["embodied.data", "embodied.models", "embodied.planning", "embodied.training",
                            "envs.skills.signatures"],  # what earlier versions wrote, of every room that writes
    "embodied.cli": ["*"],
}
"""Room -> the rooms it may import, beside itself and the leaves."""

LEAVES = ["envs.names", "envs.reexport", "embodied.version", "embodied.training.objectives.losses"]
"""Modules that import nothing of ours and that every room of both houses may import: what one says of a wrong
name, how a package offers names of its modules, the version, and losses, which models and objectives share (torch
alone)."""

HOME: dict[str, list[str]] = {
    "pybullet": ["envs.world"],
    "pybullet_data": ["envs.world"],
    "panda_gym": ["envs.foreign"],
    "datasketch": ["embodied.data.text.duplicates"],
    "difflib": ["envs.names"],  # one wording of "did you mean ...?"
    "httpx": ["embodied.agents.backends.chat_api"],
    "timm": ["embodied.models.vision", "embodied.bases.numbers", "embodied.bases.recipes"],
    "ray": ["embodied.distributed", "embodied.serving.app", "embodied.cli.doctor"],
    "hydra": ["embodied.cli"],
}
"""Library -> the only modules that may import it, of the standard library where a habit has one home."""

TORCH_FREE = ["envs", "embodied.prompt", "embodied.typed", "embodied.bases.catalogue", "embodied.bases.cache",
              "embodied.bases.wheels", "embodied.training.advantages",  # what one needs is known before torch is loaded
              "embodied.training.settings", "embodied.training.stage", "embodied.training.run_folder",
              "embodied.planning", "embodied.serving.safety", "embodied.serving.client",
              "embodied.serving.connections", "embodied.serving.errors", "embodied.serving.records"]
TORCH_ALLOWED = ["embodied.planning.constrain"]
