"""Errors that both command lines tell in a line, from modules that need PyTorch."""


class NotOfThisNetworkError(ValueError):
    """An ONNX file that is not of this network: which, and what of it differs."""
