"""The table that arms stand on."""

from __future__ import annotations

from envs.world import shapes
from envs.world.client import Client

TABLE_SIZE_M = (1.3, 1.5, 0.05)
TABLE_CENTER_M = (0.35, 0.0, -0.025)
FLOOR_BELOW_M = 0.75
"""From the table top down to the floor."""
TABLE_RGB = (0.62, 0.53, 0.44)


def table(client: Client) -> int:
    """Body id of the table, whose top is z = 0; an unseen floor below it ends the fall of what falls."""
    half = [v / 2 for v in TABLE_SIZE_M]
    shape = client.createCollisionShape(client.GEOM_BOX, halfExtents=half)
    visual = client.createVisualShape(client.GEOM_BOX, halfExtents=half, rgbaColor=[*TABLE_RGB, 1.0],
                                      specularColor=[0.0] * 3)
    body = client.createMultiBody(0.0, shape, visual, list(TABLE_CENTER_M))
    client.changeDynamics(body, -1, lateralFriction=shapes.FRICTION)
    floor = client.createCollisionShape(client.GEOM_BOX, halfExtents=[20.0, 20.0, 0.1])
    speck = client.createVisualShape(client.GEOM_SPHERE, radius=1e-4)  # else the collision shape is drawn
    client.createMultiBody(0.0, floor, speck, [0.0, 0.0, -FLOOR_BELOW_M - 0.1])
    return body
