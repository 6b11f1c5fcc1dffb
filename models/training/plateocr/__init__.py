"""A reader of licence plates, trained on drawn plates only: renderer, network, training, export, evaluation."""
