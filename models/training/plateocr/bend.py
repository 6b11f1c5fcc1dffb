"""Letters unlike their font's: bent, slanted, some of another font. What is learnt then is letters, not fonts."""

from collections.abc import Sequence

import cv2
import numpy as np

from plateocr.alphabet import DIGITS
from plateocr.dice import Dice
from plateocr.glyph import Glyph

NODES = 5
NODE_PX = 16


class Bend:
    """How one plate's letters differ from their font's: the same for a character wherever it stands on the plate."""

    def __init__(self, dice: Dice, strength: float = 0.0, slant: float = 0.0) -> None:
        self._dice, self._strength, self._slant = dice, strength, slant
        self._done: dict[str, np.ndarray] = {}

    def letter(self, character: str, mask: np.ndarray) -> np.ndarray:
        """A character's mask, uint8 [height, width], bent; as high as before, and wider only if slanted."""
        if character not in self._done:
            self._done[character] = _slanted(bent(mask, self._strength, (NODES, NODES), self._dice), self._slant)
        return self._done[character]

    def word(self, mask: np.ndarray) -> np.ndarray:
        """A word's mask, uint8 [height, width], bent; of the same size."""
        nodes = NODES, max(NODES, mask.shape[1] // NODE_PX)
        return bent(mask, self._strength, nodes, self._dice)


def some_bend(dice: Dice) -> Bend:
    """Nothing, a little, or much."""
    strength = dice.uniform(0.01, 0.07) if dice.chance(0.65) else 0.0
    return Bend(dice, strength, dice.normal(0.07) if dice.chance(0.2) else 0.0)


def bent(mask: np.ndarray, strength: float, nodes: tuple[int, int], dice: Dice) -> np.ndarray:
    """Moves what is inside a mask smoothly; its edges stay. `strength` is in heights, `nodes` are rows and columns."""
    height, width = mask.shape
    if strength <= 0 or min(height, width) < NODES:
        return mask
    moves = dice.array.normal(0, strength * height, (2, *nodes)).astype(np.float32)
    moves[0, :, [0, -1]] = 0
    moves[1, [0, -1]] = 0
    # A narrow letter is not torn: its nodes are nearer to one another.
    moves[0] *= min(1.0, width / height)
    across, down = (cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC) for part in moves)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return cv2.remap(mask, x + across, y + down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _slanted(mask: np.ndarray, slant: float) -> np.ndarray:
    """Leans a mask to the right by `slant` times its height."""
    height, width = mask.shape
    lean = round(abs(slant) * height)
    if lean == 0:
        return mask
    move = np.array([[1, -slant, lean if slant > 0 else 0.0], [0, 1, 0]], np.float32)
    return cv2.warpAffine(mask, move, (width + lean, height), flags=cv2.INTER_LINEAR)


def mixed(fonts: Sequence[dict[str, Glyph]], dice: Dice) -> dict[str, Glyph]:
    """The glyphs of one font; at times figures of another one, or letters of several."""
    font = dice.choice(fonts)
    kind = dice.uniform(0, 1)
    if kind < 0.15:
        other = dice.choice(fonts)
        return {character: (other if character in DIGITS else font)[character] for character in font}
    if kind < 0.35:
        several = [font, *(dice.choice(fonts) for _ in range(3))]
        return {character: dice.choice(several)[character] for character in font}
    return font
