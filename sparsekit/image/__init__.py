"""Images as sets of overlapping patches: cutting, putting together, denoising."""

from sparsekit.image._denoise import denoise_image
from sparsekit.image._noise import estimate_sigma
from sparsekit.image._patches import extract_patches, iterate_patches, reconstruct_from_patches

__all__ = [
    "denoise_image",
    "estimate_sigma",
    "extract_patches",
    "iterate_patches",
    "reconstruct_from_patches",
]
