"""Alternating least squares in plain NumPy: dense, row by row, for the tests to compare with."""

import numpy as np


class Features:
    """Side information of one side, and the map that explains it."""

    def __init__(self, values, strength, alpha, exponent, weights):
        self.values, self.strength, self.weights = values, strength, weights
        self.ridge = alpha * weights.sum() ** exponent
        self.mean = weights @ values / weights.sum()
        self.loadings = None

    def learn(self, codes):
        gram = self.strength * (codes.T * self.weights) @ codes
        gram += self.ridge * np.eye(codes.shape[1])
        pulls = self.strength * (codes.T * self.weights) @ (self.values - self.mean)
        self.loadings = np.linalg.solve(gram, pulls).T

    def cost(self, codes):
        if self.loadings is None:
            return 0.0
        errors = self.values - self.mean - codes @ self.loadings.T
        squares = self.weights @ (errors**2).sum(axis=1)
        return 0.5 * self.strength * squares + 0.5 * self.ridge * (self.loadings**2).sum()


class BruteForce:
    """Half the weighted squared error of all cells of a matrix, and a ridge, minimised in turns.

    `weights` are those of the cells; they hold the sample weights already.
    """

    def __init__(self, target, weights, codes, *, alpha, exponent=1.0, **options):
        self.target, self.weights = target, weights
        self.columns = codes.copy()
        self.biased = options.get("biased", False)
        self.samples = options.get("sample_weight", np.ones(len(target)))
        self.k = codes.shape[1] - self.biased
        self.mean = (weights * target).sum() / weights.sum() if self.biased else 0.0
        observed = weights.sum(axis=1) / self.samples, weights.sum(axis=0)
        self.row_strengths, self.column_strengths = (
            alpha * np.where(count > 0, count, 1.0) ** exponent for count in observed
        )
        self.rows = np.zeros((len(target), codes.shape[1]))
        side = options.get("side_weight", 1.0), alpha, exponent
        self.row_features, self.column_features = (
            None if values is None else Features(values, *side, counts)
            for values, counts in (
                (options.get("row_features"), self.samples),
                (options.get("column_features"), np.ones(target.shape[1])),
            )
        )

    def vectors(self, codes):
        """Return what the other side's codes are multiplied by, and what is added to that."""
        if not self.biased:
            return codes, np.zeros(len(codes))
        return np.column_stack((codes[:, :-1], np.ones(len(codes)))), codes[:, -1]

    def solve(self, target, weights, others, strengths, features):
        """Return the codes of one side."""
        vectors, offset = self.vectors(others)
        codes = np.zeros((len(target), vectors.shape[1]))
        for i in range(len(target)):
            gram = (vectors.T * weights[i]) @ vectors + strengths[i] * np.eye(vectors.shape[1])
            pulls = (vectors.T * weights[i]) @ (target[i] - self.mean - offset)
            if features is not None and features.loadings is not None:
                C = features.loadings
                gram[: self.k, : self.k] += features.strength * C.T @ C
                centred = features.values[i] - features.mean
                pulls[: self.k] += features.strength * C.T @ centred
            codes[i] = np.linalg.solve(gram, pulls)
        return codes

    def solve_rows(self):
        """Solve the rows, whose weights count for the columns only."""
        weights = self.weights / self.samples[:, None]
        self.rows = self.solve(
            self.target, weights, self.columns, self.row_strengths, self.row_features
        )

    def sweep(self):
        """Solve rows, then columns; learn what explains the features; return the objective."""
        self.solve_rows()
        if self.row_features is not None:
            self.row_features.learn(self.rows[:, : self.k])
        features = self.column_features
        known = features is not None and features.loadings is not None
        self.columns = self.solve(
            self.target.T, self.weights.T, self.rows, self.column_strengths, features
        )
        objective = self.objective() if known else None
        if features is not None:
            features.learn(self.columns[:, : self.k])
        return self.objective() if objective is None else objective

    def predictions(self):
        """Return the predictions of all cells."""
        vectors, offset = self.vectors(self.columns)
        return self.mean + self.rows @ vectors.T + offset

    def objective(self):
        """Return what is minimised, from its definition."""
        value = 0.5 * (self.weights * (self.target - self.predictions()) ** 2).sum()
        value += 0.5 * (self.samples * self.row_strengths) @ (self.rows**2).sum(axis=1)
        value += 0.5 * self.column_strengths @ (self.columns**2).sum(axis=1)
        for features, codes in (
            (self.row_features, self.rows),
            (self.column_features, self.columns),
        ):
            value += 0.0 if features is None else features.cost(codes[:, : self.k])
        return value


def codes_of_columns(model):
    """Return the codes of the columns of a fitted model: factors, and biases last."""
    factors = model.components_.T
    if not hasattr(model, "column_bias_"):
        return factors
    return np.column_stack((factors[:, :-1], model.column_bias_))
