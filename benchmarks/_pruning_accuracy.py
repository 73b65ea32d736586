"""Accuracy of pruned networks on test data, and the bytes of their files."""

import io
import pickle
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from sklearn.frozen import FrozenEstimator

from benchmarks._pruning_data import N_CALIBRATION, Split, load_trained
from benchmarks._pruning_rows import Row
from benchmarks._rounds import Effort, Task, in_processes
from benchmarks._tables import OURS

TRAINED = 16
CUBIC = {"schedule": "cubic", "criterion": "adam"}


def measure_accuracy(task: Task, row: Row, sides: list[str], effort: Effort) -> tuple[dict, str]:
    """Return the accuracy of every side by seed, the dense network's with them, and seconds."""
    row = row.tiny() if effort.tiny else row
    networks = [load_trained(row, seed, effort.tiny) for seed in range(row.n_seeds)]
    split = networks[0][0]
    seconds = dict.fromkeys(sides, 0.0)

    def measure(name, tiny):
        scores = []
        for seed, (_, fitted) in enumerate(networks):
            if scores and seconds[name] > effort.budget:
                break
            begun = time.process_time()
            predict = SIDES[name](row, split, fitted, seed, 2 if tiny else TRAINED)
            seconds[name] += time.process_time() - begun
            scores.append(100 * float(np.mean(predict(split.X_test) == split.y_test)))
        spent = {} if name == "dense" else {"seconds": seconds[name] / len(scores)}
        return {"scores": scores, "score": float(np.mean(scores))} | spent

    seconds["dense"] = 0.0
    each = in_processes(measure)
    found, _ = each.measure(each, row, ["dense", *sides], effort)
    # Sides of fewer seeds are compared with the dense networks that they began from.
    dense = found["dense"]["scores"]
    for side in found.values():
        if "scores" in side:
            side["points"] = float(np.mean(dense[: len(side["scores"])])) - side["score"]
    return found, f"{split.source}, {'-'.join(map(str, row.sizes))}"


def _dense(row, split, fitted, seed, epochs):
    return fitted.predict


def _pruned(row: Row, split: Split, fitted, seed: int, epochs: int, trains: bool, **options):
    from sparsekit.pruning import MLPPruner

    pruner = MLPPruner(FrozenEstimator(fitted), sparsity=row.sparsity, random_state=seed)
    pruner.set_params(fine_tune_epochs=epochs if trains else 0, **options)
    return pruner.fit(split.X, split.y).predict


def _torch(row: Row, split: Split, fitted, seed: int, epochs: int, trains: bool):
    """Prune by torch's global magnitude, and train as usual with its masks in the way."""
    import torch
    from torch.nn.utils import prune

    torch.manual_seed(seed)
    layers, chain = [], []
    for W, b in zip(fitted.coefs_, fitted.intercepts_, strict=True):
        layers.append(torch.nn.Linear(*W.shape))
        with torch.no_grad():
            layers[-1].weight.copy_(torch.from_numpy(np.float32(W.T)))
            layers[-1].bias.copy_(torch.from_numpy(np.float32(b)))
        chain += [layers[-1], torch.nn.ReLU()]
    network = torch.nn.Sequential(*chain[:-1])
    places = [(layer, "weight") for layer in layers]
    prune.global_unstructured(places, prune.L1Unstructured, amount=row.sparsity)
    if trains:
        _train_by_torch(network, split, fitted, epochs)
    classes, binary = fitted.classes_, fitted.n_outputs_ == 1

    def predict(X):
        with torch.inference_mode():
            out = network(torch.from_numpy(X)).numpy()
        return classes[(out[:, 0] > 0).astype(int) if binary else out.argmax(axis=1)]

    return predict


def _train_by_torch(network, split, fitted, epochs):
    """Train by Adam with a cosine."""
    import torch

    X = torch.from_numpy(split.X)
    y = torch.from_numpy(np.searchsorted(fitted.classes_, split.y))
    binary = fitted.n_outputs_ == 1
    loss = torch.nn.BCEWithLogitsLoss() if binary else torch.nn.CrossEntropyLoss()
    y = y[:, None].float() if binary else y
    adam = torch.optim.Adam(network.parameters(), lr=1e-3)
    steps = epochs * -(-len(X) // 200)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(200):
            adam.zero_grad()
            loss(network(X[rows]), y[rows]).backward()
            adam.step()
            rates.step()


SIDES: dict[str, Callable] = {
    "dense": _dense,
    OURS: partial(_pruned, trains=False),
    "sparsekit-16": partial(_pruned, trains=True),
    "sparsekit-cubic-16": partial(_pruned, trains=True, **CUBIC),
    "torch": partial(_torch, trains=False),
    "torch-16": partial(_torch, trains=True),
}


def measure_files(task: Task, row: Row, sides: list[str], effort: Effort) -> tuple[dict, str]:
    """Return the bytes of a network: pickled before pruning, and packed after it."""
    from sparsekit.pruning import MLPPruner, compile_mlp

    row = row.tiny() if effort.tiny else row
    split, fitted = load_trained(row, 0, effort.tiny)
    pruner = MLPPruner(FrozenEstimator(fitted), sparsity=row.sparsity).fit(split.X, split.y)

    def score(predict):
        return 100 * float(np.mean(predict(split.X_test) == split.y_test))

    def measure(name, tiny):
        if name == "sklearn":
            return {"bytes": len(pickle.dumps(fitted)), "quality": score(fitted.predict)}
        quantize = name.removeprefix(OURS).strip("-") or None
        compiled = compile_mlp(
            pruner.estimator_, quantize=quantize, calibration_data=split.X[:N_CALIBRATION]
        )
        file = io.BytesIO()
        compiled.save(file)
        size = len(file.getvalue())
        predict = lambda X: fitted.classes_[compiled(X).argmax(axis=1)]  # noqa: E731
        return {"bytes": size, "quality": score(predict)}

    each = in_processes(measure)
    found, _ = each.measure(each, row, sides, effort)
    return found, f"{split.source}, {'-'.join(map(str, row.sizes))}"
