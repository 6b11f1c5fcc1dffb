"""What is behind and around vehicles: road and sky, houses, trees, fences, boards with words, halls with lamps."""

import cv2
import numpy as np

from platedet.face import fill, paste_quad, shaded
from platedet.signs import Pool
from plateocr.canvas import Textures
from plateocr.dice import Dice


def backdrop(side: int, horizon: float, pool: Pool, textures: Textures, dice: Dice) -> np.ndarray:
    """A scene without vehicles, uint8 [side, side]; the ground begins at `horizon` px from above."""
    picture = np.empty((side, side), np.uint8)
    whole = rectangle(-1, -1, side + 1, side + 1)
    shaded(picture, whole, dice.uniform(30, 255), dice.uniform(-40, 80), dice.uniform(0, 90), textures, dice)
    if dice.chance(0.15):
        _muddle(picture, dice)
    for _ in range(dice.whole(0, 6)):
        _thing(picture, horizon, pool, textures, dice)
    if horizon < side:
        ground = rectangle(-1, horizon, side + 1, side + 1)
        shaded(picture, ground, dice.uniform(20, 210), dice.uniform(-60, 60), dice.uniform(5, 80), textures, dice)
        _markings(picture, horizon, dice)
        if dice.chance(0.5):
            _grain(picture, int(max(0, horizon)), side, dice)
    if dice.chance(0.3):
        _fence(picture, horizon, dice)
    return picture


def rectangle(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """Corners in px."""
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)


def _thing(picture: np.ndarray, horizon: float, pool: Pool, textures: Textures, dice: Dice) -> None:
    side = picture.shape[0]
    x, foot = dice.uniform(-0.2, 1) * side, min(side, max(0.0, horizon)) + dice.uniform(-0.1, 0.1) * side
    wide, high = dice.uniform(0.1, 0.7) * side, dice.uniform(0.1, 0.6) * side
    match dice.whole(0, 5):
        case 0 | 1:
            shaded(picture, rectangle(x, foot - high, x + wide, foot), dice.uniform(20, 255), 30, 50, textures, dice)
            _windows(picture, x, foot - high, wide, high, dice)
        case 2:
            turns = np.sort(dice.array.uniform(0, 2 * np.pi, 14))
            reach = dice.array.uniform(0.3, 0.6, 14)
            crown = np.stack([x + np.cos(turns) * reach * wide, foot - high + np.sin(turns) * reach * high], 1)
            shaded(picture, crown.astype(np.float32), dice.uniform(10, 130), 40, 120, textures, dice)
        case 3:
            thick = dice.uniform(0.005, 0.04) * side
            fill(picture, rectangle(x, foot - high * 2, x + thick, foot), dice.uniform(0, 255))
        case 4:
            board, aspect = pool.notice()
            wide *= dice.uniform(0.2, 0.8)
            quad = rectangle(x, foot - high, x + wide, foot - high + wide / aspect)
            quad += dice.array.normal(0, 0.03 * wide, (4, 2)).astype(np.float32)
            paste_quad(picture, board, quad)
        case _:
            words = dice.choice(pool.assets.words)
            quad = rectangle(x, foot - high, x + wide, foot - high + wide * dice.uniform(0.08, 0.2))
            paste_quad(picture, np.full(words.shape, int(dice.uniform(0, 255)), np.uint8), quad, words)


def _windows(picture: np.ndarray, x: float, y: float, wide: float, high: float, dice: Dice) -> None:
    """Windows, bricks or tiles: a grid of rectangles."""
    step_x, step_y = wide / dice.whole(2, 12), high / dice.whole(2, 10)
    if min(step_x, step_y) < 3:
        return
    shade, share_x, share_y = dice.uniform(0, 255), dice.uniform(0.4, 0.9), dice.uniform(0.4, 0.9)
    for left in np.arange(x, x + wide - step_x / 2, step_x):
        for top in np.arange(y, y + high - step_y / 2, step_y):
            cell = rectangle(left + step_x * 0.1, top + step_y * 0.1, left + step_x * share_x, top + step_y * share_y)
            fill(picture, cell, shade)


def _markings(picture: np.ndarray, horizon: float, dice: Dice) -> None:
    """Lines on the road that run to a point on the horizon or across."""
    side = picture.shape[0]
    vanish = dice.uniform(-0.5, 1.5) * side
    for _ in range(dice.whole(0, 5)):
        foot, thick, shade = dice.uniform(-1, 2) * side, dice.uniform(0.005, 0.05) * side, dice.uniform(90, 255)
        low = side + 5.0
        line = [[vanish, horizon], [vanish + 1, horizon], [foot + thick, low], [foot, low]]
        if dice.chance(0.3):
            y = dice.uniform(horizon, side)
            line = [[-5, y], [side + 5, y + dice.normal(0.1) * side], [side + 5, y + 9], [-5, y + thick]]
        fill(picture, np.array(line, np.float32), shade)
    for _ in range(dice.whole(0, 3)):
        corners = dice.array.uniform([-0.3 * side, horizon], [1.3 * side, side + 1.0], (5, 2)).astype(np.float32)
        region = np.zeros_like(picture)
        fill(region, cv2.convexHull(corners)[:, 0], 1)
        np.copyto(picture, (picture * dice.uniform(0.4, 0.8)).astype(np.uint8), where=region > 0)


def _grain(picture: np.ndarray, top: int, side: int, dice: Dice) -> None:
    """Asphalt, gravel, grass: coarse noise."""
    if top >= side:
        return
    cells = dice.whole(side // 8, side // 2)
    noise = dice.array.standard_normal((cells, cells), np.float32) * dice.uniform(3, 25)
    coarse = cv2.resize(noise, (side, side - top), interpolation=cv2.INTER_LINEAR)
    picture[top:] = np.clip(picture[top:] + coarse, 0, 255).astype(np.uint8)


def _fence(picture: np.ndarray, horizon: float, dice: Dice) -> None:
    side = picture.shape[0]
    top, low = horizon - dice.uniform(0.1, 0.5) * side, horizon + dice.uniform(-0.1, 0.2) * side
    shade, thick = dice.uniform(0, 255), dice.uniform(0.003, 0.02) * side
    x0, x1 = sorted((dice.uniform(-0.3, 1) * side, dice.uniform(0, 1.3) * side))
    for x in np.arange(x0, x1, dice.uniform(0.02, 0.12) * side):
        fill(picture, rectangle(x, top, x + thick, low), shade)
    for y in (top, low - thick):
        fill(picture, rectangle(x0, y, x1, y + thick), shade)


def _muddle(picture: np.ndarray, dice: Dice) -> None:
    """Shapes without meaning."""
    side = picture.shape[0]
    for _ in range(dice.whole(3, 25)):
        count = dice.whole(3, 6)
        corners = dice.array.normal(0, dice.uniform(0.02, 0.2) * side, (count, 2)) + dice.array.uniform(0, side, 2)
        fill(picture, corners.astype(np.float32), dice.uniform(0, 255))
