"""A detector of licence plates, trained on drawn scenes only: README.md beside this folder tells how."""
