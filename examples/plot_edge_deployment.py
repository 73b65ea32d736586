"""
To the edge: packed files and ONNX Runtime
==========================================

A small computer that recognises digits needs no pickle with dense weights. A packed file holds what
is left of a pruned network, in float32 or int8, for this package to run; other runtimes take ONNX.
"""

import pickle
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from sparsekit.pruning import CompiledMLP, MLPPruner

# %%
# Nine tenths of the weights go: singly, stored in float32 or int8, or with whole neurons.

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
network = MLPClassifier((256, 128), max_iter=40, tol=1e-2, random_state=0).fit(X_train, y_train)
floats, integers, neurons = (
    MLPPruner(FrozenEstimator(network), random_state=0, **options).fit(X_train, y_train).compiled_
    for options in ({}, {"quantize": "int8"}, {"granularity": "neuron"})
)

# %%
# Packed files, written and read again. The pickle holds Adam's moments as well as the weights.

found = {"scikit-learn's pickle": (len(pickle.dumps(network)), network.predict_proba(X_test))}
packed = {"packed": floats, "packed, int8": integers, "packed, neurons removed": neurons}
with TemporaryDirectory() as folder:
    path = Path(folder) / "digits.npz"
    for name, compiled in packed.items():
        compiled.save(path)
        found[name] = path.stat().st_size, CompiledMLP.load(path)(X_test)

# %%
# ONNX Runtime makes sparse weights dense as it loads them: the file is smaller, and that is all.
# Neurons that are gone make it faster, too. Without onnx this part is left out.

if find_spec("onnx") and find_spec("onnxruntime"):
    from onnxruntime import InferenceSession

    thin = floats.to_onnx(form="sparse")
    models = {"dense": floats.to_onnx(), "sparse": thin, "neurons removed": neurons.to_onnx()}
    for name, model in models.items():
        stored = model.SerializeToString()
        session = InferenceSession(stored, providers=["CPUExecutionProvider"])
        found[f"ONNX, {name}"] = len(stored), session.run(None, {"X": X_test})[0]

# %%
# Bytes, and test digits that are right.

figure, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
for name, (size, outputs) in found.items():
    right = (outputs.argmax(axis=1) == y_test).mean()
    bar = ax.barh(name, size / 1000, color="C0")
    ax.bar_label(bar, [f"{size / 1000:.0f} kB, {right:.1%} right"], padding=3)
ax.set(xmargin=0.45, xlabel="size of what is deployed (kB)")
ax.invert_yaxis()
plt.show()
