"""
Denoising an image with a dictionary of its own patches
=======================================================

Every 8 x 8 patch of a photograph is nearly a sum of few atoms, white noise is not. Coding each
patch with as few atoms as leave what the noise must have, and averaging the patches that overlap,
removes the noise. The atoms are learned from the noisy image itself.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

from sparsekit.decomposition import DictionaryLearning
from sparsekit.image import denoise_image, estimate_sigma, extract_patches
from sparsekit.inspection import DictionaryDisplay

# %%
# A grey crop of a photograph, with noise of standard deviation 25 on its scale of 0 to 255.

clean = load_sample_image("china.jpg")[60:316, 180:436].mean(axis=2)
noisy = clean + 25 * np.random.default_rng(0).standard_normal(clean.shape)
print(f"estimated noise: {estimate_sigma(noisy):.1f}")

# %%
# Overcomplete cosines are a good dictionary for most photographs. One that is learned from this
# image knows its textures.

denoised = {
    "cosines": denoise_image(noisy, sigma=25, dictionary="dct"),
    "learned": denoise_image(noisy, sigma=25, random_state=0),
}


def decibels(image):
    """Return the peak signal-to-noise ratio."""
    return 10 * np.log10(255**2 / np.mean((image - clean) ** 2))


figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
for ax, (name, image) in zip(axes, {"noisy": noisy, **denoised}.items()):
    ax.imshow(image[40:200, 60:220], cmap="gray", vmin=0, vmax=255)
    ax.set_title(f"{name}: {decibels(image):.1f} dB")
    ax.set_axis_off()
plt.show()

# %%
# The estimator behind it, on patches without their means and with codes that stop at the noise.

patches = extract_patches(noisy, 8, max_patches=20_000, random_state=0)
patches -= patches.mean(axis=1, keepdims=True)
noise_left = 64 * (1.15 * 25) ** 2
learner = DictionaryLearning(
    100,
    fit_algorithm="omp",
    fit_tol=noise_left,
    fit_n_nonzero_coefs=32,
    max_iter=10,
    transform_n_nonzero_coefs=32,
    transform_alpha=noise_left,
    random_state=0,
).fit(patches)
DictionaryDisplay.from_estimator(learner, patches, max_atoms=60, n_columns=10)
plt.show()
