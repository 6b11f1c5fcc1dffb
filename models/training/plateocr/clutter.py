"""What surrounds a registration on and at a plate: borders, bolts, stickers, frames, dealers' names, embossing."""

import cv2
import numpy as np

from plateocr.canvas import Textures, paste, paste_words, resize
from plateocr.dice import Dice


def border(picture: np.ndarray, ink: float, dice: Dice) -> None:
    """A line along the plate's edge."""
    height, width = picture.shape
    shade = ink if dice.chance(0.75) else dice.uniform(0, 255)
    cv2.rectangle(picture, (1, 1), (width - 2, height - 2), shade, dice.whole(1, 3))


def bolts(picture: np.ndarray, count: int, dice: Dice) -> None:
    """Screw heads near the corners and the upper and lower edge."""
    height, width = picture.shape
    for _ in range(count):
        x = int(width * dice.one_of((0.03, 0.3), (0.7, 0.97)))
        y = int(height * dice.one_of((0.04, 0.16), (0.84, 0.96)))
        radius = max(1, int(height * dice.uniform(0.015, 0.045)))
        cv2.circle(picture, (x, y), radius, dice.one_of((0, 80), (120, 255)), -1)
        if dice.chance(0.4):
            cv2.circle(picture, (x, y), radius, dice.uniform(0, 255), 1)


def stickers(picture: np.ndarray, count: tuple[int, int], words: list[np.ndarray], dice: Dice) -> None:
    """Month and year stickers in the corners."""
    height, width = picture.shape
    for _ in range(dice.whole(*count)):
        x, y = int(dice.one_of((0.03, 0.1), (0.8, 0.88)) * width), int(dice.choice([0.04, 0.05, 0.8]) * height)
        wide, high = int(width * dice.uniform(0.07, 0.14)), int(height * dice.uniform(0.1, 0.18))
        shade = dice.uniform(60, 255)
        cv2.rectangle(picture, (x, y), (x + wide, y + high), shade, -1)
        if dice.chance(0.5):
            text = resize(dice.choice(words), wide * 0.8, high * 0.6)
            paste(picture, text, x + wide * 0.1, y + high * 0.2, 255 - shade if abs(shade - 128) > 40 else 0.0)


def side_picture(
    picture: np.ndarray, chance: float, inset: tuple[int, int], textures: Textures, dice: Dice
) -> tuple[int, int]:
    """A picture at the left, or a small one; the px it takes are added to `inset`."""
    if not dice.chance(chance):
        return inset
    height, width = picture.shape
    left, right = inset
    size = int(width * dice.uniform(0.05, 0.2))
    y0, y1 = int(height * 0.2), int(height * 0.8)
    picture[y0:y1, left : left + size] += textures.field(y1 - y0, size, dice) * 150
    return left + size, right


def dealer_frame(picture: np.ndarray, words: list[np.ndarray], dice: Dice) -> None:
    """A frame that covers the plate's own edge, with a name above or below."""
    height, width = picture.shape
    shade = dice.one_of((0, 50), (0, 50), (60, 180), (160, 255))
    top = int(height * (dice.uniform(0, 0.12) if dice.chance(0.4) else dice.uniform(0, 0.06)))
    bottom = int(height * (dice.uniform(0.05, 0.15) if dice.chance(0.5) else dice.uniform(0, 0.06)))
    left, right = int(height * dice.uniform(0, 0.05)), int(height * dice.uniform(0, 0.05))
    picture[:top] = shade
    picture[height - bottom :] = shade
    picture[:, :left] = shade
    picture[:, width - right :] = shade
    light = 255 - shade if dice.chance(0.7) else dice.uniform(0, 255)
    if bottom > height * 0.06 and dice.chance(0.7):
        box = (width * 0.1, height - bottom * 0.9, width * 0.9, height - bottom * 0.15)
        paste_words(picture, dice.choice(words), box, light, dice)
    if top > height * 0.06 and dice.chance(0.6):
        paste_words(picture, dice.choice(words), (width * 0.1, top * 0.1, width * 0.9, top * 0.85), light, dice)


def surround(picture: np.ndarray, words: list[np.ndarray], dice: Dice) -> tuple[np.ndarray, tuple[int, int]]:
    """A holder around the plate. Returns the larger picture, and by how many px the plate moved right and down."""
    height, width = picture.shape
    shade = dice.one_of((0, 60), (60, 180), (170, 255))
    bottom, top = int(height * dice.uniform(0.03, 0.18)), int(height * dice.uniform(0.01, 0.12))
    left, right = int(height * dice.uniform(0.01, 0.1)), int(height * dice.uniform(0.01, 0.1))
    larger = np.full((height + top + bottom, width + left + right), shade, np.float32)
    larger[top : top + height, left : left + width] = picture
    if bottom > height * 0.07 and dice.chance(0.6):
        box = (width * 0.1, top + height + bottom * 0.12, width * 0.9, top + height + bottom * 0.88)
        paste_words(larger, dice.choice(words), box, 255 - shade, dice)
    if top > height * 0.07 and dice.chance(0.3):
        paste_words(larger, dice.choice(words), (width * 0.1, top * 0.1, width * 0.9, top * 0.9), 255 - shade, dice)
    return larger, (left, top)


def emboss(picture: np.ndarray, dice: Dice) -> np.ndarray:
    """Light and shade at the edges of pressed letters."""
    shift = dice.choice([(1, 1), (-1, 1), (1, 0), (0, 1), (-1, -1)])
    return picture + (picture - np.roll(picture, shift, (0, 1))) * dice.uniform(0.15, 0.5)
