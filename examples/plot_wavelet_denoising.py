"""
Which threshold when: denoising signals by wavelets
===================================================

A wavelet transform packs a signal into few large details and spreads white noise evenly over all
of them. Set the small details to zero, shrink the others, transform back: most of the noise is
gone. What is small, the rule decides; what becomes of the rest, the shape.
"""

import matplotlib.pyplot as plt
import numpy as np

from sparsekit.thresholding import WaveletShrinkage, denoise

# %%
# Two of the signals that Donoho and Johnstone made for this purpose, with noise of standard
# deviation 1, a seventh of the signal's.

t = np.arange(1, 1025) / 1024
jumps = np.array([0.1, 0.13, 0.15, 0.23, 0.25, 0.4, 0.44, 0.65, 0.76, 0.78, 0.81])
heights = np.array([4.0, -5.0, 3.0, -4.0, 5.0, -4.2, 2.1, 4.3, -3.1, 2.1, -4.2])
clean = {
    "blocks": (t[:, None] >= jumps) @ heights,
    "doppler": np.sqrt(t * (1.0 - t)) * np.sin(2.1 * np.pi / (t + 0.05)),
}
clean = {name: 7.0 * signal / signal.std() for name, signal in clean.items()}
rng = np.random.default_rng(0)
noisy = {name: signal + rng.standard_normal((20, 1024)) for name, signal in clean.items()}

# %%
# The defaults are Stein's unbiased estimate of the risk (the rule "sure") and the soft shape. Steps
# want a short filter, waves a long one; a mean over shifts lessens the artefacts at edges.

wavelets = {"blocks": "haar", "doppler": "sym8"}
figure, axes = plt.subplots(2, 2, figsize=(9, 5), sharex=True, sharey="row", layout="constrained")
for (name, signal), row in zip(clean.items(), axes):
    denoised = denoise(noisy[name][0], wavelets[name], n_shifts=16)
    row[0].plot(t, noisy[name][0], color="0.6", linewidth=0.8)
    row[1].plot(t, signal, color="0.6", linewidth=2.5, label="true")
    row[1].plot(t, denoised, color="tab:red", linewidth=0.9, label="denoised")
    row[0].set_title(f"{name}, noisy")
    row[1].set_title(f"{name}, {wavelets[name]} with 16 shifts")
axes[0, 1].legend()
plt.show()

# %%
# Every rule with every shape. Soft shrinkage moves the large details too, so it wants the small
# thresholds of "sure" and "bayes"; hard thresholding does not, and wants the large ones of
# "universal" and "fdr", which noise does not pass. Firm and garrote stand between.

rules = ["universal", "fdr", "ebayes", "minimax", "hybrid", "bayes", "sure"]
markers = {"soft": "o", "hard": "s", "firm": "^", "garrote": "D"}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), sharex=True, sharey=True, layout="constrained")
for ax, (name, signal) in zip(axes, clean.items()):
    for shape, marker in markers.items():
        models = [WaveletShrinkage(wavelets[name], rule=rule, shape=shape) for rule in rules]
        errors = [np.mean((model.fit_transform(noisy[name]) - signal) ** 2) for model in models]
        ax.plot(errors, rules, marker, label=shape, alpha=0.8)
        best = int(np.argmin(errors))
        print(f"{name:>8}, {shape:>7}: best with {rules[best]:>9}, error {errors[best]:.2f}")
    ax.set(title=name, xlabel="mean squared error (noise: 1)", xscale="log")
axes[0].set_xticks([0.1, 0.2, 0.5, 1.0, 2.0, 5.0], ["0.1", "0.2", "0.5", "1", "2", "5"])
axes[0].minorticks_off()
axes[1].legend()
plt.show()
