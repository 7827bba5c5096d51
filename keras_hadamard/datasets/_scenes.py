"""Scenes of Sort-of-CLEVR: six coloured shapes, their picture, and questions about them."""

import zlib
from dataclasses import dataclass

import numpy as np

SIZE, RADIUS = 75, 5
COLORS: dict[str, tuple[int, int, int]] = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "orange": (255, 156, 0),
    "gray": (128, 128, 128),
    "yellow": (255, 255, 0),
}
NAMES = tuple(COLORS)
ANSWERS = ("yes", "no", "rectangle", "circle", "1", "2", "3", "4", "5", "6")
# (relational, subtype) -> wording.
WORDINGS = {
    (False, 0): "what is the shape of the {} object",
    (False, 1): "is the {} object on the left side",
    (False, 2): "is the {} object on the upper side",
    (True, 0): "what is the shape of the object closest to the {} object",
    (True, 1): "what is the shape of the object furthest from the {} object",
    (True, 2): "how many objects have the shape of the {} object",
}
QUESTION_SIZE = 11


@dataclass(frozen=True)
class Scene:
    """Centres (6, 2) as x and y in pixels, and which of the six objects are rectangles."""

    centers: np.ndarray
    rectangles: np.ndarray


def draw_scene(rng: np.random.RandomState) -> Scene:
    """Six centres at least two radii apart, each a rectangle or a circle at random."""
    centers: list[np.ndarray] = []
    while len(centers) < len(COLORS):
        center = rng.randint(RADIUS, SIZE - RADIUS, 2)
        if all(((center - other) ** 2).sum() >= (2 * RADIUS) ** 2 for other in centers):
            centers.append(center)
    return Scene(np.array(centers), rng.randint(2, size=len(COLORS)).astype(bool))


def render(scene: Scene) -> np.ndarray:
    """The (75, 75, 3) uint8 picture: filled shapes on white, later colours over earlier ones."""
    image = np.full((SIZE, SIZE, 3), 255, "uint8")
    rows, columns = np.ogrid[:SIZE, :SIZE]
    for (x, y), rectangle, color in zip(
        scene.centers, scene.rectangles, COLORS.values(), strict=True
    ):
        across, down = np.abs(columns - x), np.abs(rows - y)
        if rectangle:
            inside = np.maximum(across, down) <= RADIUS
        else:
            # Half a pixel more, or single pixels would stick out of the four sides.
            inside = across**2 + down**2 < (RADIUS + 0.5) ** 2
        image[inside] = color
    return image


def answer(scene: Scene, color: int, relational: bool, subtype: int) -> str:
    """The answer to one question; for two equally distant objects, the earlier colour counts."""
    subject = color
    if relational and subtype == 2:
        return str(int((scene.rectangles == scene.rectangles[color]).sum()))
    if relational:
        distances = ((scene.centers - scene.centers[color]) ** 2).sum(-1)
        if subtype == 0:
            distances[color] = SIZE**2 * 2  # an object is not its own neighbour
            subject = int(distances.argmin())
        else:
            subject = int(distances.argmax())
    elif subtype > 0:
        return "yes" if scene.centers[color, subtype - 1] < SIZE / 2 else "no"
    return "rectangle" if scene.rectangles[subject] else "circle"


def encode(color: int, relational: bool, subtype: int) -> np.ndarray:
    """Six colour bits, then (non-relational, relational), then three subtype bits."""
    bits = np.zeros(QUESTION_SIZE, "float32")
    bits[[color, 6 + relational, 8 + subtype]] = 1.0
    return bits


def encode_png(image: np.ndarray) -> bytes:
    """The picture as a PNG file.

    Once per picture, where TFDS would encode it again for every question; and the bytes do not
    depend on which image library is installed.
    """
    height, width, _ = image.shape
    # Each line starts with its filter; "up" (2) turns flat shapes into zeros, so it packs best.
    lines = np.concatenate([image[:1], np.diff(image, axis=0)]).reshape(height, -1)
    data = np.concatenate([np.full((height, 1), 2, "uint8"), lines], axis=1).tobytes()
    header = np.array([width, height], ">u4").tobytes() + bytes([8, 2, 0, 0, 0])
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(data, 9)), (b"IEND", b""))
    parts = [b"\x89PNG\r\n\x1a\n"]
    for name, body in chunks:
        size, check = len(body), zlib.crc32(name + body)
        parts += [size.to_bytes(4, "big"), name, body, check.to_bytes(4, "big")]
    return b"".join(parts)
