"""The table that arms stand on."""

from __future__ import annotations

import numpy as np

from envs.world import shapes
from envs.world.assets import data_folder
from envs.world.client import Client

TABLE_SIZE_M = (1.3, 1.5, 0.05)
TABLE_CENTER_M = (0.35, 0.0, -0.025)
FLOOR_BELOW_M = 0.75
"""From the table top down to the floor."""
TABLE_RGB = (0.62, 0.53, 0.44)


_STOCK_HEIGHT_M = 0.625
"""Of the top of pybullet_data's table above its feet."""


def table(client: Client) -> int:
    """Body id of the table, whose top is z = 0; an unseen floor below it ends the fall of what falls."""
    half = [v / 2 for v in TABLE_SIZE_M]
    visual = client.createVisualShape(client.GEOM_BOX, halfExtents=half, rgbaColor=[*TABLE_RGB, 1.0],
                                      specularColor=[0.0] * 3)
    return _solid(client, visual)


def stock_table(client: Client) -> int:
    """The same to touch, drawn as table.urdf on plane.urdf of pybullet_data, which touch nothing."""
    body = _solid(client, _unseen(client))
    turn = client.getQuaternionFromEuler([0.0, 0.0, np.pi / 2])
    for file, x in (("table/table.urdf", TABLE_CENTER_M[0]), ("plane.urdf", 0.0)):
        drawn = client.loadURDF(str(data_folder() / file), [x, 0.0, -_STOCK_HEIGHT_M], turn, useFixedBase=1)
        client.setCollisionFilterGroupMask(drawn, -1, 0, 0)
    return body


TABLES = {"light": table, "stock": stock_table}
"""Looks -> scenery."""


def _solid(client: Client, visual: int) -> int:
    """Body id of what the table is to touch, drawn as a visual shape; the floor with it."""
    shape = client.createCollisionShape(client.GEOM_BOX, halfExtents=[v / 2 for v in TABLE_SIZE_M])
    body = client.createMultiBody(0.0, shape, visual, list(TABLE_CENTER_M))
    client.changeDynamics(body, -1, lateralFriction=shapes.FRICTION)
    floor = client.createCollisionShape(client.GEOM_BOX, halfExtents=[20.0, 20.0, 0.1])
    client.createMultiBody(0.0, floor, _unseen(client), [0.0, 0.0, -FLOOR_BELOW_M - 0.1])
    return body


def _unseen(client: Client) -> int:
    """A visual shape too small to see: without any, the collision shape is drawn."""
    return client.createVisualShape(client.GEOM_SPHERE, radius=1e-4)
